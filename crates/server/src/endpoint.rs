//! What may differ from one mapped path to the next.

use std::{collections::BTreeSet, fmt, sync::Arc};

use heliostat_proto::transport_kind::TransportSet;

use crate::http::request::Request;

/// The options of one endpoint.
///
/// # Examples
/// ```
/// use heliostat::{Cors, DetailedErrors, EndpointOptions};
///
/// let options = EndpointOptions {
///     detailed_errors: DetailedErrors::On,
///     cors: Cors::allow(["https://app.example"]),
///     ..EndpointOptions::default()
/// };
/// ```
#[derive(Clone, Debug, Default)]
pub struct EndpointOptions {
    /// Whether clients see the texts of ordinary errors. Default: off.
    pub detailed_errors: DetailedErrors,
    /// Whether requests with a `callback` are served. Default: off; it removes a protection against cross-site requests (spec 12.1).
    pub jsonp: Jsonp,
    /// Whether the generated proxy script is served. Default: on.
    pub javascript_proxies: JavaScriptProxies,
    /// Which pages of other origins may read answers. Default: none.
    pub cors: Cors,
    /// Which pages may talk to the server at all. Default: any, as in the original (spec 12.3).
    pub origins: Origins,
    /// The transports that are offered. Default: all four.
    pub transports: TransportSet,
    /// May accept, refuse or redirect a client before it connects. Default: everyone is accepted.
    pub negotiate: Option<NegotiateHook>,
}

/// Whether clients see the texts of ordinary errors (spec 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DetailedErrors {
    /// A sentence that names the method, nothing else.
    #[default]
    Off,
    /// The error's own text. Not for production: it may hold secrets.
    On,
}

/// Whether requests with a `callback` are served (spec 2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jsonp {
    /// They get 403.
    #[default]
    Off,
    /// They are served.
    On,
}

/// Whether the generated proxy script is served (spec 2.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JavaScriptProxies {
    /// It is served at `/hubs` and `/js`.
    #[default]
    On,
    /// A script is served there that throws and says why.
    Off,
}

/// Which pages of other origins may read answers, with credentials (spec 2.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// No CORS headers at all; a layer in front may still add them.
    #[default]
    Off,
    /// Exactly these origins, such as `https://app.example`.
    AllowList(BTreeSet<String>),
    /// Every origin. With cookies this removes the protection against cross-site requests (spec 12.1).
    AnyOrigin,
}

impl Cors {
    /// Allows exactly these origins.
    pub fn allow<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Self {
        Self::AllowList(origins.into_iter().map(|origin| normal(&origin.into())).collect())
    }

    pub(crate) fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Off => false,
            Self::AllowList(list) => list.contains(&normal(origin)),
            Self::AnyOrigin => true,
        }
    }
}

/// Which pages may talk to the server at all. Requests without an `Origin` (not from a browser) always may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Any, as in the original.
    #[default]
    Any,
    /// Exactly these; others get 403 on every transport (CP-252).
    AllowList(BTreeSet<String>),
}

impl Origins {
    /// Allows exactly these origins.
    pub fn allow<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Self {
        Self::AllowList(origins.into_iter().map(|origin| normal(&origin.into())).collect())
    }

    pub(crate) fn allows(&self, origin: Option<&str>) -> bool {
        match (self, origin) {
            (Self::Any, _) | (_, None) => true,
            (Self::AllowList(list), Some(origin)) => list.contains(&normal(origin)),
        }
    }
}

/// Scheme and host of an origin compare without case; a trailing slash is a slip of the pen.
fn normal(origin: &str) -> String {
    origin.trim_end_matches('/').to_ascii_lowercase()
}

/// What the application says to a client that negotiates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Negotiation {
    /// Go on here.
    Accept,
    /// Do not come in: `start` fails with this message. Clients of protocol 2.0 and later show it; older ones get 403.
    Refuse(String),
    /// Go there instead: how traffic is moved between servers without touching clients.
    ///
    /// Clients of protocol 2.0 and later follow it; older ones are accepted here, since they know no redirects (spec 3.4).
    Redirect {
        /// The absolute URL to negotiate with. A query string in it replaces the client's own.
        url: String,
        /// Sent along as a bearer token with every request to the new place.
        access_token: Option<String>,
    },
}

/// A function that the application may put in front of every negotiation.
///
/// # Examples
/// ```
/// use heliostat::{NegotiateHook, Negotiation};
///
/// let hook = NegotiateHook::new(|request| match request.query("tenant") {
///     Some("moved") => Negotiation::Redirect { url: "https://b.example/signalr".into(), access_token: None },
///     _ => Negotiation::Accept,
/// });
/// ```
#[derive(Clone)]
pub struct NegotiateHook(Arc<dyn Fn(&Request) -> Negotiation + Send + Sync>);

impl NegotiateHook {
    /// Wraps a function that sees the negotiate request.
    pub fn new(hook: impl Fn(&Request) -> Negotiation + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(crate) fn ask(&self, request: &Request) -> Negotiation {
        (self.0)(request)
    }
}

impl fmt::Debug for NegotiateHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NegotiateHook")
    }
}
