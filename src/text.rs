//! What a text from outside may be: AWS's, a customer's, a caller's.
//!
//! Everything that comes in is cleaned here once, and again before a person sees it.

/// A text on one line: whitespace and control characters become one space, and what nobody can see goes.
///
/// A control that turns the words around it becomes `\u{fffd}`: without it the text reads differently. A
/// joiner stays between letters or signs of scripts and emoji that need one.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            _ if char.is_whitespace() || char.is_control() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            '\u{200c}' | '\u{200d}' => {
                let joins = |neighbour: Option<char>| neighbour.is_some_and(|c| !c.is_ascii() && !is_invisible(c));
                if joins(out.chars().next_back()) && joins(rest.peek().copied()) {
                    out.push(char);
                }
            }
            _ if is_invisible(char) => {}
            _ => out.push(char),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether a character takes no room and changes nothing that a person could see.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_goes_and_what_scripts_need_stays() {
        for (text, wanted) in [
            (" a\r\n\tb\u{0}c ", "a b c"),
            ("x\u{200b}y\u{feff}z\u{ad}", "xyz"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("\u{1f468}\u{200d}\u{1f4bb}", "\u{1f468}\u{200d}\u{1f4bb}"),
            ("a\u{200d}b", "ab"),
            (
                "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
                "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            ),
            ("tag\u{e0041}", "tag"),
        ] {
            assert_eq!(clean(text), wanted);
        }
    }
}
