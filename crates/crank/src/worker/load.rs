//! What is sent when.

use std::sync::atomic::Ordering;

use super::{
    Share, Worker,
    client::{Role, Stage},
    handshake::group_name,
};
use crate::{Pace, Plan, Scenario, dialect::Call, marker::Stamp, pacer::Schedule, shared::nanoseconds};

/// Messages sent in one turn of the loop, so that what arrives is not kept waiting.
const PER_TURN: usize = 256;
/// How often, per second, each thread cuts a socket while soaking.
const CHURN: f64 = 1.0;

/// How far a thread is with sending.
#[derive(Debug)]
pub(crate) struct Load {
    share: Share,
    begun: Option<Schedules>,
    /// Messages published, and echoes asked for.
    published: u64,
    asked: usize,
    /// Messages that still belong to the burst being sent.
    left_of_burst: u32,
    pub(super) has_stormed: bool,
    /// All that was due has been sent.
    pub(super) is_finished: bool,
    payload: String,
    pub(super) text: String,
}

/// When what is due; there from the moment at which the load began.
#[derive(Clone, Debug)]
struct Schedules {
    /// Broadcasts, group messages or connects; `None` in a closed loop.
    main: Option<Schedule>,
    /// Echoes.
    echo: Option<Schedule>,
    churn: Option<Schedule>,
}

impl Load {
    pub(super) const fn new(share: Share) -> Self {
        Self {
            share,
            begun: None,
            published: 0,
            asked: 0,
            left_of_burst: 0,
            has_stormed: false,
            is_finished: false,
            payload: String::new(),
            text: String::new(),
        }
    }

    pub(super) const fn is_closed_loop(&self, plan: &Plan) -> bool {
        !matches!(plan.pace, Pace::Rate(_)) && plan.scenario.publishes()
    }

    fn schedules(&self, plan: &Plan, from: u64) -> Schedules {
        let threads = f64::from(self.share.of);
        let rate = match plan.pace {
            Pace::Rate(rate) => Some(rate),
            Pace::InFlight(_) | Pace::Burst(_) => None,
        };
        let scenario = plan.scenario;
        // One thread publishes; all ask for echoes and connect.
        let main = match scenario {
            Scenario::Idle | Scenario::Echo => None,
            Scenario::Connect => rate.map(|rate| rate / threads),
            Scenario::Broadcast | Scenario::Groups | Scenario::Storm | Scenario::Soak => {
                rate.filter(|_| self.share.thread == 0)
            }
        };
        let main = main.map(|rate| Schedule::new(from, rate));
        let echoes = matches!(scenario, Scenario::Echo | Scenario::Soak);
        let echo = rate.filter(|_| echoes).map(|rate| Schedule::new(from, rate / threads));
        let churn = (scenario == Scenario::Soak).then(|| Schedule::new(from, CHURN));
        Schedules { main, echo, churn }
    }
}

impl Worker {
    /// Sends what is due. What was due before the end is sent after it, if the generator is late, within its patience.
    pub(super) fn produce(&mut self, now: u64) {
        let moments = &self.shared.moments;
        let from = moments.load_from.load(Ordering::Acquire);
        if from > now || self.load.is_finished {
            return;
        }
        let until = moments.load_until.load(Ordering::Acquire);
        let is_late = now >= until.saturating_add(nanoseconds(self.plan.patience));
        if now >= until && (is_late || self.next_due().is_none_or(|due| due >= until)) {
            self.load.is_finished = true;
            self.shared.counters.finished.add(1);
            return;
        }
        if self.load.begun.is_none() {
            self.load.begun = Some(self.load.schedules(&self.plan, from));
            if self.plan.scenario == Scenario::Echo {
                self.begin_echoes(now);
            }
        }
        match self.plan.scenario {
            Scenario::Idle => {}
            Scenario::Echo => self.echo_due(now),
            Scenario::Broadcast | Scenario::Groups => self.publish_due(now),
            Scenario::Connect => self.turn_over(now),
            Scenario::Storm => {
                self.publish_due(now);
                self.storm(now);
            }
            Scenario::Soak => {
                self.publish_due(now);
                self.echo_due(now);
                if self.take(now, |schedules| schedules.churn.as_mut()).is_some() {
                    self.churn(now);
                }
            }
        }
    }

