//! The last lifetime events of one connection, small enough to be kept for every one of many idle ones.
//!
//! Invariants: events are in the order of the state machine; at most [`KEPT`] of them; one poll after the other without news of another
//! kind is one event with a count.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use heliostat_proto::{
    connection::{Effect, Ending, Input, LinkId, Opening, Reason},
    transport_kind::TransportKind,
};

use crate::{ahead::Lines, lost::LossCause};

/// Enough for a dozen reconnects; the oldest go first.
const KEPT: usize = 48;

/// What happened to one connection lately.
#[derive(Debug, Default)]
pub(crate) struct History {
    events: VecDeque<Event>,
    forgotten: u32,
}

/// Something that happened. Times are in milliseconds after the beginning of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: u64,
    /// How long it went on, if it is several in one.
    pub(crate) lasted: u32,
    pub(crate) count: u32,
    /// The number of the transport connection that it is about; 0 if it is about none.
    pub(crate) link: u32,
    pub(crate) what: Happening,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Connected,
    Reconnected,
    Disconnected(Reason),
    MessagesLost(LossCause),
    Opened(TransportKind, Opening),
    /// A poll got its answer.
    Answered,
    /// So many polls began and got their answers.
    Polled,
    /// The server ended a transport connection.
    Ended(Ending),
    /// The physical connection is gone.
    Gone,
    /// Nothing was heard for so long that the client counts as away.
    Silent,
    HeardAgain,
}

impl History {
    /// News came, and the machine has taken it in. `carries` is the transport connection that carried the connection before, or carries it
    /// now if it has just been opened: news about others are of no interest.
    pub(crate) fn hear(&mut self, at: Duration, input: Input, carries: Option<LinkId>) {
        match input {
            Input::Opened { link, kind, how } if carries == Some(link) => {
                self.push(at, link, Happening::Opened(kind, how));
            }
            Input::Answered(link) if carries == Some(link) => self.end_poll(at, link, Happening::Answered),
            Input::Lost(link) if carries == Some(link) => self.push(at, link, Happening::Gone),
            Input::Opened { .. } | Input::Answered(_) | Input::Lost(_) | Input::Started | Input::Wrote(_) => {
            }
            Input::Heard(_) | Input::Aborted | Input::Disconnect | Input::MessagesLost | Input::Moved => {}
            Input::Leave | Input::ShuttingDown | Input::Tick => {}
        }
    }

    /// The machine wants something done.
    pub(crate) fn note(&mut self, at: Duration, effect: Effect) {
        let none = LinkId::new(0);
        match effect {
            Effect::RaiseConnected => self.push(at, none, Happening::Connected),
            Effect::RaiseReconnected => self.push(at, none, Happening::Reconnected),
            Effect::RaiseDisconnected(reason) => self.push(at, none, Happening::Disconnected(reason)),
            Effect::End(link, Ending::ConnectionTimeout) => {
                self.end_poll(at, link, Happening::Ended(Ending::ConnectionTimeout));
            }
            Effect::End(link, ending) => self.push(at, link, Happening::Ended(ending)),
            Effect::NoteSilent(link) => self.push(at, link, Happening::Silent),
            Effect::NoteHeardAgain(link) => self.push(at, link, Happening::HeardAgain),
            Effect::SendKeepAlive(_) | Effect::SendPing(_) | Effect::Forget => {}
        }
    }

    pub(crate) fn note_loss(&mut self, at: Duration, cause: LossCause) {
        self.push(at, LinkId::new(0), Happening::MessagesLost(cause));
    }

    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.events.iter()
    }

    /// Where the next event will lie.
    pub(crate) fn end(&self) -> Lines {
        self.events.back().map(Lines::of).unwrap_or_default()
    }

    /// How many have been forgotten.
    pub(crate) const fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// A poll that did nothing but begin and end is counted, not kept.
    fn end_poll(&mut self, at: Duration, link: LinkId, how: Happening) {
        let began = match self.events.back() {
            Some(Event {
                at,
                link: opened,
                what: Happening::Opened(TransportKind::LongPolling, Opening::Poll),
                ..
            }) if *opened == number(link) => *at,
            _ => return self.push(at, link, how),
        };
        self.events.pop_back();
        if let Some(polled) = self.events.back_mut().filter(|event| event.what == Happening::Polled) {
            polled.count = polled.count.saturating_add(1);
            polled.lasted = short(milliseconds(at) - polled.at);
            polled.link = number(link);
        } else {
            self.push(Duration::from_millis(began), link, Happening::Polled);
            if let Some(polled) = self.events.back_mut() {
                polled.lasted = short(milliseconds(at) - began);
            }
        }
    }

    fn push(&mut self, at: Duration, link: LinkId, what: Happening) {
        while self.events.len() >= KEPT {
            self.events.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
        self.events.push_back(Event { at: milliseconds(at), lasted: 0, count: 1, link: number(link), what });
    }
}

