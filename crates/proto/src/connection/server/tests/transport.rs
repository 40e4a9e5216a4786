//! Which transport connection carries it, and for how long.

use super::*;

#[test]
fn cp_003_losing_the_transport_does_not_raise_disconnected() {
    let mut server = Server::with_client(WebSockets);
    assert_eq!(server.at(1, Input::Lost(link(1))), []);
    assert!(matches!(server.machine.state(), State::Detached { stage: Stage::Started, .. }));
}

#[test]
fn cp_123_cp_139_a_newer_transport_replaces_the_old_one_without_callbacks() {
    let mut server = Server::with_client(ServerSentEvents);
    let replaced = [End(link(1), Ending::Replaced)];
    assert_eq!(server.open(4, 2, ServerSentEvents, Opening::ConnectDelayed), replaced);
    for late in [Input::Lost(link(1)), Input::Answered(link(1)), Input::Wrote(link(1)), Input::Started] {
        assert_eq!(server.at(5, late), []);
    }
    assert_eq!(server.machine.state().link().map(|link| link.id), Some(link(2)));
    assert_eq!(server.due(), Some(14), "a late write on the old transport does not count for the new one");
}

#[test]
fn cp_123_a_reconnect_replaces_a_transport_that_the_server_believed_alive() {
    let mut server = Server::with_client(WebSockets);
    let expected = [End(link(1), Ending::Replaced), RaiseReconnected];
    assert_eq!(server.open(22, 2, WebSockets, Opening::Reconnect), expected);
}

#[test]
fn cp_146_an_idle_poll_ends_after_the_connection_timeout() {
    let mut server = Server::with_client(LongPolling);
    for second in (10..110).step_by(10) {
        assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
    }
    assert_eq!(server.at(110, Input::Tick), [End(link(1), Ending::ConnectionTimeout)]);
    assert_eq!(server.at(110, Input::Answered(link(1))), [], "its own answer is no news");
    assert_eq!(server.due(), Some(140));
}

#[test]
fn cp_214_a_keep_alive_is_due_one_keep_alive_after_the_last_write() {
    let mut server = Server::with_client(ServerSentEvents);
    server.at(4, Input::Wrote(link(1)));
    assert_eq!(server.due(), Some(14));
    assert_eq!(server.at(13, Input::Tick), []);
    assert_eq!(server.at(14, Input::Tick), [SendKeepAlive(link(1))]);
    assert_eq!(server.due(), Some(24), "a keep-alive that cannot be written is not repeated at once");
}

#[test]
fn cp_215_without_keep_alives_a_stream_ends_after_the_connection_timeout() {
    for kind in STREAMS {
        let mut server = Server::new(Timeouts::default().with_keep_alive(KeepAlive::Off).unwrap());
        server.open(0, 1, kind, Opening::ConnectAtOnce);
        server.at(100, Input::Wrote(link(1)));
        assert_eq!(server.due(), Some(110));
        assert_eq!(server.at(110, Input::Tick), [End(link(1), Ending::ConnectionTimeout)]);
        assert_eq!(server.open(112, 2, kind, Opening::Reconnect), [RaiseReconnected]);
    }
}

#[test]
fn cp_216_with_keep_alives_a_stream_never_times_out() {
    for kind in STREAMS {
        let mut server = Server::with_client(kind);
        for second in (10..1000).step_by(10) {
            server.at(second - 1, Input::Heard(link(1)));
            assert_eq!(server.at(second, Input::Tick), [SendKeepAlive(link(1))]);
        }
    }
}

#[test]
fn cp_218_a_poll_within_the_grace_prevents_the_end() {
    let mut server = Server::with_client(LongPolling);
    server.at(0, Input::Answered(link(1)));
    assert_eq!(server.at(29, Input::Tick), []);
    assert_eq!(server.open(29, 2, LongPolling, Opening::Poll), []);
    assert_eq!(server.at(30, Input::Tick), []);
    assert!(server.machine.state().link().is_some());
}

#[test]
fn a_client_that_comes_back_before_a_late_tick_is_welcome() {
    let mut server = Server::with_client(WebSockets);
    server.at(0, Input::Lost(link(1)));
    assert_eq!(server.machine.admits(), Admission::Welcome);
    assert_eq!(server.open(50, 2, WebSockets, Opening::Reconnect), [RaiseReconnected]);
}

#[test]
fn a_transport_that_is_reported_twice_does_not_replace_itself() {
    let mut server = Server::with_client(WebSockets);
    assert_eq!(server.open(1, 1, WebSockets, Opening::Reconnect), []);
    assert!(server.machine.state().link().is_some());
}
