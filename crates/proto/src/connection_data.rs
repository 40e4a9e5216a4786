//! Which hubs a client wants to hear from: the `connectionData` parameter of hubs endpoints.
//!
//! Browsers write `[{"name":"chathub"}]`, .NET writes `[{"Name":"ChatHub"}]`, old clients leave it out.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::json::has_reserved_name;
use crate::name::{HubName, NameError};

/// Longer lists are not searched for repeated names one by one, but with a table.
const MAX_PLAIN: usize = 16;

/// Why `connectionData` was refused. Nothing of the request has been acted on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionDataError {
    /// Classic protocol, section 2.10, row 5.
    #[error("connectionData is not JSON: {0}; send an array like [{{\"name\":\"chat\"}}]")]
    NotJson(#[from] serde_json::Error),
    /// Classic protocol, section 2.10, row 5.
    #[error("connectionData is not an array of objects; send an array like [{{\"name\":\"chat\"}}]")]
    NotAnArrayOfObjects,
    /// An object that serde_json would take for something else.
    #[error(
        "connectionData has a member whose name begins with \"$serde_json::private::\"; send an array like [{{\"name\":\"chat\"}}]"
    )]
    ReservedName,
    /// Classic protocol, section 2.10, row 6.
    #[error("entry {index} of connectionData does not name a hub; give every entry a \"name\" that is text")]
    NoName {
        /// Which entry, counted from 0.
        index: usize,
    },
    /// Classic protocol, section 2.10, row 6.
    #[error("connectionData names a hub that cannot exist: {0}")]
    BadName(#[from] NameError),
    /// Classic protocol, section 2.10, row 7.
    #[error("connectionData names the hub {hub} twice; name each hub once, in any case")]
    Duplicate {
        /// The name that was repeated.
        hub: HubName,
    },
}

/// The hubs that a request lists, in its order and spelling. Nothing, `null` and `[]` list none.
///
/// # Errors
///
/// A [`ConnectionDataError`] that says which rule was broken. Whether the hubs exist is not looked at.
///
/// # Examples
///
/// ```
/// # use heliostat_proto::connection_data;
/// let hubs = connection_data::parse(Some(r#"[{"name":"chat"},{"Name":"News"}]"#))?;
/// assert_eq!(hubs.iter().map(|hub| hub.as_str()).collect::<Vec<_>>(), ["chat", "News"]);
/// assert!(connection_data::parse(None)?.is_empty());
/// # Ok::<_, connection_data::ConnectionDataError>(())
/// ```
pub fn parse(text: Option<&str>) -> Result<Vec<HubName>, ConnectionDataError> {
    let text = text.unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    match plain(text) {
        Some(hubs) => Ok(hubs),
        None => parse_json(text),
    }
}

/// Reads the list as official clients write it, which they do in every request: no spaces, nothing but names, and in these
/// nothing but letters, digits and underscores. `None` if it is anything else, which may be right or wrong.
fn plain(text: &str) -> Option<Vec<HubName>> {
    let mut rest = text.strip_prefix('[')?;
    let mut hubs = Vec::with_capacity(1);
    loop {
        let (name, after) = plain_entry(rest)?;
        let hub = HubName::parse(name).ok()?;
        if hubs.contains(&hub) || hubs.len() == MAX_PLAIN {
            return None;
        }
        hubs.push(hub);
        match after {
            "]" => return Some(hubs),
            _ => rest = after.strip_prefix(',')?,
        }
    }
}

/// The name in the first entry, and what follows the entry.
fn plain_entry(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = text.strip_prefix("{\"")?.split_at_checked("name".len())?;
    let rest = rest.strip_prefix("\":\"").filter(|_| key.eq_ignore_ascii_case("name"))?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (name, rest) = rest.split_at_checked(rest.bytes().position(|byte| !is_word(byte))?)?;
    Some((name, rest.strip_prefix("\"}")?))
}

fn parse_json(text: &str) -> Result<Vec<HubName>, ConnectionDataError> {
    if has_reserved_name(text) {
        return Err(ConnectionDataError::ReservedName);
    }
    let entries = match serde_json::from_str(text)? {
        Value::Array(entries) => entries,
        Value::Null => return Ok(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(ConnectionDataError::NotAnArrayOfObjects);
        }
    };
    let mut seen = HashSet::with_capacity(entries.len());
    let mut hubs = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let entry = entry.as_object().ok_or(ConnectionDataError::NotAnArrayOfObjects)?;
        let name = name_in(entry).ok_or(ConnectionDataError::NoName { index })?;
        let hub = HubName::parse(name)?;
        if !seen.insert(hub.clone()) {
            return Err(ConnectionDataError::Duplicate { hub });
        }
        hubs.push(hub);
    }
    Ok(hubs)
}

