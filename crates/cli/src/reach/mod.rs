//! How a server is reached: what `talk`, `call` and `doctor` are told about it in the same words.

mod client;
mod pair;
mod transport;
mod url;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use http::HeaderValue;

pub(crate) use pair::{Header, Pair};
pub(crate) use transport::{TransportChoice, TransportError};
pub(crate) use url::Endpoint;

/// What every request to the server carries.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reach {
    /// Added to the query string of every request; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) query: Vec<Pair>,

    /// Added to the headers of every request; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<Header>,

    /// Sent as a bearer token
    #[arg(
        long,
        value_name = "TOKEN",
        env = "HELIOSTAT_BEARER",
        hide_env_values = true,
        conflicts_with = "user"
    )]
    pub(crate) bearer: Option<String>,

    /// The name for HTTP Basic authentication
    #[arg(long, value_name = "NAME", requires = "password")]
    pub(crate) user: Option<String>,

    /// The password for HTTP Basic authentication
    #[arg(long, env = "HELIOSTAT_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,

    /// Accept certificates that nobody vouches for
    #[arg(long)]
    pub(crate) insecure: bool,
}

impl Reach {
    /// What the `Authorization` header says, if anything was given.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let text = match (&self.bearer, &self.user) {
            (Some(token), _) => format!("Bearer {token}"),
            (None, Some(user)) => {
                let password = self.password.as_deref().unwrap_or_default();
                format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
            }
            (None, None) => return None,
        };
        HeaderValue::try_from(text).ok()
    }
}
