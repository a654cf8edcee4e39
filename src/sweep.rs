//! A schedule -> the operations that no event reported: those that have ended, and those that do not end.
//!
//! A sweep lists the stack sets, in random order, and the operations of each; asks the ledger which of
//! them were reported; and reports the others as if their events had come, while there is time for one
//! more. What is left is not recorded, so the next sweep finds it.

mod digest;
mod due;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tracing::{info, warn};

use crate::config::{self, CallAsSetting, SweepMode};
use crate::error::{Error, ReadError};
use crate::event::{FunctionIdentity, ReportRequest};
use crate::ledger::{Key, Ledger};
use crate::notifier::{self, Assessment, Notifier};
use crate::operation::{CallAs, ListedOperation, OperationRef, StackSetRef};
use crate::organization::Lookup;
use crate::read::Next;
use crate::report::Failure;
use crate::reporter;
use crate::response::{OperationResult, Response, SweepSummary};
use crate::time_budget::TimeBudget;
use due::Due;
pub use due::matches;

/// Failures that the response lists; more are counted.
const FAILURES_LISTED: usize = 100;

/// Reports every operation that is due and was not reported, as far as time allows.
///
/// `scheduled_time` is when the schedule fell due, in milliseconds since the Unix epoch. At most
/// `SWEEP_CONCURRENCY` stack sets are read at a time.
///
/// # Errors
/// [`Error::Config`] without a ledger. [`Error::Ledger`] if the ledger did not answer: nothing is lost,
/// the next sweep catches up. [`Error::Read`] if nothing could be read at all: no list of stack sets, or
/// none of the stack sets on it. [`Error::Publish`] or [`Error::Render`] if there was something to
/// publish and none of it could be. Any other failure is in the response, and the sweep goes on.
pub(crate) async fn run(
    notifier: &Notifier,
    scheduled_time: Option<i64>,
    identity: &FunctionIdentity,
    budget: TimeBudget,
) -> Result<Response, Error> {
    let Some(ledger) = &notifier.ledger else {
        return Err(Error::Config(
            "could not sweep: LEDGER_TABLE is not set, and without a ledger nobody knows what was reported; set it to \
             the name of a DynamoDB table, or remove the schedule"
                .to_owned(),
        ));
    };
    let settings = &notifier.config.sweep;
    let sweep = Sweep {
        notifier,
        settings,
        ledger,
        identity,
        scheduled_time: scheduled_time.unwrap_or_else(reporter::now),
        budget: match settings.mode {
            SweepMode::Each => budget,
            SweepMode::Digest => budget.before_digest(),
        },
        ledger_error: OnceLock::new(),
        is_stopped: AtomicBool::new(false),
        in_digest: AtomicUsize::new(0),
        lookup: notifier.reporter.lookup(),
    };
    let mut progress = Progress::new();
    let mut stack_sets = sweep.stack_sets(&mut progress).await?;
    progress.summary.stack_sets = stack_sets.len() as u64;
    fastrand::shuffle(&mut stack_sets);
    let mut pages = 0;
    let mut all =
        stream::iter(stack_sets).map(|stack_set| sweep.stack_set(stack_set)).buffer_unordered(settings.concurrency);
    while let Some(part) = all.next().await {
        pages += part.pages;
        progress.add(part);
    }
    drop(all);
    if sweep.ledger_error.get().is_none() {
        sweep.publish_digest(&mut progress, budget).await;
    }
    progress.summary.finished &= !sweep.is_stopped.load(Relaxed);
    let mut summary = progress.summary;
    summary.took = budget.started().elapsed();
    log(&summary);
    if let Some(error) = sweep.ledger_error.into_inner() {
        return Err(error);
    }
    if pages == 0 && summary.stack_sets > 0 {
        return Err(progress
            .unread
            .unwrap_or_else(|| ReadError::out_of_time("could not list the operations of any stack set").into()));
    }
    // Lambda's retries and alarms see only an invocation that fails.
    if let Some(error) = progress.unpublished.filter(|_| summary.published == 0) {
        return Err(error);
    }
    Ok(Response { operations: progress.results, operations_omitted: None, sweep: Some(summary) })
}

