//! Every setting of the server, once: name, meaning, default, and how its value is written.
//!
//! This struct *is* the schema. From one field come the flag (`--keep-alive`), the environment variable
//! (`HELIOSTAT_KEEP_ALIVE`), the key in the file (`keep_alive`), the help text and the default. So the three sources
//! cannot drift apart, and a new setting is one new field.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::address::ListenAddress;
use super::byte_size::{ByteLimit, ByteSize};
use super::duration::HumaneDuration;
use super::keep_alive::KeepAliveSetting;
use super::late_return::LateReturnSetting;
use super::log::{LogFormat, LogLevels};
use super::lost_messages::LostMessages;
use super::origins::{AllowedOrigins, CrossOrigin};
use super::protocol::HighestProtocol;
use super::switch::Switch;
use super::text;
use super::threads::Threads;
use super::transports::Transports;

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Address and port to listen on; with port 0 the system chooses one
    #[arg(long, env = "HELIOSTAT_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5080")]
    #[serde(with = "text")]
    pub(crate) listen: ListenAddress,

    /// Folder for the keys that seal tokens, so that clients survive a restart; without it keys live in memory
    #[arg(long, env = "HELIOSTAT_DATA_DIR", value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) data_dir: Option<PathBuf>,

    /// How long a client may be away before its SignalR connection ends; at least 6s
    #[arg(long, env = "HELIOSTAT_DISCONNECT_TIMEOUT", value_name = "DURATION", default_value = "30s")]
    #[serde(with = "text")]
    pub(crate) disconnect_timeout: HumaneDuration,

    /// How often an idle connection hears from the server: "auto" (a third of the disconnect timeout), 2s or more, or "off"
    #[arg(long, env = "HELIOSTAT_KEEP_ALIVE", value_name = "DURATION|auto|off", default_value = "auto")]
    #[serde(with = "text")]
    pub(crate) keep_alive: KeepAliveSetting,

    /// How long one poll waits for a message; without keep-alive also how long a stream stays open
    #[arg(long, env = "HELIOSTAT_CONNECTION_TIMEOUT", value_name = "DURATION", default_value = "110s")]
    #[serde(with = "text")]
    pub(crate) connection_timeout: HumaneDuration,

    /// How long a client tries one transport before it falls back to the next
    #[arg(long, env = "HELIOSTAT_TRANSPORT_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "5s")]
    #[serde(with = "text")]
    pub(crate) transport_connect_timeout: HumaneDuration,

    /// How long a long-polling client waits between two polls
    #[arg(long, env = "HELIOSTAT_LONG_POLL_DELAY", value_name = "DURATION", default_value = "0s")]
    #[serde(with = "text")]
    pub(crate) long_poll_delay: HumaneDuration,

    /// What happens to a client that comes back after its connection has timed out
    #[arg(long, env = "HELIOSTAT_LATE_RETURN", value_name = "stop|continue", default_value = "stop")]
    #[serde(with = "text")]
    pub(crate) late_return: LateReturnSetting,

    /// The highest protocol version that negotiate announces: lower it to see how clients do with an older server
    #[arg(long, env = "HELIOSTAT_HIGHEST_PROTOCOL", value_name = "VERSION", default_value = "2.0")]
    #[serde(with = "text")]
    pub(crate) highest_protocol: HighestProtocol,

    /// What becomes of a connection whose messages fell out of the buffer, or whose past is in another server's
    #[arg(long, env = "HELIOSTAT_LOST_MESSAGES", value_name = "go on|disconnect", default_value = "go on")]
    #[serde(with = "text")]
    pub(crate) lost_messages: LostMessages,

    /// Messages kept per topic for clients that come back; fewer than 32 count as 32
    #[arg(long, env = "HELIOSTAT_MESSAGE_BUFFER", value_name = "MESSAGES", default_value_t = 1000)]
    pub(crate) message_buffer: usize,

    /// Memory for kept messages per topic
    #[arg(long, env = "HELIOSTAT_MESSAGE_BUFFER_BYTES", value_name = "SIZE", default_value = "4MiB")]
    #[serde(with = "text")]
    pub(crate) message_buffer_bytes: ByteSize,

    /// Memory for kept messages of all topics together
    #[arg(long, env = "HELIOSTAT_MESSAGE_BUFFER_TOTAL", value_name = "SIZE", default_value = "256MiB")]
    #[serde(with = "text")]
    pub(crate) message_buffer_total: ByteSize,

    /// The largest message a client may send, on any transport
    #[arg(
        long,
        env = "HELIOSTAT_MAX_INCOMING_MESSAGE",
        value_name = "SIZE|unlimited",
        default_value = "64KiB"
    )]
    #[serde(with = "text")]
    pub(crate) max_incoming_message: ByteLimit,

    /// Transports to offer, of webSockets, serverSentEvents, foreverFrame, longPolling
    #[arg(
        long,
        env = "HELIOSTAT_TRANSPORTS",
        value_name = "LIST",
        default_value = "webSockets,serverSentEvents,foreverFrame,longPolling"
    )]
    #[serde(with = "text")]
    pub(crate) transports: Transports,

    /// Whether clients see the texts of ordinary errors; they may hold secrets
    #[arg(long, env = "HELIOSTAT_DETAILED_ERRORS", value_name = "on|off", default_value = "off")]
    #[serde(with = "text")]
    pub(crate) detailed_errors: Switch,

    /// Whether JSONP requests are served; that removes a protection against cross-site requests
    #[arg(long, env = "HELIOSTAT_JSONP", value_name = "on|off", default_value = "off")]
    #[serde(with = "text")]
    pub(crate) jsonp: Switch,

    /// Whether the generated proxy script is served at /signalr/hubs
    #[arg(long, env = "HELIOSTAT_JAVASCRIPT_PROXIES", value_name = "on|off", default_value = "on")]
    #[serde(with = "text")]
    pub(crate) javascript_proxies: Switch,

    /// Pages of other origins that may read answers: "off", "any" or a list such as https://a.example,https://b.example
    #[arg(long, env = "HELIOSTAT_CORS", value_name = "off|any|LIST", default_value = "off")]
    #[serde(with = "text")]
    pub(crate) cors: CrossOrigin,

    /// Pages that may send requests at all: "any" or a list; requests that name no origin always may
    #[arg(long, env = "HELIOSTAT_ORIGINS", value_name = "any|LIST", default_value = "any")]
    #[serde(with = "text")]
    pub(crate) origins: AllowedOrigins,

    /// Physical connections held at once; further ones wait until one closes
    #[arg(long, env = "HELIOSTAT_MAX_CONNECTIONS", value_name = "NUMBER", default_value_t = 100_000)]
    pub(crate) max_connections: u32,

    /// How many threads serve: "auto" (one for each core) or a number. Fewer cost less; a handler that computes for long holds one up
    #[arg(long, env = "HELIOSTAT_THREADS", value_name = "auto|NUMBER", default_value = "auto")]
    #[serde(with = "text")]
    pub(crate) threads: Threads,

    /// How long a physical connection may take to send the head of its next request
    #[arg(long, env = "HELIOSTAT_HEADER_TIMEOUT", value_name = "DURATION", default_value = "75s")]
    #[serde(with = "text")]
    pub(crate) header_timeout: HumaneDuration,

    /// How long a stopping server first asks its clients, a few at a time, to reconnect elsewhere; 0s asks all at once
    #[arg(long, env = "HELIOSTAT_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "0s")]
    #[serde(with = "text")]
    pub(crate) drain_timeout: HumaneDuration,

    /// How long a stopping server waits for its connections to close
    #[arg(long, env = "HELIOSTAT_SHUTDOWN_TIMEOUT", value_name = "DURATION", default_value = "10s")]
    #[serde(with = "text")]
    pub(crate) shutdown_timeout: HumaneDuration,

    /// What operators must send as a bearer token to see connections at /operations; without it only this machine may ask
    #[arg(long, env = "HELIOSTAT_OPERATIONS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) operations_token: Option<String>,

    /// What to log: off, error, warn, info, debug or trace, optionally per target: "info,SignalR.Connection=debug"
    #[arg(long, env = "HELIOSTAT_LOG_LEVEL", value_name = "LEVELS", default_value = "info")]
    #[serde(with = "text")]
    pub(crate) log_level: LogLevels,

    /// How log lines are written to standard error
    #[arg(long, env = "HELIOSTAT_LOG_FORMAT", value_name = "text|json", default_value = "text")]
    #[serde(with = "text")]
    pub(crate) log_format: LogFormat,
}

/// One setting as the schema knows it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The key in the file.
    pub(crate) name: String,
    /// The flag, with its dashes.
    pub(crate) flag: String,
    /// The environment variable.
    pub(crate) variable: String,
}

/// All settings in the order of the struct.
pub(crate) fn keys() -> Vec<Key> {
    let command = <Settings as clap::Args>::augment_args(clap::Command::new("settings"));
    let key = |argument: &clap::Arg| {
        let (flag, variable) = (argument.get_long()?, argument.get_env()?);
        Some(Key {
            name: argument.get_id().to_string(),
            flag: format!("--{flag}"),
            variable: variable.to_string_lossy().into_owned(),
        })
    };
    command.get_arguments().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_the_same_name_as_flag_variable_and_key() {
        let keys = keys();
        assert_eq!(keys.len(), 28);
        for key in keys {
            assert_eq!(key.flag, format!("--{}", key.name.replace('_', "-")));
            assert_eq!(key.variable, format!("HELIOSTAT_{}", key.name.to_uppercase()));
        }
    }
}
