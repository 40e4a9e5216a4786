//! A recording as a script for both sides.

use heliostat_client::TransportKind;
use heliostat_proto::parameters::Parameters;
use serde_json::Value;

use crate::recording::{Direction, Exchange, Opcode, Recording};

/// What was said, by whom and when.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) kind: TransportKind,
    /// Of the endpoint.
    pub(crate) path: String,
    pub(crate) is_raw: bool,
    /// Those in `connectionData`.
    pub(crate) hubs: Vec<String>,
    pub(crate) negotiation: String,
    pub(crate) start: String,
    /// In their order.
    pub(crate) receives: Vec<Receive>,
    pub(crate) sends: Vec<Send>,
    /// All messages of all deliveries.
    pub(crate) messages: Vec<Value>,
    pub(crate) is_aborted: bool,
}

/// One request that the client receives on.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    pub(crate) command: String,
    pub(crate) cursor: Option<String>,
    pub(crate) groups_token: Option<String>,
    /// What the server said, after so many messages of the client.
    pub(crate) pieces: Vec<(usize, String)>,
    /// The client left, and came back after so many messages of its own.
    pub(crate) cut_after: Option<usize>,
}

/// One message of the client.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) text: String,
    /// The text, if it is a call.
    pub(crate) call: Option<Value>,
    /// What the server answered to this very call.
    pub(crate) answer: Option<Value>,
    /// The body of the answer to the request that carried it.
    pub(crate) body: Option<String>,
    pub(crate) after_reconnect: bool,
}

const RECEIVES: [&str; 3] = ["connect", "reconnect", "poll"];

impl Conversation {
    pub(crate) fn of(recording: &Recording) -> Self {
        let find = |wanted: &str| recording.exchanges.iter().find(|exchange| command(exchange) == wanted);
        let connect = find("connect").expect("a conversation begins with connect");
        let query = query(connect);
        let path = connect.request.url.split('?').next().unwrap_or_default();
        let kind = TransportKind::parse(query.get("transport").unwrap_or_default()).unwrap();
        let reconnected_at = find("reconnect").map(|exchange| exchange.t_ms);
        let is_raw = query.get("connectionData").is_none();
        let hubs = query.get("connectionData").map_or_else(Vec::new, hubs);
        let sent_at: Vec<u64> = sends(recording).into_iter().map(|(at, ..)| at).collect();
        let receives: Vec<Receive> = recording
            .exchanges
            .iter()
            .filter(|exchange| RECEIVES.contains(&command(exchange)))
            .map(|exchange| receive(exchange, &sent_at, reconnected_at))
            .collect();
        Self {
            kind,
            path: path.trim_end_matches("/connect").to_owned(),
            is_raw,
            negotiation: find("negotiate").unwrap().response.text().to_owned(),
            start: find("start").unwrap().response.text().to_owned(),
            messages: receives
                .iter()
                .flat_map(|receive| &receive.pieces)
                .flat_map(|(_, text)| messages(text))
                .collect(),
            sends: sends(recording)
                .into_iter()
                .map(|(at, text, body)| {
                    let call = if is_raw { None } else { serde_json::from_str(&text).ok() };
                    let answer = call.as_ref().and_then(|call| answer(&receives, call, body.as_deref()));
                    Send {
                        text,
                        call,
                        answer,
                        body,
                        after_reconnect: reconnected_at.is_some_and(|back| at >= back),
                    }
                })
                .collect(),
            receives,
            hubs,
            is_aborted: find("abort").is_some(),
        }
    }
}

pub(crate) fn command(exchange: &Exchange) -> &str {
    exchange.request.url.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default()
}

fn query(exchange: &Exchange) -> Parameters {
    Parameters::from_query(exchange.request.url.split_once('?').map_or("", |(_, query)| query))
}

fn hubs(connection_data: &str) -> Vec<String> {
    let data: Vec<Value> = serde_json::from_str(connection_data).unwrap();
    data.iter().map(|hub| hub["name"].as_str().unwrap().to_owned()).collect()
}

/// What the client sent, when, and the body of the answer if it was a request.
fn sends(recording: &Recording) -> Vec<(u64, String, Option<String>)> {
    let mut sends = Vec::new();
    for exchange in &recording.exchanges {
        if command(exchange) == "send" {
            let form = Parameters::from_form(exchange.request.body.as_deref().unwrap_or_default().as_bytes());
            let text = form.get("data").unwrap_or_default().to_owned();
            sends.push((exchange.t_ms, text, Some(exchange.response.text().to_owned())));
        }
        for frame in
            exchange.frames.iter().filter(|frame| frame.dir == Direction::Send && frame.op == Opcode::Text)
        {
            sends.push((exchange.t_ms + frame.t_ms, frame.data.clone().unwrap_or_default(), None));
        }
    }
    sends.sort_by_key(|(at, ..)| *at);
    sends
}

fn receive(exchange: &Exchange, sent_at: &[u64], reconnected_at: Option<u64>) -> Receive {
    let place = |name: &str| {
        let form = Parameters::from_form(exchange.request.body.as_deref().unwrap_or_default().as_bytes());
        query(exchange).get(name).or(form.get(name)).map(str::to_owned)
    };
    let sent_by = |time: u64| sent_at.iter().filter(|at| **at <= time).count();
    let mut pieces = Vec::new();
    // On a WebSocket what was said before stands before.
    let mut sent = sent_by(exchange.t_ms.saturating_sub(1));
    for frame in &exchange.frames {
        match (frame.dir, frame.op) {
            (Direction::Send, Opcode::Text) => sent += 1,
            (Direction::Recv, Opcode::Text) => pieces.push((sent, frame.data.clone().unwrap_or_default())),
            _ => {}
        }
    }
    if exchange.frames.is_empty() && exchange.response.status == Some(200) {
        pieces.extend(
            exchange
                .response
                .pieces()
                .into_iter()
                .map(|(at, text)| (sent_by(exchange.t_ms + at), text.to_owned())),
        );
    }
    let is_left =
        !exchange.response.ended_by.by_server() && reconnected_at.is_some_and(|at| at > exchange.t_ms);
    Receive {
        command: command(exchange).to_owned(),
        cursor: place("messageId"),
        groups_token: place("groupsToken"),
        pieces,
        cut_after: reconnected_at.filter(|_| is_left).map(|at| sent_by(at.saturating_sub(1))),
    }
}

fn answer(receives: &[Receive], call: &Value, body: Option<&str>) -> Option<Value> {
    let id = call["I"].to_string();
    let frames = receives.iter().flat_map(|receive| &receive.pieces).map(|(_, text)| text.as_str());
    let mut answers = frames.chain(body).filter_map(|text| serde_json::from_str::<Value>(text).ok());
    answers.find(|answer| answer["I"].as_str() == Some(&id) && answer.get("P").is_none())
}

/// The messages in a piece: of one frame, of the events of a stream, or of the answer to a poll.
fn messages(text: &str) -> Vec<Value> {
    let frames = text.split("\n\n").map(|event| event.trim().trim_start_matches("data: "));
    let frames = frames.filter_map(|frame| serde_json::from_str::<Value>(frame).ok());
    frames.flat_map(|frame| frame["M"].as_array().cloned().unwrap_or_default()).collect()
}