/// One sweep under way.
struct Sweep<'a> {
    notifier: &'a Notifier,
    settings: &'a config::Sweep,
    ledger: &'a Ledger,
    identity: &'a FunctionIdentity,
    /// In milliseconds since the Unix epoch.
    scheduled_time: i64,
    budget: TimeBudget,
    /// Why the ledger could not be asked.
    ledger_error: OnceLock<Error>,
    /// Whether the ledger failed; nothing new is begun from then on.
    is_stopped: AtomicBool,
    /// Operations read for the digest.
    in_digest: AtomicUsize,
    /// What the digest asks of AWS Organizations.
    lookup: Lookup<'a>,
}

/// A stack set to look at, and in which capacity.
#[derive(Debug)]
struct StackSet {
    stack_set: StackSetRef,
    call_as: CallAs,
}

/// What became of one stack set.
#[derive(Debug, Default)]
struct Part {
    pages: u64,
    operations: u64,
    due: u64,
    already_reported: u64,
    skipped_for_time: u64,
    oldest_unreported: Duration,
    /// Whether the list of operations was read to its end.
    is_listed: bool,
    results: Vec<OperationResult>,
    for_digest: Vec<Assessment>,
    failures: Vec<(Failure, Error)>,
}

/// What the sweep has done so far.
struct Progress {
    summary: SweepSummary,
    results: Vec<OperationResult>,
    for_digest: Vec<Assessment>,
    /// The first error of a list.
    unread: Option<Error>,
    /// The first error that kept a message from going out.
    unpublished: Option<Error>,
}

