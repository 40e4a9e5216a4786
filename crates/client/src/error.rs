//! What can go wrong, by what was attempted: a connection, a request, sending, calling.

use std::fmt;
use std::sync::Arc;

use heliostat_proto::classic::{ClientInvocationError, FrameError, HubMessageError};
use heliostat_proto::connection::client::{ClientError, SendRefusal};
use heliostat_proto::negotiate::AnswerError;
use heliostat_proto::transport_kind::TransportKind;
use serde_json::Value;

/// Why a connection did not start, or ended although nobody stopped it.
///
/// # Examples
///
/// ```
/// use heliostat_client::{ClientError, ConnectionError, HubConnection};
///
/// fn advice(error: &ConnectionError) -> &'static str {
///     match error.rule() {
///         Some(ClientError::NegotiationFailed) => "is the address right?",
///         Some(ClientError::Refused { .. }) => "sign in again",
///         Some(_) | None => "try again later",
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Nobody listens there.
/// let connection = HubConnection::builder("http://127.0.0.1:1/signalr").no_proxy().build()?;
/// let failed = connection.start().await;
/// assert_eq!(failed.as_ref().map_err(advice), Err("is the address right?"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionError {
    rule: ErrorKind,
    causes: Vec<Cause>,
}

#[derive(Clone, Debug)]
pub(crate) enum ErrorKind {
    /// What the machine decided.
    Rule(ClientError),
    /// A request failed, and that alone is to be told.
    Request,
    /// The application did not take its messages.
    TooSlow { waiting: usize },
    /// A handler could not be called, or failed.
    Handler(Arc<str>),
    /// There is no runtime any more that could drive the connection.
    Gone,
}

/// A failed request behind a [`ConnectionError`].
///
/// # Examples
///
/// ```
/// use heliostat_client::{Cause, ConnectionError};
///
/// fn report(error: &ConnectionError) -> Vec<String> {
///     let line = |cause: &Cause| match cause.transport {
///         Some(transport) => format!("{transport} failed: {}", cause.error),
///         None => cause.error.to_string(),
///     };
///     error.causes().iter().map(line).collect()
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let connection = heliostat_client::Connection::builder("http://127.0.0.1:1/echo").no_proxy().build()?;
/// # assert_eq!(connection.start().await.map_err(|error| report(&error).len()), Err(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cause {
    /// Which transport was tried, if it was one.
    pub transport: Option<TransportKind>,
    /// What happened.
    pub error: RequestError,
}

impl ConnectionError {
    pub(crate) fn new(rule: ErrorKind, causes: Vec<Cause>) -> Self {
        Self { rule, causes }
    }

    pub(crate) fn too_slow(waiting: usize) -> Self {
        Self::new(ErrorKind::TooSlow { waiting }, Vec::new())
    }

    /// The rule of the protocol that ended the connection, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<&ClientError> {
        match &self.rule {
            ErrorKind::Rule(rule) => Some(rule),
            ErrorKind::Request | ErrorKind::TooSlow { .. } | ErrorKind::Handler(_) | ErrorKind::Gone => None,
        }
    }

    /// The requests that failed, in their order.
    #[must_use]
    pub fn causes(&self) -> &[Cause] {
        &self.causes
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            ErrorKind::Rule(rule) => write!(f, "{rule}")?,
            ErrorKind::Request => f.write_str("a request failed")?,
            ErrorKind::TooSlow { waiting } => write!(
                f,
                "the application is too slow: {waiting} messages wait for it; handle them faster or let the queue be longer"
            )?,
            ErrorKind::Handler(what) => f.write_str(what)?,
            ErrorKind::Gone => {
                f.write_str("the runtime of the connection has ended; start it on one that lives")?
            }
        }
        for (index, Cause { transport, error }) in self.causes.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { "; " })?;
            match transport {
                Some(transport) => write!(f, "{transport}: {error}")?,
                None => write!(f, "{error}")?,
            }
        }
        if self.causes.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl std::error::Error for ConnectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.causes.last().map(|cause| &cause.error as &(dyn std::error::Error + 'static))
    }
}

