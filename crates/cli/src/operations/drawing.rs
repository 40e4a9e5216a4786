//! A timeline as the founding document of SignalR draws it: one bar per layer, time runs downwards, events beside.
//!
//! ```text
//!                          SignalR   transport   physical
//! 10:00:00.000       +0s      :          ┬          ┬       1 opened: connect over webSockets
//! 10:00:00.020   +0.020s      ●          │          │       connected: the client has started
//!                             ┃          │          │
//! 10:00:03.000       +3s      ┃          ┴          ✕       1 lost: the physical connection is gone
//!                             ┊
//! ```

use std::fmt::Write;

use heliostat::What;
use serde::Deserialize;

/// Events further apart than this have a line of bars between them, in milliseconds.
const PAUSE: u64 = 1_000;

const LEGEND: &str = "SignalR: : connecting, ┃ connected, ┊ away; transport and physical: │ open, ┊ silent";

/// What the operators' endpoint says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timeline {
    connection: String,
    forgotten: u32,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    at: String,
    offset: u64,
    lasted: u64,
    count: u32,
    what: What,
    cause: String,
    transport_connection: Option<u32>,
}

/// The bars as they are between two events.
#[derive(Clone, Copy, Debug)]
struct Bars {
    signalr: Logical,
    /// The transport connection that is open, with its physical connection.
    open: Option<u32>,
    heard: Heard,
}

/// Whether anything is heard on the physical connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Yes,
    /// Not for so long that the client counts as away.
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logical {
    Nothing,
    Connecting,
    Connected,
    Away,
}

/// Three signs of one line.
type Signs = [char; 3];

pub(super) fn draw(timeline: &Timeline) -> String {
    let mut drawing = format!("connection {}\n{LEGEND}\n\n", timeline.connection);
    let _ = writeln!(drawing, "{:22}{:^9}{:^11}{:^8}", "", "SignalR", "transport", "physical");
    if timeline.forgotten > 0 {
        let _ = writeln!(drawing, "({} earlier events are forgotten)", timeline.forgotten);
    }
    let mut bars = Bars { signalr: Logical::Nothing, open: None, heard: Heard::Yes };
    let mut last: Option<u64> = None;
    for event in &timeline.events {
        if last.is_some_and(|last| last + PAUSE <= event.offset) {
            line(&mut drawing, &" ".repeat(22), bars.signs(), "");
        }
        let signs = bars.take(event);
        let time = event.at.split_once('T').map_or(event.at.as_str(), |(_, time)| time.trim_end_matches('Z'));
        let when = format!("{time:<12} {:>9}", format!("+{}", seconds(event.offset)));
        line(&mut drawing, &when, signs, &event.words());
        last = Some(event.offset + event.lasted);
    }
    line(&mut drawing, &" ".repeat(22), bars.signs(), "");
    drawing
}

fn line(drawing: &mut String, when: &str, [signalr, transport, physical]: Signs, words: &str) {
    let text = format!("{when}{signalr:^9}{transport:^11}{physical:^8}  {words}");
    // Writing to a string cannot fail.
    let _ = writeln!(drawing, "{}", text.trim_end());
}

fn seconds(milliseconds: u64) -> String {
    match (milliseconds / 1000, milliseconds % 1000) {
        (seconds, 0) => format!("{seconds}s"),
        (seconds, rest) => format!("{seconds}.{rest:03}s"),
    }
}

impl Event {
    fn words(&self) -> String {
        let link = self.transport_connection.map(|link| format!("{link} ")).unwrap_or_default();
        let count = match self.count {
            1 => String::new(),
            count => format!(" {count} times in {}", seconds(self.lasted)),
        };
        let what = match self.what {
            What::Connected => "connected",
            What::Reconnected => "reconnected",
            What::Disconnected => "disconnected",
            What::MessagesLost => "messages lost",
            What::Opened => "opened",
            What::Answered => "answered",
            What::Polled => "polled",
            What::Ended => "ended",
            What::Lost => "lost",
            What::Silent => "silent",
            What::HeardAgain => "heard again",
            What::Cut => "cut",
            // Of a newer server.
            _ => "something else",
        };
        format!("{link}{what}{count}: {}", self.cause)
    }
}

impl Bars {
    fn signs(self) -> Signs {
        let signalr = match self.signalr {
            Logical::Nothing => ' ',
            Logical::Connecting => ':',
            Logical::Connected => '┃',
            Logical::Away => '┊',
        };
        let [transport, physical] = match (self.open, self.heard) {
            (None, _) => [' ', ' '],
            (Some(_), Heard::Yes) => ['│', '│'],
            (Some(_), Heard::No) => ['│', '┊'],
        };
        [signalr, transport, physical]
    }

