//! What a client does about its connection, second by second.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use heliostat_proto::connection::client::{
    Answer, ClientConnection, ClientError, ClientSettings, Effect, Event, Frame, Input, Open, Phase, Place,
    Redirect, Response, SendRefusal, Sending, Signal, StartAnswer, Terms, Turn, WebSockets,
};
use heliostat_proto::connection::{KeepAlive, LinkId, Opening, Timeouts};
use heliostat_proto::protocol_version::ProtocolVersion;
use heliostat_proto::transport_kind::TransportKind::{
    self, ForeverFrame, LongPolling, ServerSentEvents, WebSockets as Sockets,
};

type Message = &'static str;
const STREAMS: [TransportKind; 3] = [Sockets, ServerSentEvents, ForeverFrame];
const ALL: [TransportKind; 4] = TransportKind::ALL;

/// A client and the seconds since it was made.
struct Client {
    machine: ClientConnection<Message>,
    start: Instant,
    turn: Option<Turn>,
    opened: Vec<Open>,
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "a test needs a start time")]
    fn new(transports: &[TransportKind]) -> Self {
        let start = Instant::now();
        let settings = ClientSettings { transports: transports.to_vec(), ..ClientSettings::default() };
        Self { machine: ClientConnection::new(settings, start), start, turn: None, opened: Vec::new() }
    }

    /// A client that negotiated at second 0.
    fn negotiated(transports: &[TransportKind], terms: Terms) -> Self {
        let mut client = Self::new(transports);
        client.at(0, Input::Start);
        client.answer(0, Answer::Welcome(terms));
        client
    }

    /// A client that is connected at second 0.
    fn connected(kind: TransportKind) -> Self {
        Self::connected_on(kind, usual())
    }

    fn connected_on(kind: TransportKind, terms: Terms) -> Self {
        let mut client = Self::negotiated(&[kind], terms);
        client.says(0, initialized());
        client.start_answered(0, StartAnswer::Started);
        assert_eq!(client.machine.phase(), Phase::Connected);
        client
    }

    fn at(&mut self, second: u64, input: Input<Message>) -> Vec<Effect<Message>> {
        self.at_millisecond(second * 1000, input)
    }

    fn at_millisecond(&mut self, millisecond: u64, input: Input<Message>) -> Vec<Effect<Message>> {
        self.machine.handle(input, self.start + Duration::from_millis(millisecond));
        let effects: Vec<_> = std::iter::from_fn(|| self.machine.poll_effect()).collect();
        for effect in &effects {
            if let Effect::Open(open) = effect {
                self.opened.push(open.clone());
            }
            if let Effect::Negotiate(turn, _) = effect {
                self.turn = Some(*turn);
            }
        }
        effects
    }

    fn answer(&mut self, second: u64, answer: Answer) -> Vec<Effect<Message>> {
        let turn = self.turn.unwrap();
        self.at(second, Input::Negotiated(turn, answer))
    }

    fn start_answered(&mut self, second: u64, answer: StartAnswer) -> Vec<Effect<Message>> {
        let turn = self.turn.unwrap();
        self.at(second, Input::StartAnswered(turn, answer))
    }

    /// The server says this on the newest transport connection.
    fn says(&mut self, second: u64, response: Response<Message>) -> Vec<Effect<Message>> {
        let link = self.last().link;
        self.at(second, Input::Received(link, Frame::Response(response)))
    }

    fn keep_alive(&mut self, second: u64) -> Vec<Effect<Message>> {
        let link = self.last().link;
        self.at(second, Input::Received(link, Frame::KeepAlive))
    }

    fn lost(&mut self, second: u64) -> Vec<Effect<Message>> {
        let link = self.last().link;
        self.at(second, Input::Lost(link))
    }

    /// Ticks whenever the machine asks for it, up to this second.
    fn until(&mut self, second: u64) -> Vec<(u64, Effect<Message>)> {
        let mut happened = Vec::new();
        while let Some(due) = self.machine.poll_timeout() {
            let due = u64::try_from((due - self.start).as_millis()).unwrap();
            if due > second * 1000 {
                break;
            }
            // Due times are cut to milliseconds here, so one more is enough.
            happened
                .extend(self.at_millisecond(due + 1, Input::Tick).into_iter().map(|effect| (due, effect)));
        }
        happened
    }

    fn last(&self) -> Open {
        self.opened.last().unwrap().clone()
    }
}

