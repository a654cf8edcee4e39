//! Read and fold until all results are there, or until time is up.
//!
//! Results are eventually consistent: rows may still be RUNNING or PENDING, or fewer FAILED than
//! the operation counted, when its end is announced. So what has not settled is read again, by
//! status, with growing pauses. And when time runs short, failures come first.

mod rows;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use rows::{Ended, Key, Open, Rows, key};

use crate::error::Error;
use crate::numbers::count;
use crate::operation::{CallAs, Operation, OperationRef, OperationStatus, ResultStatus, TargetResult};
use crate::read::{Next, PAGE_SIZE, Pages, Reader, Results};
use crate::report::ReportBuilder;

/// Sets of so few pages are read whole again: that is as quick, and tells more.
const FEW_PAGES: u64 = 10;

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
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
pub struct CollectedResults {
    /// All rows.
    pub fold: ReportBuilder,
    /// Pages and rows that were read, those read again included.
    pub pages: Pages,
    /// How often results were read again because they had not settled.
    pub rounds: u32,
    /// Why the rows are known not to be all, if they are not.
    pub unread: Option<String>,
    /// Whether there was not the time to read all of them once.
    pub out_of_time: bool,
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
    pace: ReadLimits,
) -> Result<CollectedResults, Error> {
    let mut all = Gathering {
        reader,
        operation,
        call_as,
        described,
        until: pace.until,
        rows: Rows::default(),
        most: 0,
        pages: Pages::default(),
    };
    let mut unread = all.read_all().await?;
    let out_of_time = unread.is_some();
    let mut rounds = 0;
    if unread.is_none() {
        unread = if described.status.is_terminal() { all.settle(pace, &mut rounds).await } else { None };
        unread = unread.or(all.doubt());
    }
    Ok(CollectedResults { fold: all.rows.into_fold(), pages: all.pages, rounds, unread, out_of_time })
}

/// One operation being gathered.
struct Gathering<'a> {
    reader: &'a Reader,
    operation: &'a OperationRef,
    call_as: CallAs,
    described: &'a Operation,
    until: Instant,
    rows: Rows,
    /// Most targets that were known at one time.
    most: u64,
    pages: Pages,
}

