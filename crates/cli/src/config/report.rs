//! The settings in force as TOML that can be used as a file, each line with where its value came from.

use std::fmt::Write;

use super::settings::{self, Settings};
use super::{Configuration, Source};

/// Never shown: not on the start page, not on a terminal.
const SECRET: &str = "operations_token";
const HIDDEN: &str = "\"(not shown)\"";

/// All settings that have a value, under their keys.
pub(super) fn table(settings: &Settings) -> toml::Table {
    // Every value is a text or a number; nothing in the schema can fail to be written.
    toml::Table::try_from(settings).unwrap_or_default()
}

impl Configuration {
    /// The settings in force: key, value as TOML, and where it came from, in the order of the schema.
    pub(crate) fn lines(&self) -> Vec<(String, String, Source)> {
        let values = table(&self.settings);
        let line = |key: settings::Key| {
            let value = values.get(&key.name)?;
            let value = if key.name == SECRET { HIDDEN.to_owned() } else { value.to_string() };
            let source = self.source(&key.name).clone();
            Some((key.name, value, source))
        };
        settings::keys().into_iter().filter_map(line).collect()
    }

    /// What `--check` prints.
    pub(crate) fn to_toml(&self) -> String {
        let lines: Vec<_> = self
            .lines()
            .into_iter()
            .map(|(key, value, source)| (format!("{key} = {value}"), source))
            .collect();
        let width = lines.iter().map(|(setting, _)| setting.len()).max().unwrap_or(0).min(60);
        let mut text = "# The settings in force, and where each came from.\n".to_owned();
        if self.settings.data_dir.is_none() {
            text.push_str(
                "# data_dir is not set: keys live in memory, and a restart ends all connections.\n",
            );
        }
        for (setting, source) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{setting:width$}  # {source}");
        }
        text
    }
}
