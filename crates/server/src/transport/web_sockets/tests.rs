//! A WebSocket's task in single steps: who wakes it, and what it does then.

use std::{
    collections::BTreeSet,
    net::TcpStream as Tcp,
    os::{fd::OwnedFd, unix::net::UnixStream},
    pin::pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    task::{Wake, Waker},
};

use bytes::BytesMut;
use heliostat_bus::{Start, TopicName};
use heliostat_proto::{
    connection::Opening,
    id::ConnectionId,
    name::{HubName, UserId},
    transport_kind::TransportKind,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{super::socket::MOST_WAITING, *};
use crate::{
    application::{About, Admission, Context as CallbackContext, Handling},
    connection::Arrival,
    http::request::Request,
    server::Server,
    transport::{Framing, GroupsRead, Initializes, LinkSeed, ReaderSeed},
};

/// Counts what it hears.
#[derive(Debug)]
struct Listener {
    heard: AtomicUsize,
    request: Arc<Request>,
}

impl Admission for Listener {
    fn request(&self) -> &Arc<Request> {
        &self.request
    }

    fn hears(&self, _: &HubName) -> bool {
        true
    }

    fn topics(&self, _: Option<&UserId>) -> Vec<TopicName> {
        Vec::new()
    }

    fn rejoining_groups(&self, groups: Vec<String>) -> Vec<String> {
        groups
    }

    fn connected(&self, _: About<'_>) -> Option<Handling> {
        None
    }

    fn reconnected(&self, _: About<'_>) -> Option<Handling> {
        None
    }

    fn disconnected(&self, _: About<'_>, _: heliostat_proto::connection::Reason) -> Option<Handling> {
        None
    }

    fn received(&self, _: CallbackContext, _: &str) -> Begun<Received> {
        self.heard.fetch_add(1, Ordering::Relaxed);
        Begun::Done(Received::Nothing)
    }
}

/// Whether a task was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn link() -> (Arc<Listener>, Arc<Link>) {
    let core = Server::builder().build().unwrap().core;
    let record = core.record(ConnectionId::from_random([7; 16])).unwrap();
    let request = Request::to_connect(TransportKind::WebSockets);
    let listener = Arc::new(Listener { heard: AtomicUsize::new(0), request: Arc::new(request) });
    let seed = LinkSeed {
        kind: TransportKind::WebSockets,
        admission: Arc::clone(&listener) as Arc<dyn Admission>,
        topics: vec![record.topic.clone()],
        start: Start::Now,
        came_at: core.now(),
        reader: ReaderSeed {
            connection: record.id,
            framing: Framing::WebSocket,
            groups: GroupsRead { prefix: "", names: BTreeSet::new() },
            initializes: Initializes::No,
        },
    };
    let arrival = Arrival { seed, opening: Opening::ConnectDelayed, endpoint: 0 };
    (listener, record.open(&core, arrival).unwrap())
}

fn pair() -> (TcpStream, TcpStream) {
    let tcp = |socket: UnixStream| {
        socket.set_nonblocking(true).unwrap();
        TcpStream::from_std(Tcp::from(OwnedFd::from(socket))).unwrap()
    };
    let (client, server) = UnixStream::pair().unwrap();
    (tcp(client), tcp(server))
}

#[tokio::test]
async fn a_client_that_was_not_read_because_of_its_results_is_read_when_they_are_written() {
    let (listener, link) = link();
    let (mut client, socket) = pair();
    let mut carrier =
        pin!(carry(Arc::clone(&link), TakenOver::new(socket, Vec::new(), BytesMut::new()), None));
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut poll = || carrier.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(poll());
    // A call has ended on another thread, which is about to write its result.
    link.socket.reply(vec![b'1'; MOST_WAITING]);
    client.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    tokio::task::yield_now().await;
    assert!(poll());
    assert_eq!(listener.heard.load(Ordering::Relaxed), 0, "too much is waiting for the client to hear it");
    flag.0.store(false, Ordering::Relaxed);
    link.notify();
    assert!(flag.0.load(Ordering::Relaxed), "the task sleeps on");
    while listener.heard.load(Ordering::Relaxed) == 0 {
        assert!(poll());
        tokio::task::yield_now().await;
    }
}