fn usual() -> Terms {
    Terms::of(&Timeouts::default())
}

fn initialized() -> Response<Message> {
    Response { signal: Signal::Initialized, cursor: Some("d-1-0".into()), ..Response::default() }
}

fn brings(messages: &[Message]) -> Response<Message> {
    Response { messages: messages.to_vec(), ..Response::default() }
}

fn signals(signal: Signal) -> Response<Message> {
    Response { signal, ..Response::default() }
}

fn changed(from: Phase, to: Phase) -> Effect<Message> {
    Effect::Raise(Event::StateChanged { from, to })
}

fn failed(error: &ClientError) -> Effect<Message> {
    Effect::Raise(Event::Error(error.clone()))
}

fn raised(effects: &[Effect<Message>]) -> Vec<Event> {
    let event = |effect: &Effect<Message>| {
        if let Effect::Raise(event) = effect { Some(event.clone()) } else { None }
    };
    effects.iter().filter_map(event).collect()
}

const CLOSED: Effect<Message> = Effect::Raise(Event::Closed);

#[test]
fn cp_083_a_server_version_outside_of_the_accepted_range_is_refused() {
    for (text, accepted) in
        [("1.3", false), ("1.4", true), ("1.5", true), ("2.0", true), ("2.1", true), ("2.2", false)]
    {
        let mut client = Client::new(&ALL);
        client.at(0, Input::Start);
        let terms = Terms { protocol_version: ProtocolVersion::parse(text).unwrap(), ..usual() };
        let effects = client.answer(0, Answer::Welcome(terms));
        assert_eq!(effects.last() != Some(&CLOSED), accepted, "{text}: {effects:?}");
    }
}

#[test]
fn cp_084_redirects_are_followed_at_most_a_hundred_times() {
    let mut client = Client::new(&ALL);
    let effects = client.at(0, Input::Start);
    assert_eq!(effects[0], changed(Phase::Disconnected, Phase::Connecting));
    let redirect = Redirect { url: "http://b/signalr?x=1".into(), access_token: Some("t".into()) };
    for _ in 0..100 {
        let effects = client.answer(1, Answer::Redirect(redirect.clone()));
        assert_eq!(effects, [Effect::Negotiate(client.turn.unwrap(), Some(redirect.clone()))]);
    }
    let effects = client.answer(1, Answer::Redirect(redirect));
    let error = ClientError::TooManyRedirects { redirects: 100 };
    let gone = changed(Phase::Connecting, Phase::Disconnected);
    assert_eq!(effects, [failed(&error), Effect::FailStart(error), gone, CLOSED]);
}

#[test]
fn cp_085_a_start_fails_with_the_text_of_a_refusal() {
    let mut client = Client::new(&ALL);
    client.at(0, Input::Start);
    let effects = client.answer(1, Answer::Refused("come back tomorrow".into()));
    let error = ClientError::Refused { reason: "come back tomorrow".into() };
    assert!(effects.contains(&Effect::FailStart(error.clone())));
    assert!(error.to_string().contains("come back tomorrow"));
    assert!(!effects.contains(&Effect::SendAbort(Sockets)), "there is nothing to abort");
}

#[test]
fn cp_086_the_transports_are_tried_in_order_and_web_sockets_only_if_offered() {
    for (offer, expected) in [
        (WebSockets::Offered, &[Sockets, ServerSentEvents, LongPolling][..]),
        (WebSockets::NotOffered, &[ServerSentEvents, LongPolling][..]),
    ] {
        let order = ClientSettings::default().transports;
        let mut client = Client::negotiated(&order, Terms { web_sockets: offer, ..usual() });
        let mut tried = vec![client.last().kind];
        for _ in 1..expected.len() {
            client.lost(1);
            tried.push(client.last().kind);
        }
        assert_eq!(tried, expected);
        let effects = client.lost(2);
        assert!(effects.contains(&Effect::FailStart(ClientError::NoTransport)));
        assert!(effects.contains(&Effect::SendAbort(LongPolling)), "the server knows the connection by now");
    }
}

