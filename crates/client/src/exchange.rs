//! The requests of a SignalR connection besides the one that it receives on.
//!
//! Each has a limit in time or a limit from outside, so that nothing waits for ever: sending has none of its own, and
//! is given up when the connection ends.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use heliostat_proto::connection::client::Redirect;
use heliostat_proto::negotiate::{NegotiateAnswer, PONG, STARTED, Welcome};
use heliostat_proto::transport_kind::TransportKind;
use http::Method;
use reqwest::{RequestBuilder, Response};
use tokio::time::timeout;

use crate::address::Address;
use crate::error::RequestError;
use crate::shared::{Layer, Shared};

/// A negotiation without answer has failed: nothing runs on the server for it.
const NEGOTIATE_LIMIT: Duration = Duration::from_secs(30);
/// A start request waits for the application's `connected`. The original waits without end.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Whoever stops does not wait longer for a server that may be gone.
const ABORT_LIMIT: Duration = Duration::from_secs(5);
/// A ping is answered at once.
const PING_LIMIT: Duration = Duration::from_secs(30);
/// Small answers are not longer, whatever else is at the address.
const SMALL: usize = 64 * 1024;
/// So many letters of a wrong answer are shown.
const SHOWN: usize = 200;

/// What the requests of one connection have in common. Clones share the bearer token.
#[derive(Clone)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    address: Address,
    connection_data: Option<Arc<str>>,
    connection_token: Arc<str>,
    bearer: Bearer,
}

/// Whose bearer token is shown.
#[derive(Clone)]
enum Bearer {
    /// The application's, as it was last provided.
    Provided(Arc<Mutex<Option<String>>>),
    /// That of a redirect, until the connection ends.
    OfRedirect(Arc<str>),
}

impl Session {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            address: shared.address.clone(),
            connection_data: match shared.layer {
                Layer::Raw => None,
                Layer::Hubs => Some(shared.audience.connection_data().into()),
            },
            shared: Arc::clone(shared),
            connection_token: Arc::default(),
            bearer: Bearer::Provided(Arc::default()),
        }
    }

    pub(crate) fn longest_message(&self) -> usize {
        self.shared.options.longest_message
    }

    /// This session at the address that a negotiation points to.
    pub(crate) fn redirected(&self, to: &Redirect) -> Result<Self, RequestError> {
        let wrong = |reason: String| RequestError::BadRedirect { url: to.url.clone(), reason: reason.into() };
        let address = self.address.redirected(&to.url).map_err(wrong)?;
        let bearer = match &to.access_token {
            Some(token) => Bearer::OfRedirect(token.as_ref().into()),
            None => self.bearer.clone(),
        };
        Ok(Self { address, bearer, ..self.clone() })
    }

    pub(crate) fn welcomed(self, welcome: &Welcome) -> Self {
        Self { connection_token: welcome.connection_token.as_ref().into(), ..self }
    }

    /// Asks the application for a bearer token, if it provides one.
    pub(crate) async fn renew_token(&self) -> Result<(), RequestError> {
        if let (Bearer::Provided(current), Some(provider)) =
            (&self.bearer, &self.shared.options.token_provider)
        {
            // A panic is the application's; without this nobody would ever hear of the request's end.
            let provided = AssertUnwindSafe(async { provider().await }).catch_unwind().await;
            let token = provided.unwrap_or_else(|_| Err(Arc::from(Box::from("its provider panicked"))));
            let token = token.map_err(RequestError::Token)?;
            *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        }
        Ok(())
    }

    /// A request of this connection.
    pub(crate) fn request(
        &self,
        method: Method,
        command: &str,
        transport: Option<TransportKind>,
        extra: &[(&str, &str)],
    ) -> RequestBuilder {
        let mut before = Vec::with_capacity(3);
        before.extend(transport.map(|kind| ("transport", kind.as_str())));
        before.extend(self.connection_data.as_deref().map(|data| ("connectionData", data)));
        if !self.connection_token.is_empty() {
            before.push(("connectionToken", &self.connection_token));
        }
        let request = self.shared.http.request(method, self.address.of(command, &before, extra));
        let request = match &self.shared.options.credentials {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        match &self.bearer {
            Bearer::OfRedirect(token) => request.bearer_auth(token),
            Bearer::Provided(token) => {
                match token.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                }
            }
        }
    }

    /// Asks for a connection.
    pub(crate) async fn negotiate(&self) -> Result<NegotiateAnswer, RequestError> {
        let ask = async {
            self.renew_token().await?;
            let answer = self.request(Method::GET, "negotiate", None, &[]).send().await?;
            body(accepted(answer).await?, SMALL).await
        };
        let body = timeout(NEGOTIATE_LIMIT, ask).await.unwrap_or(Err(RequestError::Late))?;
        NegotiateAnswer::decode(&body).map_err(|error| RequestError::Negotiate(Arc::new(error)))
    }

    pub(crate) async fn start(&self, transport: TransportKind) -> Result<(), RequestError> {
        self.expect("start", Some(transport), (START_LIMIT, STARTED)).await
    }

    pub(crate) async fn ping(&self) -> Result<(), RequestError> {
        self.expect("ping", None, (PING_LIMIT, PONG)).await
    }

    /// Nobody waits for an error here: the connection is over for us in any case.
    pub(crate) async fn abort(&self, transport: TransportKind) {
        let request = self.request(Method::POST, "abort", Some(transport), &[]);
        match timeout(ABORT_LIMIT, request.send()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(error = %error.without_url(), "the server was not told of the end")
            }
            Err(_) => tracing::debug!("the server did not answer to the end of the connection in time"),
        }
    }

    /// 6.6: the answer to what was sent brings the result.
    pub(crate) async fn send(&self, transport: TransportKind, text: &str) -> Result<Vec<u8>, RequestError> {
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("data", text).finish();
        let request = self
            .request(Method::POST, "send", Some(transport), &[])
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
            .body(form);
        body(accepted(request.send().await?).await?, self.longest_message()).await
    }

    async fn expect(
        &self,
        command: &str,
        transport: Option<TransportKind>,
        (limit, expected): (Duration, &'static str),
    ) -> Result<(), RequestError> {
        let ask = async {
            let answer = self.request(Method::GET, command, transport, &[]).send().await?;
            body(accepted(answer).await?, SMALL).await
        };
        let body = timeout(limit, ask).await.unwrap_or(Err(RequestError::Late))?;
        // Blanks mean nothing in JSON, and there are none within the words.
        let tokens =
            |json: &[u8]| json.iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect::<Vec<_>>();
        if tokens(&body) == tokens(expected.as_bytes()) {
            return Ok(());
        }
        Err(RequestError::Unexpected { body: beginning(&body), expected })
    }
}

/// An answer that says success; otherwise the status and what the server says to it.
pub(crate) async fn accepted(answer: Response) -> Result<Response, RequestError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = body(answer, SMALL).await.unwrap_or_default();
    Err(RequestError::Status { status: status.as_u16(), body: beginning(&text) })
}

/// The whole body, unless it is longer than the limit.
pub(crate) async fn body(mut answer: Response, limit: usize) -> Result<Vec<u8>, RequestError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(RequestError::TooLong { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn beginning(text: &[u8]) -> Box<str> {
    String::from_utf8_lossy(text).trim().chars().take(SHOWN).collect()
}
