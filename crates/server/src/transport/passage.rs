//! A WebSocket on its way from HTTP to whoever carries it.
//!
//! A host of ours passes the socket on with the answer ([`Passage::arrive`]); from others it comes when the HTTP library gives it up
//! ([`Passage::wait`]). A passage that is dropped before means that the client is gone.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
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
    pub(crate) fn arrive(self, taken: TakenOver) {
        match self.0 {
            To::Link(awaiting) => {
                tokio::spawn(awaiting.arrived(taken));
            }
            To::Farewell { last, max_message } => {
                tokio::spawn(async move { web_sockets::say_and_close(taken, &last, max_message).await });
            }
        }
    }

    /// The socket comes when the library has written the answer.
    pub(crate) fn wait(self, upgrade: OnUpgrade) {
        match self.0 {
            To::Link(awaiting) => {
                tokio::spawn(socket(awaiting, upgrade));
            }
            To::Farewell { last, max_message } => {
                tokio::spawn(async move {
                    if let Ok(upgraded) = upgrade.await {
                        web_sockets::say_and_close(take_over(upgraded), &last, max_message).await;
                    }
                });
            }
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

/// The task of a WebSocket: its way here, if it is to wait for that, and then its carrier.
///
/// Written by hand, so that an idle socket keeps no room for the way.
pub(crate) enum Socket {
    Expected(Awaiting, OnUpgrade),
    Carried(Carrier),
    /// It never came.
    Gone,
}

/// The task of the WebSocket that a library will hand over.
pub(crate) const fn socket(awaiting: Awaiting, upgrade: OnUpgrade) -> Socket {
    Socket::Expected(awaiting, upgrade)
}

impl Future for Socket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Carried(carrier) => return Pin::new(carrier).poll(context),
                Self::Expected(_, upgrade) => {
                    let upgraded = ready!(Pin::new(upgrade).poll(context));
                    if let Self::Expected(awaiting, _) = std::mem::replace(this, Self::Gone) {
                        match upgraded {
                            Ok(upgraded) => *this = awaiting.arrived(take_over(upgraded)),
                            Err(error) => refused(&awaiting, error),
                        }
                    }
                }
                Self::Gone => return Poll::Ready(()),
            }
        }
    }
}

fn refused(awaiting: &Awaiting, error: hyper::Error) {
    if let Some(link) = &awaiting.link {
        trace::transport_refused(link.kind, link.record.id, error);
    }
}

/// Clients without a start request hear of a failed `connected` by the end of their socket.
async fn initialize_when_connected(link: Arc<Link>) {
    match link.record.callbacks.connected().await {
        Outcome::Failed => link.fault(),
        Outcome::NotDue | Outcome::Pending | Outcome::Succeeded => link.publish_initialize(),
    }
}
