//! Plays the client of a recording against a running server and writes down what comes back.
//!
//! Requests go out in the recorded order, each as soon as everything that stood before it in the recording has happened here
//! too. Times place the steps, causes decide when they may be taken.

mod plan;
mod poll_loop;
mod preparation;
mod stage;
mod substitution;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::recording::{Exchange, Recording};

pub(crate) use preparation::Preparation;
use stage::Stage;

/// How long to wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait for something that may be the effect of the next step rather than its cause. On one machine that is long.
const COURTESY: Duration = Duration::from_millis(60);

/// What was recorded so shortly before a step may be its effect: the recorder used several clocks.
const CLOCK_DOUBT: u64 = 25;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Replayed {
    /// For each exchange of the recording what it became. A loop of polls is found at its first poll, in as many exchanges as
    /// it took here; its other places are empty.
    pub(crate) exchanges: Vec<Vec<Exchange>>,
    /// The callbacks of the application with the milliseconds since the replay began.
    pub(crate) events: Vec<(u64, String)>,
}

impl Replayed {
    /// The recording itself, as if it had been replayed against the server it was recorded from.
    pub(crate) fn from_recording(recording: &Recording) -> Self {
        let mut exchanges = vec![Vec::new(); recording.exchanges.len()];
        for (index, exchange) in recording.exchanges.iter().enumerate() {
            let place =
                if recording.is_loop_poll(exchange) { plan::loop_start(recording, index) } else { index };
            exchanges[place].push(exchange.clone());
        }
        let events = recording.events.iter().flatten().map(|event| (0, event.clone())).collect();
        Self { exchanges, events }
    }
}

/// Runs the recording against `server`. The events are left to whoever runs the application.
pub(crate) async fn replay(recording: &Recording, server: SocketAddr, began: Instant) -> Vec<Vec<Exchange>> {
    let mut stage = Stage::new(recording, server, began);
    stage.prepare().await;
    let mut last: Option<(u64, Instant)> = None;
    for planned in plan::plan(recording) {
        if let Some((at, taken)) = last.filter(|_| recording.keeps_pauses()) {
            let pause = Duration::from_millis(planned.at.saturating_sub(at));
            tokio::time::sleep_until((taken + pause).into()).await;
        }
        stage.take(planned.step).await;
        last = Some((planned.at, Instant::now()));
    }
    stage.finish().await;
    stage.into_exchanges()
}
