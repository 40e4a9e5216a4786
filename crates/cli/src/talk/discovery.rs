//! Asks a server which hubs it has. It need not tell: then they are named by hand.

use heliostat_client::Connection;
use heliostat_proto::javascript::{LONGEST_SCRIPT, ProxyHub, ProxyScript, ProxyScriptError};

/// Why the hubs of a server are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("{0}")]
    Request(#[from] heliostat_client::RequestError),
    #[error("the server answered {0} when asked for its hub proxies")]
    Status(reqwest::StatusCode),
    #[error(transparent)]
    Script(#[from] ProxyScriptError),
    #[error("the answer broke off: {0}")]
    Broken(reqwest::Error),
}

/// The hubs that the generated script lists.
pub(crate) async fn hubs(connection: &Connection) -> Result<Vec<ProxyHub>, DiscoveryError> {
    let request = connection.request("hubs").await?;
    let mut response = request.send().await.map_err(heliostat_client::RequestError::from)?;
    if !response.status().is_success() {
        return Err(DiscoveryError::Status(response.status()));
    }
    let mut script = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(DiscoveryError::Broken)? {
        script.extend_from_slice(&piece);
        if script.len() > LONGEST_SCRIPT {
            return Err(ProxyScriptError::TooLong { length: script.len() }.into());
        }
    }
    Ok(ProxyScript::parse(&String::from_utf8_lossy(&script))?.hubs)
}
