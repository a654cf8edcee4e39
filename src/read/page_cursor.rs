//! The chain of pages that every list is.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::ReadError;

/// Empty pages in a row that are taken; more would be a chain without an end.
const EMPTY_PAGES: u32 = 50;

/// Where a list stands: its next token, and what was read so far.
///
/// The SDK's paginator ends as success on a token that came before or is empty, which would end in a
/// list that is short without a word; and it takes a page that came before for another one.
#[derive(Debug, Default)]
pub(super) struct PageCursor {
    token: Option<String>,
    tokens: HashSet<u64>,
    contents: HashSet<u64>,
    pages: u64,
    rows: u64,
    empty_in_a_row: u32,
    ended: bool,
    is_broken: bool,
}

impl PageCursor {
    /// Whether the last page was read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The number of the page that comes next, from 1; of the last one where its content broke the chain.
    pub(super) fn page(&self) -> u64 {
        self.pages + u64::from(!self.is_broken)
    }

    /// The token to ask the next page with; `None` for the first.
    pub(super) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Goes on by a page with so many rows that hands out this token; `ends` identifies it by its first and its
    /// last row.
    ///
    /// # Errors
    /// [`ReadError`] when the chain is broken there; `subject` says what was being read.
    pub(super) fn advance(
        &mut self,
        rows: usize,
        ends: Option<impl Hash>,
        next: Option<String>,
        subject: impl Fn() -> String,
    ) -> Result<(), ReadError> {
        self.pages += 1;
        self.rows += rows as u64;
        self.empty_in_a_row = if rows == 0 { self.empty_in_a_row + 1 } else { 0 };
        self.ended = next.is_none();
        let is_new = ends.is_none_or(|ends| self.contents.insert(fingerprint((rows, ends))));
        let how = match next {
            _ if !is_new => "lists the results of an earlier page once more",
            Some(_) if self.empty_in_a_row >= EMPTY_PAGES => {
                "hands out after many pages without rows yet another token for the next page"
            }
            Some(next) if next.is_empty() => "hands out an empty token for the next page",
            Some(next) if !self.tokens.insert(fingerprint(&next)) => {
                "hands out an already used token for the next page"
            }
            token => {
                self.token = token;
                return Ok(());
            }
        };
        self.is_broken = true;
        let (pages, rows) = (self.pages, self.rows);
        Err(ReadError::broken(format!("{}: page {pages} {how}, so {rows} rows may not be all", subject())))
    }
}

/// Tokens are up to 1 KiB each and there may be 1,000 of them: their hashes are enough.
fn fingerprint(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
