//! Who may connect to a hub and who may call its methods.
//!
//! Rules of several levels combine with AND: the server's, the hub's, the method's. They are asked for every
//! request and every call, reconnects included (spec 7.11), so they must be quick: they look at what an authentication layer has put
//! into the request and do not ask a database.

use std::fmt;

use crate::{http::request::Request, hub::invocation::Invocation, user::User};

/// What a caller must be: what `#[authorize(…)]` says.
///
/// Without anything further it asks for an authenticated user. Users and roles narrow that; both given, both must hold. A rule with a
/// function of its own and nothing else asks only the function, so it can let anonymous requests in.
///
/// # Examples
/// ```
/// use heliostat::{Requirement, Request};
///
/// fn from_the_office(request: &Request) -> bool {
///     request.header("x-office").is_some()
/// }
///
/// let any_user = Requirement::authenticated();
/// let operators = Requirement::authenticated().roles("Admin, Ops");
/// let office = Requirement::with(from_the_office);
/// ```
#[derive(Clone)]
pub struct Requirement {
    user: UserRule,
    custom: Vec<fn(&Request) -> bool>,
}

#[derive(Clone, Debug)]
enum UserRule {
    Anybody,
    Authenticated { users: Vec<String>, roles: Vec<String> },
}

impl Requirement {
    /// An authenticated user, whoever it is.
    #[must_use]
    pub const fn authenticated() -> Self {
        Self { user: UserRule::Authenticated { users: Vec::new(), roles: Vec::new() }, custom: Vec::new() }
    }

    /// Whoever the function lets in, authenticated or not.
    #[must_use]
    pub fn with(rule: fn(&Request) -> bool) -> Self {
        Self { user: UserRule::Anybody, custom: vec![rule] }
    }

    /// One of these users: names separated by commas, compared without case.
    #[must_use]
    pub fn users(self, names: &str) -> Self {
        let (mut users, roles) = self.user.into_lists();
        users.extend(list(names));
        Self { user: UserRule::Authenticated { users, roles }, custom: self.custom }
    }

    /// A user with at least one of these roles: names separated by commas, compared without case.
    #[must_use]
    pub fn roles(self, names: &str) -> Self {
        let (users, mut roles) = self.user.into_lists();
        roles.extend(list(names));
        Self { user: UserRule::Authenticated { users, roles }, custom: self.custom }
    }

    /// Also asks this function.
    #[must_use]
    pub fn and(mut self, rule: fn(&Request) -> bool) -> Self {
        self.custom.push(rule);
        self
    }

    /// Whether the rule lets this request pass.
    #[must_use]
    pub fn allows(&self, request: &Request) -> bool {
        self.user.allows(request.user()) && self.custom.iter().all(|rule| rule(request))
    }
}

impl UserRule {
    fn into_lists(self) -> (Vec<String>, Vec<String>) {
        match self {
            Self::Anybody => (Vec::new(), Vec::new()),
            Self::Authenticated { users, roles } => (users, roles),
        }
    }

    fn allows(&self, user: Option<&User>) -> bool {
        match (self, user) {
            (Self::Anybody, _) => true,
            (Self::Authenticated { .. }, None) => false,
            (Self::Authenticated { users, roles }, Some(user)) => {
                let name = user.name().to_lowercase();
                (users.is_empty() || users.contains(&name))
                    && (roles.is_empty() || roles.iter().any(|role| user.is_in_role(role)))
            }
        }
    }
}

/// A list as attributes write it: comma separated, trimmed, empty parts ignored.
fn list(names: &str) -> impl Iterator<Item = String> + '_ {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_lowercase)
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement").field("user", &self.user).field("custom", &self.custom.len()).finish()
    }
}

/// Rules for all hubs of a server.
///
/// # Contract
/// Asked before a hub's own rules: for every request that lists the hub, and for every call. Several must all agree. Runs on
/// the task that handles the request and must not block.
///
/// # Examples
/// ```
/// use heliostat::{Authorize, Invocation, Request};
///
/// /// Nobody calls anything while the shop is closed; everybody may listen.
/// #[derive(Debug)]
/// struct OpeningHours;
///
/// impl Authorize for OpeningHours {
///     fn may_connect(&self, _request: &Request, _hub: &str) -> bool {
///         true
///     }
///
///     fn may_call(&self, call: &Invocation) -> bool {
///         call.request().header("x-shop") == Some("open")
///     }
/// }
/// ```
pub trait Authorize: fmt::Debug + Send + Sync + 'static {
    /// Whether the hub's messages may go to this client. A refused hub is dropped from the client's list.
    fn may_connect(&self, request: &Request, hub: &str) -> bool;

    /// Whether this call may run.
    fn may_call(&self, call: &Invocation) -> bool;
}

/// A requirement holds for every hub and every call, if it is given to the server.
impl Authorize for Requirement {
    fn may_connect(&self, request: &Request, _hub: &str) -> bool {
        self.allows(request)
    }

    fn may_call(&self, call: &Invocation) -> bool {
        self.allows(call.request())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &Requirement, user: Option<User>) -> bool {
        rule.user.allows(user.as_ref())
    }

    #[test]
    fn a_plain_rule_asks_for_any_user() {
        let rule = Requirement::authenticated();
        assert!(!allows(&rule, None));
        assert!(allows(&rule, Some(User::new(""))));
    }

    #[test]
    fn users_are_a_list_compared_without_case() {
        let rule = Requirement::authenticated().users(" ann ,, Bob");
        assert!(allows(&rule, Some(User::new("ANN"))));
        assert!(allows(&rule, Some(User::new("bob"))));
        assert!(!allows(&rule, Some(User::new("eve"))));
        assert!(!allows(&rule, None));
    }

    #[test]
    fn one_role_is_enough_but_users_and_roles_must_both_hold() {
        let rule = Requirement::authenticated().roles("Admin, Ops");
        assert!(allows(&rule, Some(User::new("ann").with_role("ops"))));
        assert!(!allows(&rule, Some(User::new("ann"))));
        let both = rule.users("ann");
        assert!(allows(&both, Some(User::new("ann").with_role("ops"))));
        assert!(!allows(&both, Some(User::new("bob").with_role("ops"))));
        assert!(!allows(&both, Some(User::new("ann"))));
    }

    #[test]
    fn a_function_alone_does_not_ask_for_a_user() {
        assert!(allows(&Requirement::with(|_| true), None));
        assert!(!allows(&Requirement::authenticated().and(|_| true), None));
    }
}
