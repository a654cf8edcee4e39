//! AWS -> the report of one operation: finds the stack set, its operation, and the capacity to read in.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stackset_notifier::config::{ReadResults, ReportSettings};
use stackset_notifier::error::{Error as LibraryError, ReadError, ReadErrorCause};
use stackset_notifier::event::{FunctionIdentity, ReportRequest, Trigger};
use stackset_notifier::operation::{
    self, CallAs, ListedOperation, OperationRef, OperationStatus, StackSetRef, TargetResult,
};
use stackset_notifier::read::{Next, Reader};
use stackset_notifier::report::Report;
use stackset_notifier::reporter::Reporter;
use stackset_notifier::time_budget::TimeBudget;
use tokio::time::Instant;

use crate::args::{self, CallAsArg};
use crate::client::Client;
use crate::error::Error;
use crate::progress::Progress;
use crate::rows::Rows;

/// Longest time for one report. A person who waits can give up sooner.
const LONGEST: Duration = Duration::from_secs(3_600);

/// AWS, as one command asks it.
pub struct Live {
    /// Partition, Region and account of the credentials.
    pub identity: FunctionIdentity,
    reporter: Reporter,
    call_as: CallAsArg,
}

/// An operation that was found, and the capacity in which.
#[derive(Debug, Clone)]
pub struct FoundOperation {
    /// The operation.
    pub operation: OperationRef,
    /// The capacity.
    pub call_as: CallAs,
}

impl FoundOperation {
    /// It can not be read any more.
    pub fn failed(&self, error: ReadError) -> Error {
        Error::Read { error, tried: vec![self.call_as], region: self.operation.stack_set.region.clone() }
    }
}

impl Live {
    /// Connects. `all` asks for the results of targets that succeeded, too.
    ///
    /// # Errors
    /// [`Error`] that says what is missing.
    pub async fn connect(
        args: &args::Aws,
        stack_set: Option<&str>,
        member_role: Option<&str>,
        all: bool,
    ) -> Result<Self, Error> {
        let known_region = stack_set.and_then(|text| StackSetRef::from_arn(text).ok()).map(|set| set.region);
        let mut settings = settings(member_role)?;
        if all {
            settings.read_results = ReadResults::All;
        }
        let Client { sdk, identity } = Client::connect(args, known_region.as_deref()).await?;
        Ok(Self { identity, reporter: Reporter::new(settings, &sdk), call_as: args.call_as })
    }

    /// What reads CloudFormation.
    pub fn reader(&self) -> &Reader {
        self.reporter.reader()
    }

    /// When to give up what begins now.
    pub fn deadline(&self) -> Instant {
        Instant::now() + LONGEST
    }

    /// The capacities to read in.
    pub fn capacities(&self) -> &'static [CallAs] {
        self.call_as.to_try()
    }

    /// The stack set that a text names.
    ///
    /// # Errors
    /// [`Error::Usage`] if it names none.
    pub fn stack_set(&self, text: &str) -> Result<StackSetRef, Error> {
        let mut set = stack_set(text)?;
        if set.region.is_empty() {
            set.region.clone_from(&self.identity.region);
        }
        if set.partition.is_empty() {
            set.partition.clone_from(&self.identity.partition);
        }
        Ok(set)
    }

    /// Finds an operation by its id.
    ///
    /// # Errors
    /// [`Error::Read`] if it is not found in any capacity.
    pub async fn find(&self, stack_set: StackSetRef, operation_id: &str) -> Result<FoundOperation, Error> {
        if !operation::is_id(operation_id) {
            return Err(Error::Usage(format!(
                "could not report operation {operation_id:?}: it is not an operation ID"
            )));
        }
        let operation = OperationRef { stack_set, operation_id: operation_id.to_owned() };
        let describe =
            async |call_as| self.reader().describe(&operation, call_as, self.deadline()).await.map(|(_, id)| id);
        let (call_as, id) = self.in_any_capacity(&operation.stack_set, describe).await?;
        let mut operation = operation;
        operation.stack_set.id = operation.stack_set.id.or(id);
        Ok(FoundOperation { operation, call_as })
    }

    /// The operations of a stack set, the latest first, and the capacity that sees them.
    ///
    /// # Errors
    /// [`Error::Read`] if the stack set is not found in any capacity.
    pub async fn operations(&self, stack_set: &StackSetRef) -> Result<(CallAs, Vec<ListedOperation>), Error> {
        self.in_any_capacity(stack_set, async |call_as| {
            operations_as(self.reader(), stack_set, call_as, self.deadline()).await
        })
        .await
    }

    /// Asks in one capacity after the other until the stack set is found.
    async fn in_any_capacity<T>(
        &self,
        stack_set: &StackSetRef,
        ask: impl AsyncFn(CallAs) -> Result<T, ReadError>,
    ) -> Result<(CallAs, T), Error> {
        let mut to_try = self.capacities().to_vec();
        if stack_set.account.as_ref().is_some_and(|owner| *owner != self.identity.account) {
            to_try.reverse();
        }
        let mut kept: Option<ReadError> = None;
        for &call_as in &to_try {
            let error = match ask(call_as).await {
                Ok(answer) => return Ok((call_as, answer)),
                Err(error) => error,
            };
            let goes_on = may_differ(&error);
            // Most accounts are no delegated administrators: what was answered before says more than that.
            if kept.is_none() || !goes_on || error.is_stack_set_not_found() {
                kept = Some(error);
            }
            if !goes_on {
                break;
            }
        }
        let error =
            kept.ok_or_else(|| Error::NothingToReport("could not connect to AWS: no capacity to ask in".to_owned()))?;
        Err(Error::Read { error, tried: to_try, region: stack_set.region.clone() })
    }

    /// Reports an operation, and gives the rows of a list where the output has one.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be described, or none of its results be read.
    pub async fn report(
        &self,
        found: FoundOperation,
        rows: Rows,
        keeps_rows: bool,
        progress: Progress,
    ) -> Result<(Report, Rows), Error> {
        let rows = Arc::new(Mutex::new(rows));
        let sink = Arc::clone(&rows);
        let reader = self.reader().clone();
        let before = reader.retries();
        let shown = progress.clone();
        let on_page = move |page: &[TargetResult]| {
            if keeps_rows {
                let mut rows = sink.lock().unwrap_or_else(PoisonError::into_inner);
                page.iter().for_each(|row| rows.add(row));
            }
            shown.page(page, reader.retries() - before);
        };
        let kept = found.clone();
        let request = ReportRequest {
            operation: found.operation,
            call_as: Some(found.call_as),
            // What ended long ago is not waited for.
            trigger: Trigger::Sweep,
            event_status: None,
            queued: Arc::default(),
        };
        let reporter = self.reporter.clone().on_page(on_page);
        let report = reporter.report(request, &self.identity, TimeBudget::until(self.deadline())).await;
        progress.finish();
        let report = report.map_err(|error| match error {
            LibraryError::Read(error) => kept.failed(error),
            other => Error::Library(other),
        })?;
        drop(reporter);
        let rows = std::mem::take(&mut *rows.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((report, rows))
    }
}

