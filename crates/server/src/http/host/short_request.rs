//! A request that lies whole in what has been read: the usual case, read where it lies.
//!
//! What is unusual is left to the library: other versions and methods, bodies in chunks, clients that wait for `100 Continue`, targets
//! that need to be made acceptable first, and whatever breaks the rules, since a library knows best how to refuse it. So everything that
//! is taken here is beyond doubt (RFC 9112: one way to tell where a request ends, or none).

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use httparse::{Header, ParserConfig, Status};
use memchr::memchr;

use super::{RequestBody, answer_head::Last};
use crate::http::{head::Head, headers::Headers, lenient::is_acceptable, upgrade::TakesSockets};

/// A request with more headers is left to the library.
const MOST_HEADERS: usize = 64;

/// The longest target that is never too long for a library, in bytes.
const MOST_IN_TARGET: usize = 32 * 1024;

/// What the first bytes of a conversation are.
#[derive(Debug)]
pub(crate) enum Seen<T> {
    /// A request, what was made of it, and how many bytes it takes.
    Whole(T, usize),
    /// It goes on with bytes that have not come.
    Part,
    /// Not one of ours.
    Unusual,
}

/// A request where it lies.
#[derive(Debug)]
pub(crate) struct ShortRequest<'a> {
    text: &'a Bytes,
    method: Method,
    target: &'a str,
    headers: &'a [Header<'a>],
    pub(crate) body: &'a [u8],
    /// All bytes up to the body.
    pub(crate) head: &'a [u8],
    /// Whether the client asked for the end.
    pub(crate) last: Last,
    /// A WebSocket is asked for.
    upgrades: bool,
}

/// Looks at all that has come and is not answered. A head of more than `most_in_head` bytes is the library's to refuse, and so is a request
/// of which nothing can be made.
pub(crate) fn see<T>(
    text: &Bytes,
    most_in_head: usize,
    make: impl FnOnce(ShortRequest<'_>) -> Option<T>,
) -> Seen<T> {
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(&mut head, text, &mut headers);
    let size = match parsed {
        Ok(Status::Complete(size)) if size <= most_in_head => size,
        Ok(Status::Partial) => return Seen::Part,
        Ok(Status::Complete(_)) | Err(_) => return Seen::Unusual,
    };
    let (Some(method), Some(target)) = (head.method.and_then(method), head.path) else {
        return Seen::Unusual;
    };
    if head.version != Some(1) || !target.starts_with('/') || !is_acceptable(target) {
        return Seen::Unusual;
    }
    let Some(Traits { length, last, upgrades }) = Traits::of(head.headers) else { return Seen::Unusual };
    let Some(end) = size.checked_add(length) else { return Seen::Unusual };
    let Some((whole, body)) = text.get(..end).and_then(|text| text.split_at_checked(size)) else {
        return Seen::Part;
    };
    let request =
        ShortRequest { text, head: whole, method, target, headers: head.headers, body, last, upgrades };
    make(request).map_or(Seen::Unusual, |made| Seen::Whole(made, end))
}

impl<'a> ShortRequest<'a> {
    /// What is asked for, and the query behind it. `None` if that is not for us to say: a library drops a fragment, and knows a limit.
    pub(crate) fn path_and_query(&self) -> Option<(&'a str, &'a str)> {
        let target = self.target.as_bytes();
        if target.len() > MOST_IN_TARGET || memchr(b'#', target).is_some() {
            return None;
        }
        match memchr(b'?', target) {
            Some(at) => Some((self.target.get(..at)?, self.target.get(at + 1..)?)),
            None => Some((self.target, "")),
        }
    }

    /// For an endpoint of our own, which needs none of a library's types.
    pub(crate) fn head(&self, (path, query): (&'a str, &'a str)) -> Head<'a> {
        let lines = || self.headers.iter().map(|header| (header.name.as_bytes(), header.value));
        let (headers, extensions) = (Headers::pack_lines(lines), self.extensions());
        Head { method: self.method.clone(), path, query, headers, extensions }
    }

    /// For everybody else.
    pub(crate) fn request(&self) -> Option<Request<RequestBody>> {
        let mut request = Request::new(RequestBody::whole(self.text.slice_ref(self.body)));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from_maybe_shared(self.text.slice_ref(self.target.as_bytes())).ok()?;
        let mut map = HeaderMap::with_capacity(self.headers.len());
        for header in self.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            map.append(name, HeaderValue::from_maybe_shared(self.text.slice_ref(header.value)).ok()?);
        }
        *request.headers_mut() = map;
        *request.extensions_mut() = self.extensions();
        Some(request)
    }

    fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::new();
        if self.upgrades {
            extensions.insert(TakesSockets);
        }
        extensions
    }
}

