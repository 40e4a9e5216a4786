//! Classic SignalR, 1.4 and later: negotiate, connect, start, and hub calls as JSON.

use std::fmt::Write;

use heliostat_proto::{
    classic::{HubAnswer, HubMessage, decode_frame},
    connection::client::{Frame, Signal},
    transport_kind::TransportKind,
};
use memchr::memmem;
use serde::Deserialize;

use super::{Asking, Call, Dialect, Heard, Opening, Session};
use crate::wire::request::{Request, UPGRADE, escape};

/// The version that current official clients ask for.
const VERSION: &str = "2.1";

/// A hub under load, by its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods {
    /// The hub.
    pub hub: String,
    /// Gives its argument back.
    pub echo: String,
    /// Sends its argument to everybody.
    pub broadcast: String,
    /// Puts the caller into the group of that name.
    pub join: String,
    /// Sends its second argument to the group named by the first.
    pub send_to_group: String,
}

impl Default for Methods {
    fn default() -> Self {
        Self {
            hub: "loadHub".to_owned(),
            echo: "echo".to_owned(),
            broadcast: "broadcast".to_owned(),
            join: "join".to_owned(),
            send_to_group: "sendToGroup".to_owned(),
        }
    }
}

/// Classic SignalR.
#[derive(Clone, Debug)]
pub struct Classic {
    methods: Methods,
    /// `connectionData`, escaped.
    data: String,
}

impl Default for Classic {
    fn default() -> Self {
        Self::new(Methods::default())
    }
}

/// As much of the answer as must be there: baselines may leave out the rest.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Negotiation {
    connection_token: Option<String>,
    error: Option<String>,
}

impl Classic {
    /// A hub with other names than the default ones.
    #[must_use]
    pub fn new(methods: Methods) -> Self {
        let hubs = serde_json::json!([{ "name": methods.hub.to_lowercase() }]).to_string();
        let mut data = String::new();
        escape(&mut data, hubs.as_bytes());
        Self { methods, data }
    }

    /// `<path>/<command>?transport=…` with all that every request after negotiate has.
    fn target(&self, asking: Asking<'_>, command: &str) -> String {
        let path = asking.path.trim_end_matches('/');
        format!(
            "{path}/{command}?transport={}&clientProtocol={VERSION}&connectionToken={}&connectionData={}",
            asking.transport, asking.session.token, self.data
        )
    }
}

/// `&name=value` or `name=value`, if there is a value.
fn parameter(out: &mut String, name: &str, value: &[u8]) {
    if !value.is_empty() {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        escape(out, value);
    }
}

impl Dialect for Classic {
    fn transports(&self) -> &'static [TransportKind] {
        &TransportKind::ALL
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn negotiate(&self, path: &str) -> Option<Request> {
        let path = path.trim_end_matches('/');
        let data = &self.data;
        Some(Request::get(format!("{path}/negotiate?clientProtocol={VERSION}&connectionData={data}")))
    }

    fn negotiated(&self, answer: &[u8], session: &mut Session) -> Result<(), String> {
        let answer: Negotiation = serde_json::from_slice(answer)
            .map_err(|error| format!("the answer to negotiate is no JSON object: {error}"))?;
        if let Some(error) = answer.error {
            return Err(format!("negotiate was refused: {error}"));
        }
        let token = answer.connection_token.ok_or("the answer to negotiate has no ConnectionToken")?;
        *session = Session::default();
        escape(&mut session.token, token.as_bytes());
        Ok(())
    }

