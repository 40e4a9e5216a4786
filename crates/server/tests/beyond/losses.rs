//! Reported gaps: silent loss is a bug.

use std::sync::{Arc, Mutex};

use heliostat::{
    AfterLoss, ConnectionId, LossCause, Lost, LostCount, MessageBuffer, ServerBuilder, Settings,
    TransportKind,
};

use crate::{
    actor::{ACT, stage_with},
    session::{ALL, Heard, Session},
    site::Site,
};

/// The smallest buffer there is: 32 messages per topic.
fn small(builder: ServerBuilder) -> ServerBuilder {
    let message_buffer = MessageBuffer { messages: 1, ..MessageBuffer::default() };
    builder.settings(Settings { message_buffer, ..Settings::default() })
}

/// What the application was told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Lost>>>);

impl Told {
    pub(crate) fn hook(&self, after: AfterLoss) -> impl Fn(&Lost) -> AfterLoss + Send + Sync + 'static {
        let told = self.clone();
        move |lost| {
            told.0.lock().unwrap().push(lost.clone());
            after
        }
    }

    /// Gives handlers that are due the chance to run, then takes what they were told.
    pub(crate) async fn take(&self) -> Vec<(String, LossCause, LostCount)> {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let told = std::mem::take(&mut *self.0.lock().unwrap());
        told.into_iter().map(|lost| (lost.connection.to_string(), lost.cause, lost.count)).collect()
    }
}

fn broadcast(site: &Site, count: usize) {
    let everyone = site.server.persistent(ACT).unwrap();
    (0..count).for_each(|number| everyone.broadcast(number).unwrap());
}

/// A session on `kind` that has read everything and has gone.
async fn away(site: &Site, kind: TransportKind) -> Session {
    let mut channel = Session::of_user(site, ACT, kind, "ann").await.begin().await;
    broadcast(site, 1);
    channel.messages(1).await;
    channel.vanish()
}

#[tokio::test(start_paused = true)]
async fn who_was_away_while_messages_left_the_buffer_is_reported_on_every_transport() {
    for kind in ALL {
        let told = Told::default();
        let hook = told.hook(AfterLoss::GoOn);
        let (site, _) = stage_with(|builder| small(builder).on_lost(hook));
        let session = away(&site, kind).await;
        broadcast(&site, 200);
        assert_eq!(told.take().await, [], "{kind}: nobody has missed anything yet");
        let mut channel = session.open("reconnect").await;
        let rest = channel.messages(1).await;
        assert!(!rest.is_empty(), "{kind}: it goes on with what is left");
        let expected = (session.id.clone(), LossCause::TooLongAway, LostCount::AtLeast(1));
        assert_eq!(told.take().await, [expected], "{kind}");
        assert_eq!(site.counter("Messages Lost Total"), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_log_is_reported_on_every_transport() {
    for kind in ALL {
        let told = Told::default();
        let hook = told.hook(AfterLoss::GoOn);
        let (site, _) = stage_with(|builder| builder.on_lost(hook));
        let mut session = away(&site, kind).await;
        session.cursor = Some("d-1-2".to_owned());
        let _channel = session.open("reconnect").await;
        let expected = (session.id.clone(), LossCause::OtherLog, LostCount::Unknown);
        assert_eq!(told.take().await, [expected], "{kind}");
        assert_eq!(site.counter("Gaps Reported Total"), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_reported_with_the_exact_number_on_streams_and_sockets() {
    for kind in [TransportKind::WebSockets, TransportKind::ServerSentEvents, TransportKind::ForeverFrame] {
        let told = Told::default();
        let hook = told.hook(AfterLoss::GoOn);
        let (site, _) = stage_with(|builder| small(builder).on_lost(hook));
        let mut channel = Session::new(&site, ACT, kind).await.begin().await;
        let everyone = site.server.persistent(ACT).unwrap();
        // More than the line holds, then more than the buffer holds; nobody reads.
        let large = "x".repeat(10_000);
        let sent = 400;
        for number in 0..sent {
            everyone.broadcast(format!("{number} {large}")).unwrap();
            if number % 8 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut heard = 0;
        while !channel.messages(1).await.last().unwrap().as_str().unwrap().starts_with("399 ") {
            heard += 1;
        }
        let told = told.take().await;
        let lost: u64 = told
            .iter()
            .map(|(_, cause, count)| match (cause, count) {
                (LossCause::TooSlow, LostCount::Exactly(count)) => *count,
                other => panic!("{kind}: {other:?}"),
            })
            .sum();
        assert!(lost > 0, "{kind}: all of it fitted");
        assert!(heard + 1 + lost <= sent, "{kind}: {heard} responses, {lost} lost");
        assert_eq!(i64::try_from(lost).unwrap(), site.counter("Messages Lost Total"), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn by_choice_a_loss_ends_the_connection_with_that_reason() {
    for kind in ALL {
        let told = Told::default();
        let hook = told.hook(AfterLoss::Disconnect);
        let (site, log) = stage_with(|builder| small(builder).on_lost(hook));
        let session = away(&site, kind).await.with("who", "ann");
        broadcast(&site, 200);
        let mut channel = session.open("reconnect").await;
        let mut stop = None;
        while stop.is_none() {
            match channel.hear_soon().await {
                Heard::Json(response) if response["D"] == 1 => stop = Some(response),
                Heard::End(None) if kind == TransportKind::LongPolling => {
                    channel = channel.session.open("poll").await;
                }
                Heard::Json(_) | Heard::Preamble(_) | Heard::KeepAlive => {}
                ended @ (Heard::End(_) | Heard::Cut) => panic!("{kind}: {ended:?} and not told to stop"),
            }
        }
        assert_eq!(stop.unwrap()["E"], "messages to this connection were lost", "{kind}");
        log.wait("disconnected ann MessagesLost").await;
        assert_eq!(told.take().await.len(), 1, "{kind}");
        assert_eq!(
            session.post("echo too late").await.status(),
            if kind == TransportKind::WebSockets { 400 } else { 403 }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_names_the_user_and_never_runs_beside_a_handler() {
    let told = Told::default();
    let hook = told.hook(AfterLoss::GoOn);
    let lost = crate::log::Log::default();
    let noted = lost.clone();
    let (site, log) = stage_with(|builder| {
        builder.on_lost(move |lost| {
            noted.note("lost");
            hook(lost)
        })
    });
    let session = Session::of_user(&site, ACT, TransportKind::ServerSentEvents, "ann").await;
    let mut session = session.with("who", "ann").with("on-connected", "slow");
    let channel = session.begin().await;
    session = channel.vanish();
    session.cursor = Some("d-1-2".to_owned());
    let _channel = session.open("reconnect").await;
    log.wait("reconnected ann").await;
    assert_eq!(lost.lines(), ["lost"], "it was queued before reconnected, so it has run");
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told[0].user.as_ref().unwrap().as_str(), "ann");
    assert_eq!(told[0].connection, ConnectionId::parse(&session.id).unwrap());
}
