//! What was published and what had to arrive: the accounts that the invariants are checked against.
//!
//! The ledger never asks a machine or the bus what it thinks. It knows in which order the logs accepted messages,
//! whom each was for, and what the application asked of groups; from that follows what a client must get, in which
//! order, and that anything missing must have been reported.

use crate::failure::Invariant;
use crate::message::{Body, ConnectionNumber, Group, Target};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    published: Vec<Published>,
    accounts: Vec<Account>,
    delivered: u64,
}

#[derive(Debug)]
struct Published {
    target: Target,
    body: Body,
    label: Option<Box<str>>,
}

/// What is known about one SignalR connection.
#[derive(Debug, Default)]
struct Account {
    /// The client must get what was accepted after this; set when its transport was initialized.
    from: Option<u64>,
    /// The last message it got.
    last: u64,
    /// What lies after the first and up to the second may be missing: that was reported.
    gaps: Vec<(u64, u64)>,
    /// What the application asked for, in the order of the log.
    memberships: Vec<(u64, Group, Change)>,
    /// Some application was told of it.
    begun: bool,
    /// It was ended on some server.
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Join,
    Leave,
}

impl Ledger {
    pub(crate) fn open_account(&mut self) -> ConnectionNumber {
        self.accounts.push(Account::default());
        self.accounts.len() - 1
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.published.len() as u64
    }

    /// A log has accepted this as the next.
    pub(crate) fn publish(&mut self, target: Target, body: Body, label: Option<Box<str>>) {
        self.published.push(Published { target, body, label });
        let order = self.accepted();
        let change = match body {
            Body::Join(group) => (order, group, Change::Join),
            Body::Leave(group) => (order, group, Change::Leave),
            Body::Message | Body::Initialize => return,
        };
        if let Target::Connection(connection) = target {
            self.accounts[connection].memberships.push(change);
        }
    }

    pub(crate) fn label(&self, order: u64) -> Option<&str> {
        self.entry(order)?.label.as_deref()
    }

    /// The client's transport works, and reads what comes after this.
    pub(crate) fn initialized(&mut self, connection: ConnectionNumber, from: u64) {
        self.accounts[connection].from.get_or_insert(from);
    }

    /// It was reported that something between these places may be lost.
    pub(crate) fn report(&mut self, connection: ConnectionNumber, after: u64, through: u64) {
        let account = &mut self.accounts[connection];
        let widens = |gap: &&mut (u64, u64)| gap.0 <= after && after <= gap.1;
        match account.gaps.iter_mut().find(widens) {
            Some(gap) => gap.1 = gap.1.max(through),
            None => account.gaps.push((after, through)),
        }
    }

    pub(crate) fn begin(&mut self, connection: ConnectionNumber) {
        self.accounts[connection].begun = true;
    }

    pub(crate) fn has_begun(&self, connection: ConnectionNumber) -> bool {
        self.accounts[connection].begun
    }

    pub(crate) fn end(&mut self, connection: ConnectionNumber) {
        self.accounts[connection].ended = true;
    }

    pub(crate) fn has_ended(&self, connection: ConnectionNumber) -> bool {
        self.accounts[connection].ended
    }

    /// The client's application gets this message.
    pub(crate) fn deliver(&mut self, connection: ConnectionNumber, order: u64) -> Result<(), Invariant> {
        let last = self.accounts[connection].last;
        if order <= last {
            return Err(Invariant::OutOfOrder { connection, order, last });
        }
        if self.belongs(connection, order) == Belongs::No {
            return Err(Invariant::Misdelivered { connection, order });
        }
        self.nothing_missing(connection, order)?;
        self.accounts[connection].last = order;
        self.delivered += 1;
        Ok(())
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The client has had the time to get everything.
    pub(crate) fn settled(&self, connection: ConnectionNumber) -> Result<(), Invariant> {
        self.nothing_missing(connection, self.accepted() + 1)
    }

    /// Nothing that belongs to the client lies between what it got last and this.
    fn nothing_missing(&self, connection: ConnectionNumber, order: u64) -> Result<(), Invariant> {
        let account = &self.accounts[connection];
        let Some(from) = account.from else { return Ok(()) };
        let missing = (account.last.max(from) + 1..order)
            .find(|order| self.belongs(connection, *order) == Belongs::Yes && !account.is_reported(*order));
        match missing {
            Some(order) => Err(Invariant::Lost { connection, order }),
            None => Ok(()),
        }
    }

    fn belongs(&self, connection: ConnectionNumber, order: u64) -> Belongs {
        let Some(Published { target, body: Body::Message, .. }) = self.entry(order) else {
            return Belongs::No;
        };
        match *target {
            Target::All => Belongs::Yes,
            Target::Connection(whose) => Belongs::from(whose == connection),
            Target::Group(group) => self.accounts[connection].was_member(group, order),
        }
    }

    /// The groups the application has put it in, if that is certain.
    pub(crate) fn groups(&self, connection: ConnectionNumber) -> Option<Vec<Group>> {
        let account = &self.accounts[connection];
        let order = self.accepted() + 1;
        let mut groups = Vec::new();
        for group in 0..=account.memberships.iter().map(|change| change.1).max().unwrap_or(0) {
            match account.was_member(group, order) {
                Belongs::Yes => groups.push(group),
                Belongs::No => {}
                Belongs::Perhaps => return None,
            }
        }
        Some(groups)
    }

    fn entry(&self, order: u64) -> Option<&Published> {
        self.published.get(usize::try_from(order.checked_sub(1)?).ok()?)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belongs {
    Yes,
    No,
    /// The command that decides it may be lost, and that was reported.
    Perhaps,
}

impl From<bool> for Belongs {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Account {
    fn is_reported(&self, order: u64) -> bool {
        self.gaps.iter().any(|(after, through)| (*after + 1..=*through).contains(&order))
    }

    /// Whether the commands before this place say that it is a member.
    fn was_member(&self, group: Group, order: u64) -> Belongs {
        let concerns = |change: &&(u64, Group, Change)| change.1 == group && change.0 < order;
        match self.memberships.iter().rev().find(concerns) {
            None => Belongs::No,
            Some((at, ..)) if self.is_reported(*at) => Belongs::Perhaps,
            Some((.., change)) => Belongs::from(*change == Change::Join),
        }
    }
}
