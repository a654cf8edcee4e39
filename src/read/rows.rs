//! Rows by what may still become of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::operation::{ResultStatus, TargetResult};
use crate::report::{EarlierFailures, ReportBuilder};

/// A target, by a fingerprint of its account and Region.
pub(super) type Key = u64;

/// `None` for a row that lacks either: it cannot be followed from one reading to the next.
pub(super) fn key(row: &TargetResult) -> Option<Key> {
    row.target().map(|target| {
        let mut hasher = DefaultHasher::new();
        target.hash(&mut hasher);
        hasher.finish()
    })
}

/// Rows of one status that is an end, and which targets they are of.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) builder: ReportBuilder,
    pub(super) targets: HashSet<Key>,
    /// Rows of a target that another row was of.
    pub(super) repeated: u64,
}

impl Ended {
    pub(super) fn add(&mut self, row: TargetResult) {
        if let Some(key) = key(&row)
            && !self.targets.insert(key)
        {
            self.repeated += 1;
        }
        self.builder.add(row);
    }

    pub(super) fn rows(&self) -> u64 {
        self.builder.counts().total
    }
}

/// A row that is RUNNING or PENDING.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) row: TargetResult,
    /// Listed only when results were read again: it may be late, or one that had succeeded before.
    pub(super) is_new: bool,
    /// Not listed with any status when results were last read again.
    pub(super) missing: bool,
}

impl Open {
    pub(super) fn is_running(&self) -> bool {
        self.row.status == Some(ResultStatus::Running)
    }
}

/// Rows by what may still become of them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// SUCCEEDED, and what is not known.
    pub(super) settled: ReportBuilder,
    pub(super) failed: Ended,
    pub(super) cancelled: Ended,
    pub(super) open: Vec<Open>,
}

impl Rows {
    /// None yet; those that come are compared with what failed before.
    pub(super) fn compared_with(earlier: Option<Arc<EarlierFailures>>) -> Self {
        Self { settled: ReportBuilder::compared_with(earlier), ..Self::default() }
    }

    pub(super) fn add(&mut self, row: TargetResult) {
        match row.status {
            Some(ResultStatus::Failed) => self.failed.add(row),
            Some(ResultStatus::Cancelled) => self.cancelled.add(row),
            Some(ResultStatus::Running | ResultStatus::Pending) => {
                self.open.push(Open { row, is_new: false, missing: false });
            }
            _ => self.settled.add(row),
        }
    }

    /// Takes failed or cancelled rows that were read by status in place of those known before, unless
    /// they are fewer because the list was cut short.
    pub(super) fn replace_ended(&mut self, status: &ResultStatus, ended: Ended, is_whole: bool) {
        let known = if *status == ResultStatus::Failed { &mut self.failed } else { &mut self.cancelled };
        if is_whole || ended.rows() > known.rows() {
            *known = ended;
        }
    }

    /// Adds rows that have not ended, except those whose targets are known already.
    pub(super) fn add_open_once(&mut self, rows: Vec<TargetResult>) {
        let known: HashSet<Key> = self.open.iter().filter_map(|open| key(&open.row)).collect();
        rows.into_iter().filter(|row| key(row).is_some_and(|key| !known.contains(&key))).for_each(|row| self.add(row));
    }

    pub(super) fn has_ended(&self, key: Key) -> bool {
        self.failed.targets.contains(&key) || self.cancelled.targets.contains(&key)
    }

    /// Forgets the open rows of targets that have ended meanwhile: pages are read one after the other.
    pub(super) fn drop_what_ended(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.open = open.into_iter().filter(|open| key(&open.row).is_none_or(|key| !self.has_ended(key))).collect();
    }

    /// Whether no target is listed with two of FAILED, CANCELLED, RUNNING and PENDING, or twice with one.
    pub(super) fn are_distinct(&self) -> bool {
        let mut open = HashSet::new();
        let is_new = |row: &TargetResult| key(row).is_none_or(|key| open.insert(key) && !self.has_ended(key));
        self.repeated() == 0
            && self.failed.targets.is_disjoint(&self.cancelled.targets)
            && self.open.iter().map(|open| &open.row).all(is_new)
    }

    pub(super) fn repeated(&self) -> u64 {
        self.failed.repeated + self.cancelled.repeated
    }

    /// Targets that are known for certain.
    pub(super) fn targets(&self) -> u64 {
        let open = self.open.iter().filter(|open| !open.is_new).count() as u64;
        self.settled.counts().total + self.failed.rows() + self.cancelled.rows() + open - self.repeated()
    }

    pub(super) fn into_builder(self) -> ReportBuilder {
        let mut builder = self.settled;
        self.open.into_iter().for_each(|open| builder.add(open.row));
        builder.merge(self.failed.builder);
        builder.merge(self.cancelled.builder);
        builder
    }
}
