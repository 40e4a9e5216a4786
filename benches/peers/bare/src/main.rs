//! The yardstick of the budgets: a server that does the least that the same bytes on the wire can cost.
//!
//! It speaks just enough of the protocol that the load tool drives it unchanged. It checks nothing, seals nothing, keeps nothing for
//! clients that come back, and forgets a client with its socket. So what it spends is the kernel's share; what another server spends
//! beyond it is that server's own.

mod answer;
mod call;
mod frame;
mod http;
mod on_epoll;
mod on_tokio;

use std::{io::Write, net::SocketAddr, process::ExitCode};

use clap::Parser;

/// A server that does the least that the same bytes can cost.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:5090")]
    listen: SocketAddr,
    /// What waits for the sockets.
    #[arg(long, value_enum, default_value = "epoll")]
    on: Driver,
    /// When messages for many are written.
    #[arg(long, value_enum, default_value = "each")]
    write: Joining,
}

/// What waits for the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Driver {
    /// One thread and one epoll loop.
    Epoll,
    /// A tokio task per physical connection; answers requests and calls, has no messages for many.
    Tokio,
}

/// When messages for many are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Joining {
    /// Each at once.
    Each,
    /// Those that came in one turn of the loop together.
    Turn,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.on {
        Driver::Epoll => on_epoll::serve(arguments.listen, arguments.write),
        Driver::Tokio => on_tokio::serve(arguments.listen),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody reads the reason, the exit code still says it.
            let _ = writeln!(std::io::stderr(), "bare: cannot serve {}: {error}", arguments.listen);
            ExitCode::FAILURE
        }
    }
}
