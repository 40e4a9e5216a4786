//! The servers that are measured.

use std::sync::Arc;

use heliostat_crank::{Classic, Dialect, SocketIo};
use serde::Serialize;

use crate::process::PORT;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Subject {
    /// Ours.
    Heliostat,
    /// The yardstick: one epoll loop, each message written at once.
    Bare,
    /// The yardstick: one epoll loop, what came in one turn written together.
    BareJoining,
    /// The yardstick on tokio, for requests.
    BareTokio,
    /// The peer in Rust.
    Socketioxide,
    /// The peer on Node.
    SocketIo,
}

impl Subject {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Heliostat => "Heliostat",
            Self::Bare => "bare epoll",
            Self::BareJoining => "bare epoll, joining",
            Self::BareTokio => "bare tokio",
            Self::Socketioxide => "socketioxide",
            Self::SocketIo => "Socket.IO on Node",
        }
    }

    /// How the program is told what to be; [`PORT`] stands for the port.
    pub(crate) fn arguments(self) -> Vec<String> {
        let listen = format!("127.0.0.1:{PORT}");
        let arguments: &[&str] = match self {
            Self::Heliostat => &["serve", "--log-level", "error", "--listen", &listen],
            Self::Bare => &["--listen", &listen],
            Self::BareJoining => &["--write", "turn", "--listen", &listen],
            Self::BareTokio => &["--on", "tokio", "--listen", &listen],
            Self::Socketioxide | Self::SocketIo => &[PORT],
        };
        arguments.iter().map(ToString::to_string).collect()
    }

    /// What it speaks.
    pub(crate) fn dialect(self) -> Arc<dyn Dialect> {
        match self {
            Self::Heliostat | Self::Bare | Self::BareJoining | Self::BareTokio => {
                Arc::new(Classic::default())
            }
            Self::Socketioxide | Self::SocketIo => Arc::new(SocketIo),
        }
    }

    pub(crate) fn url(self, port: u16) -> String {
        match self {
            Self::Heliostat | Self::Bare | Self::BareJoining | Self::BareTokio => {
                format!("http://127.0.0.1:{port}/signalr")
            }
            Self::Socketioxide | Self::SocketIo => format!("http://127.0.0.1:{port}/socket.io/"),
        }
    }
}
