//! What a request asks for, read from its path. Nobody else looks at a path.
//!
//! Classic SignalR has no routing table: a request is recognised by how its path *ends*, in any case, whatever
//! stands before. A path that ends in no command is a receive request of an old client.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Asks for an id, a token and the settings.
    Negotiate,
    /// Asks whether the server is there, and keeps the user's session alive.
    Ping,
    /// Asks for the proxy script. Only hubs endpoints have one; elsewhere it is the same as [`Command::Base`].
    Script,
    /// Opens the first transport connection.
    Connect,
    /// Ends the handshake (from version 1.4 on).
    Start,
    /// Opens another transport connection after a lost one.
    Reconnect,
    /// Opens the next long poll.
    Poll,
    /// Carries a message from the client.
    Send,
    /// Says that the client stops.
    Abort,
    /// None of the above: with long polling a poll, with any other transport a reconnect (1.0 clients).
    Base,
}

/// The last segment of a path that is a command.
const SEGMENTS: [(&str, Command); 10] = [
    ("negotiate", Command::Negotiate),
    ("ping", Command::Ping),
    ("hubs", Command::Script),
    ("js", Command::Script),
    ("connect", Command::Connect),
    ("start", Command::Start),
    ("reconnect", Command::Reconnect),
    ("poll", Command::Poll),
    ("send", Command::Send),
    ("abort", Command::Abort),
];

impl Command {
    /// The command of a request with this path (without its query).
    ///
    /// ```
    /// # use heliostat_proto::route::Command;
    /// assert_eq!(Command::of("/signalr/negotiate"), Command::Negotiate);
    /// assert_eq!(Command::of("/signalr"), Command::Base);
    /// ```
    #[must_use]
    pub fn of(path: &str) -> Self {
        split(path).0
    }
}

/// The path without its command: the address of the endpoint. A path without a command is returned whole.
///
/// ```
/// # use heliostat_proto::route::base_of;
/// assert_eq!(base_of("/app/signalr/negotiate"), "/app/signalr");
/// ```
#[must_use]
pub fn base_of(path: &str) -> &str {
    split(path).1
}

fn split(path: &str) -> (Command, &str) {
    // A slash behind it is tolerated for the script alone: browsers' tags were often written like that.
    let script =
        || path.strip_suffix('/').and_then(by_last_segment).filter(|(found, _)| *found == Command::Script);
    by_last_segment(path).or_else(script).unwrap_or((Command::Base, path))
}

fn by_last_segment(path: &str) -> Option<(Command, &str)> {
    let (base, last) = path.rsplit_once('/')?;
    let (_, command) = SEGMENTS.iter().find(|(segment, _)| segment.eq_ignore_ascii_case(last))?;
    Some((*command, base))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cp_014_commands_are_recognised_by_the_end_of_the_path_without_case() {
        for (segment, command) in SEGMENTS {
            assert_eq!(Command::of(&format!("/signalr/{segment}")), command);
            assert_eq!(Command::of(&format!("/SIGNALR/{}", segment.to_uppercase())), command);
            assert_eq!(Command::of(&format!("/signalr/hubs/{segment}")), command);
            assert_eq!(Command::of(&format!("/{segment}")), command);
        }
    }

    #[test]
    fn cp_015_cp_016_the_bare_base_path_and_unknown_endings_are_no_command() {
        for path in ["/signalr", "/signalr/", "/signalr/frobnicate", "/raw", "", "/", "/negotiate/x"] {
            assert_eq!((Command::of(path), base_of(path)), (Command::Base, path));
        }
    }

    #[test]
    fn a_glued_ending_or_a_trailing_slash_is_no_command() {
        // Recordings negotiate/suffix-glued and negotiate/trailing-slash: "unknown transport".
        for path in ["/signalr/xnegotiate", "/signalr/negotiate/", "/signalr/disconnect", "/signalr/send/"] {
            assert_eq!(Command::of(path), Command::Base, "{path}");
        }
    }

    #[test]
    fn cp_062_hubs_and_js_are_the_script_also_with_one_slash_behind() {
        for path in ["/signalr/hubs", "/signalr/hubs/", "/signalr/js", "/signalr/js/", "/signalr/JS"] {
            assert_eq!((Command::of(path), base_of(path)), (Command::Script, "/signalr"), "{path}");
        }
        assert_eq!(Command::of("/signalr/hubs//"), Command::Base);
    }

    #[test]
    fn cp_076_the_base_is_the_path_without_the_command_also_behind_a_prefix() {
        for (path, base) in [
            ("/signalr/negotiate", "/signalr"),
            ("/signalr/foo/negotiate", "/signalr/foo"),
            ("/SignalR/NEGOTIATE", "/SignalR"),
            ("/signalr/negotiate/negotiate", "/signalr/negotiate"),
            ("/negotiate", ""),
        ] {
            assert_eq!(base_of(path), base);
        }
    }

    proptest! {
        #[test]
        fn every_path_is_its_base_and_an_ending(path in "\\PC*|(/[a-zA-Z]{0,9}){0,4}") {
            let (command, base) = (Command::of(&path), base_of(&path));
            prop_assert!(path.starts_with(base));
            prop_assert_eq!(command == Command::Base, base == path);
        }
    }
}
