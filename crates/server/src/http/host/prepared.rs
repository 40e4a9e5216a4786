//! An answer that is ready to be said.
//!
//! A library's answer is large, and goes through many hands; taken apart where it is made, it is small.

use super::answer_head::{AnswerHead, Last, closes};
use crate::{http::answer::Answer, transport::response_body::Course};

pub(super) struct Prepared {
    pub(super) head: AnswerHead,
    /// Whether the application wants it to be the last.
    pub(super) last: Last,
    pub(super) course: Course,
}

impl Prepared {
    pub(super) fn of(answer: Answer) -> Self {
        let (head, body) = answer.into_parts();
        let last = if closes(&head.headers) { Last::Yes } else { Last::No };
        // What the head is made from does not wait with a poll.
        Self { head: AnswerHead::of(head), last, course: body.into_course() }
    }
}
