//! Who is told of a connection, and when.

use super::*;

#[test]
fn cp_007_a_reconnect_of_an_unknown_connection_raises_reconnected_without_connected() {
    let mut server = Server::new(Timeouts::default());
    assert_eq!(server.open(0, 1, WebSockets, Opening::Reconnect), [RaiseReconnected]);
    assert_eq!(server.at(0, Input::Started), []);
    let expected = [End(link(1), Ending::Stopped), RaiseDisconnected(Reason::Stopped)];
    assert_eq!(server.at(1, Input::Aborted), expected);
}

#[test]
fn cp_007_a_poll_of_an_unknown_connection_raises_nothing_but_its_end_is_told() {
    let mut server = Server::new(Timeouts::default());
    assert_eq!(server.open(0, 1, LongPolling, Opening::Poll), []);
    server.at(1, Input::Answered(link(1)));
    assert_eq!(server.at(31, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
}

#[test]
fn a_start_that_comes_after_the_first_poll_of_an_unknown_connection_raises_connected() {
    let mut server = Server::new(Timeouts::default());
    server.open(0, 1, LongPolling, Opening::Poll);
    assert_eq!(server.at(0, Input::Started), [RaiseConnected]);
    assert_eq!(server.at(0, Input::Started), []);
}

#[test]
fn a_reconnect_before_the_start_shows_that_the_start_was_handled_elsewhere() {
    let mut server = Server::new(Timeouts::default());
    server.open(0, 1, WebSockets, Opening::ConnectDelayed);
    let expected = [End(link(1), Ending::Replaced), RaiseReconnected];
    assert_eq!(server.open(1, 2, WebSockets, Opening::Reconnect), expected);
    assert_eq!(server.at(1, Input::Started), [], "connected never comes after reconnected");
    server.at(2, Input::Lost(link(2)));
    assert_eq!(server.at(37, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
}

#[test]
fn cp_010_cp_152_polls_raise_nothing_and_a_reconnect_does() {
    let mut server = Server::with_client(LongPolling);
    for number in 1..20 {
        assert_eq!(server.at(number * 5, Input::Answered(link(number))), []);
        assert_eq!(server.open(number * 5, number + 1, LongPolling, Opening::Poll), []);
    }
    assert_eq!(server.at(100, Input::Lost(link(20))), []);
    assert_eq!(server.open(103, 21, LongPolling, Opening::Reconnect), [RaiseReconnected]);
}

#[test]
fn cp_112_a_start_without_a_transport_raises_connected_and_the_grace_runs() {
    let mut server = Server::new(Timeouts::default().with_long_poll_delay(Duration::from_secs(8)).unwrap());
    assert_eq!(server.at(2, Input::Started), [RaiseConnected]);
    assert_eq!(server.due(), Some(2 + 38), "the transport is not known, so the longest grace it could have");
    assert_eq!(server.at(40, Input::Tick), [RaiseDisconnected(Reason::TimedOut), Forget]);
    assert_eq!(server.machine.admits(), Admission::Forgotten, "it may be well elsewhere: no tombstone");
}

#[test]
fn a_client_that_started_here_and_is_carried_here_later_is_connected_once_and_leaves_a_tombstone() {
    for how in [Opening::ConnectDelayed, Opening::ConnectAtOnce, Opening::Poll, Opening::Reconnect] {
        let mut server = Server::new(Timeouts::default());
        assert_eq!(server.at(0, Input::Started), [RaiseConnected]);
        assert_eq!(server.at(1, Input::Started), []);
        let back = if how == Opening::Reconnect { vec![RaiseReconnected] } else { vec![] };
        assert_eq!(server.open(5, 1, LongPolling, how), back);
        server.at(5, Input::Answered(link(1)));
        assert_eq!(server.at(35, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
        assert_eq!(server.machine.admits(), Admission::Ended);
    }
}

#[test]
fn cp_113_cp_114_a_client_below_1_4_is_connected_by_its_first_connect_only() {
    let mut server = Server::new(Timeouts::default());
    assert_eq!(server.open(0, 1, WebSockets, Opening::ConnectAtOnce), [RaiseConnected]);
    let replaced = [End(link(1), Ending::Replaced)];
    assert_eq!(server.open(5, 2, ServerSentEvents, Opening::ConnectAtOnce), replaced);
}

#[test]
fn cp_157_another_transport_may_be_tried_before_the_start() {
    let mut server = Server::new(Timeouts::default());
    assert_eq!(server.open(0, 1, WebSockets, Opening::ConnectDelayed), []);
    let replaced = [End(link(1), Ending::Replaced)];
    assert_eq!(server.open(5, 2, LongPolling, Opening::ConnectDelayed), replaced);
    assert_eq!(server.at(5, Input::Answered(link(2))), []);
    assert_eq!(server.at(6, Input::Started), [RaiseConnected], "a start may come between two polls");
    assert_eq!(server.due(), Some(35), "and does not prolong the grace");
}
