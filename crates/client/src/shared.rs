//! What handles, driver and dispatcher of one connection have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heliostat_proto::connection::client::Phase;
use heliostat_proto::negotiate::Welcome;
use heliostat_proto::transport_kind::TransportKind;
use tokio::sync::{Semaphore, mpsc};

use crate::address::Address;
use crate::audience::Audience;
use crate::builder::Options;
use crate::calls::Calls;
use crate::driver::Command;
use crate::error::ConnectionError;

/// So many messages of the application may be on their way at once; whoever sends more waits.
const OUTGOING: usize = 256;

/// One connection, seen from all its tasks.
pub(crate) struct Shared {
    pub(crate) layer: Layer,
    pub(crate) http: reqwest::Client,
    pub(crate) address: Address,
    pub(crate) options: Options,
    pub(crate) audience: Audience,
    pub(crate) calls: Calls,
    /// Each message on its way holds a permit, so all queues of outgoing messages are bounded by it.
    pub(crate) outgoing: Arc<Semaphore>,
    status: Mutex<Status>,
    /// Weak, so that only the connection's own handle keeps the driver going.
    driver: Mutex<Option<mpsc::WeakUnboundedSender<Command>>>,
}

/// What messages mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Nothing to us.
    Raw,
    /// Hubs call and are called.
    Hubs,
}

/// What can be asked of a connection at any time.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) phase: Phase,
    /// What the server offered, from the negotiation until the end.
    pub(crate) offer: Option<Welcome>,
    pub(crate) transport: Option<TransportKind>,
    pub(crate) last_error: Option<ConnectionError>,
}

impl Shared {
    pub(crate) fn new(layer: Layer, http: reqwest::Client, address: Address, options: Options) -> Arc<Self> {
        let status = Status { phase: Phase::Disconnected, offer: None, transport: None, last_error: None };
        Arc::new(Self {
            layer,
            http,
            address,
            options,
            audience: Audience::default(),
            calls: Calls::default(),
            outgoing: Arc::new(Semaphore::new(OUTGOING)),
            status: Mutex::new(status),
            driver: Mutex::new(None),
        })
    }

    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to the driver, if there is one.
    pub(crate) fn driver(&self) -> Option<mpsc::UnboundedSender<Command>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.upgrade()
    }

    pub(crate) fn driven_by(&self, driver: mpsc::WeakUnboundedSender<Command>) {
        *self.driver.lock().unwrap_or_else(PoisonError::into_inner) = Some(driver);
    }
}
