//! What a client receives, freed of transport framing, keep-alives and batch borders.

use serde_json::Value;

use crate::{
    purpose::{self, Transport, strip_jsonp},
    recording::{Direction, Exchange, Opcode},
};

/// Something that arrived on a receive channel, with the time since its request was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) at: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    KeepAlive,
    /// A persistent response.
    Response(Value),
    /// The result of an invocation in a frame of its own: WebSockets only.
    Result(Value),
    Pong(String),
    Close(Option<u16>),
    /// Bytes that are none of the above.
    Nonsense(String),
}

/// A receive channel as the client sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Delivered {
    /// What came before the first response: the event stream's greeting, the forever frame's page.
    pub(crate) preamble: String,
    pub(crate) arrivals: Vec<Arrival>,
}

impl Delivered {
    /// Takes an exchange apart.
    pub(crate) fn of(exchange: &Exchange) -> Self {
        if purpose::is_web_socket(exchange) {
            return Self { preamble: String::new(), arrivals: frames(exchange) };
        }
        match Transport::of(&exchange.request) {
            Some(Transport::ServerSentEvents) => blocks(exchange, "\n\n", event),
            Some(Transport::ForeverFrame) => blocks(exchange, "</script>", script),
            Some(Transport::LongPolling | Transport::WebSockets) | None => poll(exchange),
        }
    }

    pub(crate) fn responses(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.arrivals.iter().filter_map(|arrival| match &arrival.what {
            What::Response(response) => Some((arrival.at, response)),
            What::KeepAlive | What::Result(_) | What::Pong(_) | What::Close(_) | What::Nonsense(_) => None,
        })
    }

    pub(crate) fn results(&self) -> impl Iterator<Item = &Value> {
        self.arrivals.iter().filter_map(|arrival| match &arrival.what {
            What::Result(result) => Some(result),
            What::KeepAlive | What::Response(_) | What::Pong(_) | What::Close(_) | What::Nonsense(_) => None,
        })
    }

    /// The last text of that member (`C` or `G`) in any response.
    pub(crate) fn last(&self, member: &str) -> Option<String> {
        self.responses().filter_map(|(_, response)| response.get(member)?.as_str().map(str::to_owned)).last()
    }

    /// How many messages, group tokens, initialisations, results and pongs had arrived by then: what a client waits for before
    /// it goes on.
    pub(crate) fn units_until(&self, at: u64) -> usize {
        self.arrivals.iter().filter(|arrival| arrival.at <= at).map(|arrival| units(&arrival.what)).sum()
    }
}

fn units(what: &What) -> usize {
    match what {
        What::Response(response) => {
            let messages = response.get("M").and_then(Value::as_array).map_or(0, Vec::len);
            messages + usize::from(response.get("G").is_some()) + usize::from(response.get("S").is_some())
        }
        What::Result(_) | What::Pong(_) => 1,
        What::KeepAlive | What::Close(_) | What::Nonsense(_) => 0,
    }
}

fn frames(exchange: &Exchange) -> Vec<Arrival> {
    exchange
        .frames
        .iter()
        // Pings are between the two ends of the socket; neither SignalR nor its clients see them.
        .filter(|frame| frame.dir == Direction::Recv && frame.op != Opcode::Ping)
        .map(|frame| {
            let data = frame.data.clone().unwrap_or_default();
            let what = match frame.op {
                Opcode::Text => classify(&data),
                Opcode::Pong => What::Pong(data),
                Opcode::Close => What::Close(frame.code),
                Opcode::Binary | Opcode::Ping => What::Nonsense(data),
            };
            Arrival { at: frame.t_ms, what }
        })
        .collect()
}

fn classify(text: &str) -> What {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) if object.is_empty() => What::KeepAlive,
        Ok(value) if value.get("I").is_some() => What::Result(value),
        Ok(value) if value.get("C").is_some() && value.get("M").is_some() => What::Response(value),
        Ok(_) | Err(_) => What::Nonsense(text.to_owned()),
    }
}

/// A long poll: spaces, then at most one response, wrapped or not.
fn poll(exchange: &Exchange) -> Delivered {
    let mut arrivals = Vec::new();
    for (at, piece) in exchange.response.pieces() {
        let spaces = piece.len() - piece.trim_start_matches(' ').len();
        arrivals.extend((0..spaces).map(|_| Arrival { at, what: What::KeepAlive }));
        if spaces < piece.len() {
            break;
        }
    }
    let text = exchange.response.text().trim_start_matches(' ');
    if !text.is_empty() {
        let (_, json) = strip_jsonp(text);
        arrivals.push(Arrival { at: exchange.response.ended_at_ms, what: classify(json) });
    }
    Delivered { preamble: String::new(), arrivals }
}

/// Splits a streamed body after each `end`. A block belongs to the piece that completed it.
fn blocks(exchange: &Exchange, end: &str, read: fn(&str) -> Option<(&str, What)>) -> Delivered {
    let mut delivered = Delivered::default();
    let mut pending = String::new();
    for (at, piece) in exchange.response.pieces() {
        pending.push_str(piece);
        while let Some(found) = pending.find(end) {
            let rest = pending.split_off(found + end.len());
            let block = std::mem::replace(&mut pending, rest);
            let (before, what) = match read(&block) {
                Some((before, what)) => (before, Some(what)),
                None => (block.as_str(), None),
            };
            delivered.skip(at, before);
            delivered.arrivals.extend(what.map(|what| Arrival { at, what }));
        }
    }
    delivered.skip(exchange.response.ended_at_ms, &pending);
    delivered
}

impl Delivered {
    /// Text outside the responses: the preamble at first, afterwards only blank space has a right to be there.
    fn skip(&mut self, at: u64, text: &str) {
        if self.arrivals.is_empty() {
            self.preamble.push_str(text);
        } else if !text.trim().is_empty() {
            self.arrivals.push(Arrival { at, what: What::Nonsense(text.to_owned()) });
        }
    }
}

/// An event; the text before it in the block is none of it.
fn event(block: &str) -> Option<(&str, What)> {
    let data = block.strip_prefix("data: ")?.strip_suffix("\n\n")?;
    if data == "initialized" { None } else { Some(("", classify(data))) }
}

/// A call of the forever frame's receive function, after whatever part of the page stands before it.
fn script(block: &str) -> Option<(&str, What)> {
    let (before, call) = block.split_once("<script>r(c, ")?;
    Some((before, classify(call.strip_suffix(");</script>")?)))
}
