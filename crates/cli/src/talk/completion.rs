//! What the prompt offers while one types: commands, hubs and methods, and the parameters of the method that was typed.

use std::borrow::Cow;
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper, Result};

use super::catalog::Catalog;
use super::command::COMMANDS;
use crate::terminal::{Ink, Paper};

/// Completes and hints from a catalogue.
#[derive(Debug)]
pub(crate) struct Completion {
    catalog: Arc<Catalog>,
    paper: Paper,
}

impl Completion {
    pub(crate) const fn new(catalog: Arc<Catalog>, paper: Paper) -> Self {
        Self { catalog, paper }
    }

    /// Everything that may stand where `word` begins a line.
    fn candidates(&self, word: &str) -> Vec<String> {
        if let Some(command) = word.strip_prefix('.') {
            let names = COMMANDS.iter().map(|(name, ..)| *name).filter(|name| name.starts_with(command));
            return names.map(|name| format!(".{name}")).collect();
        }
        let lower = word.to_lowercase();
        let targets = self.catalog.targets().map(|(target, _)| target);
        targets.filter(|target| target.to_lowercase().starts_with(&lower)).collect()
    }

    /// What is still to be typed after `line`.
    fn missing(&self, line: &str) -> Option<String> {
        let (word, rest) = line.split_once(' ').map_or((line, None), |(word, rest)| (word, Some(rest)));
        if let Some(command) = word.strip_prefix('.') {
            let (_, arguments, _) = COMMANDS.iter().find(|(name, ..)| *name == command)?;
            return (rest.is_none() && !arguments.is_empty()).then(|| format!(" {arguments}"));
        }
        let method = self.catalog.method(word)?;
        // Those that were typed are counted as the line would be read.
        let typed = super::line::arguments(rest.unwrap_or_default()).map_or(usize::MAX, |typed| typed.len());
        let still = method.parameters.iter().skip(typed).map(String::as_str).collect::<Vec<_>>().join(" ");
        let blank = if line.ends_with(' ') { "" } else { " " };
        (!still.is_empty()).then(|| format!("{blank}{still}"))
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        let typed = line.get(..position).unwrap_or(line);
        // Only the first word has a known set of values.
        if typed.contains(' ') {
            return Ok((position, Vec::new()));
        }
        let mut candidates = self.candidates(typed);
        if let [one] = candidates.as_mut_slice()
            && self.missing(one).is_some()
        {
            one.push(' ');
        }
        Ok((0, candidates))
    }
}

impl Hinter for Completion {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<String> {
        // In the middle of a line it would push the rest away.
        if position == line.len() { self.missing(line) } else { None }
    }
}

impl Highlighter for Completion {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.paper.paint(Ink::Quiet, hint))
    }
}

impl Validator for Completion {}

impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use heliostat_proto::javascript::{ProxyHub, ProxyMethod};

    use super::*;

    fn completion(hubs: &[&str]) -> Completion {
        let method = |name: &str| ProxyMethod {
            property: name.to_owned(),
            wire_name: name.to_owned(),
            parameters: vec!["room".to_owned(), "text".to_owned()],
        };
        let hub = |name: &&str| ProxyHub {
            name: (*name).to_owned(),
            property: (*name).to_owned(),
            methods: vec![method("send"), method("sendAll")],
        };
        let catalog = Catalog::new(&[], hubs.iter().map(hub).collect());
        Completion::new(Arc::new(catalog), Paper::plain(None))
    }

    #[test]
    fn commands_hubs_and_methods_are_completed() {
        assert_eq!(completion(&["chat"]).candidates("SE"), ["send", "sendAll"]);
        assert_eq!(completion(&["chat", "news"]).candidates("n"), ["news.send", "news.sendAll"]);
        assert_eq!(completion(&["chat"]).candidates(".st"), [".state", ".start", ".stop"]);
        assert!(completion(&["chat"]).candidates("x").is_empty());
    }

    #[test]
    fn the_parameters_that_are_missing_are_shown() {
        let completion = completion(&["chat"]);
        let missing = |line| completion.missing(line);
        assert_eq!(missing("send").as_deref(), Some(" room text"));
        assert_eq!(missing("send lobby").as_deref(), Some(" text"));
        assert_eq!(missing("send lobby ").as_deref(), Some("text"));
        assert_eq!(missing("send lobby hi"), None);
        assert_eq!(missing("send \"lob"), None);
        assert_eq!(missing(".wait").as_deref(), Some(" DURATION"));
        assert_eq!(missing("unknown"), None);
    }
}