    /// Takes an event in and says how its own line looks.
    fn take(&mut self, event: &Event) -> Signs {
        match event.what {
            What::Connected | What::Reconnected => self.mark('●', Logical::Connected),
            What::Disconnected => self.mark('■', Logical::Nothing),
            What::MessagesLost => self.mark('!', self.signalr),
            What::Opened => {
                (self.open, self.heard) = (event.transport_connection, Heard::Yes);
                self.signalr = match self.signalr {
                    Logical::Nothing | Logical::Connecting => Logical::Connecting,
                    Logical::Away | Logical::Connected => Logical::Connected,
                };
                let [signalr, ..] = self.signs();
                [signalr, '┬', '┬']
            }
            What::Polled => {
                let [signalr, ..] = self.signs();
                self.open = None;
                [signalr, '↻', '↻']
            }
            // An older one that ends late, because a newer one took its place.
            What::Answered | What::Ended | What::Lost | What::Cut | What::Silent | What::HeardAgain
                if self.open != event.transport_connection =>
            {
                self.signs()
            }
            What::Answered => self.close(['┴', '┴']),
            What::Silent => {
                self.heard = Heard::No;
                self.leave();
                self.with_physical('?')
            }
            What::HeardAgain => {
                self.heard = Heard::Yes;
                if self.signalr == Logical::Away {
                    self.signalr = Logical::Connected;
                }
                self.with_physical('│')
            }
            What::Ended => {
                let signs = self.close(['┴', '┴']);
                self.leave();
                signs
            }
            What::Lost | What::Cut => {
                let signs = self.close(['┴', '✕']);
                self.leave();
                signs
            }
            _ => self.signs(),
        }
    }

    fn mark(&mut self, sign: char, next: Logical) -> Signs {
        let [_, transport, physical] = self.signs();
        self.signalr = next;
        [sign, transport, physical]
    }

    fn close(&mut self, [transport, physical]: [char; 2]) -> Signs {
        let [signalr, ..] = self.signs();
        self.open = None;
        [signalr, transport, physical]
    }

    fn with_physical(self, physical: char) -> Signs {
        let [signalr, transport, _] = self.signs();
        [signalr, transport, physical]
    }

