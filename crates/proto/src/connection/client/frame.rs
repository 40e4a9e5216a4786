//! What a client reads on its receive channel, as far as the life of the connection depends on it.
//!
//! Messages are opaque here: they pass through in their order, whatever their type `M` is.

use std::time::Duration;

/// One thing that came on a transport connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<M> {
    /// `{}`, a preamble, or the space that keeps a poll alive: the server is there and says nothing.
    KeepAlive,
    /// The result of a call, or news of its progress (`I`). It stands outside of the order of messages.
    Result(M),
    /// A persistent response.
    Response(Response<M>),
}

impl<M> Frame<M> {
    /// The same frame with other messages: as they were read, say, or copied.
    pub fn map<N>(self, mut to: impl FnMut(M) -> N) -> Frame<N> {
        match self {
            Self::KeepAlive => Frame::KeepAlive,
            Self::Result(result) => Frame::Result(to(result)),
            Self::Response(response) => Frame::Response(response.map(to)),
        }
    }
}

/// A persistent response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<M> {
    /// `C`: where the client stands in the server's log now.
    pub cursor: Option<Box<str>>,
    /// `G`: the groups it is in now, sealed.
    pub groups_token: Option<Box<str>>,
    /// `L`: how long to wait before the next poll.
    pub long_poll_delay: Option<Duration>,
    /// What else it says about the connection.
    pub signal: Signal,
    /// `M`: the messages, in order.
    pub messages: Vec<M>,
}

impl<M> Response<M> {
    /// The same response with other messages.
    pub fn map<N>(self, to: impl FnMut(M) -> N) -> Response<N> {
        let Self { cursor, groups_token, long_poll_delay, signal, messages } = self;
        Response {
            cursor,
            groups_token,
            long_poll_delay,
            signal,
            messages: messages.into_iter().map(to).collect(),
        }
    }
}

/// What a persistent response says about the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Nothing: it brings messages.
    None,
    /// `S`: the transport works, the start request may follow.
    Initialized,
    /// `T`: the server goes away; a poll is to be made anew, as a reconnect.
    Reconnect,
    /// `D` or `E`: the connection is over. `E` says why.
    Stop(Option<Box<str>>),
}

impl<M> Default for Response<M> {
    fn default() -> Self {
        Self {
            cursor: None,
            groups_token: None,
            long_poll_delay: None,
            signal: Signal::None,
            messages: Vec::new(),
        }
    }
}
