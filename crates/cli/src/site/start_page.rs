//! The start page: what runs here, for whoever opens the address in a browser.

use std::fmt::Write;
use std::time::Duration;

use heliostat::Metrics;

use super::pages;
use super::template::{Fill, escape, fill};
use crate::config::{Configuration, Source, Switch};
use crate::demo;

const CONTENT: &str = include_str!("../../pages/start.html");

/// How a page of the reader's own would connect.
const EXAMPLE: &str = "<script src=\"jquery.js\"></script>\n\
    <script src=\"jquery.signalR-2.4.3.js\"></script>\n\
    <script src=\"/signalr/hubs\"></script>\n\
    <script>\n  \
      $.connection.chatHub.client.message = (room, name, text) => console.log(name, text);\n  \
      $.connection.hub.start().done(() => $.connection.chatHub.server.join(\"lobby\"));\n\
    </script>";

/// The parts of the start page that never change.
#[derive(Debug)]
pub(super) struct StartPage {
    endpoints: String,
    hubs: String,
    settings: String,
    proxies: &'static str,
}

impl StartPage {
    pub(super) fn new(configuration: &Configuration) -> Self {
        let proxies = match configuration.settings.javascript_proxies {
            Switch::On => "on",
            Switch::Off => "off",
        };
        Self { endpoints: endpoints(configuration), hubs: hubs(), settings: settings(configuration), proxies }
    }

    pub(super) fn render(&self, running: Duration, metrics: &Metrics) -> String {
        let main = fill(
            CONTENT,
            &[
                ("version", Fill::Text(env!("CARGO_PKG_VERSION"))),
                ("uptime", Fill::Text(&uptime(running))),
                ("connections", Fill::Text(&metrics.connections_current.to_string())),
                ("endpoints", Fill::Html(&self.endpoints)),
                ("hubs", Fill::Html(&self.hubs)),
                ("proxies", Fill::Text(self.proxies)),
                ("example", Fill::Text(EXAMPLE)),
                ("settings", Fill::Html(&self.settings)),
                ("counters", Fill::Html(&counters(metrics))),
            ],
        );
        pages::page("Start", &main, &["start.js"])
    }
}

/// How long the process runs, in the two largest units.
pub(super) fn uptime(running: Duration) -> String {
    let seconds = running.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn rows<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let mut html = String::new();
    for cells in rows {
        html.push_str("        <tr>");
        for (index, cell) in cells.into_iter().enumerate() {
            let (open, close) = if index == 0 { ("<th scope=\"row\">", "</th>") } else { ("<td>", "</td>") };
            // Writing to a string cannot fail.
            let _ = write!(html, "{open}{cell}{close}");
        }
        html.push_str("</tr>\n");
    }
    html
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn endpoints(configuration: &Configuration) -> String {
    let transports: Vec<String> = configuration.settings.transports.names().map(code).collect();
    let transports = transports.join(", ");
    let hubs: Vec<String> = demo::HUBS.iter().map(|about| code(about.hub)).collect();
    let lines = [
        [code("/signalr"), format!("all hubs ({}), over {transports}", hubs.join(", "))],
        [code("/signalr/hubs"), "the generated proxies of all hubs, a script".to_owned()],
        [
            code("/echo"),
            format!(
                "a persistent connection that returns what it is sent, and sends {} to everybody, over {transports}",
                code("broadcast:…")
            ),
        ],
        [code("/status.json"), "version, running time and counters".to_owned()],
    ];
    rows(lines.into_iter())
}

fn hubs() -> String {
    let card = |about: &demo::About| {
        let wide = if about.methods.len() > 10 { " wide" } else { "" };
        let methods: String =
            about.methods.iter().map(|method| format!("<li>{}</li>", code(method))).collect();
        let link = about.page.map(|page| format!("<a href=\"{}\">Open the demo</a>", escape(page)));
        format!(
            "      <article class=\"panel card{wide}\"><h3>{}</h3><p>{}</p><ul aria-label=\"Methods\">{methods}</ul>\
             {}</article>\n",
            escape(about.hub),
            escape(about.purpose),
            link.unwrap_or_default(),
        )
    };
    demo::HUBS.iter().map(card).collect()
}

fn settings(configuration: &Configuration) -> String {
    let line = |(key, value, source): (String, String, Source)| {
        // The page is for everybody who can reach the server: no paths of this machine.
        let value = if key == "data_dir" {
            "a folder".to_owned()
        } else {
            code(&value.trim_matches('"').replace(',', ", "))
        };
        let from = match source {
            Source::Default => "default",
            Source::File { .. } => "file",
            Source::Environment { .. } => "environment",
            Source::Flag { .. } => "flag",
        };
        [code(&key), value, from.to_owned()]
    };
    rows(configuration.lines().into_iter().map(line))
}

fn counters(metrics: &Metrics) -> String {
    let mut html = String::new();
    for (name, value) in metrics.iter() {
        let name = escape(name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "        <tr><th scope=\"row\">{name}</th><td class=\"number\" data-metric=\"{name}\">{value}</td></tr>"
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_time_is_told_in_its_two_largest_units() {
        let told = |seconds| uptime(Duration::from_secs(seconds));
        assert_eq!(told(59), "59 s");
        assert_eq!(told(61), "1 min 1 s");
        assert_eq!(told(3_720), "1 h 2 min");
        assert_eq!(told(90_000), "1 d 1 h");
    }
}