#[test]
fn cp_121_each_key_of_a_response_does_its_part() {
    let mut client = Client::connected(Sockets);
    let link = client.last().link;
    assert_eq!(client.keep_alive(1), []);
    assert_eq!(client.at(1, Input::Received(link, Frame::Result("I"))), [Effect::Deliver("I")]);
    let response = Response {
        cursor: Some("d-1-7".into()),
        groups_token: Some("sealed".into()),
        messages: vec!["a", "b"],
        ..Response::default()
    };
    assert_eq!(client.says(2, response), [Effect::Deliver("a"), Effect::Deliver("b")]);
    let place = Place { cursor: Some("d-1-7".into()), groups_token: Some("sealed".into()) };
    assert_eq!(client.machine.place(), Some(&place));
    assert_eq!(client.says(3, brings(&["c"])), [Effect::Deliver("c")]);
    assert_eq!(client.machine.place(), Some(&place), "what is not said stays as it was");
    assert_eq!(client.says(4, signals(Signal::Initialized)), [], "a second S is ignored");
    assert_eq!(client.says(4, signals(Signal::Reconnect)), [], "T is for polls");
    let effects = client.says(5, signals(Signal::Stop(Some("E".into()))));
    let error = ClientError::EndedByServer { reason: Some("E".into()) };
    let gone = changed(Phase::Connected, Phase::Disconnected);
    assert_eq!(effects, [Effect::Close(link), failed(&error), Effect::FailPending, gone, CLOSED]);
}

#[test]
fn cp_121_a_poll_that_says_t_is_followed_by_a_reconnect_at_once() {
    let mut client = Client::connected(LongPolling);
    let effects = client.says(5, signals(Signal::Reconnect));
    let change = changed(Phase::Connected, Phase::Reconnecting);
    assert_eq!(effects[..2], [change, Effect::Raise(Event::Reconnecting)]);
    assert_eq!(client.last().how, Opening::Reconnect);
    assert_eq!(client.says(6, signals(Signal::Reconnect)), [], "it still goes away: not at once again");
    client.until(8);
    let effects = client.says(9, brings(&["a"]));
    assert_eq!(effects[1..3], [Effect::Raise(Event::Reconnected), Effect::Deliver("a")]);
    assert_eq!(client.last().how, Opening::Poll);
}

#[test]
fn cp_122_messages_wait_for_the_start_and_then_come_in_order() {
    for kind in ALL {
        let mut client = Client::negotiated(&[kind], usual());
        let first = Response { messages: vec!["a"], ..initialized() };
        let effects = client.says(1, first);
        assert_eq!(effects[0], Effect::SendStart(client.turn.unwrap(), kind));
        assert!(!client.says(2, brings(&["b", "c"])).contains(&Effect::Deliver("b")));
        let expected = [
            changed(Phase::Connecting, Phase::Connected),
            Effect::Deliver("a"),
            Effect::Deliver("b"),
            Effect::Deliver("c"),
            Effect::CompleteStart,
        ];
        assert_eq!(client.start_answered(3, StartAnswer::Started), expected);
    }
}

#[test]
fn messages_that_come_before_the_start_have_a_limit() {
    let mut client = Client::negotiated(&[Sockets], usual());
    client.says(1, initialized());
    client.says(1, brings(&["x"; 10_000]));
    let effects = client.says(1, brings(&["x"]));
    assert!(effects.contains(&Effect::FailStart(ClientError::TooMuchTooSoon { limit: 10_000 })));
    assert!(effects.contains(&Effect::SendAbort(Sockets)));
}

#[test]
fn cp_158_a_transport_that_is_not_initialized_in_time_is_followed_by_the_next() {
    let mut client = Client::negotiated(&[Sockets, LongPolling], usual());
    let first = client.last().link;
    client.at(1, Input::Opened(first));
    assert_eq!(client.at(4, Input::Tick), [], "open is not initialized");
    let effects = client.at(5, Input::Tick);
    assert_eq!(effects, [Effect::Close(first), Effect::Open(client.last())]);
    assert_eq!((client.last().kind, client.last().how), (LongPolling, Opening::ConnectDelayed));
    assert_eq!(client.at(6, Input::Received(first, Frame::Response(initialized()))), [], "it comes too late");
}

