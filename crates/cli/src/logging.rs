//! Log lines on standard error: text for people, JSON for machines. Standard output stays free for what was asked for.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::{LogFormat, Settings};

/// From now on events are logged as the settings say.
pub(crate) fn start(settings: &Settings) {
    let levels = settings.log_level.targets();
    let lines = match settings.log_format {
        LogFormat::Text => fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
    };
    // Only a second call could fail, and there is one.
    let _ = registry().with(lines.with_filter(levels)).try_init();
}
