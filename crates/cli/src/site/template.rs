//! Pages with blanks: `{{name}}` is filled with text, `{{{name}}}` with HTML of our own.
//!
//! Text is escaped, so nothing that came from outside can become markup; that is why the two are written differently.

/// What goes into a blank.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill<'a> {
    Text(&'a str),
    Html(&'a str),
}

/// Fills the blanks of a template, each wherever it occurs.
pub(super) fn fill(template: &str, blanks: &[(&str, Fill<'_>)]) -> String {
    let mut rest = template;
    let mut page = String::with_capacity(template.len() * 2);
    // One pass, so that what was filled in is never searched for blanks.
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (open, close) = if after.starts_with('{') { ("{", "}}}") } else { ("", "}}") };
        let name_on = after.strip_prefix(open).unwrap_or(after);
        let Some((name, behind)) = name_on.split_once(close) else {
            page.push_str("{{");
            rest = after;
            continue;
        };
        match (blanks.iter().find(|(known, _)| *known == name).map(|(_, fill)| *fill), open) {
            (Some(Fill::Text(text)), "") => page.push_str(&escape(text)),
            (Some(Fill::Html(html)), "{") => page.push_str(html),
            // A blank of the other kind or without a filling is a mistake in a page of ours, found by the tests.
            _ => debug_assert!(false, "nothing fits the blank {name:?}"),
        }
        rest = behind;
    }
    page.push_str(rest);
    page
}

/// Text as it may stand in HTML, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_html_is_not() {
        let page =
            fill("<p>{{a}}</p>{{{b}}}", &[("a", Fill::Text("<i>\"&'")), ("b", Fill::Html("<b>ok</b>"))]);
        assert_eq!(page, "<p>&lt;i&gt;&quot;&amp;&#39;</p><b>ok</b>");
    }

    #[test]
    fn what_was_filled_in_is_not_filled_again() {
        assert_eq!(fill("{{a}}", &[("a", Fill::Text("{{a}}"))]), "{{a}}");
        assert_eq!(fill("a {{ b", &[]), "a {{ b");
    }
}
