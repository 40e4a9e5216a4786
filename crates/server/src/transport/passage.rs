//! A WebSocket on its way from HTTP to whoever carries it.
//!
//! A host of ours carries it in the task that spoke HTTP: it has the socket ([`Passage::arrive`]), or gets it from the HTTP library
//! ([`Passage::expect`]). From other hosts the socket comes when their library gives it up, and gets a task of its own ([`Passage::wait`]).
//! A passage that is dropped before means that the client is gone.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use heliostat_proto::connection::{Input, Opening};
use hyper::upgrade::OnUpgrade;

use super::{
    Link,
    io::{TakenOver, take_over},
    web_sockets::{self, Carrier},
};
use crate::{connection::Outcome, trace};

/// Who waits for a socket.
#[derive(Debug)]
pub(crate) struct Passage(To);

#[derive(Debug)]
enum To {
    Link(Awaiting),
    /// The connection is over: one frame, then the end.
    Farewell {
        last: Bytes,
        max_message: Option<usize>,
    },
}

impl Passage {
    pub(crate) const fn to_link(link: Arc<Link>, opening: Opening) -> Self {
        Self(To::Link(Awaiting { link: Some(link), opening }))
    }

    pub(crate) const fn to_farewell(last: Bytes, max_message: Option<usize>) -> Self {
        Self(To::Farewell { last, max_message })
    }

    /// Here is the socket.
    pub(crate) fn arrive(self, taken: TakenOver) -> Socket {
        match self.0 {
            To::Link(awaiting) => awaiting.arrived(taken),
            To::Farewell { last, max_message } => Socket::Dismissed(
                async move { web_sockets::say_and_close(taken, &last, max_message).await }.boxed(),
            ),
        }
    }

    /// The socket comes when the library has written the answer.
    pub(crate) const fn expect(self, upgrade: OnUpgrade) -> Socket {
        Socket::Expected(self, upgrade)
    }

    /// The same where nobody else has a task for it.
    pub(crate) fn wait(self, upgrade: OnUpgrade) {
        tokio::spawn(self.expect(upgrade));
    }

    /// There will be no socket.
    fn refused(&self, error: hyper::Error) {
        if let To::Link(Awaiting { link: Some(link), .. }) = &self.0 {
            trace::transport_refused(link.kind, link.record.id, error);
        }
    }
}

/// A transport connection without its socket.
#[derive(Debug)]
pub(crate) struct Awaiting {
    /// There until the socket is.
    link: Option<Arc<Link>>,
    opening: Opening,
}

impl Awaiting {
    fn arrived(mut self, taken: TakenOver) -> Socket {
        let Some(link) = self.link.take() else { return Socket::Gone };
        if self.opening == Opening::ConnectAtOnce {
            tokio::spawn(initialize_when_connected(Arc::clone(&link)));
        }
        let max = link.core.settings.max_incoming_message;
        Socket::Carried(web_sockets::carry(link, taken, max))
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            link.close(Input::Lost(link.id));
        }
    }
}

/// The life of a WebSocket: its way here, if it is to wait for that, and then its carrier.
///
/// Written by hand, so that an idle socket keeps no room for the way.
#[must_use = "a socket that nobody carries is closed"]
pub(crate) enum Socket {
    Expected(Passage, OnUpgrade),
    Carried(Carrier),
    /// The connection is over; the client hears of it. Rare, so its room is not kept for everybody.
    Dismissed(BoxFuture<'static, ()>),
    /// It never came, or has ended.
    Gone,
}

impl Future for Socket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Carried(carrier) => {
                    ready!(Pin::new(carrier).poll(context));
                    *this = Self::Gone;
                }
                Self::Dismissed(farewell) => {
                    ready!(farewell.as_mut().poll(context));
                    *this = Self::Gone;
                }
                Self::Expected(_, upgrade) => {
                    let upgraded = ready!(Pin::new(upgrade).poll(context));
                    if let Self::Expected(passage, _) = std::mem::replace(this, Self::Gone) {
                        match upgraded {
                            Ok(upgraded) => *this = passage.arrive(take_over(upgraded)),
                            Err(error) => passage.refused(error),
                        }
                    }
                }
                Self::Gone => return Poll::Ready(()),
            }
        }
    }
}

/// Clients without a start request hear of a failed `connected` by the end of their socket.
async fn initialize_when_connected(link: Arc<Link>) {
    match link.record.callbacks.connected().await {
        Outcome::Failed => link.fault(),
        Outcome::NotDue | Outcome::Pending | Outcome::Succeeded => link.publish_initialize(),
    }
}
