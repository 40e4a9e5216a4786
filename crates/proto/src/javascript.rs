//! The proxy script that a hubs endpoint generates for browsers, so that `$.connection.chatHub.server.send(…)` works.
//!
//! It must run with the jQuery clients from 1.0 to 2.4. The subtle part: clients before 2.4 recognise a handler by
//! the *source text* of the function given to `on`, later ones by the third argument. So the functions given to `on`
//! and `off` come from one factory, and the user's own function is the third argument. Otherwise handlers would pile
//! up with every stop and start, and each message would be delivered once more.

mod reading;
mod token;

use std::fmt::Write;

pub use reading::{LONGEST_SCRIPT, ProxyScript, ProxyScriptError};

use crate::frame::jsonp::{is_identifier, is_reserved};
use crate::json::write_string;

/// One hub in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHub {
    /// The name that connects: the declared one, or its camel-cased form (clients send it in lower case).
    pub name: String,
    /// The property of `$.connection`: camel-cased, or verbatim if the name was given explicitly.
    pub property: String,
    /// The methods that clients may call.
    pub methods: Vec<ProxyMethod>,
}

/// One method of a hub in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyMethod {
    /// The property of `server`: camel-cased, or verbatim if the name was given explicitly.
    pub property: String,
    /// The name that is sent.
    pub wire_name: String,
    /// The names of the parameters, for whoever reads the script. All actual arguments are sent anyway.
    pub parameters: Vec<String>,
}

/// The script of an endpoint whose proxies are switched off. It fails loudly instead of defining nothing.
pub const DISABLED: &str = "throw new Error(\"Hub proxies are switched off at this endpoint; \
                            use $.hubConnection() and createHubProxy() instead.\");\n";

const BEFORE_HUBS: &str = r#"(function (jq) {
  "use strict";
  if (typeof jq !== "function" || typeof jq.signalR !== "function") {
    throw new Error("The SignalR client library is missing; load jquery.signalR before the hub proxies.");
  }
  var own = Object.prototype.hasOwnProperty;
  function eachHandler(proxies, visit) {
    var key, name, proxy;
    for (key in proxies) {
      if (!own.call(proxies, key) || !proxies[key].hubName) { continue; }
      proxy = proxies[key];
      for (name in proxy.client) {
        if (own.call(proxy.client, name) && typeof proxy.client[name] === "function") {
          visit(proxy, name, proxy.client[name]);
        }
      }
    }
  }
  function relay(proxy, handler) {
    return function () { handler.apply(proxy, arguments); };
  }
  function call(proxy, method, values) {
    return proxy.invoke.apply(proxy, [method].concat(Array.prototype.slice.call(values)));
  }
  jq.hubConnection.prototype.createHubProxies = function () {
    var connection = this, proxies = {};
    connection.starting(function () {
      eachHandler(proxies, function (proxy, name, handler) { proxy.on(name, relay(proxy, handler), handler); });
      connection._registerSubscribedHubs();
    });
    connection.disconnected(function () {
      eachHandler(proxies, function (proxy, name, handler) { proxy.off(name, relay(proxy, handler), handler); });
    });
    function add(property, name, server) {
      var proxy = connection.createHubProxy(name);
      proxy.client = {};
      proxy.server = server(proxy);
      proxies[property] = proxy;
    }
"#;

const AFTER_HUBS: &str = r"    return proxies;
  };
  jq.signalR.hub = jq.hubConnection(";

const END: &str = r", { useDefaultPath: false });
  jq.extend(jq.signalR, jq.signalR.hub.createHubProxies());
}(window.jQuery));
";

/// The script for these hubs, whose connections go to `service_url`: the path of the request without its command.
///
/// Hubs and methods appear sorted by property, and of several methods with one property (overloads) the one with the
/// fewest parameters. No name can break out of the script, whatever it contains.
///
/// # Examples
///
/// ```
/// use heliostat_proto::javascript::{ProxyHub, ProxyMethod, render};
///
/// let send = ProxyMethod { property: "send".into(), wire_name: "Send".into(), parameters: vec!["text".into()] };
/// let hub = ProxyHub { name: "chatHub".into(), property: "chatHub".into(), methods: vec![send] };
/// let script = render(&[hub], "/signalr");
/// assert!(script.contains(r#""send": function (text) { return call(proxy, "Send", arguments); }"#));
/// ```
#[must_use]
pub fn render(hubs: &[ProxyHub], service_url: &str) -> String {
    let mut script = String::from(BEFORE_HUBS);
    for hub in sorted(hubs, |hub| (&hub.property, 0)) {
        render_hub(&mut script, hub);
    }
    script.push_str(AFTER_HUBS);
    script.push_str(&literal(service_url));
    script.push_str(END);
    script
}