#[test]
fn cp_159_there_is_no_other_transport_once_one_was_initialized() {
    let expected = [
        (StartAnswer::Failed, ClientError::StartFailed),
        (StartAnswer::Started, ClientError::LostWhileStarting),
    ];
    for (answer, error) in expected {
        let mut client = Client::negotiated(&[Sockets, LongPolling], usual());
        client.says(1, initialized());
        let effects = match answer {
            StartAnswer::Failed => client.start_answered(2, answer),
            StartAnswer::Started => client.lost(2),
        };
        let closed = (answer == StartAnswer::Failed).then_some(Effect::Close(client.last().link));
        let gone = changed(Phase::Connecting, Phase::Disconnected);
        let rest =
            [failed(&error), Effect::SendAbort(Sockets), Effect::FailStart(error.clone()), gone, CLOSED];
        assert_eq!(effects, closed.into_iter().chain(rest).collect::<Vec<_>>());
        assert_eq!(client.opened.len(), 1);
    }
}

#[test]
fn cp_225_slow_is_raised_once_at_two_thirds_and_again_after_a_message() {
    for kind in STREAMS {
        let mut client = Client::connected(kind);
        client.keep_alive(10);
        assert_eq!(client.until(23), []);
        assert_eq!(client.until(29), [(23_333, Effect::Raise(Event::ConnectionSlow))]);
        assert_eq!(client.keep_alive(29), []);
        assert_eq!(client.until(48), [(42_333, Effect::Raise(Event::ConnectionSlow))]);
        assert_eq!(client.machine.phase(), Phase::Connected);
    }
}

#[test]
fn cp_226_at_the_keep_alive_timeout_it_reconnects() {
    for kind in STREAMS {
        let mut client = Client::connected(kind);
        let first = client.last().link;
        let happened = client.until(20);
        let events: Vec<_> = happened.iter().map(|(_, effect)| effect.clone()).collect();
        let reconnecting = Event::StateChanged { from: Phase::Connected, to: Phase::Reconnecting };
        assert_eq!(raised(&events), [Event::ConnectionSlow, reconnecting, Event::Reconnecting]);
        assert!(happened.contains(&(20_000, Effect::Close(first))));
        client.until(23);
        assert_eq!(client.last().how, Opening::Reconnect);
        let effects = client.at(24, Input::Opened(client.last().link));
        assert_eq!(
            effects,
            [changed(Phase::Reconnecting, Phase::Connected), Effect::Raise(Event::Reconnected)]
        );
    }
}

#[test]
fn cp_227_a_loss_that_the_transport_reports_is_not_called_slow() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        let events = raised(&client.lost(3));
        let reconnecting = Event::StateChanged { from: Phase::Connected, to: Phase::Reconnecting };
        assert_eq!(events, [reconnecting, Event::Reconnecting]);
        client.until(5);
        assert_eq!(client.last().how, Opening::Reconnect, "WebSockets at once, the others after two seconds");
        assert_eq!(client.opened.len(), if kind == LongPolling { 3 } else { 2 });
    }
}

#[test]
fn cp_228_a_poll_may_be_silent_and_is_lost_only_after_the_connection_timeout() {
    let mut client = Client::connected(LongPolling);
    let poll = client.last().link;
    assert_eq!(client.until(119), []);
    let happened = client.until(120);
    assert_eq!(happened[0], (120_000, Effect::Close(poll)));
    assert_eq!(client.machine.phase(), Phase::Reconnecting);
}

#[test]
fn cp_229_it_gives_up_after_the_disconnect_timeout_with_an_error_and_without_abort() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        client.lost(1);
        let mut attempts = 0;
        let mut happened = Vec::new();
        for second in 2..=30 {
            happened.extend(client.until(second));
            if client.machine.link().is_some() {
                happened.extend(client.lost(second).into_iter().map(|effect| (second, effect)));
                attempts += 1;
            }
        }
        assert!(attempts >= 10, "{kind}: {attempts}");
        assert!(!happened.iter().any(|(_, effect)| *effect == CLOSED));
        let effects: Vec<_> = client.until(32).into_iter().map(|(_, effect)| effect).collect();
        let error = ClientError::TimedOut { within: Duration::from_secs(30) };
        let end = [Effect::FailPending, changed(Phase::Reconnecting, Phase::Disconnected), CLOSED];
        assert_eq!(effects[effects.len() - 3..], end);
        assert!(effects.contains(&failed(&error)));
        assert!(!effects.contains(&Effect::SendAbort(kind)));
        assert_eq!(client.machine.last_error(), Some(&error));
    }
}

