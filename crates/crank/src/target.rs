//! Where the server is, checked once: a load generator that aims wrongly does harm.

use std::net::{SocketAddr, ToSocketAddrs};

/// The endpoint to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    authority: String,
    path: String,
    address: SocketAddr,
}

/// Why a text is not a target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Only plain HTTP is spoken.
    #[error(
        "{0:?} is not an http:// address; write for example http://127.0.0.1:5080/signalr (TLS is not loaded: aim behind it)"
    )]
    NotHttp(String),
    /// The name means no address.
    #[error("{authority:?} cannot be resolved: {error}; write an address, for example 127.0.0.1:5080")]
    Unresolved {
        /// Host and port as written.
        authority: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The name exists and has no address.
    #[error("{0:?} has no address")]
    NoAddress(String),
}

impl Target {
    /// Reads `http://host:port/path`; the port is 80 if it is missing.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if it is no such text, or the host has no address.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_crank::{Target, TargetError};
    ///
    /// # fn main() -> Result<(), TargetError> {
    /// let target = Target::parse("http://127.0.0.1:5080/signalr")?;
    /// assert_eq!(target.path(), "/signalr");
    /// assert!(target.is_loopback());
    ///
    /// assert!(matches!(Target::parse("https://127.0.0.1:5080/signalr"), Err(TargetError::NotHttp(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let rest = text.strip_prefix("http://").ok_or_else(|| TargetError::NotHttp(text.to_owned()))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        // `[::1]` has colons and no port.
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let resolvable = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let mut addresses = resolvable
            .to_socket_addrs()
            .map_err(|error| TargetError::Unresolved { authority: authority.to_owned(), error })?;
        let address = addresses.next().ok_or_else(|| TargetError::NoAddress(authority.to_owned()))?;
        Ok(Self { authority: authority.to_owned(), path: path.to_owned(), address })
    }

    /// Host and port as written: the `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The endpoint's path, with its leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address that is connected to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether nobody but this machine is loaded.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        match self.address {
            SocketAddr::V4(address) => address.ip().is_loopback(),
            SocketAddr::V6(address) => address.ip().is_loopback(),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_port_and_path_are_understood() {
        for (text, address, path) in [
            ("http://127.0.0.1:5080/signalr", "127.0.0.1:5080", "/signalr"),
            ("http://127.0.0.1", "127.0.0.1:80", "/"),
            ("http://[::1]:9/a/b", "[::1]:9", "/a/b"),
            ("http://[::1]/a", "[::1]:80", "/a"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.address().to_string().as_str(), target.path()), (address, path), "{text}");
            assert!(target.is_loopback());
        }
    }

    #[test]
    fn what_is_no_plain_http_address_is_told_what_to_write() {
        for text in ["https://127.0.0.1/", "127.0.0.1:5080", "ws://127.0.0.1/"] {
            assert!(Target::parse(text).unwrap_err().to_string().contains("http://127.0.0.1:5080/signalr"));
        }
    }

    #[test]
    fn other_machines_are_told_from_this_one() {
        assert!(!Target::parse("http://192.0.2.1:80/").unwrap().is_loopback());
    }
}
