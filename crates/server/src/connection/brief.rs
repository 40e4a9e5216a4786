//! The history of a connection that is over: nothing is added to it any more, and hardly anybody asks for it.
//!
//! Its numbers are small, so they are written one after the other in as many bytes as each needs, seven bits in a byte; the highest bit
//! says that more follow.

use super::history::{Event, Happening, History};

/// A [`History`] in few bytes, with nothing left out.
#[derive(Debug)]
pub(super) struct Brief {
    happenings: Box<[Happening]>,
    /// How many events are forgotten; then four numbers for each that is not: when, how long, how often, on which transport connection.
    numbers: Box<[u8]>,
}

impl Brief {
    pub(super) fn of(history: &History) -> Self {
        let mut numbers = Vec::with_capacity(1 + history.events().len() * 6);
        write(&mut numbers, history.forgotten().into());
        for Event { at, lasted, count, link, what: _ } in history.events() {
            for number in [*at, (*lasted).into(), (*count).into(), (*link).into()] {
                write(&mut numbers, number);
            }
        }
        Self { happenings: history.events().map(|event| event.what).collect(), numbers: numbers.into() }
    }

    /// How many events are forgotten, and the others.
    pub(super) fn read(&self) -> (u32, Vec<Event>) {
        let mut numbers = self.numbers.iter().copied();
        let forgotten = read_short(&mut numbers);
        let event = |&what: &Happening| {
            let at = read(&mut numbers);
            let [lasted, count, link] = [(); 3].map(|()| read_short(&mut numbers));
            Event { at, lasted, count, link, what }
        };
        (forgotten, self.happenings.iter().map(event).collect())
    }
}

fn write(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [lowest, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return bytes.push(lowest);
        }
        bytes.push(lowest | 0x80);
    }
}

fn read(bytes: &mut impl Iterator<Item = u8>) -> u64 {
    let mut number = 0;
    for (place, byte) in (0..u64::BITS).step_by(7).zip(bytes) {
        number |= u64::from(byte & 0x7F) << place;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// One that was no larger when it was written.
fn read_short(bytes: &mut impl Iterator<Item = u8>) -> u32 {
    u32::try_from(read(bytes)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use heliostat_proto::{
        connection::{Effect, Ending, Input, LinkId, Opening, Reason},
        transport_kind::TransportKind,
    };
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_history_is_the_same_afterwards_and_takes_less_than_half_of_the_room() {
        let mut history = History::default();
        let poll = |number: u64, how| {
            let link = LinkId::new(number);
            (Input::Opened { link, kind: TransportKind::LongPolling, how }, Some(link))
        };
        let at = Duration::from_millis;
        let (connect, first) = poll(1, Opening::ConnectDelayed);
        history.hear(at(0), connect, first);
        history.hear(at(3), Input::Answered(LinkId::new(1)), first);
        history.note(at(4), Effect::RaiseConnected);
        for number in 2..400 {
            let (next, carries) = poll(number, Opening::Poll);
            history.hear(at(number * 100_000), next, carries);
            history.hear(at((number + 1) * 100_000), Input::Answered(LinkId::new(number)), carries);
        }
        history.note(at(39_900_000), Effect::End(LinkId::new(399), Ending::Stopped));
        // A clock that was read before another's.
        history.note(at(39_899_999), Effect::RaiseDisconnected(Reason::Stopped));
        let brief = Brief::of(&history);
        assert_eq!(brief.read(), (0, history.events().copied().collect()));
        let size = size_of_val(&*brief.happenings) + brief.numbers.len();
        assert!(size * 2 < size_of::<Event>() * history.events().len(), "{size} bytes");
    }

    #[test]
    fn what_is_forgotten_is_counted_on() {
        let mut history = History::default();
        (0..60).for_each(|second| history.note(Duration::from_secs(second), Effect::RaiseReconnected));
        let brief = Brief::of(&history);
        assert_eq!(brief.read(), (12, history.events().copied().collect()));
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(numbers in proptest::collection::vec(any::<u64>(), 0..9), shift in 0..64) {
            let numbers: Vec<u64> = numbers.into_iter().map(|number| number >> shift).chain([0, u64::MAX]).collect();
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| write(&mut bytes, *number));
            let mut bytes = bytes.into_iter();
            prop_assert_eq!(numbers.iter().map(|_| read(&mut bytes)).collect::<Vec<_>>(), numbers);
            prop_assert_eq!(bytes.next(), None);
        }
    }
}
