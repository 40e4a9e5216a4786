//! An HTTP request becomes a [`Request`]: lenient where official clients are careless, strict about sizes.

use heliostat_proto::{
    parameters::Parameters, protocol_version::ProtocolVersion, transport_kind::TransportKind,
};
use http::{StatusCode, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

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

/// The request as far as its head says.
pub(crate) fn without_body(parts: Parts, settings: &Settings) -> Request {
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
        form: Parameters::default(),
        transport,
        protocol_version,
    }
}

/// Reads the body as a form.
pub(crate) async fn form<B>(body: B, max_message: Option<usize>) -> Result<Parameters, Box<Answer>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit =
        max_message.map_or(usize::MAX, |max| max.saturating_mul(FORM_ENCODING) + FORM_BESIDES_MESSAGE);
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(Parameters::from_form(&collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Box::new(too_large(max_message.unwrap_or(limit))))
        }
        Err(error) => {
            Err(Box::new(refusal(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}"))))
        }
    }
}

/// The message is larger than the application allows (D-10).
pub(crate) fn too_large(max_message: usize) -> Answer {
    refusal(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the message is larger than {max_message} bytes; send less, or raise `max_incoming_message`"),
    )
}
