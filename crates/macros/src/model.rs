//! What `#[hub]` understood of an `impl` block. Only valid hubs can be expressed here; all refusals happen in [`crate::parse`].

use proc_macro2::{Ident, Span};
use syn::{Attribute, Generics, ItemImpl, LitStr, Type};

use crate::requirement::Requirement;

/// A hub.
pub(crate) struct Hub {
    /// The block as it will be emitted: without our helper attributes.
    pub(crate) block: ItemImpl,
    pub(crate) name: Name,
    pub(crate) outgoing: Outgoing,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) methods: Vec<Method>,
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) rejoining_groups: Option<Function>,
}

impl Hub {
    pub(crate) const fn generics(&self) -> &Generics {
        &self.block.generics
    }
}

/// A name on the wire.
pub(crate) enum Name {
    /// Made from a Rust name.
    Implicit(String),
    /// Written by the user.
    Explicit(LitStr),
}

impl Name {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Implicit(text) => text.clone(),
            Self::Explicit(text) => text.value(),
        }
    }
}

/// Who may listen to the hub.
#[derive(Clone, Copy)]
pub(crate) enum Outgoing {
    Protected,
    Open,
}

/// A method that clients can call.
pub(crate) struct Method {
    pub(crate) name: Name,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) function: Function,
}

/// A method that runs when something happens to a connection.
pub(crate) struct Callback {
    pub(crate) event: Event,
    pub(crate) function: Function,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Connected,
    Reconnected,
    Disconnected,
}

impl Event {
    pub(crate) const ALL: [Self; 3] = [Self::Connected, Self::Reconnected, Self::Disconnected];

    /// The helper attribute, and the descriptor's method.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Reconnected => "reconnected",
            Self::Disconnected => "disconnected",
        }
    }
}

/// How to call a method of the block.
pub(crate) struct Function {
    pub(crate) ident: Ident,
    /// The method exists only under these conditions.
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) completion: Completion,
    pub(crate) output: Output,
    /// Where troubles with the output are reported.
    pub(crate) output_span: Span,
}

pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: Box<Type>,
}

/// Whether the method returns a value or a future.
#[derive(Clone, Copy)]
pub(crate) enum Completion {
    AtOnce,
    Awaited,
}

/// Whether the method can fail.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    Value,
    Result,
}
