//! The client library, set up as the command line says.

use heliostat_client::{Builder, Connection, HubConnection};

use super::{Endpoint, Reach, TransportChoice};

impl Reach {
    /// What makes connections to the hubs at `url`.
    pub(crate) fn builder(&self, url: &Endpoint, transport: TransportChoice) -> Builder<HubConnection> {
        self.equip(HubConnection::builder(&url.to_string()), transport)
    }

    /// What makes connections to the persistent connection at `url`.
    pub(crate) fn raw_builder(&self, url: &Endpoint, transport: TransportChoice) -> Builder<Connection> {
        self.equip(Connection::builder(&url.to_string()), transport)
    }

    fn equip<C>(&self, builder: Builder<C>, transport: TransportChoice) -> Builder<C> {
        let mut builder =
            builder.transport(transport.into()).user_agent(concat!("heliostat/", env!("CARGO_PKG_VERSION")));
        for pair in &self.query {
            builder = builder.query(&pair.name, &pair.value);
        }
        for header in &self.header {
            builder = builder.header(header.name.as_str(), String::from_utf8_lossy(header.value.as_bytes()));
        }
        if let Some(token) = &self.bearer {
            let token = token.clone();
            builder = builder.bearer_token(move || {
                let token = token.clone();
                async move { Ok::<_, std::convert::Infallible>(token) }
            });
        }
        if let Some(user) = &self.user {
            builder = builder.credentials(user, self.password.as_deref().unwrap_or_default());
        }
        if self.insecure { builder.accept_invalid_certificates() } else { builder }
    }
}
