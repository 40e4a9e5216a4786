//! What the builder promises, as the server sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use heliostat::{EndpointOptions, NegotiateHook, Negotiation, Server, TransportSet};
use heliostat_client::{ClientError, HubConnection, NegotiateAnswer, Transport, TransportKind};
use tokio::net::TcpListener;

use crate::site::{ALL, Log, Site, TestHub, until};

#[tokio::test]
async fn query_headers_cookies_credentials_and_agent_are_on_the_calls_of_every_transport() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site
            .builder(kind)
            .query("room", "a b&c")
            .header("x-key", "7")
            .cookie("session=abc")
            .credentials("ann", "secret")
            .user_agent("test/1")
            .build()
            .unwrap();
        let hub = connection.hub("TestHub").unwrap();
        connection.start().await.unwrap();
        let header = async |name: &str| hub.invoke::<Option<String>>("header", (name,)).await.unwrap();
        assert_eq!(header("x-key").await.as_deref(), Some("7"), "{kind}");
        assert_eq!(header("cookie").await.as_deref(), Some("session=abc"), "{kind}");
        assert_eq!(header("authorization").await.as_deref(), Some("Basic YW5uOnNlY3JldA=="), "{kind}");
        assert_eq!(header("user-agent").await.as_deref(), Some("test/1"), "{kind}");
        assert_eq!(hub.invoke::<Option<String>>("query", ("room",)).await.unwrap().as_deref(), Some("a b&c"));
        let script = connection.request("hubs").await.unwrap().send().await.unwrap().text().await.unwrap();
        assert!(script.contains("testHub"));
    }
}

#[tokio::test]
async fn the_bearer_token_is_asked_for_at_each_negotiation_and_a_failure_is_told() {
    let site = Site::new().await;
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let connection = site
        .builder(TransportKind::LongPolling)
        .bearer_token(move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match number {
                    2 => Err(std::io::Error::other("no more tokens")),
                    number => Ok(format!("token{number}")),
                }
            }
        })
        .build()
        .unwrap();
    let hub = connection.hub("TestHub").unwrap();
    for number in 0..2 {
        connection.start().await.unwrap();
        let header: String = hub.invoke("header", ("authorization",)).await.unwrap();
        assert_eq!(header, format!("Bearer token{number}"));
        connection.stop().await;
    }
    let error = connection.start().await.unwrap_err();
    assert!(error.to_string().contains("no more tokens"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn cp_086_transports_are_tried_in_their_order_until_one_works() {
    for (offered, expected) in [
        (TransportSet::all(), TransportKind::WebSockets),
        (TransportSet::all().without(TransportKind::WebSockets), TransportKind::ServerSentEvents),
        (TransportSet::none().with(TransportKind::LongPolling), TransportKind::LongPolling),
    ] {
        let options = EndpointOptions { transports: offered, ..EndpointOptions::default() };
        let url = serve(options).await;
        let connection = HubConnection::builder(&url).no_proxy().build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        connection.start().await.unwrap();
        assert_eq!(connection.transport(), Some(expected));
        assert_eq!(hub.invoke::<i64>("add", (1, 2)).await.unwrap(), 3);

        let only = Transport::Only(TransportKind::ServerSentEvents);
        let connection = HubConnection::builder(&url).no_proxy().transport(only).build().unwrap();
        let started = connection.start().await;
        assert_eq!(started.is_ok(), offered.contains(TransportKind::ServerSentEvents));
        if let Err(error) = started {
            assert_eq!(error.rule(), Some(&ClientError::NoTransport));
            assert_eq!(error.causes()[0].transport, Some(TransportKind::ServerSentEvents));
        }
    }
}

#[tokio::test]
async fn cp_084_a_redirect_is_followed_with_its_token_and_its_query_until_the_connection_ends() {
    let site = Site::new().await;
    let to = format!("{}?n=1", site.url());
    let hook = move |_: &heliostat::Request| Negotiation::Redirect {
        url: to.clone(),
        access_token: Some("T".into()),
    };
    let url =
        serve(EndpointOptions { negotiate: Some(NegotiateHook::new(hook)), ..EndpointOptions::default() })
            .await;
    for kind in ALL {
        let connection = crate::site::builder(&url, kind).query("n", "0").build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        for _ in 0..2 {
            connection.start().await.unwrap();
            assert_eq!(hub.invoke::<Option<String>>("query", ("n",)).await.unwrap().as_deref(), Some("1"));
            assert_eq!(
                hub.invoke::<Option<String>>("header", ("authorization",)).await.unwrap().as_deref(),
                Some("Bearer T")
            );
            connection.stop().await;
        }
        assert!(matches!(connection.negotiate().await.unwrap(), NegotiateAnswer::Redirect(_)));
    }
}

#[tokio::test]
async fn cp_085_a_refusal_of_negotiate_fails_the_start_with_its_text() {
    let hook = |_: &heliostat::Request| Negotiation::Refuse("not today".into());
    let url =
        serve(EndpointOptions { negotiate: Some(NegotiateHook::new(hook)), ..EndpointOptions::default() })
            .await;
    let error = HubConnection::builder(&url).no_proxy().build().unwrap().start().await.unwrap_err();
    assert_eq!(error.rule(), Some(&ClientError::Refused { reason: "not today".into() }));
}

#[tokio::test]
async fn a_ping_that_is_not_answered_is_an_error_and_no_end() {
    let site = Site::new().await;
    let connection = site.builder(ALL[0]).ping_every(Duration::from_millis(50)).build().unwrap();
    let mut events = connection.events();
    connection.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    while let Some(event) = events.poll_ready() {
        assert_ne!(crate::site::name(&event), "error", "{event:?}");
    }
    connection.stop().await;
    until(&mut events, |event| crate::site::name(event) == "closed").await;
}

async fn serve(options: EndpointOptions) -> String {
    let hub = TestHub::new(Log::default());
    let server = Server::builder().hub(hub).map_hubs("/signalr", options).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/signalr", listener.local_addr().unwrap());
    tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback_service(server.service())).await.unwrap()
    });
    url
}
