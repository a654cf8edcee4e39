//! Finds the first rule of a table that fits a text.

use std::collections::BTreeMap;

use super::cause::Code;
use super::rules::Rule;

/// A text in which phrases are looked for, whatever their case.
pub(super) struct Text<'a> {
    text: &'a str,
    /// Where its words begin, by their first two bytes in lower case; `None` if phrases need not be words.
    words: Option<BTreeMap<[u8; 2], Vec<usize>>>,
}

impl<'a> Text<'a> {
    /// Phrases stand where words of the text do.
    pub(super) fn of_words(text: &'a str) -> Self {
        let mut words: BTreeMap<[u8; 2], Vec<usize>> = BTreeMap::new();
        for (at, pair) in text.as_bytes().array_windows::<2>().enumerate() {
            if pair[0].is_ascii_alphanumeric() && !is_word(text, at.checked_sub(1)) {
                words.entry(pair.map(|byte| byte.to_ascii_lowercase())).or_default().push(at);
            }
        }
        Self { text, words: Some(words) }
    }

    /// Codes may stand inside another.
    pub(super) fn of_codes(text: &'a str) -> Self {
        Self { text, words: None }
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
        let first = phrase.as_bytes().first_chunk::<2>().filter(|pair| pair[0].is_ascii_alphanumeric());
        match self.words.as_ref().zip(first) {
            Some((words, first)) => {
                let starts = words.get(&first.map(|byte| byte.to_ascii_lowercase()));
                starts.into_iter().flatten().any(|&start| self.has_at(start, phrase))
            }
            None => (0..self.text.len()).any(|start| self.has_at(start, phrase.trim_start_matches('*'))),
        }
    }

    fn has_at(&self, start: usize, phrase: &str) -> bool {
        let end = start + phrase.len();
        let found = self.text.as_bytes().get(start..end);
        found.is_some_and(|found| found.eq_ignore_ascii_case(phrase.as_bytes()))
            && (self.words.is_none() || ends_word(self.text, end))
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
