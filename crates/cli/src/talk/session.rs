//! One connection to a server as talk holds it: it can be replaced by another, and whatever it says becomes an entry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heliostat_client::{BuildError, ConnectionError, Events, HubProxy, NameError, Restart};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::catalog::Catalog;
use super::entry::What;
use super::hearing::told;
use super::invocation::invoke;
use super::wire::Wire;
use crate::reach::{Endpoint, Reach, TransportChoice};

/// How much progress may wait to be shown. What comes while so much waits is not shown.
const WAITING_PROGRESS: usize = 1_024;

/// What is said to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Calls of hub methods.
    Calls,
    /// Texts for a persistent connection.
    Texts,
}

/// How a connection is made, once and again.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) url: Endpoint,
    pub(crate) reach: Reach,
    pub(crate) transport: TransportChoice,
    pub(crate) restart: Restart,
    pub(crate) lines: Lines,
    /// How long a call may take.
    pub(crate) timeout: Option<Duration>,
}

impl Plan {
    /// A connection that has not started.
    pub(crate) fn connection(&self) -> Result<Wire, BuildError> {
        Ok(match self.lines {
            Lines::Calls => {
                Wire::Hubs(self.reach.builder(&self.url, self.transport).restart(self.restart).build()?)
            }
            Lines::Texts => {
                Wire::Raw(self.reach.raw_builder(&self.url, self.transport).restart(self.restart).build()?)
            }
        })
    }
}

/// Why there is no connection to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("'{name}' cannot be a hub: {error}")]
    Hub { name: String, error: NameError },
    #[error("with --raw there are no hubs; leave it out to call methods")]
    NoHubs,
}

/// Something that was begun and is over.
#[derive(Debug)]
pub(crate) enum Done {
    Started(Result<(), ConnectionError>),
    Call(What),
    Sent(Result<(), String>),
}

/// A connection, its hubs, and what is under way on it.
#[derive(Debug)]
pub(crate) struct Session {
    plan: Plan,
    connection: Arc<Wire>,
    hubs: Vec<HubProxy>,
    events: Events,
    under_way: JoinSet<Done>,
    progress: (mpsc::Sender<What>, mpsc::Receiver<What>),
    next: u64,
}

/// What a session has to tell.
#[derive(Debug)]
pub(crate) enum News {
    What(What),
    Done(Done),
}

impl Session {
    /// A session that has not started. It listens to all hubs of the catalogue.
    pub(crate) fn new(plan: Plan, connection: Wire, catalog: &Catalog) -> Result<Self, SessionError> {
        let hubs = join(&connection, catalog)?;
        Ok(Self {
            plan,
            events: connection.events(),
            connection: Arc::new(connection),
            hubs,
            under_way: JoinSet::new(),
            progress: mpsc::channel(WAITING_PROGRESS),
            next: 1,
        })
    }

    /// Begins to start.
    pub(crate) fn start(&mut self) {
        let connection = Arc::clone(&self.connection);
        self.under_way.spawn(async move { Done::Started(connection.start().await) });
    }

    pub(crate) async fn stop(&self) {
        self.connection.stop().await;
    }

    /// Goes on with another transport, as a new connection that has not started. The caller state goes along.
    pub(crate) async fn move_to(
        &mut self,
        transport: TransportChoice,
        catalog: &Catalog,
    ) -> Result<(), SessionError> {
        self.connection.stop().await;
        self.plan.transport = transport;
        let connection = self.plan.connection()?;
        let hubs = join(&connection, catalog)?;
        for (old, new) in self.hubs.iter().zip(&hubs) {
            for (name, value) in old.state().all() {
                // It was accepted before.
                let _ = new.state().set(name, value);
            }
        }
        self.events = connection.events();
        self.connection = Arc::new(connection);
        self.hubs = hubs;
        Ok(())
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn connection(&self) -> &Wire {
        &self.connection
    }

    pub(crate) fn hubs(&self) -> &[HubProxy] {
        &self.hubs
    }

    /// The hub of that name. One that was not known at the start can be called, but is not listened to before the next start.
    pub(crate) fn hub(&self, name: &str) -> Result<HubProxy, SessionError> {
        let joined = self.hubs.iter().find(|hub| hub.name().to_lowercase() == name.to_lowercase());
        joined.cloned().map_or_else(|| self.connection.hub(name), Ok)
    }

    /// Begins a call; returns the entry about it.
    pub(crate) fn call(
        &mut self,
        id: Option<u64>,
        hub: &HubProxy,
        method: &str,
        arguments: Vec<Box<RawValue>>,
    ) -> What {
        let id = id.unwrap_or(self.next);
        self.next = self.next.max(id) + 1;
        let call = What::Call {
            id,
            hub: hub.name().to_owned(),
            method: method.to_owned(),
            arguments: arguments.clone(),
        };
        let (hub, method) = (hub.clone(), method.to_owned());
        let (progress, timeout) = (self.progress.0.clone(), self.plan.timeout);
        self.under_way.spawn(async move {
            let asked = Instant::now();
            let result = invoke(&hub, &method, arguments, timeout, |value| {
                let _ = progress.try_send(What::Progress { id, value });
            });
            let result = result.await;
            let took = asked.elapsed();
            Done::Call(match result {
                Ok(value) => What::Result { id, value, took },
                Err(failure) => What::Failed { id, failure, took },
            })
        });
        call
    }

    /// Begins to send a text as it is.
    pub(crate) fn send(&mut self, text: String) {
        let connection = Arc::clone(&self.connection);
        self.under_way
            .spawn(async move { Done::Sent(connection.send(text).await.map_err(|error| error.to_string())) });
    }

    /// How much is under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// What happens next. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> News {
        loop {
            tokio::select! {
                // In this order: a message that came before a result is told before it.
                biased;
                Some(event) = self.events.next() => {
                    if let Some(what) = told(&self.connection, event) {
                        return News::What(what);
                    }
                }
                Some(what) = self.progress.1.recv() => return News::What(what),
                Some(done) = self.under_way.join_next(), if !self.under_way.is_empty() => {
                    // A task of ours neither panics nor is it aborted while the session lives.
                    if let Ok(done) = done {
                        return News::Done(done);
                    }
                }
            }
        }
    }
}

fn join(connection: &Wire, catalog: &Catalog) -> Result<Vec<HubProxy>, SessionError> {
    catalog.names().map(|name| connection.hub(name)).collect()
}
