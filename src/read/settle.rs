//! Read again what has not settled.
//!
//! Results are eventually consistent: rows may still be RUNNING or PENDING, or fewer FAILED than the
//! operation counted, when its end is announced. So what has not settled is read again, by status, with
//! growing pauses.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::collect::{Collector, ReadLimits};
use super::rows::{Ended, Key, Open, key};
use super::{PAGE_SIZE, TargetResult};
use crate::error::ReadError;
use crate::numbers::count;
use crate::operation::{OperationStatus, ResultStatus};

/// Sets of so few pages are read whole again: that is as quick, and shows more.
const FEW_PAGES: u64 = 10;

impl Collector<'_> {
    /// Reads again what has not settled, until it has or time is up.
    ///
    /// What was read stands whatever becomes of that: an error loses nothing.
    pub(super) async fn settle(&mut self, limits: ReadLimits<'_>, rounds: &mut u32) -> Option<String> {
        let whole = self.pages.pages <= FEW_PAGES;
        let settle_until = limits.until.min(Instant::now() + limits.settle);
        let mut pause = limits.first_pause;
        while !self.agree() {
            let left = settle_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(pause.min(left)).await;
            *rounds += 1;
            let is_last = left <= pause;
            let read = if whole { self.read_all_again().await } else { self.read_open(is_last).await };
            self.rows.drop_what_ended();
            match read {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Some(format!("what had not settled could not be read again: {error}")),
            }
            // What is only to be confirmed need not wait longer and longer.
            let confirm = !self.rows.open.is_empty() && self.rows.open.iter().all(|open| self.has_succeeded(open));
            pause = if confirm { limits.first_pause } else { (pause * 2).min(limits.longest_pause) };
        }
        None
    }

    /// Whether all failures that CloudFormation itself counts are known; that count is strongly consistent,
    /// and no more come once the operation has ended.
    pub(super) fn knows_all_failed(&self) -> bool {
        self.described.status.is_terminal()
            && self.described.failed_expected == Some(self.rows.failed.rows())
            && self.rows.failed.repeated == 0
    }

    /// Whether as many targets are known as CloudFormation counts, if it does; that count is strongly consistent, too.
    ///
    /// Skipped targets are not waited for: it is not documented whether they are listed.
    fn knows_all_targets(&self) -> bool {
        let counted = self.described.totals.as_ref().map(|totals| &totals.all);
        let known = self.rows.targets() + counted.and_then(|all| all.skipped).unwrap_or(0);
        counted.and_then(|all| all.targets).is_none_or(|counted| known >= counted)
    }

    /// Whether a target that was open and is found nowhere now can only have succeeded.
    ///
    /// If it may have failed or been cancelled it is waited for: it can show itself late.
    fn has_succeeded(&self, open: &Open) -> bool {
        // Only what had not begun can be cancelled, and only in an operation that did not succeed.
        let cannot_be_cancelled = open.is_running() || self.described.status == OperationStatus::Succeeded;
        open.missing && self.knows_all_failed() && cannot_be_cancelled
    }

    /// Whether the rows agree with what the operation says of itself, and with those read before.
    fn agree(&mut self) -> bool {
        let failed = self.rows.failed.rows();
        self.most = self.most.max(self.rows.targets());
        self.rows.open.is_empty()
            && self.knows_all_targets()
            && self.described.failed_expected.is_none_or(|expected| failed >= expected)
            && self.disagreement().is_none()
    }

    /// What speaks against the rows that were read, apart from the operation's own count.
    pub(super) fn disagreement(&self) -> Option<String> {
        let (targets, repeated) = (self.rows.targets(), self.rows.repeated());
        if repeated > 0 {
            Some(format!("{repeated} of the FAILED and CANCELLED results are of targets that others are of too"))
        } else if targets < self.most {
            Some(format!("{} results were listed at first, {targets} are now", self.most))
        } else {
            let missing = self.rows.open.iter().filter(|open| open.missing).count();
            let results = count(missing as u64, "result is", "results are");
            (missing > 0).then(|| format!("{results} no longer listed by the former status"))
        }
    }

    /// Reads what is open, and the failed rows unless all of them are known, by status.
    ///
    /// The order is the order in which a target goes on, so that none slips through between two
    /// reads. A target that was open, is found nowhere two times in a row and can neither have failed
    /// nor been cancelled has succeeded: reading all successes again to see it would cost up to a
    /// thousand pages. Only where rows cannot be distinguished from each other, or are fewer than
    /// CloudFormation counts, everything is read again.
    ///
    /// A long list of CANCELLED rows is read when a row vanishes, and once more in the last round.
    async fn read_open(&mut self, is_last: bool) -> Result<bool, ReadError> {
        if !self.knows_all_targets() {
            return self.read_all_again().await;
        }
        let mut known: HashMap<Key, Open> = HashMap::new();
        for open in &self.rows.open {
            let same = key(&open.row).map(|key| known.insert(key, open.clone()));
            if !matches!(same, Some(None)) {
                return self.read_all_again().await;
            }
        }
        let mut listed: HashMap<Key, TargetResult> = HashMap::new();
        if !known.is_empty() {
            for status in [ResultStatus::Pending, ResultStatus::Running] {
                let mut once = HashSet::new();
                let mut clear = true;
                let take = |row: TargetResult| match key(&row).filter(|key| once.insert(*key)) {
                    Some(key) => drop(listed.insert(key, row)),
                    None => clear = false,
                };
                if !self.has_read_status(&status, take).await? {
                    return Ok(false);
                }
                if !clear {
                    return self.read_all_again().await;
                }
            }
        }
        if !self.knows_all_failed() {
            let mut failed = Ended::default();
            if !self.has_read_status(&ResultStatus::Failed, |row| failed.add(row)).await? {
                return Ok(false);
            }
            self.rows.failed = failed;
        }
        // Only what had not begun can have been cancelled.
        let look = is_last || self.rows.cancelled.rows() <= FEW_PAGES * u64::from(PAGE_SIZE.unsigned_abs());
        let lost = |(key, open): (&Key, &Open)| {
            (look || !open.missing) && !open.is_running() && !listed.contains_key(key) && !self.rows.has_ended(*key)
        };
        if known.iter().any(lost) {
            let mut cancelled = Ended::default();
            if !self.has_read_status(&ResultStatus::Cancelled, |row| cancelled.add(row)).await? {
                return Ok(false);
            }
            self.rows.cancelled = cancelled;
        }
        self.rows.open.clear();
        let mut unclear = false;
        for (key, row) in listed {
            let is_new = known.remove(&key).is_none_or(|open| open.is_new);
            self.rows.open.push(Open { row, is_new, missing: false });
        }
        for open in known.into_values() {
            let ended = key(&open.row).is_some_and(|key| self.rows.has_ended(key));
            if self.has_succeeded(&open) && !open.is_new && !ended {
                let row = TargetResult { status: Some(ResultStatus::Succeeded), reason: None, ..open.row };
                self.rows.settled.add(row);
            } else {
                unclear |= open.missing && open.is_new && !ended;
                self.rows.open.push(Open { missing: true, ..open });
            }
        }
        if unclear { self.read_all_again().await } else { Ok(true) }
    }
}