/// Whether another capacity may give another answer.
fn may_differ(error: &ReadError) -> bool {
    matches!(error.cause(), ReadErrorCause::Refused { code } if matches!(code.as_str(), "StackSetNotFound" | "ValidationError" | "AccessDenied"))
}

/// The function's default settings, and the role in the target accounts.
fn settings(member_role: Option<&str>) -> Result<ReportSettings, Error> {
    let setting = |name: &str| Ok(member_role.filter(|_| name == "MEMBER_ROLE_NAME").map(str::to_owned));
    ReportSettings::from_lookup(setting)
        .map_err(|error| Error::Usage(error.to_string().replace("the setting MEMBER_ROLE_NAME", "--member-role")))
}

/// The stack set that a name, `name:uuid` or an ARN names; where it is empty the Region is not known.
///
/// # Errors
/// [`Error::Usage`] if it names none.
pub fn stack_set(text: &str) -> Result<StackSetRef, Error> {
    if text.starts_with("arn:") {
        return StackSetRef::from_arn(text)
            .map_err(|why| Error::Usage(format!("could not read the stack set {text}: {why}")));
    }
    let (name, id) = text.split_once(':').map_or((text, None), |(name, id)| (name, Some(id)));
    if !operation::is_stack_set_name(name) || id.is_some_and(|id| !operation::is_id(id)) {
        return Err(Error::Usage(format!(
            "could not read the stack set {text:?}: give its name (a letter, then letters, digits and hyphens), \
             name:id or ARN"
        )));
    }
    Ok(StackSetRef {
        name: name.to_owned(),
        id: id.map(str::to_owned),
        partition: String::new(),
        region: String::new(),
        account: None,
    })
}

/// The operations of a stack set, the latest first.
///
/// # Errors
/// [`ReadError`] if they cannot be listed.
pub async fn operations_as(
    reader: &Reader,
    stack_set: &StackSetRef,
    call_as: CallAs,
    until: Instant,
) -> Result<Vec<ListedOperation>, ReadError> {
    let mut pages = reader.operations(stack_set, call_as);
    let mut all = Vec::new();
    loop {
        match pages.next(until).await? {
            Next::Page(page) => all.extend(page),
            Next::End => break,
            Next::OutOfTime => {
                return Err(ReadError::out_of_time(&format!("could not list the operations of stack set {stack_set}")));
            }
        }
    }
    all.sort_by_key(|operation| Reverse(operation.started_at));
    Ok(all)
}

/// The last operation that had problems, or else the last one that has ended, or else the last one.
pub fn last_with_problems(operations: &[ListedOperation]) -> Option<&ListedOperation> {
    operations
        .iter()
        .find(|operation| has_problems(operation))
        .or_else(|| operations.iter().find(|operation| operation.status.is_terminal()))
        .or_else(|| operations.first())
}

/// Whether an operation has ended and something was wrong, as far as its summary says.
pub fn has_problems(operation: &ListedOperation) -> bool {
    matches!(operation.status, OperationStatus::Failed | OperationStatus::Stopped)
        || (operation.status.is_terminal() && operation.failed.is_some_and(|failed| failed > 0))
}
