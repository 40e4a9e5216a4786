//! Whole HTTP answers, one after the other on one connection.

use super::{MAX_ITEM, WireError, body::Step, head};
use crate::wire::head::{After, Head};

/// An answer being received.
#[derive(Debug, Default)]
pub(crate) struct Answering {
    rest: Vec<u8>,
    head: Option<Head>,
    body: Vec<u8>,
}

/// A complete answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) after: After,
}

impl Answering {
    /// Whether nothing of an answer has come yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.rest.is_empty() && self.head.is_none()
    }

    /// Takes more bytes; gives the answer when it is complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Answer>, WireError> {
        self.rest.extend_from_slice(bytes);
        let mut taken = 0;
        let answer = self.advance(&mut taken);
        self.rest.drain(..taken);
        answer
    }

    /// The connection has ended: for a body that ends with it that is the end.
    pub(crate) fn end(&mut self) -> Option<Answer> {
        let head = self.head.take()?;
        let ends = head.body == super::body::Body::UntilClose;
        ends.then(|| self.complete(&head))
    }

    fn advance(&mut self, taken: &mut usize) -> Result<Option<Answer>, WireError> {
        let mut head = match self.head.take() {
            Some(head) => head,
            None => match head::parse(&self.rest)? {
                Some((head, length)) => {
                    *taken = length;
                    head
                }
                None => return Ok(None),
            },
        };
        loop {
            let (step, length) = head.body.next(self.rest.get(*taken..).unwrap_or_default())?;
            *taken += length;
            match step {
                Step::Data(data) if self.body.len() + data.len() > MAX_ITEM => {
                    return Err(WireError::TooLong);
                }
                Step::Data(data) => self.body.extend_from_slice(data),
                Step::End => return Ok(Some(self.complete(&head))),
                Step::More => {
                    self.head = Some(head);
                    return Ok(None);
                }
            }
        }
    }

    fn complete(&mut self, head: &Head) -> Answer {
        Answer { status: head.status, body: std::mem::take(&mut self.body), after: head.after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_answers_on_one_connection_are_read_however_they_are_cut() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
                     HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nyou\r\n0\r\n\r\n";
        for cut in 1..wire.len() {
            let mut answering = Answering::default();
            let mut answers = Vec::new();
            for piece in wire.chunks(cut) {
                let mut piece = piece;
                while let Some(answer) = answering.feed(std::mem::take(&mut piece)).unwrap() {
                    answers.push((answer.status, String::from_utf8(answer.body).unwrap(), answer.after));
                }
            }
            let expected = [(200, "hi".to_owned(), After::Stays), (404, "you".to_owned(), After::Closes)];
            assert_eq!(answers, expected, "{cut}");
            assert!(answering.is_untouched());
        }
    }

    #[test]
    fn an_answer_may_end_with_its_connection() {
        let mut answering = Answering::default();
        assert_eq!(answering.feed(b"HTTP/1.0 200 OK\r\n\r\nall").unwrap(), None);
        assert_eq!(answering.end().unwrap().body, b"all");
        assert_eq!(Answering::default().end(), None);
    }
}
