//! Reads server-sent events, however the network cuts their bytes.
//!
//! Bytes are put together to lines before they are read as UTF-8, so no letter is broken. Lines may end in `\n`,
//! `\r\n` or `\r`; several `data:` lines of one event are joined, as the format demands, though SignalR writes one.
//! What is kept is bounded by the limit that the reader is made with.

/// An event was longer than the reader may keep. The stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event of the stream is longer than {limit} bytes; let the reader take longer ones, or send less at once"
)]
pub struct EventTooLong {
    /// What was allowed.
    pub limit: usize,
}

/// Takes bytes and gives the data of events.
///
/// # Examples
///
/// ```
/// use heliostat_proto::frame::event_reader::EventReader;
///
/// let mut reader = EventReader::new(1_000);
/// reader.read(b"data: initialized\n\nda")?;
/// assert_eq!(reader.poll_event().as_deref(), Some("initialized"));
/// reader.read(b"ta: {}\r\n\r\n")?;
/// assert_eq!(reader.poll_event().as_deref(), Some("{}"));
/// assert_eq!(reader.poll_event(), None);
/// # Ok::<_, heliostat_proto::frame::event_reader::EventTooLong>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventReader {
    limit: usize,
    /// Bytes that came and belong to no whole line yet, or were not looked at; read from `at` on.
    bytes: Vec<u8>,
    at: usize,
    /// Where the search for the next line end goes on: nothing between `at` and here ends a line.
    searched: usize,
    /// The data of the event that is being read; `None` until its first `data:` line.
    data: Option<Vec<u8>>,
    last: LastLine,
}

/// Whether a line feed at the beginning of what comes next belongs to the line before.
#[derive(Clone, Copy, Debug)]
enum LastLine {
    EndedInReturn,
    EndedOtherwise,
}

impl EventReader {
    /// A reader that keeps so many bytes at most.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, bytes: Vec::new(), at: 0, searched: 0, data: None, last: LastLine::EndedOtherwise }
    }

    /// Takes what came. Afterwards drain [`poll_event`](Self::poll_event).
    ///
    /// # Errors
    ///
    /// [`EventTooLong`] if what was not drained, these bytes included, is longer than the limit.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), EventTooLong> {
        self.bytes.drain(..self.at.min(self.bytes.len()));
        self.searched = self.searched.saturating_sub(self.at);
        self.at = 0;
        if self.bytes.len() + bytes.len() + self.data.as_ref().map_or(0, Vec::len) > self.limit {
            return Err(EventTooLong { limit: self.limit });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The data of the next event that is there whole.
    pub fn poll_event(&mut self) -> Option<String> {
        loop {
            let (from, to) = self.line()?;
            let line = self.bytes.get(from..to).unwrap_or_default();
            if line.is_empty() {
                // An event without data is none.
                if let Some(data) = self.data.take() {
                    return Some(into_text(data));
                }
                continue;
            }
            if let Some(data) = data_of(line) {
                match &mut self.data {
                    Some(all) => {
                        all.push(b'\n');
                        all.extend_from_slice(data);
                    }
                    none @ None => *none = Some(data.to_vec()),
                }
            }
        }
    }

    /// Where the next whole line is, without its end.
    fn line(&mut self) -> Option<(usize, usize)> {
        if let (LastLine::EndedInReturn, Some(next)) = (self.last, self.bytes.get(self.at)) {
            self.at += usize::from(*next == b'\n');
            self.searched = self.searched.max(self.at);
            self.last = LastLine::EndedOtherwise;
        }
        let rest = self.bytes.get(self.searched..)?;
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.bytes.len();
            return None;
        };
        let (from, to) = (self.at, self.searched + length);
        if self.bytes.get(to) == Some(&b'\r') {
            self.last = LastLine::EndedInReturn;
        }
        self.at = to + 1;
        self.searched = self.at;
        Some((from, to))
    }
}

/// What follows `data:` and one blank; nothing for comments and other fields.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', data @ ..] | [b':', data @ ..] => Some(data),
        _ => None,
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::event_stream;

    /// What comes out if these bytes arrive in pieces of this length.
    fn events(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut reader = EventReader::new(1 << 20);
        let mut events = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.read(piece).unwrap();
            events.extend(std::iter::from_fn(|| reader.poll_event()));
        }
        events
    }

    #[test]
    fn all_line_ends_and_all_other_fields_are_understood() {
        let stream = b": comment\r\ndata: a\r\ndata:b\r\rid: 7\ndata\n\nevent: x\n\nretry: 3\n\ndata: {}\n\r\ndata: unfinished\n";
        for piece in 1..=stream.len() {
            assert_eq!(events(stream, piece), ["a\nb", "", "{}"], "in pieces of {piece}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut reader = EventReader::new(100);
        let error = (0..100)
            .find_map(|_| reader.read(b"data: xxxxxxxxxx\n").map(|()| drop(reader.poll_event())).err());
        assert_eq!(error, Some(EventTooLong { limit: 100 }));
        let mut reader = EventReader::new(100);
        assert!(reader.read(&[b'x'; 101]).is_err());
    }

    #[test]
    fn a_stream_may_be_longer_than_the_limit_of_one_event() {
        let mut reader = EventReader::new(40);
        for _ in 0..100 {
            reader.read(b"data: one event\n\n").unwrap();
            assert_eq!(reader.poll_event().as_deref(), Some("one event"));
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(texts: Vec<String>, piece in 1usize..50) {
            let mut stream = event_stream::PREAMBLE.to_vec();
            for text in &texts {
                event_stream::encode(&mut stream, &serde_json::to_vec(text).unwrap());
            }
            let read = events(&stream, piece);
            prop_assert_eq!(&read[0], "initialized");
            let read: Vec<String> = read[1..].iter().map(|json| serde_json::from_str(json).unwrap()).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn a_letter_is_never_broken_by_a_cut(text in "[^\r\n]{0,30}", piece in 1usize..9) {
            let stream = format!("data: {text}\n\n");
            prop_assert_eq!(events(stream.as_bytes(), piece), [text]);
        }

        #[test]
        fn no_bytes_make_the_reader_panic_and_any_cut_reads_them_alike(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'd'), any::<u8>()], 0..200), field in "(data:? ?[a-z\r\n]{0,4}){0,6}", piece in 1usize..9) {
            for stream in [bytes.as_slice(), field.as_bytes()] {
                prop_assert_eq!(events(stream, piece), events(stream, stream.len().max(1)));
            }
        }
    }
}
