//! One operation -> its report: describe, read, classify, look up, build.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use tokio::time::Instant;
use tracing::warn;

use crate::config::{CallAsSetting, ReadResults, ReportSettings};
use crate::error::Error;
use crate::event::{FunctionIdentity, ReportRequest, Trigger};
use crate::operation::{CallAs, ListedOperation, Operation, OperationRef, TargetResult};
use crate::organization::{Lookup, Organization};
use crate::read::{self, CollectedResults, EventReader, OnPage, ReadLimits, Reader};
use crate::render;
use crate::report::{EarlierFailures, ExpectGate, Report, ReportBuilder, ReportContext, StackEvents};
use crate::time_budget::TimeBudget;

/// Reads operations and builds their reports.
#[derive(Clone)]
pub struct Reporter {
    settings: ReportSettings,
    reader: Reader,
    organization: Option<Organization>,
    events: Option<EventReader>,
    first_pause: Duration,
    on_page: Option<Arc<OnPage>>,
}

/// One operation to be reported, with what was described of it.
pub(crate) struct OperationContext {
    pub(crate) operation: OperationRef,
    call_as: CallAs,
    /// The function's own account.
    reader_account: Option<String>,
    pub(crate) trigger: Trigger,
    /// What waits behind a stuck operation.
    pub(crate) queued: Arc<[ListedOperation]>,
    pub(crate) described: Operation,
    /// The event's status, where CloudFormation still describes another.
    disagreement: Option<String>,
    pub(crate) budget: TimeBudget,
    retries_before: u64,
}

/// One operation read.
pub(crate) struct ReadOperation {
    pub(crate) collected: CollectedResults,
    stack_events: Option<StackEvents>,
    /// Attempts beyond the first, and the time that it took.
    pub(crate) retries: u64,
    pub(crate) time: Duration,
}

/// First pause before results that have not settled are read again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

impl Reporter {
    /// Builds the clients; nothing is sent yet.
    pub fn new(settings: ReportSettings, aws: &SdkConfig) -> Self {
        let organization = settings.account_names.then(|| Organization::new(aws));
        let reader = Reader::new(aws);
        let role = settings.member_role_name.clone();
        let events = role.map(|role| EventReader::new(aws, reader.clone(), role));
        Self { settings, reader, organization, events, first_pause: FIRST_PAUSE, on_page: None }
    }

    /// Waits this long before results that have not settled are read again; it doubles each time.
    pub fn settle_after(mut self, first_pause: Duration) -> Self {
        self.first_pause = first_pause;
        self
    }

    /// Gives the results of each page to `on_page` as it comes; those that are read again come again.
    pub fn on_page(mut self, on_page: impl Fn(&[TargetResult]) + Send + Sync + 'static) -> Self {
        self.on_page = Some(Arc::new(on_page));
        self
    }

    /// What reads CloudFormation.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Reports one operation, as a message would have it.
    ///
    /// # Errors
    /// [`Error::Read`] if the operation cannot be described, or none of its results be read.
    pub async fn report(
        &self,
        request: ReportRequest,
        identity: &FunctionIdentity,
        budget: TimeBudget,
    ) -> Result<Report, Error> {
        let context = self.describe(request, identity, budget).await?;
        let lookup = self.lookup();
        let mut read = self.read(&context, &lookup).await?;
        self.look_up_stacks(&context, &mut read).await;
        let mut report = self.build(&context, read);
        report.names = lookup.names(render::names_wanted(&report), &budget).await;
        Ok(report)
    }

    /// What one message asks of AWS Organizations.
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(self.organization.as_ref())
    }

    /// Describes an operation; again for a while where its event is ahead of the description.
    pub(crate) async fn describe(
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
            let settle_until = until.min(Instant::now() + self.settings.settle_timeout);
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
    pub(crate) async fn read(&self, context: &OperationContext, lookup: &Lookup<'_>) -> Result<ReadOperation, Error> {
        let OperationContext { operation, call_as, trigger, described, budget, retries_before, .. } = context;
        let started = Instant::now();
        let limits = ReadLimits {
            until: budget.reading_ends(),
            settle: self.settle(*trigger, described),
            first_pause: self.first_pause,
            longest_pause: LONGEST_PAUSE,
            // What gates said of targets that succeeded is in their results only.
            read_successes: self.settings.read_results == ReadResults::All
                || self.settings.expect_gate != ExpectGate::Never,
            on_page: self.on_page.as_deref(),
        };
        let earlier = self.earlier_failures(context).await;
        let mut collected = read::collect(&self.reader, operation, *call_as, described, earlier, limits).await?;
        let closed = lookup.suspended_accounts(collected.builder.accounts_without_role(), budget).await;
        collected.builder.reclassify_suspended(&closed);
        let retries = self.reader.retries().saturating_sub(*retries_before);
        Ok(ReadOperation { collected, stack_events: None, retries, time: started.elapsed() })
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

    /// Adds the stacks that may say what the texts of results do not, and what their events say. A report goes out
    /// without what is not found.
    ///
    /// There are such targets only where some failed or have not ended, which needs a message unless all that failed is
    /// known and `NOTIFY_ON` is `changes`.
    pub(crate) async fn look_up_stacks(&self, context: &OperationContext, read: &mut ReadOperation) {
        read.stack_events = self.stack_events(context, &mut read.collected.builder).await;
    }

    async fn stack_events(&self, context: &OperationContext, builder: &mut ReportBuilder) -> Option<StackEvents> {
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

    /// Builds the report of what was read.
    pub(crate) fn build(&self, context: &OperationContext, read: ReadOperation) -> Report {
        let OperationContext { operation, call_as, reader_account, described, disagreement, .. } = context;
        let ReadOperation { collected, stack_events, .. } = read;
        let unread: Vec<&str> = [disagreement, &collected.unread].into_iter().flatten().map(String::as_str).collect();
        let unread = Some(unread.join("; ")).filter(|unread| !unread.is_empty());
        let mut report = collected.builder.build(&ReportContext {
            operation,
            call_as: *call_as,
            reader_account: reader_account.as_deref(),
            described,
            expect_gate: self.settings.expect_gate,
            unread: unread.as_deref(),
            now: Some(now()),
        });
        report.stack_events = stack_events;
        report
    }

    /// How long to wait for results to settle. A sweep finds most operations long after their end, and
    /// waits shortly then.
    fn settle(&self, trigger: Trigger, described: &Operation) -> Duration {
        let longest = self.settings.settle_timeout;
        described.ended_at.filter(|_| trigger == Trigger::Sweep).map_or(longest, |ended| {
            let since = Duration::from_millis(u64::try_from(now() - ended).unwrap_or_default());
            longest.saturating_sub(since).max(self.first_pause).min(longest)
        })
    }

    /// `auto` means delegated administrator when the stack set belongs to another account.
    pub(crate) fn call_as(&self, request: &ReportRequest, identity: &FunctionIdentity) -> CallAs {
        let owner = request.operation.stack_set.account.as_ref();
        match (request.call_as, self.settings.call_as) {
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

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
