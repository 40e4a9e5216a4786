//! The configuration of the server: flags, environment and file in one schema.
//!
//! Precedence: flag, environment, file, default. Every value remembers where it came from, so that `--check` can say it
//! and an error can point there. Nothing unknown or malformed is ever ignored, with one exception: unknown `HELIOSTAT_*`
//! variables are only warned about, because container platforms invent some (`HELIOSTAT_SERVICE_HOST` for a service of
//! that name).

mod address;
mod byte_size;
pub(crate) mod duration;
mod error;
mod file;
mod keep_alive;
mod late_return;
mod log;
mod lost_messages;
mod origins;
mod protocol;
mod report;
mod settings;
mod switch;
mod text;
mod threads;
mod transports;

use std::collections::BTreeMap;
use std::path::Path;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use heliostat::{KeepAlive, Timeouts, TimeoutsError};
use serde::Deserialize;

pub(crate) use byte_size::ByteLimit;
use duration::HumaneDuration;
pub(crate) use error::{ConfigError, ConfigErrors, Source};
use file::{Entry, SettingsFile};
use keep_alive::KeepAliveSetting;
pub(crate) use log::LogFormat;
pub(crate) use origins::{AllowedOrigins, CrossOrigin, Origin};
use settings::Key;
pub(crate) use settings::Settings;
pub(crate) use switch::Switch;
pub(crate) use threads::Threads;

/// Read when it exists and no other is named.
const USUAL_FILE: &str = "heliostat.toml";

/// Settings that were checked together, and where each was written.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    pub(crate) timeouts: Timeouts,
    sources: BTreeMap<String, Source>,
}

impl Configuration {
    /// Reads the file if there is one, and puts everything together.
    ///
    /// `settings` is what the command line parser made of flags, environment and defaults; `matches` knows which is which.
    pub(crate) fn load(
        settings: &Settings,
        matches: &ArgMatches,
        file: Option<&Path>,
    ) -> Result<Self, ConfigErrors> {
        let keys = settings::keys();
        let known: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let usual = Path::new(USUAL_FILE);
        let path = file.or_else(|| usual.exists().then_some(usual));
        let entries = match path {
            Some(path) => SettingsFile::read(path, &known)?.entries,
            None => Vec::new(),
        };
        let sources = keys.iter().map(|key| (key.name.clone(), source(key, matches))).collect();
        Self::merge(settings, sources, entries)
    }

    fn merge(
        settings: &Settings,
        mut sources: BTreeMap<String, Source>,
        entries: Vec<Entry>,
    ) -> Result<Self, ConfigErrors> {
        let mut values = report::table(settings);
        let mut errors = Vec::new();
        for Entry { key, value, place } in entries {
            let mut alone = values.clone();
            alone.insert(key.clone(), value.clone());
            // A value is judged even where a flag overrules it: a file must not hide mistakes.
            if let Err(error) = Settings::deserialize(alone) {
                let why = error.message().to_owned();
                errors.push(ConfigError::BadValue { place, key, value: value.to_string(), why });
            } else if sources.get(&key) == Some(&Source::Default) {
                values.insert(key.clone(), value);
                sources.insert(key, place);
            }
        }
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        let settings = Settings::deserialize(values).map_err(|error| ConfigError::BadValue {
            place: Source::Default,
            key: "settings".to_owned(),
            value: "all together".to_owned(),
            why: error.message().to_owned(),
        })?;
        Ok(checked_together(settings, sources)?)
    }

    /// Whether nobody wrote a value for that setting.
    pub(crate) fn is_default(&self, key: &str) -> bool {
        self.source(key) == &Source::Default
    }

    /// Where the value of a setting was written.
    fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }
}

/// Flag, environment or default: the file is not known to the command line parser.
fn source(key: &Key, matches: &ArgMatches) -> Source {
    match matches.value_source(&key.name) {
        Some(ValueSource::CommandLine) => Source::Flag { flag: key.flag.clone() },
        Some(ValueSource::EnvVariable) => Source::Environment { variable: key.variable.clone() },
        _ => Source::Default,
    }
}

