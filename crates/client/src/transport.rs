//! A transport connection: one WebSocket, one event stream, or one poll.
//!
//! Each runs on a task of its own, says what comes, and says last of all that it is over. Its news wait in a short
//! queue: while the driver does not read, the transport does not read either, and the server keeps what it has.

mod long_polling;
mod server_sent_events;
mod web_sockets;

use heliostat_proto::classic::{FrameError, decode_frame};
use heliostat_proto::connection::client::{Frame, Open, Place};
use heliostat_proto::connection::{LinkId, Opening};
use heliostat_proto::transport_kind::TransportKind;
use reqwest::RequestBuilder;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::driver::Outgoing;
use crate::error::RequestError;
use crate::exchange::Session;
use crate::message::Message;

/// So many frames may wait for the driver.
pub(crate) const NEWS: usize = 16;

/// What happens on a transport connection.
pub(crate) enum News {
    /// It is there.
    Opened,
    /// This came.
    Received(Frame<Message>),
    /// Something came that is no frame. It is reported and otherwise passed over (5.10).
    Garbled(FrameError),
    /// It is over.
    Lost(RequestError),
}

/// Where a transport connection says what happens on it.
pub(crate) struct Reporter {
    link: LinkId,
    news: mpsc::Sender<(LinkId, News)>,
}

/// The driver has no use for news any more.
pub(crate) struct Unwanted;

impl Reporter {
    pub(crate) async fn tell(&self, news: News) -> Result<(), Unwanted> {
        self.news.send((self.link, news)).await.map_err(|_| Unwanted)
    }

    /// Tells what a text says.
    pub(crate) async fn tell_frame(&self, text: &str) -> Result<(), Unwanted> {
        match decode_frame(text) {
            Ok(frame) => self.tell(News::Received(frame.map(Message::of))).await,
            Err(error) => self.tell(News::Garbled(error)).await,
        }
    }
}

/// A transport connection as the driver holds it. Dropping it closes it.
pub(crate) struct Line {
    kind: TransportKind,
    task: AbortHandle,
    outgoing: Option<mpsc::UnboundedSender<Outgoing>>,
}

impl Line {
    /// Begins to open a transport connection.
    pub(crate) fn open(session: &Session, open: Open, news: &mpsc::Sender<(LinkId, News)>) -> Self {
        let Open { link, kind, how, place } = open;
        let reporter = Reporter { link, news: news.clone() };
        let request = Opener { session: session.clone(), kind, how, place };
        let (task, outgoing) = match kind {
            TransportKind::WebSockets => {
                let (sender, receiver) = mpsc::unbounded_channel();
                (tokio::spawn(web_sockets::run(request, receiver, reporter)), Some(sender))
            }
            TransportKind::ServerSentEvents => {
                (tokio::spawn(server_sent_events::run(request, reporter)), None)
            }
            // A forever frame needs a browser; no connection can be built that tries one.
            TransportKind::LongPolling | TransportKind::ForeverFrame => {
                (tokio::spawn(long_polling::run(request, reporter)), None)
            }
        };
        Self { kind, task: task.abort_handle(), outgoing }
    }

    /// Writes on a transport connection that carries both directions. What it cannot write it drops.
    pub(crate) fn write(&self, outgoing: Outgoing) {
        if let Some(to) = &self.outgoing {
            // The error holds what was to be sent, and whoever waits for it hears that it was lost.
            drop(to.send(outgoing));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A WebSocket takes its leave by itself, in limited time, when nothing can be written any more.
        if self.kind != TransportKind::WebSockets {
            self.task.abort();
        }
    }
}

/// All that is needed to ask for a transport connection.
struct Opener {
    session: Session,
    kind: TransportKind,
    how: Opening,
    place: Place,
}

impl Opener {
    async fn request(&self, method: http::Method) -> Result<RequestBuilder, RequestError> {
        let command = match self.how {
            Opening::ConnectDelayed | Opening::ConnectAtOnce => "connect",
            Opening::Reconnect => {
                self.session.renew_token().await?;
                "reconnect"
            }
            Opening::Poll => "poll",
        };
        let Place { cursor, groups_token } = &self.place;
        let mut place = Vec::with_capacity(2);
        place.extend(cursor.as_deref().map(|cursor| ("messageId", cursor)));
        place.extend(groups_token.as_deref().map(|token| ("groupsToken", token)));
        // 6.5: a poll may come before any response has named a place.
        let command = if command == "poll" && cursor.is_none() { "connect" } else { command };
        Ok(self.session.request(method, command, Some(self.kind), &place))
    }
}

fn broken(error: FrameError) -> RequestError {
    RequestError::Frame(Arc::new(error))
}
