//! Read all results of an operation, failures first where not all can be read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::rows::{Ended, Rows, key};
use super::{Next, Reader, Results, TargetResult};
use crate::error::{ReadError, ReadErrorCause};
use crate::operation::{CallAs, Operation, OperationRef, ResultStatus, Totals};
use crate::report::{EarlierFailures, ReportBuilder};

/// Gets the results of each page as it comes.
pub type OnPage = dyn Fn(&[TargetResult]) + Send + Sync;

/// How long it may take, and what must be read.
#[derive(Clone, Copy)]
pub struct ReadLimits<'a> {
    /// When reading must have ended.
    pub until: Instant,
    /// Longest time spent on waiting for results to settle.
    pub settle: Duration,
    /// First pause before results are read again; it doubles each time.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Whether successes are read even where CloudFormation counts them.
    pub read_successes: bool,
    /// Gets the results of each page as it comes.
    pub on_page: Option<&'a OnPage>,
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pages {
    /// Pages, the last included.
    pub pages: u64,
    /// Rows on them.
    pub rows: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub struct CollectedResults {
    /// All rows.
    pub builder: ReportBuilder,
    /// Pages and rows that were read, those read again included.
    pub pages: Pages,
    /// How often results were read again because they had not settled.
    pub rounds: u32,
    /// Why the rows are known not to be all, if they are not.
    pub unread: Option<String>,
}

/// Reads an operation's results, and again what has not settled; they are compared with what failed before.
///
/// A page that cannot be read, or time that runs out, is no error once anything was read: then `unread`
/// says what is missing.
///
/// # Errors
/// [`ReadError`] of the first page where nothing at all could be read.
pub async fn collect(
    reader: &Reader,
    operation: &OperationRef,
    call_as: CallAs,
    described: &Operation,
    earlier: Option<EarlierFailures>,
    limits: ReadLimits<'_>,
) -> Result<CollectedResults, ReadError> {
    let earlier = earlier.map(Arc::new);
    let mut collector = Collector {
        reader,
        operation,
        call_as,
        described,
        until: limits.until,
        on_page: limits.on_page,
        rows: Rows::compared_with(earlier.clone()),
        earlier,
        most: 0,
        pages: Pages::default(),
    };
    let mut unread = collector.read(limits.read_successes).await?;
    let mut rounds = 0;
    if unread.is_none() {
        unread = if described.status.is_terminal() { collector.settle(limits, &mut rounds).await } else { None };
        unread = unread.or(collector.disagreement());
    }
    Ok(CollectedResults { builder: collector.rows.into_builder(), pages: collector.pages, rounds, unread })
}

/// One operation being read.
pub(super) struct Collector<'a> {
    reader: &'a Reader,
    pub(super) operation: &'a OperationRef,
    pub(super) call_as: CallAs,
    pub(super) described: &'a Operation,
    pub(super) until: Instant,
    on_page: Option<&'a OnPage>,
    earlier: Option<Arc<EarlierFailures>>,
    pub(super) rows: Rows,
    /// Most targets that were known at one time.
    pub(super) most: u64,
    pub(super) pages: Pages,
}

/// How far a list was read.
enum ReadTo {
    End,
    OutOfTime,
}

impl<'a> Collector<'a> {
    /// Reads the operation. Gives what is missing, if anything is.
    async fn read(&mut self, read_successes: bool) -> Result<Option<String>, ReadError> {
        let counted = self.described.totals.as_ref().filter(|totals| !read_successes && totals.are_large());
        let mut tried = Pages::default();
        if let Some(totals) = counted
            // On any error, every result is read instead.
            && self.read_all_but_successes(totals, &mut tried).await.unwrap_or(false)
        {
            self.pages = tried;
            return Ok(None);
        }
        let unread = self.read_all().await?;
        self.pages.pages += tried.pages;
        self.pages.rows += tried.rows;
        Ok(unread)
    }

