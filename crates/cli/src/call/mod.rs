//! `heliostat call`: one call, its result on standard output, and what became of it in the exit code. Made for scripts.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use heliostat_client::HubProxy;
use serde_json::value::RawValue;

use crate::config::duration::HumaneDuration;
use crate::reach::{Endpoint, Reach, TransportChoice};
use crate::talk::entry::{Failure, FailureKind};
use crate::talk::invocation;
use crate::talk::line::whole_argument;

/// Call one method of a hub, and print its result
///
/// The result is JSON on standard output; progress and errors go to standard error. Exit codes: 0 a result, 1 no connection or a lost
/// one, 2 a mistake in the arguments, 3 the method failed or refused, 4 the server does not let us in, 5 no answer in time.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The endpoint, for example http://localhost:5080/signalr; nothing is appended to it
    url: Endpoint,

    /// The hub's name
    hub: String,

    /// The method's name
    method: String,

    /// JSON values; what is not JSON is a string. After --, also what begins with a hyphen
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,

    #[command(flatten)]
    reach: Reach,

    /// auto, webSockets, serverSentEvents or longPolling
    #[arg(long, value_name = "NAME", default_value = "auto")]
    transport: TransportChoice,

    /// How long everything together may take
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    timeout: HumaneDuration,
}

impl Call {
    pub(crate) async fn run(&self) -> ExitCode {
        let limit = self.timeout.get();
        let late = || Failure {
            kind: FailureKind::Timeout,
            message: format!("no result in {}; the method may be running all the same", self.timeout),
            data: None,
        };
        let result = tokio::time::timeout(limit, self.call()).await.unwrap_or_else(|_| Err(late()));
        match result {
            Ok(value) => {
                // Whoever closed the pipe does not want to know.
                let _ = writeln!(std::io::stdout(), "{}", value.get());
                ExitCode::SUCCESS
            }
            Err(failure) => {
                let data = failure.data.map(|data| format!("\n{data}")).unwrap_or_default();
                let _ = writeln!(std::io::stderr(), "{}{data}", failure.message);
                failure.kind.exit_code()
            }
        }
    }

    async fn call(&self) -> Result<Box<RawValue>, Failure> {
        let arguments: Result<Vec<_>, _> =
            (1..).zip(&self.arguments).map(|(number, text)| whole_argument(text, number)).collect();
        let arguments = arguments.map_err(|error| mistake(&error))?;
        let builder = self.reach.builder(&self.url, self.transport);
        let connection = builder.build().map_err(|error| mistake(&error))?;
        let hub = connection.hub(&self.hub).map_err(|error| mistake(&error))?;
        connection.start().await.map_err(|error| invocation::start_failure(&error))?;
        let result = invoke(&hub, &self.method, arguments).await;
        connection.stop().await;
        result
    }
}

async fn invoke(
    hub: &HubProxy,
    method: &str,
    arguments: Vec<Box<RawValue>>,
) -> Result<Box<RawValue>, Failure> {
    // The whole has a limit already.
    let limit: Option<Duration> = None;
    invocation::invoke(hub, method, arguments, limit, |progress| {
        let _ = writeln!(std::io::stderr(), "{}", progress.get());
    })
    .await
}

fn mistake(error: &dyn std::fmt::Display) -> Failure {
    Failure { kind: FailureKind::Usage, message: error.to_string(), data: None }
}
