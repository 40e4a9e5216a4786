//! The client library, set up as the command line says.

use heliostat_client::{Builder, HubConnection};

use super::{Endpoint, Reach, TransportChoice};

impl Reach {
    /// What makes connections to `url`.
    pub(crate) fn builder(&self, url: &Endpoint, transport: TransportChoice) -> Builder<HubConnection> {
        let mut builder = HubConnection::builder(&url.to_string())
            .transport(transport.into())
            .user_agent(concat!("heliostat/", env!("CARGO_PKG_VERSION")));
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
        builder
    }
}
