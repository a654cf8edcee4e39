//! An **event** names an operation; we **read** all its results, **classify** each one, fold them
//! into a **report**, **render** it for each kind of subscriber, and **publish** it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use serde_json::Value;
use tokio::time::Instant;
use tracing::info;

use crate::config::{CallAsSetting, Config, NotifyOn};
use crate::error::Error;
use crate::event::{self, FunctionIdentity, Request, Task, Trigger};
use crate::gather::{ReadLimits, gather};
use crate::guard::{Entry, Guard};
use crate::ledger::{Key, Ledger};
use crate::operation::{CallAs, Operation, OperationRef, OperationStatus};
use crate::publish::Publisher;
use crate::read::{Reader, Source};
use crate::render;
use crate::report::{Report, ReportContext};
use crate::response::{Action, Measured, OperationResult, Response};

/// The whole function, built once at init.
#[derive(Debug, Clone)]
pub struct Notifier {
    pub(crate) config: Config,
    pub(crate) source: Source,
    pub(crate) publisher: Publisher,
    pub(crate) ledger: Option<Ledger>,
    first_pause: Duration,
}

/// One invocation of the function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The ARN that was invoked.
    pub function_arn: &'a str,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
}

/// First pause before results that have not settled are read again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Time kept for rendering and publishing, at most a quarter of what there is.
pub(crate) const PUBLISH_RESERVE: Duration = Duration::from_secs(15);
/// Time kept after the message for its record: without one it is told again.
pub(crate) const RECORDS: Duration = Duration::from_secs(5);
/// Time kept for an error to get out.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

impl Notifier {
    /// Builds the clients; nothing is sent yet.
    pub fn new(config: Config, aws: &SdkConfig) -> Self {
        let publisher = Publisher::new(aws, config.topic.clone());
        let ledger = config.ledger_table.clone().map(|table| Ledger::new(aws, table));
        Self { config, source: Source::new(aws), publisher, ledger, first_pause: FIRST_PAUSE }
    }

    /// Waits this long before results that have not settled are read again; it doubles each time.
    pub fn settle_after(mut self, first_pause: Duration) -> Self {
        self.first_pause = first_pause;
        self
    }

    /// Lets claims in the ledger last this long between two renewals.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.ledger = self.ledger.map(|ledger| ledger.lease(lease));
        self
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// [`Error`] of the step that failed; nothing has been published then. An event whose operation
    /// another invocation is about to tell is [`Error::InProgress`]: Lambda tries it again, and so
    /// nothing is lost if the other one fails. A sweep whose settings are wrong is [`Error::Config`].
    pub async fn handle(&self, payload: &Value, invocation: &Invocation<'_>) -> Result<Response, Error> {
        let identity = FunctionIdentity::from_function_arn(invocation.function_arn);
        let done = match event::parse(payload, &identity)? {
            Task::Ignore { why, operation } => OperationResult::nothing(Action::Ignored, why, operation.as_ref()),
            Task::Report(request) => {
                let is_manual = request.trigger == Trigger::Manual;
                let done = self.report(&self.source.reader(), request, &identity, invocation.deadline).await?;
                if done.action == Action::InProgress && !is_manual {
                    return Err(Error::InProgress(done.why));
                }
                done
            }
            Task::Sweep { tick } => return self.sweep(tick.unwrap_or_else(now), &identity, invocation.deadline).await,
        };
        Ok(Response { operations: vec![done], sweep: None })
    }

    /// Claims, tells, completes; in this order a crash repeats a message rather than loses it.
    pub(crate) async fn report(
        &self,
        reader: &Reader,
        request: Request,
        identity: &FunctionIdentity,
        deadline: Instant,
    ) -> Result<OperationResult, Error> {
        let times = Times::until(deadline, self.ledger.is_some());
        let asked = self.describe(reader, request, identity, times).await?;
        let guard = match self.ledger.as_ref().zip(asked.key()) {
            Some((ledger, key)) => match Guard::enter(ledger, key, deadline).await {
                Entry::Go(guard) => match guard.trouble().filter(|_| asked.only_guarded) {
                    Some(trouble) => return Err(Error::Ledger(trouble)),
                    None => guard,
                },
                // A person who asks gets an answer.
                Entry::Told(_, guard) if asked.trigger == Trigger::Manual => guard,
                Entry::Told(told, _) => return Ok(OperationResult::told_before(&asked.operation, &told)),
                Entry::InProgress { until } => return Ok(OperationResult::in_progress(&asked.operation, &until)),
            },
            None => Guard::none(deadline),
        };
        match guard.during(self.tell(&asked, guard.attempt(), times)).await {
            Ok(mut done) => {
                // A message without a known id is none the less told.
                let unknown = (done.action == Action::Published).then_some("unknown");
                done.unguarded = guard.told(done.message_id.as_deref().or(unknown)).await;
                Ok(done)
            }
            Err(error) => {
                guard.not_told(&error).await;
                Err(error)
            }
        }
    }

