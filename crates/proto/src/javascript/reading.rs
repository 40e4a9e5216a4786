//! What a generated proxy script says about its server, for clients that are not browsers.
//!
//! Only the script tells which hubs a classic server has and what can be called. Its text is nobody's contract, so this looks for
//! what any such script must contain, whoever wrote it, also minified: a proxy made under a literal name, and functions with a
//! key that pass all their arguments on under a literal name.

use super::token::{Token, Tokens};
use super::{ProxyHub, ProxyMethod};

/// The largest script that is read. Large applications have some hundred KiB.
pub const LONGEST_SCRIPT: usize = 8 << 20;

/// More hubs than anybody wrote; the rest of a script that has more is made to keep its reader busy.
const MOST_HUBS: usize = 4_096;

/// The longest function that is looked at, in tokens; a generated one has about thirty and two for each parameter.
const LONGEST_FUNCTION: usize = 1_024;

/// What a proxy script defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyScript {
    /// The hubs in the order of the script.
    pub hubs: Vec<ProxyHub>,
    /// Where the script's own hub connection goes: usually a path such as `/signalr`.
    pub service_url: Option<String>,
}

/// Why a text tells nothing about hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyScriptError {
    /// The script says so by throwing an error and doing nothing else.
    #[error(
        "the generated proxies are switched off at this endpoint, so its hubs cannot be listed; name them yourself"
    )]
    SwitchedOff,
    /// A page, an error or another script.
    #[error("this is not a generated hub proxy script; it is served at the endpoint's URL followed by /hubs")]
    NotAProxyScript,
    /// Longer than anything generated.
    #[error("a proxy script of {length} bytes is not read; the limit is {LONGEST_SCRIPT}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl ProxyScript {
    /// Reads the script that a hubs endpoint generates, in this project's form or in that of the original.
    ///
    /// # Errors
    ///
    /// If the text is something else, or if the endpoint does not tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use heliostat_proto::javascript::{ProxyScript, render};
    ///
    /// let script = ProxyScript::parse(&render(&[], "/signalr"))?;
    /// assert_eq!(script.service_url.as_deref(), Some("/signalr"));
    /// assert!(script.hubs.is_empty());
    /// # Ok::<_, heliostat_proto::javascript::ProxyScriptError>(())
    /// ```
    pub fn parse(script: &str) -> Result<Self, ProxyScriptError> {
        if script.len() > LONGEST_SCRIPT {
            return Err(ProxyScriptError::TooLong { length: script.len() });
        }
        let tokens: Vec<_> = Tokens::of(script).collect();
        if !tokens.contains(&Token::Name("createHubProxies")) {
            let throws = matches!(tokens.as_slice(), [Token::Name("throw"), ..]);
            return Err(if throws {
                ProxyScriptError::SwitchedOff
            } else {
                ProxyScriptError::NotAProxyScript
            });
        }
        let mut read = Self::default();
        for at in 0..tokens.len() {
            let (before, here) = tokens.split_at(at);
            read.take(before, here);
        }
        Ok(read)
    }

    /// Takes what begins at this place.
    fn take(&mut self, before: &[Token<'_>], here: &[Token<'_>]) {
        use Token::{Name, Sign, Text};
        match here {
            [Name("createHubProxy"), Sign('('), Text(name), Sign(')'), ..] => {
                self.add_hub(assigned_property(before).unwrap_or(name), name);
            }
            [Sign('('), Text(property), Sign(','), Text(name), Sign(','), Name("function"), ..] => {
                self.add_hub(property, name);
            }
            [Name("hubConnection"), Sign('('), Text(url), ..] => self.service_url = Some(url.to_string()),
            [Name(key), Sign(':'), Name("function"), Sign('('), function @ ..] => {
                self.add_method(key, function)
            }
            [Text(key), Sign(':'), Name("function"), Sign('('), function @ ..] => {
                self.add_method(key, function)
            }
            _ => {}
        }
    }

    fn add_hub(&mut self, property: &str, name: &str) {
        if self.hubs.len() < MOST_HUBS && !self.hubs.iter().any(|hub| hub.property == property) {
            self.hubs.push(ProxyHub {
                name: name.to_owned(),
                property: property.to_owned(),
                methods: Vec::new(),
            });
        }
    }

    /// `function` begins after the opening bracket of its parameters. Functions of other kinds do not pass on all arguments.
    fn add_method(&mut self, key: &str, function: &[Token<'_>]) {
        let Some(hub) = self.hubs.last_mut() else { return };
        let function = function.get(..LONGEST_FUNCTION).unwrap_or(function);
        let (parameters, rest) = split_at_sign(function, ')');
        let body = body(rest);
        let wire_name = body.iter().rev().find_map(|token| match token {
            Token::Text(text) => Some(text.to_string()),
            Token::Name(_) | Token::Sign(_) => None,
        });
        if let Some(wire_name) = wire_name.filter(|_| body.contains(&Token::Name("arguments"))) {
            let parameters = parameters.iter().filter_map(|token| match token {
                Token::Name(name) => Some((*name).to_owned()),
                Token::Text(_) | Token::Sign(_) => None,
            });
            let parameters = parameters.collect();
            hub.methods.push(ProxyMethod { property: key.to_owned(), wire_name, parameters });
        }
    }
}