fn name_in(entry: &Map<String, Value>) -> Option<&str> {
    entry.iter().find(|(key, _)| key.eq_ignore_ascii_case("name")).and_then(|(_, name)| name.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hubs(text: &str) -> Vec<String> {
        parse(Some(text)).unwrap().iter().map(ToString::to_string).collect()
    }

    fn refusal(text: &str) -> String {
        parse(Some(text)).unwrap_err().to_string()
    }

    #[test]
    fn cp_027_the_key_is_name_in_any_case() {
        assert_eq!(
            hubs(r#"[{"name":"chathub"},{"Name":"News"},{"NAME":"x","other":1}]"#),
            ["chathub", "News", "x"]
        );
    }

    #[test]
    fn what_official_clients_write_is_a_plain_list() {
        for text in [r#"[{"name":"chathub"}]"#, r#"[{"Name":"ChatHub"},{"Name":"stock_ticker2"}]"#] {
            assert_eq!(plain(text), Some(parse_json(text).unwrap()));
        }
        for text in
            ["[]", "[{}]", r#"[{"name":"a"},{"name":"A"}]"#, r#"[{"name":"\u0061"}]"#, r#"[{"other":"a"}]"#]
        {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn cp_028_missing_or_empty_connection_data_lists_no_hub() {
        assert!(parse(None).unwrap().is_empty());
        for text in ["", "[]", "null", " [ ] "] {
            assert!(hubs(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn cp_043_what_is_not_an_array_of_objects_is_refused() {
        insta::assert_snapshot!(refusal(r#"[{"name":"#), @r#"connectionData is not JSON: EOF while parsing a value at line 1 column 9; send an array like [{"name":"chat"}]"#);
        insta::assert_snapshot!(refusal(r#"{"name":"oracle"}"#), @r#"connectionData is not an array of objects; send an array like [{"name":"chat"}]"#);
        for text in ["1", "\"x\"", "true", "[1]", "[null]", "[[]]"] {
            assert!(matches!(parse(Some(text)), Err(ConnectionDataError::NotAnArrayOfObjects)), "{text}");
        }
    }

    #[test]
    fn an_entry_without_a_usable_name_is_refused() {
        insta::assert_snapshot!(refusal(r#"[{"name":"a"},{"name":null}]"#), @r#"entry 1 of connectionData does not name a hub; give every entry a "name" that is text"#);
        for text in ["[{}]", r#"[{"name":1}]"#] {
            assert!(matches!(parse(Some(text)), Err(ConnectionDataError::NoName { index: 0 })), "{text}");
        }
        for text in [r#"[{"name":""}]"#, r#"[{"name":"a.b"}]"#] {
            assert!(matches!(parse(Some(text)), Err(ConnectionDataError::BadName(_))), "{text}");
        }
    }

    #[test]
    fn cp_045_the_same_hub_twice_is_refused() {
        insta::assert_snapshot!(refusal(r#"[{"name":"oracle"},{"name":"Oracle"}]"#), @"connectionData names the hub Oracle twice; name each hub once, in any case");
    }

    #[test]
    fn what_serde_json_would_take_for_something_else_is_refused() {
        let refused = refusal(r#"[{"$serde_json::private::RawValue":"{\"name\":\"chat\"}"}]"#);
        insta::assert_snapshot!(refused, @r#"connectionData has a member whose name begins with "$serde_json::private::"; send an array like [{"name":"chat"}]"#);
        for text in [
            r#"[{"name":"a","other":{"$serde_json::private::RawValue":"[]"}}]"#,
            r#"[{"\u0024serde_json::private::RawValue":"{\"name\":\"chat\"}"}]"#,
        ] {
            assert!(matches!(parse(Some(text)), Err(ConnectionDataError::ReservedName)), "{text}");
        }
    }

    #[test]
    fn json_nested_without_end_is_refused_and_not_followed() {
        assert!(matches!(parse(Some(&"[".repeat(100_000))), Err(ConnectionDataError::NotJson(_))));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(bytes: Vec<u8>, json in "[\\[\\]{}\":,a-z0-9]{0,40}") {
            let _ = parse(Some(&String::from_utf8_lossy(&bytes)));
            let _ = parse(Some(&json));
        }

        #[test]
        fn a_plain_list_is_read_as_json_is(
            names in proptest::collection::vec("[a-c_]{0,2}|[.\"é]", 0..18), key in "[nN]ame|x", space in " ?"
        ) {
            let entries: Vec<_> = names.iter().map(|name| format!("{{\"{key}\":{space}\"{name}\"}}")).collect();
            let text = format!("[{}]", entries.join(","));
            if let Some(hubs) = plain(&text) {
                prop_assert_eq!(hubs, parse_json(&text).unwrap());
            }
        }

        #[test]
        fn every_list_of_distinct_names_is_read_back(names in proptest::collection::hash_set("[a-z]{1,5}", 0..9)) {
            let entries: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
            let read = hubs(&serde_json::to_string(&entries).unwrap());
            prop_assert_eq!(read, names.into_iter().collect::<Vec<_>>());
        }
    }
}