/// Why a request to the server failed, or what it said could not be used.
///
/// # Examples
///
/// ```
/// use heliostat_client::{HubConnection, RequestError};
///
/// fn advice(error: &RequestError) -> &'static str {
///     match error {
///         RequestError::Status { status: 401 | 403, .. } => "sign in",
///         RequestError::Status { status: 404, .. } => "see that the path is right",
///         RequestError::Http(_) | RequestError::Late => "see that the server runs",
///         _ => "look into the server's log",
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Nobody listens there.
/// let connection = HubConnection::builder("http://127.0.0.1:1/signalr").no_proxy().build()?;
/// assert_eq!(connection.negotiate().await.as_ref().err().map(advice), Some("see that the server runs"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It could not be made, or broke: no such host, nobody listens, a bad certificate, the connection was cut.
    #[error("{}", chain(.0))]
    Http(#[source] Arc<reqwest::Error>),
    /// The server answered with an error.
    #[error("the server answered {status}{}{body}", if body.is_empty() { "" } else { ": " })]
    Status {
        /// The status code.
        status: u16,
        /// The beginning of the answer's text.
        body: Box<str>,
    },
    /// The answer to negotiate is none.
    #[error(transparent)]
    Negotiate(Arc<AnswerError>),
    /// What came on a transport connection is no frame of the protocol.
    #[error(transparent)]
    Frame(Arc<FrameError>),
    /// What came inside a frame is no message of a hub.
    #[error(transparent)]
    Hub(Arc<HubMessageError>),
    /// The answer to start or ping is another text.
    #[error("the answer is {body:?} where {expected:?} belongs; is there another program at this address?")]
    Unexpected {
        /// The beginning of what came.
        body: Box<str>,
        /// What belongs there.
        expected: &'static str,
    },
    /// The address answered, but with no WebSocket.
    #[error("the server did not switch to a WebSocket: {0}")]
    NotAWebSocket(Box<str>),
    /// The WebSocket broke.
    #[error("the WebSocket broke: {0}")]
    WebSocket(Arc<tokio_tungstenite::tungstenite::Error>),
    /// The answer is not what this transport needs.
    #[error("the answer is {found:?} and no event stream; a proxy may have changed it")]
    NotAnEventStream {
        /// The content type.
        found: Box<str>,
    },
    /// One message was longer than the client allows.
    #[error("a message is longer than {limit} bytes; let the client take longer ones with `longest_message`")]
    TooLong {
        /// What is allowed.
        limit: usize,
    },
    /// The server ended the transport connection.
    #[error("the server ended the transport connection")]
    Ended,
    /// There was no answer in time.
    #[error("there was no answer in time")]
    Late,
    /// A redirect of negotiate points nowhere.
    #[error("the server redirects to {url:?}, which is no address: {reason}")]
    BadRedirect {
        /// Where to.
        url: Box<str>,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The application's provider of bearer tokens failed.
    #[error("no bearer token could be had: {0}")]
    Token(Arc<dyn std::error::Error + Send + Sync>),
}

impl From<reqwest::Error> for RequestError {
    fn from(error: reqwest::Error) -> Self {
        // Addresses contain connection tokens, which belong in no log.
        Self::Http(Arc::new(error.without_url()))
    }
}

/// An error with everything behind it, since the first one of an HTTP client only says that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

/// Why something was not sent.
///
/// # Examples
///
/// ```
/// use heliostat_client::{Connection, SendError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let echo = Connection::builder("https://example.com/echo").build()?;
/// let again = match echo.send("hello").await {
///     Ok(()) => false,
///     Err(SendError::Refused(_) | SendError::Lost) => true,
///     // The server may have it already.
///     Err(SendError::Request(_)) => false,
///     Err(error) => return Err(error.into()),
/// };
/// assert!(again);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection cannot send now.
    #[error(transparent)]
    Refused(#[from] SendRefusal),
    /// The request that should carry it failed. Whether the server has it nobody knows.
    #[error(transparent)]
    Request(RequestError),
    /// The transport connection broke before it was written, or the connection ended.
    #[error("the connection was lost before this was sent; send it again once it is back")]
    Lost,
    /// It has no JSON form, or the arguments are no list.
    #[error(transparent)]
    Arguments(Arc<ClientInvocationError>),
}

/// Why a call brought no result.
///
/// # Examples
///
/// ```
/// use heliostat_client::{HubConnection, InvokeError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// let shown = match chat.invoke::<u32>("join", ("lobby",)).await {
///     Ok(online) => format!("{online} are here"),
///     Err(InvokeError::Hub { message, .. }) => message.into(),
///     Err(InvokeError::Refused(_)) => "not connected".to_owned(),
///     Err(InvokeError::Lost | InvokeError::Late) => "perhaps you have joined, perhaps not".to_owned(),
///     Err(error) => return Err(error.into()),
/// };
/// assert_eq!(shown, "not connected");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The connection cannot send now, so the method was not called.
    #[error(transparent)]
    Refused(#[from] SendRefusal),
    /// The request that carried the call failed. Whether the method has run nobody knows.
    #[error(transparent)]
    Request(RequestError),
    /// The connection was lost or closed before the answer came. Whether the method has run nobody knows.
    #[error(
        "the connection was lost before the answer to this call; ask whether it was carried out before calling again"
    )]
    Lost,
    /// There was no answer within the connection's [`call_timeout`](crate::Builder::call_timeout). Whether the method
    /// has run nobody knows.
    #[error(
        "there was no answer to this call in time; see that the server knows the hub, or allow more time"
    )]
    Late,
    /// The method failed.
    #[error("{message}")]
    Failed {
        /// What the server says.
        message: Box<str>,
        /// Where it happened, if the server shows that to developers.
        trace: Option<Box<str>>,
    },
    /// The method refused, with an error that is meant for its callers (`HubException` in .NET).
    #[error("{message}")]
    Hub {
        /// What it says.
        message: Box<str>,
        /// What else it says.
        data: Option<Value>,
    },
    /// The arguments have no JSON form or are no list.
    #[error(transparent)]
    Arguments(Arc<ClientInvocationError>),
    /// The result is of another type.
    #[error("the result is not of the expected type: {0}")]
    Result(Arc<serde_json::Error>),
}

impl From<SendError> for InvokeError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused(refusal) => Self::Refused(refusal),
            SendError::Request(error) => Self::Request(error),
            SendError::Lost => Self::Lost,
            SendError::Arguments(error) => Self::Arguments(error),
        }
    }
}
