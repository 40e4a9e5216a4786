//! Send requests: a message that does not come on a socket, and what is answered to it.

use std::sync::Arc;

use heliostat_proto::{
    frame::{forever_frame, jsonp::Callback},
    id::ConnectionId,
    transport_kind::TransportKind,
};
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, Content, answer, bare, json, refusal},
    intake::too_large,
};
use crate::{
    application::{Admission, Context, Holder, Received},
    connection::Record,
    metrics::Counter,
    server::Core,
    trace,
    transport::response_body::ResponseBody,
};

/// A message that a client has sent by a request of its own.
pub(crate) struct Sent {
    pub(crate) core: Arc<Core>,
    pub(crate) id: ConnectionId,
    /// If its connection is known here.
    pub(crate) record: Option<Arc<Record>>,
    pub(crate) kind: TransportKind,
    pub(crate) callback: Option<Callback>,
    pub(crate) admission: Arc<dyn Admission>,
}

impl Sent {
    pub(crate) async fn answer(self) -> Answer {
        let (core, request) = (&self.core, self.admission.request());
        // Spec 2.4: a form field, except for JSONP, which has no form.
        let data = match (&self.callback, self.kind) {
            (Some(_), TransportKind::LongPolling) => request.query("data").or_else(|| request.form("data")),
            _ => request.form("data"),
        };
        let Some(data) = data else {
            return refusal(
                StatusCode::BAD_REQUEST,
                "the form field `data` is missing; put the message there",
            );
        };
        if let Some(max) = core.settings.max_incoming_message.filter(|max| data.len() > *max) {
            return too_large(max);
        }
        core.counters.increment(Counter::ConnectionMessagesSentTotal);
        let context = match &self.record {
            Some(record) => {
                record.traffic.heard(core, core.now());
                record.traffic.read(data.len());
                record.callbacks.connected().await;
                record.context(core, request)
            }
            None => Context {
                id: self.id,
                request: Arc::clone(request),
                core: Arc::clone(core),
                holder: Holder::AnotherServer(CancellationToken::new()),
            },
        };
        let received = self.admission.received(context, data).end().await;
        // The result takes another way than the progress reports before it, and must not overtake them (CP-168).
        if let (Some(record), Received::Reply { after: Some(last), .. }) = (&self.record, &received) {
            record.reads(*last).await;
        }
        self.reply(received)
    }

    fn reply(&self, received: Received) -> Answer {
        match received {
            Received::Reply { json: body, .. } if self.kind == TransportKind::ForeverFrame => {
                let mut escaped = Vec::with_capacity(body.len());
                forever_frame::escape_html_json(&mut escaped, &body);
                answer(StatusCode::OK, Content::Json, ResponseBody::whole(escaped))
            }
            Received::Reply { json: body, .. } => match self.callback.as_ref() {
                Some(callback) if self.kind == TransportKind::LongPolling => json(&body, Some(callback)),
                Some(_) | None => answer(StatusCode::OK, Content::Json, ResponseBody::whole(body)),
            },
            Received::Nothing => bare(StatusCode::OK),
            Received::Malformed(why) => refusal(StatusCode::BAD_REQUEST, why),
            Received::Failed(failure) => {
                tracing::debug!(target: trace::PERSISTENT_CONNECTION, %failure, "a handler failed on a message");
                bare(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
