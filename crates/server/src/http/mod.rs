//! HTTP in and out: the tower service, what it makes of a request, and how it answers.

mod answer;
mod cross_origin;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod host;
mod intake;
pub(crate) mod lenient;
mod negotiate;
pub(crate) mod receive;
pub(crate) mod scripts;
mod sent;
pub(crate) mod upgrade;
mod visit;

pub(crate) mod request;
pub(crate) mod service;
