//! A tokio task per physical connection: what the same requests and calls cost on the runtime that the real server stands on.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Builder,
};

use crate::{
    answer,
    call::{self, Method},
    frame::{self, Frame},
    http::{self, Request},
};

/// Read at once, in bytes.
const READ_BUFFER: usize = 4 * 1024;
/// Connections that the system may keep until they are accepted.
const BACKLOG: u32 = 4096;

/// Serves until the process is ended, with a thread for each core as the real server has. Where there is but one, nothing is handed from
/// one thread to another.
pub(crate) fn serve(address: SocketAddr) -> io::Result<()> {
    let mut runtime = match std::thread::available_parallelism() {
        Ok(cores) if cores.get() == 1 => Builder::new_current_thread(),
        Ok(_) | Err(_) => Builder::new_multi_thread(),
    };
    runtime.enable_io().build()?.block_on(async {
        let listener = listen(address)?;
        // A task, because whoever waits in `block_on` is a thread more.
        tokio::spawn(accept_all(listener)).await.map_err(io::Error::other)
    })
}

async fn accept_all(listener: TcpListener) {
    loop {
        // A client that gave up meanwhile, or no descriptors left: the next one may have more luck.
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(carry(stream));
        }
    }
}

/// A listener whose option the sockets that it accepts inherit, where the system does that.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A broken socket is over, whatever broke it.
async fn carry(mut stream: TcpStream) {
    let mut unread = Vec::with_capacity(READ_BUFFER);
    let mut conversation = Conversation { upgraded: false, replies: Vec::new() };
    while matches!(stream.read_buf(&mut unread).await, Ok(1..)) {
        let open = conversation.understand(&mut unread);
        if !conversation.replies.is_empty() {
            if stream.write_all(&conversation.replies).await.is_err() {
                return;
            }
            conversation.replies.clear();
        }
        if !open {
            return;
        }
    }
}

/// One physical connection's requests, then perhaps its frames.
struct Conversation {
    upgraded: bool,
    replies: Vec<u8>,
}

impl Conversation {
    /// Answers all that is whole, and leaves the rest. False when the client says that it ends.
    fn understand(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut read = 0;
        let mut open = true;
        while let Some(rest) = bytes.get_mut(read..).filter(|_| open) {
            let length = if self.upgraded {
                self.frame(rest).map(|(length, goes_on)| {
                    open = goes_on;
                    length
                })
            } else {
                self.request(rest)
            };
            let Some(length) = length else { break };
            read += length;
        }
        bytes.drain(..read);
        open
    }

    fn frame(&mut self, bytes: &mut [u8]) -> Option<(usize, bool)> {
        let (frame, length) = frame::parse(bytes)?;
        if let Frame::Text { begin, end } = frame
            && let Some(result) = call(bytes.get(begin..end)?)
        {
            answer::frame_text(&mut self.replies, &result);
        }
        let open = frame != Frame::Close;
        if !open {
            self.replies.extend_from_slice(frame::CLOSE);
        }
        Some((length, open))
    }

    fn request(&mut self, bytes: &[u8]) -> Option<usize> {
        let (request, length) = http::parse(bytes)?;
        self.replies.extend(match request {
            Request::Negotiate => answer::negotiated(),
            Request::Start => answer::started(),
            Request::OpenPolling => answer::polling(),
            Request::OpenEventStream => answer::event_stream(),
            Request::Poll { .. } | Request::Other => answer::nothing(),
            Request::OpenWebSocket { key } => {
                self.upgraded = true;
                answer::web_socket(key)
            }
            Request::Send { form } => {
                let result = call(&http::form_data(form)).unwrap_or_else(|| b"{}".to_vec());
                answer::whole(&String::from_utf8_lossy(&result))
            }
        });
        Some(length)
    }
}

/// The result of a call; what is said to many is heard by nobody here.
fn call(text: &[u8]) -> Option<Vec<u8>> {
    let call = call::parse(text)?;
    let text = match call.method {
        Method::Echo { text } => Some(text),
        Method::Broadcast { .. } | Method::Join { .. } | Method::SendToGroup { .. } => None,
    };
    Some(answer::result(call.id, text))
}
