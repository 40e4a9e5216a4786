//! One call of the load tool's hub, found by looking for its keys: what parsing cannot cost less than.

use memchr::{memchr, memmem};

/// What a client calls. Texts are raw: they lie between their quotes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method<'a>,
    /// The invocation's id, as it was written.
    pub(crate) id: &'a [u8],
}

/// A method of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method<'a> {
    Echo { text: &'a [u8] },
    Broadcast { text: &'a [u8] },
    Join { group: &'a [u8] },
    SendToGroup { group: &'a [u8], text: &'a [u8] },
}

/// Reads `{"H":"…","M":"…","A":[…],"I":…}`.
pub(crate) fn parse(text: &[u8]) -> Option<Call<'_>> {
    let name = until_quote(after(text, b"\"M\":\"")?)?;
    let mut arguments = after(text, b"\"A\":[")?;
    let first = string(&mut arguments)?;
    let method = match name {
        b"echo" => Method::Echo { text: first },
        b"broadcast" => Method::Broadcast { text: first },
        b"join" => Method::Join { group: first },
        b"sendToGroup" => Method::SendToGroup { group: first, text: string(&mut arguments)? },
        _ => return None,
    };
    let id = after(arguments, b"\"I\":")?;
    let id = id.get(..id.iter().position(|byte| matches!(byte, b'}' | b','))?)?;
    Some(Call { method, id: id.strip_prefix(b"\"").and_then(|id| id.strip_suffix(b"\"")).unwrap_or(id) })
}

fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    text.get(memmem::find(text, key)? + key.len()..)
}

fn until_quote(text: &[u8]) -> Option<&[u8]> {
    text.get(..memchr(b'"', text)?)
}

/// Takes the next string of an argument list. The load tool's texts need no escapes.
fn string<'a>(arguments: &mut &'a [u8]) -> Option<&'a [u8]> {
    let begin = arguments.get(memchr(b'"', arguments)? + 1..)?;
    let text = until_quote(begin)?;
    *arguments = begin.get(text.len() + 1..)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read() {
        let echo = parse(br#"{"H":"loadHub","M":"echo","A":["~hc:1"],"I":7}"#).unwrap();
        assert_eq!(echo, Call { method: Method::Echo { text: b"~hc:1" }, id: b"7" });
        let send = parse(br#"{"H":"loadHub","M":"sendToGroup","A":["g1","x"],"I":"8","S":{}}"#).unwrap();
        assert_eq!(send, Call { method: Method::SendToGroup { group: b"g1", text: b"x" }, id: b"8" });
    }

    #[test]
    fn what_is_no_call_is_none() {
        assert_eq!(parse(br#"{"H":"loadHub","M":"other","A":["a"],"I":7}"#), None);
        assert_eq!(parse(br#"{"H":"loadHub","M":"echo","A":[],"I":7}"#), None);
        assert_eq!(parse(b"{}"), None);
    }
}
