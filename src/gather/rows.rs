//! Rows by what may still become of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use foldhash::fast::RandomState;

use crate::operation::{ResultStatus, TargetResult};
use crate::report::Fold;

/// A target, by a fingerprint of its account and Region.
pub(super) type Key = u64;

/// `None` for a row that lacks either: it cannot be followed from one reading to the next.
pub(super) fn key(row: &TargetResult) -> Option<Key> {
    let target = row.target()?;
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    Some(hasher.finish())
}

/// Rows of one status that is an end, and which targets they are of.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) fold: Fold,
    pub(super) targets: HashSet<Key, RandomState>,
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
        self.fold.add(row);
    }

    pub(super) fn rows(&self) -> u64 {
        self.fold.counts().total
    }
}

/// A row that is RUNNING or PENDING.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) row: TargetResult,
    /// Listed only when results were read again: it may be late, or one that had succeeded before.
    pub(super) stranger: bool,
    /// Not listed with any status when results were last read again.
    pub(super) missing: bool,
}

/// Rows by what may still become of them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// SUCCEEDED, and what is not known.
    pub(super) settled: Fold,
    pub(super) failed: Ended,
    pub(super) cancelled: Ended,
    pub(super) open: Vec<Open>,
}

impl Rows {
    pub(super) fn add(&mut self, row: TargetResult) {
        match row.status {
            Some(ResultStatus::Failed) => self.failed.add(row),
            Some(ResultStatus::Cancelled) => self.cancelled.add(row),
            Some(ResultStatus::Running | ResultStatus::Pending) => {
                self.open.push(Open { row, stranger: false, missing: false });
            }
            _ => self.settled.add(row),
        }
    }

    pub(super) fn has_ended(&self, key: Key) -> bool {
        self.failed.targets.contains(&key) || self.cancelled.targets.contains(&key)
    }

    /// Forgets the open rows of targets that have ended meanwhile: pages are read one after the other.
    pub(super) fn drop_what_ended(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.open = open.into_iter().filter(|open| key(&open.row).is_none_or(|key| !self.has_ended(key))).collect();
    }

    pub(super) fn repeated(&self) -> u64 {
        self.failed.repeated + self.cancelled.repeated
    }

    /// Targets that are known for certain.
    pub(super) fn targets(&self) -> u64 {
        let open = self.open.iter().filter(|open| !open.stranger).count() as u64;
        self.settled.counts().total + self.failed.rows() + self.cancelled.rows() + open - self.repeated()
    }

    pub(super) fn into_fold(self) -> Fold {
        let mut fold = self.settled;
        self.open.into_iter().for_each(|open| fold.add(open.row));
        fold.merge(self.failed.fold);
        fold.merge(self.cancelled.fold);
        fold
    }
}
