//! What stands between us and the server, as far as its answers tell, and which of its settings matters.

use http::HeaderMap;

/// A program that passes requests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Middleman {
    Nginx,
    HaProxy,
    Iis,
    Apache,
    Cloud,
    /// None was seen; most do not show themselves.
    Unknown,
}

/// What is wrong with how it passes SignalR on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The WebSocket upgrade does not come through.
    Upgrade,
    /// Answers are kept back until they are complete.
    Buffering,
    /// Connections that are quiet, or old, are cut.
    Cutting,
    /// Long request lines are refused.
    LongUrl,
    /// Requests of one connection reach servers that do not share their keys.
    Farm,
}

impl Middleman {
    /// From the headers of any answer.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let said: String = ["server", "via", "x-powered-by", "x-cache"]
            .iter()
            .flat_map(|name| headers.get_all(*name))
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
            .join(" ")
            .to_ascii_lowercase();
        let known = [
            ("nginx", Self::Nginx),
            ("openresty", Self::Nginx),
            ("haproxy", Self::HaProxy),
            ("arr/", Self::Iis),
            ("iis", Self::Iis),
            ("apache", Self::Apache),
            ("cloudflare", Self::Cloud),
            ("cloudfront", Self::Cloud),
            ("awselb", Self::Cloud),
        ];
        known.iter().find(|(word, _)| said.contains(word)).map_or(Self::Unknown, |(_, middleman)| *middleman)
    }

    /// What to set, for the program that was seen or for all that are likely.
    pub(super) fn advice(self, fault: Fault) -> Vec<String> {
        let likely = [Self::Nginx, Self::HaProxy, Self::Iis, Self::Apache, Self::Cloud];
        let all = likely.into_iter().filter(|one| self == Self::Unknown || self == *one);
        all.filter_map(|one| one.setting(fault)).map(str::to_owned).collect()
    }

    const fn setting(self, fault: Fault) -> Option<&'static str> {
        Some(match (self, fault) {
            (Self::Nginx, Fault::Upgrade) => {
                "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header \
                 Connection \"upgrade\";"
            }
            (Self::Nginx, Fault::Buffering) => {
                "nginx: proxy_buffering off; (and gzip off; for this location)"
            }
            (Self::Nginx, Fault::Cutting) => "nginx: proxy_read_timeout 120s; (the default is 60s)",
            (Self::Nginx, Fault::LongUrl) => "nginx: large_client_header_buffers 4 32k;",
            (Self::Nginx, Fault::Farm) => "nginx: ip_hash; in the upstream, if the keys cannot be shared",
            (Self::HaProxy, Fault::Upgrade) => {
                "haproxy: remove 'option httpclose' and rules that delete the Upgrade or Connection header"
            }
            (Self::HaProxy, Fault::Buffering) => "haproxy: option http-no-delay; and no compression here",
            (Self::HaProxy, Fault::Cutting) => "haproxy: timeout server 120s; timeout tunnel 1h",
            (Self::HaProxy, Fault::LongUrl) => "haproxy: tune.bufsize 32768",
            (Self::HaProxy, Fault::Farm) => "haproxy: balance source, if the keys cannot be shared",
            (Self::Iis, Fault::Upgrade) => {
                "IIS: install the feature 'WebSocket Protocol'; with ARR, 3.0 or later"
            }
            (Self::Iis, Fault::Buffering) => {
                "IIS with ARR: set 'Response buffer threshold' to 0, and switch dynamic compression off \
                 for this path"
            }
            (Self::Iis, Fault::Cutting) => "IIS with ARR: raise the proxy's 'Time-out' to 120 seconds",
            (Self::Iis, Fault::LongUrl) => {
                "IIS: <requestLimits maxQueryString=\"32768\" maxUrl=\"32768\"/> and <httpRuntime \
                 maxQueryStringLength=\"32768\" maxUrlLength=\"32768\"/>"
            }
            (Self::Iis, Fault::Farm) => "IIS: the same <machineKey> on every server of the farm",
            (Self::Apache, Fault::Upgrade) => {
                "Apache: ProxyPass /signalr http://backend/signalr upgrade=websocket (2.4.47 or later)"
            }
            (Self::Apache, Fault::Buffering) => {
                "Apache: ProxyPass … flushpackets=on, and SetEnv no-gzip 1 here"
            }
            (Self::Apache, Fault::Cutting) => "Apache: ProxyTimeout 120",
            (Self::Apache, Fault::LongUrl) => "Apache: LimitRequestLine 32768",
            (Self::Cloud, Fault::Upgrade) => {
                "a hosted load balancer: enable WebSockets, and use its HTTP (layer 7) or plain TCP mode"
            }
            (Self::Cloud, Fault::Cutting) => {
                "a hosted load balancer: raise its idle timeout to 120 \
                 seconds"
            }
            (Self::Cloud, Fault::Farm) => {
                "a hosted load balancer: session affinity, if the keys cannot be shared"
            }
            (Self::Apache, Fault::Farm)
            | (Self::Cloud, Fault::Buffering | Fault::LongUrl)
            | (Self::Unknown, _) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &'static str, value: &str) -> Middleman {
        let name = http::HeaderName::from_static(name);
        Middleman::of(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn a_proxy_is_known_by_what_it_says_of_itself() {
        assert_eq!(seen("server", "nginx/1.27.1"), Middleman::Nginx);
        assert_eq!(seen("via", "1.1 haproxy"), Middleman::HaProxy);
        assert_eq!(seen("server", "Microsoft-IIS/10.0"), Middleman::Iis);
        assert_eq!(seen("server", "something"), Middleman::Unknown);
    }

    #[test]
    fn who_is_known_gets_its_own_advice_and_nobody_elses() {
        assert_eq!(Middleman::Nginx.advice(Fault::Cutting).len(), 1);
        assert_eq!(Middleman::Unknown.advice(Fault::Cutting).len(), 5);
    }
}
