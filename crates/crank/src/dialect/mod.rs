//! What differs between the protocols that can be loaded, and nothing else.
//!
//! The engine opens sockets, keeps time and counts marks. A dialect says which requests open a connection, what a text without a mark
//! means, and how a call is written. It keeps no state: what must be remembered per client is in its [`Session`].

mod classic;
mod socket_io;

use std::fmt::Debug;

use heliostat_proto::transport_kind::TransportKind;

pub use classic::{Classic, Methods};
pub use socket_io::SocketIo;

use crate::wire::request::Request;

/// What a client remembers of its connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Names the connection in later requests; already escaped for a query.
    pub token: String,
    /// The last cursor seen, raw; kept only if it will be needed.
    pub cursor: Vec<u8>,
    /// The last groups token seen, raw; kept likewise.
    pub groups: Vec<u8>,
}

/// A client about to ask something.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The endpoint's path.
    pub path: &'a str,
    /// The transport it uses.
    pub transport: TransportKind,
    /// What it remembers.
    pub session: &'a Session,
}

/// How a client opens its transport connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// For the first time.
    First,
    /// After the one before was lost.
    Again,
    /// With the next long poll.
    Poll,
}

/// What a client asks of the hub under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// To have the payload back.
    Echo(&'a str),
    /// To send the payload to everybody.
    Broadcast(&'a str),
    /// To be in a group.
    Join(&'a str),
    /// To send a payload (second) to a group (first).
    SendToGroup(&'a str, &'a str),
}

/// What a text from the server means to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: a keep-alive, or messages.
    Nothing,
    /// The transport connection is ready.
    Initialized,
    /// A call has succeeded.
    Reply,
    /// A call has failed, and why.
    Failed(String),
    /// The server wants this text back.
    Answer(&'static str),
    /// The server tells the client to go, and why.
    Goodbye(String),
}

/// A protocol that can be loaded.
///
/// A client asks [`negotiate`](Self::negotiate) on a shared HTTP connection, [`connect`](Self::connect) on its own; when it has heard
/// [`Heard::Initialized`] it asks [`start`](Self::start), joins its group, and is ready. All calls are short and made on the
/// engine's own threads; none may block.
pub trait Dialect: Debug + Send + Sync {
    /// The transports it has.
    fn transports(&self) -> &'static [TransportKind];

    /// Whether a client that lost its socket can come back and miss nothing.
    fn comes_back(&self) -> bool;

    /// The first request of a client; `None` if there is none.
    fn negotiate(&self, path: &str) -> Option<Request>;

    /// Takes what the answer to `negotiate` says.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer.
    fn negotiated(&self, answer: &[u8], session: &mut Session) -> Result<(), String>;

    /// The request that opens the transport connection; for WebSockets with [`UPGRADE`](crate::UPGRADE) among its headers.
    fn connect(&self, asking: Asking<'_>, opening: Opening) -> Request;

    /// The request after [`Heard::Initialized`]; `None` if there is none.
    fn start(&self, asking: Asking<'_>) -> Option<Request>;

    /// The request that carries a call where the transport does not.
    fn send(&self, asking: Asking<'_>, text: &str) -> Request;

    /// The last request of a client that goes; `None` if it just goes.
    fn abort(&self, asking: Asking<'_>) -> Option<Request>;

    /// Appends a call that the client numbers `id`.
    fn call(&self, out: &mut String, call: Call<'_>, id: u32);

    /// What a text means. Not asked for the texts of a ready client that bear marks.
    fn read(&self, text: &[u8]) -> Heard;

    /// Keeps what is needed to come back, or to poll again.
    fn remember(&self, text: &[u8], session: &mut Session);

    /// Whether a text is well formed throughout; asked for a sample.
    fn is_valid(&self, text: &[u8]) -> bool;
}
