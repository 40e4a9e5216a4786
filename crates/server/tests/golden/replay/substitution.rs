//! What was true for the recorded connection, put in terms of the replayed one.

use crate::{
    delivery::Delivered,
    purpose::{self, Identity, Transport},
    query,
    recording::{Exchange, Recording, Request},
};

/// Who is who.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    known: Vec<(Identity, Identity)>,
    /// The token that stands for whatever token was recorded.
    prepared: Option<String>,
}

impl Identities {
    pub(crate) fn prepare(&mut self, token: String) {
        self.prepared = Some(token);
    }

    /// Learns from a negotiate answer and its replay.
    pub(crate) fn learn(&mut self, recorded: &Exchange, replayed: &Exchange) {
        if let (Some(recorded), Some(replayed)) = (Identity::of(recorded), Identity::of(replayed))
            && !self.known.iter().any(|(known, _)| *known == recorded)
        {
            self.known.push((recorded, replayed));
        }
    }

    fn token(&self, recorded: &str) -> Option<String> {
        let known = self.known.iter().find(|(old, _)| old.token == recorded);
        self.prepared.clone().or_else(|| known.map(|(_, new)| new.token.clone()))
    }

    /// Connection ids wherever they stand: in arguments of invocations above all.
    pub(crate) fn ids(&self, text: &str) -> String {
        self.known.iter().fold(text.to_owned(), |text, (old, new)| text.replace(&old.id, &new.id))
    }

    /// Identity is all that is changed here; the place in the message stream is the business of [`Place`].
    fn request(&self, request: &Request) -> Request {
        let pairs = |pairs: &str| self.ids(&query::change(pairs, "connectionToken", |old| self.token(old)));
        Request {
            url: query::change_query(&request.url, pairs),
            body: request.body.as_deref().map(pairs),
            ..request.clone()
        }
    }
}

/// Where a connection stands in the message stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The last cursor it was told.
    pub(crate) cursor: Option<String>,
    /// The last groups token it was given.
    pub(crate) groups: Option<String>,
}

impl Place {
    /// After these exchanges, oldest first.
    pub(crate) fn after<'a>(exchanges: impl Iterator<Item = &'a Exchange>) -> Self {
        let mut place = Self::default();
        for delivered in exchanges.filter(|exchange| purpose::delivers(exchange)).map(Delivered::of) {
            place.cursor = delivered.last("C").or(place.cursor);
            place.groups = delivered.last("G").or(place.groups);
        }
        place
    }
}

/// The request of a recorded exchange as it is to be sent now.
///
/// `replayed` holds what the exchanges before it became.
pub(crate) fn substitute(
    recording: &Recording,
    index: usize,
    identities: &Identities,
    replayed: &[Vec<Exchange>],
) -> Request {
    let recorded = &recording.exchanges[index].request;
    let token = purpose::token(recorded);
    let own = || {
        let is_own = |place: &usize| purpose::token(&recording.exchanges[*place].request) == token;
        Place::after((0..index).filter(is_own).filter_map(|place| replayed.get(place)).flatten())
    };
    let cursor = |old: &str| {
        if recording.name.starts_with("reconnect/future-messageid-") {
            return own().cursor.map(|cursor| beyond(&cursor));
        }
        counterpart(recording, index, old)?
            .map_or_else(|| own().cursor, |place| last_cursor(&replayed[place]))
    };
    let groups = |old: &str| match identities.token(old) {
        Some(token) => Some(token),
        None if has_given(recording, index, old) => own().groups,
        None => None,
    };
    let pairs =
        |pairs: &str| query::change(&query::change(pairs, "messageId", cursor), "groupsToken", groups);
    let placed = Request {
        url: query::change_query(&recorded.url, pairs),
        body: recorded.body.as_deref().map(pairs),
        ..recorded.clone()
    };
    identities.request(&placed)
}

/// Where a recorded cursor comes from: outer `None` if the server never sent it, inner `None` if it came over a stream or in a
/// loop of polls, where only the last cursor counts.
fn counterpart(recording: &Recording, index: usize, cursor: &str) -> Option<Option<usize>> {
    let sent = |place: &usize| {
        let exchange = &recording.exchanges[*place];
        purpose::delivers(exchange)
            && Delivered::of(exchange)
                .responses()
                .any(|(_, response)| response.get("C").and_then(|sent| sent.as_str()) == Some(cursor))
    };
    let place = (0..index).rev().find(sent)?;
    let exchange = &recording.exchanges[place];
    let single =
        Transport::of(&exchange.request) == Some(Transport::LongPolling) && !recording.is_loop_poll(exchange);
    Some(single.then_some(place))
}

/// Whether the server had given out that groups token before.
fn has_given(recording: &Recording, index: usize, token: &str) -> bool {
    recording.exchanges[..index].iter().filter(|exchange| purpose::delivers(exchange)).any(|exchange| {
        Delivered::of(exchange)
            .responses()
            .any(|(_, response)| response.get("G").and_then(|given| given.as_str()) == Some(token))
    })
}

fn last_cursor(exchanges: &[Exchange]) -> Option<String> {
    Place::after(exchanges.iter()).cursor
}

/// A cursor of the same server that lies far beyond everything it has sent.
fn beyond(cursor: &str) -> String {
    let (front, _) = cursor.rsplit_once('-').unwrap_or(("", cursor));
    format!("{front}-FFFFFFFF")
}

/// The next poll of a loop: like the recorded one, from where the connection stands now.
pub(crate) fn next_poll(recorded: &Request, identities: &Identities, place: &Place) -> Request {
    let mut request = identities.request(recorded);
    let in_query = query::value(query::of(&request.url), "messageId").is_some();
    let set = |pairs: &str| {
        let pairs = place
            .cursor
            .iter()
            .fold(pairs.to_owned(), |pairs, cursor| query::set(&pairs, "messageId", cursor));
        place.groups.iter().fold(pairs, |pairs, groups| query::set(&pairs, "groupsToken", groups))
    };
    if in_query {
        request.url = query::change_query(&request.url, set);
    } else {
        request.body = Some(set(request.body.as_deref().unwrap_or_default()));
    }
    request
}
