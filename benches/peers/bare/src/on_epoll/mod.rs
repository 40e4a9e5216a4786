//! One thread, one epoll instance, one buffer to read into.
//!
//! Sockets are watched edge-triggered for both directions from the beginning, so that nothing has to be changed later. A read that
//! does not fill the buffer has emptied the socket: it is not tried again.

mod audience;
mod socket;

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
};

use audience::Audience;
use mio::{Events, Interest, Poll, Token, net::TcpListener};
use slab::Slab;
use socket::{Kind, Socket};

use crate::{
    Joining, answer,
    call::{self, Method},
    frame::{self, Frame},
    http::{self, Request},
};

const LISTENER: Token = Token(usize::MAX);
/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// One for all sockets, in bytes.
const READ_BUFFER: usize = 64 * 1024;

/// The server.
struct Server {
    poll: Poll,
    listener: TcpListener,
    sockets: Slab<Socket>,
    audience: Audience,
    joining: Joining,
    /// What one read answered, until it is written in one piece.
    replies: Vec<u8>,
}

/// Serves until the process is ended.
pub(crate) fn serve(address: SocketAddr, joining: Joining) -> io::Result<()> {
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let audience = Audience::default();
    Server { poll, listener, sockets: Slab::new(), audience, joining, replies: Vec::new() }.run()
}

impl Server {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let id = event.token().0;
                if let Some(socket) = self.sockets.get_mut(id).filter(|_| event.is_writable()) {
                    socket.flush();
                }
                if event.is_readable() && !self.read(id, &mut buffer) {
                    self.close(id);
                }
            }
            self.audience.deliver(&mut self.sockets);
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The client gave up, or there are no descriptors left: the next one may have more luck.
                Err(_) => return Ok(()),
            };
            stream.set_nodelay(true)?;
            let entry = self.sockets.vacant_entry();
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(entry.key()), both)?;
            entry.insert(Socket::new(stream));
        }
    }

    /// Reads what is there and answers it. False when the socket is over.
    fn read(&mut self, id: usize, buffer: &mut [u8]) -> bool {
        loop {
            let Some(socket) = self.sockets.get_mut(id) else { return true };
            let (bytes, emptied) = match socket.read(buffer) {
                Ok(0) => return false,
                Ok(length) => (buffer.get_mut(..length).unwrap_or_default(), length < READ_BUFFER),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            let open = if socket.unread.is_empty() {
                self.understand(id, bytes)
            } else {
                let mut all = std::mem::take(&mut socket.unread);
                all.extend_from_slice(bytes);
                self.understand(id, &mut all)
            };
            if !open || emptied {
                return open;
            }
        }
    }

    /// Answers all that is whole in `bytes` with one write, and keeps the rest.
    fn understand(&mut self, id: usize, bytes: &mut [u8]) -> bool {
        let (mut read, mut open) = (0, true);
        while let Some(kind) = self.sockets.get(id).map(|socket| socket.kind).filter(|_| open) {
            let rest = bytes.get_mut(read..).unwrap_or_default();
            let length = match kind {
                Kind::Requests => self.request(id, rest),
                Kind::WebSocket => self.frame(id, rest).map(|(length, goes_on)| {
                    open = goes_on;
                    length
                }),
                Kind::EventStream => None,
            };
            let Some(length) = length else { break };
            read += length;
        }
        let Some(socket) = self.sockets.get_mut(id) else { return false };
        socket.unread.extend_from_slice(bytes.get(read..).unwrap_or_default());
        if !self.replies.is_empty() {
            socket.write(&self.replies);
            self.replies.clear();
        }
        open
    }

    /// One WebSocket frame: its length, and whether the socket goes on.
    fn frame(&mut self, id: usize, bytes: &mut [u8]) -> Option<(usize, bool)> {
        let (frame, length) = frame::parse(bytes)?;
        if let Frame::Text { begin, end } = frame
            && let Some(result) = self.call(id, bytes.get(begin..end)?)
        {
            answer::frame_text(&mut self.replies, &result);
        }
        let open = frame != Frame::Close;
        if !open {
            self.replies.extend_from_slice(frame::CLOSE);
        }
        Some((length, open))
    }

    /// One HTTP request: its length.
    fn request(&mut self, id: usize, bytes: &[u8]) -> Option<usize> {
        let (request, length) = http::parse(bytes)?;
        match request {
            Request::Negotiate => self.replies.extend(answer::negotiated()),
            Request::Start => self.replies.extend(answer::started()),
            Request::OpenPolling => self.replies.extend(answer::polling()),
            Request::Other => self.replies.extend(answer::nothing()),
            Request::OpenWebSocket { key } => {
                self.replies.extend(answer::web_socket(key));
                self.becomes(id, Kind::WebSocket);
            }
            Request::OpenEventStream => {
                self.replies.extend(answer::event_stream());
                self.becomes(id, Kind::EventStream);
            }
            Request::Poll { token } => self.audience.poll(token, id, &mut self.sockets),
            Request::Send { form } => {
                let result = self.call(id, &http::form_data(form)).unwrap_or_else(|| b"{}".to_vec());
                self.replies.extend(answer::whole(&String::from_utf8_lossy(&result)));
            }
        }
        Some(length)
    }

    fn becomes(&mut self, id: usize, kind: Kind) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.kind = kind;
            self.audience.join(audience::EVERYBODY, id);
        }
    }

    /// Carries out a call of the client on socket `id`; its result, as JSON.
    fn call(&mut self, id: usize, text: &[u8]) -> Option<Vec<u8>> {
        let call = call::parse(text)?;
        match call.method {
            Method::Echo { text } => return Some(answer::result(call.id, Some(text))),
            Method::Broadcast { text } => self.audience.publish(audience::EVERYBODY, text),
            Method::SendToGroup { group, text } => self.audience.publish(group, text),
            Method::Join { group } => self.audience.join(group, id),
        }
        if self.joining == Joining::Each {
            self.audience.deliver(&mut self.sockets);
        }
        Some(answer::result(call.id, None))
    }

    fn close(&mut self, id: usize) {
        if self.sockets.try_remove(id).is_some() {
            self.audience.leave(id);
        }
    }
}
