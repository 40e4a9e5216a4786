//! An HTTP request becomes a [`Request`]: lenient where official clients are careless, strict about sizes.

use std::{future::poll_fn, pin::pin};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use heliostat_proto::{
    parameters::Parameters, protocol_version::ProtocolVersion, transport_kind::TransportKind,
};
use http::{StatusCode, request::Parts};
use http_body::Body;

use super::{
    answer::{Answer, refusal},
    headers::Headers,
    request::Request,
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
    if body.is_end_stream() {
        return Ok(Parameters::default());
    }
    Ok(Parameters::from_form(&collect(body, settings.max_incoming_message).await?))
}

/// The request that these are parts of.
pub(crate) fn take_in(parts: Parts, form: Parameters, settings: &Settings) -> Request {
    let query = Parameters::from_query(parts.uri.query().unwrap_or_default());
    let transport = query.get("transport").and_then(|name| TransportKind::parse(name).ok());
    let protocol_version =
        ProtocolVersion::resolve(query.get("clientProtocol"), settings.highest_protocol_version);
    Request {
        method: parts.method,
        path: parts.uri.path().into(),
        headers: Headers::pack(&parts.headers),
        extensions: parts.extensions,
        query,
        form,
        transport,
        protocol_version,
    }
}

/// Most bodies are one piece, which is read where it lies.
async fn collect<B>(body: B, max_message: Option<usize>) -> Result<Bytes, Box<Answer>>
where
    B: Body<Data: Send>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit =
        max_message.map_or(usize::MAX, |max| max.saturating_mul(FORM_ENCODING) + FORM_BESIDES_MESSAGE);
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
