//! From which local addresses to connect: one address has ports for some 28,000 connections to one server, loopback has many addresses.

use std::net::{IpAddr, Ipv4Addr};

use crate::{Plan, Scenario};

/// Connections from one address, so that its ports suffice with room for those that have just been closed.
const PER_ADDRESS: u32 = 20_000;
/// Connections that come and go use up ports faster than the system gives them back (a minute each).
const FOR_TURNOVER: u32 = 16;

/// The addresses, used in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources(Vec<IpAddr>);

impl Sources {
    pub(crate) fn of(plan: &Plan) -> Self {
        if !plan.sources.is_empty() {
            return Self(plan.sources.clone());
        }
        let needed = match plan.scenario {
            Scenario::Connect => FOR_TURNOVER,
            // They come back while the ports of their old sockets are still taken.
            Scenario::Storm | Scenario::Soak => (2 * plan.connections).div_ceil(PER_ADDRESS),
            Scenario::Idle | Scenario::Echo | Scenario::Broadcast | Scenario::Groups => {
                plan.connections.div_ceil(PER_ADDRESS)
            }
        };
        match plan.target.address().ip() {
            IpAddr::V4(address) if address.is_loopback() && needed > 1 => {
                let first = u32::from(Ipv4Addr::LOCALHOST);
                Self((first..first + needed).map(|address| Ipv4Addr::from(address).into()).collect())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => Self(Vec::new()),
        }
    }

    /// The address for the n-th socket; `None` leaves it to the system.
    pub(crate) fn address(&self, number: usize) -> Option<IpAddr> {
        self.0.get(number.checked_rem(self.0.len())?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn sources(scenario: Scenario, connections: u32) -> Sources {
        let target = Target::parse("http://127.0.0.1:1/").unwrap();
        Sources::of(&Plan { connections, ..Plan::new(scenario, target) })
    }

    #[test]
    fn one_address_is_left_to_the_system() {
        assert_eq!(sources(Scenario::Idle, 20_000).address(7), None);
    }

    #[test]
    fn many_connections_are_spread_over_loopback() {
        let sources = sources(Scenario::Idle, 45_000);
        let used: Vec<_> = (0..4).map(|number| sources.address(number).unwrap().to_string()).collect();
        assert_eq!(used, ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"]);
    }

    #[test]
    fn an_explicit_choice_is_respected() {
        let target = Target::parse("http://127.0.0.1:1/").unwrap();
        let plan = Plan {
            sources: vec![Ipv4Addr::new(127, 9, 9, 9).into()],
            ..Plan::new(Scenario::Connect, target)
        };
        assert_eq!(Sources::of(&plan).address(5).unwrap().to_string(), "127.9.9.9");
    }
}
