//! One recording as one test.

use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::{
    application::Application,
    compare, corrections, differences,
    recording::{Exchange, Recording},
    replay::{self, Replayed},
};

/// The longest wait for a callback: a lost stream is given up after 11 s in the recordings.
const LAST_CALLBACK: Duration = Duration::from_secs(14);

/// How long a callback too many has to show itself.
const SETTLE: Duration = Duration::from_millis(30);

pub(crate) fn run(name: &str) -> Result<(), Failed> {
    let mut recording = Recording::load(name);
    corrections::correct(&mut recording);
    let differences = differences::apply(&mut recording);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let replayed = runtime.block_on(play(&recording));
    runtime.shutdown_background();
    let findings = compare::compare(&recording, &replayed);
    if findings.is_empty() { Ok(()) } else { Err(report(&findings, &differences, &replayed).into()) }
}

async fn play(recording: &Recording) -> Replayed {
    let began = Instant::now();
    let (application, address) = Application::start(&recording.server, began).await;
    let exchanges = replay::replay(recording, address, began).await;
    if let Some(count) = compare::expected_count(recording) {
        application.events.wait_for(count, LAST_CALLBACK).await;
        tokio::time::sleep(SETTLE).await;
    }
    Replayed { exchanges, events: application.events.lines() }
}

/// What was found, what differs on purpose, and the whole replay below it.
fn report(findings: &[String], differences: &[&str], replayed: &Replayed) -> String {
    let mut lines: Vec<String> = findings.iter().map(|finding| format!("  - {finding}")).collect();
    lines.extend(differences.iter().map(|why| format!("  expected other than recorded: {why}")));
    lines.push("  the replay:".to_owned());
    for (index, exchanges) in replayed.exchanges.iter().enumerate() {
        lines.extend(exchanges.iter().flat_map(|exchange| describe(index, exchange)));
    }
    lines.extend(replayed.events.iter().map(|(at, event)| format!("    {at:>6} ms  {event}")));
    format!("\n{}", lines.join("\n"))
}

fn describe(index: usize, exchange: &Exchange) -> Vec<String> {
    let (request, response) = (&exchange.request, &exchange.response);
    let status = response.status.map_or("nothing".to_owned(), |status| status.to_string());
    let mut lines = vec![
        format!("    {:>6} ms  [{index}] {} {}", exchange.t_ms, request.method, shortened(&request.url)),
        format!("               {}", shortened(request.body.as_deref().unwrap_or_default())),
        format!("               {status}, ended {:?} after {} ms", response.ended_by, response.ended_at_ms),
    ];
    lines.retain(|line| !line.trim().is_empty());
    let piece = |(at, text): &(u64, String)| {
        format!("        +{at:>6} ms  {}", shortened(&text.escape_debug().to_string()))
    };
    lines.extend(response.chunks.iter().map(piece));
    lines.extend(exchange.frames.iter().map(|frame| {
        let data = shortened(frame.data.as_deref().unwrap_or_default());
        format!("        +{:>6} ms  {:?} {:?} {:?} {data}", frame.t_ms, frame.dir, frame.op, frame.code)
    }));
    lines
}

fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(MOST).collect::<String>())
    }
}
