//! The report for people: as a table in Markdown, and as lines for a terminal. Both have the same rows.

use std::{fmt::Write, time::Duration};

use crate::{Latency, Memory, Pace, Report, ServerUse, Storm};

impl Report {
    /// The report as lines of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let rows = self.rows();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let mut text = format!("{}\n", self.title());
        for (name, value) in rows {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
        text
    }

    /// The report as a table in Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("**{}**\n\n| | |\n|---|---|\n", self.title());
        for (name, value) in self.rows() {
            // As above.
            let _ = writeln!(text, "| {name} | {} |", value.replace('|', "\\|"));
        }
        text
    }

    fn title(&self) -> String {
        let Self { scenario, connections, transport, target, payload, .. } = self;
        let pace = match self.pace {
            Pace::Rate(rate) => format!("{rate} a second"),
            Pace::InFlight(count) => format!("{count} in flight"),
            Pace::Burst(count) => format!("{count} at once"),
        };
        let groups = self.groups.map(|groups| format!(" in {groups} groups")).unwrap_or_default();
        format!("{}: {connections} x {transport}{groups}, {pace}, {payload} B, {target}", scenario.as_str())
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("connecting", self.connecting_row())];
        let messages = &self.messages;
        if messages.delivered > 0 {
            rows.push(("delivered", self.delivered_row()));
        }
        if let Some(latency) = &self.latency {
            let kind = if self.open_loop { "from due to received" } else { "closed loop: no schedule" };
            rows.push(("latency", format!("{} ({kind})", distribution(latency))));
        }
        if let Some(lateness) = &self.lateness {
            rows.push(("generator late", distribution(lateness)));
        }
        rows.extend(self.server.iter().flat_map(server_rows));
        if let Some(generator) = &self.generator {
            let warning =
                if generator.saturated { "; saturated: rates and latencies are its own" } else { "" };
            rows.push(("generator CPU", format!("{:.1} % of a core{warning}", generator.cpu_share * 100.0)));
        }
        rows.extend(self.storm.iter().map(|storm| ("sockets cut", storm_row(storm))));
        rows.push(("checked", self.checked_row()));
        let findings: Vec<_> = self.verdict.findings.iter().map(ToString::to_string).collect();
        rows.push((
            "verdict",
            if self.verdict.passed {
                "passed".to_owned()
            } else {
                format!("FAILED: {}", findings.join("; "))
            },
        ));
        rows
    }

    fn connecting_row(&self) -> String {
        let connecting = &self.connecting;
        let mut row = format!(
            "{} in {}, {:.0} a second, each {}",
            connecting.connected,
            time(connecting.took),
            connecting.per_second,
            distribution(&connecting.latency)
        );
        if let Some(failure) = &connecting.failure {
            let _ = write!(row, "; {} failed: {failure}", connecting.failed);
        }
        row
    }

    fn delivered_row(&self) -> String {
        let messages = &self.messages;
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let per_read = messages.delivered as f64 / messages.reads.max(1) as f64;
        format!(
            "{} in {}, {:.0} a second, {per_read:.1} per read",
            messages.delivered,
            time(self.measured),
            messages.per_second
        )
    }

    fn checked_row(&self) -> String {
        let found = &self.integrity;
        format!(
            "{} of {} arrived; {} lost, {} twice, {} out of order, {} astray, {} malformed; {} connections broken, {} calls failed",
            found.received,
            found.expected,
            found.lost,
            found.duplicates,
            found.out_of_order,
            found.misdelivered,
            found.malformed,
            found.broken_connections,
            self.messages.failed_calls
        )
    }
}

fn server_rows(server: &ServerUse) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let per = |each: Option<Duration>, what: &str| {
        // Less than a tick of the kernel's clock is not known to be anything.
        let known = each.filter(|each| !each.is_zero());
        known.map(|each| format!(", {} per {what}", time(each))).unwrap_or_default()
    };
    rows.push((
        "server CPU",
        format!(
            "{:.1} % of a core{} (user {}, system {}){}",
            server.cpu_share * 100.0,
            per(server.cpu_per_delivery, "delivery"),
            time(server.cpu.user),
            time(server.cpu.system),
            per(server.cpu_per_connect, "connect"),
        ),
    ));
    let each = server.memory_per_connection.map(|each| {
        let private = each.private.map(|private| format!(", private {:.2} KiB", private / 1024.0));
        format!(": {:.2} KiB per connection{}", each.rss / 1024.0, private.unwrap_or_default())
    });
    rows.push((
        "server memory",
        format!("{} to {}{}", size(&server.before), size(&server.after), each.unwrap_or_default()),
    ));
    rows.extend(server.open_files.map(|files| ("server files", files.to_string())));
    rows
}

fn storm_row(storm: &Storm) -> String {
    let all = storm.all_back_after.map(|after| format!(", all within {}", time(after))).unwrap_or_default();
    let Storm { cut, back, retries, latency, .. } = storm;
    format!("{cut}, {back} came back{all}, {retries} tried again, each {}", distribution(latency))
}

fn distribution(latency: &Latency) -> String {
    let Latency { p50, p99, p999, max, .. } = latency;
    format!("p50 {} p99 {} p99.9 {} max {}", time(*p50), time(*p99), time(*p999), time(*max))
}

fn size(memory: &Memory) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let mebibytes = memory.rss as f64 / (1024.0 * 1024.0);
    format!("{mebibytes:.1} MiB")
}

/// Three digits and a unit.
fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        1.0.. => (seconds, "s"),
        1e-3.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_for_people() {
        let written = [3_u64, 45_678, 1_234_567, 98_765_432, 1_500_000_000]
            .map(|nanoseconds| time(Duration::from_nanos(nanoseconds)));
        assert_eq!(written, ["0.00 µs", "45.7 µs", "1.23 ms", "98.8 ms", "1.50 s"]);
    }
}
