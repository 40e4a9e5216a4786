//! Paths that answer every request below them with the same JSON, as other servers than SignalR would.

use heliostat::ResponseBody;
use http::{
    Request, Response,
    header::{CONTENT_TYPE, HOST},
};

use super::full;

pub(super) fn answer<B>(request: &Request<B>) -> Option<Response<ResponseBody>> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let first = request.uri().path().split('/').nth(1)?;
    let body = match first {
        "redirect" => redirect("2.0", &format!("http://{host}/redirect2")),
        "redirect-query-string" => {
            redirect("2.0", &format!("http://{host}/redirect-query-string2?name1=value1&name2=value2"))
        }
        "redirect-old-proto" => redirect("1.5", &format!("http://{host}/signalr")),
        "negotiate-error" => {
            r#"{"ProtocolVersion":"2.0","Error":"Server-provided negotiate error message!"}"#.to_owned()
        }
        "aspnetcore-signalr" => r#"{"connectionId":"fakeConnectionId","availableTransports":[]}"#.to_owned(),
        _ => return None,
    };
    let answer = Response::builder().header(CONTENT_TYPE, "application/json").body(full(body));
    Some(answer.expect("a proper response"))
}

fn redirect(version: &str, url: &str) -> String {
    format!(r#"{{"ProtocolVersion":"{version}","RedirectUrl":"{url}","AccessToken":"TestToken"}}"#)
}
