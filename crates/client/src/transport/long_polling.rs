//! One poll: a request that is answered when there is something to say.
//!
//! 6.5: the headers come at once, then a space now and then, then one response.

use heliostat_proto::classic::decode_frame;
use heliostat_proto::connection::client::Frame;
use http::Method;

use super::{News, Opener, Reporter, broken};
use crate::error::RequestError;
use crate::exchange::accepted;
use crate::message::Message;

pub(super) async fn run(opener: Opener, reporter: Reporter) {
    let news = match poll(&opener, &reporter).await {
        Ok(Some(frame)) => News::Received(frame),
        Ok(None) => return,
        Err(error) => News::Lost(error),
    };
    drop(reporter.tell(news).await);
}

/// The answer; nothing if nobody wants it.
async fn poll(opener: &Opener, reporter: &Reporter) -> Result<Option<Frame<Message>>, RequestError> {
    let limit = opener.session.longest_message();
    // As the .NET client polls: everything stands in the query, the body is empty.
    let request = opener.request(Method::POST).await?.header(http::header::CONTENT_LENGTH, 0);
    let mut answer = accepted(request.send().await?).await?;
    if reporter.tell(News::Opened).await.is_err() {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(RequestError::TooLong { limit });
        }
        body.extend_from_slice(&chunk);
        if chunk.trim_ascii().is_empty() && reporter.tell(News::Received(Frame::KeepAlive)).await.is_err() {
            return Ok(None);
        }
    }
    match decode_frame(&String::from_utf8_lossy(&body)).map_err(broken)? {
        frame @ Frame::Response(_) => Ok(Some(frame.map(Message::of))),
        // The poll is over and said nothing, so nobody knows where the client stands.
        Frame::KeepAlive | Frame::Result(_) => Err(RequestError::Ended),
    }
}
