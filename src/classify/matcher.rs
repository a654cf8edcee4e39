//! Finds the first rule of a table that fits a text.

use memchr::memmem;

use super::cause::Code;
use super::rules::Rule;

/// A text in which phrases are looked for, whatever their case.
pub(super) struct Text<'a> {
    text: &'a str,
    lower: String,
    whole_words: bool,
}

impl<'a> Text<'a> {
    /// Phrases stand where words of the text do.
    pub(super) fn of_words(text: &'a str) -> Self {
        Self { text, lower: text.to_ascii_lowercase(), whole_words: true }
    }

    /// Codes may stand inside another.
    pub(super) fn of_codes(text: &'a str) -> Self {
        Self { whole_words: false, ..Self::of_words(text) }
    }

    /// The code of the first rule that fits.
    pub(super) fn first(&self, rules: &[Rule]) -> Option<Code> {
        let has_one = |phrases: &[&str]| phrases.iter().any(|phrase| self.has(phrase));
        let fits =
            |rule: &&Rule| rule.groups.iter().all(|group| group.is_empty() || has_one(group)) && !has_one(rule.unless);
        rules.iter().find(fits).map(|rule| rule.code)
    }

    /// Whether a phrase is there; with an asterisk before it, it may begin inside a word.
    fn has(&self, phrase: &str) -> bool {
        let bare = phrase.trim_start_matches('*');
        let anywhere = !self.whole_words || bare != phrase || !bare.starts_with(|c: char| c.is_ascii_alphanumeric());
        let phrase = bare.to_ascii_lowercase();
        let mut from = 0;
        while let Some(at) = self.lower.as_bytes().get(from..).and_then(|rest| memmem::find(rest, phrase.as_bytes())) {
            let start = from + at;
            let begins = anywhere || !is_word(self.text, start.checked_sub(1));
            if begins && (!self.whole_words || ends_word(self.text, start + bare.len())) {
                return true;
            }
            from = start + 1;
        }
        false
    }
}

/// Bytes in which a word's lower-case ending must be over.
const LONGEST_ENDING: usize = 32;

/// Whether what was found up to `end` is a whole word, or goes on in lower case as plurals do.
///
/// `quota` is in "quotas", but not in `QuotaTopic`, which is the name of a resource.
fn ends_word(text: &str, end: usize) -> bool {
    if !is_word(text, end.checked_sub(1)) {
        return true;
    }
    // The bound keeps the search linear on hostile texts.
    let rest = text.as_bytes().get(end..).unwrap_or_default();
    let ending = rest.iter().take(LONGEST_ENDING).take_while(|byte| byte.is_ascii_lowercase()).count();
    !is_word(text, Some(end + ending))
}

fn is_word(text: &str, at: Option<usize>) -> bool {
    at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_alphanumeric)
}