    /// Reads by status what did not succeed. Gives whether that and the successes that CloudFormation counts are all
    /// targets.
    async fn read_all_but_successes(&mut self, totals: &Totals, pages: &mut Pages) -> Result<bool, ReadError> {
        let now = Instant::now();
        let until = now + self.until.saturating_duration_since(now) / 3;
        let mut rows = Rows::compared_with(self.earlier.clone());
        let mut by_region: HashMap<String, u64> = HashMap::new();
        for status in [ResultStatus::Failed, ResultStatus::Cancelled, ResultStatus::Running, ResultStatus::Pending] {
            let mut results = self.results(Some(&status));
            let take = |row: TargetResult| {
                *by_region.entry(row.region.clone().unwrap_or_default()).or_default() += 1;
                rows.add(row);
            };
            match drain(&mut results, until, pages, self.on_page, take).await? {
                ReadTo::End => {}
                ReadTo::OutOfTime => return Ok(false),
            }
        }
        let has_ended = rows.open.is_empty() || !self.described.status.is_terminal();
        let all = &totals.all;
        let agrees = all.agrees(all.failed.or(self.described.failed_expected), rows.failed.rows())
            && all.agrees(all.cancelled, rows.cancelled.rows());
        let is_all = has_ended && agrees && rows.are_distinct() && totals.add_up_with(&by_region);
        if is_all {
            rows.settled.add_counted_successes(totals);
            self.rows = rows;
        }
        Ok(is_all)
    }

    /// Reads every page. Gives what is missing, if anything is.
    ///
    /// When half of the time is gone, the failed and cancelled rows are read by status, and only then the
    /// rest. A page that cannot be read ends the list: then rows are read by status, too.
    async fn read_all(&mut self) -> Result<Option<String>, ReadError> {
        let started = Instant::now();
        let half = started + self.until.saturating_duration_since(started) / 2;
        let mut results = self.results(None);
        let failed = match drain(&mut results, half, &mut self.pages, self.on_page, |row| self.rows.add(row)).await {
            Ok(ReadTo::End) => {
                self.rows.drop_what_ended();
                return Ok(None);
            }
            Ok(ReadTo::OutOfTime) => return self.read_failures_first(results).await,
            Err(error) => error,
        };
        self.read_by_status(failed, results.page()).await.map(Some)
    }

    /// Reads failed and cancelled rows by status, unless they are known to be there, and then the rest.
    async fn read_failures_first(&mut self, mut results: Results<'a>) -> Result<Option<String>, ReadError> {
        for status in [ResultStatus::Failed, ResultStatus::Cancelled] {
            if status == ResultStatus::Failed && self.knows_all_failed() {
                continue;
            }
            let mut ended = Ended::default();
            let read = self.read_status(&status, |row| ended.add(row)).await;
            let is_whole = matches!(read, Ok(ReadTo::End));
            self.rows.replace_ended(&status, ended, is_whole);
            match read {
                Ok(ReadTo::End) => {}
                Ok(ReadTo::OutOfTime) => {
                    self.rows.drop_what_ended();
                    return self.out_of_time(&format!("not even all {} ones", status.as_str())).map(Some);
                }
                Err(error) => return self.read_by_status(error, results.page()).await.map(Some),
            }
        }
        let take = |row: TargetResult| {
            let ended = matches!(row.status, Some(ResultStatus::Failed | ResultStatus::Cancelled));
            // Failed and cancelled rows are there already, all but those that have ended since.
            if !ended || key(&row).is_some_and(|key| !self.rows.has_ended(key)) {
                self.rows.add(row);
            }
        };
        let read = drain(&mut results, self.until, &mut self.pages, self.on_page, take).await;
        self.rows.drop_what_ended();
        match read {
            Ok(ReadTo::End) => Ok(None),
            Ok(ReadTo::OutOfTime) => self.out_of_time("but all FAILED and CANCELLED ones").map(Some),
            Err(error) => {
                let page = results.page();
                self.read_by_status(error, page).await.map(Some)
            }
        }
    }

