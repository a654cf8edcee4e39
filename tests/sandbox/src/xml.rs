//! XML as the Query protocol writes it.

/// Appends `value` escaped for element text.
///
/// Line ends are written as references, because an XML reader turns a bare carriage return into a line feed.
/// Characters that XML 1.0 cannot hold become U+FFFD, because one of them would make the whole page unreadable.
pub(crate) fn text(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

/// Appends `<name>value</name>`.
pub(crate) fn element(out: &mut String, name: &str, value: &str) {
    open(out, name);
    text(out, value);
    close(out, name);
}

/// Appends the element if there is a value; a missing member is not the same as an empty one.
pub(crate) fn optional(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        element(out, name, value);
    }
}

/// Appends a number or a boolean if there is one.
pub(crate) fn scalar<T: ToString>(out: &mut String, name: &str, value: Option<T>) {
    if let Some(value) = value {
        element(out, name, &value.to_string());
    }
}

/// Appends a list; as in all Query answers, each item is a `<member>`.
pub(crate) fn list<T: AsRef<str>>(out: &mut String, name: &str, items: &[T]) {
    nested(out, name, |out| {
        for item in items {
            element(out, "member", item.as_ref());
        }
    });
}

/// Appends `<name>`, what `inner` writes, and `</name>`; `<name/>` if it writes nothing.
pub(crate) fn nested(out: &mut String, name: &str, inner: impl FnOnce(&mut String)) {
    open(out, name);
    let start = out.len();
    inner(out);
    if out.len() == start {
        out.insert(start - 1, '/');
    } else {
        close(out, name);
    }
}

fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::{list, nested, text};

    #[test]
    fn text_keeps_what_xml_can_hold_and_replaces_the_rest() {
        let mut out = String::new();
        text(&mut out, "a<b> & \"c\"\r\n\td\u{0}\u{1b}\u{ffff}é🦀");
        assert_eq!(out, "a&lt;b&gt; &amp; &quot;c&quot;&#xD;&#xA;&#x9;d\u{fffd}\u{fffd}\u{fffd}é🦀");
    }

    #[test]
    fn empty_lists_are_one_empty_element() {
        let mut out = String::new();
        list::<&str>(&mut out, "Summaries", &[]);
        nested(&mut out, "Outer", |out| list(out, "Inner", &["x"]));
        assert_eq!(out, "<Summaries/><Outer><Inner><member>x</member></Inner></Outer>");
    }
}
