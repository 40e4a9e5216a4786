//! The parts of a connection are required before it exists, so it is built.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use heliostat_proto::connection::client::ClientSettings;
use heliostat_proto::transport_kind::TransportKind;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::address::Address;
use crate::connection::Connection;
use crate::hub_connection::HubConnection;
use crate::settings::{InFlight, Queue, Restart, Transport};
use crate::shared::{Layer, Shared};
use crate::tls::{self, Strictness, Trust};

/// Asks for a bearer token.
pub(crate) type TokenProvider = Arc<
    dyn Fn() -> BoxFuture<'static, Result<String, Arc<dyn std::error::Error + Send + Sync>>> + Send + Sync,
>;

/// One message of more bytes is refused, unless the application allows more.
const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;
/// What a connection gives as its `User-Agent`, as the .NET client does.
const USER_AGENT: &str = concat!("heliostat-client/", env!("CARGO_PKG_VERSION"));
/// A TCP or TLS connection that takes longer will not come.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Settings of a connection that is not there yet. See [`HubConnection::builder`] and [`Connection::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use heliostat_client::{Backoff, HubConnection, InFlight, Restart, Transport, TransportKind};
///
/// # async fn ask_for_a_token() -> Result<String, std::io::Error> { Ok(String::new()) }
/// let connection = HubConnection::builder("https://example.com/signalr")
///     .query("room", "lobby")
///     .bearer_token(ask_for_a_token)
///     .transport(Transport::Order(vec![TransportKind::WebSockets, TransportKind::LongPolling]))
///     .call_timeout(Duration::from_secs(30))
///     .in_flight(InFlight::Repeat)
///     .restart(Restart::WithBackoff(Backoff::default()))
///     .build()?;
/// # Ok::<_, heliostat_client::BuildError>(())
/// ```
#[must_use = "nothing exists until it is built"]
pub struct Builder<C> {
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    cookies: Vec<String>,
    proxies: Proxies,
    trust: Trust,
    user_agent: String,
    transport: Transport,
    pub(crate) options: Options,
    kind: PhantomData<fn() -> C>,
}

/// What the driver works by.
pub(crate) struct Options {
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) token_provider: Option<TokenProvider>,
    pub(crate) in_flight: InFlight,
    pub(crate) restart: Restart,
    pub(crate) queue: Queue,
    pub(crate) ping_every: Option<Duration>,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) longest_message: usize,
    pub(crate) machine: ClientSettings,
}

enum Proxies {
    OfTheEnvironment,
    None,
    This(String),
}

/// Why a connection could not be built.
///
/// # Examples
///
/// ```
/// use heliostat_client::{BuildError, HubConnection};
///
/// let refused = HubConnection::builder("example.com/signalr").build();
/// assert!(matches!(refused, Err(BuildError::Url { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The address is none.
    #[error("the address {url:?} cannot be used: {reason}; write it like https://host/signalr")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header's name or value has characters that a header cannot have.
    #[error("the header {name:?} cannot be sent: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The list of transports is empty, or has one that only browsers can use.
    #[error("no transport is left to try; name webSockets, serverSentEvents or longPolling")]
    NoTransport,
    /// foreverFrame needs a browser.
    #[error("foreverFrame works in browsers alone; use serverSentEvents instead")]
    ForeverFrame,
    /// The root certificate is none.
    #[error("the root certificate cannot be used: {0}; give it in PEM form")]
    RootCertificate(String),
    /// TLS cannot be used here.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be made, because of the proxy's address, say.
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

