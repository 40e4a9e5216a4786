//! Which hubs there are and what can be called on them, and whom a typed name means.

use heliostat_proto::javascript::{ProxyHub, ProxyMethod};

/// The hubs of one server, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    hubs: Vec<ProxyHub>,
}

/// Why a typed name means no method.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("no hub is known; name one with --hub, or write HUB.METHOD")]
    NoHub,
    #[error("there are several hubs ({hubs}), so say which: HUB.{method}")]
    WhichHub { hubs: String, method: String },
    #[error("'{0}' names no method; write METHOD or HUB.METHOD")]
    NoMethod(String),
}

impl Catalog {
    /// The hubs that were named, with what the script says of them; all of the script's if none was named.
    pub(crate) fn new(named: &[String], found: Vec<ProxyHub>) -> Self {
        if named.is_empty() {
            return Self { hubs: found };
        }
        let hubs = named.iter().map(|name| {
            let known = found.iter().find(|hub| same(&hub.name, name) || same(&hub.property, name)).cloned();
            known.unwrap_or_else(|| ProxyHub {
                name: name.clone(),
                property: name.clone(),
                methods: Vec::new(),
            })
        });
        Self { hubs: hubs.collect() }
    }

    pub(crate) fn hubs(&self) -> &[ProxyHub] {
        &self.hubs
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.hubs.iter().map(|hub| hub.name.as_str())
    }

    /// The hub and the method that `target` means: `METHOD` if there is one hub, otherwise `HUB.METHOD`. Names of hubs may have dots.
    pub(crate) fn resolve<'a>(&'a self, target: &'a str) -> Result<(&'a str, &'a str), TargetError> {
        if let Some((hub, method)) = self.split(target) {
            let usable =
                if method.is_empty() { Err(TargetError::NoMethod(target.to_owned())) } else { Ok(method) };
            return usable.map(|method| (hub, method));
        }
        match (self.hubs.as_slice(), target.split_once('.')) {
            ([hub], _) => Ok((&hub.name, target)),
            // A hub that nobody told us of may be there all the same.
            (_, Some((hub, method))) if !hub.is_empty() && !method.is_empty() => Ok((hub, method)),
            ([], _) => Err(TargetError::NoHub),
            _ => Err(TargetError::WhichHub {
                hubs: self.names().collect::<Vec<_>>().join(", "),
                method: target.to_owned(),
            }),
        }
    }

    /// The longest known hub that `target` begins with, and what follows its dot.
    fn split<'a>(&'a self, target: &'a str) -> Option<(&'a str, &'a str)> {
        let dots = target.match_indices('.').map(|(index, _)| index);
        let mut parts: Vec<_> =
            dots.filter_map(|index| Some((target.get(..index)?, target.get(index + 1..)?))).collect();
        parts.reverse();
        parts.into_iter().find_map(|(name, method)| {
            let hub = self.hubs.iter().find(|hub| same(&hub.name, name) || same(&hub.property, name))?;
            Some((hub.name.as_str(), method))
        })
    }

    /// The method that `target` means, if it is known.
    pub(crate) fn method(&self, target: &str) -> Option<&ProxyMethod> {
        let (hub, method) = self.resolve(target).ok()?;
        let hub = self.hubs.iter().find(|known| known.name == hub)?;
        hub.methods.iter().find(|known| same(&known.wire_name, method) || same(&known.property, method))
    }

    /// What to say about a method that the server's script does not list, although it lists others of that hub.
    pub(crate) fn doubt(&self, hub: &str, method: &str) -> Option<String> {
        let hub = self.hubs.iter().find(|known| same(&known.name, hub))?;
        let names = hub.methods.iter().flat_map(|known| [known.property.as_str(), known.wire_name.as_str()]);
        if hub.methods.is_empty() || names.clone().any(|name| same(name, method)) {
            return None;
        }
        let near =
            names.map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &method.to_lowercase()), name));
        let nearest =
            near.max_by(|(one, _), (other, _)| one.total_cmp(other)).filter(|(likeness, _)| *likeness > 0.8);
        let hint = nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"));
        Some(format!("the server lists no method '{method}' of {}{hint}", hub.name))
    }

    /// Everything that can be typed to call a known method.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (String, &ProxyMethod)> {
        let is_one = self.hubs.len() == 1;
        self.hubs.iter().flat_map(move |hub| {
            hub.methods.iter().map(move |method| {
                let name = &method.property;
                (if is_one { name.clone() } else { format!("{}.{name}", hub.property) }, method)
            })
        })
    }

    /// What `.hubs` shows.
    pub(crate) fn draw(&self) -> String {
        if self.hubs.is_empty() {
            return "no hub is known\n".to_owned();
        }
        let mut text = String::new();
        for hub in &self.hubs {
            text += &format!("{}\n", hub.name);
            for method in &hub.methods {
                text += &format!("  {}\n", signature(method));
            }
            if hub.methods.is_empty() {
                text += "  (nothing is known of its methods)\n";
            }
        }
        text
    }
}