#[test]
fn cp_230_who_slept_for_longer_than_the_server_waits_stops_with_an_error() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        client.at(5, Input::Tick);
        let effects = client.at(56, Input::Tick);
        let error = ClientError::Slept { slept: Duration::from_secs(51), window: Duration::from_secs(50) };
        assert_eq!(effects[1], failed(&error));
        assert_eq!(effects.last(), Some(&CLOSED));
        assert!(!effects.contains(&Effect::SendAbort(kind)));

        let mut client = Client::connected(kind);
        client.at(5, Input::Tick);
        assert_ne!(client.at(55, Input::Tick).last(), Some(&CLOSED), "50 s are not too long");
    }
}

#[test]
fn cp_230_who_slept_and_hears_from_the_server_all_the_same_goes_on() {
    let mut client = Client::connected(Sockets);
    assert_eq!(client.says(100, brings(&["still there"])), [Effect::Deliver("still there")]);
    assert_eq!(client.at(101, Input::Tick), []);
}

#[test]
fn a_client_that_has_nothing_to_do_still_notices_when_it_sleeps() {
    let silent = Terms::of(&Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap());
    for (kind, terms) in [(Sockets, silent), (LongPolling, usual())] {
        let client = Client::connected_on(kind, terms);
        assert!(client.machine.poll_timeout().unwrap() <= client.start + Duration::from_secs(5));
    }
}

#[test]
fn cp_231_a_reconnect_shows_the_last_cursor_and_groups_token() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        let groups_token = Some("sealed".into());
        client.says(1, Response { cursor: Some("d-1-5".into()), groups_token, ..brings(&["a"]) });
        client.says(2, Response { cursor: Some("d-1-6".into()), ..brings(&["b"]) });
        client.lost(3);
        client.until(5);
        let place = Place { cursor: Some("d-1-6".into()), groups_token: Some("sealed".into()) };
        let Open { how, place: shown, .. } = client.last();
        assert_eq!((how, shown), (Opening::Reconnect, place));
    }
}

#[test]
fn a_new_start_shows_nothing_of_the_connection_before() {
    let mut client = Client::connected(Sockets);
    client.says(1, Response { cursor: Some("d-1-5".into()), ..brings(&["a"]) });
    client.at(2, Input::Stop);
    client.at(3, Input::Start);
    client.answer(3, Answer::Welcome(usual()));
    assert_eq!(client.last().place, Place::default());
}

#[test]
fn cp_232_cp_233_a_stop_aborts_and_the_change_of_state_is_told_before_the_end() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        let expected = [
            Effect::Close(client.last().link),
            Effect::SendAbort(kind),
            Effect::FailPending,
            changed(Phase::Connected, Phase::Disconnected),
            CLOSED,
        ];
        assert_eq!(client.at(1, Input::Stop), expected);
        assert_eq!(client.at(1, Input::Stop), [], "it is over");
        assert_eq!(client.machine.poll_timeout(), None);
    }
}

#[test]
fn a_stop_before_the_start_is_complete_fails_the_start() {
    let mut client = Client::new(&[Sockets]);
    client.at(0, Input::Start);
    let late = client.turn.unwrap();
    let stopped = Effect::FailStart(ClientError::Stopped);
    let gone = changed(Phase::Connecting, Phase::Disconnected);
    assert_eq!(client.at(1, Input::Stop), [stopped.clone(), gone.clone(), CLOSED]);
    client.at(2, Input::Start);
    let too_late = Input::Negotiated(late, Answer::Welcome(usual()));
    assert_eq!(client.at(3, too_late), [], "that was the first start");
    client.answer(3, Answer::Welcome(usual()));
    let expected = [Effect::Close(client.last().link), Effect::SendAbort(Sockets), stopped, gone, CLOSED];
    assert_eq!(client.at(4, Input::Stop), expected);
}

#[test]
fn cp_234_nothing_can_be_sent_while_disconnected_or_connecting() {
    let mut client = Client::new(&[Sockets]);
    assert_eq!(client.machine.sending(), Sending::Refused(SendRefusal::Disconnected));
    client.at(0, Input::Start);
    assert_eq!(client.machine.sending(), Sending::Refused(SendRefusal::Connecting));
    client.answer(0, Answer::Welcome(usual()));
    client.says(0, initialized());
    assert_eq!(client.machine.sending(), Sending::Refused(SendRefusal::Connecting));
    client.start_answered(0, StartAnswer::Started);
    assert_eq!(client.machine.sending(), Sending::On(client.last().link));
}