    /// When something is due next, if that is a matter of time.
    pub(super) fn next_due(&self) -> Option<u64> {
        let schedules = self.load.begun.as_ref()?;
        let all = [&schedules.main, &schedules.echo, &schedules.churn];
        all.into_iter().flatten().map(Schedule::next).min()
    }

    fn take(&mut self, now: u64, which: impl Fn(&mut Schedules) -> Option<&mut Schedule>) -> Option<u64> {
        let until = self.shared.moments.load_until.load(Ordering::Acquire);
        which(self.load.begun.as_mut()?)?.take(now.min(until.saturating_sub(1)))
    }

    /// Whether a closed loop may go on.
    fn goes_on(&self, now: u64) -> bool {
        now < self.shared.moments.load_until.load(Ordering::Acquire)
    }

    /// Publishes what is due by the clock, or what there is room for.
    fn publish_due(&mut self, now: u64) {
        for _ in 0..PER_TURN {
            let Some((publisher, stream, fanout)) = self.next_publication() else { break };
            let is_ready = self.clients.get(publisher).is_some_and(|client| {
                client.stage == Stage::Ready
                    && client.line.as_ref().is_some_and(|line| line.socket.has_room())
            });
            if !is_ready {
                break;
            }
            let due = match self.plan.pace {
                Pace::Rate(_) => self.take(now, |schedules| schedules.main.as_mut()),
                Pace::InFlight(most) => (self.goes_on(now) && self.is_room_for(fanout, most)).then_some(now),
                Pace::Burst(size) => self.takes_part_in_burst(now, size).then_some(now),
            };
            let Some(due) = due else { break };
            self.publish(publisher, stream, Due { due, now });
            self.shared.counters.published.add(1);
            self.shared.counters.expected.add(fanout);
            self.load.published += 1;
        }
        for index in self.publishers.clone() {
            self.flush(index);
        }
    }

    /// Whether this message belongs to the burst that is being sent, or begins the next one.
    fn takes_part_in_burst(&mut self, now: u64, size: u32) -> bool {
        if self.load.left_of_burst == 0 && self.shared.outstanding() == 0 && self.goes_on(now) {
            self.load.left_of_burst = size;
        }
        let takes_part = self.load.left_of_burst > 0;
        self.load.left_of_burst = self.load.left_of_burst.saturating_sub(1);
        takes_part
    }

    /// Whether, with this message, at most `most` are not with everybody yet.
    fn is_room_for(&self, fanout: u64, most: u32) -> bool {
        let largest = match self.plan.scenario {
            Scenario::Groups => u64::from(self.plan.connections.div_ceil(self.plan.groups)),
            Scenario::Idle
            | Scenario::Echo
            | Scenario::Broadcast
            | Scenario::Connect
            | Scenario::Storm
            | Scenario::Soak => fanout,
        };
        self.shared.outstanding() + fanout <= largest * u64::from(most)
    }

    /// Who publishes next, into which stream, and to how many.
    fn next_publication(&self) -> Option<(usize, u32, u64)> {
        let turn = self.load.published;
        let to_group = match self.plan.scenario {
            Scenario::Groups => Some(turn),
            Scenario::Soak if turn % 2 == 1 => Some(turn / 2),
            Scenario::Soak
            | Scenario::Idle
            | Scenario::Echo
            | Scenario::Broadcast
            | Scenario::Connect
            | Scenario::Storm => None,
        };
        let publishers = self.publishers.len() as u64;
        // With fewer connections than groups, the last groups are empty.
        let groups = u64::from(self.plan.groups.min(self.plan.connections));
        let (stream, by, fanout) = match to_group {
            Some(turn) => {
                let group = u32::try_from(turn.checked_rem(groups)?).ok()?;
                (self.streams.group(group), u64::from(group), self.shared.members(group).into())
            }
            None => {
                let by = turn.checked_rem(publishers)?;
                (u32::try_from(by).ok()?, by, self.shared.counters.connected.value())
            }
        };
        let publisher = usize::try_from(by.checked_rem(publishers)?).ok()?;
        Some((*self.publishers.get(publisher)?, stream, fanout))
    }

