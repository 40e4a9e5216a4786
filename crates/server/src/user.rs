//! Who makes a request, as the application's own authentication layer established it.
//!
//! Heliostat authenticates nobody. A layer in front puts a [`User`] into the request's extensions; its presence means
//! *authenticated*. A connection belongs to one user for its whole life (spec 4.1, 12.7).

use std::collections::BTreeSet;

use heliostat_proto::name::UserId;

/// An authenticated user.
///
/// # Examples
/// ```
/// use heliostat::User;
///
/// let user = User::new("ann").with_role("Admin");
/// assert!(user.is_in_role("admin"));
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(user);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: String,
    roles: BTreeSet<String>,
}

impl User {
    /// A user with a name and no roles.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), roles: BTreeSet::new() }
    }

    /// Adds a role. Roles compare without case.
    #[must_use]
    pub fn with_role(mut self, role: impl AsRef<str>) -> Self {
        self.roles.insert(role.as_ref().to_lowercase());
        self
    }

    /// The name: what tokens are bound to, and the default user id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the user has this role, whatever its case.
    #[must_use]
    pub fn is_in_role(&self, role: &str) -> bool {
        self.roles.contains(&role.to_lowercase())
    }
}

/// The default user id of a request: the user's name; none for anonymous requests (spec 7.6).
pub(crate) fn default_user_id(user: Option<&User>) -> Option<UserId> {
    user.and_then(|user| UserId::parse(user.name()).ok())
}
