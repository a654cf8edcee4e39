//! An **event** names an operation; we **read** all its results, **classify** each one, build a
//! **report**, **render** it for each kind of subscriber, and **publish** it.

use std::time::Duration;

use aws_config::SdkConfig;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::config::{Config, NotifyOn};
use crate::error::{Error, InProgress};
use crate::event::{FunctionIdentity, ReportRequest, Trigger};
use crate::ledger::{Claims, Key, Ledger, NotClaimed, Sent};
use crate::operation::{CallAs, OperationRef, OperationStatus};
use crate::organization::Lookup;
use crate::publish::Publisher;
use crate::render;
use crate::report::{Queued, Report};
use crate::reporter::{OperationContext, ReadOperation, Reporter};
use crate::response::{Action, Measurements, OperationResult};
use crate::time_budget::TimeBudget;

/// The whole function, built once at init.
#[derive(Clone)]
pub struct Notifier {
    pub(crate) config: Config,
    pub(crate) reporter: Reporter,
    pub(crate) publisher: Publisher,
    pub(crate) ledger: Option<Ledger>,
}

/// One operation read and judged.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) operation: OperationRef,
    pub(crate) report: Report,
    pub(crate) result: OperationResult,
    /// Whether it needs a message.
    pub(crate) should_notify: bool,
    /// What the ledger knows it by.
    pub(crate) key: Option<Key>,
    rounds: u32,
    /// When rendering can begin.
    pub(crate) read_at: Instant,
}

/// Recorded in place of an id that SNS did not give: the message is out all the same.
const UNKNOWN_ID: &str = "unknown";

impl Notifier {
    /// Builds the clients; nothing is sent yet.
    pub fn new(config: Config, aws: &SdkConfig) -> Self {
        let publisher = Publisher::new(aws, config.topic.clone());
        let ledger = config.ledger_table.clone().map(|table| Ledger::new(aws, table));
        let reporter = Reporter::new(config.report.clone(), aws);
        Self { config, reporter, publisher, ledger }
    }

    /// Waits this long before results that have not settled are read again; it doubles each time.
    pub fn settle_after(mut self, first_pause: Duration) -> Self {
        self.reporter = self.reporter.settle_after(first_pause);
        self
    }

