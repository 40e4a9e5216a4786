//! What user code may see of the HTTP request behind a connection or a call.

use std::sync::{Arc, OnceLock};

use heliostat_proto::{
    id::ConnectionId, parameters::Parameters, protocol_version::ProtocolVersion, route::Command,
    transport_kind::TransportKind,
};
use http::{Extensions, HeaderMap, Method};

use super::headers::Headers;
use crate::ahead::{self, Lines};
use crate::user::User;

/// The request that opened the transport connection, or that carried a call.
///
/// Over WebSockets a call has no request of its own: it sees the upgrade request (spec 7.11).
///
/// # Examples
/// ```
/// use std::sync::Arc;
///
/// use heliostat::{Request, hub};
///
/// struct GreetingHub;
///
/// #[hub]
/// impl GreetingHub {
///     fn greet(&self, request: Arc<Request>) -> &'static str {
///         if request.query("language") == Some("de") { "Guten Tag" } else { "Good day" }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Request {
    /// Of this request, or of one before on the same physical connection that began with the same bytes.
    pub(crate) head: Arc<RequestHead>,
    pub(crate) form: Parameters,
}

/// What the head of a request says.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) path: Box<str>,
    pub(crate) command: Command,
    pub(crate) headers: Headers,
    pub(crate) extensions: Extensions,
    pub(crate) query: Parameters,
    pub(crate) transport: Option<TransportKind>,
    pub(crate) protocol_version: ProtocolVersion,
    /// Whose token it brings, when that has been opened for its user.
    pub(crate) connection: OnceLock<ConnectionId>,
}

impl Request {
    /// Has noted where all of it lies. The next one on its physical connection mostly has the same head, and gets the memory of the rest when
    /// that is freed.
    pub(crate) fn note(&self) {
        ahead::note(Lines::of(self));
        ahead::note(Lines::of(&*self.head));
        for (address, bytes) in self.head.query.places() {
            ahead::note(Lines::at(address, bytes));
        }
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The path, as the server saw it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// A parameter of the query string; names are compared without case, repeated values are joined by commas (spec 2.3).
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.head.query.get(name)
    }

    /// A field of the form body.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<&str> {
        self.form.get(name)
    }

    /// A header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.first(name).and_then(text)
    }

    /// All headers. Asking for one of them by [`header`](Self::header) costs less: this map is made when it is first asked for.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers.map()
    }

    /// The value of a cookie, as it stands in the `Cookie` header.
    ///
    /// # Examples
    /// ```
    /// # fn f(request: &heliostat::Request) -> Option<()> {
    /// let theme = request.cookie("theme").unwrap_or("light");
    /// # Some(()) }
    /// ```
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.head
            .headers
            .all("cookie")
            .filter_map(text)
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The authenticated user, if the application's own layer put one into the extensions.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.head.extensions.get::<User>()
    }

    /// Whatever the layers in front left for the application.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// The transport that the client names; none on negotiate and ping.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.head.transport
    }

    /// The protocol version of this request: requests of old clients that do not name one resolve to 1.2 (spec 0.4).
    #[must_use]
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.head.protocol_version
    }

    /// `query` first, then `form`: how `messageId` and `groupsToken` are read (CP-025).
    pub(crate) fn query_or_form(&self, name: &str) -> Option<&str> {
        self.head.query.get(name).or_else(|| self.form.get(name))
    }

    /// The name that tokens are bound to: empty for anonymous users (spec 4.1).
    pub(crate) fn user_name(&self) -> &str {
        self.user().map_or("", User::name)
    }
}

#[cfg(test)]
impl Request {
    /// What a client of 2.1 asks first on this transport, without headers and parameters.
    pub(crate) fn to_connect(transport: TransportKind) -> Self {
        let head = RequestHead {
            method: Method::GET,
            path: "/signalr/connect".into(),
            command: Command::Connect,
            headers: Headers::default(),
            extensions: Extensions::new(),
            query: Parameters::default(),
            transport: Some(transport),
            protocol_version: ProtocolVersion::new(2, 1),
            connection: OnceLock::new(),
        };
        Self { head: Arc::new(head), form: Parameters::default() }
    }
}

/// A header's value, if it is what HTTP calls text: visible ASCII, spaces and tabs.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    let is_text = value.iter().all(|&byte| matches!(byte, b'\t' | b' '..=b'~'));
    std::str::from_utf8(value).ok().filter(|_| is_text)
}