/// Resolves `auto`, and refuses timeouts that do not fit one another.
fn checked_together(
    mut settings: Settings,
    sources: BTreeMap<String, Source>,
) -> Result<Configuration, ConfigError> {
    let refused = |key: &'static str| {
        let place = sources.get(key).cloned().unwrap_or(Source::Default);
        move |error: TimeoutsError| {
            // The library speaks to programmers; here the same value has another spelling.
            let why = error.to_string().replace("`KeepAlive::Off`", "\"off\"");
            ConfigError::Timeouts { place, key, why }
        }
    };
    let disconnect = settings.disconnect_timeout.get();
    let mut timeouts = Timeouts::new(disconnect).map_err(refused("disconnect_timeout"))?;
    let keep_alive = match settings.keep_alive {
        KeepAliveSetting::Auto => {
            settings.keep_alive = KeepAliveSetting::Every(HumaneDuration::new(disconnect / 3));
            None
        }
        KeepAliveSetting::Every(duration) => Some(KeepAlive::Every(duration.get())),
        KeepAliveSetting::Off => Some(KeepAlive::Off),
    };
    if let Some(keep_alive) = keep_alive {
        timeouts = timeouts.with_keep_alive(keep_alive).map_err(refused("keep_alive"))?;
    }
    timeouts = timeouts
        .with_connection(settings.connection_timeout.get())
        .map_err(refused("connection_timeout"))?
        .with_transport_connect(settings.transport_connect_timeout.get())
        .map_err(refused("transport_connect_timeout"))?
        .with_long_poll_delay(settings.long_poll_delay.get())
        .map_err(refused("long_poll_delay"))?;
    Ok(Configuration { settings, timeouts, sources })
}

/// Says what the command line parser refused in the words of this schema; `None` where its own words are better.
///
/// The parser would name the flag even if the value came from the environment.
pub(crate) fn bad_value(error: &clap::Error, arguments: &[String]) -> Option<ConfigErrors> {
    if error.kind() != ErrorKind::ValueValidation {
        return None;
    }
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (argument, value) = (context(ContextKind::InvalidArg)?, context(ContextKind::InvalidValue)?);
    let flag = argument.split_whitespace().next()?;
    let key = settings::keys().into_iter().find(|key| key.flag == flag)?;
    let why = std::error::Error::source(error)?.to_string();
    let given = |argument: &String| argument.split('=').next() == Some(flag);
    let place = if arguments.iter().any(given) {
        Source::Flag { flag: key.flag }
    } else {
        Source::Environment { variable: key.variable }
    };
    Some(ConfigError::BadValue { place, key: key.name, value: format!("{value:?}"), why }.into())
}

