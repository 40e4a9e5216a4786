//! An HTTP request becomes a [`Request`]: lenient where official clients are careless, strict about sizes.

use std::{future::poll_fn, pin::pin, sync::OnceLock};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use heliostat_proto::{
    parameters::Parameters, protocol_version::ProtocolVersion, route::Command, transport_kind::TransportKind,
};
use http::StatusCode;
use http_body::Body;

use super::{
    answer::{Answer, refusal},
    head::Head,
    request::RequestHead,
};
use crate::settings::Settings;

/// Besides the message a form holds a cursor and a groups token, in bytes.
const FORM_BESIDES_MESSAGE: usize = 64 * 1024;
/// `%XX` for every byte.
const FORM_ENCODING: usize = 3;

/// Reads the whole body. It is a form, whatever its content type says (spec 2.3).
pub(crate) async fn form<B>(body: B, settings: &Settings) -> Result<Parameters, Box<Answer>>
where
    B: Body<Data: Send> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Ok(Parameters::from_form(&collect(body, settings.max_incoming_message).await?))
}

/// The same of a body that is all there.
pub(crate) fn form_of(body: &[u8], settings: &Settings) -> Result<Parameters, Box<Answer>> {
    let max_message = settings.max_incoming_message;
    if body.len() > most_in_form(max_message) {
        return Err(Box::new(too_large(max_message.unwrap_or(usize::MAX))));
    }
    Ok(Parameters::from_form(body))
}

/// How long the form around a message can be, in bytes.
fn most_in_form(max_message: Option<usize>) -> usize {
    max_message.map_or(usize::MAX, |max| max.saturating_mul(FORM_ENCODING) + FORM_BESIDES_MESSAGE)
}

/// The request as far as its head says.
pub(crate) fn without_body(head: Head<'_>, settings: &Settings) -> RequestHead {
    let query = Parameters::from_query(head.query);
    let transport = query.get("transport").and_then(|name| TransportKind::parse(name).ok());
    let protocol_version =
        ProtocolVersion::resolve(query.get("clientProtocol"), settings.highest_protocol_version);
    RequestHead {
        method: head.method,
        path: head.path.into(),
        command: Command::of(head.path),
        headers: head.headers,
        extensions: head.extensions,
        query,
        transport,
        protocol_version,
        connection: OnceLock::new(),
    }
}

/// Most bodies are one piece, which is read where it lies.
async fn collect<B>(body: B, max_message: Option<usize>) -> Result<Bytes, Box<Answer>>
where
    B: Body<Data: Send>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit = most_in_form(max_message);
    let mut body = pin!(body);
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            let error: Box<dyn std::error::Error + Send + Sync> = error.into();
            Box::new(refusal(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}")))
        })?;
        // Trailers say nothing.
        let Ok(mut data) = frame.into_data() else { continue };
        if data.remaining() > limit - first.len().max(joined.len()) {
            return Err(Box::new(too_large(max_message.unwrap_or(limit))));
        }
        if joined.is_empty() && first.is_empty() {
            first = data.copy_to_bytes(data.remaining());
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.put(data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// The message is larger than the application allows (D-10).
pub(crate) fn too_large(max_message: usize) -> Answer {
    refusal(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the message is larger than {max_message} bytes; send less, or raise `max_incoming_message`"),
    )
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// What becomes of a body in these pieces, with trailers behind it, if a form may have `most` bytes beyond the usual.
    async fn collected(pieces: &[&'static str], most: usize) -> Result<Bytes, StatusCode> {
        let frames = pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes())));
        let trailers = Frame::trailers(http::HeaderMap::new());
        let all = stream::iter(frames.chain([trailers]).map(Ok::<_, Infallible>).collect::<Vec<_>>());
        collect(StreamBody::new(all), Some(most)).await.map_err(|answer| answer.status)
    }

    #[tokio::test]
    async fn a_body_is_the_same_in_however_many_pieces_it_comes() {
        for pieces in [&["data=abc"][..], &["data", "=", "", "abc"], &["", "data=abc"], &["data=abc", ""]] {
            assert_eq!(collected(pieces, 0).await.unwrap(), "data=abc", "{pieces:?}");
        }
        assert_eq!(collected(&[], 0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_is_too_large_in_however_many_pieces_it_comes() {
        let full: &'static str = Box::leak("x".repeat(FORM_BESIDES_MESSAGE).into_boxed_str());
        let (half, rest) = full.split_at(1000);
        let settings = Settings { max_incoming_message: Some(0), ..Settings::default() };
        for (pieces, more) in [(&[full][..], &[full, "x"][..]), (&[half, rest], &[half, rest, "x"])] {
            assert_eq!(collected(pieces, 0).await.map(|body| body.len()), Ok(FORM_BESIDES_MESSAGE));
            assert_eq!(collected(more, 0).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
            let whole = |pieces: &[&str]| form_of(pieces.concat().as_bytes(), &settings).is_ok();
            assert_eq!((whole(pieces), whole(more)), (true, false));
        }
    }
}
