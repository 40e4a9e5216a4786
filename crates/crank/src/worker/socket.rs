//! A non-blocking TCP socket and what could not be written to it yet.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr},
};

use mio::{Interest, Registry, Token, net::TcpStream};
use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};

/// Bytes that may wait for a server that does not read. Beyond it nothing more is produced.
pub(crate) const MAX_BACKLOG: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    out: Vec<u8>,
    written: usize,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// That many bytes, and there may be more.
    More(usize),
    /// That many bytes, and no more for now: the next ones cause an event.
    Last(usize),
    /// The end, in order or not.
    End,
}

impl Socket {
    /// Begins to connect; what is written before it is connected waits.
    pub(crate) fn open(
        registry: &Registry,
        token: Token,
        target: SocketAddr,
        source: Option<IpAddr>,
    ) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        raw.set_nonblocking(true)?;
        // Calls are small and wait for nothing.
        raw.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            raw.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
        }
        match raw.connect(&SockAddr::from(target)) {
            Ok(()) => {}
            Err(error) if is_under_way(&error) => {}
            Err(error) => return Err(error),
        }
        let mut stream = TcpStream::from_std(raw.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, out: Vec::new(), written: 0 })
    }

    /// Where to put what is to be written; [`Socket::flush`] writes it.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(crate) fn has_room(&self) -> bool {
        self.out.len() - self.written < MAX_BACKLOG
    }

    /// Writes what can be written now. An error shows again when reading, where it is dealt with.
    pub(crate) fn flush(&mut self) {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
        self.out.clear();
        self.written = 0;
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Got {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Got::End,
                // epoll(7): less than asked for means that there is no more, and that more will be an event.
                Ok(count) if count < buffer.len() => Got::Last(count),
                Ok(count) => Got::More(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Got::Last(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Not connected yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Got::Last(0),
                Err(_) => Got::End,
            };
        }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    // EINPROGRESS has no kind of its own in stable Rust.
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(IN_PROGRESS)
}

#[cfg(target_os = "linux")]
const IN_PROGRESS: i32 = 115;
#[cfg(windows)]
const IN_PROGRESS: i32 = 10035;
#[cfg(not(any(target_os = "linux", windows)))]
const IN_PROGRESS: i32 = 36;
