//! The results of an operation: one row for each account and Region.

use std::{fmt, sync::Arc};

/// One result of `ListStackSetOperationResults`; a `None` is left out of the response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The target account.
    pub account: Option<String>,
    /// The target Region.
    pub region: Option<String>,
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELLED`, or any other text.
    pub status: Option<String>,
    /// The reason for the status.
    pub status_reason: Option<String>,
    /// The result of the account gate.
    pub gate: Option<Gate>,
    /// The organizational unit; AWS writes `""` for self-managed stack sets.
    pub ou: Option<String>,
    /// After how many first pages the row appears.
    ///
    /// The list is eventually consistent, so a reader may find an operation whose rows are not all there yet. Time is
    /// counted in first pages: the calls of `ListStackSetOperationResults` without a token, filtered or not, that were
    /// answered for this operation. The pages that follow a first page show the rows of the same time.
    pub visible_from: usize,
    /// After this many first pages the row is replaced by the other one.
    pub later: Option<(usize, Box<Row>)>,
}

/// The `AccountGateResult` of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// `SUCCEEDED`, `FAILED` or `SKIPPED`.
    pub status: Option<String>,
    /// The reason for the status.
    pub status_reason: Option<String>,
}

impl Row {
    /// A row with only account, Region and status.
    pub fn new(account: &str, region: &str, status: &str) -> Self {
        Self {
            account: Some(account.to_owned()),
            region: Some(region.to_owned()),
            status: Some(status.to_owned()),
            ..Self::default()
        }
    }

    /// A target that succeeded.
    pub fn succeeded(account: &str, region: &str) -> Self {
        Self::new(account, region, "SUCCEEDED")
    }

    /// A target that failed.
    pub fn failed(account: &str, region: &str, reason: &str) -> Self {
        Self::new(account, region, "FAILED").reason(reason)
    }

    /// A target that was cancelled because others failed or somebody stopped the operation.
    pub fn cancelled(account: &str, region: &str, reason: &str) -> Self {
        Self::new(account, region, "CANCELLED").reason(reason)
    }

    /// A target that was not started yet.
    pub fn pending(account: &str, region: &str) -> Self {
        Self::new(account, region, "PENDING")
    }

    /// A target that is being worked on.
    pub fn running(account: &str, region: &str) -> Self {
        Self::new(account, region, "RUNNING")
    }

    /// Sets the reason.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.status_reason = Some(reason.to_owned());
        self
    }

    /// Sets the account gate's result with a reason.
    #[must_use]
    pub fn gate(mut self, status: &str, reason: &str) -> Self {
        self.gate = Some(Gate { status: Some(status.to_owned()), status_reason: Some(reason.to_owned()) });
        self
    }

    /// Sets the account gate's result to SUCCEEDED, for which AWS gives no reason.
    #[must_use]
    pub fn gate_passed(mut self) -> Self {
        self.gate = Some(Gate { status: Some("SUCCEEDED".to_owned()), status_reason: None });
        self
    }

    /// Sets the organizational unit.
    #[must_use]
    pub fn ou(mut self, ou: &str) -> Self {
        self.ou = Some(ou.to_owned());
        self
    }

    /// Hides the row until this many first pages were answered.
    #[must_use]
    pub fn visible_from(mut self, calls: usize) -> Self {
        self.visible_from = calls;
        self
    }

    /// Replaces the row by `row`, which may be replaced later itself, after this many first pages.
    #[must_use]
    pub fn later(mut self, calls: usize, row: Row) -> Self {
        self.later = Some((calls, Box::new(row)));
        self
    }

    /// The row after this many first pages; `None` while it does not appear yet.
    pub fn at(&self, first_pages: usize) -> Option<&Row> {
        if first_pages < self.visible_from {
            return None;
        }
        match &self.later {
            Some((from, later)) if first_pages >= *from => later.at(first_pages),
            _ => Some(self),
        }
    }

    pub(crate) fn changes(&self) -> bool {
        self.visible_from > 0 || self.later.is_some()
    }
}

/// The rows of an operation.
#[derive(Clone)]
pub enum Rows {
    /// A list.
    Listed(Vec<Row>),
    /// Made on demand, so that 100,000 of them need no memory.
    Generated {
        /// How many there are.
        count: usize,
        /// Makes the row with this number, from 0; it must make the same row every time.
        row: Arc<dyn Fn(usize) -> Row + Send + Sync>,
    },
}

impl Rows {
    /// Rows made on demand by a function.
    pub fn generated(count: usize, row: impl Fn(usize) -> Row + Send + Sync + 'static) -> Self {
        Self::Generated { count, row: Arc::new(row) }
    }

    /// How many there are, hidden ones included.
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(rows) => rows.len(),
            Self::Generated { count, .. } => *count,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `visit` with the row.
    pub fn with<R>(&self, index: usize, visit: impl FnOnce(&Row) -> R) -> Option<R> {
        match self {
            Self::Listed(rows) => rows.get(index).map(visit),
            Self::Generated { count, row } => (index < *count).then(|| visit(&row(index))),
        }
    }

    /// How many rows have this status in the end.
    pub fn count_status(&self, status: &str) -> usize {
        (0..self.len())
            .filter(|&index| {
                self.with(index, |row| row.at(usize::MAX).and_then(|row| row.status.as_deref()) == Some(status))
                    == Some(true)
            })
            .count()
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Self::Listed(rows)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(rows) => f.debug_tuple("Listed").field(rows).finish(),
            Self::Generated { count, .. } => f.debug_struct("Generated").field("count", count).finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Rows};

    #[test]
    fn a_row_appears_and_then_changes() {
        let row = Row::pending("111111111111", "eu-west-1").visible_from(1).later(
            3,
            Row::running("111111111111", "eu-west-1")
                .later(4, Row::failed("111111111111", "eu-west-1", "Internal Failure")),
        );
        let statuses: Vec<_> =
            (0..5).map(|first_pages| row.at(first_pages).and_then(|row| row.status.as_deref())).collect();
        assert_eq!(statuses, [None, Some("PENDING"), Some("PENDING"), Some("RUNNING"), Some("FAILED")]);
        assert_eq!(Rows::from(vec![row]).count_status("FAILED"), 1);
    }
}
