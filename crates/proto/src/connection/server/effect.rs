//! What has to be done for a SignalR connection.

use crate::connection::LinkId;

/// Something the driver must do, in the order in which it is told. Callbacks of one SignalR connection run
/// one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an effect nobody carries out is a lost message"]
pub enum Effect {
    /// Tell the application that the connection is there.
    RaiseConnected,
    /// Tell the application that the connection goes on, perhaps from another server.
    RaiseReconnected,
    /// Tell the application that the connection is over.
    RaiseDisconnected(Reason),
    /// Write a keep-alive, if this transport connection can carry one (a poll answered as JSONP cannot).
    SendKeepAlive(LinkId),
    /// Write a WebSocket ping: nothing was heard from the client for a keep-alive, or a keep-alive is due anyway,
    /// and then both are told one after the other so that they can be one write. Its answer, which browsers give
    /// by themselves, shows that it is still there.
    SendPing(LinkId),
    /// Note, for whoever looks, that nothing was heard for two keep-alives: the client counts as away from now on.
    /// What carries it is kept, and nobody is called.
    NoteSilent(LinkId),
    /// Note that the client that counted as away was heard again: it is here as if nothing had happened.
    NoteHeardAgain(LinkId),
    /// Finish this transport connection, if it did not just finish by itself (a client may poll again before
    /// the answer to its last poll is reported). News about it is ignored from now on.
    End(LinkId, Ending),
    /// Drop the record. Should the id come back, it belongs to an unknown connection.
    Forget,
}

/// How a transport connection is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// A newer one took its place, here or on another server. It just ends; a long poll gets an empty
    /// response.
    Replaced,
    /// It was open for long enough. It just ends; a long poll gets an empty response. The client comes back
    /// at once.
    ConnectionTimeout,
    /// Its client stopped and waits for it to end.
    Stopped,
    /// Its client counted as away because nothing was heard of it, and its time to come back is over: there is
    /// nobody to say anything to. The physical connection is cut.
    Silent,
    /// Its client must stop: it gets the frame that says so, and then the end.
    Disconnected,
    /// This server ends, or is being emptied. It just ends, which makes its client reconnect; a long poll gets a
    /// response that asks to.
    ShuttingDown,
}

/// Why a SignalR connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The client stopped.
    Stopped,
    /// The client did not come back in time.
    TimedOut,
    /// The application disconnected it.
    DisconnectedByServer,
    /// Messages to it were lost, and the application does not want it to go on without them.
    MessagesLost,
    /// This server ends. The client is asked to reconnect, and may go on at another server under the same id.
    ShuttingDown,
    /// Another server carries the connection now: it is over here, but not for its client.
    Replaced,
}
