//! What an authentication layer in front of the server does: Basic authentication that believes everybody.

use base64::{Engine, prelude::BASE64_STANDARD};
use heliostat::{ResponseBody, User};
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};

use super::full;

/// Puts the user into the request. Below `/basicauth` nobody gets in without a name.
pub(super) fn authenticate<B>(mut request: Request<B>) -> Result<Request<B>, Box<Response<ResponseBody>>> {
    if !request.uri().path().starts_with("/basicauth/") {
        return Ok(request);
    }
    let Some(name) = user_name(&request) else {
        let challenge =
            Response::builder().status(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, "Basic");
        return Err(Box::new(challenge.body(full("")).expect("a proper response")));
    };
    request.extensions_mut().insert(User::new(name));
    Ok(request)
}

fn user_name<B>(request: &Request<B>) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let credentials = BASE64_STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let credentials = String::from_utf8(credentials).ok()?;
    Some(credentials.split_once(':')?.0.to_owned())
}
