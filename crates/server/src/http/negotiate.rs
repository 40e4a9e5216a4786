//! Negotiate: gives out an id and a token, and remembers nothing (spec 3).

use heliostat_proto::{
    frame::jsonp::Callback,
    negotiate::{NegotiateResponse, Redirect, Refused},
    transport_kind::TransportKind,
};
use http::StatusCode;

use super::{
    answer::{Answer, Content, answer, bare, json, refusal},
    request::Request,
};
use crate::{
    endpoint::{EndpointOptions, Negotiation},
    protect::ConnectionToken,
    server::Core,
    trace,
    transport::response_body::ResponseBody,
};

/// A negotiate request and what its answer depends on.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) core: &'a Core,
    pub(crate) options: &'a EndpointOptions,
    pub(crate) request: &'a Request,
    /// Where clients find the endpoint.
    pub(crate) url: &'a str,
    pub(crate) callback: Option<&'a Callback>,
}

impl Question<'_> {
    /// What the application says, in the words of the client's generation.
    pub(crate) fn answer(&self) -> Answer {
        let version = self.request.protocol_version();
        let hook = self.options.negotiate.as_ref();
        match hook.map_or(Negotiation::Accept, |hook| hook.ask(self.request)) {
            Negotiation::Redirect { url, access_token } if version.supports_redirect() => {
                let redirect =
                    Redirect { protocol_version: version, url: &url, access_token: access_token.as_deref() };
                self.say(redirect.to_json())
            }
            Negotiation::Refuse(message) if version.supports_redirect() => {
                self.say(Refused { protocol_version: version, message: &message }.to_json())
            }
            // Clients before 2.0 read no message; a status they understand.
            Negotiation::Refuse(message) => refusal(StatusCode::FORBIDDEN, message),
            Negotiation::Accept | Negotiation::Redirect { .. } => self.accept(),
        }
    }

    fn accept(&self) -> Answer {
        let Some((id, token)) = ConnectionToken::issue(&self.core.protector, self.request.user_name()) else {
            tracing::error!(target: trace::PERSISTENT_CONNECTION, "the operating system gave no random numbers for a new connection");
            return bare(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let timeouts = &self.core.timeouts;
        let response = NegotiateResponse {
            url: self.url,
            connection_token: &token,
            connection_id: id,
            keep_alive_timeout: timeouts.keep_alive_timeout(),
            disconnect_timeout: timeouts.disconnect(),
            connection_timeout: timeouts.connection(),
            try_web_sockets: self.options.transports.contains(TransportKind::WebSockets),
            protocol_version: self.request.protocol_version(),
            transport_connect_timeout: timeouts.transport_connect(),
            long_poll_delay: timeouts.long_poll_delay(),
        };
        self.say(response.to_json())
    }

    fn say(&self, body: Vec<u8>) -> Answer {
        match self.callback {
            None => answer(StatusCode::OK, Content::Json, ResponseBody::whole(body)),
            Some(_) => json(&body, self.callback),
        }
    }
}
