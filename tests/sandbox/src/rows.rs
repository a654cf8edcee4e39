//! The rows of an operation: one for each account and Region.

use std::{fmt, sync::Arc};

/// One result of `ListStackSetOperationResults`; a `None` is left out of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The target account.
    pub account: Option<String>,
    /// The target Region.
    pub region: Option<String>,
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELLED`, or something new.
    pub status: Option<String>,
    /// Why the row has its status.
    pub status_reason: Option<String>,
    /// What became of the account gate.
    pub gate: Option<Gate>,
    /// The organizational unit; AWS writes `""` for self-managed stack sets.
    pub ou: Option<String>,
    /// How many earlier first-page calls it takes until the row appears at all.
    ///
    /// The list is eventually consistent, so a reader may meet an operation whose rows are not all there yet. The
    /// clock is the number of `ListStackSetOperationResults` calls without a token, filtered or not, that were
    /// answered for this operation before; the pages that follow a first page share its reading.
    pub visible_from: usize,
    /// After that many earlier first-page calls the row reads as this other one.
    pub later: Option<(usize, Box<Row>)>,
}

/// The `AccountGateResult` of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// `SUCCEEDED`, `FAILED` or `SKIPPED`.
    pub status: Option<String>,
    /// Why.
    pub status_reason: Option<String>,
}

impl Row {
    /// A row with account, Region and status and nothing else.
    pub fn new(account: &str, region: &str, status: &str) -> Self {
        Self {
            account: Some(account.to_owned()),
            region: Some(region.to_owned()),
            status: Some(status.to_owned()),
            ..Self::default()
        }
    }

    /// A target that worked.
    pub fn succeeded(account: &str, region: &str) -> Self {
        Self::new(account, region, "SUCCEEDED")
    }

    /// A target that failed.
    pub fn failed(account: &str, region: &str, reason: &str) -> Self {
        Self::new(account, region, "FAILED").reason(reason)
    }

    /// A target that was given up because others failed or somebody stopped the operation.
    pub fn cancelled(account: &str, region: &str, reason: &str) -> Self {
        Self::new(account, region, "CANCELLED").reason(reason)
    }

    /// A target that waits for its turn.
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

    /// Records that the gate let the target pass, for which AWS gives no reason.
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

    /// Hides the row until that many first-page calls were answered.
    #[must_use]
    pub fn visible_from(mut self, calls: usize) -> Self {
        self.visible_from = calls;
        self
    }

    /// After that many first-page calls the row reads as `row`, which may itself have a later reading.
    #[must_use]
    pub fn later(mut self, calls: usize, row: Row) -> Self {
        self.later = Some((calls, Box::new(row)));
        self
    }

    /// How the row reads after `calls` answered first-page calls; `None` while it is not there yet.
    pub fn at(&self, calls: usize) -> Option<&Row> {
        if calls < self.visible_from {
            return None;
        }
        match &self.later {
            Some((from, later)) if calls >= *from => later.at(calls),
            _ => Some(self),
        }
    }

    pub(crate) fn changes(&self) -> bool {
        self.visible_from > 0 || self.later.is_some()
    }
}

/// Where an operation's rows come from.
#[derive(Clone)]
pub enum Rows {
    /// Written down.
    Listed(Vec<Row>),
    /// Made when they are asked for, so that 100,000 of them cost no memory.
    Generated {
        /// How many there are.
        count: usize,
        /// Makes the row with that number; it must give the same row every time.
        row: Arc<dyn Fn(usize) -> Row + Send + Sync>,
    },
}

impl Rows {
    /// Rows made by a function.
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

    /// Calls `visit` with the row, which may have to be made first.
    pub fn with<R>(&self, index: usize, visit: impl FnOnce(&Row) -> R) -> Option<R> {
        match self {
            Self::Listed(rows) => rows.get(index).map(visit),
            Self::Generated { count, row } => (index < *count).then(|| visit(&row(index))),
        }
    }

    /// How many rows have this status once all of them have appeared and settled.
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
        let seen: Vec<_> = (0..5).map(|calls| row.at(calls).and_then(|row| row.status.as_deref())).collect();
        assert_eq!(seen, [None, Some("PENDING"), Some("PENDING"), Some("RUNNING"), Some("FAILED")]);
        assert_eq!(Rows::from(vec![row]).count_status("FAILED"), 1);
    }
}
