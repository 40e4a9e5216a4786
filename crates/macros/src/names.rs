//! Names: from Rust's spelling to the wire's, and from a mistyped word to the one that was meant.

use proc_macro2::Ident;
use syn::ext::IdentExt;

/// Names that are further from what was written than this are no help.
const NEAR: usize = 4;

/// `send_message` becomes `sendMessage`.
pub(crate) fn camel_case(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let mut parts = name.split('_').filter(|part| !part.is_empty());
    let first = parts.next().map_or_else(|| name.clone(), |part| with_first(part, char::to_lowercase));
    parts.fold(first, |all, part| all + &with_first(part, char::to_uppercase))
}

fn with_first<I: Iterator<Item = char>>(part: &str, change: fn(char) -> I) -> String {
    let mut letters = part.chars();
    letters.next().map(|first| change(first).chain(letters).collect()).unwrap_or_default()
}

/// An error about a key that does not exist: says which do, the nearest first.
pub(crate) fn unknown_key(path: &syn::Path, place: &str, known: &[&str]) -> syn::Error {
    let written = path.get_ident().map(ToString::to_string).unwrap_or_default();
    let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, &written));
    let near =
        nearest.filter(|known| strsim::damerau_levenshtein(known, &written) <= NEAR && !written.is_empty());
    let all = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    syn::Error::new_spanned(path, format!("unknown key in `{place}`{hint} (known: {all})"))
}

#[cfg(test)]
mod tests {
    use quote::format_ident;

    use super::*;

    #[test]
    fn rust_names_become_camel_case() {
        let cases = [
            ("send", "send"),
            ("send_message", "sendMessage"),
            ("overload_2", "overload2"),
            ("r#type", "type"),
            ("_hidden", "hidden"),
            ("qs", "qs"),
            ("Already", "already"),
        ];
        for (rust, wire) in cases {
            let ident = match rust.strip_prefix("r#") {
                Some(raw) => Ident::new_raw(raw, proc_macro2::Span::call_site()),
                None => format_ident!("{rust}"),
            };
            assert_eq!(camel_case(&ident), wire);
        }
    }
}
