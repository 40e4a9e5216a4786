//! One client: what it is, how far it has come, and what it makes of what it hears.

use heliostat_proto::transport_kind::TransportKind;

use super::{socket::Socket, tally::Tally};
use crate::{
    dialect::{Dialect, Heard, Session},
    ledger::{Ledger, Noted},
    marker::Marker,
    shared::Streams,
    wire::{
        channel::{Channel, News},
        frame,
        head::After,
    },
};

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its turn has not come.
    Waiting,
    Negotiating,
    /// Its socket is being opened, or the server has not said that it is ready.
    Opening,
    /// The server is ready: `/start` is next.
    Initialized,
    Starting,
    /// It has asked to be in its group.
    Joining,
    Ready,
    /// Its socket is gone and the next one is being opened.
    Returning,
    /// Its socket is gone, and so was the next; it tries again later.
    Away,
    /// Its connection is over.
    Gone,
}

impl Stage {
    /// Whether a handshake is under way.
    pub(crate) const fn is_shaking_hands(self) -> bool {
        matches!(self, Self::Negotiating | Self::Opening | Self::Initialized | Self::Starting | Self::Joining)
    }

    /// Whether it has ever been ready and still means to be.
    pub(crate) const fn is_established(self) -> bool {
        matches!(self, Self::Ready | Self::Returning | Self::Away)
    }
}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Receives,
    Publishes,
}

#[derive(Debug)]
pub(crate) struct Client {
    /// Among those of its role, over all threads.
    pub(crate) number: u32,
    pub(crate) role: Role,
    pub(crate) transport: TransportKind,
    pub(crate) stage: Stage,
    pub(crate) session: Session,
    pub(crate) ledger: Ledger,
    /// When the handshake began or was due, or the socket was cut.
    pub(crate) since: u64,
    pub(crate) line: Option<Line>,
    pub(crate) next_call: u32,
    /// Echoes asked for.
    pub(crate) echoes: u32,
    /// Echoes that came back.
    pub(crate) answered: u32,
    /// Those of them of late, so that as many may be asked for again.
    pub(crate) credit: u32,
    /// A poll is complete: the next one is due.
    pub(crate) poll_due: Option<After>,
    /// The server told it to go.
    pub(crate) dismissed: Option<String>,
}

/// The socket of a client and what comes out of it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) socket: Socket,
    pub(crate) channel: Channel,
}

/// What a client needs to understand what it hears.
#[derive(Debug)]
pub(crate) struct Hearing<'a> {
    pub(crate) marker: &'a Marker,
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) tally: &'a mut Tally,
    pub(crate) streams: Streams,
    pub(crate) keeps_place: bool,
    pub(crate) now: u64,
}

impl Client {
    pub(crate) fn new(number: u32, role: Role, transport: TransportKind) -> Self {
        Self {
            number,
            role,
            transport,
            stage: Stage::Waiting,
            session: Session::default(),
            ledger: Ledger::default(),
            since: 0,
            line: None,
            next_call: 0,
            echoes: 0,
            answered: 0,
            credit: 0,
            poll_due: None,
            dismissed: None,
        }
    }

    /// News from its own socket; `out` takes what must be answered at once.
    pub(crate) fn handle(&mut self, news: &News<'_>, out: &mut Vec<u8>, hearing: &mut Hearing<'_>) {
        match news {
            News::Opened if self.stage == Stage::Returning => {
                self.stage = Stage::Ready;
                hearing.tally.returning.note(hearing.now.saturating_sub(self.since));
                hearing.tally.last_back = hearing.now;
                hearing.tally.fresh.back += 1;
            }
            News::Opened => {}
            News::Text(text) => {
                if let Some(answer) = self.hear(text, hearing) {
                    frame::write(out, frame::Sent::Text, answer.as_bytes(), fastrand::u32(..));
                }
            }
            News::Ping(payload) => frame::write(out, frame::Sent::Pong, payload, fastrand::u32(..)),
            News::Answered(after) => self.poll_due = Some(*after),
        }
    }