    /// Reads an operation without telling of it.
    pub(crate) async fn look(
        &self,
        reader: &Reader,
        request: Request,
        identity: &FunctionIdentity,
        deadline: Instant,
    ) -> Result<Assessment, Error> {
        let times = Times::until(deadline, self.ledger.is_some());
        let asked = self.describe(reader, request, identity, times).await?;
        self.read(&asked, None, times).await
    }

    async fn describe<'a>(
        &self,
        reader: &'a Reader,
        request: Request,
        identity: &FunctionIdentity,
        times: Times,
    ) -> Result<OperationContext<'a>, Error> {
        let call_as = self.call_as(&request, identity);
        let Request { mut operation, trigger, only_guarded, may_wait, .. } = request;
        if call_as == CallAs::SelfAccount && operation.stack_set.account.is_none() && !identity.account.is_empty() {
            operation.stack_set.account = Some(identity.account.clone());
        }
        let retries_before = reader.retries();
        let (described, id) = reader.describe(&operation, call_as, times.reading_ends).await?;
        operation.stack_set.id = operation.stack_set.id.or(id);
        Ok(OperationContext { reader, operation, call_as, trigger, only_guarded, may_wait, described, retries_before })
    }

    /// Reads, classifies, folds, renders, publishes.
    async fn tell(
        &self,
        asked: &OperationContext<'_>,
        attempt: Option<u64>,
        times: Times,
    ) -> Result<OperationResult, Error> {
        let mut seen = self.read(asked, attempt, times).await?;
        let mut rendered = Instant::now();
        if seen.is_loud {
            let message = render::message(&seen.report)?;
            // They are in the message, which takes several times its own room while it is sent.
            seen.report.forget_targets();
            rendered = Instant::now();
            seen.done.message_id = self.publisher.publish(message, times.publishing_ends).await?;
            seen.done.action = Action::Published;
        }
        seen.log(rendered);
        Ok(seen.done)
    }

    /// Reads, classifies, folds; and decides whether that is worth a message.
    async fn read(
        &self,
        asked: &OperationContext<'_>,
        attempt: Option<u64>,
        times: Times,
    ) -> Result<Assessment, Error> {
        let OperationContext { reader, operation, call_as, trigger, only_guarded, may_wait, described, retries_before } =
            asked;
        let pace = ReadLimits {
            until: times.reading_ends,
            settle: self.settle(*trigger, described),
            first_pause: self.first_pause,
            longest_pause: LONGEST_PAUSE,
        };
        let gathered = gather(reader, operation, *call_as, described, pace).await?;
        if let Some(unread) = gathered.unread.as_ref().filter(|_| *may_wait && gathered.out_of_time) {
            return Err(Error::OutOfTime(format!(
                "could not read all results of operation {}: {unread}",
                operation.operation_id
            )));
        }
        let read = gathered.pages;
        let reading = times.started.elapsed();
        let read_by = Instant::now();
        let retries = reader.retries().saturating_sub(*retries_before);

        let mut report = gathered.fold.build(&ReportContext {
            operation,
            call_as: *call_as,
            described,
            expect_gate: self.config.expect_gate,
            unread: gathered.unread.as_deref(),
            now: Some(now()),
        });
        report.attempt = attempt;
        if let (Trigger::Stuck { .. }, Some(progress)) = (trigger, &mut report.in_progress) {
            let stuck_after = self.config.sweep.as_ref().ok().and_then(|sweep| sweep.stuck_after);
            progress.stuck_after_hours = stuck_after.map(|after| after.as_secs() / 3_600);
        }
        let problems = report.problems();
        let mut done = OperationResult::about(operation, &report, read.pages);
        done.measured = Some(Measured {
            results: read.rows,
            retries,
            reading,
            // That an operation goes on is what a stuck one is told for.
            complete: report.completeness.complete
                || (matches!(trigger, Trigger::Stuck { .. }) && report.in_progress.is_some()),
            ungated: report.account_gate.ungated.count,
        });
        let is_manual = *trigger == Trigger::Manual;
        let is_loud = !problems.is_empty() || self.config.notify_on == NotifyOn::Always || is_manual;
        done.why = match (is_loud, problems.is_empty()) {
            (false, _) => "no target failed or was cancelled, and NOTIFY_ON is problems".to_owned(),
            (true, false) => problems.join("; "),
            (true, true) if is_manual => "asked for by hand".to_owned(),
            (true, true) => "NOTIFY_ON is always".to_owned(),
        };
        let only_guarded = *only_guarded;
        let (may_wait, rounds) = (*may_wait, gathered.rounds);
        Ok(Assessment { report, done, is_loud, key: asked.key(), only_guarded, may_wait, rounds, read_by })
    }

    /// How long to wait for results to settle: a sweep finds most operations long after their end.
    fn settle(&self, trigger: Trigger, described: &Operation) -> Duration {
        let longest = self.config.settle_timeout;
        let ended = described.ended_at.filter(|_| trigger == Trigger::Sweep);
        ended.map_or(longest, |ended| {
            longest.saturating_sub(Duration::from_millis(u64::try_from(now() - ended).unwrap_or_default()))
        })
    }

    /// `auto` means delegated administrator when the stack set belongs to another account.
    fn call_as(&self, request: &Request, identity: &FunctionIdentity) -> CallAs {
        let owner = request.operation.stack_set.account.as_ref();
        match (request.call_as, self.config.call_as) {
            (Some(asked), _) => asked,
            (None, CallAsSetting::Fixed(fixed)) => fixed,
            (None, CallAsSetting::Auto)
                if !identity.account.is_empty() && owner.is_some_and(|owner| *owner != identity.account) =>
            {
                CallAs::DelegatedAdmin
            }
            (None, CallAsSetting::Auto) => CallAs::SelfAccount,
        }
    }
}

