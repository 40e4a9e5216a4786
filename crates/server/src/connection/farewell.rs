//! What a client reads when it is told to stop (spec 5.8, `E`).

use std::sync::Arc;

/// The usual text, unless the application has given another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Farewell(Option<Arc<str>>);

impl Farewell {
    const USUAL: &str = "the server has ended this connection";

    pub(super) const fn new(text: Option<Arc<str>>) -> Self {
        Self(text)
    }

    pub(super) const fn is_usual(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(Self::USUAL)
    }
}