impl Sweep<'_> {
    /// The ACTIVE stack sets whose names match, each once.
    ///
    /// # Errors
    /// [`Error::Read`] if not one page of the lists could be read.
    async fn stack_sets(&self, progress: &mut Progress) -> Result<Vec<StackSet>, Error> {
        let mut found: Vec<StackSet> = Vec::new();
        let mut pages = 0;
        for call_as in self.capacities() {
            let mut list = self.notifier.reporter.reader().stack_sets(call_as);
            loop {
                match list.next(self.budget.last_start()).await {
                    Ok(Next::Page(page)) => {
                        pages += 1;
                        found.extend(
                            page.iter().map(|id| StackSet { stack_set: self.stack_set_ref(id, call_as), call_as }),
                        );
                    }
                    Ok(Next::End) => break,
                    Ok(Next::OutOfTime) => {
                        progress.summary.finished = false;
                        break;
                    }
                    Err(error) => {
                        progress.fail_list(None, error.into());
                        break;
                    }
                }
            }
        }
        if pages == 0 {
            let late = || Error::Read(ReadError::out_of_time("could not list the stack sets"));
            return Err(progress.unread.take().unwrap_or_else(late));
        }
        found.retain(|found| matches(&self.settings.name_pattern, &found.stack_set.name));
        // Both capacities may see the same stack set.
        found.sort_by_key(|found| found.stack_set.api_name());
        found.dedup_by(|second, first| second.stack_set.api_name() == first.stack_set.api_name());
        Ok(found)
    }

    /// `auto` is the owner's capacity, and the delegated administrator's too where it is known for whom.
    fn capacities(&self) -> Vec<CallAs> {
        let is_foreign = self.settings.management_account.as_ref().is_some_and(|id| *id != self.identity.account);
        match self.notifier.config.report.call_as {
            CallAsSetting::Fixed(fixed) => vec![fixed],
            CallAsSetting::Auto if is_foreign => vec![CallAs::SelfAccount, CallAs::DelegatedAdmin],
            CallAsSetting::Auto => vec![CallAs::SelfAccount],
        }
    }

    fn stack_set_ref(&self, id: &str, call_as: CallAs) -> StackSetRef {
        let (name, uuid) = id.rsplit_once(':').map_or((id, None), |(name, uuid)| (name, Some(uuid)));
        StackSetRef {
            name: name.to_owned(),
            id: uuid.map(str::to_owned),
            partition: self.identity.partition.clone(),
            region: self.identity.region.clone(),
            account: match call_as {
                CallAs::SelfAccount => Some(self.identity.account.clone()).filter(|account| !account.is_empty()),
                CallAs::DelegatedAdmin => self.settings.management_account.clone(),
            },
        }
    }

    /// Lists one stack set's operations, and then reports those that are due, in random order.
    async fn stack_set(&self, stack_set: StackSet) -> Part {
        let mut part = Part::default();
        let mut requests = self.due_operations(&stack_set, &mut part).await;
        fastrand::shuffle(&mut requests);
        for request in requests {
            if !self.may_begin() || self.digest_is_full() {
                part.skipped_for_time += 1;
            } else {
                self.report(request, &mut part).await;
            }
        }
        part
    }

    /// The operations that are due and that the ledger does not know as reported.
    ///
    /// Whether an operation is reported as stuck by itself depends on the others, so that is decided when
    /// the list was read to its end.
    async fn due_operations(&self, stack_set: &StackSet, part: &mut Part) -> Vec<ReportRequest> {
        let mut going_on = Vec::new();
        let mut operations = self.notifier.reporter.reader().operations(&stack_set.stack_set, stack_set.call_as);
        let mut requests = Vec::new();
        while self.may_begin() {
            match operations.next(self.budget.last_start()).await {
                Ok(Next::Page(page)) => {
                    part.pages += 1;
                    part.operations += page.len() as u64;
                    let (ended, others): (Vec<_>, Vec<_>) =
                        page.into_iter().partition(|operation| operation.status.is_terminal());
                    going_on.extend(others);
                    let due = due::ended(ended, self.scheduled_time, self.settings);
                    requests.extend(self.unreported(stack_set, due, Vec::new(), part).await);
                }
                Ok(Next::End) => {
                    part.is_listed = true;
                    let (due, queued) = due::stuck(going_on, self.scheduled_time, self.settings);
                    requests.extend(self.unreported(stack_set, due, queued, part).await);
                    break;
                }
                Ok(Next::OutOfTime) => break,
                Err(error) => {
                    let error = Error::Read(error);
                    part.failures.push((failure(Some(&stack_set.stack_set), None, &error), error));
                    break;
                }
            }
        }
        requests
    }

    /// Those of the due operations that the ledger does not know; none if it does not answer.
    async fn unreported(
        &self,
        stack_set: &StackSet,
        due: Vec<Due>,
        queued: Vec<ListedOperation>,
        part: &mut Part,
    ) -> Vec<ReportRequest> {
        let queued: Arc<[ListedOperation]> = queued.into();
        let mut found: Vec<(Option<Key>, Duration, ReportRequest)> = Vec::new();
        for (listed, trigger) in due {
            let age = due::age(&listed, self.scheduled_time);
            let operation = OperationRef { stack_set: stack_set.stack_set.clone(), operation_id: listed.id };
            let key = notifier::key(&operation, &listed.status, trigger);
            let (call_as, queued) = (Some(stack_set.call_as), Arc::clone(&queued));
            found.push((key, age, ReportRequest { operation, call_as, trigger, event_status: None, queued }));
        }
        let keys: Vec<Key> = found.iter().filter_map(|(key, ..)| key.clone()).collect();
        let reported = match self.ledger.completed(&keys, self.budget.reading_ends()).await {
            Ok(reported) => reported,
            Err(error) => {
                self.fail(error);
                return Vec::new();
            }
        };
        part.due += found.len() as u64;
        found.retain(|(key, ..)| key.as_ref().is_none_or(|key| !reported.contains(key)));
        part.already_reported += reported.len() as u64;
        part.oldest_unreported = found.iter().map(|(_, age, _)| *age).fold(part.oldest_unreported, Duration::max);
        found.into_iter().map(|(.., request)| request).collect()
    }

    async fn report(&self, request: ReportRequest, part: &mut Part) {
        let OperationRef { stack_set, operation_id } = request.operation.clone();
        let budget = TimeBudget::until(self.budget.deadline());
        let done = match self.settings.mode {
            SweepMode::Each => match self.notifier.report(request, self.identity, budget).await {
                Err(Error::InProgress(other)) => Ok(Some(OperationResult::in_progress(&other))),
                result => result.map(Some),
            },
            SweepMode::Digest => self.read_for_digest(request, budget, part).await,
        };
        match done {
            Ok(result) => {
                // The message is out, so this is no error of the sweep; but what comes next would not be recorded either.
                if result.as_ref().is_some_and(|result| result.ledger_error.is_some()) {
                    self.is_stopped.store(true, Relaxed);
                }
                part.results.extend(result);
            }
            Err(error @ Error::Ledger(_)) => {
                self.fail(error);
                part.skipped_for_time += 1;
            }
            Err(error) => part.failures.push((failure(Some(&stack_set), Some(&operation_id), &error), error)),
        }
    }

    /// Whether there is time for one more stack set, page or operation, and a ledger to record it.
    fn may_begin(&self) -> bool {
        self.budget.has_time_for_more() && !self.is_stopped.load(Relaxed)
    }

    fn digest_is_full(&self) -> bool {
        self.in_digest.load(Relaxed) >= digest::OPERATIONS
    }

    /// Ends the sweep with an error: without the ledger nobody knows what was reported.
    fn fail(&self, error: Error) {
        warn!(kind = error.kind(), "{error}");
        self.is_stopped.store(true, Relaxed);
        // The first error is the one that is answered.
        let _ = self.ledger_error.set(error);
    }
}