impl OperationContext<'_> {
    fn key(&self) -> Option<Key> {
        key(&self.operation, &self.described.status, self.trigger)
    }
}

/// One operation that was read.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) report: Report,
    pub(crate) done: OperationResult,
    /// Whether it is worth a message.
    pub(crate) is_loud: bool,
    /// What the ledger knows it by.
    pub(crate) key: Option<Key>,
    /// Whether it is told only with a claim.
    pub(crate) only_guarded: bool,
    /// Whether a later sweep will look at it, too.
    pub(crate) may_wait: bool,
    rounds: u32,
    read_by: Instant,
}

impl Assessment {
    /// The line of one report, whose message was ready at `rendered`.
    pub(crate) fn log(&self, rendered: Instant) {
        let Self { report, done, .. } = self;
        let measured = done.measured.as_ref().map(|read| (read.reading, read.retries));
        let (reading, retries) = measured.unwrap_or_default();
        info!(
            stack_set = done.stack_set,
            operation = done.operation_id,
            outcome = report.outcome.as_str(),
            total = report.counts.total,
            succeeded = report.counts.succeeded,
            failed = report.counts.failed,
            cancelled = report.counts.cancelled,
            running = report.counts.running,
            pending = report.counts.pending,
            other = report.counts.other,
            pages = done.pages,
            rounds = self.rounds,
            retries,
            reading_ms = millis(reading),
            rendering_ms = millis(rendered - self.read_by),
            publishing_ms = millis(rendered.elapsed()),
            complete = report.completeness.complete,
            published = done.action == Action::Published,
            message_id = done.message_id,
            attempt = report.attempt,
            "operation reported"
        );
    }
}

/// What the ledger knows an operation by: its end, or one of the days that it is stuck.
pub(crate) fn key(operation: &OperationRef, status: &OperationStatus, trigger: Trigger) -> Option<Key> {
    match trigger {
        _ if status.is_terminal() => Some(Key::new(operation, status.as_str())),
        Trigger::Stuck { day } => Some(Key::new(operation, &format!("STUCK-{day}"))),
        // What still goes on is not told for good.
        _ => None,
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One operation that is to be told.
struct OperationContext<'a> {
    reader: &'a Reader,
    operation: OperationRef,
    call_as: CallAs,
    trigger: Trigger,
    only_guarded: bool,
    may_wait: bool,
    described: Operation,
    retries_before: u64,
}

/// How an invocation's time is shared out.
#[derive(Clone, Copy)]
struct Times {
    started: Instant,
    reading_ends: Instant,
    publishing_ends: Instant,
}

impl Times {
    fn until(deadline: Instant, recorded: bool) -> Self {
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        Self {
            started,
            reading_ends: deadline - (left / 4).min(PUBLISH_RESERVE),
            publishing_ends: deadline - (if recorded { RECORDS } else { Duration::ZERO } + LAST_WORDS).min(left / 8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_after_the_message_has_its_own_time() {
        let deadline = |seconds| Instant::now() + Duration::from_secs(seconds);
        for (seconds, recorded, left) in
            [(300, true, 6.0), (60, true, 6.0), (16, true, 2.0), (300, false, 1.0), (8, false, 1.0)]
        {
            let deadline = deadline(seconds);
            let times = Times::until(deadline, recorded);
            assert_eq!((deadline - times.publishing_ends).as_secs_f64().round(), left, "of {seconds} s");
            // As long again for the message, at least.
            let publishing = times.publishing_ends - times.reading_ends;
            assert!(publishing >= deadline - times.publishing_ends, "{publishing:?} of {seconds} s");
        }
    }
}
