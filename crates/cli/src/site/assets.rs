//! The files behind the pages, embedded in the binary: nothing else must be installed, nothing is fetched from elsewhere.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

/// A file that never changes while the process runs.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    /// Changes with the content, so that browsers may keep a copy and ask whether it is still good.
    pub(super) tag: String,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal, $content_type:expr;)+) => {
        [$((concat!("/assets/", $name), $content_type, include_bytes!(concat!("../../pages/", $name)).as_slice())),+]
    };
}

/// All assets by path.
pub(super) fn all() -> HashMap<&'static str, Asset> {
    let files = files! {
        "style.css", "text/css; charset=utf-8";
        "heliostat.svg", "image/svg+xml";
        "connection.js", SCRIPT;
        "start.js", SCRIPT;
        "chat.js", SCRIPT;
        "stocks.js", SCRIPT;
        "shape.js", SCRIPT;
        "diagnostics.js", SCRIPT;
        "vendor/jquery-3.7.1.min.js", SCRIPT;
        "vendor/jquery.signalR-2.4.3.min.js", SCRIPT;
    };
    let asset = |content_type, body: &'static [u8]| {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Asset { content_type, body: Bytes::from_static(body), tag: format!("\"{:016x}\"", hasher.finish()) }
    };
    files.into_iter().map(|(path, content_type, body)| (path, asset(content_type, body))).collect()
}