    fn connect(&self, asking: Asking<'_>, opening: Opening) -> Request {
        let mut target = self.target(
            asking,
            match opening {
                Opening::First => "connect",
                Opening::Again => "reconnect",
                Opening::Poll => "poll",
            },
        );
        let Session { cursor, groups, .. } = asking.session;
        let returns = opening != Opening::First;
        if asking.transport == TransportKind::LongPolling {
            // Since 1.5 a poll's place is in its form (2.4).
            let mut form = String::new();
            if returns {
                parameter(&mut form, "messageId", cursor);
                parameter(&mut form, "groupsToken", groups);
            }
            return Request::post(target, form);
        }
        if returns {
            parameter(&mut target, "messageId", cursor);
            parameter(&mut target, "groupsToken", groups);
        }
        target.push_str("&tid=1");
        if asking.transport == TransportKind::ForeverFrame {
            target.push_str("&frameId=1");
        }
        let headers = match asking.transport {
            TransportKind::WebSockets => UPGRADE,
            TransportKind::ServerSentEvents => "Accept: text/event-stream\r\n",
            TransportKind::ForeverFrame | TransportKind::LongPolling => "",
        };
        Request { headers, ..Request::get(target) }
    }

    fn start(&self, asking: Asking<'_>) -> Option<Request> {
        Some(Request::get(self.target(asking, "start")))
    }

    fn send(&self, asking: Asking<'_>, text: &str) -> Request {
        let mut form = String::with_capacity(text.len() * 2);
        parameter(&mut form, "data", text.as_bytes());
        Request::post(self.target(asking, "send"), form)
    }

    fn abort(&self, asking: Asking<'_>) -> Option<Request> {
        Some(Request::post(self.target(asking, "abort"), String::new()))
    }

