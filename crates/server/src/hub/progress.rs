//! Reports on a call that is still running.
//!
//! Reports travel through the caller's own topic, inside ordinary deliveries, on every transport; the result travels beside them
//! (spec 7.3). Over HTTP the result therefore waits, for a moment, until the reports have been read.

use std::{fmt, marker::PhantomData};

use heliostat_proto::{classic, json::JsonError};
use serde::Serialize;

use crate::{hub::invocation::Invocation, topic};

/// Reports progress of the running call to its caller.
///
/// It does not count as an argument. Clones report on the same call. Once the call is over, reporting is an error.
///
/// # Examples
/// ```
/// use heliostat::{Failure, Progress, hub};
///
/// struct ImportHub;
///
/// #[hub]
/// impl ImportHub {
///     async fn import(&self, rows: u32, progress: Progress<u32>) -> Result<&'static str, Failure> {
///         for row in 0..rows {
///             // … import one row
///             progress.report(100 * (row + 1) / rows)?;
///         }
///         Ok("done")
///     }
/// }
/// ```
pub struct Progress<T> {
    invocation: Invocation,
    value: PhantomData<fn(T)>,
}

/// Why a report did not go out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgressError {
    /// The method has returned; the client has its result and listens no more.
    #[error("the call is over; report progress only before the method returns")]
    CallIsOver,
    /// The value cannot be written as JSON.
    #[error("progress cannot be reported: {0}")]
    Serialization(#[from] JsonError),
}

impl<T> Progress<T> {
    pub(crate) const fn new(invocation: Invocation) -> Self {
        Self { invocation, value: PhantomData }
    }
}

impl<T: Serialize> Progress<T> {
    /// Sends one value to the caller. Never waits.
    ///
    /// # Errors
    /// The call is over, or the value cannot be written as JSON.
    pub fn report(&self, value: T) -> Result<(), ProgressError> {
        let call = self.invocation.call().filter(|call| !call.is_over()).ok_or(ProgressError::CallIsOver)?;
        let mut message = Vec::new();
        classic::Progress { id: call.id(), value: &value }.encode(&mut message)?;
        let context = self.invocation.context();
        let position = context.core.publish(&topic::of_connection(context.id), message.into(), &[]);
        if let Some(position) = position {
            call.report(position);
        }
        Ok(())
    }
}

impl<T> Clone for Progress<T> {
    fn clone(&self) -> Self {
        Self::new(self.invocation.clone())
    }
}

impl<T> fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("invocation", &self.invocation).finish()
    }
}
