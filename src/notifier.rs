//! An **event** names an operation; we **read** all its results, **classify** each one, build a
//! **report**, **render** it for each kind of subscriber, and **publish** it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::config::{CallAsSetting, Config, NotifyOn};
use crate::error::{Error, InProgress};
use crate::event::{FunctionIdentity, ReportRequest, Trigger};
use crate::ledger::{Claims, Key, Ledger, NotClaimed, Sent};
use crate::operation::{CallAs, ListedOperation, Operation, OperationRef, OperationStatus};
use crate::organization::{Lookup, Organization};
use crate::publish::Publisher;
use crate::read::{self, CollectedResults, EventReader, ReadLimits, Reader};
use crate::render;
use crate::report::{EarlierFailures, Queued, Report, ReportBuilder, ReportContext, StackEvents};
use crate::response::{Action, Measurements, OperationResult};
use crate::time_budget::TimeBudget;

/// The whole function, built once at init.
#[derive(Debug, Clone)]
pub struct Notifier {
    pub(crate) config: Config,
    pub(crate) reader: Reader,
    pub(crate) publisher: Publisher,
    pub(crate) ledger: Option<Ledger>,
    organization: Option<Organization>,
    events: Option<EventReader>,
    first_pause: Duration,
}

/// One operation to be reported, with what was described of it.
struct OperationContext {
    operation: OperationRef,
    call_as: CallAs,
    /// The function's own account.
    reader_account: Option<String>,
    trigger: Trigger,
    /// What waits behind a stuck operation.
    queued: Arc<[ListedOperation]>,
    described: Operation,
    /// The event's status, where CloudFormation still describes another.
    disagreement: Option<String>,
    budget: TimeBudget,
    retries_before: u64,
}

/// One operation read.
struct ReadOperation {
    collected: CollectedResults,
    /// Attempts beyond the first, and the time that it took.
    retries: u64,
    time: Duration,
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
    read_at: Instant,
}

/// First pause before results that have not settled are read again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Recorded in place of an id that SNS did not give: the message is out all the same.
const UNKNOWN_ID: &str = "unknown";

impl Notifier {
    /// Builds the clients; nothing is sent yet.
    pub fn new(config: Config, aws: &SdkConfig) -> Self {
        let publisher = Publisher::new(aws, config.topic.clone());
        let ledger = config.ledger_table.clone().map(|table| Ledger::new(aws, table));
        let organization = config.account_names.then(|| Organization::new(aws));
        let reader = Reader::new(aws);
        let role = config.member_role_name.clone();
        let events = role.map(|role| EventReader::new(aws, reader.clone(), role));
        Self { config, reader, publisher, ledger, organization, events, first_pause: FIRST_PAUSE }
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
        match (self.call_as(request, identity), is_own) {
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
        let context = self.describe(request, identity, budget).await?;
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
            let lookup = self.lookup();
            let mut read = self.read(&context, &lookup).await?;
            let stack_events = self.look_up_stacks(&context, &mut read.collected.builder).await;
            let mut assessment = self.judge(&context, read, attempt);
            assessment.report.stack_events = stack_events;
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
        let context = self.describe(request, identity, budget).await?;
        let read = self.read(&context, lookup).await?;
        Ok(self.judge(&context, read, None))
    }

    /// What one message asks of AWS Organizations.
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(self.organization.as_ref())
    }

    /// Describes an operation; again for a while where its event is ahead of the description.
    async fn describe(
        &self,
        request: ReportRequest,
        identity: &FunctionIdentity,
        budget: TimeBudget,
    ) -> Result<OperationContext, Error> {
        let call_as = self.call_as(&request, identity);
        let ReportRequest { mut operation, trigger, event_status, queued, .. } = request;
        if call_as == CallAs::SelfAccount && operation.stack_set.account.is_none() && !identity.account.is_empty() {
            operation.stack_set.account = Some(identity.account.clone());
        }
        let retries_before = self.reader.retries();
        let until = budget.reading_ends();
        let (mut described, id) = self.reader.describe(&operation, call_as, until).await?;
        operation.stack_set.id = operation.stack_set.id.or(id);
        let mut disagreement = None;
        if let Some(status) = event_status {
            let settle_until = until.min(Instant::now() + self.config.settle_timeout);
            let mut pause = self.first_pause;
            while !described.status.is_terminal() && Instant::now() + pause <= settle_until {
                tokio::time::sleep(pause).await;
                pause *= 2;
                (described, _) = self.reader.describe(&operation, call_as, until).await?;
            }
            if !described.status.is_terminal() {
                let (event, described) = (status.as_str(), described.status.as_str());
                disagreement = Some(format!("the event says {event}, CloudFormation still says {described}"));
            }
            if disagreement.is_some() {
                described.status = status;
            }
        }
        let reader_account = Some(identity.account.clone()).filter(|account| !account.is_empty());
        Ok(OperationContext {
            operation,
            call_as,
            reader_account,
            trigger,
            queued,
            described,
            disagreement,
            budget,
            retries_before,
        })
    }