fn render_hub(script: &mut String, hub: &ProxyHub) {
    let (property, name) = (literal(&hub.property), literal(&hub.name));
    script.push_str("    add(");
    script.push_str(&property);
    script.push_str(", ");
    script.push_str(&name);
    script.push_str(", function (");
    if hub.methods.is_empty() {
        script.push_str(") { return {}; });\n");
        return;
    }
    script.push_str("proxy) {\n      return {");
    let mut methods = sorted(&hub.methods, |method| (&method.property, method.parameters.len()));
    methods.dedup_by(|next, first| next.property == first.property);
    for (index, method) in methods.into_iter().enumerate() {
        script.push_str(if index == 0 { "\n" } else { ",\n" });
        let _ = write!(
            script,
            "        {}: function ({}) {{ return call(proxy, {}, arguments); }}",
            literal(&method.property),
            parameters(method),
            literal(&method.wire_name)
        );
    }
    script.push_str("\n      };\n    });\n");
}

fn sorted<'a, T, K: Ord>(items: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<&'a T> {
    let mut sorted: Vec<_> = items.iter().collect();
    sorted.sort_by_key(|item| key(item));
    sorted
}

/// The parameters as a list. They document only, so one that JavaScript would not accept is numbered instead.
fn parameters(method: &ProxyMethod) -> String {
    let mut names: Vec<String> = Vec::with_capacity(method.parameters.len());
    for (index, name) in method.parameters.iter().enumerate() {
        // Beyond ASCII the rules of Rust and of JavaScript for identifiers differ in rare letters.
        let usable = name.is_ascii()
            && is_identifier(name)
            && !is_reserved(name)
            // Strict mode keeps `arguments` and `eval`; the rest is ours.
            && !name.starts_with("argument")
            && !matches!(name.as_str(), "eval" | "proxy" | "call")
            && !names.contains(name);
        names.push(if usable { name.clone() } else { format!("argument{index}") });
    }
    names.join(", ")
}

/// A string of JavaScript. Angle brackets are escaped as well, so that the script can be put into a page.
fn literal(text: &str) -> String {
    let mut json = Vec::with_capacity(text.len() + 2);
    write_string(&mut json, text);
    String::from_utf8_lossy(&json).replace('<', "\\u003c").replace('>', "\\u003e")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(names: &[&str]) -> String {
        let parameters = names.iter().map(|&name| name.to_owned()).collect();
        super::parameters(&ProxyMethod { property: "m".into(), wire_name: "M".into(), parameters })
    }

    #[test]
    fn parameters_that_javascript_would_not_accept_are_numbered() {
        insta::assert_snapshot!(listed(&["room", "text_2", "$"]), @"room, text_2, $");
        insta::assert_snapshot!(listed(&["a", "a", "class", "1a", "größe", "argument1", "", "a, b"]), @"a, argument1, argument2, argument3, argument4, argument5, argument6, argument7");
    }

    #[test]
    fn of_overloads_the_one_with_the_fewest_parameters_is_shown() {
        let overload = |parameters: &[&str]| ProxyMethod {
            property: "add".into(),
            wire_name: "Add".into(),
            parameters: parameters.iter().map(|&name| name.to_owned()).collect(),
        };
        let methods = vec![overload(&["a", "b"]), overload(&["a"]), overload(&["a", "b", "c"])];
        let script = render(&[ProxyHub { name: "h".into(), property: "h".into(), methods }], "/signalr");
        assert_eq!(script.matches("\"add\": function").count(), 1);
        assert!(script.contains("\"add\": function (a) {"));
    }

    proptest! {
        #[test]
        fn every_literal_is_its_text_and_cannot_end_a_script_element(text: String) {
            let literal = literal(&text);
            let ends = ['<', '>', '\n', '\r', '\u{2028}', '\u{2029}'];
            prop_assert!(!literal.contains(ends));
            prop_assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
        }

        #[test]
        fn every_list_of_parameters_is_one_that_javascript_accepts(names: Vec<String>, short in prop::collection::vec("[a-b.$1]{0,2}", 0..9)) {
            for names in [names, short] {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let list = listed(&names);
                let listed: Vec<_> = list.split(", ").filter(|name| !name.is_empty()).collect();
                prop_assert_eq!(listed.len(), names.len());
                prop_assert!(listed.iter().all(|name| is_identifier(name) && !is_reserved(name)));
            }
        }
    }
}