impl Gathering<'_> {
    /// Reads again what has not settled, until it has or time is up.
    ///
    /// What was read stands whatever becomes of that: an error is told, and loses nothing.
    async fn settle(&mut self, pace: ReadLimits, rounds: &mut u32) -> Option<String> {
        let whole = self.pages.pages <= FEW_PAGES;
        let settle_until = pace.until.min(Instant::now() + pace.settle);
        let mut pause = pace.first_pause;
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
            pause = if confirm { pace.first_pause } else { (pause * 2).min(pace.longest_pause) };
        }
        None
    }

    /// Whether all failures that CloudFormation itself counts are known; that count is strongly consistent,
    /// and no more come once the operation has ended.
    fn knows_all_failed(&self) -> bool {
        self.described.status.is_terminal()
            && self.described.failed_expected == Some(self.rows.failed.rows())
            && self.rows.failed.repeated == 0
    }

    /// Whether a target that was open and is found nowhere now can only have succeeded.
    ///
    /// If it may have failed or been cancelled it is waited for: it can show itself late.
    fn has_succeeded(&self, open: &Open) -> bool {
        // Only what had not begun can be cancelled, and only in an operation that did not succeed.
        let cannot_be_cancelled = open.row.is_running || self.described.status == OperationStatus::Succeeded;
        open.missing && self.knows_all_failed() && cannot_be_cancelled
    }

    /// Whether the rows agree with what the operation says of itself, and with those read before.
    fn agree(&mut self) -> bool {
        let failed = self.rows.failed.rows();
        self.most = self.most.max(self.rows.targets());
        self.rows.open.is_empty()
            && self.described.failed_expected.is_none_or(|expected| failed >= expected)
            && self.doubt().is_none()
    }

    /// What speaks against the rows that were read, apart from the operation's own count.
    fn doubt(&self) -> Option<String> {
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

    /// Reads every page. When half of the time is gone, the failed and cancelled rows are read by
    /// status, unless they are known to be there, and only then the rest. Gives what is missing, if time
    /// ran out.
    async fn read_all(&mut self) -> Result<Option<String>, Error> {
        let started = Instant::now();
        let half = started + self.until.saturating_duration_since(started) / 2;
        let mut results = self.reader.results(self.operation, self.call_as, None);
        if drain(&mut results, half, &mut self.pages, |row| self.rows.add(row)).await? {
            self.rows.drop_what_ended();
            return Ok(None);
        }
        for status in [ResultStatus::Failed, ResultStatus::Cancelled] {
            if status == ResultStatus::Failed && self.knows_all_failed() {
                continue;
            }
            let mut ended = Ended::default();
            let in_time = self.read_status(&status, |row| ended.add(row)).await?;
            let known = if status == ResultStatus::Failed { &mut self.rows.failed } else { &mut self.rows.cancelled };
            if in_time || ended.rows() > known.rows() {
                *known = ended;
            }
            if !in_time {
                self.rows.drop_what_ended();
                return self.out_of_time(&format!("not even all {} ones", status.as_str())).map(Some);
            }
        }
        let take = |row: TargetResult| {
            let ended = matches!(row.status, Some(ResultStatus::Failed | ResultStatus::Cancelled));
            // Failed and cancelled rows are there already, all but those that have ended since.
            if !ended || key(&row).is_some_and(|key| !self.rows.has_ended(key)) {
                self.rows.add(row);
            }
        };
        let in_time = drain(&mut results, self.until, &mut self.pages, take).await?;
        self.rows.drop_what_ended();
        if in_time {
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

    /// Reads what is open, and the failed rows unless all of them are known, by status.
    ///
    /// The order is the order in which a target goes on, so that none slips through between two
    /// reads. A target that was open, is found nowhere two times in a row and can neither have failed
    /// nor been cancelled has succeeded: reading all successes again to see it would cost up to a
    /// thousand pages. Only where rows cannot be told from each other, everything is read again.
    ///
    /// A long list of CANCELLED rows is read when a row vanishes, and once more in the last round.
    async fn read_open(&mut self, is_last: bool) -> Result<bool, Error> {
        let mut known: HashMap<Key, Open> = HashMap::new();
        for open in &self.rows.open {
            let same = open.row.key().map(|key| known.insert(key, open.clone()));
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
                if !self.read_status(&status, take).await? {
                    return Ok(false);
                }
                if !clear {
                    return self.read_all_again().await;
                }
            }
        }
        if !self.knows_all_failed() {
            let mut failed = Ended::default();
            if !self.read_status(&ResultStatus::Failed, |row| failed.add(row)).await? {
                return Ok(false);
            }
            self.rows.failed = failed;
        }
        // Only what had not begun can have been cancelled.
        let look = is_last || self.rows.cancelled.rows() <= FEW_PAGES * u64::from(PAGE_SIZE.unsigned_abs());
        let lost = |(key, open): (&Key, &Open)| {
            (look || !open.missing) && !open.row.is_running && !listed.contains_key(key) && !self.rows.has_ended(*key)
        };
        if known.iter().any(lost) {
            let mut cancelled = Ended::default();
            if !self.read_status(&ResultStatus::Cancelled, |row| cancelled.add(row)).await? {
                return Ok(false);
            }
            self.rows.cancelled = cancelled;
        }
        self.rows.open.clear();
        let mut unclear = false;
        for (key, row) in listed {
            let stranger = known.remove(&key).is_none_or(|open| open.stranger);
            let row = self.rows.pack(row);
            self.rows.open.push(Open { row, stranger, missing: false });
        }
        for open in known.into_values() {
            let ended = open.row.key().is_some_and(|key| self.rows.has_ended(key));
            if self.has_succeeded(&open) && !open.stranger && !ended {
                let row = TargetResult { status: Some(ResultStatus::Succeeded), reason: None, ..open.row.unpack() };
                self.rows.settled.add(row);
            } else {
                unclear |= open.missing && open.stranger && !ended;
                self.rows.open.push(Open { missing: true, ..open });
            }
        }
        if unclear { self.read_all_again().await } else { Ok(true) }
    }

    /// Whether all rows with a status were read in time.
    async fn read_status(&mut self, status: &ResultStatus, take: impl FnMut(TargetResult)) -> Result<bool, Error> {
        let mut results = self.reader.results(self.operation, self.call_as, Some(status));
        drain(&mut results, self.until, &mut self.pages, take).await
    }
}

/// Takes all rows that are left, and tells whether that was done by `until`.
///
/// A page is taken in while the next one is on its way.
async fn drain(
    results: &mut Results<'_>,
    until: Instant,
    pages: &mut Pages,
    mut take: impl FnMut(TargetResult),
) -> Result<bool, Error> {
    let mut next = results.next(until).await?;
    loop {
        let page = match next {
            Next::Page(page) => page,
            Next::End => return Ok(true),
            Next::OutOfTime => return Ok(false),
        };
        pages.count(&page);
        let taken = async {
            // The connection writes the request when it gets its turn, and that is now.
            tokio::task::yield_now().await;
            page.into_iter().for_each(&mut take);
        };
        next = tokio::join!(results.next(until), taken).0?;
    }
}
