//! An event stream: one answer that does not end.

use std::convert::Infallible;

use heliostat_proto::connection::client::Frame;
use heliostat_proto::frame::event_reader::EventReader;
use http::Method;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};

use super::{News, Opener, Reporter, Unwanted};
use crate::error::RequestError;
use crate::exchange::accepted;

/// What the stream begins with (6.3).
const PREAMBLE: &str = "initialized";

/// Why a stream is over.
enum End {
    Lost(RequestError),
    Unwanted,
}

pub(super) async fn run(opener: Opener, reporter: Reporter) {
    match stream(&opener, &reporter).await {
        Err(End::Lost(error)) => drop(reporter.tell(News::Lost(error)).await),
        Err(End::Unwanted) => {}
        Ok(never) => match never {},
    }
}

async fn stream(opener: &Opener, reporter: &Reporter) -> Result<Infallible, End> {
    let request = opener.request(Method::GET).await?;
    let request = request.header(ACCEPT, "text/event-stream").header(CACHE_CONTROL, "no-cache");
    let mut answer = accepted(request.send().await.map_err(RequestError::from)?).await?;
    let kind = answer.headers().get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
    let kind = kind.unwrap_or_default();
    if !kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
        return Err(End::Lost(RequestError::NotAnEventStream { found: kind.as_ref().into() }));
    }
    let limit = opener.session.longest_message();
    let mut reader = EventReader::new(limit);
    let mut is_new = true;
    while let Some(chunk) = answer.chunk().await.map_err(RequestError::from)? {
        // 6.3: the client has reconnected when the first bytes come.
        if std::mem::take(&mut is_new) {
            reporter.tell(News::Opened).await?;
        }
        reader.read(&chunk).map_err(|_| RequestError::TooLong { limit })?;
        while let Some(text) = reader.poll_event() {
            match text.as_str() {
                PREAMBLE => reporter.tell(News::Received(Frame::KeepAlive)).await?,
                text => reporter.tell_frame(text).await?,
            }
        }
    }
    Err(End::Lost(RequestError::Ended))
}

impl From<RequestError> for End {
    fn from(error: RequestError) -> Self {
        Self::Lost(error)
    }
}

impl From<Unwanted> for End {
    fn from(Unwanted: Unwanted) -> Self {
        Self::Unwanted
    }
}