/// The `HELIOSTAT_*` variables that mean nothing to us, each with the nearest one that would.
pub(crate) fn unknown_variables(present: impl Iterator<Item = String>) -> Vec<(String, Option<String>)> {
    let keys = settings::keys();
    let known: Vec<&str> = keys.iter().map(|key| key.variable.as_str()).chain(["HELIOSTAT_CONFIG"]).collect();
    let unknown = present.filter(|name| name.starts_with("HELIOSTAT_") && !known.contains(&name.as_str()));
    unknown.map(|name| (file::nearest(&name, &known), name)).map(|(nearest, name)| (name, nearest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    use clap::{Args, FromArgMatches};

    /// What the flags and the text of a file come to. The environment is tested on the binary itself.
    fn configure(flags: &[&str], file: &str) -> Result<Configuration, String> {
        let command = Settings::augment_args(clap::Command::new("serve"));
        let arguments = std::iter::once(&"serve").chain(flags);
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        let settings = Settings::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let keys = settings::keys();
        let known: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let file =
            SettingsFile::parse(Path::new("h.toml"), file, &known).map_err(|error| error.to_string())?;
        let sources = keys.iter().map(|key| (key.name.clone(), source(key, &matches))).collect();
        Configuration::merge(&settings, sources, file.entries).map_err(|error| error.to_string())
    }

    #[test]
    fn cp_208_without_any_settings_the_defaults_are_those_of_the_original() {
        let settings = configure(&[], "").unwrap().settings;
        assert_eq!(settings.connection_timeout.to_string(), "110s");
        assert_eq!(settings.disconnect_timeout.to_string(), "30s");
        assert_eq!(settings.keep_alive.to_string(), "10s");
        assert_eq!(settings.transport_connect_timeout.to_string(), "5s");
        assert_eq!(settings.long_poll_delay.to_string(), "0s");
        assert_eq!(settings.message_buffer, 1000);
        assert_eq!(settings.max_incoming_message.to_string(), "64KiB");
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let file = "message_buffer = 50\nlog_format = \"json\"";
        let configuration = configure(&["--message-buffer", "60"], file).unwrap();
        assert_eq!(configuration.settings.message_buffer, 60);
        assert_eq!(configuration.settings.log_format, LogFormat::Json);
        assert_eq!(configuration.source("message_buffer"), &Source::Flag { flag: "--message-buffer".into() });
        assert_eq!(configuration.source("log_format"), &Source::File { path: "h.toml".into(), line: 2 });
        assert_eq!(configuration.source("listen"), &Source::Default);
    }

    #[test]
    fn a_flag_that_repeats_the_default_still_beats_the_file() {
        let configuration = configure(&["--message-buffer", "1000"], "message_buffer = 50").unwrap();
        assert_eq!(configuration.settings.message_buffer, 1000);
    }

    #[test]
    fn the_file_may_use_booleans_and_lists() {
        let file = "jsonp = true\ntransports = [\"longPolling\", \"webSockets\"]\ncors = [\"https://a.example\"]\n\
                    data_dir = \"keys\"";
        let settings = configure(&[], file).unwrap().settings;
        assert_eq!(settings.jsonp, Switch::On);
        assert_eq!(settings.transports.to_string(), "webSockets,longPolling");
        assert_eq!(settings.cors.to_string(), "https://a.example");
        assert_eq!(settings.data_dir, Some(PathBuf::from("keys")));
    }

    #[test]
    fn a_server_without_threads_is_refused_wherever_it_is_asked_for() {
        assert_eq!(configure(&[], "").unwrap().settings.threads.to_string(), "auto");
        assert_eq!(configure(&["--threads", "2"], "").unwrap().settings.threads.to_string(), "2");
        assert_eq!(configure(&[], "threads = 2").unwrap().settings.threads.to_string(), "2");
        let refused = configure(&["--threads", "0"], "").unwrap_err();
        assert!(refused.contains("--threads") && refused.contains("from 1 to 1024"), "{refused}");
        let refused = configure(&[], "threads = 0").unwrap_err();
        assert!(refused.contains("threads") && refused.contains("h.toml"), "{refused}");
    }

    #[test]
    fn cp_210_the_keep_alive_follows_the_disconnect_timeout() {
        let configuration = configure(&["--disconnect-timeout", "60s"], "").unwrap();
        assert_eq!(configuration.settings.keep_alive.to_string(), "20s");
    }

    #[test]
    fn cp_211_a_keep_alive_that_is_too_long_is_refused_with_the_value_to_use() {
        let error = configure(&[], "keep_alive = \"20s\"").unwrap_err();
        assert!(error.starts_with("error: h.toml, line 1: keep_alive: "), "{error}");
        assert!(error.contains("use 10s or less"), "{error}");
    }

    #[test]
    fn cp_209_a_disconnect_timeout_below_six_seconds_is_refused() {
        let error = configure(&["--disconnect-timeout", "5s"], "").unwrap_err();
        assert!(error.starts_with("error: flag --disconnect-timeout: disconnect_timeout: "), "{error}");
        assert!(error.contains("6s"), "{error}");
    }

    #[test]
    fn a_bad_duration_in_the_file_is_named_with_its_line_even_if_a_flag_overrules_it() {
        for flags in [&[][..], &["--keep-alive", "5s"][..]] {
            let error = configure(flags, "\nkeep_alive = 10").unwrap_err();
            assert_eq!(
                error,
                "error: h.toml, line 2: keep_alive = 10: a duration needs a unit; \
                 write \"10s\" for seconds or \"10ms\" for milliseconds"
            );
        }
    }

    #[test]
    fn all_bad_values_of_a_file_are_named_at_once() {
        let error = configure(&[], "jsonp = \"maybe\"\nmessage_buffer = \"many\"\nlisten = 80").unwrap_err();
        for part in ["line 1: jsonp", "line 2: message_buffer", "line 3: listen"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn unknown_variables_are_found_with_the_nearest_name() {
        let present = ["HELIOSTAT_KEEPALIVE", "HELIOSTAT_SERVICE_HOST", "HELIOSTAT_CONFIG", "HOME"];
        let unknown = unknown_variables(present.into_iter().map(str::to_owned));
        assert_eq!(unknown.len(), 2);
        assert_eq!(unknown[0], ("HELIOSTAT_KEEPALIVE".to_owned(), Some("HELIOSTAT_KEEP_ALIVE".to_owned())));
    }
}
