//! Names and values in query strings and form bodies, changed without touching the bytes of their neighbours.

/// The decoded value of the first pair of that name.
pub(crate) fn value(pairs: &str, name: &str) -> Option<String> {
    pairs.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| decode(value))
    })
}

/// The part of a request target after the `?`.
pub(crate) fn of(url: &str) -> &str {
    url.split_once('?').map_or("", |(_, query)| query)
}

/// The part of a request target before the `?`.
pub(crate) fn path_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Gives every pair of that name the value `change` makes of the old one; `None` keeps the pair as it is, byte for byte.
pub(crate) fn change(pairs: &str, name: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let changed: Vec<String> = pairs
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, old)) if key == name => match change(&decode(old)) {
                Some(new) => format!("{key}={}", encode(&new)),
                None => pair.to_owned(),
            },
            Some(_) | None => pair.to_owned(),
        })
        .collect();
    changed.join("&")
}

/// Sets the value of a pair, adding the pair at the end if there is none.
pub(crate) fn set(pairs: &str, name: &str, new: &str) -> String {
    if value(pairs, name).is_some() {
        change(pairs, name, |_| Some(new.to_owned()))
    } else if pairs.is_empty() {
        format!("{name}={}", encode(new))
    } else {
        format!("{pairs}&{name}={}", encode(new))
    }
}

/// Applies `change` to the query of a request target.
pub(crate) fn change_query(url: &str, change: impl Fn(&str) -> String) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}?{}", change(query)),
        None => url.to_owned(),
    }
}

pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                decoded.push(value);
                at += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                at += 1;
            }
            (other, _) => {
                decoded.push(other);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
