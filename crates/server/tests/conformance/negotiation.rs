//! What negotiate says to whom, and that it remembers nothing (spec 3).

use std::{collections::HashSet, time::Duration};

use heliostat::{
    EndpointOptions, KeepAlive, NegotiateHook, Negotiation, ProtocolVersion, Settings, Timeouts,
    TransportKind,
};

use crate::{
    actor::{ACT, stage, stage_at, stage_with},
    client::Ask,
    session::{Session, VERSIONS},
};

fn negotiate(version: Option<&str>) -> Ask {
    let ask = Ask::get("/act/negotiate");
    version.iter().fold(ask, |ask, version| ask.with("clientProtocol", version))
}

#[tokio::test(start_paused = true)]
async fn cp_071_cp_074_cp_082_every_field_goes_to_every_version_and_nothing_else_does() {
    let (site, _) = stage();
    for version in VERSIONS {
        let body = site.ask(&negotiate(version)).await.body;
        let keys: Vec<_> = body.split(['{', ',']).filter_map(|part| part.split('"').nth(1)).collect();
        let expected = [
            "Url",
            "ConnectionToken",
            "ConnectionId",
            "KeepAliveTimeout",
            "DisconnectTimeout",
            "ConnectionTimeout",
            "TryWebSockets",
            "ProtocolVersion",
            "TransportConnectTimeout",
            "LongPollDelay",
        ];
        assert_eq!(keys, expected, "{version:?}");
        for number in [
            r#""KeepAliveTimeout":20.0"#,
            r#""DisconnectTimeout":30.0"#,
            r#""ConnectionTimeout":110.0"#,
            r#""TransportConnectTimeout":5.0"#,
            r#""LongPollDelay":0.0"#,
            r#""TryWebSockets":true"#,
        ] {
            assert!(body.contains(number), "{number} in {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cp_073_cp_074_the_numbers_follow_the_settings() {
    let timeouts = Timeouts::new(Duration::from_secs(60)).unwrap();
    let timeouts = timeouts.with_connection(Duration::from_millis(90_500)).unwrap();
    let timeouts = timeouts.with_transport_connect(Duration::from_secs(7)).unwrap();
    let settings = Settings { long_poll_delay: Duration::from_millis(1500), ..Settings::default() };
    let (site, _) = stage_with(|builder| builder.timeouts(timeouts.clone()).settings(settings));
    let answer = site.ask(&negotiate(None)).await.json();
    assert_eq!(answer["KeepAliveTimeout"], 40.0);
    assert_eq!(answer["DisconnectTimeout"], 60.0);
    assert_eq!(answer["ConnectionTimeout"], 90.5);
    assert_eq!(answer["TransportConnectTimeout"], 7.0);
    assert_eq!(answer["LongPollDelay"], 1.5);
    let without = timeouts.with_keep_alive(KeepAlive::Off).unwrap();
    let (site, _) = stage_with(|builder| builder.timeouts(without));
    assert!(site.ask(&negotiate(None)).await.json()["KeepAliveTimeout"].is_null());
}

#[tokio::test(start_paused = true)]
async fn cp_002_cp_072_every_negotiate_gives_a_fresh_guid_of_36_characters() {
    let (site, _) = stage();
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let answer = site.ask(&negotiate(Some("2.1"))).await.json();
        let id = answer["ConnectionId"].as_str().unwrap().to_owned();
        let form = |(at, letter): (usize, char)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            14 => letter == '4',
            _ => letter.is_ascii_digit() || ('a'..='f').contains(&letter),
        };
        assert!(id.len() == 36 && id.char_indices().all(form), "{id}");
        assert!(seen.insert(id), "an id came twice");
        assert!(seen.insert(answer["ConnectionToken"].as_str().unwrap().to_owned()), "a token came twice");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_077_cp_078_cp_079_cp_080_versions_are_echoed_or_brought_into_range() {
    let (site, _) = stage();
    for (sent, answered) in [
        (None, "1.2"),
        (Some(""), "1.2"),
        (Some("0.9"), "1.2"),
        (Some("2"), "1.2"),
        (Some("abc"), "1.2"),
        (Some("1.2"), "1.2"),
        (Some("1.3"), "1.3"),
        (Some("1.4.7"), "1.4.7"),
        (Some("1.5"), "1.5"),
        (Some("2.0"), "2.0"),
        (Some("2.0.0"), "2.0"),
        (Some("2.1"), "2.0"),
        (Some("9.9"), "2.0"),
    ] {
        assert_eq!(site.ask(&negotiate(sent)).await.json()["ProtocolVersion"], answered, "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_079_the_highest_version_can_be_set() {
    for (highest, sent, answered) in
        [("1.4", "2.1", "1.4"), ("1.4", "1.3", "1.3"), ("2.1", "2.1", "2.1"), ("1.0", "2.1", "1.2")]
    {
        let highest_protocol_version = ProtocolVersion::parse(highest).unwrap();
        let settings = Settings { highest_protocol_version, ..Settings::default() };
        let (site, _) = stage_with(|builder| builder.settings(settings));
        let answer = site.ask(&negotiate(Some(sent))).await.json();
        assert_eq!(answer["ProtocolVersion"], answered, "{highest} {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn cp_081_negotiate_leaves_nothing_behind() {
    let (site, log) = stage();
    for _ in 0..1000 {
        site.ask(&negotiate(Some("2.1"))).await;
    }
    for (name, value) in site.server.metrics().iter() {
        assert_eq!(value, 0, "{name}");
    }
    assert!(log.lines().is_empty());
}

fn hooked() -> EndpointOptions {
    let hook = NegotiateHook::new(|request| match request.query("go") {
        Some("away") => Negotiation::Refuse("closed for \"today\"".to_owned()),
        Some("there") => Negotiation::Redirect {
            url: "https://there.example/signalr?a=b".to_owned(),
            access_token: Some("secret".to_owned()),
        },
        Some("plainly") => {
            Negotiation::Redirect { url: "https://there.example/signalr".to_owned(), access_token: None }
        }
        _ => Negotiation::Accept,
    });
    EndpointOptions { negotiate: Some(hook), ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn the_negotiate_hook_accepts_refuses_and_redirects_as_each_version_understands_it() {
    let (site, _) = stage_at(hooked(), |builder| builder);
    for version in VERSIONS {
        let understands = version.is_some_and(|version| version >= "2.0");
        assert!(site.ask(&negotiate(version)).await.json()["ConnectionToken"].is_string());

        let refused = site.ask(&negotiate(version).with("go", "away")).await;
        let redirected = site.ask(&negotiate(version).with("go", "there")).await;
        let plainly = site.ask(&negotiate(version).with("go", "plainly")).await;
        if understands {
            let expected = serde_json::json!({ "ProtocolVersion": "2.0", "Error": "closed for \"today\"" });
            assert_eq!((refused.status(), refused.json()), (200, expected));
            assert_eq!(redirected.json()["RedirectUrl"], "https://there.example/signalr?a=b");
            assert_eq!(redirected.json()["AccessToken"], "secret");
            assert_eq!(redirected.json()["ProtocolVersion"], "2.0");
            assert!(redirected.json().get("ConnectionToken").is_none(), "no connection begins here");
            assert!(plainly.json().get("AccessToken").is_none());
        } else {
            assert_eq!(refused.status(), 403, "{version:?}: it cannot read a message");
            assert!(
                redirected.json()["ConnectionToken"].is_string(),
                "{version:?}: it cannot follow, so it may stay"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_negotiate_hook_is_asked_by_negotiate_alone() {
    let (site, _) = stage_at(hooked(), |builder| builder);
    let session = Session::new(&site, ACT, TransportKind::WebSockets).await.with("go", "away");
    let mut channel = session.begin().await;
    channel.send("echo in").await;
    assert_eq!(channel.messages(1).await, ["in"]);
}