    /// A text, from whichever socket; gives the text that the server wants back.
    pub(crate) fn hear(&mut self, text: &[u8], hearing: &mut Hearing<'_>) -> Option<&'static str> {
        let mut marks = 0;
        for stamp in hearing.marker.find(text) {
            marks += 1;
            let is_echo = hearing.streams.is_echo(stamp.stream);
            let noted = self.ledger.note(stamp);
            let noted = match noted {
                // Calls may overtake each other.
                Noted::Late if is_echo => Noted::Fresh,
                Noted::Fresh | Noted::Late | Noted::Duplicate | Noted::Misdelivered => noted,
            };
            if is_echo {
                self.credit += 1;
                self.answered += 1;
                hearing.tally.fresh.calls += 1;
            }
            hearing.tally.note(stamp, noted, hearing.now);
        }
        if hearing.tally.samples() && !text.is_empty() && !hearing.dialect.is_valid(text) {
            hearing.tally.malformed += 1;
        }
        if hearing.keeps_place {
            hearing.dialect.remember(text, &mut self.session);
        }
        if marks > 0 && self.stage == Stage::Ready {
            return None;
        }
        self.heed(hearing.dialect.read(text), hearing.tally)
    }

    fn heed(&mut self, heard: Heard, tally: &mut Tally) -> Option<&'static str> {
        match heard {
            Heard::Nothing => {}
            Heard::Initialized if self.stage == Stage::Opening => self.stage = Stage::Initialized,
            Heard::Initialized => {}
            Heard::Reply if self.stage == Stage::Joining => self.stage = Stage::Ready,
            Heard::Reply => tally.fresh.calls += 1,
            Heard::Failed(why) if self.stage == Stage::Joining => self.dismissed = Some(why),
            Heard::Failed(_) => tally.fresh.failed_calls += 1,
            Heard::Answer(text) => return Some(text),
            Heard::Goodbye(why) => self.dismissed = Some(why),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classic, marker::Stamp};

    struct Stand {
        client: Client,
        marker: Marker,
        tally: Tally,
    }

    impl Stand {
        fn new(stage: Stage) -> Self {
            let mut client = Client::new(0, Role::Receives, TransportKind::WebSockets);
            client.stage = stage;
            client.ledger.expect(0);
            client.ledger.expect(9);
            Self { client, marker: Marker::new(7), tally: Tally::new() }
        }

        fn hear(&mut self, text: &str) {
            let mut hearing = Hearing {
                marker: &self.marker,
                dialect: &Classic::default(),
                tally: &mut self.tally,
                streams: Streams { publishers: 1, groups: 0 },
                keeps_place: true,
                now: 5,
            };
            assert_eq!(self.client.hear(text.as_bytes(), &mut hearing), None);
        }

        fn payload(&self, stream: u32, number: u32) -> String {
            let mut payload = String::new();
            self.marker.write(&mut payload, Stamp { stream, number, due: 1 }, 50);
            payload
        }
    }

    #[test]
    fn a_handshake_goes_on_with_the_right_words_only() {
        let mut stand = Stand::new(Stage::Opening);
        stand.hear("{}");
        assert_eq!(stand.client.stage, Stage::Opening);
        stand.hear(r#"{"C":"d-1","S":1,"M":[]}"#);
        assert_eq!(
            (stand.client.stage, stand.client.session.cursor.as_slice()),
            (Stage::Initialized, &b"d-1"[..])
        );
        stand.client.stage = Stage::Joining;
        stand.hear(r#"{"I":"0"}"#);
        assert_eq!(stand.client.stage, Stage::Ready);
    }

    #[test]
    fn a_doubled_a_lost_and_a_reordered_message_are_all_noticed() {
        let mut stand = Stand::new(Stage::Ready);
        for number in [0, 0, 3, 2] {
            let text = format!(r#"{{"C":"d","M":[{{"A":["{}"]}}]}}"#, stand.payload(0, number));
            stand.hear(&text);
        }
        let found = (stand.tally.fresh.delivered, stand.tally.duplicates, stand.tally.out_of_order);
        assert_eq!(found, (3, 1, 1));
        assert_eq!(stand.client.ledger.lost(|stream| if stream == 0 { 5 } else { 0 }), 2);
    }

    #[test]
    fn echoes_may_overtake_each_other_and_give_credit() {
        let mut stand = Stand::new(Stage::Ready);
        for number in [1, 0] {
            let text = format!(r#"{{"R":"{}","I":"3"}}"#, stand.payload(9, number));
            stand.hear(&text);
        }
        assert_eq!((stand.client.credit, stand.tally.out_of_order, stand.tally.fresh.calls), (2, 0, 2));
    }

    #[test]
    fn a_client_that_is_told_to_go_knows_why() {
        let mut stand = Stand::new(Stage::Ready);
        stand.hear(r#"{"C":"d","E":"closing","M":[]}"#);
        assert_eq!(stand.client.dismissed.as_deref(), Some("closing"));
    }
}