    fn leave(&mut self) {
        if self.signalr == Logical::Connected {
            self.signalr = Logical::Away;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `(milliseconds, transport connection, what, cause)`
    fn drawn(events: &[(u64, u32, &str, &str)]) -> String {
        let event = |(offset, link, what, cause): &(u64, u32, &str, &str)| {
            let at = format!("2026-11-21T10:00:{:02}.{:03}Z", offset / 1000, offset % 1000);
            let link = if *link == 0 { Value::Null } else { json!(link) };
            let (count, lasted) = if *what == "polled" { (40, 30_000) } else { (1, 0) };
            json!({ "at": at, "offset": offset, "lasted": lasted, "count": count, "layer": "signalR", "what": what,
                    "cause": cause, "transportConnection": link })
        };
        let events: Vec<_> = events.iter().map(event).collect();
        let timeline = json!({ "connection": "c0ffee", "began": "", "forgotten": 0, "events": events });
        draw(&serde_json::from_value(timeline).unwrap())
    }

    #[test]
    fn a_web_socket_that_is_silent_is_heard_again_and_is_silent_for_good() {
        insta::assert_snapshot!(drawn(&[
            (0, 1, "opened", "connect over webSockets"),
            (20, 0, "connected", "the client has started"),
            (20_020, 1, "silent", "nothing was heard for two keep-alives; the client counts as away"),
            (24_000, 1, "heardAgain", "the client is there"),
            (44_000, 1, "silent", "nothing was heard for two keep-alives; the client counts as away"),
            (50_000, 1, "cut", "nothing was heard until the time to come back was over"),
            (50_000, 0, "disconnected", "the client did not come back in time"),
        ]), @r"
        connection c0ffee
        SignalR: : connecting, ┃ connected, ┊ away; transport and physical: │ open, ┊ silent

                               SignalR  transport physical
        10:00:00.000       +0s    :         ┬        ┬      1 opened: connect over webSockets
        10:00:00.020   +0.020s    ●         │        │      connected: the client has started
                                  ┃         │        │
        10:00:20.020  +20.020s    ┊         │        ?      1 silent: nothing was heard for two keep-alives; the client counts as away
                                  ┊         │        ┊
        10:00:24.000      +24s    ┃         │        │      1 heard again: the client is there
                                  ┃         │        │
        10:00:44.000      +44s    ┊         │        ?      1 silent: nothing was heard for two keep-alives; the client counts as away
                                  ┊         │        ┊
        10:00:50.000      +50s    ┊         ┴        ✕      1 cut: nothing was heard until the time to come back was over
        10:00:50.000      +50s    ■                         disconnected: the client did not come back in time
        ");
    }

    #[test]
    fn t1_an_interruption_that_keep_alive_notices() {
        insta::assert_snapshot!(drawn(&[
            (0, 1, "opened", "connect over webSockets"),
            (20, 0, "connected", "the client has started"),
            (20_020, 1, "silent", "nothing was heard for two keep-alives; the client counts as away"),
            (27_000, 2, "opened", "reconnect over webSockets"),
            (27_000, 1, "ended", "a newer one took its place"),
            (27_000, 0, "reconnected", "the client has come back"),
            (40_000, 2, "ended", "the client stopped"),
            (40_000, 0, "disconnected", "the client stopped"),
        ]), @r"
        connection c0ffee
        SignalR: : connecting, ┃ connected, ┊ away; transport and physical: │ open, ┊ silent

                               SignalR  transport physical
        10:00:00.000       +0s    :         ┬        ┬      1 opened: connect over webSockets
        10:00:00.020   +0.020s    ●         │        │      connected: the client has started
                                  ┃         │        │
        10:00:20.020  +20.020s    ┊         │        ?      1 silent: nothing was heard for two keep-alives; the client counts as away
                                  ┊         │        ┊
        10:00:27.000      +27s    ┃         ┬        ┬      2 opened: reconnect over webSockets
        10:00:27.000      +27s    ┃         │        │      1 ended: a newer one took its place
        10:00:27.000      +27s    ●         │        │      reconnected: the client has come back
                                  ┃         │        │
        10:00:40.000      +40s    ┃         ┴        ┴      2 ended: the client stopped
        10:00:40.000      +40s    ■                         disconnected: the client stopped
        ");
    }

    #[test]
    fn t3_a_client_that_dies() {
        insta::assert_snapshot!(drawn(&[
            (0, 1, "opened", "connect over serverSentEvents"),
            (20, 0, "connected", "the client has started"),
            (3_000, 1, "lost", "the physical connection is gone"),
            (33_000, 0, "disconnected", "the client did not come back in time"),
        ]), @r"
        connection c0ffee
        SignalR: : connecting, ┃ connected, ┊ away; transport and physical: │ open, ┊ silent

                               SignalR  transport physical
        10:00:00.000       +0s    :         ┬        ┬      1 opened: connect over serverSentEvents
        10:00:00.020   +0.020s    ●         │        │      connected: the client has started
                                  ┃         │        │
        10:00:03.000       +3s    ┃         ┴        ✕      1 lost: the physical connection is gone
                                  ┊
        10:00:33.000      +33s    ■                         disconnected: the client did not come back in time
        ");
    }

    #[test]
    fn t6_long_polling_idle_and_busy_with_a_poll_in_place_of_another() {
        insta::assert_snapshot!(drawn(&[
            (0, 1, "opened", "connect over longPolling"),
            (0, 1, "answered", "the poll was answered"),
            (0, 0, "connected", "the client has started"),
            (0, 41, "polled", "polls that were answered"),
            (30_000, 42, "opened", "poll over longPolling"),
            (31_000, 43, "opened", "poll over longPolling"),
            (31_000, 42, "ended", "a newer one took its place"),
            (31_500, 0, "messagesLost", "it was away for too long"),
        ]), @r"
        connection c0ffee
        SignalR: : connecting, ┃ connected, ┊ away; transport and physical: │ open, ┊ silent

                               SignalR  transport physical
        10:00:00.000       +0s    :         ┬        ┬      1 opened: connect over longPolling
        10:00:00.000       +0s    :         ┴        ┴      1 answered: the poll was answered
        10:00:00.000       +0s    ●                         connected: the client has started
        10:00:00.000       +0s    ┃         ↻        ↻      41 polled 40 times in 30s: polls that were answered
        10:00:30.000      +30s    ┃         ┬        ┬      42 opened: poll over longPolling
                                  ┃         │        │
        10:00:31.000      +31s    ┃         ┬        ┬      43 opened: poll over longPolling
        10:00:31.000      +31s    ┃         │        │      42 ended: a newer one took its place
        10:00:31.500  +31.500s    !         │        │      messages lost: it was away for too long
                                  ┃         │        │
        ");
    }
}