    /// Reads what did not succeed by status, each a list of its own, after a page could not be read.
    ///
    /// What was read before stays: a target counts once.
    async fn read_by_status(&mut self, error: ReadError, page: u64) -> Result<String, ReadError> {
        let mut missing = vec![format!("page {page} of the results could not be read ({})", brief(&error))];
        for status in [ResultStatus::Failed, ResultStatus::Cancelled, ResultStatus::Running, ResultStatus::Pending] {
            let read = if matches!(status, ResultStatus::Failed | ResultStatus::Cancelled) {
                let mut ended = Ended::default();
                let read = self.read_status(&status, |row| ended.add(row)).await;
                self.rows.replace_ended(&status, ended, matches!(read, Ok(ReadTo::End)));
                read
            } else {
                let mut open = Vec::new();
                let read = self.read_status(&status, |row| open.push(row)).await;
                self.rows.add_open_once(open);
                read
            };
            match read {
                Ok(ReadTo::End) => {}
                Ok(ReadTo::OutOfTime) => {
                    missing.push(format!("time ran out before all {} ones were read", status.as_str()));
                    break;
                }
                Err(error) => {
                    missing.push(format!("those {} could not be listed ({})", status.as_str(), brief(&error)))
                }
            }
        }
        self.rows.drop_what_ended();
        if self.pages.pages == 0 { Err(error) } else { Ok(missing.join("; ")) }
    }

    fn out_of_time(&self, what: &str) -> Result<String, ReadError> {
        if self.pages.pages == 0 {
            return Err(Reader::out_of_time(self.operation, self.call_as));
        }
        Ok(format!("time ran out before all results were read, {what}"))
    }

    /// Reads every page anew; keeps what was known when time runs out.
    pub(super) async fn read_all_again(&mut self) -> Result<bool, ReadError> {
        let mut rows = Rows::compared_with(self.earlier.clone());
        let mut results = self.results(None);
        let read = drain(&mut results, self.until, &mut self.pages, self.on_page, |row| rows.add(row)).await?;
        let in_time = matches!(read, ReadTo::End);
        if in_time {
            self.rows = rows;
        }
        Ok(in_time)
    }

    /// Whether all rows with a status were read in time.
    pub(super) async fn has_read_status(
        &mut self,
        status: &ResultStatus,
        take: impl FnMut(TargetResult),
    ) -> Result<bool, ReadError> {
        Ok(matches!(self.read_status(status, take).await?, ReadTo::End))
    }

    async fn read_status(
        &mut self,
        status: &ResultStatus,
        take: impl FnMut(TargetResult),
    ) -> Result<ReadTo, ReadError> {
        let mut results = self.results(Some(status));
        drain(&mut results, self.until, &mut self.pages, self.on_page, take).await
    }

    fn results(&self, status: Option<&ResultStatus>) -> Results<'a> {
        self.reader.results(self.operation, self.call_as, status)
    }
}

/// An error in a few words: its code, if CloudFormation gave one.
fn brief(error: &ReadError) -> String {
    match error.cause() {
        ReadErrorCause::Refused { code } => code.clone(),
        ReadErrorCause::NoAnswer | ReadErrorCause::OutOfTime => error.to_string(),
    }
}

/// Takes all rows that are left, or as many as there is time for.
///
/// A page is taken in while the next one is on its way.
async fn drain(
    results: &mut Results<'_>,
    until: Instant,
    pages: &mut Pages,
    on_page: Option<&OnPage>,
    mut take: impl FnMut(TargetResult),
) -> Result<ReadTo, ReadError> {
    let mut next = results.next(until).await?;
    loop {
        let page = match next {
            Next::Page(page) => page,
            Next::End => return Ok(ReadTo::End),
            Next::OutOfTime => return Ok(ReadTo::OutOfTime),
        };
        pages.pages += 1;
        pages.rows += page.len() as u64;
        on_page.iter().for_each(|on_page| on_page(&page));
        let taken = async {
            // The connection writes the request when it gets its turn, and that is now.
            tokio::task::yield_now().await;
            page.into_iter().for_each(&mut take);
        };
        next = tokio::join!(results.next(until), taken).0?;
    }
}