/// The time of an event within a record.
pub(crate) fn offset(began: Instant, at: Instant) -> Duration {
    at.saturating_duration_since(began)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn short(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds).unwrap_or(u32::MAX)
}

fn number(link: LinkId) -> u32 {
    u32::try_from(link.get()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TransportKind::{LongPolling, WebSockets};

    fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    fn opened(link: u64, kind: TransportKind, how: Opening) -> (Input, Option<LinkId>) {
        (Input::Opened { link: LinkId::new(link), kind, how }, Some(LinkId::new(link)))
    }

    fn poll(history: &mut History, from: u64, to: u64, link: u64) {
        let (input, carries) = opened(link, LongPolling, Opening::Poll);
        history.hear(second(from), input, carries);
        history.hear(second(to), Input::Answered(LinkId::new(link)), carries);
    }

    fn whats(history: &History) -> Vec<(Happening, u32)> {
        history.events().map(|event| (event.what, event.count)).collect()
    }

    #[test]
    fn polls_one_after_the_other_are_one_event_until_something_else_happens() {
        let mut history = History::default();
        for link in 1..=100 {
            poll(&mut history, link, link + 1, link);
        }
        assert_eq!(whats(&history), [(Happening::Polled, 100)]);
        let polled = history.events().next().unwrap();
        assert_eq!((polled.at, polled.lasted, polled.link), (1_000, 100_000, 100));
        history.note(second(101), Effect::RaiseReconnected);
        poll(&mut history, 102, 103, 101);
        assert_eq!(
            whats(&history),
            [(Happening::Polled, 100), (Happening::Reconnected, 1), (Happening::Polled, 1)]
        );
    }

    #[test]
    fn a_poll_that_ended_otherwise_stays_visible() {
        let mut history = History::default();
        poll(&mut history, 0, 1, 1);
        let (input, carries) = opened(2, LongPolling, Opening::Poll);
        history.hear(second(1), input, carries);
        history.hear(second(2), Input::Lost(LinkId::new(2)), carries);
        let kept: Vec<_> = history.events().map(|event| event.what).collect();
        let reopened = Happening::Opened(LongPolling, Opening::Poll);
        assert_eq!(kept, [Happening::Polled, reopened, Happening::Gone]);
    }

    #[test]
    fn news_about_a_transport_connection_that_carries_no_more_is_of_no_interest() {
        let mut history = History::default();
        history.hear(second(0), Input::Lost(LinkId::new(1)), Some(LinkId::new(2)));
        history.hear(second(0), Input::Lost(LinkId::new(1)), None);
        assert_eq!(history.events().len(), 0);
    }

    #[test]
    fn the_oldest_events_are_forgotten_and_counted() {
        let mut history = History::default();
        for link in 1..=100 {
            let (input, carries) = opened(link, WebSockets, Opening::Reconnect);
            history.hear(second(link), input, carries);
        }
        assert_eq!((history.events().len(), history.forgotten()), (KEPT, 52));
        assert_eq!(history.events().next().unwrap().link, 53);
        assert!(history.events.capacity() * size_of::<Event>() < 2_000, "bounded in bytes too");
    }

    /// Ten thousand idle connections are to cost little.
    #[test]
    fn the_history_of_an_idle_connection_is_small() {
        let mut stream = History::default();
        let (input, carries) = opened(1, WebSockets, Opening::ConnectDelayed);
        stream.hear(second(0), input, carries);
        stream.note(second(0), Effect::RaiseConnected);

        let mut polling = History::default();
        let (input, carries) = opened(1, LongPolling, Opening::ConnectDelayed);
        polling.hear(second(0), input, carries);
        polling.hear(second(0), Input::Answered(LinkId::new(1)), carries);
        polling.note(second(0), Effect::RaiseConnected);
        for link in 2..1_000 {
            poll(&mut polling, link, link + 1, link);
        }
        for history in [stream, polling] {
            let size = size_of::<History>() + history.events.capacity() * size_of::<Event>();
            assert!(size < 300, "{size} bytes");
        }
    }
}