impl<C> Builder<C> {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            cookies: Vec::new(),
            proxies: Proxies::OfTheEnvironment,
            trust: Trust { root_certificates: Vec::new(), strictness: Strictness::Verify },
            user_agent: USER_AGENT.to_owned(),
            transport: Transport::Auto,
            options: Options {
                credentials: None,
                token_provider: None,
                in_flight: InFlight::default(),
                restart: Restart::default(),
                queue: Queue::default(),
                ping_every: None,
                call_timeout: None,
                longest_message: LONGEST_MESSAGE,
                machine: ClientSettings::default(),
            },
            kind: PhantomData,
        }
    }

    /// Adds a parameter to the query of every request.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header to every request, the WebSocket's included.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a cookie, `name=value`. Cookies that the server sets are kept besides, for as long as the connection lives.
    pub fn cookie(mut self, cookie: impl Into<String>) -> Self {
        self.cookies.push(cookie.into());
        self
    }

    /// Sends this name and password with every request (HTTP Basic).
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.options.credentials = Some((user.into(), password.into()));
        self
    }

    /// Sends a bearer token with every request. It is asked for before each negotiation and each reconnect, so it may
    /// change; a redirect that brings a token takes its place.
    ///
    /// # Examples
    ///
    /// The token is replaced while the connection lives:
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use heliostat_client::HubConnection;
    ///
    /// let (renew, token) = tokio::sync::watch::channel("first".to_owned());
    /// let connection = HubConnection::builder("https://example.com/signalr")
    ///     .bearer_token(move || {
    ///         let token = token.borrow().clone();
    ///         async move { Ok::<_, Infallible>(token) }
    ///     })
    ///     .build()?;
    /// renew.send_replace("second".to_owned());
    /// # Ok::<_, heliostat_client::BuildError>(())
    /// ```
    pub fn bearer_token<P, F, E>(mut self, provider: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.options.token_provider = Some(Arc::new(move || {
            let token = provider();
            Box::pin(async move {
                token.await.map_err(|error| Arc::new(error) as Arc<dyn std::error::Error + Send + Sync>)
            })
        }));
        self
    }

    /// Goes through this proxy (`http://`, `https://` or `socks5://`), rather than the one the environment names.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxies = Proxies::This(url.into());
        self
    }

    /// Goes through no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxies = Proxies::None;
        self
    }

    /// Trusts these certificates in PEM form besides those that the system trusts.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use heliostat_client::HubConnection;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let connection = HubConnection::builder("https://intranet.example.com/signalr")
    ///     .root_certificate(std::fs::read("company-root.pem")?)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.root_certificates.push(pem.into());
        self
    }

    /// Trusts every certificate, **so that anybody on the way can read and change everything**. For trying things out on
    /// machines of one's own.
    pub fn accept_invalid_certificates(mut self) -> Self {
        self.trust.strictness = Strictness::AcceptAnything;
        self
    }

    /// What every request gives as its `User-Agent`.
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.user_agent = text.into();
        self
    }

    /// Which transports are tried.
    ///
    /// See [`Transport`].
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// What becomes of calls whose answer is still out when a WebSocket breaks.
    pub fn in_flight(mut self, in_flight: InFlight) -> Self {
        self.options.in_flight = in_flight;
        self
    }

    /// How long a call may take. Without this it may take as long as the connection lives: a server does not answer a
    /// call over a WebSocket at all if it does not know the hub, say.
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.options.call_timeout = Some(limit);
        self
    }

    /// Whether the connection starts again by itself when it has ended.
    ///
    /// See [`Backoff`](crate::Backoff).
    pub fn restart(mut self, restart: Restart) -> Self {
        self.options.restart = restart;
        self
    }

    /// How much may wait for a slow application, and what happens then.
    ///
    /// See [`Queue`].
    pub fn queue(mut self, queue: Queue) -> Self {
        self.options.queue = Queue { limit: queue.limit.max(1), ..queue };
        self
    }

    /// Sends a ping request so often, which keeps a session of cookies alive, as browsers do every five minutes.
    /// An answer of 401 or 403 ends the connection. Off unless asked for, as in the .NET client.
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.options.ping_every = (!interval.is_zero()).then_some(interval);
        self
    }

    /// How long one message may be, in bytes: 16 MiB unless said otherwise.
    pub fn longest_message(mut self, bytes: usize) -> Self {
        self.options.longest_message = bytes;
        self
    }

    /// How long to wait after a failed attempt to reconnect, and, except for webSockets, before the first: 2 s.
    pub fn reconnect_delay(mut self, delay: Duration) -> Self {
        self.options.machine.reconnect_delay = delay;
        self
    }

    /// What is added to the server's own time for a transport to start (5 s): nothing unless said otherwise.
    pub fn transport_connect_timeout(mut self, extra: Duration) -> Self {
        self.options.machine.transport_connect = extra;
        self
    }

    fn shared(mut self, layer: Layer) -> Result<Arc<Shared>, BuildError> {
        let address = Address::parse(&self.url, &self.query)
            .map_err(|reason| BuildError::Url { url: self.url.clone(), reason })?;
        self.options.machine.transports = transports(&self.transport)?;
        let cookies = Arc::new(reqwest::cookie::Jar::default());
        for cookie in &self.cookies {
            cookies.add_cookie_str(cookie, address.endpoint());
        }
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&self.trust)?)
            .http1_only()
            .user_agent(&self.user_agent)
            .default_headers(headers(&self.headers)?)
            .cookie_provider(cookies)
            .connect_timeout(CONNECT_LIMIT);
        client = match &self.proxies {
            Proxies::OfTheEnvironment => client,
            Proxies::None => client.no_proxy(),
            Proxies::This(url) => client.proxy(reqwest::Proxy::all(url)?),
        };
        Ok(Shared::new(layer, client.build()?, address, self.options))
    }
}

