//! Calls, their answers, and calls of the server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heliostat_client::{Event, HubConnection, InvokeError, Message, SendRefusal, State};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::site::{ALL, PATIENCE, Site, until};

#[tokio::test]
async fn a_call_brings_its_result_on_every_transport() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.connect(kind).await;
        assert_eq!(connection.transport(), Some(kind));
        let hub = connection.hub("testhub").unwrap();
        assert_eq!(hub.invoke::<i64>("Add", (20, 22)).await.unwrap(), 42, "{kind}");
        hub.invoke::<()>("nothing", ()).await.unwrap();
        assert_eq!(hub.invoke::<Option<u8>>("nothing", ()).await.unwrap(), None);
        let id: String = hub.invoke("who", ()).await.unwrap();
        assert_eq!(Some(id), connection.connection_id());
        connection.stop().await;
        site.log.wait("disconnected Stopped", 1).await;
    }
}

#[tokio::test]
async fn an_error_says_whether_it_was_meant_for_the_caller() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.connect(kind).await;
        let hub = connection.hub("TestHub").unwrap();
        match hub.invoke::<()>("fail", ()).await.unwrap_err() {
            InvokeError::Failed { message, trace: None } => {
                assert_eq!(&*message, "Calling 'TestHub.fail' failed.");
            }
            other => panic!("{kind}: {other:?}"),
        }
        match hub.invoke::<()>("refuse", ()).await.unwrap_err() {
            InvokeError::Hub { message, data } => {
                assert_eq!((&*message, data), ("room is full", Some(json!({ "max": 20 }))));
            }
            other => panic!("{kind}: {other:?}"),
        }
        let error = hub.invoke::<String>("add", (1, 2)).await.unwrap_err();
        assert!(matches!(error, InvokeError::Result(_)), "{kind}: {error:?}");
        let error = hub.invoke::<()>("add", "no list").await.unwrap_err();
        assert!(matches!(error, InvokeError::Arguments(_)), "{kind}: {error:?}");
        assert!(hub.invoke::<()>("noSuchMethod", ()).await.is_err());
    }
}

#[tokio::test]
async fn a_call_that_no_server_answers_is_over_when_its_time_is() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.builder(kind).call_timeout(Duration::from_millis(300)).build().unwrap();
        connection.hub("TestHub").unwrap();
        connection.start().await.unwrap();
        // Servers drop a call of a hub that they do not know if it comes over a WebSocket.
        let error = connection.hub("NoSuchHub").unwrap().invoke::<()>("x", ()).await.unwrap_err();
        assert!(matches!(error, InvokeError::Late | InvokeError::Request(_)), "{kind}: {error:?}");
        let error = connection.hub("TestHub").unwrap().invoke::<()>("sleep", (60_000,)).await.unwrap_err();
        assert!(matches!(error, InvokeError::Late), "{kind}: {error:?}");
    }
}

#[tokio::test]
async fn progress_is_told_in_order_and_before_the_result() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.connect(kind).await;
        let hub = connection.hub("TestHub").unwrap();
        let mut steps = Vec::new();
        let done: String = hub.invoke_with_progress("work", (5,), |step: u8| steps.push(step)).await.unwrap();
        assert_eq!(done, "done");
        // The result of a call by request may overtake what comes on the stream.
        assert!(steps.iter().copied().eq(1..=u8::try_from(steps.len()).unwrap()), "{kind}: {steps:?}");
        assert!(kind != ALL[0] || steps.len() == 5, "{kind}: {steps:?}");
    }
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = Arc::new(site.connect(kind).await);
        let hub = connection.hub("TestHub").unwrap();
        let calls = (0..400i64).map(|number| {
            let hub = hub.clone();
            tokio::spawn(async move { hub.invoke::<i64>("add", (number, number)).await })
        });
        for (number, call) in (0i64..).zip(calls.collect::<Vec<_>>()) {
            assert_eq!(call.await.unwrap().unwrap(), 2 * number, "{kind}");
        }
    }
}