impl Progress {
    fn new() -> Self {
        Self {
            summary: SweepSummary { finished: true, ..SweepSummary::default() },
            results: Vec::new(),
            for_digest: Vec::new(),
            unread: None,
            unpublished: None,
        }
    }

    fn add(&mut self, part: Part) {
        let summary = &mut self.summary;
        summary.stack_sets_done += u64::from(part.is_listed);
        summary.operations += part.operations;
        summary.due += part.due;
        summary.already_reported += part.already_reported;
        summary.skipped_for_time += part.skipped_for_time;
        summary.oldest_unreported = summary.oldest_unreported.max(part.oldest_unreported);
        summary.finished &= part.is_listed && part.skipped_for_time == 0;
        for (failure, error) in part.failures {
            self.fail(failure, error);
        }
        self.for_digest.extend(part.for_digest);
        part.results.into_iter().for_each(|result| self.push(result));
    }

    fn push(&mut self, result: OperationResult) {
        self.summary.count(&result);
        self.results.push(result);
    }

    fn fail_list(&mut self, stack_set: Option<&StackSetRef>, error: Error) {
        self.summary.finished = false;
        self.fail(failure(stack_set, None, &error), error);
    }

    fn fail(&mut self, failure: Failure, error: Error) {
        warn!(
            stack_set = failure.stack_set,
            operation = failure.operation_id,
            kind = failure.kind,
            "left out of the sweep: {}",
            failure.error
        );
        match error {
            Error::Publish(_) | Error::Render(_) => self.unpublished = self.unpublished.take().or(Some(error)),
            error => self.unread = self.unread.take().or(Some(error)),
        }
        if self.summary.failures.len() < FAILURES_LISTED {
            self.summary.failures.push(failure);
        } else {
            self.summary.failures_omitted += 1;
        }
    }
}

fn failure(stack_set: Option<&StackSetRef>, operation_id: Option<&str>, error: &Error) -> Failure {
    Failure {
        stack_set: stack_set.map(StackSetRef::api_name),
        operation_id: operation_id.map(str::to_owned),
        kind: error.kind(),
        error: error.to_string(),
    }
}

fn log(summary: &SweepSummary) {
    info!(
        finished = summary.finished,
        stack_sets = summary.stack_sets,
        stack_sets_done = summary.stack_sets_done,
        operations = summary.operations,
        due = summary.due,
        already_reported = summary.already_reported,
        published = summary.published,
        quiet = summary.quiet,
        skipped_for_time = summary.skipped_for_time,
        failures = summary.failures.len() as u64 + summary.failures_omitted,
        oldest_unreported_s = summary.oldest_unreported.as_secs(),
        took_ms = u64::try_from(summary.took.as_millis()).unwrap_or(u64::MAX),
        "sweep ended"
    );
}
