//! The mark in every message that is sent: whose stream, which number, and when it was due.
//!
//! It is found by searching bytes, wherever a server puts it and however it wraps it, so that the generator need not parse what it
//! merely counts. Its characters survive every escaping there is between here and the server and back: JSON, forms, scripts.

use memchr::memmem::Finder;

/// Bytes of one mark: `~hc` run(4) `:` stream(6) `:` number(8) `:` due(12) `~`, all hexadecimal.
const LENGTH: usize = 3 + 4 + 1 + 6 + 1 + 8 + 1 + 12 + 1;

/// The shortest payload that holds a mark; a little more than that, so that the number is easy to remember.
pub(crate) const SHORTEST_PAYLOAD: usize = 40;

/// Streams that the mark can tell apart.
pub(crate) const MAX_STREAMS: u32 = 1 << 24;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Numbers are dense within a stream.
    pub(crate) stream: u32,
    pub(crate) number: u32,
    /// When it was to be sent, in nanoseconds since the run began.
    pub(crate) due: u64,
}

/// Writes and finds the marks of one run. Those of another run that uses the same hub are not seen.
#[derive(Clone, Debug)]
pub(crate) struct Marker {
    prefix: String,
    finder: Finder<'static>,
}

impl Marker {
    pub(crate) fn new(run: u16) -> Self {
        let prefix = format!("~hc{run:04x}:");
        let finder = Finder::new(prefix.as_bytes()).into_owned();
        Self { prefix, finder }
    }

    /// A payload of `length` bytes that bears the mark, into an emptied `payload`.
    pub(crate) fn write(&self, payload: &mut String, stamp: Stamp, length: usize) {
        use std::fmt::Write;
        payload.clear();
        let Stamp { stream, number, due } = stamp;
        // Writing into a string cannot fail.
        let _ = write!(payload, "{}{stream:06x}:{number:08x}:{due:012x}~", self.prefix);
        payload.extend(std::iter::repeat_n('x', length.saturating_sub(payload.len())));
    }

    /// All marks in a text, in their order.
    pub(crate) fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Stamp> + 'a {
        self.finder.find_iter(text).filter_map(|at| parse(text.get(at..at + LENGTH)?))
    }
}

fn parse(mark: &[u8]) -> Option<Stamp> {
    let field = |from: usize, digits: usize| {
        mark.get(from..from + digits)?.iter().try_fold(0_u64, |value, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            Some(value << 4 | u64::from(digit))
        })
    };
    if mark.last() != Some(&b'~') {
        return None;
    }
    let stream = u32::try_from(field(8, 6)?).ok()?;
    let number = u32::try_from(field(15, 8)?).ok()?;
    Some(Stamp { stream, number, due: field(24, 12)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { stream: 0xff_fffe, number: 42, due: 0xabc_def_012_345 }
    }

    #[test]
    fn a_mark_is_found_wherever_it_is() {
        let marker = Marker::new(0xbeef);
        let mut payload = String::new();
        marker.write(&mut payload, stamp(), 100);
        assert_eq!(payload.len(), 100);
        let other = Stamp { number: 43, ..stamp() };
        let mut second = String::new();
        marker.write(&mut second, other, SHORTEST_PAYLOAD);
        let text = format!(r#"{{"C":"d","M":[{{"A":["{payload}"]}},{{"A":["{second}"]}}]}}"#);
        assert_eq!(marker.find(text.as_bytes()).collect::<Vec<_>>(), [stamp(), other]);
    }

    #[test]
    fn marks_of_another_run_and_broken_ones_are_not_seen() {
        let mut payload = String::new();
        Marker::new(1).write(&mut payload, stamp(), 0);
        assert_eq!(Marker::new(2).find(payload.as_bytes()).count(), 0);
        let cut = payload.get(..payload.len() - 1).unwrap();
        assert_eq!(Marker::new(1).find(cut.as_bytes()).count(), 0);
        assert_eq!(Marker::new(1).find(payload.replace("002a", "00xx").as_bytes()).count(), 0);
        assert!(payload.len() <= SHORTEST_PAYLOAD);
    }
}
