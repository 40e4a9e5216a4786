//! The server as the doctor reaches it: one plain request at a time, nothing retried, nothing followed, nothing unpacked, so that what
//! is reported is what was on the wire.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::redirect::Policy;
use url::Url;

use super::unreachable::Unreachable;
use crate::reach::{Endpoint, Reach};

/// The longest answer that is kept; whatever is longer is no answer of SignalR's.
const LONGEST_ANSWER: usize = 256 * 1024;

/// How long a name and a physical connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// One endpoint and how to ask it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    client: reqwest::Client,
    /// Opens a physical connection for each request.
    fresh: reqwest::Client,
    pub(super) base: Url,
    query: Vec<(String, String)>,
    hubs: String,
    /// What a redirect gave; it takes the place of other credentials.
    bearer: Option<HeaderValue>,
    /// How long an ordinary answer may take.
    pub(super) patience: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// From asking to the last byte.
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Site {
    pub(super) fn new(url: &Endpoint, reach: &Reach, patience: Duration) -> Result<Self, reqwest::Error> {
        let mut headers = HeaderMap::new();
        for header in &reach.header {
            headers.append(&header.name, header.value.clone());
        }
        if let Some(mut value) = reach.authorization() {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let builder = || {
            reqwest::Client::builder()
                .http1_only()
                .redirect(Policy::none())
                .connect_timeout(CONNECT)
                .cookie_store(true)
                .tls_danger_accept_invalid_certs(reach.insecure)
                .user_agent(concat!("heliostat-doctor/", env!("CARGO_PKG_VERSION")))
                .default_headers(headers.clone())
        };
        Ok(Self {
            client: builder().build()?,
            fresh: builder().pool_max_idle_per_host(0).build()?,
            base: url.url().clone(),
            query: reach.query.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
            hubs: "[]".to_owned(),
            bearer: None,
            patience,
        })
    }

    /// The same server, asked for these hubs.
    pub(super) fn with_hubs(self, hubs: &[String]) -> Self {
        let hubs: Vec<_> = hubs.iter().map(|name| serde_json::json!({ "name": name })).collect();
        Self { hubs: serde_json::Value::from(hubs).to_string(), ..self }
    }

    /// The same server, asked over a new physical connection each time.
    pub(super) fn afresh(&self) -> Self {
        Self { client: self.fresh.clone(), ..self.clone() }
    }

    /// Another endpoint, asked in the same way.
    pub(super) fn at(&self, base: Url) -> Self {
        Self { base, ..self.clone() }
    }

    /// Where the server sent us, with the token it gave for that. What follows the `?` replaces the query of before.
    pub(super) fn moved(&self, target: Url, token: Option<&str>) -> Self {
        let mut base = target.clone();
        base.set_query(None);
        let query: Vec<_> = target.query_pairs().into_owned().collect();
        let query = if query.is_empty() { self.query.clone() } else { query };
        let bearer = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        Self { base, query, bearer: bearer.or_else(|| self.bearer.clone()), ..self.clone() }
    }

    /// The URL of a request: a command below the endpoint, with the parameters that every request has.
    pub(super) fn url(&self, command: &str, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{command}", self.base.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("clientProtocol", "2.1")
            .append_pair("connectionData", &self.hubs)
            .extend_pairs(&self.query)
            .extend_pairs(parameters);
        url
    }

    pub(super) async fn get(&self, url: Url) -> Result<Answer, Unreachable> {
        self.ask(Method::GET, url, HeaderMap::new()).await
    }

    pub(super) async fn post(&self, url: Url) -> Result<Answer, Unreachable> {
        let length = (header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        self.ask(Method::POST, url, HeaderMap::from_iter([length])).await
    }

    /// Asks and reads the whole answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
    ) -> Result<Answer, Unreachable> {
        let asked = Instant::now();
        let whole = async {
            let mut response = self.open(method, url, headers).await?;
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            let mut body = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(|error| Unreachable::of(&error))? {
                body.extend_from_slice(&piece);
                if body.len() > LONGEST_ANSWER {
                    break;
                }
            }
            Ok(Answer { status, headers, body: body.into(), took: asked.elapsed() })
        };
        tokio::time::timeout(self.patience, whole).await.unwrap_or(Err(Unreachable::Silent(self.patience)))
    }

    /// Asks and reads no more than the head of the answer, however long it takes.
    pub(super) async fn open(
        &self,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
    ) -> Result<reqwest::Response, Unreachable> {
        headers.extend(self.bearer.clone().map(|bearer| (header::AUTHORIZATION, bearer)));
        let request = self.client.request(method, url).headers(headers);
        request.send().await.map_err(|error| Unreachable::of(&error))
    }
}
