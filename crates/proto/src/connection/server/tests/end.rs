//! How it ends, and what is left of it.

use super::*;

#[test]
fn cp_004_cp_151_cp_160_a_stop_ends_the_transport_and_the_connection_at_once() {
    for kind in STREAMS.into_iter().chain([LongPolling]) {
        let mut server = Server::with_client(kind);
        let expected = [End(link(1), Ending::Stopped), RaiseDisconnected(Reason::Stopped)];
        assert_eq!(server.at(3, Input::Aborted), expected);
    }
}

#[test]
fn cp_005_cp_217_a_client_that_vanished_is_given_up_when_the_grace_is_over_and_not_before() {
    for (kind, grace) in STREAMS.map(|kind| (kind, 35)).into_iter().chain([(LongPolling, 30)]) {
        let mut server = Server::with_client(kind);
        server.at(7, Input::Lost(link(1)));
        assert_eq!(server.due(), Some(7 + grace));
        assert_eq!(server.at(6 + grace, Input::Tick), []);
        assert_eq!(server.at(7 + grace, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
    }
}

#[test]
fn cp_006_cp_220_cp_222_a_connection_that_is_over_is_not_ended_again() {
    let mut server = Server::with_client(WebSockets);
    server.at(1, Input::Aborted);
    for input in [Input::Aborted, Input::Disconnect, Input::Lost(link(1)), Input::Tick, Input::Started] {
        assert_eq!(server.at(50, input), []);
    }
    let mut server = Server::with_client(WebSockets);
    server.at(1, Input::Lost(link(1)));
    assert_eq!(server.at(36, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
    assert_eq!(server.at(37, Input::Aborted), []);
}

#[test]
fn cp_008_cp_221_a_client_that_comes_back_too_late_is_told_to_stop_and_nobody_hears_of_it() {
    for how in [Opening::ConnectDelayed, Opening::ConnectAtOnce, Opening::Reconnect, Opening::Poll] {
        let mut server = Server::with_client(WebSockets);
        server.at(0, Input::Lost(link(1)));
        assert_eq!(server.at(35, Input::Tick), [RaiseDisconnected(Reason::TimedOut)]);
        assert_eq!(server.machine.admits(), Admission::Ended);
        assert_eq!(server.open(36, 2, WebSockets, how), [End(link(2), Ending::Disconnected)]);
        assert_eq!(server.due(), Some(135), "coming back does not prolong the tombstone");
    }
}

#[test]
fn cp_131_a_closed_web_socket_ends_the_connection_only_with_the_stop_that_follows() {
    let mut server = Server::with_client(WebSockets);
    assert_eq!(server.at(3, Input::Lost(link(1))), []);
    assert_eq!(server.at(4, Input::Aborted), [RaiseDisconnected(Reason::Stopped)]);
}

#[test]
fn cp_154_cp_223_a_shutdown_ends_the_transport_and_says_so_and_the_client_may_come_back() {
    for kind in STREAMS.into_iter().chain([LongPolling]) {
        let mut server = Server::with_client(kind);
        let told = RaiseDisconnected(Reason::ShuttingDown);
        assert_eq!(server.at(1, Input::ShuttingDown), [End(link(1), Ending::ShuttingDown), told, Forget]);
        assert_eq!(server.machine.admits(), Admission::Forgotten);
    }
}

#[test]
fn cp_219_a_stop_of_an_unknown_connection_does_nothing() {
    let mut server = Server::new(Timeouts::default());
    assert_eq!(server.at(0, Input::Aborted), [Forget]);
    assert_eq!(server.machine.admits(), Admission::Forgotten);
}

#[test]
fn cp_224_a_connection_that_moved_to_another_server_is_replaced_not_timed_out_and_may_come_back() {
    let mut server = Server::with_client(WebSockets);
    let told = RaiseDisconnected(Reason::Replaced);
    assert_eq!(server.at(9, Input::Moved), [End(link(1), Ending::Replaced), told, Forget]);
    let mut server = Server::with_client(LongPolling);
    server.at(8, Input::Answered(link(1)));
    assert_eq!(server.at(9, Input::Moved), [told, Forget]);
    assert_eq!(server.machine.admits(), Admission::Forgotten);
}

#[test]
fn d_16_the_application_may_disconnect_a_client_for_good() {
    let mut server = Server::with_client(WebSockets);
    let over = RaiseDisconnected(Reason::DisconnectedByServer);
    assert_eq!(server.at(9, Input::Disconnect), [End(link(1), Ending::Disconnected), over]);
    assert_eq!(server.machine.admits(), Admission::Ended);
    let mut server = Server::with_client(WebSockets);
    server.at(8, Input::Lost(link(1)));
    assert_eq!(server.at(9, Input::Disconnect), [over]);
}

#[test]
fn d_17_the_end_of_a_connection_that_never_started_is_not_told() {
    let mut server = Server::new(Timeouts::default());
    server.open(0, 1, WebSockets, Opening::ConnectDelayed);
    assert_eq!(server.at(1, Input::Aborted), [End(link(1), Ending::Stopped)]);
    assert_eq!(server.at(1, Input::Started), [], "a stop that overtook the start");

    let mut server = Server::new(Timeouts::default());
    server.open(0, 1, WebSockets, Opening::ConnectDelayed);
    server.at(1, Input::Lost(link(1)));
    assert_eq!(server.at(36, Input::Tick), [Forget], "it may have started on another server: no tombstone");
}

#[test]
fn the_tombstone_goes_when_the_topics_have_gone() {
    let mut server = Server::with_client(WebSockets);
    server.at(1, Input::Aborted);
    assert_eq!(server.due(), Some(101));
    assert_eq!(server.at(100, Input::Tick), []);
    assert_eq!(server.at(101, Input::Tick), [Forget]);
    assert_eq!((server.due(), server.machine.admits()), (None, Admission::Forgotten));
}

#[test]
fn a_record_that_nobody_uses_is_forgotten() {
    let mut server = Server::new(Timeouts::default());
    assert_eq!(server.due(), Some(35));
    assert_eq!(server.at(35, Input::Tick), [Forget]);
}
