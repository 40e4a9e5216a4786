//! One physical connection: its socket, and what is said on it.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::answer_head::{AnswerHead, Last};
use crate::transport::{read_buffer, try_write, write_now};

/// Longer requests are left to the library, in bytes. As much as is read at once.
pub(super) const MOST_IN_REQUEST: usize = read_buffer::SIZE;
/// Bodies up to here are copied behind their head, in bytes: less than a second system call costs.
const MOST_JOINED: usize = 16 * 1024;

/// So much whoever takes the socket over mostly says behind the answer's head, in bytes.
const FIRST_FRAME: usize = 128;

thread_local! {
    /// Where answers are put together. Taken out while it is in use.
    static ANSWER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A socket that is read and written in turns.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) socket: TcpStream,
    /// What is said and the kernel has not taken yet.
    pub(super) unsent: BytesMut,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, unsent: BytesMut::new() }
    }

    /// Reads on, at most one buffer full. Nothing at the end of the client's side.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        read: &mut Bytes,
    ) -> Poll<io::Result<usize>> {
        read_buffer::lend(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            let bytes = buffer.filled();
            *read =
                if read.is_empty() { Bytes::copy_from_slice(bytes) } else { [read, bytes].concat().into() };
            Poll::Ready(Ok(bytes.len()))
        })
    }

    /// Reads what the client sends while it has no answer yet, until it is gone. Who has sent too much ahead is not read; its end is noticed
    /// with the answer.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>, read: &mut Bytes) -> Poll<()> {
        while read.len() < MOST_IN_REQUEST {
            match ready!(self.poll_read(context, read)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Says an answer whose end is known.
    pub(super) fn say_whole(&mut self, head: &AnswerHead, body: &[u8], last: Last) -> io::Result<()> {
        self.say_with(|wire, answer| {
            head.write(answer, head.length_of(body.len()), last);
            if body.len() <= MOST_JOINED {
                answer.extend_from_slice(body);
                wire.say(answer)
            } else {
                wire.say(answer).and_then(|()| wire.say(body))
            }
        })
    }

    /// Lends an empty buffer of the thread, for what is to be said.
    pub(super) fn say_with<T>(&mut self, put: impl FnOnce(&mut Self, &mut Vec<u8>) -> T) -> T {
        let mut answer = ANSWER.take();
        answer.clear();
        let done = put(self, &mut answer);
        ANSWER.set(answer);
        done
    }

    /// Leaves an answer's beginning to whoever goes on with the socket, who will say more at once.
    pub(super) fn leave(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        self.say_with(|wire, beginning| {
            put(beginning);
            wire.unsent.reserve(beginning.len() + FIRST_FRAME);
            wire.unsent.extend_from_slice(beginning);
        });
    }

    /// Says as much as the kernel takes now, and keeps the rest.
    pub(super) fn say(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.unsent.is_empty() {
            write_now(&mut bytes, |bytes| try_write(&self.socket, bytes))?;
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Waits until the kernel has everything.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            ready!(self.socket.poll_write_ready(context))?;
            write_now(&mut self.unsent, |bytes| try_write(&self.socket, bytes))?;
        }
        Poll::Ready(Ok(()))
    }
}
