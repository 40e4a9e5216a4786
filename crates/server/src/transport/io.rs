//! A socket that several threads may write to without waiting for it.
//!
//! The WebSocket library reads and writes synchronously; this adapter turns "not now" into `WouldBlock` and remembers which
//! task wants to know when the socket is ready again. That is always the link's own task, whoever is writing.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::http::lenient::LenientStream;

/// The bytes under a WebSocket.
pub(crate) struct Io {
    stream: Stream,
    /// The link's task.
    waker: Waker,
}

enum Stream {
    /// The common case, without the indirection; also free of the task budget that a publisher with a thousand sockets would spend.
    Tcp(TcpStream),
    /// TLS, or whatever else the host puts under HTTP.
    Other(Box<TokioIo<Upgraded>>),
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.stream {
            Stream::Tcp(_) => "Io(Tcp)",
            Stream::Other(_) => "Io(Other)",
        })
    }
}

impl Io {
    /// Takes the socket over from HTTP; what had been read too far is returned with it.
    pub(crate) fn new(upgraded: Upgraded) -> (Self, Vec<u8>) {
        let (stream, read) = take_apart(upgraded);
        (Self { stream, waker: Waker::noop().clone() }, read)
    }

    /// Who is woken when the socket can go on.
    pub(crate) fn wake_with(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
    }
}

fn take_apart(upgraded: Upgraded) -> (Stream, Vec<u8>) {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => return (Stream::Tcp(parts.io.into_inner()), parts.read_buf.to_vec()),
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<TokioIo<LenientStream<TcpStream>>>() {
        Ok(parts) => {
            let (stream, held) = parts.io.into_inner().into_parts();
            (Stream::Tcp(stream), [&*parts.read_buf, &*held].concat())
        }
        Err(upgraded) => (Stream::Other(Box::new(TokioIo::new(upgraded))), Vec::new()),
    }
}

impl Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut context = Context::from_waker(&self.waker);
        let mut buffer = ReadBuf::new(buffer);
        let polled = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(&mut context, &mut buffer),
            Stream::Other(stream) => Pin::new(stream).poll_read(&mut context, &mut buffer),
        };
        ready(polled.map_ok(|()| buffer.filled().len()))
    }
}

impl Write for Io {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut context = Context::from_waker(&self.waker);
        match &mut self.stream {
            Stream::Tcp(stream) => match stream.try_write(bytes) {
                // Asking again through the task's context leaves its waker behind.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready(Pin::new(stream).poll_write(&mut context, bytes))
                }
                written => written,
            },
            Stream::Other(stream) => ready(Pin::new(stream).poll_write(&mut context, bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut context = Context::from_waker(&self.waker);
        match &mut self.stream {
            Stream::Tcp(_) => Ok(()),
            Stream::Other(stream) => ready(Pin::new(stream).poll_flush(&mut context)),
        }
    }
}

fn ready<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
