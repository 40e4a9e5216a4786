//! Parameters of any query and of any form are those that a plain reading gives.

use heliostat_proto::parameters::{MAX_PAIRS, Parameters};

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    compare(&Parameters::from_form(bytes), &read(bytes, b"&"));
    if let Ok(query) = std::str::from_utf8(bytes) {
        compare(&Parameters::from_query(query), &read(bytes, b"&;"));
    }
}

fn compare(parameters: &Parameters, expected: &[(String, String)]) {
    let all: Vec<_> = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(all, expected);
    for (name, value) in expected {
        for spelling in [name.to_owned(), name.to_ascii_uppercase(), name.to_ascii_lowercase()] {
            assert_eq!(parameters.get(&spelling), Some(&**value));
        }
        let other = format!("{name}?");
        let is_there = expected.iter().any(|(name, _)| name.eq_ignore_ascii_case(&other));
        assert_eq!(parameters.get(&other).is_some(), is_there);
    }
}

/// Each thing by itself, one after the other.
fn read(bytes: &[u8], separators: &[u8]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let pairs = bytes.split(|byte| separators.contains(byte)).filter(|pair| !pair.is_empty());
    for pair in pairs.take(MAX_PAIRS) {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let mut part = || decode(parts.next().unwrap_or_default());
        let (name, value) = (part(), part());
        match all.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, values)) => *values = format!("{values},{value}"),
            None => all.push((name, value)),
        }
    }
    all
}

fn decode(text: &[u8]) -> String {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, after @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let byte =
                    digit(*high).zip(digit(*low)).map(|(high, low)| u8::try_from(high * 16 + low).unwrap());
                byte.map(|byte| (byte, after))
            }
            _ => None,
        };
        let plain = if *byte == b'+' { b' ' } else { *byte };
        let (byte, after) = escaped.unwrap_or((plain, after));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