    /// Reads and classifies.
    async fn read(&self, context: &OperationContext, lookup: &Lookup<'_>) -> Result<ReadOperation, Error> {
        let OperationContext { operation, call_as, trigger, described, budget, retries_before, .. } = context;
        let started = Instant::now();
        let limits = ReadLimits {
            until: budget.reading_ends(),
            settle: self.settle(*trigger, described),
            first_pause: self.first_pause,
            longest_pause: LONGEST_PAUSE,
        };
        let earlier = self.earlier_failures(context).await;
        let mut collected = read::collect(&self.reader, operation, *call_as, described, earlier, limits).await?;
        let closed = lookup.suspended_accounts(collected.builder.accounts_without_role(), budget).await;
        collected.builder.reclassify_suspended(&closed);
        let retries = self.reader.retries().saturating_sub(*retries_before);
        Ok(ReadOperation { collected, retries, time: started.elapsed() })
    }

    /// Builds the report, and decides whether it needs a message.
    fn judge(&self, context: &OperationContext, read: ReadOperation, attempt: Option<u64>) -> Assessment {
        let OperationContext { operation, call_as, reader_account, trigger, described, disagreement, .. } = context;
        let ReadOperation { collected, retries, time } = read;
        let unread: Vec<&str> = [disagreement, &collected.unread].into_iter().flatten().map(String::as_str).collect();
        let unread = Some(unread.join("; ")).filter(|unread| !unread.is_empty());
        let mut report = collected.builder.build(&ReportContext {
            operation,
            call_as: *call_as,
            reader_account: reader_account.as_deref(),
            described,
            expect_gate: self.config.expect_gate,
            unread: unread.as_deref(),
            now: Some(now()),
        });
        report.attempt = attempt;
        if let (Trigger::Stuck { .. }, Some(progress)) = (trigger, &mut report.in_progress) {
            progress.stuck_after_hours = self.config.sweep.stuck_after.map(|after| after.as_secs() / 3_600);
            progress.queued = Some(Queued::of(&context.queued));
        }
        let (should_notify, reason) = self.should_notify(*trigger, &report);
        let mut result = OperationResult::of(operation, &report, collected.pages.pages, reason);
        result.measurements = Some(Measurements {
            results: collected.pages.rows,
            retries,
            reading: time,
            // A stuck operation is reported because it has not ended.
            complete: report.completeness.complete
                || (matches!(trigger, Trigger::Stuck { .. }) && report.in_progress.is_some()),
            account_gate_skipped: report.account_gate.skipped.count,
        });
        Assessment {
            operation: operation.clone(),
            report,
            result,
            should_notify,
            key: context.key(),
            rounds: collected.rounds,
            read_at: Instant::now(),
        }
    }

    /// Reads what failed in the operation before, if targets of this one failed. The report goes out without it where it
    /// cannot be read.
    async fn earlier_failures(&self, context: &OperationContext) -> Option<EarlierFailures> {
        let OperationContext { operation, call_as, described, budget, .. } = context;
        if described.failed_expected == Some(0) {
            return None;
        }
        let earlier = self.reader.earlier_failures(operation, *call_as, described, budget.earlier_ends()).await;
        earlier.unwrap_or_else(|error| {
            warn!("{error}");
            None
        })
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

    /// Adds the stacks that may say what the texts of results do not, and what their events say. A report goes out
    /// without what is not found.
    ///
    /// There are such targets only where some failed or have not ended, which needs a message unless all that failed is
    /// known and `NOTIFY_ON` is `changes`.
    async fn look_up_stacks(&self, context: &OperationContext, builder: &mut ReportBuilder) -> Option<StackEvents> {
        let targets = builder.targets_to_look_up();
        let (stack_set, until) = (&context.operation.stack_set, context.budget.stacks_end());
        let (found, error) = self.reader.stacks(stack_set, context.call_as, &targets, until).await;
        builder.add_stacks(&found);
        let mut reason = error.map(|error| error.to_string());
        let Some(events) = &self.events else {
            reason.iter().for_each(|reason| warn!("{reason}"));
            return None;
        };
        let (read, errors) = events.failures(&builder.stacks(), &context.described, until).await;
        builder.add_stack_events(&read);
        reason = reason.or(errors.first().map(ToString::to_string));
        reason.iter().for_each(|reason| warn!("{reason}"));
        let errors = targets.len() - found.len() + errors.len();
        Some(StackEvents { targets_read: read.len() as u64, errors: errors as u64, reason })
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

    /// How long to wait for results to settle. A sweep finds most operations long after their end, and
    /// waits shortly then.
    fn settle(&self, trigger: Trigger, described: &Operation) -> Duration {
        let longest = self.config.settle_timeout;
        described.ended_at.filter(|_| trigger == Trigger::Sweep).map_or(longest, |ended| {
            let since = Duration::from_millis(u64::try_from(now() - ended).unwrap_or_default());
            longest.saturating_sub(since).max(self.first_pause).min(longest)
        })
    }

    /// `auto` means delegated administrator when the stack set belongs to another account.
    fn call_as(&self, request: &ReportRequest, identity: &FunctionIdentity) -> CallAs {
        let owner = request.operation.stack_set.account.as_ref();
        match (request.call_as, self.config.call_as) {
            (Some(requested), _) => requested,
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

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
