//! Whom publishers go to with news for a reader.

use std::sync::Arc;

use super::{Link, Now};
use crate::{
    ahead,
    http::host::{Claim, Desk},
};

/// The handle of a reader in its topics.
#[derive(Clone, Debug)]
pub(crate) enum Waiter {
    /// Its transport connection.
    Link(Arc<Link>),
    /// The place where its client's polls are answered, one after the other, by whichever transport connection is there.
    Desk(Arc<Desk>),
}

impl Waiter {
    /// There may be something to read.
    pub(crate) fn notify_at(&self, now: &Now) {
        match self {
            Self::Link(link) => link.notify_at(now),
            Self::Desk(desk) => desk.pump(now),
        }
    }

    /// The right to be answered at the desk, if it is one and nobody has that.
    pub(crate) fn claim(&self) -> Option<Claim> {
        match self {
            Self::Link(_) => None,
            Self::Desk(desk) => desk.claim(),
        }
    }

    /// Has fetched what [`notify_at`](Self::notify_at) needs first.
    pub(crate) fn fetch(&self) {
        match self {
            Self::Link(link) => ahead::fetch(&**link),
            Self::Desk(desk) => ahead::fetch(&**desk),
        }
    }

    /// The same for what is behind that, when it is there.
    pub(crate) fn fetch_carrier(&self) {
        match self {
            Self::Link(link) => link.fetch_carrier(),
            Self::Desk(desk) => desk.fetch_trail(),
        }
    }
}
