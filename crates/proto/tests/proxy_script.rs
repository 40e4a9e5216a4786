//! What the proxy script promises to pages, checked by its text and, with `node`, by running it in a small model of
//! a page for both generations of clients.

#![cfg(test)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use heliostat_proto::javascript::{DISABLED, ProxyHub, ProxyMethod, render};

fn method(property: &str, wire_name: &str, parameters: &[&str]) -> ProxyMethod {
    let parameters = parameters.iter().map(|&name| name.to_owned()).collect();
    ProxyMethod { property: property.to_owned(), wire_name: wire_name.to_owned(), parameters }
}

fn hub(name: &str, methods: Vec<ProxyMethod>) -> ProxyHub {
    ProxyHub { name: name.to_owned(), property: name.to_owned(), methods }
}

fn script() -> String {
    let chat = hub(
        "chatHub",
        vec![
            method("send", "Send", &["room", "text"]),
            method("overload", "Overload", &["a", "b"]),
            method("overload", "Overload", &["a"]),
            method("Verbatim-Name", "Verbatim-Name", &["a", "a", "class", "not-a-name", "proxy"]),
        ],
    );
    let odd = hub("odd </script> \u{2028} hub", vec![]);
    render(&[odd, hub("newsHub", vec![]), chat], "/base \"quoted\"")
}

/// Runs a scenario of `proxy_script/browser.js`. `None`, with a note, if there is no `node` on a developer's machine;
/// in CI there must be one.
fn run(script: &str, scenario: &str) -> Option<Output> {
    let mut command = Command::new("node");
    command.args(["-", scenario]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut node = match command.spawn() {
        Ok(node) => node,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("NOT CHECKED: {scenario:?} needs node to run the script ({error}); install Node.js");
            return None;
        }
        Err(error) => panic!("{scenario:?} needs node to run the script: {error}"),
    };
    let literal = serde_json::to_string(script).unwrap();
    let program = format!("const SCRIPT = {literal};\n{}", include_str!("proxy_script/browser.js"));
    node.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    Some(node.wait_with_output().unwrap())
}

fn passes(scenario: &str) {
    if let Some(output) = run(&script(), scenario) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn throws(script: &str, page: &str, expected: &str) {
    if let Some(output) = run(script, page) {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(expected), "{error}");
    }
}

#[test]
fn the_script_has_the_shape_of_the_specification() {
    let script = script();
    let hubs = &script[script.find("    add(").unwrap()..];
    insta::assert_snapshot!(hubs, @r#"
        add("chatHub", "chatHub", function (proxy) {
          return {
            "Verbatim-Name": function (a, argument1, argument2, argument3, argument4) { return call(proxy, "Verbatim-Name", arguments); },
            "overload": function (a) { return call(proxy, "Overload", arguments); },
            "send": function (room, text) { return call(proxy, "Send", arguments); }
          };
        });
        add("newsHub", "newsHub", function () { return {}; });
        add("odd \u003c/script\u003e \u2028 hub", "odd \u003c/script\u003e \u2028 hub", function () { return {}; });
        return proxies;
      };
      jq.signalR.hub = jq.hubConnection("/base \"quoted\"", { useDefaultPath: false });
      jq.extend(jq.signalR, jq.signalR.hub.createHubProxies());
    }(window.jQuery));
    "#);
}

#[test]
fn no_name_can_break_out_of_the_script() {
    let script = script();
    assert!(!script.contains("</") && !script.contains('\u{2028}'));
}

#[test]
fn cp_063_every_hub_has_a_proxy_with_client_server_and_state() {
    passes("defines the proxies");
}

#[test]
fn cp_064_the_hub_connection_goes_to_the_endpoint_without_a_default_path() {
    passes("connects to the endpoint");
}

#[test]
fn cp_065_cp_066_server_methods_forward_all_arguments_and_return_the_promise() {
    passes("forwards every argument");
}

#[test]
fn cp_067_create_hub_proxies_is_there_on_every_hub_connection() {
    passes("serves every hub connection");
}

#[test]
fn cp_068_after_stop_and_start_a_handler_is_called_once_per_message_in_old_and_new_clients() {
    passes("delivers once after stop and start");
}

#[test]
fn cp_069_only_hubs_with_a_client_function_of_their_own_are_listed() {
    passes("lists hubs with own functions alone");
}

#[test]
fn cp_070_the_script_of_switched_off_proxies_throws() {
    throws(DISABLED, "no jQuery", "Hub proxies are switched off");
}

#[test]
fn without_the_libraries_before_it_the_script_throws() {
    throws(&script(), "no jQuery", "The SignalR client library is missing");
    throws(&script(), "no client", "The SignalR client library is missing");
}
