//! The WebSocket handshake of RFC 6455, section 4.2, and nothing more: no sub-protocol, no extension (spec 6.2).

use http::{Extensions, HeaderValue};
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

use super::{
    answer::{self, Answer},
    headers::Headers,
    request::text,
};
use crate::transport::{passage::Passage, response_body::ResponseBody};

/// A request that may become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    accept: HeaderValue,
    way: Way,
}

/// How the socket gets from the host to us.
#[derive(Debug)]
enum Way {
    /// The library hands it over when the answer is written.
    Library(OnUpgrade),
    /// The host hands it to the answer.
    Answer,
}

/// Left in the extensions of a request by a host that hands sockets to [answers](ResponseBody::switch).
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakesSockets;

impl Upgrade {
    /// `None` if the request does not ask for a WebSocket, or the host cannot give one.
    pub(crate) fn take(headers: &Headers, extensions: &mut Extensions) -> Option<Self> {
        // Most requests are from a host that leaves something here only with those that ask.
        if extensions.is_empty() {
            return None;
        }
        let asks = lists(headers, "upgrade", "websocket")
            && lists(headers, "connection", "upgrade")
            && headers.first("sec-websocket-version").is_some_and(|version| version == b"13");
        let key = headers.first("sec-websocket-key").filter(|_| asks)?;
        let accept = HeaderValue::try_from(derive_accept_key(key)).ok()?;
        let way = match extensions.remove::<TakesSockets>() {
            Some(TakesSockets) => Way::Answer,
            None => Way::Library(extensions.remove::<OnUpgrade>()?),
        };
        Some(Self { accept, way })
    }

    /// The answer that lets the socket begin.
    pub(crate) fn switch(self, passage: Passage) -> Answer {
        let passage = match self.way {
            Way::Answer => Some(passage),
            Way::Library(upgrade) => {
                passage.wait(upgrade);
                None
            }
        };
        answer::switch(self.accept, ResponseBody::switch(passage))
    }
}

/// Whether a header that holds a comma-separated list names `token`.
fn lists(headers: &Headers, name: &str, token: &str) -> bool {
    let token = token.as_bytes();
    // Most name nothing else. Whether the whole is text matters only for one that names it among others.
    headers
        .all(name)
        .any(|value| value.eq_ignore_ascii_case(token) || (names(value, token) && text(value).is_some()))
}

fn names(list: &[u8], token: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    use http::{HeaderMap, header};
    use proptest::prelude::*;

    proptest! {
        /// The plain way: only values that are text count, and of these every item without the spaces around it.
        #[test]
        fn a_list_is_read_as_text_is(values in prop::collection::vec("([\t -~\u{80}-\u{FF}]{0,3}|(?i:upgrade)|[, \t]{1,2}){0,5}", 0..3)) {
            let mut map = HeaderMap::new();
            for value in &values {
                map.append(header::CONNECTION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let plainly = map
                .get_all(header::CONNECTION)
                .iter()
                .filter_map(|value| text(value.as_bytes()))
                .flat_map(|value| value.split(','))
                .any(|item| item.trim().eq_ignore_ascii_case("upgrade"));
            prop_assert_eq!(lists(&Headers::pack(&map), "connection", "upgrade"), plainly);
        }
    }

    #[test]
    fn a_list_names_its_items_and_nothing_else() {
        let lists = |value: &[u8]| {
            let map = [(header::CONNECTION, HeaderValue::from_bytes(value).unwrap())].into_iter().collect();
            lists(&Headers::pack(&map), "connection", "upgrade")
        };
        for value in ["Upgrade", "keep-alive, Upgrade", "\tUPGRADE ,", ",upgrade,close"] {
            assert!(lists(value.as_bytes()), "{value}");
        }
        for value in ["", "Upgrades", "an upgrade", "keep-alive", "upgrade;", "upgrade, \u{e9}"] {
            assert!(!lists(value.as_bytes()), "{value}");
        }
    }
}