#[tokio::test]
async fn functions_are_called_with_typed_arguments_without_case_and_for_whoever_listens() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.builder(kind).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let note = Arc::clone(&seen);
        let typed = hub.on("addmessage", move |name: String, count: u32, rest: Option<Value>| {
            note.lock().unwrap().push(format!("typed {name} {count} {rest:?}"));
        });
        let note = Arc::clone(&seen);
        hub.on_any(move |call| {
            note.lock().unwrap().push(format!("any {} {:?}", call.method, call.arguments))
        });
        let mut listener = hub.listen::<(String, u32)>("addMessage");
        let mut events = connection.events();
        connection.start().await.unwrap();

        hub.invoke::<()>("callMe", ("addMessage", json!(["ann", 3]))).await.unwrap();
        let heard = timeout(PATIENCE, listener.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(heard, ("ann".to_owned(), 3));
        hub.invoke::<()>("callMe", ("unknown", json!([]))).await.unwrap();
        hub.invoke::<()>("callMe", ("addMessage", json!(["ann", "three"]))).await.unwrap();
        let error = until(&mut events, |event| matches!(event, Event::Error(_))).await;
        let Event::Error(error) = error else { unreachable!() };
        assert!(error.to_string().starts_with("argument 1 of \"addMessage\""), "{error}");
        assert!(timeout(PATIENCE, listener.next()).await.unwrap().unwrap().is_err());
        typed.cancel();
        hub.invoke::<()>("callMe", ("addMessage", json!(["bob", 4]))).await.unwrap();
        timeout(PATIENCE, listener.next()).await.unwrap().unwrap().unwrap();
        connection.stop().await;
        until(&mut events, |event| matches!(event, Event::Closed { error: None })).await;
        let seen = seen.lock().unwrap().clone();
        assert_eq!(
            seen,
            [
                "typed ann 3 None",
                r#"any addMessage ["ann", 3]"#,
                "any unknown []",
                r#"any addMessage ["ann", "three"]"#,
                r#"any addMessage ["bob", 4]"#,
            ],
            "{kind}"
        );
    }
}

#[tokio::test]
async fn the_state_travels_both_ways() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.connect(kind).await;
        let hub = connection.hub("TestHub").unwrap();
        hub.state().set("count", 41).unwrap();
        assert_eq!(hub.invoke::<u32>("count", ()).await.unwrap(), 42);
        assert_eq!(hub.state().value::<u32>("count"), Some(42), "{kind}");
        assert_eq!(connection.hub("TESTHUB").unwrap().invoke::<u32>("count", ()).await.unwrap(), 43);
        assert_eq!(hub.state().all().len(), 1);
    }
}

#[tokio::test]
async fn several_hubs_share_a_connection_and_those_asked_for_too_late_are_heard_after_the_next_start() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.connect(kind).await;
        let news = connection.hub("News").unwrap();
        let mut headlines = news.listen::<(String,)>("headline");
        news.invoke::<()>("publish", ("unheard",)).await.unwrap();
        connection.stop().await;
        connection.start().await.unwrap();
        news.invoke::<()>("publish", ("heard",)).await.unwrap();
        let heard = timeout(PATIENCE, headlines.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(heard.0, "heard", "{kind}");
    }
}

#[tokio::test]
async fn cp_234_what_is_sent_before_the_start_or_after_the_end_is_refused() {
    let site = Site::new().await;
    for kind in ALL {
        let connection: HubConnection = site.builder(kind).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        let refused = |result: Result<(), InvokeError>| {
            matches!(result, Err(InvokeError::Refused(SendRefusal::Disconnected)))
        };
        assert!(refused(hub.invoke("nothing", ()).await));
        connection.start().await.unwrap();
        connection.stop().await;
        assert_eq!(connection.state(), State::Disconnected);
        assert!(refused(hub.invoke("nothing", ()).await));
        drop(connection);
        assert!(refused(hub.invoke("nothing", ()).await));
    }
}

#[tokio::test]
async fn every_message_is_told_as_it_came() {
    let site = Site::new().await;
    for kind in ALL {
        let connection = site.builder(kind).build().unwrap();
        let seen: Arc<Mutex<Vec<Message>>> = Arc::default();
        let note = Arc::clone(&seen);
        connection.on_received(move |message| note.lock().unwrap().push(message.clone()));
        let hub = connection.hub("TestHub").unwrap();
        connection.start().await.unwrap();
        let mut events = connection.events();
        hub.send("nothing", ()).await.unwrap();
        hub.invoke::<()>("callMe", ("done", json!(["\u{e9}\u{2028}"]))).await.unwrap();
        for _ in 0..3 {
            until(&mut events, |event| matches!(event, Event::Received(_))).await;
        }
        let seen = seen.lock().unwrap().clone();
        let call = seen.iter().find(|message| message.json().contains("\"H\"")).unwrap();
        assert_eq!(call.parse::<Value>().unwrap()["A"], json!(["\u{e9}\u{2028}"]), "{kind}");
        assert_eq!(seen.len(), 3, "{kind}: {seen:?}");
    }
}
