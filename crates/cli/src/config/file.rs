//! The settings file: TOML, flat, every key known, and every key remembered with its line.

use std::path::Path;

use toml::de::DeTable;

use super::error::{ConfigError, ConfigErrors, Source};

/// What a file says about one key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: toml::Value,
    pub(crate) place: Source,
}

/// A settings file: read, but its values not yet judged.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    pub(crate) entries: Vec<Entry>,
}

impl SettingsFile {
    pub(crate) fn read(path: &Path, known: &[&str]) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        Self::parse(path, &text, known)
    }

    pub(crate) fn parse(path: &Path, text: &str, known: &[&str]) -> Result<Self, ConfigErrors> {
        let at = |offset: usize| Source::File { path: path.to_owned(), line: line_of(text, offset) };
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            place: at(error.span().map_or(0, |span| span.start)),
            why: error.message().to_owned(),
        };
        let spans = DeTable::parse(text).map_err(syntax)?;
        let mut values: toml::Table = toml::from_str(text).map_err(syntax)?;
        let mut keys: Vec<_> = spans.get_ref().keys().map(|key| (key.span().start, key.get_ref())).collect();
        keys.sort_unstable();
        let (mut entries, mut errors) = (Vec::new(), Vec::new());
        for (offset, key) in keys {
            let (place, key) = (at(offset), key.to_string());
            match values.remove(&key) {
                Some(toml::Value::Table(_)) => errors.push(ConfigError::Table { place, key }),
                Some(value) if known.contains(&key.as_str()) => entries.push(Entry { key, value, place }),
                Some(_) => {
                    let nearest = nearest(&key, known);
                    errors.push(ConfigError::UnknownKey { place, key, nearest });
                }
                // Both views are of one text.
                None => {}
            }
        }
        if errors.is_empty() { Ok(Self { entries }) } else { Err(ConfigErrors(errors)) }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    1 + before.matches('\n').count()
}

/// The known name that was probably meant: the same letters in another notation (`KeepAlive`, `keep-alive`), or nearly so.
pub(crate) fn nearest(name: &str, known: &[&str]) -> Option<String> {
    // What is farther away than this is another word, not a slip.
    const ALIKE: f64 = 0.84;
    let letters = |name: &str| name.to_lowercase().replace(['_', '-', '.', ' '], "");
    let name = letters(name);
    let likeness = |known: &str| strsim::jaro_winkler(&name, &letters(known));
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then(|| (*best).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["keep_alive", "disconnect_timeout", "connection_timeout", "message_buffer"];

    fn refusal(text: &str) -> String {
        SettingsFile::parse(Path::new("h.toml"), text, &KNOWN).unwrap_err().to_string()
    }

    #[test]
    fn entries_know_their_lines() {
        let text = "# settings\n\nkeep_alive = \"5s\"\n";
        let file = SettingsFile::parse(Path::new("h.toml"), text, &KNOWN).unwrap();
        let entry = file.entries.first().unwrap();
        assert_eq!(entry.key, "keep_alive");
        assert_eq!(entry.place, Source::File { path: "h.toml".into(), line: 3 });
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name_and_its_line() {
        let text = "\nkeep_alife = \"5s\"";
        assert_eq!(
            refusal(text),
            "error: h.toml, line 2: there is no setting `keep_alife`; did you mean `keep_alive`?"
        );
    }

    #[test]
    fn the_names_of_the_original_server_lead_to_ours() {
        assert_eq!(nearest("KeepAlive", &KNOWN).as_deref(), Some("keep_alive"));
        assert_eq!(nearest("disconnect-timeout", &KNOWN).as_deref(), Some("disconnect_timeout"));
        assert_eq!(nearest("ConnectionTimeout", &KNOWN).as_deref(), Some("connection_timeout"));
        assert_eq!(nearest("colour", &KNOWN), None);
    }

    #[test]
    fn all_wrong_keys_are_named_at_once_in_the_order_of_the_file() {
        let text = refusal("zebra = 1\nalpha = 2\n[server]\nkeep_alive = 3");
        let places: Vec<_> = ["zebra", "alpha", "server"].map(|key| text.find(key).unwrap()).into();
        assert!(places.is_sorted(), "{text}");
        assert!(text.contains("line 3: `server` stands in a table"), "{text}");
    }

    #[test]
    fn what_is_not_toml_is_refused_with_its_line() {
        let text = refusal("keep_alive = \"5s\"\nmessage_buffer = = 3");
        assert!(text.starts_with("error: h.toml, line 2: not TOML: "), "{text}");
        assert!(refusal("keep_alive = \"5s\"\nkeep_alive = \"6s\"").contains("line 2: not TOML"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = SettingsFile::read(Path::new("/nowhere/h.toml"), &KNOWN).unwrap_err().to_string();
        assert!(error.contains("cannot read /nowhere/h.toml"), "{error}");
    }
}
