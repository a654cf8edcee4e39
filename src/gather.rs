//! Read and fold until all results are there, or until time is up.
//!
//! Results are eventually consistent: rows may still be RUNNING or PENDING, or fewer FAILED than
//! the operation counted, when its end is announced. So what has not settled is read again, by
//! status, with growing pauses. And when time runs short, failures come first.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::operation::{CallAs, Operation, OperationRef, ResultStatus, TargetResult};
use crate::read::{Next, Pages, Reader, Results};
use crate::report::Fold;

/// Sets of so few pages are read whole again: that is as quick, and tells more.
const FEW_PAGES: u64 = 10;

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// When reading must have ended.
    pub until: Instant,
    /// Longest time spent on waiting for results to settle.
    pub settle: Duration,
    /// First pause before results are read again; it doubles each time.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// All rows.
    pub fold: Fold,
    /// Pages and rows that were read, those read again included.
    pub pages: Pages,
    /// How often results were read again because they had not settled.
    pub rounds: u32,
    /// Why the rows are known not to be all, if they are not.
    pub unread: Option<String>,
}

type Key = (Option<String>, Option<String>);

fn key(row: &TargetResult) -> Key {
    (row.account.clone(), row.region.clone())
}

/// Rows by what may still become of them.
#[derive(Debug, Default)]
struct Rows {
    /// SUCCEEDED, and what is not known.
    settled: Fold,
    failed: Fold,
    cancelled: Fold,
    unsettled: Vec<TargetResult>,
}

impl Rows {
    fn add(&mut self, row: TargetResult) {
        match row.status {
            Some(ResultStatus::Failed) => self.failed.add(row),
            Some(ResultStatus::Cancelled) => self.cancelled.add(row),
            Some(ResultStatus::Running | ResultStatus::Pending) => self.unsettled.push(row),
            _ => self.settled.add(row),
        }
    }

    /// Whether the rows agree with what the operation says of itself.
    fn agree(&self, described: &Operation) -> bool {
        let failed = self.failed.counts().failed;
        self.unsettled.is_empty() && described.failed_expected.is_none_or(|expected| failed >= expected)
    }

    fn into_fold(self) -> Fold {
        let mut fold = self.settled;
        fold.merge(self.failed);
        fold.merge(self.cancelled);
        self.unsettled.into_iter().for_each(|row| fold.add(row));
        fold
    }
}

/// Reads and folds an operation's results.
///
/// # Errors
/// [`Error::Read`] when a page cannot be read, or when time ran out before anything was. Time that
/// runs out later is no error: then `unread` says what is missing.
pub async fn gather(
    reader: &Reader,
    operation: &OperationRef,
    call_as: CallAs,
    described: &Operation,
    pace: Pace,
) -> Result<Gathered, Error> {
    let started = Instant::now();
    let mut all =
        Gathering { reader, operation, call_as, until: pace.until, rows: Rows::default(), pages: Pages::default() };
    let unread = all.read_all(started).await?;
    let whole = all.pages.pages;
    let mut rounds = 0;
    if unread.is_none() && described.status.is_terminal() {
        let settle_until = pace.until.min(started + pace.settle);
        let mut pause = pace.first_pause;
        while !all.rows.agree(described) && Instant::now() + pause < settle_until {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pace.longest_pause);
            rounds += 1;
            let in_time = if whole <= FEW_PAGES { all.read_all_again().await? } else { all.read_unsettled().await? };
            if !in_time {
                break;
            }
        }
    }
    Ok(Gathered { fold: all.rows.into_fold(), pages: all.pages, rounds, unread })
}

/// One operation being gathered.
struct Gathering<'a> {
    reader: &'a Reader,
    operation: &'a OperationRef,
    call_as: CallAs,
    until: Instant,
    rows: Rows,
    pages: Pages,
}

