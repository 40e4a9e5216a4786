//! A request that begins with the same bytes as the one before it.
//!
//! A client that polls says the same line and the same headers every time; only what is in its body differs. So does one that calls by POST,
//! as long as its messages are of the same length. What a head comes to was found out once and is not found out again: the bytes are compared.
//! Such a request takes two thirds of the instructions, and what its head comes to lies in memory that is only read.

use super::{answer_head::Last, short_request::ShortRequest};
use crate::ahead::Lines;

/// The head of a request, and what it came to.
pub(crate) struct Again<T> {
    head: Box<[u8]>,
    /// How long its body is, in bytes.
    body: usize,
    /// Whether the client asked for the end.
    pub(super) last: Last,
    pub(super) came_to: T,
}

impl<T> Again<T> {
    /// Nothing for a request without a body: what differs every time is in its target.
    pub(crate) fn of(short: &ShortRequest<'_>, came_to: T) -> Option<Self> {
        let (head, body) = (short.head, short.body.len());
        (body > 0).then(|| Self { head: head.into(), body, last: short.last, came_to })
    }

    /// The body of the request that `text` begins with, and how many bytes both take, if it begins with the same head and is there as a whole.
    pub(crate) fn body<'a>(&self, text: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let body = text.strip_prefix(&*self.head)?.get(..self.body)?;
        Some((body, self.head.len() + body.len()))
    }

    /// Where the head lies.
    pub(super) fn lines(&self) -> Lines {
        Lines::of(&*self.head)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{
        super::short_request::{Seen, see},
        *,
    };

    const MOST_IN_HEAD: usize = 1000;

    /// Everything that a request says, and how many bytes it takes.
    type Said = (String, Vec<u8>, Last);

    fn read(text: &[u8]) -> Option<(Said, Option<Again<String>>, usize)> {
        let seen = see(&Bytes::copy_from_slice(text), MOST_IN_HEAD, |short| {
            let head = format!("{:?} {:?}", short.path_and_query(), short.head(("", "")));
            Some(((head.clone(), short.body.to_vec(), short.last), Again::of(&short, head)))
        });
        match seen {
            Seen::Whole((said, again), size) => Some((said, again, size)),
            Seen::Part | Seen::Unusual => None,
        }
    }

    /// What it says to somebody who has heard a request before it.
    fn read_again(again: &Again<String>, text: &[u8]) -> Option<(Said, usize)> {
        let (body, size) = again.body(text)?;
        Some(((again.came_to.clone(), body.to_vec(), again.last), size))
    }

    fn after(first: &str) -> Again<String> {
        read(first.as_bytes()).and_then(|(_, again, _)| again).expect("a request with a body")
    }

    fn post(length: &str, body: &str) -> String {
        format!("POST /poll?a=b HTTP/1.1\r\nHost: x\r\ncontent-length:  {length} \r\nCookie: c\r\n\r\n{body}")
    }

    #[test]
    fn the_same_head_with_another_body_is_not_read_again() {
        let again = after(&post("3", "a=b"));
        for body in ["a=b", "x=y", "\r\n\r"] {
            let text = post("3", body) + "POST";
            let (said, size) = read_again(&again, text.as_bytes()).expect("the same head");
            assert_eq!((&*said.1, size), (body.as_bytes(), text.len() - 4));
            assert_eq!(said, read(text.as_bytes()).unwrap().0);
        }
    }

    #[test]
    fn whatever_else_differs_is_read_as_any_other() {
        let again = after(&post("3", "a=b"));
        let same = post("3", "a=b");
        for other in [
            same.replace("/poll", "/pall"),
            same.replace("a=b HTTP", "a=c HTTP"),
            same.replace("Cookie: c", "Cookie: d"),
            same.replace("Cookie: c", "Cookie: cc"),
            same.replace("Cookie: c\r\n", ""),
            same.replace("  3 ", "  4 "),
            "\r\n".to_owned() + &same,
        ] {
            assert_eq!(read_again(&again, other.as_bytes()), None, "{other}");
        }
        for end in 0..same.len() {
            assert_eq!(read_again(&again, &same.as_bytes()[..end]), None, "a byte is missing");
        }
    }

    #[test]
    fn what_has_no_body_may_say_something_new_in_its_head() {
        let (_, again, _) = read(b"GET /poll?messageId=1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(again.is_none());
    }

    proptest! {
        /// Whoever has heard a request before hears the same as who has not.
        #[test]
        fn any_text_says_the_same_after_any_request(
            (first, at, change) in (0..4_usize, 0..100_usize, 0_u8..)
        ) {
            let heads = ["content-length: 3\r\n", "A: 3\r\nContent-Length:3\r\n", "Content-Length: 3\r\nConnection: close\r\n", "Content-Length: 03\r\nB: 3\r\n"];
            let text = format!("POST /poll?a=3 HTTP/1.1\r\n{}\r\na=bPOST /poll", heads[first]);
            let again = after(&text);
            let mut other = text.clone().into_bytes();
            if let Some(place) = other.get_mut(at) {
                *place = change;
            }
            if let Some((said, size)) = read_again(&again, &other) {
                let (as_any_other, _, its_size) = read(&other).expect("a request");
                prop_assert_eq!((said, size), (as_any_other, its_size));
            }
        }
    }
}
