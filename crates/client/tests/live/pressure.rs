//! Applications that are slower than their server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heliostat_client::{Message, Queue, WhenFull};
use tokio::time::timeout;

use crate::site::{ALL, PATIENCE, Site};

const MESSAGES: u32 = 600;

fn publish(site: &Site) {
    let clients = site.server.hub_named("TestHub").unwrap().clients();
    for number in 0..MESSAGES {
        clients.all().invoke("said", (number, "x".repeat(500))).unwrap();
    }
}

#[tokio::test]
async fn what_a_slow_application_has_not_taken_waits_at_the_server_and_all_of_it_comes_in_order() {
    for kind in ALL {
        let site = Site::new().await;
        let connection =
            site.builder(kind).queue(Queue { limit: 10, when_full: WhenFull::Wait }).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        let mut said = hub.listen::<(u32, Message)>("said");
        let read = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&read);
        hub.on("said", move |_: u32| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        connection.start().await.unwrap();
        publish(&site);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(read.load(Ordering::Relaxed) < 100, "{kind}: {read:?}");
        for number in 0..MESSAGES {
            let heard = timeout(PATIENCE, said.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(heard.0, number, "{kind}");
        }
        connection.stop().await;
    }
}

#[tokio::test]
async fn a_slow_application_may_choose_to_be_cut_off() {
    for kind in ALL {
        let site = Site::new().await;
        let connection =
            site.builder(kind).queue(Queue { limit: 10, when_full: WhenFull::Close }).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        let mut said = hub.listen::<(u32,)>("said");
        let (closed, end) = tokio::sync::watch::channel(false);
        connection.on_closed(move |error| {
            closed.send_replace(error.is_some());
        });
        connection.start().await.unwrap();
        publish(&site);
        site.log.wait("disconnected Stopped", 1).await;
        assert!(connection.last_error().unwrap().to_string().contains("too slow"), "{kind}");
        while !*end.borrow() {
            drop(timeout(Duration::from_millis(50), said.next()).await);
        }
    }
}

#[tokio::test]
async fn whoever_handles_messages_may_call_while_the_queue_is_full() {
    for kind in ALL {
        let site = Site::new().await;
        let connection =
            site.builder(kind).queue(Queue { limit: 400, when_full: WhenFull::Wait }).build().unwrap();
        let hub = connection.hub("TestHub").unwrap();
        let mut said = hub.listen::<(u32,)>("said");
        connection.start().await.unwrap();
        publish(&site);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sum: i64 = timeout(PATIENCE, hub.invoke("add", (1, 2))).await.unwrap().unwrap();
        assert_eq!(sum, 3, "{kind}");
        for number in 0..MESSAGES {
            assert_eq!(timeout(PATIENCE, said.next()).await.unwrap().unwrap().unwrap().0, number, "{kind}");
        }
    }
}