/// Those whose answers have a body and whose requests may have one.
fn method(name: &str) -> Option<Method> {
    match name {
        "GET" => Some(Method::GET),
        "POST" => Some(Method::POST),
        "OPTIONS" => Some(Method::OPTIONS),
        _ => None,
    }
}

/// What headers say about the connection.
struct Traits {
    length: usize,
    last: Last,
    /// A WebSocket is asked for.
    upgrades: bool,
}

impl Traits {
    /// Nothing if one of them is not for us to judge.
    fn of(headers: &[Header<'_>]) -> Option<Self> {
        let mut traits = Self { length: 0, last: Last::No, upgrades: false };
        let mut has_length = false;
        for Header { name, value } in headers {
            // Most are told from those that matter by their length.
            match name.len() {
                14 if name.eq_ignore_ascii_case("content-length") => {
                    // Two of them are the beginning of an attack or a mistake.
                    (traits.length, has_length) = (length(value).filter(|_| !has_length)?, true);
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => return None,
                6 if name.eq_ignore_ascii_case("expect") => return None,
                7 if name.eq_ignore_ascii_case("upgrade") => {
                    traits.upgrades = value.eq_ignore_ascii_case(b"websocket");
                    if !traits.upgrades {
                        return None;
                    }
                }
                10 if name.eq_ignore_ascii_case("connection") => {
                    // The library looks for nothing in such a list.
                    if !value.is_ascii() {
                        return None;
                    }
                    if lists_close(value) {
                        traits.last = Last::Yes;
                    }
                }
                _ => {}
            }
        }
        // What would come after the body of such a request, nobody could say.
        (!traits.upgrades || traits.length == 0).then_some(traits)
    }
}

/// Digits and nothing else.
fn length(value: &[u8]) -> Option<usize> {
    let text =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

fn lists_close(value: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    const MOST_IN_HEAD: usize = 1000;

    /// What is made of a request, both ways.
    #[derive(Debug)]
    struct Made {
        request: Request<RequestBody>,
        target: Option<(String, String)>,
        headers: HeaderMap,
        last: Last,
    }

    impl Made {
        fn of(short: &ShortRequest<'_>) -> Option<Self> {
            let target = short.path_and_query();
            Some(Self {
                request: short.request()?,
                target: target.map(|(path, query)| (path.to_owned(), query.to_owned())),
                headers: short.head(target.unwrap_or_default()).headers.map().clone(),
                last: short.last,
            })
        }
    }

    async fn body(request: Request<RequestBody>) -> Bytes {
        request.into_body().collect().await.unwrap().to_bytes()
    }

    fn seen_bytes(bytes: &[u8]) -> Seen<Made> {
        see(&Bytes::copy_from_slice(bytes), MOST_IN_HEAD, |short| Made::of(&short))
    }

    fn seen(text: &str) -> Seen<Made> {
        seen_bytes(text.as_bytes())
    }

    fn whole(text: &str) -> (Made, usize) {
        match seen(text) {
            Seen::Whole(made, size) => (made, size),
            other @ (Seen::Part | Seen::Unusual) => panic!("{other:?} for {text:?}"),
        }
    }

    #[test]
    fn what_we_read_of_a_target_is_what_a_library_reads_of_it() {
        for byte in 0..=u8::MAX {
            for target in [&b"/a_b?c=d"[..], b"/ab?c=_d", b"/ab_", b"/_", b"/ab?", b"/?_?"] {
                let target: Vec<_> = target.iter().map(|&at| if at == b'_' { byte } else { at }).collect();
                let text = [b"GET ", &*target, b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
                let read = see(&Bytes::from(text), MOST_IN_HEAD, |short| {
                    let (path, query) = short.path_and_query()?;
                    Some((path.to_owned(), query.to_owned(), short.request()))
                });
                if let Seen::Whole((path, query, request), _) = read {
                    let request = request.expect("a library takes what we take");
                    let uri = request.uri();
                    assert_eq!((&*path, &*query), (uri.path(), uri.query().unwrap_or_default()), "{byte}");
                }
            }
        }
    }

    #[test]
    fn a_target_that_a_library_cuts_or_refuses_is_not_for_us() {
        assert_eq!(whole("GET /a?b#c HTTP/1.1\r\n\r\n").0.target, None);
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(MOST_IN_TARGET));
        let read = see(&Bytes::from(long), usize::MAX, |short| Some(short.path_and_query().is_none()));
        assert!(matches!(read, Seen::Whole(true, _)), "{read:?}");
    }

    #[tokio::test]
    async fn a_request_is_taken_with_its_body_and_nothing_behind_it() {
        let text = "POST /signalr/send?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-Two: 1\r\nx-two: 2\r\n\r\na=bGET /";
        let (Made { request, target, headers, last }, size) = whole(text);
        assert_eq!((size, last), (text.len() - 5, Last::No));
        assert_eq!(
            (request.method(), request.uri()),
            (&Method::POST, &Uri::from_static("/signalr/send?a=b"))
        );
        assert_eq!(request.headers().get_all("x-two").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.headers().len(), 4);
        assert_eq!(target, Some(("/signalr/send".to_owned(), "a=b".to_owned())));
        assert_eq!(&headers, request.headers());
        assert_eq!(body(request).await, "a=b");
    }

    #[test]
    fn however_little_of_a_request_is_there_the_rest_is_waited_for() {
        let text = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b";
        for end in 1..text.len() {
            assert!(matches!(seen(&text[..end]), Seen::Part), "{end}");
        }
        assert_eq!(whole(text).1, text.len());
    }

    #[test]
    fn what_is_unusual_is_left_to_the_library() {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        for text in [
            "GET / HTTP/1.0\r\n\r\n",
            "HEAD / HTTP/1.1\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "GET /?a=\"b\" HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\na=b",
            "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\na=b",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: \u{e9}, close\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\na=b",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
            "\u{16}\u{3}\u{1} this is TLS",
            &many,
            &format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(MOST_IN_HEAD)),
        ] {
            assert!(matches!(seen(text), Seen::Unusual), "{text:?}");
        }
    }

    #[test]
    fn the_end_is_asked_for_in_a_list_and_in_any_case() {
        let last =
            |connection: &str| whole(&format!("GET / HTTP/1.1\r\nConnection: {connection}\r\n\r\n")).0.last;
        assert_eq!(last("keep-alive"), Last::No);
        assert_eq!(last("closed"), Last::No);
        assert_eq!(last("Close"), Last::Yes);
        assert_eq!(last("te , CLOSE"), Last::Yes);
    }

    #[test]
    fn a_web_socket_is_offered_to_who_asks_for_it() {
        let offered = |header: &str| {
            let text = format!("GET / HTTP/1.1\r\n{header}\r\n\r\n");
            whole(&text).0.request.extensions().get::<TakesSockets>().is_some()
        };
        assert!(offered("Upgrade: WebSocket"));
        assert!(!offered("Host: websocket"));
    }

    proptest::proptest! {
        /// Whatever comes, something is made of it, and never more than there is.
        #[test]
        fn any_bytes_are_taken_left_or_waited_for(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            if let Seen::Whole(_, size) = seen_bytes(&bytes) {
                assert!(size <= bytes.len());
            }
        }
    }
}
