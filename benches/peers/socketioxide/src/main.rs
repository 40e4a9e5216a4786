//! socketioxide on axum, with the handlers that the load tool calls.

use std::{net::Ipv4Addr, process::ExitCode};

use socketioxide::{
    SocketIo,
    adapter::Adapter,
    extract::{AckSender, Data, SocketRef},
};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(port) = std::env::args().nth(1).and_then(|port| port.parse::<u16>().ok()) else {
        eprintln!("usage: peer-socketioxide <port>");
        return ExitCode::from(64);
    };
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer-socketioxide: port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> std::io::Result<()> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", connected);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it small messages wait for each other; a broken socket is noticed soon enough.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await
}

/// What each client may call. An answer or message that cannot be sent has lost its reader: there is nobody to tell.
async fn connected<A: Adapter>(socket: SocketRef<A>) {
    socket.on("echo", async |Data::<String>(text), answer: AckSender<A>| {
        let _ = answer.send(&text);
    });
    socket.on("broadcast", async |socket: SocketRef<A>, Data::<String>(text)| {
        let _ = socket.broadcast().emit("called", &text).await;
        let _ = socket.emit("called", &text);
    });
    socket.on("join", async |socket: SocketRef<A>, Data::<String>(group), answer: AckSender<A>| {
        socket.join(group);
        let _ = answer.send(&());
    });
    socket.on("sendToGroup", async |socket: SocketRef<A>, Data::<(String, String)>((group, text))| {
        let _ = socket.within(group).emit("called", &text).await;
    });
}
