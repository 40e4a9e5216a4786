//! Connections without hubs.

use std::time::Duration;

use heliostat_client::{Connection, Event, Transport};
use serde_json::json;

use crate::site::{ALL, Site, until};

#[tokio::test]
async fn a_raw_connection_sends_texts_and_values_and_receives_values() {
    let site = Site::new().await;
    for kind in ALL {
        let echo = Connection::builder(&format!("http://{}/echo/", site.address))
            .transport(Transport::Only(kind))
            .no_proxy()
            .reconnect_delay(Duration::from_millis(100))
            .build()
            .unwrap();
        let mut events = echo.events();
        echo.start().await.unwrap();
        let mut next = async || match until(&mut events, |event| matches!(event, Event::Received(_))).await {
            Event::Received(message) => message,
            _ => unreachable!(),
        };
        echo.send("a+b c&d=\u{e9}").await.unwrap();
        assert_eq!(next().await.parse::<String>().unwrap(), "a+b c&d=\u{e9}", "{kind}");
        echo.send_json(&json!({ "x": 1 })).await.unwrap();
        assert_eq!(next().await.parse::<String>().unwrap(), r#"{"x":1}"#, "{kind}");
        echo.stop().await;
    }
}
