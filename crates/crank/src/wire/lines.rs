//! Texts in the lines of an endless answer: one line is one message, for event streams and for forever frames.

use heliostat_proto::transport_kind::TransportKind;

/// The text that a line carries, if it carries one.
pub(crate) fn text_of(kind: TransportKind, line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    match kind {
        // The first event is a word, not a message (6.3).
        TransportKind::ServerSentEvents => {
            line.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start).filter(|text| *text != b"initialized")
        }
        TransportKind::ForeverFrame => line.strip_prefix(b"<script>r(c, ")?.strip_suffix(b");</script>"),
        TransportKind::WebSockets | TransportKind::LongPolling => None,
    }
}

/// The complete lines of what has arrived: each is given to `each`, the rest waits in `kept` for its end.
pub(crate) fn split(kept: &mut Vec<u8>, mut arrived: &[u8], mut each: impl FnMut(&[u8])) {
    if !kept.is_empty() {
        let Some(end) = memchr::memchr(b'\n', arrived) else {
            kept.extend_from_slice(arrived);
            return;
        };
        let (first, rest) = arrived.split_at(end + 1);
        kept.extend_from_slice(first);
        each(kept);
        kept.clear();
        arrived = rest;
    }
    while let Some(end) = memchr::memchr(b'\n', arrived) {
        let (line, rest) = arrived.split_at(end + 1);
        each(line);
        arrived = rest;
    }
    kept.extend_from_slice(arrived);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(lines in prop::collection::vec("[a-z]{0,9}", 0..9), cut in 1_usize..20) {
            let wire: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let (mut kept, mut found) = (Vec::new(), Vec::new());
            for piece in wire.as_bytes().chunks(cut) {
                split(&mut kept, piece, |line| found.push(String::from_utf8(line.trim_ascii().to_vec()).unwrap()));
            }
            prop_assert_eq!(found, lines);
            prop_assert!(kept.is_empty());
        }
    }

    #[test]
    fn texts_are_found_in_events_and_scripts() {
        let event = TransportKind::ServerSentEvents;
        assert_eq!(text_of(event, b"data: {\"M\":[]}\r\n"), Some(&b"{\"M\":[]}"[..]));
        assert_eq!(text_of(event, b"\n"), None);
        assert_eq!(text_of(event, b"data: initialized\n"), None);
        let frame = TransportKind::ForeverFrame;
        assert_eq!(text_of(frame, b"<script>r(c, {});</script>\n"), Some(&b"{}"[..]));
        assert_eq!(text_of(frame, b"<!DOCTYPE html><html>\n"), None);
    }
}