#[test]
fn cp_235_what_is_sent_while_reconnecting_depends_on_the_transport() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        let effects = client.lost(1);
        let is_web_socket = kind == Sockets;
        assert_eq!(effects.contains(&Effect::FailPending), is_web_socket);
        let refused = Sending::Refused(SendRefusal::Reconnecting);
        let expected = if is_web_socket { refused } else { Sending::ByRequest(kind) };
        assert_eq!(client.machine.sending(), expected);
        assert!(client.at(2, Input::Stop).contains(&Effect::FailPending));
    }
}

#[test]
fn cp_236_the_last_error_tells_a_failure_from_a_stop() {
    let mut client = Client::connected(Sockets);
    client.at(1, Input::Stop);
    assert_eq!(client.machine.last_error(), None);
    client.at(2, Input::Start);
    client.answer(2, Answer::Failed);
    assert_eq!(client.machine.last_error(), Some(&ClientError::NegotiationFailed));
    client.at(3, Input::Start);
    assert_eq!(client.machine.last_error(), None, "a new start, a new session");
}

#[test]
fn cp_237_a_second_start_joins_the_first() {
    let mut client = Client::new(&[Sockets]);
    client.at(0, Input::Start);
    assert_eq!(client.at(0, Input::Start), []);
    client.answer(0, Answer::Welcome(usual()));
    assert_eq!(client.at(0, Input::Start), []);
    client.says(0, initialized());
    assert_eq!(client.at(0, Input::Start), []);
    assert_eq!(client.start_answered(1, StartAnswer::Started).last(), Some(&Effect::CompleteStart));
    assert_eq!(client.at(2, Input::Start), [Effect::CompleteStart], "it is there");
}

#[test]
fn a_poll_that_reconnects_and_does_not_fail_counts_as_back_after_a_while() {
    let mut client = Client::connected(LongPolling);
    client.lost(0);
    assert_eq!(client.until(6).len(), 1, "it was opened at second 2");
    let events: Vec<_> = client.until(8).into_iter().map(|(_, effect)| effect).collect();
    assert_eq!(events, [changed(Phase::Reconnecting, Phase::Connected), Effect::Raise(Event::Reconnected)]);
}

#[test]
fn a_server_may_ask_for_a_pause_between_polls() {
    let mut client = Client::connected(LongPolling);
    let pause = Some(Duration::from_secs(3));
    assert_eq!(
        client.says(10, Response { long_poll_delay: pause, ..brings(&["a"]) }),
        [Effect::Deliver("a")]
    );
    assert_eq!(client.machine.link(), None);
    assert_eq!(client.until(12), []);
    assert_eq!(client.until(13), [(13_000, Effect::Open(client.last()))]);
}

#[test]
fn an_attempt_to_reconnect_that_hangs_is_given_up_for_another() {
    for kind in STREAMS {
        let mut client = Client::connected(kind);
        client.lost(0);
        client.until(2);
        let hanging = client.last().link;
        let happened = client.until(8);
        assert!(happened.iter().any(|(_, effect)| *effect == Effect::Close(hanging)));
        assert_ne!(client.last().link, hanging);
        assert_eq!(client.at(9, Input::Opened(hanging)), [], "it comes too late");
    }
}

#[test]
fn who_is_told_to_stop_at_a_reconnect_has_not_reconnected() {
    for kind in ALL {
        let mut client = Client::connected(kind);
        client.lost(0);
        client.until(2);
        let events = raised(&client.says(3, signals(Signal::Stop(None))));
        let gone = Event::StateChanged { from: Phase::Reconnecting, to: Phase::Disconnected };
        let error = Event::Error(ClientError::EndedByServer { reason: None });
        assert_eq!(events, [error, gone, Event::Closed]);
    }
}

#[test]
fn news_about_an_old_transport_connection_changes_nothing() {
    let mut client = Client::connected(Sockets);
    let old = client.last().link;
    client.lost(1);
    client.at(2, Input::Opened(client.last().link));
    let late: [Input<Message>; 3] =
        [Input::Lost(old), Input::Opened(old), Input::Received(old, Frame::Response(brings(&["x"])))];
    for input in late {
        assert_eq!(client.at(3, input), []);
    }
    assert_eq!(client.at(3, Input::Lost(LinkId::new(99))), []);
}
