//! Where to listen: an IP address (or `localhost`) and a port.

use std::fmt::{Display, Formatter, Result as Written};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress(SocketAddr);

impl ListenAddress {
    pub(crate) const fn get(self) -> SocketAddr {
        self.0
    }
}

/// Why a text is not an address to listen on; each carries what to write instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("an address without a port; write \"{0}:5080\"")]
    NoPort(String),
    #[error(
        "a port without an address; write \"127.0.0.1:{0}\" for this machine only or \"0.0.0.0:{0}\" for all"
    )]
    NoAddress(String),
    #[error(
        "not an IP address and port; write for example \"127.0.0.1:5080\", \"0.0.0.0:5080\" or \"[::1]:5080\""
    )]
    Malformed,
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Err(AddressError::NoPort(match address {
                IpAddr::V4(v4) => v4.to_string(),
                IpAddr::V6(v6) => format!("[{v6}]"),
            }));
        }
        let port = |text: &str| text.parse::<u16>().ok();
        if let Some(number) = text.strip_prefix("localhost:").and_then(port) {
            return Ok(Self((Ipv4Addr::LOCALHOST, number).into()));
        }
        let bare = text.strip_prefix("*:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
        match port(bare) {
            Some(number) => Err(AddressError::NoAddress(number.to_string())),
            None => Err(AddressError::Malformed),
        }
    }
}

impl Display for ListenAddress {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_ports_are_accepted() {
        for text in ["127.0.0.1:5080", "0.0.0.0:0", "[::1]:5080"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        assert_eq!("localhost:80".parse::<ListenAddress>().unwrap().to_string(), "127.0.0.1:80");
    }

    #[test]
    fn what_is_missing_is_named() {
        let refusal = |text: &str| text.parse::<ListenAddress>().unwrap_err().to_string();
        assert!(refusal("10.0.0.1").contains("\"10.0.0.1:5080\""));
        assert!(refusal("::1").contains("\"[::1]:5080\""));
        assert!(refusal("8080").contains("\"127.0.0.1:8080\""));
        assert!(refusal("*:8080").contains("\"0.0.0.0:8080\""));
        assert!(refusal("http://x:1").contains("not an IP address"));
        assert!(refusal("127.0.0.1:99999").contains("not an IP address"));
    }
}
