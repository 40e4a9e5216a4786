//! Clients of which nothing is heard.

use super::*;

/// A server with a client on a WebSocket that was heard at second 1 and never again.
fn server_with_a_silent_client() -> Server {
    let mut server = Server::with_client(WebSockets);
    server.at(1, Input::Heard(link(1)));
    assert_eq!(server.at(10, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
    assert_eq!(server.at(20, Input::Tick), [SendKeepAlive(link(1))], "it is asked once");
    assert_eq!(server.due(), Some(21));
    assert_eq!(server.at(21, Input::Tick), [NoteSilent(link(1))]);
    assert_eq!(server.machine.away_since(), Some(server.start + Duration::from_secs(21)));
    server
}

#[test]
fn a_silent_client_is_away_after_two_keep_alives_and_given_up_when_the_grace_is_over() {
    let mut server = server_with_a_silent_client();
    assert_eq!(server.machine.admits(), Admission::Welcome);
    for second in [30, 40, 50] {
        assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))], "what carries it is kept");
    }
    assert_eq!(server.due(), Some(21 + 35));
    let over = [End(link(1), Ending::Silent), RaiseDisconnected(Reason::TimedOut)];
    assert_eq!(server.at(56, Input::Tick), over);
    assert_eq!(server.machine.admits(), Admission::Ended);
}

#[test]
fn a_silent_client_that_is_heard_again_is_here_and_nobody_hears_of_it() {
    let mut server = server_with_a_silent_client();
    server.at(30, Input::Tick);
    assert_eq!(server.at(31, Input::Heard(link(2))), [], "that was another");
    assert_eq!(server.at(1, Input::Heard(link(1))), [], "old news");
    assert_eq!(server.at(34, Input::Heard(link(1))), [NoteHeardAgain(link(1))]);
    assert_eq!(server.machine.away_since(), None);
    assert_eq!(server.at(40, Input::Tick), [SendKeepAlive(link(1))], "it has just been heard");
    assert_eq!(server.at(44, Input::Tick), [SendPing(link(1))]);
    assert_eq!(server.due(), Some(50));
}

#[test]
fn a_silent_client_that_comes_back_over_another_transport_connection_has_reconnected() {
    let mut server = server_with_a_silent_client();
    let back = [End(link(1), Ending::Replaced), RaiseReconnected];
    assert_eq!(server.open(30, 2, WebSockets, Opening::Reconnect), back);
    for late in [Input::Lost(link(1)), Input::Heard(link(1))] {
        assert_eq!(server.at(31, late), [], "it was over before");
    }
    assert_eq!(server.due(), Some(40));
}

#[test]
fn a_silent_client_whose_transport_connection_breaks_has_the_rest_of_its_time() {
    let mut server = server_with_a_silent_client();
    assert_eq!(server.at(29, Input::Lost(link(1))), []);
    assert_eq!(server.due(), Some(21 + 35));
    assert_eq!(server.machine.away_since(), Some(server.start + Duration::from_secs(21)));
    assert_eq!(server.at(56, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
}

#[test]
fn a_silent_client_that_had_not_started_is_forgotten() {
    let mut server = Server::new(Timeouts::default());
    server.open(0, 1, WebSockets, Opening::ConnectDelayed);
    for second in [10, 20, 30, 40, 50] {
        server.at(second, Input::Tick);
    }
    assert_eq!(server.at(55, Input::Tick), [End(link(1), Ending::Silent), Forget]);
}

#[test]
fn a_server_that_is_emptied_keeps_a_silent_client_until_it_is_heard_or_given_up() {
    let mut server = server_with_a_silent_client();
    assert_eq!(server.at(22, Input::Leave), []);
    server.at(23, Input::Heard(link(1)));
    assert_eq!(server.at(24, Input::Leave), [End(link(1), Ending::ShuttingDown), Forget]);
}

#[test]
fn an_idle_client_is_asked_with_each_keep_alive_and_a_talkative_one_is_not() {
    let mut server = Server::with_client(WebSockets);
    for second in (10..100).step_by(10) {
        assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
        assert_eq!(server.at(second, Input::Heard(link(1))), [], "a prompt answer");
        assert_eq!(server.due(), Some(second + 10), "one look in a keep-alive");
    }
    for second in (100..200).step_by(10) {
        server.at(second - 2, Input::Heard(link(1)));
        assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
    }
}

#[test]
fn pings_that_went_out_alone_go_with_the_keep_alives_again() {
    let mut server = Server::with_client(WebSockets);
    server.at(7, Input::Wrote(link(1)));
    assert_eq!(server.at(10, Input::Tick), [SendPing(link(1))], "nothing was heard for a keep-alive");
    server.at(10, Input::Heard(link(1)));
    for second in [17, 27, 37] {
        assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
        server.at(second, Input::Heard(link(1)));
        assert_eq!(server.due(), Some(second + 10));
    }
}

#[test]
fn an_answer_to_a_ping_counts_however_late_it_is_told() {
    let mut server = Server::with_client(WebSockets);
    assert_eq!(server.at(10, Input::Tick), [SendKeepAlive(link(1)), SendPing(link(1))]);
    server.at(19, Input::Wrote(link(1)));
    server.at(11, Input::Heard(link(1)));
    assert_eq!(server.due(), Some(21));
    assert_eq!(server.at(21, Input::Tick), [SendPing(link(1))], "ten seconds after it was heard");
    server.at(11, Input::Heard(link(1)));
    server.at(29, Input::Tick);
    assert_eq!(server.at(31, Input::Tick), [NoteSilent(link(1))], "old news is no answer");
}

#[test]
fn a_driver_that_slept_asks_again_before_a_client_counts_as_away() {
    let mut server = Server::with_client(WebSockets);
    server.at(10, Input::Tick);
    let asks_again = [SendKeepAlive(link(1)), SendPing(link(1))];
    assert_eq!(server.at(26, Input::Tick), asks_again, "the answer may be unread");
    assert_eq!(server.at(36, Input::Tick), [NoteSilent(link(1)), SendKeepAlive(link(1))]);
}

#[test]
fn nobody_is_pinged_who_cannot_answer() {
    let silent = Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap();
    let mut server = Server::new(silent.with_connection(Duration::from_secs(1000)).unwrap());
    server.open(0, 1, WebSockets, Opening::ConnectAtOnce);
    assert_eq!(server.at(500, Input::Tick), [], "without keep-alives silence means nothing");
    for kind in [ServerSentEvents, TransportKind::ForeverFrame, LongPolling] {
        let mut server = Server::with_client(kind);
        for second in (10..110).step_by(10) {
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
        }
    }
}
