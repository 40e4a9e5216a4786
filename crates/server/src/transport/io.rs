//! The bytes under a WebSocket: one half to read, for the link's own task, and one to write, for whoever has news.
//!
//! A publisher never waits for a socket. What the kernel does not take stays with the writer, and the link's task alone asks to be woken
//! when there is room again.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::{
    ahead::Lines,
    http::{host::library::HttpStream, lenient::LenientStream},
};

/// What the client sends.
#[derive(Debug)]
pub(crate) enum Input {
    /// The common case, without the indirection.
    Tcp(OwnedReadHalf),
    /// TLS, or whatever else the host puts under HTTP.
    Other(ReadHalf<TokioIo<Upgraded>>),
}

/// What the client gets.
#[derive(Debug)]
pub(crate) enum Output {
    /// Also free of the task budget that a publisher with a thousand sockets would spend.
    Tcp(OwnedWriteHalf),
    Other {
        half: WriteHalf<TokioIo<Upgraded>>,
        /// A layer in between, TLS for instance, holds bytes back.
        is_behind: bool,
    },
}

/// A socket that is not HTTP's any more.
#[derive(Debug)]
pub(crate) struct TakenOver {
    pub(super) input: Input,
    pub(super) output: Output,
    /// What had been read too far.
    pub(super) read: Vec<u8>,
    /// What HTTP has written and nobody has sent: it goes out first.
    pub(super) unsent: BytesMut,
}

/// Hands over as much as the kernel takes now; `bytes` keeps the rest.
///
/// # Errors
/// If the socket is of no more use.
pub(crate) fn write_now(
    bytes: &mut impl Buf,
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    while bytes.has_remaining() {
        match write(bytes.chunk()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes.advance(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes what the kernel takes now.
///
/// The runtime keeps for each socket whether the kernel would take anything, in a place that is seldom in the processor's cache when
/// somebody publishes to a thousand sockets. So the kernel is asked at once, and the runtime only learns of it if the answer is no.
pub(crate) fn try_write(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match rustix::net::send(socket, bytes, rustix::net::SendFlags::NOSIGNAL) {
        Err(rustix::io::Errno::WOULDBLOCK) => {}
        sent => return Ok(sent?),
    }
    socket.try_write(bytes)
}

impl TakenOver {
    /// From a host of ours.
    pub(crate) fn new(socket: TcpStream, read: Vec<u8>, unsent: BytesMut) -> Self {
        Self { unsent, ..halves(socket, read) }
    }
}

/// Takes the socket over from HTTP.
pub(super) fn take_over(upgraded: Upgraded) -> TakenOver {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => return halves(parts.io.into_inner(), parts.read_buf.to_vec()),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<HttpStream>>() {
        Ok(parts) => {
            let (stream, unsent) = parts.io.into_inner().into_parts();
            return TakenOver { unsent, ..lenient_halves(stream, &parts.read_buf) };
        }
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<TokioIo<LenientStream<TcpStream>>>() {
        Ok(parts) => lenient_halves(parts.io.into_inner(), &parts.read_buf),
        Err(upgraded) => {
            let (input, output) = tokio::io::split(TokioIo::new(upgraded));
            let (input, output) = (Input::Other(input), Output::Other { half: output, is_behind: false });
            TakenOver { input, output, read: Vec::new(), unsent: BytesMut::new() }
        }
    }
}

fn lenient_halves(stream: LenientStream<TcpStream>, read: &[u8]) -> TakenOver {
    let (stream, held) = stream.into_parts();
    halves(stream, [read, &*held].concat())
}

fn halves(stream: TcpStream, read: Vec<u8>) -> TakenOver {
    let (input, output) = stream.into_split();
    TakenOver { input: Input::Tcp(input), output: Output::Tcp(output), read, unsent: BytesMut::new() }
}

impl Input {
    /// Reads into `buffer`; nothing at the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = match self {
            Self::Tcp(half) => Pin::new(half).poll_read(context, &mut buffer),
            Self::Other(half) => Pin::new(half).poll_read(context, &mut buffer),
        };
        polled.map_ok(|()| buffer.filled().len())
    }
}

impl Output {
    /// Writes what can be written now, and asks nobody to be woken.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::Tcp(half) = self {
            return try_write(half.as_ref(), bytes);
        }
        let mut context = Context::from_waker(Waker::noop());
        match self.poll_write(&mut context, bytes) {
            Poll::Ready(Ok(count)) => {
                _ = self.poll_flush(&mut context)?;
                Ok(count)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Where the socket lies, if it is one.
    pub(super) fn lines(&self) -> Option<Lines> {
        match self {
            Self::Tcp(half) => Some(Lines::of(half.as_ref())),
            Self::Other { .. } => None,
        }
    }

    /// The same for the link's task, which is woken when there is room.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_write(context, bytes),
            Self::Other { half, .. } => Pin::new(half).poll_write(context, bytes),
        }
    }

    /// Passes on what layers between us and the kernel hold back.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Other { half, is_behind } => {
                let flushed = Pin::new(half).poll_flush(context);
                *is_behind = flushed.is_pending();
                flushed
            }
        }
    }

    /// Ends the writing. A plain socket says so when it is closed, which follows at once: the half alone would ask the kernel twice.
    pub(super) fn let_go(self) {
        if let Self::Tcp(half) = self {
            half.forget();
        }
    }

    /// Whether something waits for [`poll_flush`](Self::poll_flush).
    pub(super) const fn is_behind(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            Self::Other { is_behind, .. } => *is_behind,
        }
    }
}
