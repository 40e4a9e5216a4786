//! A request that we read ourselves says what its bytes say, to the last letter.
//!
//! The oracle is the reader below, which knows nothing but lines: if it and ours disagree about where a request ends, somebody in front of
//! us may disagree too, and that is how requests are smuggled.

use heliostat::fuzzing::{Beginning, ShortRequest, read_short_request};

const MOST_IN_HEAD: usize = 1000;

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    let read = |bytes: &[u8]| read_short_request(bytes, MOST_IN_HEAD);
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let cut = usize::from(cut).min(bytes.len());
    let (all, some) = (read(bytes), read(&bytes[..cut]));
    match (&all, &some) {
        (_, Beginning::Part) => {}
        // More bytes change nothing about a request that is there.
        (Beginning::Whole(all), Beginning::Whole(some)) => same(all, some),
        // Nor about one that is not ours.
        (Beginning::Unusual, Beginning::Unusual) => {}
        (all, some) => panic!("the first {cut} bytes are {some:?}, all together are {all:?}"),
    }
    if let Beginning::Whole(short) = &all {
        assert!(short.size <= bytes.len());
        says_what_is_there(short, &bytes[..short.size]);
        for end in [short.size - 1, short.size / 2] {
            assert!(matches!(read(&bytes[..end]), Beginning::Part), "{end} bytes of it were enough");
        }
        let Beginning::Whole(alone) = read(&bytes[..short.size]) else { panic!("it needs what follows it") };
        same(&alone, short);
    }
}

fn same(one: &ShortRequest, other: &ShortRequest) {
    let parts = |short: &ShortRequest| {
        let request = short.request.clone();
        (request.method().clone(), request.uri().clone(), request.headers().clone(), request.into_body())
    };
    assert_eq!(parts(one), parts(other));
    assert_eq!((one.size, one.is_last, one.upgrades), (other.size, other.is_last, other.upgrades));
}

/// Compares a request with all of its bytes, and nothing behind them.
fn says_what_is_there(short: &ShortRequest, bytes: &[u8]) {
    let mut rest = bytes;
    // RFC 9112, 2.2: empty lines before a request are ignored.
    let mut start = line(&mut rest);
    while start.is_empty() {
        start = line(&mut rest);
    }
    let words: Vec<_> = start.split(|&byte| byte == b' ').collect();
    let [method, target, version] = words[..] else { panic!("a request line of {} words", words.len()) };
    assert_eq!((short.request.method().as_str().as_bytes(), version), (method, &b"HTTP/1.1"[..]));
    assert_eq!(without_fragment(target), short.request.uri().to_string().as_bytes());
    let mut headers = Vec::new();
    loop {
        let line = line(&mut rest);
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|&byte| byte == b':').expect("a header has a colon");
        headers.push((line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec()));
    }
    // What nobody but the sender could want: two readers may take it for two things.
    let values = |name: &str| -> Vec<&[u8]> {
        headers.iter().filter(|(key, _)| key == name.as_bytes()).map(|(_, value)| &**value).collect()
    };
    assert!(values("transfer-encoding").is_empty() && values("expect").is_empty());
    let length = match values("content-length")[..] {
        [] => 0,
        [length] => {
            assert!(length.iter().all(u8::is_ascii_digit), "a length of {length:?}");
            std::str::from_utf8(length).unwrap().parse().unwrap()
        }
        _ => panic!("two lengths"),
    };
    assert_eq!((rest.len(), &**short.request.body()), (length, rest));
    let lists = |name, what: &[u8]| {
        let mut all = values(name).into_iter().flat_map(|value| value.split(|&byte| byte == b','));
        all.any(|item| item.trim_ascii().eq_ignore_ascii_case(what))
    };
    assert_eq!(short.is_last, lists("connection", b"close"));
    assert_eq!(short.upgrades, lists("upgrade", b"websocket"));
    let mut read: Vec<_> = short
        .request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    // Stable, so values of one name keep their order.
    read.sort_by(|one, other| one.0.cmp(&other.0));
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(read, headers);
}

/// Takes the next line, without its end.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|&byte| byte == b'\n').expect("a head ends with an empty line");
    let line = &rest[..end];
    *rest = &rest[end + 1..];
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A fragment is the browser's own business; what a client sends of it is not kept.
fn without_fragment(target: &[u8]) -> &[u8] {
    target.split(|&byte| byte == b'#').next().unwrap_or_default()
}
