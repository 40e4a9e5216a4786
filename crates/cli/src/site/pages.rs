//! The pages, put together from one layout and a part each.

use super::template::{Fill, escape, fill};
use crate::demo;

const LAYOUT: &str = include_str!("../../pages/layout.html");
const CONNECTION: &str = include_str!("../../pages/connection.html");

/// The demo pages: path, title, content, script.
const DEMOS: [(&str, &str, &str, &str); 4] = [
    ("/chat", "Chat", include_str!("../../pages/chat.html"), "chat.js"),
    ("/stocks", "Stock ticker", include_str!("../../pages/stocks.html"), "stocks.js"),
    ("/shape", "Move the shape", include_str!("../../pages/shape.html"), "shape.js"),
    ("/diagnostics", "Diagnostics", include_str!("../../pages/diagnostics.html"), "diagnostics.js"),
];

/// The official client and what every demo page needs, in the order they must run.
const CLIENT: [&str; 3] =
    ["vendor/jquery-3.7.1.min.js", "vendor/jquery.signalR-2.4.3.min.js", "connection.js"];

/// A page in the layout that all share.
pub(super) fn page(title: &str, main: &str, scripts: &[&str]) -> String {
    let scripts: Vec<String> = scripts
        .iter()
        .map(|script| format!("  <script src=\"/assets/{}\"></script>", escape(script)))
        .collect();
    fill(
        LAYOUT,
        &[
            ("title", Fill::Text(title)),
            ("version", Fill::Text(env!("CARGO_PKG_VERSION"))),
            ("main", Fill::Html(main.trim_end())),
            ("scripts", Fill::Html(&scripts.join("\n"))),
        ],
    )
}

/// The demo pages by path; they never change.
pub(super) fn demos() -> impl Iterator<Item = (&'static str, String)> {
    let methods = methods_of("DiagnosticsHub");
    DEMOS.into_iter().map(move |(path, title, content, script)| {
        // A page without a list of methods has no blank for it.
        let blanks =
            [("connection", Fill::Html(CONNECTION.trim_end())), ("methods", Fill::Html(methods.trim_end()))];
        let scripts: Vec<&str> = CLIENT.into_iter().chain([script]).collect();
        (path, page(title, &fill(content, &blanks), &scripts))
    })
}

/// The methods of one demo hub as options of a list.
fn methods_of(hub: &str) -> String {
    let methods = demo::HUBS.iter().filter(|about| about.hub == hub).flat_map(|about| about.methods);
    let option = |signature: &&str| {
        let name = signature.split('(').next().unwrap_or(signature);
        format!("            <option value=\"{}\">{}</option>\n", escape(name), escape(signature))
    };
    methods.map(option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demo_has_a_page_without_blanks_and_without_inline_code() {
        let pages: Vec<_> = demos().collect();
        for shown in demo::HUBS.iter().filter_map(|about| about.page) {
            let (_, page) = pages.iter().find(|(path, _)| *path == shown).unwrap();
            assert!(!page.contains("{{") && !page.contains("}}"));
            // The content security policy forbids both.
            assert!(!page.contains(" style=") && !page.contains("onclick=") && !page.contains("<script>"));
        }
    }
}