/// `chatHub` if the tokens end with `proxies.chatHub = this.` or `proxies["chatHub"] = this.`.
fn assigned_property<'a>(before: &'a [Token<'_>]) -> Option<&'a str> {
    use Token::{Name, Sign, Text};
    match before {
        [.., Sign('['), Text(property), Sign(']'), Sign('='), Name(_), Sign('.')] => Some(property),
        [.., Sign('.'), Name(property), Sign('='), Name(_), Sign('.')] => Some(property),
        _ => None,
    }
}

/// What stands before the first such sign, and what follows it.
fn split_at_sign<'a, 'b>(tokens: &'a [Token<'b>], sign: char) -> (&'a [Token<'b>], &'a [Token<'b>]) {
    let end = tokens.iter().position(|token| *token == Token::Sign(sign)).unwrap_or(tokens.len());
    let (before, rest) = tokens.split_at(end);
    (before, rest.get(1..).unwrap_or_default())
}

/// The tokens inside the braces that begin here, with the braces.
fn body<'a, 'b>(tokens: &'a [Token<'b>]) -> &'a [Token<'b>] {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') if depth <= 1 => return tokens.get(..=index).unwrap_or_default(),
            Token::Sign('}') => depth -= 1,
            // A body begins with its brace.
            Token::Name(_) | Token::Text(_) | Token::Sign(_) if depth == 0 => return &[],
            Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::javascript::{DISABLED, render};

    /// The hubs as one would call them.
    fn listed(script: &str) -> String {
        let script = ProxyScript::parse(script).unwrap();
        let mut lines = vec![format!("at {:?}", script.service_url)];
        for hub in &script.hubs {
            lines.push(format!("{} = {}", hub.property, hub.name));
            for method in &hub.methods {
                let parameters = method.parameters.join(", ");
                lines.push(format!("  {}({parameters}) = {}", method.property, method.wire_name));
            }
        }
        lines.join("\n")
    }

    #[test]
    fn the_form_of_the_original_is_understood() {
        let script = r#"
            /* it's a comment with an odd quote */
            (function ($, window, undefined) {
                /// <param name="$" type="jQuery" />
                if (typeof ($.signalR) !== "function") { throw new Error("load SignalR first"); }
                $.hubConnection.prototype.createHubProxies = function () {
                    var proxies = {};
                    proxies['chatHub'] = this.createHubProxy('chatHub');
                    proxies['chatHub'].client = { };
                    proxies['chatHub'].server = {
                        join: function () {
                        /// <summary>Calls the "Join" method</summary>
                            return proxies['chatHub'].invoke.apply(proxies['chatHub'], $.merge(["Join"], $.makeArray(arguments)));
                         },

                        send: function (room, text) {
                            return proxies['chatHub'].invoke.apply(proxies['chatHub'], $.merge(["Send"], $.makeArray(arguments)));
                         }
                    };

                    proxies.news = this.createHubProxy('news');
                    proxies.news.client = { };
                    proxies.news.server = { };
                    return proxies;
                };
                signalR.hub = $.hubConnection("/signalr", { useDefaultPath: false });
                $.extend(signalR, signalR.hub.createHubProxies());
            }(window.jQuery, window));"#;
        insta::assert_snapshot!(listed(script), @r#"
        at Some("/signalr")
        chatHub = chatHub
          join() = Join
          send(room, text) = Send
        news = news
        "#);
    }

    #[test]
    fn a_minified_script_is_understood() {
        let script = r#"!function(n){n.hubConnection.prototype.createHubProxies=function(){var n={};return n.a=this.createHubProxy("a"),n.a.client={},n.a.server={get:function(t,i){return n.a.invoke.apply(n.a,$.merge(["Get"],$.makeArray(arguments)))}},n},t.hub=n.hubConnection("/x",{})}(window.jQuery);"#;
        insta::assert_snapshot!(listed(script), @r#"
        at Some("/x")
        a = a
          get(t, i) = Get
        "#);
    }

    #[test]
    fn what_is_no_proxy_script_is_refused_with_the_reason() {
        assert_eq!(ProxyScript::parse(DISABLED), Err(ProxyScriptError::SwitchedOff));
        let original = "throw new Error('proxy generation is disabled');";
        assert_eq!(ProxyScript::parse(original), Err(ProxyScriptError::SwitchedOff));
        for other in ["", "<html>it's</html>", "{\"a\":1}", "$.hubConnection()"] {
            assert_eq!(ProxyScript::parse(other), Err(ProxyScriptError::NotAProxyScript), "{other}");
        }
        let length = LONGEST_SCRIPT + 1;
        assert_eq!(ProxyScript::parse(&" ".repeat(length)), Err(ProxyScriptError::TooLong { length }));
    }

    #[test]
    fn a_truncated_script_tells_what_it_has() {
        let method =
            ProxyMethod { property: "m".into(), wire_name: "M".into(), parameters: vec!["a".into()] };
        let hub = ProxyHub { name: "h".into(), property: "h".into(), methods: vec![method.clone(), method] };
        let whole = render(&[hub], "/signalr");
        let start = whole.find("createHubProxies").unwrap() + 20;
        for end in start..whole.len() {
            assert!(ProxyScript::parse(&whole[..end]).unwrap().hubs.len() <= 1);
        }
    }

    prop_compose! {
        fn hub()(name in ".{1,8}", methods in prop::collection::btree_map(".{1,8}", (".{1,8}", 0..3_usize), 0..4)) -> ProxyHub {
            let methods = methods.into_iter().map(|(property, (wire_name, count))| {
                let parameters = (0..count).map(|index| format!("p{index}")).collect();
                ProxyMethod { property, wire_name, parameters }
            });
            ProxyHub { property: name.clone(), name, methods: methods.collect() }
        }
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_back(hubs in prop::collection::vec(hub(), 0..4), url: String) {
            let mut hubs = hubs;
            hubs.sort_by(|a, b| a.property.cmp(&b.property));
            hubs.dedup_by(|a, b| a.property == b.property);
            let read = ProxyScript::parse(&render(&hubs, &url)).unwrap();
            prop_assert_eq!(read, ProxyScript { hubs, service_url: Some(url) });
        }

        #[test]
        fn no_text_is_too_strange(pieces in prop::collection::vec(prop::sample::select(vec![
            "createHubProxies", "createHubProxy", "(", ")", "'a'", "\"b", ",", "function", ":", "{", "}", "arguments", "[", "]", "=", ".", "x",
        ]), 0..40)) {
            let _ = ProxyScript::parse(&pieces.join(" "));
        }
    }
}
