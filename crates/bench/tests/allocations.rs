//! A delivered broadcast costs no allocation: what a message needs is allocated once, however many connections hear it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what supports a test fails it by panicking, like the test itself"
)]

use std::alloc::System;

use heliostat::{EndpointOptions, Http1, Server, hub};
use hyper_util::service::TowerToHyperService;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Until all buffers have their size.
const WARM_UP: usize = 100;
/// Those that are counted.
const MESSAGES: usize = 64;
/// What stands at the end of every message, so that the clients know that they have it.
const MARK: &[u8] = b"the end\"]";

#[derive(Debug)]
struct LoudHub;

#[hub]
impl LoudHub {}

#[test]
fn a_broadcast_allocates_the_same_for_one_reader_and_for_a_hundred() {
    for transport in ["webSockets", "serverSentEvents"] {
        let [one, hundred] = [1, 100].map(|readers| allocations(transport, readers));
        assert!(one >= MESSAGES, "a message is allocated once, so something must have been counted");
        let per_delivery = (hundred as f64 - one as f64) / (99.0 * MESSAGES as f64);
        assert_eq!(hundred, one, "{transport}: {per_delivery} allocations per delivered message");
    }
}

/// Allocations of the whole process while so many connections hear [`MESSAGES`] broadcasts.
fn allocations(transport: &str, readers: usize) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server =
            Server::builder().hub(LoudHub).map_hubs("/signalr", EndpointOptions::default()).build().unwrap();
        let address = serve(&server).await;
        let mut clients = Vec::new();
        for _ in 0..readers {
            clients.push(connect(&address, transport).await);
        }
        let text = format!("{:90}the end", "");
        broadcast(&server, &mut clients, &text, WARM_UP).await;
        let region = Region::new(ALLOCATOR);
        broadcast(&server, &mut clients, &text, MESSAGES).await;
        region.change().allocations
    })
}

async fn broadcast(server: &Server, clients: &mut [TcpStream], text: &str, count: usize) {
    let hub = server.hub::<LoudHub>().unwrap();
    let mut buffer = [0; 4096];
    for _ in 0..count {
        hub.clients().all().invoke("called", (text,)).unwrap();
        for client in &mut *clients {
            let mut held = 0;
            while !buffer[..held].windows(MARK.len()).any(|window| window == MARK) {
                held += client.read(&mut buffer[held..]).await.unwrap();
            }
        }
    }
}

async fn serve(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(server.service());
            tokio::spawn(Http1::default().serve(stream, service, std::future::pending()));
        }
    });
    address
}

/// A connection that has started.
async fn connect(address: &str, transport: &str) -> TcpStream {
    let mut requests = TcpStream::connect(address).await.unwrap();
    let negotiated = ask(&mut requests, "negotiate?clientProtocol=2.1", "", "}").await;
    let token = negotiated.split("\"ConnectionToken\":\"").nth(1).unwrap().split('"').next().unwrap();
    let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let parameters = format!("transport={transport}&clientProtocol=2.1&connectionToken={token}");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = if transport == "webSockets" { upgrade } else { "" };
    let mut stream = TcpStream::connect(address).await.unwrap();
    ask(&mut stream, &format!("connect?{parameters}"), upgrade, "\"S\":1").await;
    ask(&mut requests, &format!("start?{parameters}"), "", "started").await;
    stream
}

/// Sends a request and reads until `end` has come.
async fn ask(stream: &mut TcpStream, what: &str, headers: &str, end: &str) -> String {
    let hub = "connectionData=%5B%7B%22name%22%3A%22loudhub%22%7D%5D";
    let head = format!("GET /signalr/{what}&{hub} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(end) {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}
