//! The headers of a request that lives as long as its connection.
//!
//! What an HTTP library hands over are slices of its read buffer, so one kept header keeps 8 KiB, and a header map is generous with its
//! entries. An idle connection should cost little: its headers are packed into one piece of memory, and become a map again for whoever asks
//! for one.

use std::{fmt, sync::OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers in their order.
#[derive(Default)]
pub(crate) struct Headers {
    /// One after the other: how long the name is, how long the value is, both.
    packed: Box<[u8]>,
    map: OnceLock<Box<HeaderMap>>,
}

/// A length in front of the bytes themselves. HTTP libraries take no head that would need more.
type Length = u32;

impl Headers {
    pub(crate) fn pack(map: &HeaderMap) -> Self {
        Self::pack_lines(|| map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())))
    }

    /// What `lines` gives, which is asked twice. The names may be written in any case.
    pub(crate) fn pack_lines<'a, I>(lines: impl Fn() -> I) -> Self
    where
        I: Iterator<Item = (&'a [u8], &'a [u8])>,
    {
        let sizes = lines().map(|(name, value)| 2 * size_of::<Length>() + name.len() + value.len());
        let mut packed = Vec::with_capacity(sizes.sum());
        for (name, value) in lines() {
            let lengths = (Length::try_from(name.len()), Length::try_from(value.len()));
            let (Ok(name_length), Ok(value_length)) = lengths else { continue };
            packed.extend_from_slice(&name_length.to_ne_bytes());
            packed.extend_from_slice(&value_length.to_ne_bytes());
            packed.extend_from_slice(name);
            packed.extend_from_slice(value);
        }
        Self { packed: packed.into(), map: OnceLock::new() }
    }

    /// The values of all headers of this name, which is compared without case.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value of the first header of this name.
    pub(crate) fn first<'a>(&'a self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// All of them as a map, which is kept from then on.
    pub(crate) fn map(&self) -> &HeaderMap {
        self.map.get_or_init(|| {
            let parsed = |(name, value)| {
                Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
            };
            let mut map = HeaderMap::new();
            self.iter().filter_map(parsed).for_each(|(name, value)| _ = map.append(name, value));
            Box::new(map)
        })
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &*self.packed;
        std::iter::from_fn(move || {
            let (name_length, after) = length(rest)?;
            let (value_length, after) = length(after)?;
            let (name, after) = after.split_at_checked(name_length)?;
            let (value, after) = after.split_at_checked(value_length)?;
            rest = after;
            Some((name, value))
        })
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(Length::from_ne_bytes(*length)).ok()?, rest))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.map().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        let mut map = headers(&[("host", "example"), ("x-empty", ""), ("cookie", "a=1")]);
        map.append("cookie", HeaderValue::from_bytes(b"b=\xFF").unwrap());
        let packed = Headers::pack(&map);
        assert_eq!(packed.map(), &map);
        assert_eq!(packed.all("Cookie").collect::<Vec<_>>(), [&b"a=1"[..], b"b=\xFF"]);
        assert_eq!(packed.all("x-empty").collect::<Vec<_>>(), [b""]);
        assert_eq!(packed.all("origin").count(), 0);
        assert_eq!(Headers::default().map(), &HeaderMap::new());
    }

    #[test]
    fn names_are_found_and_told_as_http_does_however_they_were_written() {
        let lines = [("HOST", "example"), ("X-Two", "1"), ("x-one", ""), ("x-two", "2")];
        let packed =
            Headers::pack_lines(|| lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        assert_eq!(packed.first("x-TWO"), Some(&b"1"[..]));
        let mut map = headers(&[("host", "example"), ("x-two", "1"), ("x-one", "")]);
        map.append("x-two", HeaderValue::from_static("2"));
        assert_eq!(packed.map(), &map);
    }

    #[test]
    fn packed_headers_take_little_more_than_their_text() {
        let map = headers(&[
            ("host", "example"),
            ("user-agent", "a browser with a name as long as they are today"),
        ]);
        let text: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert_eq!(Headers::pack(&map).packed.len(), text + 8 * map.len());
    }
}
