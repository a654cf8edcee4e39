//! Finds the first rule of a table that fits a text.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::cause::Code;
use super::rules::Rule;

/// A table of rules, ready to be searched for in one pass over a text.
pub(super) struct Matcher {
    /// Searches all phrases of the table at once. Building fails only beyond billions of phrases.
    search: Option<AhoCorasick>,
    /// What each phrase means, in the order of the search's patterns.
    phrases: Vec<Phrase>,
    rules: &'static [Rule],
    whole_words: bool,
}

/// One phrase of a rule.
struct Phrase {
    rule: usize,
    /// The bit of the rule's group that the phrase stands in.
    group: u8,
    /// May begin inside a word of the text.
    anywhere: bool,
}

/// The bit of a rule's `unless`.
const UNLESS: u8 = 1 << 7;

impl Matcher {
    /// For a table of words: they stand where words of the text do.
    pub(super) fn of_words(rules: &'static [Rule]) -> Self {
        Self::new(rules, true)
    }

    /// For a table of codes: they may stand inside another.
    pub(super) fn of_codes(rules: &'static [Rule]) -> Self {
        Self::new(rules, false)
    }

    fn new(rules: &'static [Rule], whole_words: bool) -> Self {
        let (mut patterns, mut phrases) = (Vec::new(), Vec::new());
        for (rule, Rule { groups, unless, .. }) in rules.iter().enumerate() {
            let groups = groups.iter().enumerate().map(|(i, group)| (1 << i, group)).chain([(UNLESS, unless)]);
            for (group, phrase) in groups.flat_map(|(bit, group)| group.iter().map(move |phrase| (bit, phrase))) {
                let bare = phrase.trim_start_matches('*');
                let anywhere =
                    !whole_words || bare != *phrase || !bare.starts_with(|c: char| c.is_ascii_alphanumeric());
                patterns.push(bare);
                phrases.push(Phrase { rule, group, anywhere });
            }
        }
        // The automaton that is quickest to build: that is part of a cold start, and few texts are searched.
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .prefilter(false)
            .build(patterns)
            .ok();
        Self { search, phrases, rules, whole_words }
    }

    /// The code of the first rule that fits `text`.
    pub(super) fn first(&self, text: &str) -> Option<Code> {
        let mut found = vec![0_u8; self.rules.len()];
        for hit in self.search.iter().flat_map(|search| search.find_overlapping_iter(text)) {
            let Some(phrase) = self.phrases.get(hit.pattern().as_usize()) else { continue };
            let begins = phrase.anywhere || !is_word(text, hit.start().checked_sub(1));
            if let Some(groups) = found.get_mut(phrase.rule).filter(|_| begins)
                && (!self.whole_words || ends_word(text, hit.end()))
            {
                *groups |= phrase.group;
            }
        }
        self.rules.iter().zip(found).find(|(rule, found)| *found == rule.all_groups()).map(|(rule, _)| rule.code)
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
