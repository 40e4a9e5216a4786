//! The hub that `heliostat crank` drives: each method is one pattern of traffic and nothing else.
//!
//! What it takes to load another server is a hub with these methods; docs/crank.md shows it for .NET.

use heliostat::{Clients, Failure, Groups, HubError, SendError, hub, hub_client};
use serde_json::value::RawValue;

/// Groups that one call may join.
const MAX_GROUPS: usize = 1_000;

#[hub_client]
pub(crate) trait LoadClient {
    fn called(&self, text: &str) -> Result<(), SendError>;
}

#[derive(Debug)]
pub(crate) struct LoadHub;

#[hub]
impl LoadHub {
    /// The text of the value itself: what is measured is the way, not the work.
    fn echo(&self, value: Box<RawValue>) -> Box<RawValue> {
        value
    }

    fn broadcast(&self, clients: Clients, text: String) -> Result<(), SendError> {
        clients.all().called(&text)
    }

    async fn join(&self, groups: Groups, group: String) -> Result<(), Failure> {
        Ok(groups.join(&group).await?)
    }

    async fn join_many(&self, groups: Groups, names: Vec<String>) -> Result<(), Failure> {
        if names.len() > MAX_GROUPS {
            return Err(HubError::new(format!("at most {MAX_GROUPS} groups can be joined at once")).into());
        }
        for name in names {
            groups.join(&name).await?;
        }
        Ok(())
    }

    fn send_to_group(&self, clients: Clients, group: String, text: String) -> Result<(), SendError> {
        clients.group(&group).called(&text)
    }
}
