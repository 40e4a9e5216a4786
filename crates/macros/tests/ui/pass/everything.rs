//! Everything that a hub may have, in one file, with warnings as errors.

#![deny(warnings)]

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use heliostat::{
    Caller, Cancellation, Clients, ConnectionId, Failure, GroupName, Groups, HubError, Invocation, Progress, ProgressError,
    Reason, Request, SendError, State, User, hub, hub_client,
};

/// A hub with everything.
#[derive(Default)]
pub struct EveryHub {
    words: Mutex<Vec<String>>,
}

fn at_home(request: &Request) -> bool {
    request.header("x-home").is_some()
}

#[hub(name = "every", authorize(roles = "Admin, Ops", with = at_home), authorize, require_outgoing = false)]
/// Attributes and docs of the block stay.
impl EveryHub {
    /// Other items stay.
    pub const LIMIT: usize = 3;

    #[connected]
    async fn on_connected(&self, caller: Caller) -> Result<(), Failure> {
        Ok(caller.invoke("welcome", ())?)
    }

    #[reconnected]
    fn on_reconnected(&self, _: ConnectionId, _user: Option<User>) {}

    #[disconnected]
    async fn on_disconnected(&self, _id: ConnectionId, _reason: Reason) {}

    #[rejoining_groups]
    fn groups_of(&self, _request: &Request, groups: Vec<GroupName>) -> Vec<GroupName> {
        groups
    }

    /// Docs stay.
    #[inline]
    #[must_use]
    pub fn plain(&self, mut word: String) -> usize {
        word.push('!');
        self.words.lock().unwrap().push(word);
        Self::LIMIT
    }

    #[method(name = "Overload")]
    async fn overload_none(&self) {}

    #[method(name = "Overload")]
    #[authorize]
    #[authorize(users = "ann, bob")]
    async fn overload_one(&self, _caller: Caller, one: i32) -> i32 {
        one
    }

    async fn fails(&self) -> Result<u32, HubError> {
        Err(HubError::new("no"))
    }

    fn future(&self, word: String) -> impl Future<Output = std::io::Result<String>> + Send + use<> {
        async move { Ok(word) }
    }

    async fn everything(
        &self,
        clients: Clients,
        groups: Groups,
        state: State,
        request: Arc<Request>,
        progress: Progress<u32>,
        cancellation: Cancellation,
        invocation: Invocation,
        (left, right): (u8, u8),
        r#type: Option<String>,
    ) -> Result<(u8, u8), ProgressError> {
        progress.report(1)?;
        drop((clients, groups, state, request, cancellation, invocation, r#type));
        Ok((right, left))
    }

    #[cfg(any())]
    fn not_here(&self, _missing: Missing) {}
}

impl EveryHub {
    /// Helpers live elsewhere.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Type parameters of the hub are the application's business.
pub struct Store<T>(pub T);

#[hub]
impl<T> Store<T>
where
    T: Clone + serde::Serialize + Send + Sync + 'static,
{
    fn get(&self) -> T {
        self.0.clone()
    }
}

/// Lives in clients.
#[hub_client]
pub trait ChatClient {
    /// Docs stay.
    fn add_message(&self, name: &str, text: &str) -> Result<(), SendError>;

    #[method(name = "Clear")]
    fn clear(&self) -> Result<(), SendError>;

    /// Has a body.
    fn restart(&self) -> Result<(), SendError> {
        self.clear()?;
        self.add_message("server", "new game")
    }
}

/// The block may come out of a macro.
macro_rules! counter_hub {
    ($hub:ident, $number:ty) => {
        pub struct $hub;

        #[hub]
        impl $hub {
            async fn next(&self, number: $number, caller: Caller) -> Result<$number, SendError> {
                caller.invoke("next", (number,))?;
                Ok(number + 1)
            }
        }
    };
}

counter_hub!(SmallHub, u8);
counter_hub!(LargeHub, u64);

fn is_hub<H: heliostat::Hub>() {}

fn main() {
    is_hub::<EveryHub>();
    is_hub::<Store<u32>>();
    is_hub::<SmallHub>();
    is_hub::<LargeHub>();
    let _ = EveryHub::new().plain("word".to_owned());
    let _ = |clients: Clients, caller: Caller| {
        clients.all().restart()?;
        caller.add_message("ann", "hi")
    };
}
