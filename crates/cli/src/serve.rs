//! `heliostat serve`: from a checked configuration to a running server, and in order to its end.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use heliostat::{
    BuildError, Cors, DetailedErrors, Drain, EndpointOptions, JavaScriptProxies, Jsonp, KeyRing,
    KeyRingError, MessageBuffer, Origins, Server,
};

use crate::config::{AllowedOrigins, ByteLimit, Configuration, CrossOrigin, Origin, Settings, Switch};
use crate::demo::{Demo, echo::EchoConnection};
use crate::listener::{BindError, Limits, Listener};
use crate::site::Site;
use crate::{file_limit, signals::StopSignals};

/// Files that are open for other reasons than connections: the listener, logs, keys, the runtime's own.
const OTHER_FILES: u64 = 64;

/// Why the server did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the keys in {folder} cannot be used: {error}", folder = .folder.display())]
    Keys { folder: PathBuf, error: KeyRingError },
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
}

/// Serves until a signal asks to stop.
pub(crate) async fn serve(configuration: Configuration) -> Result<(), ServeError> {
    let settings = &configuration.settings;
    let mut signals = StopSignals::listen()?;
    let demo = Demo::default();
    let server = build(&configuration, &demo)?;
    let listener = Listener::bind(settings.listen.get(), limits(&configuration))?;
    let address = listener.address()?;
    demo.start(&server);
    let site = Site::new(&server, &configuration);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening on http://{address}");

    let stopping = async {
        let signal = signals.next().await;
        drain(&server, settings.drain_timeout.get(), &mut signals).await;
        tracing::info!(signal, "stopping: no new connections, clients are told");
    };
    let remaining = listener.serve(server.service(), move |peer| site.for_peer(peer), stopping).await;
    tracing::info!(connections = remaining.count(), "waiting for connections to close");
    let deadline = settings.shutdown_timeout.get();
    // Together: streams and WebSockets are among the connections that remain, and the server ends them.
    let closed = async { tokio::join!(server.shutdown(), remaining.asked_to_close()) };
    tokio::select! {
        _ = closed => tracing::info!("stopped"),
        () = tokio::time::sleep(deadline) => {
            tracing::warn!(?deadline, "stopped, although some connections were still open");
        }
        signal = signals.next() => tracing::warn!(signal, "stopped at once, because it was asked again"),
    }
    Ok(())
}

/// Lets clients move to another server, while new ones hear that this one is leaving.
async fn drain(server: &Server, deadline: Duration, signals: &mut StopSignals) {
    if deadline.is_zero() {
        return;
    }
    tokio::select! {
        left = server.drain(Drain { deadline, ..Drain::default() }) => tracing::info!(left, "emptied"),
        signal = signals.next() => tracing::warn!(signal, "not waiting for clients to move, because it was asked again"),
    }
}

/// As many connections as configured, or as the system lets us open.
fn limits(configuration: &Configuration) -> Limits {
    let settings = &configuration.settings;
    let mut connections = settings.max_connections;
    if let Some(files) = file_limit::raise() {
        let possible = u32::try_from(files.saturating_sub(OTHER_FILES).max(1)).unwrap_or(u32::MAX);
        if possible < connections && !configuration.is_default("max_connections") {
            tracing::warn!(
                files,
                wanted = connections,
                connections = possible,
                "fewer connections than configured are possible; raise the hard limit of open files"
            );
        }
        connections = connections.min(possible);
    }
    Limits {
        connections,
        header: settings.header_timeout.get(),
        // A client that leaves bytes unacknowledged for two keep-alives is gone, whether or not it said so. Less would end streams in
        // pauses of the network that are over before their clients even warn, at two thirds of this.
        unacknowledged: configuration
            .timeouts
            .keep_alive_timeout()
            .unwrap_or(settings.disconnect_timeout.get()),
    }
}

/// The server with the demo hubs, as the settings say.
fn build(configuration: &Configuration, demo: &Demo) -> Result<Server, ServeError> {
    let settings = &configuration.settings;
    let options = options(settings);
    let after_loss = settings.lost_messages.get();
    let mut builder = Server::builder()
        .timeouts(configuration.timeouts.clone())
        .settings(heliostat::Settings {
            long_poll_delay: settings.long_poll_delay.get(),
            message_buffer: MessageBuffer {
                messages: settings.message_buffer,
                topic_bytes: settings.message_buffer_bytes.get(),
                total_bytes: settings.message_buffer_total.get(),
            },
            max_incoming_message: match settings.max_incoming_message {
                ByteLimit::AtMost(size) => Some(size.get()),
                ByteLimit::Unlimited => None,
            },
            late_return: settings.late_return.get(),
            highest_protocol_version: settings.highest_protocol.get(),
        })
        .on_lost(move |lost| {
            tracing::debug!(connection = %lost.connection, count = ?lost.count, cause = ?lost.cause, "messages were lost");
            after_loss
        })
        .map_hubs("/signalr", options.clone())
        .map("/echo", EchoConnection, options);
    match &settings.data_dir {
        Some(folder) => {
            let keys = KeyRing::in_folder(folder)
                .map_err(|error| ServeError::Keys { folder: folder.clone(), error })?;
            builder = builder.keys(keys);
        }
        None => tracing::info!("keys live in memory: a restart ends all connections; --data-dir keeps them"),
    }
    Ok(demo.add_to(builder).build()?)
}

fn options(settings: &Settings) -> EndpointOptions {
    let texts = |origins: &[Origin]| -> Vec<String> {
        origins.iter().map(|origin| origin.as_str().to_owned()).collect()
    };
    EndpointOptions {
        detailed_errors: match settings.detailed_errors {
            Switch::On => DetailedErrors::On,
            Switch::Off => DetailedErrors::Off,
        },
        jsonp: match settings.jsonp {
            Switch::On => Jsonp::On,
            Switch::Off => Jsonp::Off,
        },
        javascript_proxies: match settings.javascript_proxies {
            Switch::On => JavaScriptProxies::On,
            Switch::Off => JavaScriptProxies::Off,
        },
        cors: match &settings.cors {
            CrossOrigin::Off => Cors::Off,
            CrossOrigin::Any => Cors::AnyOrigin,
            CrossOrigin::Only(origins) => Cors::allow(texts(origins)),
        },
        origins: match &settings.origins {
            AllowedOrigins::Any => Origins::Any,
            AllowedOrigins::Only(origins) => Origins::allow(texts(origins)),
        },
        transports: settings.transports.get(),
        negotiate: None,
    }
}
