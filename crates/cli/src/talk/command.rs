//! The commands of the prompt, which begin with a dot so that no method can be in their way.

use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use crate::config::duration::{DurationError, HumaneDuration};
use crate::reach::{TransportChoice, TransportError};

/// What talk itself is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Hubs,
    Info,
    ShowState,
    /// `value` is the text as it was typed; without it the name is forgotten.
    SetState {
        name: String,
        value: Option<String>,
    },
    ShowTransport,
    UseTransport(TransportChoice),
    Raw(String),
    Start,
    Stop,
    Wait(Duration),
    Quit,
}

/// Why a command cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("there is no command .{0}{hint}; .help lists them all", hint = nearest(.0))]
    Unknown(String),
    #[error("{0}; for example .wait 2s")]
    Wait(#[from] DurationError),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Each command with its arguments and what it is for.
pub(crate) const COMMANDS: [(&str, &str, &str); 10] = [
    ("help", "", "show this"),
    ("hubs", "", "list hubs and what can be called"),
    ("info", "", "show the connection: id, transport, protocol, timeouts"),
    (
        "state",
        "[[HUB.]NAME [VALUE]]",
        "show the caller state, or set a value that goes along with every call",
    ),
    ("transport", "[NAME]", "show the transport, or start anew with another"),
    ("raw", "TEXT", "send a text as it is, to an endpoint that is no hub"),
    ("start", "", "connect again after the end"),
    ("stop", "", "end the connection and stay here"),
    ("wait", "DURATION", "do nothing for a while, in scripts"),
    ("quit", "", "leave; so does Ctrl-D"),
];

impl Command {
    pub(crate) fn parse(name: &str, rest: &str) -> Result<Self, CommandError> {
        let rest = rest.trim();
        Ok(match name {
            "help" | "h" | "?" => Self::Help,
            "hubs" => Self::Hubs,
            "info" | "status" => Self::Info,
            "state" => Self::state(rest),
            "transport" if rest.is_empty() => Self::ShowTransport,
            "transport" => Self::UseTransport(TransportChoice::from_str(rest)?),
            "raw" => Self::Raw(rest.to_owned()),
            "start" => Self::Start,
            "stop" => Self::Stop,
            "wait" => Self::Wait(rest.parse::<HumaneDuration>()?.get()),
            "quit" | "exit" | "q" => Self::Quit,
            other => return Err(CommandError::Unknown(other.to_owned())),
        })
    }

    fn state(rest: &str) -> Self {
        let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match (name, value.trim()) {
            ("", _) => Self::ShowState,
            (name, "") => Self::SetState { name: name.to_owned(), value: None },
            (name, value) => Self::SetState { name: name.to_owned(), value: Some(value.to_owned()) },
        }
    }
}

/// What `.help` shows.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "METHOD ARGUMENT …    call a method; HUB.METHOD if there are several hubs\n\
         \x20                    an argument is JSON, and a word that is not JSON is a string\n\n",
    );
    for (name, arguments, purpose) in COMMANDS {
        let usage = format!(".{name} {arguments}");
        let _ = writeln!(
            text,
            "{usage:<20} {purpose}",
            usage = if usage.len() > 20 { format!(".{name} …") } else { usage }
        );
    }
    text
}

fn nearest(name: &str) -> String {
    let near = COMMANDS.iter().map(|(known, ..)| (strsim::jaro_winkler(known, name), known));
    let best = near.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > 0.75)
        .map_or_else(String::new, |(_, known)| format!("; did you mean .{known}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_in_the_help_is_one() {
        for (name, ..) in COMMANDS {
            let rest = if name == "wait" { "1s" } else { "" };
            assert!(Command::parse(name, rest).is_ok(), "{name}");
        }
        insta::assert_snapshot!(help(), @r"
        METHOD ARGUMENT …    call a method; HUB.METHOD if there are several hubs
                             an argument is JSON, and a word that is not JSON is a string

        .help                show this
        .hubs                list hubs and what can be called
        .info                show the connection: id, transport, protocol, timeouts
        .state …             show the caller state, or set a value that goes along with every call
        .transport [NAME]    show the transport, or start anew with another
        .raw TEXT            send a text as it is, to an endpoint that is no hub
        .start               connect again after the end
        .stop                end the connection and stay here
        .wait DURATION       do nothing for a while, in scripts
        .quit                leave; so does Ctrl-D
        ");
    }

    #[test]
    fn a_mistyped_command_is_told_with_the_nearest() {
        let error = |name, rest| Command::parse(name, rest).unwrap_err().to_string();
        insta::assert_snapshot!(error("tranpsort", ""), @"there is no command .tranpsort; did you mean .transport?; .help lists them all");
        insta::assert_snapshot!(error("xyzzy", ""), @"there is no command .xyzzy; .help lists them all");
        insta::assert_snapshot!(error("wait", "2"), @r#"a duration needs a unit; write "2s" for seconds or "2ms" for milliseconds; for example .wait 2s"#);
        insta::assert_snapshot!(error("transport", "carrierPigeon"), @"there is no transport 'carrierPigeon'; use auto, webSockets, serverSentEvents or longPolling");
    }

    #[test]
    fn state_is_shown_set_and_forgotten() {
        let state = |rest| Command::parse("state", rest).unwrap();
        assert_eq!(state(""), Command::ShowState);
        assert_eq!(state("a"), Command::SetState { name: "a".into(), value: None });
        assert_eq!(
            state("chat.a  {\"b\": 1} "),
            Command::SetState { name: "chat.a".into(), value: Some("{\"b\": 1}".into()) }
        );
    }
}
