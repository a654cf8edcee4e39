//! Finds the first rule of a table that fits a text, in one pass over the text.
//!
//! An automaton of all words would be quicker to search, but takes longer to build than a process has
//! distinct texts to ask it for.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::cause::Code;
use super::rules::Rule;

/// A table of rules, made ready to search.
pub(super) struct Matcher {
    /// All words of the table, in lower case; they are known by their place here.
    words: Vec<&'static str>,
    /// By their first byte, the words that must begin where a word of the text does.
    at_words: Vec<Vec<Begun>>,
    /// By their first byte, the words that may begin anywhere.
    anywhere: Vec<Vec<Begun>>,
    /// Whether a word must end where one of the text does, or be continued in lower case.
    ends_word: bool,
    /// The rules in order, their words as numbers.
    rules: Vec<Numbered>,
}

/// A word whose first byte is there.
struct Begun {
    /// Its second byte, if it has one: most words can be told from the text by that alone.
    second: Option<u8>,
    number: usize,
}

struct Numbered {
    code: Code,
    /// Each group needs one of its words in the text.
    groups: Vec<Vec<usize>>,
    /// None of these may be in the text.
    unless: Vec<usize>,
}

impl Matcher {
    /// For a table of words: they stand where words of the text do.
    pub(super) fn of_words(table: &'static [Rule]) -> Self {
        Self::new(table, true)
    }

    /// For a table of codes: they may stand inside another.
    pub(super) fn of_codes(table: &'static [Rule]) -> Self {
        Self::new(table, false)
    }

    fn new(table: &'static [Rule], whole_words: bool) -> Self {
        let mut words = Words::with_room_for(table);
        let rules = table
            .iter()
            .map(|rule| Numbered {
                code: rule.code,
                groups: rule
                    .groups()
                    .into_iter()
                    .filter(|group| !group.is_empty())
                    .map(|group| words.numbers(group))
                    .collect(),
                unless: words.numbers(rule.unless),
            })
            .collect();
        let mut matcher = Self {
            words: words.all.iter().map(|word| word.trim_start_matches('*')).collect(),
            at_words: (0..256).map(|_| Vec::new()).collect(),
            anywhere: (0..256).map(|_| Vec::new()).collect(),
            ends_word: whole_words,
            rules,
        };
        for (number, word) in words.all.iter().enumerate() {
            let at_word = whole_words && word.starts_with(|c: char| c.is_ascii_alphanumeric());
            let lists = if at_word { &mut matcher.at_words } else { &mut matcher.anywhere };
            let mut bytes = matcher.words.get(number).copied().unwrap_or_default().bytes();
            let first = bytes.next().unwrap_or_default();
            if let Some(list) = lists.get_mut(usize::from(first)) {
                list.push(Begun { second: bytes.next(), number });
            }
        }
        matcher
    }

    /// The code of the first rule that fits `text`.
    pub(super) fn first(&self, text: &str) -> Option<Code> {
        let lower = text.to_ascii_lowercase();
        let mut seen = Seen::for_words(self.words.len());
        let mut inside_word = false;
        for (at, &byte) in lower.as_bytes().iter().enumerate() {
            let rest = lower.as_bytes().get(at..).unwrap_or_default();
            let lists = [self.anywhere.get(usize::from(byte)), self.at_words.get(usize::from(byte))];
            let next = rest.get(1).copied();
            for &Begun { second, number } in lists.into_iter().take(if inside_word { 1 } else { 2 }).flatten().flatten()
            {
                if second.is_some() && second != next {
                    continue;
                }
                let word = self.words.get(number).copied().unwrap_or_default();
                if rest.starts_with(word.as_bytes()) && (!self.ends_word || ends_word(text, at + word.len())) {
                    seen.add(number);
                }
            }
            inside_word = byte.is_ascii_alphanumeric();
        }
        let fits = |rule: &&Numbered| rule.groups.iter().all(|group| seen.any(group)) && !seen.any(&rule.unless);
        self.rules.iter().find(fits).map(|rule| rule.code)
    }
}

/// Bytes in which a word's lower case ending must be over.
const LONGEST_ENDING: usize = 32;

/// Whether what was found up to `at` is a whole word, or goes on in lower case as plurals do.
///
/// `quota` is in "quotas", but not in `QuotaTopic`, which is somebody's name for a thing.
fn ends_word(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    if !at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric) {
        return true;
    }
    // No ending is longer; the bound keeps the search linear on hostile texts.
    let rest = bytes.get(at..bytes.len().min(at + LONGEST_ENDING)).unwrap_or_default();
    let continued = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    !rest.get(continued).is_some_and(u8::is_ascii_alphanumeric)
}

/// Distinct words of a table, each with a number.
struct Words {
    all: Vec<&'static str>,
    number: HashMap<&'static str, usize, RandomState>,
}

impl Words {
    /// All of the table's, were they distinct: growing would be most of the work.
    fn with_room_for(table: &[Rule]) -> Self {
        let in_rule = |rule: &Rule| rule.groups().iter().map(|group| group.len()).sum::<usize>() + rule.unless.len();
        let most = table.iter().map(in_rule).sum();
        let number = HashMap::with_capacity_and_hasher(most, RandomState::default());
        Self { all: Vec::with_capacity(most), number }
    }

    fn numbers(&mut self, group: &[&'static str]) -> Vec<usize> {
        let number = |word: &&'static str| {
            *self.number.entry(word).or_insert_with(|| {
                self.all.push(word);
                self.all.len() - 1
            })
        };
        group.iter().map(number).collect()
    }
}

/// Which words a text holds.
struct Seen(Vec<u64>);

impl Seen {
    fn for_words(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn add(&mut self, number: usize) {
        if let Some(bits) = self.0.get_mut(number / 64) {
            *bits |= 1 << (number % 64);
        }
    }

    fn any(&self, group: &[usize]) -> bool {
        group.iter().any(|number| self.0.get(number / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1))
    }
}