impl Gathering<'_> {
    /// Reads every page. When half of the time is gone, the failed and cancelled rows are read by
    /// status, and only then the rest. Gives what is missing, if time ran out.
    async fn read_all(&mut self, started: Instant) -> Result<Option<String>, Error> {
        let half = started + self.until.saturating_duration_since(started) / 2;
        let mut results = self.reader.results(self.operation, self.call_as, None);
        if drain(&mut results, half, &mut self.pages, |row| self.rows.add(row)).await? {
            return Ok(None);
        }
        for status in [ResultStatus::Failed, ResultStatus::Cancelled] {
            let mut fold = Fold::new();
            let in_time = self.read_status(&status, |row| fold.add(row)).await?;
            let known = if status == ResultStatus::Failed { &mut self.rows.failed } else { &mut self.rows.cancelled };
            if in_time || fold.counts().total > known.counts().total {
                *known = fold;
            }
            if !in_time {
                return self.out_of_time(&format!("not even all {} ones", status.as_str())).map(Some);
            }
        }
        // Failed and cancelled rows are there already, all of them.
        let take = |row: TargetResult| {
            if !matches!(row.status, Some(ResultStatus::Failed | ResultStatus::Cancelled)) {
                self.rows.add(row);
            }
        };
        if drain(&mut results, self.until, &mut self.pages, take).await? {
            return Ok(None);
        }
        self.out_of_time("but all FAILED and CANCELLED ones").map(Some)
    }

    fn out_of_time(&self, what: &str) -> Result<String, Error> {
        if self.pages.pages == 0 {
            return Err(self.reader.out_of_time(self.operation, self.call_as));
        }
        Ok(format!("time ran out before all results were read, {what}"))
    }

    /// Reads every page anew; keeps what was known when time runs out.
    async fn read_all_again(&mut self) -> Result<bool, Error> {
        let mut rows = Rows::default();
        let mut results = self.reader.results(self.operation, self.call_as, None);
        let in_time = drain(&mut results, self.until, &mut self.pages, |row| rows.add(row)).await?;
        if in_time {
            self.rows = rows;
        }
        Ok(in_time)
    }

    /// Reads what has not settled, and the failed rows, by status.
    ///
    /// The order is the order in which a target goes on, so that none slips through between two
    /// reads. A target that was not settled before and is found nowhere now has succeeded: reading
    /// all successes again to see it would cost up to a thousand pages.
    async fn read_unsettled(&mut self) -> Result<bool, Error> {
        let mut left: HashMap<Key, TargetResult> =
            self.rows.unsettled.iter().map(|row| (key(row), row.clone())).collect();
        let mut unsettled: HashMap<Key, TargetResult> = HashMap::new();
        if !left.is_empty() {
            for status in [ResultStatus::Pending, ResultStatus::Running] {
                let take = |row: TargetResult| {
                    left.remove(&key(&row));
                    unsettled.insert(key(&row), row);
                };
                if !self.read_status(&status, take).await? {
                    return Ok(false);
                }
            }
        }
        let mut failed = Fold::new();
        let take = |row: TargetResult| {
            left.remove(&key(&row));
            unsettled.remove(&key(&row));
            failed.add(row);
        };
        if !self.read_status(&ResultStatus::Failed, take).await? {
            return Ok(false);
        }
        // Only what had not begun can have been cancelled.
        let mut cancelled = None;
        if left.values().any(|row| row.status == Some(ResultStatus::Pending)) {
            let fold = cancelled.insert(Fold::new());
            let take = |row: TargetResult| {
                left.remove(&key(&row));
                unsettled.remove(&key(&row));
                fold.add(row);
            };
            if !self.read_status(&ResultStatus::Cancelled, take).await? {
                return Ok(false);
            }
        }
        self.rows.failed = failed;
        if let Some(cancelled) = cancelled {
            self.rows.cancelled = cancelled;
        }
        self.rows.unsettled = unsettled.into_values().collect();
        for row in left.into_values() {
            let done = TargetResult { status: Some(ResultStatus::Succeeded), reason: None, ..row };
            self.rows.settled.add(done);
        }
        Ok(true)
    }

    /// Whether all rows with a status were read in time.
    async fn read_status(&mut self, status: &ResultStatus, take: impl FnMut(TargetResult)) -> Result<bool, Error> {
        let mut results = self.reader.results(self.operation, self.call_as, Some(status));
        drain(&mut results, self.until, &mut self.pages, take).await
    }
}

/// Takes all rows that are left, and tells whether that was done by `until`.
async fn drain(
    results: &mut Results<'_>,
    until: Instant,
    pages: &mut Pages,
    mut take: impl FnMut(TargetResult),
) -> Result<bool, Error> {
    loop {
        match results.next(until).await? {
            Next::Page(page) => {
                pages.count(&page);
                page.into_iter().for_each(&mut take);
            }
            Next::End => return Ok(true),
            Next::OutOfTime => return Ok(false),
        }
    }
}
