//! What can go wrong inside the application's own handlers, and how much of it a client may see.
//!
//! Two kinds are told apart for good: a [`HubError`] is *meant* for the client and always shown; everything else is a
//! [`Failure`] whose text stays on the server unless detailed errors are on (spec 7.3).

use std::{error::Error, fmt};

use serde::Serialize;
use serde_json::Value;

/// An error that the client is meant to see: its message and data are always sent, with `"H":true`.
///
/// # Examples
/// ```
/// use heliostat::HubError;
///
/// let error = HubError::new("room is full").with_data(serde_json::json!({ "max": 20 }));
/// assert_eq!(error.message(), "room is full");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HubError {
    message: String,
    data: Option<Value>,
}

impl HubError {
    /// An error with a message for the client.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds data that the client finds in its error object. Data that cannot be serialised is left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_value(data).ok();
        self
    }

    /// The text that the client sees.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data that the client sees.
    #[must_use]
    pub const fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for HubError {}

/// Why a handler failed. Any [`std::error::Error`] becomes one with `?`.
///
/// Like `anyhow::Error` it is not itself a [`std::error::Error`], which is what lets everything else convert into it.
#[derive(Debug)]
pub struct Failure(Kind);

#[derive(Debug)]
enum Kind {
    Visible(HubError),
    Hidden(Box<dyn Error + Send + Sync>),
    Cancelled,
}

impl Failure {
    /// A failure with a text that the client sees only where detailed errors are on.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(Kind::Hidden(message.into().into()))
    }

    /// The work was cancelled.
    #[must_use]
    pub const fn cancelled() -> Self {
        Self(Kind::Cancelled)
    }

    /// The error that is meant for the client, if it is one.
    #[must_use]
    pub const fn hub_error(&self) -> Option<&HubError> {
        match &self.0 {
            Kind::Visible(error) => Some(error),
            Kind::Hidden(_) | Kind::Cancelled => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Visible(error) => error.fmt(f),
            Kind::Hidden(error) => error.fmt(f),
            Kind::Cancelled => f.write_str("the operation was cancelled"),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        Self(match error.downcast::<HubError>() {
            Ok(visible) => Kind::Visible(*visible),
            Err(hidden) => Kind::Hidden(hidden),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_error_stays_visible_through_the_question_mark() {
        fn fails() -> Result<(), Failure> {
            Err(HubError::new("visible").with_data(7))?;
            Ok(())
        }
        let failure = fails().unwrap_err();
        assert_eq!(failure.hub_error().map(HubError::message), Some("visible"));
        assert_eq!(failure.hub_error().and_then(HubError::data), Some(&serde_json::json!(7)));
    }

    #[test]
    fn any_other_error_is_hidden() {
        let failure = Failure::from(fmt::Error);
        assert!(failure.hub_error().is_none());
        assert_eq!(Failure::new("secret detail").to_string(), "secret detail");
    }
}