impl Builder<Connection> {
    /// The connection, not started.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a setting cannot be used.
    pub fn build(self) -> Result<Connection, BuildError> {
        Ok(Connection::new(self.shared(Layer::Raw)?))
    }
}

impl Builder<HubConnection> {
    /// The connection, not started.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a setting cannot be used.
    pub fn build(self) -> Result<HubConnection, BuildError> {
        Ok(HubConnection::new(self.shared(Layer::Hubs)?))
    }
}

impl<C> fmt::Debug for Builder<C> {
    /// Without headers, cookies and credentials, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("url", &self.url)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

fn transports(wanted: &Transport) -> Result<Vec<TransportKind>, BuildError> {
    let kinds = match wanted {
        Transport::Auto => ClientSettings::default().transports,
        Transport::Only(kind) => vec![*kind],
        Transport::Order(kinds) => kinds.clone(),
    };
    match kinds.as_slice() {
        [] => Err(BuildError::NoTransport),
        kinds if kinds.contains(&TransportKind::ForeverFrame) => Err(BuildError::ForeverFrame),
        _ => Ok(kinds),
    }
}

fn headers(list: &[(String, String)]) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::with_capacity(list.len());
    for (name, value) in list {
        let wrong = |reason: String| BuildError::Header { name: name.clone(), reason };
        let header = HeaderName::try_from(name).map_err(|error| wrong(error.to_string()))?;
        let value = HeaderValue::try_from(value).map_err(|error| wrong(error.to_string()))?;
        headers.append(header, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(builder: Builder<Connection>) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_with_a_reason() {
        let builder = || Connection::builder("http://localhost/echo");
        assert!(
            refusal(Connection::builder("localhost/echo")).contains("write it like https://host/signalr")
        );
        assert!(refusal(builder().header("a b", "c")).contains("\"a b\""));
        assert!(refusal(builder().header("a", "line\nline")).contains("the header"));
        assert!(refusal(builder().transport(Transport::Order(Vec::new()))).contains("no transport"));
        let forever = Transport::Only(TransportKind::ForeverFrame);
        assert!(refusal(builder().transport(forever)).contains("browsers"));
        assert!(refusal(builder().root_certificate("no certificate")).contains("PEM"));
        assert!(matches!(builder().proxy("::").build(), Err(BuildError::Http(_))));
    }

    #[test]
    fn a_connection_is_built_without_a_runtime() {
        let connection =
            Connection::builder("https://localhost/echo").header("a", "b").cookie("c=d").build().unwrap();
        assert_eq!(connection.state(), crate::State::Disconnected);
    }

    #[test]
    fn secrets_are_not_shown() {
        let builder =
            Connection::builder("https://localhost/").credentials("ann", "secret").cookie("secret=1");
        assert!(!format!("{builder:?}").contains("secret"));
    }
}
