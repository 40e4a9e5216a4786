//! What the fuzz targets may see of the insides: the readers of what clients send, and nothing that they keep.
//!
//! It is built for `fuzz/` (which is compiled with `--cfg fuzzing`) and for unit tests, which hold the promises of all targets to their seeds.
//! So the usual checks see both, without a compiler or a build of their own. It is no part of this crate's interface.

#[cfg(test)]
#[path = "../../../fuzz/src/lib.rs"]
pub mod promises;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use heliostat_bus::Epoch;
use http::Request;
use http_body::Body;

use crate::{
    BuildError, ResponseBody, Server, ServerBuilder,
    http::{
        host::{
            again::Again,
            answer_head::Last,
            short_request::{Seen, see},
        },
        upgrade::TakesSockets,
    },
    transport::incoming::{Arrived, Incoming},
};

/// RFC 6455, 5.5: a control frame carries 125 bytes at most, of which the status takes two.
const MOST_IN_REASON: usize = 123;

/// What a frame, or the last one of a message, turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, put together.
    Text(String),
    /// With its payload.
    Ping(Vec<u8>),
    /// Whatever it carries.
    Pong,
    /// With its status, if it has one.
    Close(Option<u16>),
    /// The client broke the protocol, and is told so by this status. Nothing is read behind it.
    Refused(u16),
}

/// Reads pieces as a WebSocket brings them, until the first refusal.
pub fn read_frames<'a>(max_message: Option<usize>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let (mut incoming, mut buffer, mut frames) = (Incoming::new(max_message), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let size = match incoming.take(&mut buffer) {
                Ok(None) => break,
                Ok(Some((arrived, size))) => {
                    frames.extend(frame(arrived));
                    size
                }
                Err(violation) => {
                    assert!(violation.reason.len() <= MOST_IN_REASON, "the client could not be told");
                    frames.push(Frame::Refused(violation.code));
                    return frames;
                }
            };
            buffer.drain(..size);
        }
    }
    frames
}

fn frame(arrived: Arrived<'_>) -> Option<Frame> {
    match arrived {
        Arrived::Message(text) => Some(Frame::Text(text.into_owned())),
        Arrived::Fragment => None,
        Arrived::Ping(payload) => Some(Frame::Ping(payload.to_vec())),
        Arrived::Pong => Some(Frame::Pong),
        Arrived::Close(status) => Some(Frame::Close(status)),
    }
}

/// What the first bytes of an HTTP conversation are.
#[derive(Debug)]
pub enum Beginning {
    /// A request that is read by ourselves.
    Whole(Box<ShortRequest>),
    /// It goes on with bytes that have not come.
    Part,
    /// The library's.
    Unusual,
}

/// A request and what follows from it.
#[derive(Debug)]
pub struct ShortRequest {
    /// With all of its body.
    pub request: Request<Bytes>,
    /// How many bytes it takes.
    pub size: usize,
    /// The client wants no answer after this one.
    pub is_last: bool,
    /// The client asks for a WebSocket.
    pub upgrades: bool,
}

/// Looks at the first bytes of an HTTP conversation.
#[must_use]
pub fn read_short_request(bytes: &[u8], most_in_head: usize) -> Beginning {
    let read = see(&Bytes::copy_from_slice(bytes), most_in_head, |short| {
        let request = short.request()?.map(all);
        if let Some(target) = short.path_and_query() {
            let uri = request.uri();
            assert_eq!(target, (uri.path(), uri.query().unwrap_or_default()), "a library reads it otherwise");
            assert_eq!(short.head(target).headers.map(), request.headers(), "a library reads them otherwise");
        }
        if let Some(again) = Again::of(&short, ()) {
            let size = short.head.len() + short.body.len();
            assert_eq!(again.body(bytes), Some((short.body, size)), "it is not known again");
        }
        let upgrades = request.extensions().get::<TakesSockets>().is_some();
        Some(ShortRequest { request, size: 0, is_last: short.last == Last::Yes, upgrades })
    });
    match read {
        Seen::Whole(short, size) => Beginning::Whole(Box::new(ShortRequest { size, ..short })),
        Seen::Part => Beginning::Part,
        Seen::Unusual => Beginning::Unusual,
    }
}

/// A body that is there already. One that is not is empty here, and so not what was sent.
fn all(body: impl Body<Data = Bytes>) -> Bytes {
    match pin!(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        Poll::Ready(Some(Err(_)) | None) | Poll::Pending => Bytes::new(),
    }
}

/// Makes a server whose cursors begin with this number, so that one can be asked what another was.
///
/// # Errors
/// As [`ServerBuilder::build`].
pub fn build(builder: ServerBuilder, epoch: u32) -> Result<Server, BuildError> {
    builder.build_for_log(Epoch::new(epoch))
}

/// The body of an answer, for services that a [host](crate::Http1) is tried with.
#[must_use]
pub fn answer_body(bytes: Vec<u8>) -> ResponseBody {
    ResponseBody::whole(bytes)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        panic::catch_unwind,
        path::{Path, PathBuf},
    };

    use super::promises::*;

    /// A target, and what it tries out.
    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 8] = [
        ("connection_data", connection_data::holds_for),
        ("conversation", conversation::holds_for),
        ("frames", frames::holds_for),
        ("identifiers", identifiers::holds_for),
        ("invocation", invocation::holds_for),
        ("lenient_stream", lenient_stream::holds_for),
        ("parameters", parameters::holds_for),
        ("short_request", short_request::holds_for),
    ];

    fn files(folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder);
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn every_promise_holds_for_its_seeds_and_their_beginnings() {
        for (target, holds_for) in TARGETS {
            for seed in files(&format!("seeds/{target}")) {
                let bytes = fs::read(&seed).unwrap();
                // A conversation takes milliseconds, everything else microseconds.
                let step = if target == "conversation" { 16 } else { 1 };
                for end in (1..=bytes.len()).rev().step_by(step) {
                    let held = catch_unwind(|| holds_for(&bytes[..end]));
                    assert!(held.is_ok(), "not for the first {end} bytes of {}", seed.display());
                }
            }
        }
    }

    #[test]
    fn no_target_is_left_out() {
        let targets: Vec<_> = files("fuzz_targets")
            .iter()
            .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(targets, TARGETS.map(|(target, _)| target));
    }
}
