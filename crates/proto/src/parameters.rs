//! The parameters of a request, from its query string or from its form.
//!
//! Clients of twelve years write them in many ways: unescaped JSON in the query, forms without a content type,
//! `+` for a space. So reading never fails: what cannot be decoded stays as it is.

/// How many `name=value` pairs of one request are read; the rest is ignored. Official clients send about ten. The
/// bound keeps the search for repeated names, which compares every pair with those before, cheap.
pub const MAX_PAIRS: usize = 1000;

/// Parameters in the order of their first occurrence. Names compare without case (of ASCII letters); the values of
/// a repeated name are joined with commas.
///
/// # Examples
///
/// ```
/// use heliostat_proto::parameters::Parameters;
///
/// let query = Parameters::from_query("transport=webSockets&connectionData=[{\"name\":\"chat\"}]&q=a+b%2Bc");
/// assert_eq!(query.get("Transport"), Some("webSockets"));
/// assert_eq!(query.get("connectionData"), Some(r#"[{"name":"chat"}]"#));
/// assert_eq!(query.get("q"), Some("a b+c"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Names and values, decoded, one after the other: parameters are kept as long as a connection, so they are kept small.
    text: Box<str>,
    pairs: Box<[Pair]>,
}

/// Where in the text a name and its value end. It begins where the pair before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    name_end: usize,
    value_end: usize,
}

impl Parameters {
    /// Reads a query string (without its `?`). A semicolon separates pairs as an ampersand does.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        Self::read(query.as_bytes(), |byte| matches!(byte, b'&' | b';'))
    }

    /// Reads the body of a form, whatever content type it has. Only ampersands separate pairs.
    #[must_use]
    pub fn from_form(body: &[u8]) -> Self {
        Self::read(body, |byte| byte == b'&')
    }

    fn read(text: &[u8], separates: impl Fn(u8) -> bool) -> Self {
        let mut read = Reading { text: String::with_capacity(text.len()), pairs: Vec::new() };
        let pairs = text.split(|&byte| separates(byte)).filter(|pair| !pair.is_empty());
        for pair in pairs.take(MAX_PAIRS) {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            read.add(halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        }
        Self { text: read.text.into(), pairs: read.pairs.into() }
    }

    /// The value of a parameter, which may be empty; `None` if it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All names and values, in the order of the names' first occurrence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.text, &self.pairs)
    }
}

/// Parameters that are being read.
struct Reading {
    text: String,
    pairs: Vec<Pair>,
}

impl Reading {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        decode(name, &mut self.text);
        let name_end = self.text.len();
        let (before, name) = self.text.split_at(start);
        let known = entries(before, &self.pairs).position(|(known, _)| known.eq_ignore_ascii_case(name));
        match known {
            None => {
                decode(value, &mut self.text);
                self.pairs.push(Pair { name_end, value_end: self.text.len() });
            }
            Some(index) => {
                self.text.truncate(start);
                let mut more = String::from(",");
                decode(value, &mut more);
                self.join(index, &more);
            }
        }
    }

    /// Appends to a value; what lies behind it moves.
    fn join(&mut self, index: usize, more: &str) {
        if let Some(pair) = self.pairs.get(index) {
            self.text.insert_str(pair.value_end, more);
        }
        for (behind, pair) in self.pairs.iter_mut().skip(index).enumerate() {
            pair.value_end += more.len();
            if behind > 0 {
                pair.name_end += more.len();
            }
        }
    }
}

fn entries<'a>(text: &'a str, pairs: &'a [Pair]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut start = 0;
    pairs.iter().map(move |pair| {
        let name = text.get(start..pair.name_end).unwrap_or_default();
        start = pair.value_end;
        (name, text.get(pair.name_end..pair.value_end).unwrap_or_default())
    })
}