pub(crate) fn signature(method: &ProxyMethod) -> String {
    format!("{}({})", method.property, method.parameters.join(", "))
}

/// Names of hubs and methods are compared without regard to case.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str, methods: &[&str]) -> ProxyHub {
        let method = |name: &&str| ProxyMethod {
            property: (*name).to_owned(),
            wire_name: name.to_uppercase(),
            parameters: vec!["text".to_owned()],
        };
        ProxyHub {
            name: name.to_owned(),
            property: name.to_owned(),
            methods: methods.iter().map(method).collect(),
        }
    }

    #[test]
    fn with_one_hub_a_method_is_enough() {
        let catalog = Catalog::new(&[], vec![hub("chat", &["send"])]);
        assert_eq!(catalog.resolve("send"), Ok(("chat", "send")));
        assert_eq!(catalog.resolve("Chat.send"), Ok(("chat", "send")));
        assert_eq!(catalog.resolve("odd.method"), Ok(("chat", "odd.method")));
        assert_eq!(catalog.resolve("chat."), Err(TargetError::NoMethod("chat.".into())));
        assert_eq!(catalog.targets().next().unwrap().0, "send");
    }

    #[test]
    fn with_several_hubs_one_says_which() {
        let catalog = Catalog::new(&[], vec![hub("chat", &["send"]), hub("chat.inner", &["send"])]);
        assert_eq!(catalog.resolve("chat.inner.send"), Ok(("chat.inner", "send")));
        assert_eq!(catalog.resolve("chat.send"), Ok(("chat", "send")));
        assert_eq!(catalog.resolve("secret.send"), Ok(("secret", "send")));
        insta::assert_snapshot!(catalog.resolve("send").unwrap_err(), @"there are several hubs (chat, chat.inner), so say which: HUB.send");
        insta::assert_snapshot!(Catalog::default().resolve("send").unwrap_err(), @"no hub is known; name one with --hub, or write HUB.METHOD");
        assert_eq!(catalog.method("chat.SEND").unwrap().property, "send");
    }

    #[test]
    fn a_method_that_is_not_listed_is_doubted() {
        let catalog = Catalog::new(&[], vec![hub("chat", &["send", "join"]), hub("dark", &[])]);
        insta::assert_snapshot!(catalog.doubt("CHAT", "snd").unwrap(), @"the server lists no method 'snd' of chat; did you mean SEND?");
        insta::assert_snapshot!(catalog.doubt("chat", "xyzzy").unwrap(), @"the server lists no method 'xyzzy' of chat");
        assert_eq!(catalog.doubt("chat", "SEND"), None);
        assert_eq!(catalog.doubt("dark", "send"), None);
    }

    #[test]
    fn named_hubs_are_taken_known_or_not() {
        let found = || vec![hub("chat", &["send"]), hub("news", &[])];
        let catalog = Catalog::new(&["CHAT".into(), "secret".into()], found());
        insta::assert_snapshot!(catalog.draw(), @r"
        chat
          send(text)
        secret
          (nothing is known of its methods)
        ");
        assert_eq!(Catalog::new(&[], found()).names().collect::<Vec<_>>(), ["chat", "news"]);
    }
}
