//! Emptying a server without anybody noticing: its clients are asked, a few at a time, to reconnect, and go on elsewhere.
//!
//! Nobody is told of an end, because there is none: a client keeps its connection id, and the server to which a load balancer sends it
//! raises `reconnected`. A client that is away when it is its turn keeps its time to come back; then it is sent on like the others.

use std::{sync::Arc, time::Duration};

use heliostat_proto::connection::Input;
use tokio::time::Instant;

use crate::{
    connection::{Presence, Record},
    server::Server,
    trace,
};

/// How often an emptying server looks who is still there, while it waits for those who are away.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How a server is emptied.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use heliostat::Drain;
///
/// // 10,000 clients within 20 s, so that the servers that take them have time for each.
/// let gently = Drain { connections: 50, every: Duration::from_millis(100), ..Drain::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How many clients are asked to reconnect in one step; none counts as one. Default: 100.
    pub connections: usize,
    /// How long to wait between two steps. Default: 100 ms.
    pub every: Duration,
    /// When to give up waiting. Default: after a minute.
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { connections: 100, every: Duration::from_millis(100), deadline: Duration::from_secs(60) }
    }
}

impl Server {
    /// Asks all clients, in steps, to reconnect, and refuses new ones with 503 and `Retry-After`, so that a load balancer moves them.
    ///
    /// Streams and sockets just end and polls are answered with `"T":1`: clients of every generation reconnect. `disconnected` is not
    /// raised for them. Clients that are away may still come back, and are then sent on; for those who do not come back in time,
    /// `disconnected` is raised as ever.
    ///
    /// Resolves when nobody is left, or at the deadline; says how many were still there. The server goes on refusing; end it with
    /// [`shutdown`](Self::shutdown), which raises `disconnected` for the rest.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{Drain, Server};
    ///
    /// async fn leave(server: &Server) {
    ///     let left_over = server.drain(Drain::default()).await;
    ///     println!("{left_over} clients did not move");
    ///     server.shutdown().await;
    /// }
    /// ```
    pub async fn drain(&self, drain: Drain) -> usize {
        self.core.draining.set();
        let Drain { connections, every, deadline } = drain;
        tracing::info!(
            target: trace::HEARTBEAT, connections, ?every, ?deadline,
            "emptying: clients are asked to reconnect, new ones are refused"
        );
        let emptied = self.empty(&drain);
        if tokio::time::timeout(deadline, emptied).await.is_ok() {
            return 0;
        }
        let left =
            self.core.registry.records().iter().filter(|record| record.presence(&self.core).counts()).count();
        tracing::warn!(target: trace::HEARTBEAT, left, "emptying took too long; some clients are still there");
        left
    }

    /// Whether the server is being emptied or shut down: new clients are refused. Let the health check of a load balancer fail on it.
    ///
    /// # Examples
    /// ```
    /// fn health(server: &heliostat::Server) -> http::StatusCode {
    ///     if server.is_leaving() { http::StatusCode::SERVICE_UNAVAILABLE } else { http::StatusCode::OK }
    /// }
    /// ```
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.core.draining.is_set() || self.core.stopping.is_set()
    }

    async fn empty(&self, drain: &Drain) {
        // Records leave the registry at once, but their last words take a moment.
        let mut leaving: Vec<Arc<Record>> = Vec::new();
        let mut next_step = Instant::now();
        loop {
            let there: Vec<_> = self
                .core
                .registry
                .records()
                .into_iter()
                .filter(|record| record.presence(&self.core).counts())
                .collect();
            leaving.retain(|record| record.has_link());
            if there.is_empty() && leaving.is_empty() {
                return;
            }
            if next_step <= Instant::now() {
                let turn = there.iter().filter(|record| record.presence(&self.core) == Presence::Here);
                for record in turn.take(drain.connections.max(1)) {
                    record.handle(&self.core, Input::Leave);
                    leaving.push(Arc::clone(record));
                }
                next_step = Instant::now() + drain.every;
            }
            let wake_at = next_step.min(Instant::now() + LOOK_EVERY);
            tokio::time::sleep_until(wake_at.max(Instant::now() + Duration::from_millis(1))).await;
        }
    }
}
