//! How connections end, start again, and leave nothing behind.

use std::sync::Arc;
use std::time::Duration;

use heliostat::KeyRing;
use heliostat_client::{
    Backoff, ClientError, Connection, Event, InvokeError, RequestError, Restart, State, Transport,
};
use tokio::time::timeout;

use crate::proxy::{Mood, Proxy};
use crate::site::{ALL, PATIENCE, Site, builder, name, short, until};

#[tokio::test]
async fn dropping_a_connection_ends_every_task_and_tells_the_server() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for kind in ALL {
        let site = Site::new().await;
        // The server's own tasks begin with the first connection.
        drop(site.connect(kind).await);
        site.log.wait("disconnected Stopped", 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = tasks();
        let connection = site.connect(kind).await;
        let hub = connection.hub("TestHub").unwrap();
        // Handlers may hold what holds them.
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        hub.on("said", {
            let hub = hub.clone();
            move || drop((hub.clone(), Arc::clone(&held)))
        });
        let mut events = connection.events();
        let call = {
            let hub = hub.clone();
            tokio::spawn(async move { hub.invoke::<u64>("sleep", (1_500,)).await })
        };
        site.log.wait("sleep 1500", 1).await;
        drop(connection);
        let result = timeout(PATIENCE, call).await.unwrap().unwrap();
        assert!(matches!(result, Err(InvokeError::Lost)), "{kind}: {result:?}");
        site.log.wait("disconnected Stopped", 2).await;
        assert!(timeout(PATIENCE, async { while events.next().await.is_some() {} }).await.is_ok());
        assert!(weak.upgrade().is_none());
        assert!(matches!(hub.invoke::<()>("nothing", ()).await, Err(InvokeError::Refused(_))));
        // With the last proxy goes the pool of HTTP connections. The server's method runs to its end.
        drop(hub);
        let alone = async {
            while tasks() > before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(timeout(PATIENCE, alone).await.is_ok(), "{kind}: {} tasks are left of {before}", tasks());
    }
}

#[tokio::test]
async fn a_start_without_a_server_fails_and_says_why() {
    let connection = builder("http://127.0.0.1:1/signalr", ALL[0]).build().unwrap();
    let error = connection.start().await.unwrap_err();
    assert_eq!(error.rule(), Some(&ClientError::NegotiationFailed));
    assert!(matches!(error.causes()[0].error, RequestError::Http(_)));
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(connection.state(), State::Disconnected);
    assert!(connection.last_error().is_some());
    connection.stop().await;
}

#[tokio::test]
async fn an_address_of_something_else_is_told_from_a_server_that_is_down() {
    let site = Site::new().await;
    let connection = builder(&format!("http://{}/elsewhere", site.address), ALL[0]).build().unwrap();
    let error = connection.start().await.unwrap_err();
    assert!(matches!(error.causes()[0].error, RequestError::Status { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn cp_237_who_starts_twice_gets_the_answer_to_the_first_start_and_may_stop_at_any_time() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.builder(kind).build().unwrap();
        connection.hub("TestHub").unwrap();
        let (first, second) = tokio::join!(connection.start(), connection.start());
        assert!(first.is_ok() && second.is_ok());
        connection.start().await.unwrap();
        connection.stop().await;
        connection.stop().await;
        let (start, ()) = tokio::join!(connection.start(), connection.stop());
        assert_eq!(start.unwrap_err().rule(), Some(&ClientError::Stopped), "{kind}");
        assert_eq!(connection.state(), State::Disconnected);
        connection.start().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_ends_a_connection_says_why() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.connect(kind).await;
        let mut events = connection.events();
        let id = heliostat::ConnectionId::parse(&connection.connection_id().unwrap()).unwrap();
        assert!(site.server.disconnect_because(id, "go home"));
        let closed = until(&mut events, |event| name(event) == "closed").await;
        let Event::Closed { error: Some(error) } = closed else { panic!("{closed:?}") };
        assert_eq!(
            error.rule(),
            Some(&ClientError::EndedByServer { reason: Some("go home".into()) }),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_has_ended_starts_again_by_itself_until_that_works() {
    let backoff = Backoff {
        first: Duration::from_millis(50),
        longest: Duration::from_millis(200),
        ..Backoff::default()
    };
    for kind in ALL {
        let site = Site::with(short()).await;
        let proxy = Proxy::to(site.address).await;
        let connection = builder(&proxy.url(), kind).restart(Restart::WithBackoff(backoff)).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        let mut events = connection.events();
        connection.start().await.unwrap();
        let id = connection.connection_id();
        proxy.set(Mood::Refusing);
        proxy.cut();
        for attempt in 1..=3 {
            let restarting = until(&mut events, |event| name(event) == "restarting").await;
            let Event::Restarting { attempt: counted, .. } = restarting else { unreachable!() };
            assert_eq!(counted, attempt);
        }
        proxy.set(Mood::Through);
        until(&mut events, |event| name(event) == "restarted").await;
        assert_ne!(connection.connection_id(), id);
        assert_eq!(hub.invoke::<i64>("add", (1, 2)).await.unwrap(), 3, "{kind}");
        connection.stop().await;
        until(&mut events, |event| name(event) == "closed").await;
        assert!(timeout(Duration::from_millis(300), events.next()).await.is_err(), "a stop is final");
    }
}

#[tokio::test]
async fn cp_235_a_server_that_dies_for_good_fails_all_calls_and_the_connection() {
    for kind in ALL {
        let site = Site::at(short(), KeyRing::random().unwrap(), "127.0.0.1:0").await;
        let proxy = Proxy::to(site.address).await;
        let connection = builder(&proxy.url(), kind).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        connection.start().await.unwrap();
        let call = {
            let hub = hub.clone();
            tokio::spawn(async move { hub.invoke::<u64>("sleep", (60_000,)).await })
        };
        site.log.wait("sleep 60000", 1).await;
        // T5: nobody is told, nothing answers.
        proxy.set(Mood::Paused);
        let result = timeout(PATIENCE, call).await.unwrap().unwrap();
        assert!(matches!(result, Err(InvokeError::Lost)), "{kind}: {result:?}");
        if connection.state() != State::Disconnected {
            let mut events = connection.events();
            until(&mut events, |event| name(event) == "closed").await;
        }
        assert!(connection.last_error().is_some());
    }
}

#[tokio::test]
async fn the_runtime_of_a_connection_may_end_before_it() {
    let connection =
        Connection::builder("http://127.0.0.1:1/").no_proxy().transport(Transport::Auto).build().unwrap();
    let connection = Arc::new(connection);
    let other = Arc::clone(&connection);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { timeout(Duration::from_millis(1), other.start()).await.ok() });
    })
    .join()
    .unwrap();
    assert_eq!(connection.state(), State::Disconnected);
    connection.stop().await;
    assert!(connection.start().await.is_err());
}

#[tokio::test]
async fn cp_258_t3_a_client_that_dies_is_given_up_after_the_disconnect_timeout() {
    for kind in ALL {
        let site = Site::with(short()).await;
        let url = site.url();
        // A runtime that is shut down in the middle of it all takes no leave.
        let died = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let connection = builder(&url, kind).build().unwrap();
            connection.hub("TestHub").unwrap();
            runtime.block_on(connection.start()).unwrap();
            runtime.shutdown_background();
            connection.state()
        });
        let state = tokio::task::spawn_blocking(|| died.join().unwrap()).await.unwrap();
        assert_eq!(state, State::Disconnected);
        site.log.wait("disconnected TimedOut", 1).await;
        assert_eq!(site.log.all(), ["connected", "disconnected TimedOut"], "{kind}");
    }
}
