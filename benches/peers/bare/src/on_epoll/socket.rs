//! A socket that writes at once what the kernel takes, and keeps the rest.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

/// What a socket is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Requests,
    WebSocket,
    EventStream,
}

/// One physical connection.
pub(super) struct Socket {
    stream: TcpStream,
    pub(super) kind: Kind,
    /// The beginning of a request or frame whose rest has not come yet.
    pub(super) unread: Vec<u8>,
    /// What the kernel has not taken yet.
    backlog: Vec<u8>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, kind: Kind::Requests, unread: Vec::new(), backlog: Vec::new() }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let written = if self.backlog.is_empty() { self.offer(bytes) } else { 0 };
        self.backlog.extend_from_slice(bytes.get(written..).unwrap_or_default());
    }

    /// The kernel may take more.
    pub(super) fn flush(&mut self) {
        if !self.backlog.is_empty() {
            let bytes = std::mem::take(&mut self.backlog);
            self.write(&bytes);
        }
    }

    /// Gives the kernel as much as it takes. A broken socket takes everything: its end is read soon.
    fn offer(&mut self, bytes: &[u8]) -> usize {
        match self.stream.write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => bytes.len(),
        }
    }
}