    fn publish(&mut self, publisher: usize, stream: u32, when: Due) {
        let number = self.shared.next_number(stream);
        let payload = self.payload(Stamp { stream, number, due: when.due });
        match stream.checked_sub(self.streams.publishers) {
            Some(group) => self.call(publisher, Call::SendToGroup(&group_name(group), &payload)),
            None => self.call(publisher, Call::Broadcast(&payload)),
        }
        self.load.payload = payload;
        self.note_lateness(when);
    }

    /// The payload that bears this mark; to be put back, so that its memory is used again.
    fn payload(&mut self, stamp: Stamp) -> String {
        let mut payload = std::mem::take(&mut self.load.payload);
        self.marker.write(&mut payload, stamp, self.plan.payload);
        payload
    }

    fn note_lateness(&mut self, when: Due) {
        if self.tally.measured.contains(&when.due) {
            self.tally.lateness.note(when.now.saturating_sub(when.due));
        }
    }

    /// In a closed loop, everybody's first calls.
    fn begin_echoes(&mut self, now: u64) {
        if let Pace::InFlight(count) | Pace::Burst(count) = self.plan.pace {
            for index in 0..self.clients.len() {
                if let Some(client) =
                    self.clients.get_mut(index).filter(|client| client.stage == Stage::Ready)
                {
                    client.credit = count;
                    self.spend_credit(index, now);
                    self.flush(index);
                }
            }
        }
    }

    /// In a closed loop, one call for each that was answered. In an open one the schedule decides.
    pub(super) fn spend_credit(&mut self, index: usize, now: u64) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let least = match self.plan.pace {
            Pace::Rate(_) | Pace::InFlight(_) => 0,
            Pace::Burst(size) => size,
        };
        if client.credit < least {
            return;
        }
        let credit = std::mem::take(&mut client.credit);
        let closed = self.plan.scenario == Scenario::Echo && !matches!(self.plan.pace, Pace::Rate(_));
        if closed && self.goes_on(now) {
            (0..credit).for_each(|_| self.echo(index, Due { due: now, now }));
        }
    }

    /// The echoes that the schedule wants, from one client after the other.
    fn echo_due(&mut self, now: u64) {
        for _ in 0..PER_TURN {
            let Some(index) = self.next_asker() else { return };
            let Some(due) = self.take(now, |schedules| schedules.echo.as_mut()) else { return };
            self.echo(index, Due { due, now });
            self.flush(index);
        }
    }

    /// The next client that can ask for something.
    fn next_asker(&mut self) -> Option<usize> {
        let count = self.clients.len();
        for _ in 0..count {
            self.load.asked = (self.load.asked + 1).checked_rem(count)?;
            let client = self.clients.get(self.load.asked)?;
            let has_room =
                client.line.as_ref().is_some_and(|line| line.socket.has_room()) && self.pool.has_room();
            if client.role == Role::Receives && client.stage == Stage::Ready && has_room {
                return Some(self.load.asked);
            }
        }
        None
    }

    fn echo(&mut self, index: usize, when: Due) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let stamp = Stamp { stream: self.streams.echo(client.number), number: client.echoes, due: when.due };
        client.echoes += 1;
        self.shared.counters.expected.add(1);
        let payload = self.payload(stamp);
        self.call(index, Call::Echo(&payload));
        self.load.payload = payload;
        self.note_lateness(when);
    }

    /// Lets connections come and go: the next slot's connection ends and another begins in its place.
    fn turn_over(&mut self, now: u64) {
        for _ in 0..PER_TURN {
            let Some(client) = self.clients.get(self.next) else { return };
            if client.stage.is_shaking_hands() || !self.pool.has_room() {
                return;
            }
            let due = match self.plan.pace {
                Pace::Rate(_) => self.take(now, |schedules| schedules.main.as_mut()),
                Pace::InFlight(most) | Pace::Burst(most) => {
                    let most = (most / self.plan.threads).max(1);
                    (self.goes_on(now) && self.shaking < most).then_some(now)
                }
            };
            let Some(due) = due else { return };
            self.leave(self.next);
            self.begin(self.next, due);
            self.note_lateness(Due { due, now });
            self.next = (self.next + 1).checked_rem(self.clients.len()).unwrap_or_default();
        }
    }
}

/// When something was due, and when it is done.
#[derive(Clone, Copy, Debug)]
struct Due {
    due: u64,
    now: u64,
}
