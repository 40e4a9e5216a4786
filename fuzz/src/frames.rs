//! WebSocket frames are read the same however their bytes are cut, and as another implementation reads them.

use std::io::{self, Read, Write};

use heliostat::fuzzing::{Frame, read_frames};
use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocket, WebSocketConfig},
};

/// Large enough for each form of a length.
const MOST_IN_MESSAGE: usize = 70_000;

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let whole = read_frames(Some(MOST_IN_MESSAGE), [bytes]);
    let size = usize::from(cut).max(1);
    assert_eq!(whole, read_frames(Some(MOST_IN_MESSAGE), bytes.chunks(size)), "in pieces of {size}");
    // A small limit refuses what is longer, and changes nothing about the others.
    let small = read_frames(Some(size), [bytes]);
    match small.split_last() {
        Some((Frame::Refused(1009), before)) => assert!(whole.starts_with(before)),
        _ => assert_eq!(small, whole),
    }
    let is_too_long = |frame: &Frame| matches!(frame, Frame::Text(text) if text.len() > size);
    assert!(!small.iter().any(is_too_long), "of {size} bytes at most: {small:?}");
    compare(&whole, bytes);
}

/// Why the other reader stopped.
#[derive(Debug)]
enum Stopped {
    /// There is nothing more.
    Incomplete,
    Closed,
    Refused,
    /// It looks at each fragment; we look at the message, and until its end we hear what comes between.
    NoText,
}

fn compare(ours: &[Frame], bytes: &[u8]) {
    let (theirs, stopped) = read_by_another(bytes);
    let end = ours.iter().position(|frame| matches!(frame, Frame::Close(_) | Frame::Refused(_)));
    let (ours, end) = ours.split_at(end.unwrap_or(ours.len()));
    let (same, longer) = ours.split_at(theirs.len().min(ours.len()));
    assert_eq!(same, &theirs[..same.len()]);
    let is_text = |frame: &Frame| matches!(frame, Frame::Text(_));
    let agree = match (longer, &theirs[same.len()..], end.first()) {
        // It waits for the end of a binary message, and takes control frames whose length has a longer form than it needs.
        ([], [next, ..], Some(Frame::Refused(1002 | 1003))) => !is_text(next),
        ([], [], None) => matches!(stopped, Stopped::Incomplete | Stopped::NoText),
        ([], [], Some(Frame::Close(_))) => matches!(stopped, Stopped::Closed | Stopped::NoText),
        // A close in the middle of a binary message, or with a status that nobody may send, is a close to it.
        ([], [], Some(Frame::Refused(1002 | 1003 | 1007))) => true,
        // What its head forbids, we refuse before it is there.
        ([], [], Some(Frame::Refused(_))) => !matches!(stopped, Stopped::Closed),
        (longer, [], _) => matches!(stopped, Stopped::NoText) && !longer.iter().any(is_text),
        _ => false,
    };
    assert!(agree, "behind {same:?} we read {longer:?} {end:?}, the other reader {theirs:?} {stopped:?}");
}

fn read_by_another(bytes: &[u8]) -> (Vec<Frame>, Stopped) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MOST_IN_MESSAGE))
        .max_frame_size(Some(MOST_IN_MESSAGE))
        .read_buffer_size(4096);
    let mut socket = WebSocket::from_raw_socket(Bytes(bytes), Role::Server, Some(config));
    let mut frames = Vec::new();
    let stopped = loop {
        frames.push(match socket.read() {
            Ok(Message::Text(text)) => Frame::Text(text.to_string()),
            Ok(Message::Ping(payload)) => Frame::Ping(payload.to_vec()),
            Ok(Message::Pong(_)) => Frame::Pong,
            Ok(Message::Close(_)) => break Stopped::Closed,
            Ok(Message::Binary(_) | Message::Frame(_)) => break Stopped::Refused,
            Err(Error::Io(_)) => break Stopped::Incomplete,
            Err(Error::Utf8(_)) => break Stopped::NoText,
            Err(_) => break Stopped::Refused,
        });
    };
    (frames, stopped)
}

/// A socket on which nothing more comes, and which takes everything.
struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