    /// Lets claims in the ledger last this long between two renewals.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.ledger = self.ledger.map(|ledger| ledger.lease(lease));
        self
    }

    /// Reports one operation, unless its stack set is gone.
    ///
    /// A stack set that was deleted right after its operation, or a self-managed one of the management
    /// account that a delegated administrator cannot see, is no fault of the deployment: nobody could
    /// do anything about an error.
    ///
    /// # Errors
    /// As for [`Notifier::claim_and_report`].
    pub(crate) async fn report(
        &self,
        request: ReportRequest,
        identity: &FunctionIdentity,
        budget: TimeBudget,
    ) -> Result<OperationResult, Error> {
        let reason = self.reason_if_gone(&request, identity);
        let operation = request.operation.clone();
        match (self.claim_and_report(request, identity, budget).await, reason) {
            (Err(Error::Read(error)), Some(reason)) if error.is_stack_set_not_found() => {
                Ok(OperationResult::ignored(reason.to_owned(), Some(&operation)))
            }
            (result, _) => result,
        }
    }

    /// Why a stack set may not be found although the function reads in the right capacity.
    fn reason_if_gone(&self, request: &ReportRequest, identity: &FunctionIdentity) -> Option<&'static str> {
        let owner = request.operation.stack_set.account.as_ref();
        let is_own = owner.is_none_or(|owner| *owner == identity.account);
        match (self.reporter.call_as(request, identity), is_own) {
            // A person gets an answer.
            _ if request.trigger == Trigger::Manual => None,
            (CallAs::SelfAccount, true) => Some("the stack set no longer exists"),
            (CallAs::DelegatedAdmin, false) => {
                Some("the stack set is not visible to a delegated administrator, or it was deleted")
            }
            _ => None,
        }
    }

    /// Claims an operation, reads and publishes while the claim is held, and records it.
    ///
    /// # Errors
    /// [`Error`] of the step that failed; after [`Error::Publish`] SNS may have taken the message all the same.
    /// [`Error::InProgress`] if another invocation has the claim. A ledger that does not answer stops a sweep's report only:
    /// no later sweep would repeat an event's.
    async fn claim_and_report(
        &self,
        request: ReportRequest,
        identity: &FunctionIdentity,
        budget: TimeBudget,
    ) -> Result<OperationResult, Error> {
        let context = self.reporter.describe(request, identity, budget).await?;
        let mut claims = Claims::new(self.ledger.as_ref(), budget);
        let mut ledger_errors = Vec::new();
        let key = context.key();
        if let Some(key) = key.clone() {
            match claims.add(&key).await {
                Ok(None) => {}
                Ok(Some(NotClaimed::InProgress { until })) => return Err(context.in_progress(until)),
                // A person who asks gets an answer.
                Ok(Some(NotClaimed::Completed(_))) if context.trigger == Trigger::Manual => claims.add_unclaimed(key),
                Ok(Some(NotClaimed::Completed(record))) => {
                    return Ok(OperationResult::already_reported(&context.operation, &record));
                }
                Err(error) if context.trigger.is_scheduled() => return Err(error),
                Err(error) => {
                    warn!(kind = error.kind(), "{error}");
                    ledger_errors.push(error);
                    claims.add_unclaimed(key);
                }
            }
        }
        let attempt = key.and_then(|key| claims.attempt(&key));
        let publish = async {
            let lookup = self.reporter.lookup();
            let mut read = self.reporter.read(&context, &lookup).await?;
            self.reporter.look_up_stacks(&context, &mut read).await;
            let mut assessment = self.judge(&context, read, attempt);
            if assessment.should_notify {
                let wanted = render::names_wanted(&assessment.report);
                assessment.report.names = lookup.names(wanted, &context.budget).await;
            }
            self.publish(assessment, &context).await
        };
        let (mut result, failed) = claims.deliver(publish).await?;
        ledger_errors.extend(failed.into_iter().map(|(_, error)| error));
        result.note_ledger_errors(&ledger_errors);
        Ok(result)
    }

    /// Reads and judges an operation without publishing anything.
    pub(crate) async fn assess(
        &self,
        request: ReportRequest,
        identity: &FunctionIdentity,
        budget: TimeBudget,
        lookup: &Lookup<'_>,
    ) -> Result<Assessment, Error> {
        let context = self.reporter.describe(request, identity, budget).await?;
        let read = self.reporter.read(&context, lookup).await?;
        Ok(self.judge(&context, read, None))
    }

    /// Builds the report, and decides whether it needs a message.
    fn judge(&self, context: &OperationContext, read: ReadOperation, attempt: Option<u64>) -> Assessment {
        let OperationContext { operation, trigger, .. } = context;
        let (pages, rounds) = (read.collected.pages, read.collected.rounds);
        let (retries, reading) = (read.retries, read.time);
        let mut report = self.reporter.build(context, read);
        report.attempt = attempt;
        if let (Trigger::Stuck { .. }, Some(progress)) = (trigger, &mut report.in_progress) {
            progress.stuck_after_hours = self.config.sweep.stuck_after.map(|after| after.as_secs() / 3_600);
            progress.queued = Some(Queued::of(&context.queued));
        }
        let (should_notify, reason) = self.should_notify(*trigger, &report);
        let mut result = OperationResult::of(operation, &report, pages.pages, reason);
        result.measurements = Some(Measurements {
            results: pages.rows,
            retries,
            reading,
            // A stuck operation is reported because it has not ended.
            complete: report.completeness.complete
                || (matches!(trigger, Trigger::Stuck { .. }) && report.in_progress.is_some()),
            account_gate_skipped: report.account_gate.skipped.count,
            causes: report.causes.iter().map(|cause| (cause.code, cause.count)).collect(),
        });
        Assessment {
            operation: operation.clone(),
            report,
            result,
            should_notify,
            key: context.key(),
            rounds,
            read_at: Instant::now(),
        }
    }

    fn should_notify(&self, trigger: Trigger, report: &Report) -> (bool, String) {
        let problems = report.problems().join("; ");
        match self.config.notify_on {
            _ if trigger == Trigger::Manual && problems.is_empty() => (true, "requested manually".to_owned()),
            _ if trigger == Trigger::Manual => (true, problems),
            NotifyOn::Changes if report.has_only_known_failures() => (
                false,
                format!("{problems}; all of them failed for the same cause last time, and NOTIFY_ON is changes"),
            ),
            _ if !problems.is_empty() => (true, problems),
            NotifyOn::Always => (true, "NOTIFY_ON is always".to_owned()),
            NotifyOn::Problems => (false, "no target failed or was cancelled, and NOTIFY_ON is problems".to_owned()),
            NotifyOn::Changes => (false, "no target failed or was cancelled, and NOTIFY_ON is changes".to_owned()),
        }
    }

    /// Renders and publishes a report that needs a message.
    async fn publish(
        &self,
        mut assessment: Assessment,
        context: &OperationContext,
    ) -> Result<(OperationResult, Sent), Error> {
        let mut rendered_at = Instant::now();
        let mut message_id = None;
        if assessment.should_notify {
            // Looking up names is no part of the time for rendering.
            assessment.read_at = Instant::now();
            let message = render::message(&assessment.report, self.config.https_body)?;
            // The message holds them, and takes several times its own size while it is sent.
            assessment.report.forget_targets();
            rendered_at = Instant::now();
            assessment.result.message_id = self.publisher.publish(message, context.budget.publishing_ends()).await?;
            assessment.result.action = Action::Published;
            message_id = Some(recorded_id(assessment.result.message_id.clone()));
        }
        assessment.log(rendered_at);
        Ok((assessment.result, Sent { message_id, named: None }))
    }
}

impl OperationContext {
    fn key(&self) -> Option<Key> {
        key(&self.operation, &self.described.status, self.trigger)
    }

    fn in_progress(&self, until: String) -> Error {
        Error::InProgress(Box::new(InProgress::of(&self.operation, until)))
    }
}

impl Assessment {
    /// Writes the log line of one report, whose message was ready at `rendered_at`.
    pub(crate) fn log(&self, rendered_at: Instant) {
        let Self { report, result, .. } = self;
        let measurements = result.measurements.as_ref().map(|read| (read.reading, read.retries));
        let (reading, retries) = measurements.unwrap_or_default();
        info!(
            stack_set = result.stack_set,
            operation = result.operation_id,
            outcome = report.outcome.as_str(),
            total = report.counts.total,
            succeeded = report.counts.succeeded,
            failed = report.counts.failed,
            cancelled = report.counts.cancelled,
            running = report.counts.running,
            pending = report.counts.pending,
            other = report.counts.other,
            pages = result.pages,
            rounds = self.rounds,
            retries,
            reading_ms = millis(reading),
            rendering_ms = millis(rendered_at - self.read_at),
            publishing_ms = millis(rendered_at.elapsed()),
            complete = report.completeness.complete,
            published = result.action == Action::Published,
            message_id = result.message_id,
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
        // An operation that has not ended will be reported again.
        _ => None,
    }
}

/// The id to record for a message that SNS took.
pub(crate) fn recorded_id(message_id: Option<String>) -> String {
    message_id.unwrap_or_else(|| UNKNOWN_ID.to_owned())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
