//! The doctor before servers and proxies that are ill on purpose. What it says is a snapshot, because its sentences are what it is for.

mod front;

use std::net::SocketAddr;

use clap::Parser;
use heliostat::{Cors, EndpointOptions, KeepAlive, NegotiateHook, Negotiation, TransportKind, TransportSet};

use super::finding::{Finding, Verdict};
use super::{Doctor, report};
use crate::terminal::Paper;
use front::{Fault, KEEP_ALIVE, front, serve, server, tls_front};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    doctor: Doctor,
}

async fn examine(url: &str, more: &[&str]) -> Vec<Finding> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let line = ["doctor", url].into_iter().chain(more.iter().copied());
    Line::try_parse_from(line).unwrap().doctor.examine().await
}

/// The report without what is good, and without what differs from run to run.
async fn complaints(url: &str, more: &[&str]) -> String {
    let mut findings = examine(url, more).await;
    findings.retain(|finding| finding.verdict != Verdict::Good);
    redacted(&report::draw(&findings, &Paper::plain(None)), url)
}

fn redacted(text: &str, url: &str) -> String {
    let host = url.split('/').nth(2).unwrap();
    let text = text.replace(host, "<host>");
    let lines = text.lines().map(|line| {
        let mut words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        for index in 1..words.len() {
            let unit = words[index].trim_end_matches([',', ';', ':', ')']).to_owned();
            let is_number = words[index - 1].trim_start_matches('(').parse::<f64>().is_ok();
            if is_number && matches!(unit.as_str(), "ms" | "s") {
                // A busy machine needs seconds for what takes milliseconds.
                words[index] = words[index].replacen(&unit, "time", 1);
                words[index - 1] = "#".to_owned();
            } else if is_number && matches!(unit.as_str(), "characters" | "groups") {
                words[index - 1] = "#".to_owned();
            }
        }
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn healthy() -> SocketAddr {
    serve(&server(KeepAlive::Every(KEEP_ALIVE), EndpointOptions::default()))
}

async fn behind(fault: Fault) -> String {
    let address = front(vec![healthy()], fault).await;
    complaints(&format!("http://{address}/signalr"), &[]).await
}

#[tokio::test]
async fn a_server_in_order_gives_no_cause_for_complaint() {
    let url = format!("http://{}/signalr", healthy());
    let findings = examine(&url, &[]).await;
    let checks: Vec<_> = findings.iter().map(|finding| (finding.check, finding.verdict)).collect();
    assert!(checks.iter().all(|(_, verdict)| *verdict == Verdict::Good), "{findings:#?}");
    assert_eq!(checks.len(), 9, "{checks:?}");
    let json = report::json(&url, &findings);
    assert_eq!(json["healthy"], true);
    assert!(json["findings"][0]["measured"]["took"].is_f64(), "{json:#}");
}

#[tokio::test]
async fn a_proxy_in_order_is_not_blamed() {
    insta::assert_snapshot!(behind(Fault::None).await, @"nothing is wrong");
}

#[tokio::test]
async fn a_proxy_that_strips_the_upgrade_is_found() {
    insta::assert_snapshot!(behind(Fault::StripsUpgrade).await, @r#"
    BAD   webSockets  the server got the request without its Upgrade header (400): something on the way removed it
                      → nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
                      → haproxy: remove 'option httpclose' and rules that delete the Upgrade or Connection header
                      → IIS: install the feature 'WebSocket Protocol'; with ARR, 3.0 or later
                      → Apache: ProxyPass /signalr http://backend/signalr upgrade=websocket (2.4.47 or later)
                      → a hosted load balancer: enable WebSockets, and use its HTTP (layer 7) or plain TCP mode

    1 problem
    "#);
}

#[tokio::test]
async fn a_proxy_that_buffers_is_found() {
    insta::assert_snapshot!(behind(Fault::Buffers).await, @r"
    BAD   webSockets        nothing came within # time, and everything at once when the server had ended: something on the way keeps answers back
                            → nginx: proxy_buffering off; (and gzip off; for this location)
                            → haproxy: option http-no-delay; and no compression here
                            → IIS with ARR: set 'Response buffer threshold' to 0, and switch dynamic compression off for this path
                            → Apache: ProxyPass … flushpackets=on, and SetEnv no-gzip 1 here
    BAD   serverSentEvents  nothing came within # time, and everything at once when the server had ended: something on the way keeps answers back
                            → the same as for webSockets
    BAD   foreverFrame      nothing came within # time, and everything at once when the server had ended: something on the way keeps answers back
                            → the same as for webSockets
    note  longPolling       connect answered in # time, started in # time; a poll shows no sign of life while it is held, so the way must allow # time of silence
                            → an old server (before 2.1) does so; otherwise something on the way keeps answers back
                            → nginx: proxy_read_timeout 120s; (the default is 60s)
                            → haproxy: timeout server 120s; timeout tunnel 1h
                            → IIS with ARR: raise the proxy's 'Time-out' to 120 seconds
                            → Apache: ProxyTimeout 120
                            → a hosted load balancer: raise its idle timeout to 120 seconds

    3 problems, 1 note
    ");
}

#[tokio::test]
async fn keep_alives_that_do_not_come_are_missed() {
    insta::assert_snapshot!(behind(Fault::FallsSilent).await, @r"
    BAD   webSockets        open after # time, init after # time, started in # time, but no keep-alive came in # time though one is promised every # time: clients will reconnect again and again
                            → look whether something on the way collects small pieces before it passes them on
                            → nginx: proxy_buffering off; (and gzip off; for this location)
                            → haproxy: option http-no-delay; and no compression here
                            → IIS with ARR: set 'Response buffer threshold' to 0, and switch dynamic compression off for this path
                            → Apache: ProxyPass … flushpackets=on, and SetEnv no-gzip 1 here
    BAD   serverSentEvents  open after # time, init after # time, started in # time, but no keep-alive came in # time though one is promised every # time: clients will reconnect again and again
                            → the same as for webSockets
    BAD   foreverFrame      open after # time, init after # time, started in # time, but no keep-alive came in # time though one is promised every # time: clients will reconnect again and again
                            → the same as for webSockets

    3 problems
    ");
}

#[tokio::test]
async fn a_proxy_that_cuts_quiet_connections_is_found() {
    insta::assert_snapshot!(behind(Fault::Cuts).await, @r"
    BAD   webSockets        it was cut # time after the start: its physical connection broke: WebSocket protocol error: Connection reset without closing handshake
                            → nginx: proxy_read_timeout 120s; (the default is 60s)
                            → haproxy: timeout server 120s; timeout tunnel 1h
                            → IIS with ARR: raise the proxy's 'Time-out' to 120 seconds
                            → Apache: ProxyTimeout 120
                            → a hosted load balancer: raise its idle timeout to 120 seconds
    BAD   serverSentEvents  it was cut # time after the start: its physical connection broke
                            → the same as for webSockets
    BAD   foreverFrame      it was cut # time after the start: its physical connection broke
                            → the same as for webSockets
    BAD   longPolling       connect answered in # time, started in # time, but a poll was cut after # time
                            → the same as for webSockets

    4 problems
    ");
}

#[tokio::test]
async fn a_proxy_that_limits_urls_is_found() {
    insta::assert_snapshot!(behind(Fault::LimitsUrl(2_048)).await, @r"
    note  URL length  a connect has # characters, and 2500 are refused with 414: a client in more than about # groups cannot reconnect
                      → nginx: large_client_header_buffers 4 32k;

    nothing is wrong, 1 note
    ");
}

#[tokio::test]
async fn servers_that_do_not_share_their_keys_are_found() {
    let address = front(vec![healthy(), healthy()], Fault::None).await;
    let findings = examine(&format!("http://{address}/signalr"), &[]).await;
    let token = findings.iter().find(|finding| finding.check == "token").unwrap();
    assert_eq!(token.verdict, Verdict::Bad);
    assert!(token.said.contains("do not share their keys"), "{token:?}");
}

#[tokio::test]
async fn a_server_without_keep_alives_is_warned_about() {
    let address = serve(&server(KeepAlive::Off, EndpointOptions::default()));
    insta::assert_snapshot!(complaints(&format!("http://{address}/signalr"), &[]).await, @r"
    note  settings  the server sends no keep-alives: clients do not notice a connection that died silently, and proxies cut quiet ones
                    → switch the keep-alive on; a third of the disconnect timeout is the default

    nothing is wrong, 1 note
    ");
}

#[tokio::test]
async fn a_server_without_web_sockets_is_no_mistake() {
    let transports = TransportSet::all().without(TransportKind::WebSockets);
    let options = EndpointOptions { transports, ..EndpointOptions::default() };
    let address = serve(&server(KeepAlive::Every(KEEP_ALIVE), options));
    insta::assert_snapshot!(complaints(&format!("http://{address}/signalr"), &[]).await, @r"
    note  webSockets  the server says that it has none (TryWebSockets is false), so clients do not try
                      → if it should have them: on Windows install the feature 'WebSocket Protocol'; elsewhere look at the transports it is set to

    nothing is wrong, 1 note
    ");
}

#[tokio::test]
async fn a_wrong_path_is_told_with_the_right_one() {
    let url = format!("http://{}", healthy());
    insta::assert_snapshot!(complaints(&url, &[]).await, @r"
    BAD   negotiate  negotiate was answered with 404 Not Found
                     → there is an endpoint at http://<host>/signalr: use that address

    1 problem
    ");
}

#[tokio::test]
async fn answers_that_are_no_signalr_are_told_apart() {
    let mut told = String::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html>\n<title>Shop</title>",
        "HTTP/1.1 302 Found\r\nLocation: https://example.com/Account/Login?ReturnUrl=x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.com/signalr/negotiate?x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"connectionId\":\"x\",\"availableTransports\":[]}",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"ProtocolVersion\":\"2.0\",\"Error\":\"closed for repairs\"}",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":1}",
        "220 mail.example.com ESMTP\r\n",
        "",
    ] {
        told += &behind(Fault::Answers("/negotiate", answer)).await;
        told += "\n";
    }
    insta::assert_snapshot!(told, @r"
    BAD   negotiate  negotiate was answered with 200 OK (text/html): <!doctype html> <title>Shop</title>
                     → this is a page, not an endpoint; correct the path, for example …/signalr
                     → if a single-page application answers every path, exempt this one

    1 problem
    BAD   negotiate  negotiate was redirected to https://example.com/Account/Login?ReturnUrl=x (302); not all clients follow
                     → it looks like a login page: give credentials with --header 'Cookie: …', --bearer or --user
                     → let the server answer 401 under this path instead of redirecting, so that clients can tell

    1 problem
    BAD   negotiate  negotiate was redirected to https://example.com/signalr/negotiate?x (301); not all clients follow
                     → use the address it redirects to: https://example.com/signalr

    1 problem
    BAD   negotiate  negotiate was answered with 401 Unauthorized
                     → give credentials: --bearer, --user with --password, or --header 'Cookie: …'

    1 problem
    BAD   negotiate  negotiate was answered with 502 Bad Gateway
                     → a proxy answered in the server's place: start the server behind it, or correct its address

    1 problem
    BAD   negotiate  this is an ASP.NET Core SignalR server; it and classic clients do not understand each other
                     → use a client for ASP.NET Core here, or the address of a classic endpoint

    1 problem
    BAD   negotiate  the server refuses its clients: closed for repairs
                     → this text comes from the application; ask whoever runs it

    1 problem
    BAD   negotiate  the answer is JSON without a ConnectionToken, so it is not made by a SignalR server
                     → correct the path, for example …/signalr

    1 problem
    BAD   negotiate  <host> answers with something that is not HTTP (invalid HTTP version parsed)
                     → check the port: another kind of server listens there

    1 problem
    BAD   negotiate  <host> took the request and hung up without an answer
                     → if that port speaks TLS, write https://; otherwise look at the server's log

    1 problem
    ");
}

#[tokio::test]
async fn nobody_there_and_no_tls_there_are_told_apart() {
    let closed = complaints("http://127.0.0.1:1/signalr", &[]).await;
    let plain = complaints(&format!("https://{}/signalr", healthy()), &[]).await;
    let nowhere = examine("http://no-such-name.invalid/signalr", &[]).await;
    insta::assert_snapshot!(format!("{closed}\n{plain}"), @r"
    BAD   negotiate  nothing listens at <host>
                     → start the server, or correct the port; a server in a container must also listen on 0.0.0.0

    1 problem
    BAD   negotiate  <host> does not speak TLS
                     → write http:// instead of https://, or use the port that speaks TLS

    1 problem
    ");
    assert!(nowhere[0].said.starts_with("the name no-such-name.invalid is not known here"), "{nowhere:?}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_and_can_be_accepted() {
    let port = tls_front(healthy()).await.port();
    let url = format!("https://localhost:{port}/signalr");
    insta::assert_snapshot!(complaints(&url, &[]).await, @r"
    BAD   negotiate  the certificate of <host> is not trusted (UnknownIssuer)
                     → add the authority that signed it to this machine's certificates, or see how it goes on with --insecure

    1 problem
    ");
    insta::assert_snapshot!(complaints(&url, &["--insecure"]).await, @"nothing is wrong");
}

#[tokio::test]
async fn a_start_that_fails_is_told_for_each_transport() {
    let answer = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
    insta::assert_snapshot!(behind(Fault::Answers("/start", answer)).await, @r"
    BAD   webSockets        start was answered with 500 Internal Server Error
                            → look at the server's log at this time
    BAD   serverSentEvents  start was answered with 500 Internal Server Error
                            → look at the server's log at this time
    BAD   foreverFrame      start was answered with 500 Internal Server Error
                            → look at the server's log at this time
    BAD   longPolling       start was answered with 500 Internal Server Error
                            → look at the server's log at this time

    4 problems
    ");
}

#[tokio::test]
async fn a_redirect_by_the_server_is_followed() {
    let target = format!("http://{}/signalr", healthy());
    let there = target.clone();
    let redirect =
        move |_: &heliostat::Request| Negotiation::Redirect { url: there.clone(), access_token: None };
    let options =
        EndpointOptions { negotiate: Some(NegotiateHook::new(redirect)), ..EndpointOptions::default() };
    let address = serve(&server(KeepAlive::Every(KEEP_ALIVE), options));
    let findings = examine(&format!("http://{address}/signalr"), &[]).await;
    assert!(findings[0].said.contains(&target), "{findings:?}");
    assert!(report::is_healthy(&findings), "{findings:#?}");
}

#[tokio::test]
async fn what_a_page_from_elsewhere_may_do_is_told() {
    let origin = ["--origin", "https://www.example.com"];
    let mut told = String::new();
    for cors in [Cors::Off, Cors::AnyOrigin, Cors::allow(["https://other.example.com".to_owned()])] {
        let options = EndpointOptions { cors, ..EndpointOptions::default() };
        let address = serve(&server(KeepAlive::Every(KEEP_ALIVE), options));
        let findings = examine(&format!("http://{address}/signalr"), &origin).await;
        let crossing = findings.into_iter().filter(|finding| finding.check == "cross-origin");
        told += &report::draw(&crossing.collect::<Vec<_>>(), &Paper::plain(None));
    }
    insta::assert_snapshot!(told, @r"
    BAD   cross-origin  a page from https://www.example.com may not read the answers: they allow no other origin
                        → allow this origin by name (heliostat serve: --cors; ASP.NET: UseCors), and switch credentials on

    1 problem
    ok    cross-origin  a page from https://www.example.com may connect

    nothing is wrong
    BAD   cross-origin  a page from https://www.example.com may not read the answers: they allow no other origin
                        → allow this origin by name (heliostat serve: --cors; ASP.NET: UseCors), and switch credentials on

    1 problem
    ");
}

#[tokio::test]
async fn an_end_of_all_waiting_is_kept() {
    let begun = std::time::Instant::now();
    let address = front(vec![healthy()], Fault::Hangs("/start")).await;
    let findings = examine(&format!("http://{address}/signalr"), &["--timeout", "1s"]).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(!report::is_healthy(&findings), "{findings:#?}");
}

#[tokio::test]
async fn a_longer_watch_finds_what_cuts_later() {
    let address = front(vec![healthy()], Fault::CutsAfter(KEEP_ALIVE * 2)).await;
    let url = format!("http://{address}/signalr");
    assert!(report::is_healthy(&examine(&url, &[]).await));
    let findings = examine(&url, &["--watch", "3s"]).await;
    let socket = findings.iter().find(|finding| finding.check == "webSockets").unwrap();
    assert!(socket.verdict == Verdict::Bad && socket.said.starts_with("it was cut"), "{socket:?}");
}
