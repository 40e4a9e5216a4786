//! Why there is no answer at all, found out from the chain of causes that the HTTP client gives.

use std::error::Error;
use std::io;
use std::time::Duration;

/// What kept a request from being answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// The name means nothing.
    Name(String),
    /// The machine is there, the port is closed.
    Refused,
    /// Nothing came back while the connection was being opened.
    NoRoute(String),
    /// A certificate was shown, and it is not trusted.
    Certificate(String),
    /// What answers does not speak TLS.
    NotTls,
    /// Another failure of TLS.
    Tls(String),
    /// It hung up instead of answering.
    HungUp,
    /// The bytes that came are no HTTP.
    NotHttp(String),
    /// It took the request and said nothing for this long.
    Silent(Duration),
    /// Anything else, in the words of whoever noticed.
    Other(String),
}

impl Unreachable {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let causes: Vec<&(dyn Error + 'static)> =
            std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source()).collect();
        let root = causes.last().map(ToString::to_string).unwrap_or_default();
        if let Some(tls) = causes.iter().find_map(|cause| tls_error(*cause)) {
            return Self::of_tls(tls);
        }
        let io = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        if causes.iter().any(|cause| cause.to_string().contains("dns error")) {
            return Self::Name(root);
        }
        match io {
            Some(io::ErrorKind::ConnectionRefused) => Self::Refused,
            Some(
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof,
            ) => Self::HungUp,
            Some(_) if error.is_connect() => Self::NoRoute(root),
            _ if error.is_timeout() => Self::NoRoute("it took too long".to_owned()),
            _ if root.contains("before message completed") => Self::HungUp,
            _ if root.contains("invalid HTTP") => Self::NotHttp(root),
            _ => Self::Other(root),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(why) = error {
            return Self::Certificate(why.to_string());
        }
        // A plain HTTP server answers a handshake with text.
        if matches!(error, rustls::Error::InvalidMessage(_)) {
            Self::NotTls
        } else {
            Self::Tls(error.to_string())
        }
    }

    /// What happened, to be read after "negotiate: ".
    pub(super) fn said(&self, host: &str) -> String {
        match self {
            Self::Name(why) => format!("the name {host} is not known here ({why})"),
            Self::Refused => format!("nothing listens at {host}"),
            Self::NoRoute(why) => format!("no connection to {host} could be opened ({why})"),
            Self::Certificate(why) => format!("the certificate of {host} is not trusted ({why})"),
            Self::NotTls => format!("{host} does not speak TLS"),
            Self::Tls(why) => format!("TLS with {host} failed ({why})"),
            Self::HungUp => format!("{host} took the request and hung up without an answer"),
            Self::NotHttp(why) => format!("{host} answers with something that is not HTTP ({why})"),
            Self::Silent(time) => format!("{host} gave no answer for {}", super::time::spoken(*time)),
            Self::Other(why) => format!("asking {host} failed ({why})"),
        }
    }

    pub(super) const fn fix(&self) -> &'static str {
        match self {
            Self::Name(_) => "check the spelling, and the DNS or hosts file of this machine",
            Self::Refused => {
                "start the server, or correct the port; a server in a container must also listen on 0.0.0.0"
            }
            Self::NoRoute(_) => {
                "look for a firewall between here and there, and check the address and the port"
            }
            Self::Certificate(_) => {
                "add the authority that signed it to this machine's certificates, or see how it goes on \
                 with --insecure"
            }
            Self::NotTls => "write http:// instead of https://, or use the port that speaks TLS",
            Self::Tls(_) => {
                "look at the server's TLS settings; version 1.2 is the least that is spoken \
                 here"
            }
            Self::HungUp => "if that port speaks TLS, write https://; otherwise look at the server's log",
            Self::NotHttp(_) => "check the port: another kind of server listens there",
            Self::Silent(_) => "look at whether the server is stuck or overloaded; --timeout waits longer",
            Self::Other(_) => "look at the server's log at this time",
        }
    }
}

/// An error of TLS is found inside one of I/O.
fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    // What an I/O error holds is not its source: that would be the source of what it holds.
    tls_error(cause.downcast_ref::<io::Error>()?.get_ref()?)
}
