//! What connections, what is kept of them, and deliveries cost in memory, measured by an allocator that counts.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to stop")]

use std::{
    alloc::System,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Mutex,
    time::Duration,
};

use heliostat::{Http1, Server, hub};
use hyper_util::service::TowerToHyperService;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The tests share the allocator, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

struct Quiet;

#[hub]
impl Quiet {
    fn nothing(&self) {}
}

/// A server on a port of this machine. Its clients are plain sockets, which have no memory of their own.
struct Stage {
    server: Server,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Stage {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = Server::builder().hub(Quiet).build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let (address, service) = (listener.local_addr().unwrap(), server.service());
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(Http1::default().serve(stream, service, std::future::pending()));
            }
        });
        Self { server, address, _runtime: runtime }
    }

    /// A connection that has started, its transport connection and the query of its requests.
    fn connect(&self, transport: &str) -> (TcpStream, String) {
        const DATA: &str = "connectionData=%5B%7B%22name%22%3A%22quiet%22%7D%5D&clientProtocol=2.1";
        let negotiated = self.ask(&format!("/signalr/negotiate?{DATA}"), "Connection: close");
        let token = negotiated.1.split("\"ConnectionToken\":\"").nth(1).unwrap().split('"').next().unwrap();
        let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let query = format!("transport={transport}&connectionToken={token}&{DATA}");
        let headers = match transport {
            "webSockets" => {
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            }
            _ => "Accept: */*",
        };
        let (socket, first) = self.ask(&format!("/signalr/connect?{query}"), headers);
        let (_, started) = self.ask(&format!("/signalr/start?{query}"), "Connection: close");
        assert!(started.contains("started"), "{started}");
        if transport != "longPolling" {
            return (socket, query);
        }
        let cursor = first.split("\"C\":\"").nth(1).unwrap().split('"').next().unwrap();
        (self.send(&format!("/signalr/poll?{query}&messageId={cursor}"), "Accept: */*"), query)
    }

    /// Connections that have started and were stopped by their clients.
    fn connect_and_stop(&self, transport: &str, count: usize) {
        for _ in 0..count {
            let (_socket, query) = self.connect(transport);
            self.ask(&format!("/signalr/abort?{query}"), "Connection: close");
        }
        std::thread::sleep(Duration::from_millis(300));
    }

    /// Sends a request and reads until the answer, or the socket's first message, is there.
    fn ask(&self, path: &str, headers: &str) -> (TcpStream, String) {
        let mut stream = self.send(path, headers);
        let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
        let is_whole = |answer: &[u8]| answer.windows(5).any(|part| part == b"\"S\":1");
        while !is_whole(&answer) {
            match stream.read(&mut piece).unwrap() {
                0 => break,
                count => answer.extend_from_slice(&piece[..count]),
            }
        }
        (stream, String::from_utf8_lossy(&answer).into_owned())
    }

    fn send(&self, path: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: example\r\nUser-Agent: test\r\n{headers}\r\n\r\n")
            .unwrap();
        stream
    }

    fn connect_many(&self, count: usize) -> Vec<TcpStream> {
        let sockets = (0..count).map(|_| self.connect("webSockets").0).collect();
        // The requests' connections end a little later than their answers.
        std::thread::sleep(Duration::from_millis(300));
        sockets
    }
}

fn bytes_in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

#[test]
fn an_idle_web_socket_takes_less_than_three_kibibytes_of_heap() {
    const COUNT: usize = 256;
    let _turn = TURN.lock().unwrap();
    let stage = Stage::new();
    let warm = stage.connect_many(COUNT);
    let before = bytes_in_use();
    let sockets = stage.connect_many(COUNT);
    let each = (bytes_in_use() - before) / COUNT;
    assert_eq!(warm.len() + sockets.len(), 2 * COUNT);
    assert!(each < 3072, "{each} bytes; see the table in src/sizes.rs for what grew");
}

/// Besides the tombstone: its places in the registry and among the tombstones, and how both grow; of requests other than WebSockets' the
/// token too, of which a bounded number is remembered.
#[test]
fn a_connection_that_is_over_takes_less_than_three_hundred_bytes_of_heap() {
    const COUNT: usize = 1024;
    const TOKEN: usize = 100;
    let _turn = TURN.lock().unwrap();
    for (transport, limit) in
        [("webSockets", 300), ("serverSentEvents", 300 + TOKEN), ("longPolling", 300 + TOKEN)]
    {
        let stage = Stage::new();
        // Fills what is bounded: tokens that wait for their client, topics that nobody reads any more.
        stage.connect_and_stop(transport, COUNT);
        let before = bytes_in_use();
        stage.connect_and_stop(transport, COUNT);
        let each = (bytes_in_use() - before) / COUNT;
        assert_eq!(stage.server.connections().len(), 2 * COUNT, "all are remembered");
        assert!(each < limit, "{transport}: {each} bytes; see the table in src/sizes.rs for what grew");
    }
}

#[test]
fn a_broadcast_allocates_for_its_message_and_not_for_its_readers() {
    const READERS: usize = 100;
    let _turn = TURN.lock().unwrap();
    let stage = Stage::new();
    let sockets = stage.connect_many(READERS);
    let everyone = stage.server.hub::<Quiet>().unwrap().clients().all();
    let text = "x".repeat(100);
    let allocations = |broadcasts: usize| {
        let before = ALLOCATOR.stats().allocations;
        (0..broadcasts).for_each(|_| everyone.invoke("news", (&text,)).unwrap());
        ALLOCATOR.stats().allocations - before
    };
    allocations(10);
    let each = allocations(50) / 50;
    assert_eq!(sockets.len(), READERS);
    assert!(each < 25, "{each} allocations for one message to {READERS} readers");
}
