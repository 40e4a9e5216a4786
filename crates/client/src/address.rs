//! Where the requests of a connection go, and what all of them say.

use url::Url;

/// The version that this client speaks: that of the official clients 2.4.1 and later.
const CLIENT_PROTOCOL: &str = "2.1";

/// The address of an endpoint, with the query that the application wants on every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    endpoint: Url,
    /// The application's, or a redirect's, which replaces it (3.4).
    query: Vec<(String, String)>,
}

impl Address {
    /// # Errors
    ///
    /// What is wrong with the address.
    pub(crate) fn parse(text: &str, query: &[(String, String)]) -> Result<Self, String> {
        let mut endpoint = Url::parse(text).map_err(|error| error.to_string())?;
        let scheme = match endpoint.scheme() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            other => return Err(format!("its scheme is {other}; use http or https")),
        };
        // WebSockets are asked for over HTTP like everything else.
        if endpoint.scheme() != scheme && endpoint.set_scheme(scheme).is_err() {
            return Err(format!("its scheme cannot be {scheme}"));
        }
        if endpoint.host_str().is_none_or(str::is_empty) {
            return Err("it names no host".to_owned());
        }
        let mut all: Vec<(String, String)> = endpoint.query_pairs().into_owned().collect();
        all.extend_from_slice(query);
        endpoint.set_query(None);
        endpoint.set_fragment(None);
        let path = endpoint.path().trim_end_matches('/').to_owned();
        endpoint.set_path(&path);
        Ok(Self { endpoint, query: all })
    }

    /// Where a redirect of negotiate leads. It may be relative.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub(crate) fn redirected(&self, to: &str) -> Result<Self, String> {
        let url = self.endpoint.join(to).map_err(|error| error.to_string())?;
        let new = Self::parse(url.as_str(), &[])?;
        // 3.4: it replaces the application's query, unless it has none.
        let query = if new.query.is_empty() { self.query.clone() } else { new.query };
        Ok(Self { endpoint: new.endpoint, query })
    }

    /// The address of one command, with these parameters besides those that are on every request.
    pub(crate) fn of(&self, command: &str, before: &[(&str, &str)], after: &[(&str, &str)]) -> Url {
        let mut url = self.endpoint.clone();
        let path = format!("{}/{command}", self.endpoint.path().trim_end_matches('/'));
        url.set_path(&path);
        // 2.4: the order of the .NET client.
        url.query_pairs_mut()
            .append_pair("clientProtocol", CLIENT_PROTOCOL)
            .extend_pairs(before)
            .extend_pairs(&self.query)
            .extend_pairs(after);
        url
    }

    pub(crate) fn endpoint(&self) -> &Url {
        &self.endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text, &[("room".to_owned(), "a b+c".to_owned())]).unwrap()
    }

    #[test]
    fn commands_follow_the_path_whether_or_not_it_ends_with_a_slash() {
        for text in ["http://host/signalr", "http://host/signalr/", "ws://host/signalr#top"] {
            let url = address(text).of("negotiate", &[], &[]);
            assert_eq!(url.as_str(), "http://host/signalr/negotiate?clientProtocol=2.1&room=a+b%2Bc");
        }
        assert_eq!(address("https://host").of("ping", &[], &[]).path(), "/ping");
    }

    #[test]
    fn the_address_may_bring_a_query_of_its_own() {
        let url = address("http://host/signalr?n=1").of("poll", &[("a", "1")], &[("b", "[]")]);
        assert_eq!(url.query(), Some("clientProtocol=2.1&a=1&n=1&room=a+b%2Bc&b=%5B%5D"));
    }

    #[test]
    fn cp_084_a_redirect_replaces_the_query_unless_it_has_none() {
        let old = address("http://host/signalr");
        let new = old.redirected("https://other/hubs?n=1").unwrap().of("start", &[], &[]);
        assert_eq!(new.as_str(), "https://other/hubs/start?clientProtocol=2.1&n=1");
        let new = old.redirected("/moved").unwrap().of("start", &[], &[]);
        assert_eq!(new.as_str(), "http://host/moved/start?clientProtocol=2.1&room=a+b%2Bc");
        assert!(old.redirected("mailto:x").is_err());
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for text in ["", "host/signalr", "/signalr", "ftp://host/", "http://"] {
            assert!(Address::parse(text, &[]).is_err(), "{text}");
        }
    }
}
