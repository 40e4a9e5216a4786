//! An answer that is ready to be said.
//!
//! A library's answer is large, and goes through many hands; taken apart where it is made, it is small.

use super::answer_head::{AnswerHead, Last, closes};
use http::{HeaderMap, Response, StatusCode};

use crate::{
    http::answer::{Answer, AnswerHeaders},
    transport::response_body::{Course, ResponseBody},
};

pub(super) struct Prepared {
    pub(super) head: AnswerHead,
    /// Whether the application wants it to be the last.
    pub(super) last: Last,
    pub(super) course: Course,
}

impl Prepared {
    /// What a library would be given.
    pub(super) fn of(response: Response<ResponseBody>) -> Self {
        let (head, body) = response.into_parts();
        Self::with(head.status, head.headers, body)
    }

    fn with(status: StatusCode, headers: HeaderMap, body: ResponseBody) -> Self {
        let last = if closes(&headers) { Last::Yes } else { Last::No };
        // What the head is made from does not wait with a poll.
        Self { head: AnswerHead::of(status, headers), last, course: body.into_course() }
    }
}

impl From<Answer> for Prepared {
    fn from(Answer { status, headers, body }: Answer) -> Self {
        let head = match headers {
            AnswerHeaders::Usual(content) => AnswerHead::Usual(status, content),
            AnswerHeaders::Socket(accept) => AnswerHead::Socket(accept),
            AnswerHeaders::Own(headers) => return Self::with(status, *headers, body),
        };
        Self { head, last: Last::No, course: body.into_course() }
    }
}