/// Appends the decoded text: `+` is a space and `%XX` a byte; any other `%` is itself. Bytes that are not UTF-8 become U+FFFD.
fn decode(mut text: &[u8], out: &mut String) {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return out.push_str(&String::from_utf8_lossy(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        let (byte, rest) = match text {
            [] => break,
            [b'+', rest @ ..] => (b' ', rest),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) << 4 | hex_value(*low), rest)
            }
            [byte, rest @ ..] => (*byte, rest),
        };
        bytes.push(byte);
        text = rest;
    }
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// The value of a hexadecimal digit. Anything else is 0, but nobody asks.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(parameters: &Parameters) -> Vec<(&str, &str)> {
        parameters.iter().collect()
    }

    #[test]
    fn cp_018_cp_019_a_form_is_parsed_from_its_bytes_alone() {
        let form = Parameters::from_form(b"data=%7B%22H%22%3A%22chathub%22%7D");
        assert_eq!(form.get("data"), Some(r#"{"H":"chathub"}"#));
    }

    #[test]
    fn cp_020_an_empty_body_has_no_parameters() {
        assert_eq!(Parameters::from_form(b""), Parameters::default());
        assert_eq!(Parameters::from_query("").iter().count(), 0);
        assert_eq!(pairs(&Parameters::from_query("&&;&")), []);
    }

    #[test]
    fn cp_021_plus_is_a_space_and_percent_2b_is_a_plus() {
        // Recording extra/send-plus-and-percent.
        let sent = "data=%5B%22a+b%2Bc%25%26%3D%22%5D";
        assert_eq!(Parameters::from_query(sent).get("data"), Some(r#"["a b+c%&="]"#));
        assert_eq!(Parameters::from_form(sent.as_bytes()).get("data"), Some(r#"["a b+c%&="]"#));
    }

    #[test]
    fn cp_022_unescaped_brackets_braces_quotes_bars_and_colons_are_accepted() {
        let query = Parameters::from_query(r#"connectionData=[{"Name":"ChatHub"}]&messageId=d-1-A,0|B,1"#);
        assert_eq!(query.get("connectionData"), Some(r#"[{"Name":"ChatHub"}]"#));
        assert_eq!(query.get("messageId"), Some("d-1-A,0|B,1"));
    }

    #[test]
    fn cp_023_names_are_matched_without_case_and_repeated_values_are_joined() {
        let query = Parameters::from_query("a=1&B=2&A=3&b");
        assert_eq!(pairs(&query), [("a", "1,3"), ("B", "2,")]);
        assert_eq!(query.get("b"), Some("2,"));
    }

    #[test]
    fn cp_024_unknown_parameters_are_visible() {
        let query = Parameters::from_query("tid=3&_=1700000000001&user=ann&flag&=x&e==");
        assert_eq!(
            pairs(&query),
            [("tid", "3"), ("_", "1700000000001"), ("user", "ann"), ("flag", ""), ("", "x"), ("e", "=")]
        );
    }

    #[test]
    fn bad_escapes_stay_as_text_and_bad_utf8_becomes_the_replacement_character() {
        let query = Parameters::from_query("a=100%&b=%zz&c=%4&d=%41%&e=%FF%FE&f=%C3%A9");
        let values: Vec<_> = query.iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["100%", "%zz", "%4", "A%", "\u{FFFD}\u{FFFD}", "é"]);
    }

    #[test]
    fn a_semicolon_separates_in_a_query_and_not_in_a_form() {
        assert_eq!(pairs(&Parameters::from_query("a=1;b=2")), [("a", "1"), ("b", "2")]);
        assert_eq!(pairs(&Parameters::from_form(b"a=1;b=2")), [("a", "1;b=2")]);
    }

    #[test]
    fn what_follows_the_thousandth_pair_is_ignored() {
        let query: String = (0..=MAX_PAIRS).map(|number| format!("p{number}=&")).collect();
        assert_eq!(Parameters::from_query(&query).iter().count(), MAX_PAIRS);
    }

    /// The escaping of clients: every byte as `%XX`.
    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn cp_106_any_text_survives_being_escaped(name in "[a-z]{1,4}", value: String) {
            let text = format!("{name}={}", escaped(&value));
            let query = Parameters::from_query(&text);
            prop_assert_eq!(pairs(&query), [(name.as_str(), value.as_str())]);
            prop_assert_eq!(Parameters::from_form(text.as_bytes()), query);
        }

        #[test]
        fn no_bytes_make_the_parser_panic_or_grow(bytes: Vec<u8>) {
            let form = Parameters::from_form(&bytes);
            let size: usize = form.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(size <= 3 * bytes.len());
            let _ = Parameters::from_query(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn no_escapes_make_the_parser_panic(text in "[%0-9a-fA-F+&;=x]{0,40}") {
            let _ = Parameters::from_query(&text);
        }
    }
}