    fn call(&self, out: &mut String, call: Call<'_>, id: u32) {
        let Methods { hub, echo, broadcast, join, send_to_group } = &self.methods;
        // Payloads and group names are ours and need no escaping; writing into a string cannot fail.
        let _ = match call {
            Call::Echo(text) => write!(out, r#"{{"H":"{hub}","M":"{echo}","A":["{text}"],"I":{id}}}"#),
            Call::Broadcast(text) => {
                write!(out, r#"{{"H":"{hub}","M":"{broadcast}","A":["{text}"],"I":{id}}}"#)
            }
            Call::Join(group) => write!(out, r#"{{"H":"{hub}","M":"{join}","A":["{group}"],"I":{id}}}"#),
            Call::SendToGroup(group, text) => {
                write!(out, r#"{{"H":"{hub}","M":"{send_to_group}","A":["{group}","{text}"],"I":{id}}}"#)
            }
        };
    }

    fn read(&self, text: &[u8]) -> Heard {
        let Ok(text) = std::str::from_utf8(text) else { return Heard::Nothing };
        match decode_frame(text) {
            Ok(Frame::Result(result)) => match HubMessage::decode(result.get()) {
                Ok(HubMessage::Answer(HubAnswer { outcome: Err(failure), .. })) => {
                    Heard::Failed(failure.text.into_owned())
                }
                Ok(HubMessage::Answer(_)) => Heard::Reply,
                Ok(_) | Err(_) => Heard::Nothing,
            },
            Ok(Frame::Response(response)) => match response.signal {
                Signal::Initialized => Heard::Initialized,
                Signal::Stop(Some(why)) => Heard::Goodbye(why.into()),
                Signal::Stop(None) => Heard::Goodbye("the server disconnected this client".to_owned()),
                Signal::None | Signal::Reconnect => Heard::Nothing,
            },
            // What is no frame at all is found in the sample.
            Ok(Frame::KeepAlive) | Err(_) => Heard::Nothing,
        }
    }

    fn remember(&self, text: &[u8], session: &mut Session) {
        if let Some(cursor) = string_after(text, b"{\"C\":\"") {
            session.cursor.clear();
            session.cursor.extend_from_slice(cursor);
        }
        // Key order puts it before the messages; a payload of ours cannot contain it.
        if let Some(at) = memmem::find(text, b",\"G\":\"")
            && let Some(groups) = string_after(text.get(at..).unwrap_or_default(), b",\"G\":\"")
        {
            session.groups.clear();
            session.groups.extend_from_slice(groups);
        }
    }

    fn is_valid(&self, text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| decode_frame(text).is_ok())
    }
}

/// The JSON string that begins after `prefix`. Cursors and tokens contain nothing that needs escaping (5.1).
fn string_after<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(prefix)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session { token: "t%2F".to_owned(), cursor: b"d-1,2|x".to_vec(), groups: b"g+".to_vec() }
    }

    fn target(transport: TransportKind, opening: Opening) -> Request {
        let session = session();
        Classic::default().connect(Asking { path: "/signalr", transport, session: &session }, opening)
    }

    const COMMON: &str =
        "clientProtocol=2.1&connectionToken=t%2F&connectionData=%5B%7B%22name%22%3A%22loadhub%22%7D%5D";

    #[test]
    fn a_negotiation_yields_an_escaped_token_or_a_reason() {
        let mut session = session();
        let classic = Classic::default();
        classic.negotiated(br#"{"Url":"/x","ConnectionToken":"a+b="}"#, &mut session).unwrap();
        assert_eq!(session, Session { token: "a%2Bb%3D".to_owned(), ..Session::default() });
        let refused = classic.negotiated(br#"{"Error":"full"}"#, &mut session).unwrap_err();
        assert!(refused.contains("full"));
        classic.negotiated(b"<html>", &mut session).unwrap_err();
        classic.negotiated(b"{}", &mut session).unwrap_err();
    }

    #[test]
    fn the_first_connection_has_no_past_and_a_later_one_has() {
        let first = target(TransportKind::WebSockets, Opening::First);
        assert_eq!(first.target, format!("/signalr/connect?transport=webSockets&{COMMON}&tid=1"));
        assert_eq!(first.headers, UPGRADE);
        let again = target(TransportKind::ServerSentEvents, Opening::Again);
        let past = "messageId=d-1%2C2%7Cx&groupsToken=g%2B";
        assert_eq!(
            again.target,
            format!("/signalr/reconnect?transport=serverSentEvents&{COMMON}&{past}&tid=1")
        );
        let poll = target(TransportKind::LongPolling, Opening::Poll);
        assert_eq!((poll.method, poll.body.as_str()), ("POST", past));
        assert_eq!(poll.target, format!("/signalr/poll?transport=longPolling&{COMMON}"));
    }

    #[test]
    fn calls_are_json_that_a_hub_understands() {
        let mut text = String::new();
        Classic::default().call(&mut text, Call::SendToGroup("g1", "hello"), 7);
        let call: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(call, serde_json::json!({"H":"loadHub","M":"sendToGroup","A":["g1","hello"],"I":7}));
    }

    #[test]
    fn texts_without_marks_are_told_apart() {
        let heard = |text: &str| Classic::default().read(text.as_bytes());
        assert_eq!(heard("{}"), Heard::Nothing);
        assert_eq!(heard(r#"{"C":"d","S":1,"M":[]}"#), Heard::Initialized);
        assert_eq!(heard(r#"{"C":"d","M":[{"H":"h","M":"m","A":[{"S":1}]}]}"#), Heard::Nothing);
        assert_eq!(heard(r#"{"I":"7"}"#), Heard::Reply);
        assert_eq!(heard(r#"{"S":{"a":1},"R":2,"I":"7"}"#), Heard::Reply);
        assert_eq!(heard(r#"{"I":"7","E":"no such method"}"#), Heard::Failed("no such method".to_owned()));
        assert_eq!(heard(r#"{"C":"d","E":"leave","M":[]}"#), Heard::Goodbye("leave".to_owned()));
        assert!(matches!(heard(r#"{"C":"d","D":1,"M":[]}"#), Heard::Goodbye(_)));
    }

    #[test]
    fn cursor_and_groups_token_are_remembered() {
        let mut session = Session::default();
        let classic = Classic::default();
        classic.remember(br#"{"C":"d-5","G":"tok==","M":[]}"#, &mut session);
        assert_eq!((session.cursor.as_slice(), session.groups.as_slice()), (&b"d-5"[..], &b"tok=="[..]));
        classic.remember(br#"{"C":"d-6","M":[]}"#, &mut session);
        classic.remember(b"{}", &mut session);
        assert_eq!((session.cursor.as_slice(), session.groups.as_slice()), (&b"d-6"[..], &b"tok=="[..]));
    }
}
