//! The generated proxy script, which differs only in the URL that it names: rendered once for each.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::application::Application;

/// URLs whose script is kept. Clients choose the spelling (`/SignalR`), so there could be many; the others cost what they cost.
const KEPT: usize = 8;

/// One endpoint's scripts.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Mutex<Vec<(String, Bytes)>>);

impl Scripts {
    /// The script for an endpoint that clients find at `url`; `None` where there are no hubs.
    pub(crate) fn of(&self, url: &str, application: &dyn Application) -> Option<Bytes> {
        if let Some((_, script)) = self.lock().iter().find(|(kept, _)| kept == url) {
            return Some(script.clone());
        }
        let script = Bytes::from(application.script(url)?);
        let mut kept = self.lock();
        if kept.len() < KEPT && kept.iter().all(|(other, _)| other != url) {
            kept.push((url.to_owned(), script.clone()));
        }
        Some(script)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Bytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
