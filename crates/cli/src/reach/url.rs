//! The address of an endpoint, checked where it is typed.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

use url::Url;

/// An http or https URL with a host, without a fragment and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(Url);

/// Why a text is not the address of an endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    #[error("write it with its scheme, for example http://{0}")]
    NoScheme(String),
    #[error("SignalR begins with an HTTP request on every transport; write {0}")]
    SocketScheme(String),
    #[error("'{0}' is no scheme that SignalR is served under; use http or https")]
    OtherScheme(String),
    #[error("not a URL ({0}); write it like http://localhost:5080/signalr")]
    Malformed(String),
}

impl Endpoint {
    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if !text.contains("://") {
            return Err(EndpointError::NoScheme(text.to_owned()));
        }
        let mut url = Url::parse(text).map_err(|error| EndpointError::Malformed(error.to_string()))?;
        match url.scheme() {
            "http" | "https" => {}
            "ws" => return Err(EndpointError::SocketScheme(text.replacen("ws", "http", 1))),
            "wss" => return Err(EndpointError::SocketScheme(text.replacen("wss", "https", 1))),
            other => return Err(EndpointError::OtherScheme(other.to_owned())),
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl Display for Endpoint {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        formatter.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_without_what_does_not_belong_to_it() {
        let endpoint: Endpoint = " http://h:1/signalr/#x ".parse().unwrap();
        assert_eq!(endpoint.to_string(), "http://h:1/signalr");
        assert_eq!("https://h".parse::<Endpoint>().unwrap().to_string(), "https://h/");
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_the_spelling_to_use() {
        let refusal = |text: &str| text.parse::<Endpoint>().unwrap_err().to_string();
        insta::assert_snapshot!(refusal("localhost:5080"), @"write it with its scheme, for example http://localhost:5080");
        insta::assert_snapshot!(refusal("wss://h/s"), @"SignalR begins with an HTTP request on every transport; write https://h/s");
        insta::assert_snapshot!(refusal("ftp://h"), @"'ftp' is no scheme that SignalR is served under; use http or https");
        insta::assert_snapshot!(refusal("http://"), @"not a URL (empty host); write it like http://localhost:5080/signalr");
    }
}
