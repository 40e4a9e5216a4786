//! The two kinds of endpoints: hubs, and persistent connections below them that know no hubs.

use std::ops::Deref;

use heliostat_client::{Connection, HubConnection, HubProxy};

use super::session::SessionError;

/// A connection to an endpoint of either kind.
#[derive(Debug)]
pub(crate) enum Wire {
    Hubs(HubConnection),
    Raw(Connection),
}

impl Wire {
    pub(crate) fn hub(&self, name: &str) -> Result<HubProxy, SessionError> {
        match self {
            Self::Hubs(connection) => {
                connection.hub(name).map_err(|error| SessionError::Hub { name: name.to_owned(), error })
            }
            Self::Raw(_) => Err(SessionError::NoHubs),
        }
    }
}

impl Deref for Wire {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Hubs(connection) => connection,
            Self::Raw(connection) => connection,
        }
    }
}
