//! CloudFormation -> our own words: describe the operation, page through all its results.
//!
//! SDK types end here.

mod answers;
mod chain;
mod lists;
mod page;

pub use lists::{Operations, StackSets};

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Region;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;
use aws_sdk_cloudformation::operation::describe_stack_set_operation::DescribeStackSetOperationError;
use aws_sdk_cloudformation::operation::list_stack_set_operation_results::ListStackSetOperationResultsError;
use aws_sdk_cloudformation::operation::list_stack_set_operations::ListStackSetOperationsError;
use aws_sdk_cloudformation::operation::list_stack_sets::ListStackSetsError;
use aws_sdk_cloudformation::types;
use tokio::time::{Instant, timeout_at};

use crate::aws;
use crate::error::Error;
use crate::operation::{
    CallAs, Drift, Gate, GateStatus, Operation, OperationRef, OperationStatus, Preferences, ResultStatus, TargetResult,
};

/// The API's largest page
/// ([MaxResults](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperationResults.html)).
pub(crate) const PAGE_SIZE: i32 = 100;

/// Reads operations of stack sets, for one invocation.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
    region: Option<String>,
    answers: answers::Answers,
}

/// What all readers of a function share; the connections, too.
#[derive(Debug, Clone)]
pub struct Source {
    config: aws_sdk_cloudformation::config::Builder,
    region: Option<String>,
}

impl Source {
    /// Over the shared settings.
    pub fn new(config: &SdkConfig) -> Self {
        let shared = aws_sdk_cloudformation::config::Builder::from(config)
            .retry_classifier(aws::Refusals::<DescribeStackSetOperationError>::of())
            .retry_classifier(aws::Refusals::<ListStackSetOperationResultsError>::of())
            .retry_classifier(aws::Refusals::<ListStackSetOperationsError>::of())
            .retry_classifier(aws::Refusals::<ListStackSetsError>::of());
        Self { config: shared, region: config.region().map(ToString::to_string) }
    }

    /// A reader for one invocation, as patient as if it were the first.
    pub fn reader(&self) -> Reader {
        let answers = answers::Answers::default();
        let own = self.config.clone().interceptor(answers.clone()).retry_partition(aws::patience()).build();
        Reader { client: Client::from_conf(own), region: self.region.clone(), answers }
    }
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pages {
    /// Pages, the last included.
    pub pages: u64,
    /// Rows on them.
    pub rows: u64,
}

impl Pages {
    /// Counts one page.
    pub fn count(&mut self, rows: &[TargetResult]) {
        self.pages += 1;
        self.rows += rows.len() as u64;
    }
}

/// Pages of results still to come.
#[derive(Debug)]
pub struct Results<'a> {
    reader: &'a Reader,
    operation: &'a OperationRef,
    call_as: CallAs,
    filter: Option<types::OperationResultFilter>,
    chain: chain::PageCursor,
}

/// What a list has to give when its next page is asked for.
#[derive(Debug)]
pub enum Next<T> {
    /// The rows of one page.
    Page(Vec<T>),
    /// There are no more.
    End,
    /// There was no answer in time.
    OutOfTime,
}

const RESULTS: &str = "could not list the results of operation";

/// What was asked of CloudFormation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Describe,
    ListResults,
    ListOperations,
    ListStackSets,
}

impl Action {
    /// The permission that it needs, and on what.
    fn permission(self) -> &'static str {
        match self {
            Self::Describe => "cloudformation:DescribeStackSetOperation on this stack set",
            Self::ListResults => "cloudformation:ListStackSetOperationResults on this stack set",
            Self::ListOperations => "cloudformation:ListStackSetOperations on this stack set",
            Self::ListStackSets => "cloudformation:ListStackSets on *",
        }
    }
}

impl Reader {
    /// Attempts beyond the first of all calls so far.
    pub fn retries(&self) -> u64 {
        self.answers.retries()
    }

    /// Describes an operation, by `until` at the latest; the answer is strongly consistent.
    ///
    /// Also gives the stack set's unique id, which a request by bare name does not know.
    ///
    /// # Errors
    /// [`Error::Read`] that names the stack set, the operation, the capacity and what to try.
    pub async fn describe(
        &self,
        operation: &OperationRef,
        call_as: CallAs,
        until: Instant,
    ) -> Result<(Operation, Option<String>), Error> {
        let what = "could not describe operation";
        let call = self
            .client
            .describe_stack_set_operation()
            .stack_set_name(operation.stack_set.api_name())
            .operation_id(&operation.operation_id)
            .call_as(sdk_call_as(call_as))
            .customize();
        let call = match self.elsewhere(&operation.stack_set.region) {
            Some(there) => call.config_override(there),
            None => call,
        };
        let Ok(answer) = timeout_at(until, call.send()).await else {
            return Err(Error::Read(format!("{}: the function's time ran out", subject(what, operation, call_as))));
        };
        let answer =
            answer.map_err(|error| failure(subject(what, operation, call_as), Action::Describe, call_as, &error))?;
        let Some(told) = answer.stack_set_operation else {
            return Err(Error::Read(format!("{}: the answer is empty", subject(what, operation, call_as))));
        };
        let id = told.stack_set_id().and_then(|id| id.rsplit_once(':')).map(|(_, id)| id.to_owned());
        Ok((from_sdk_operation(told), id))
    }

    /// The results of an operation, all or those with one status, page by page.
    pub fn results<'a>(
        &'a self,
        operation: &'a OperationRef,
        call_as: CallAs,
        status: Option<&ResultStatus>,
    ) -> Results<'a> {
        let filter = status.map(|status| {
            types::OperationResultFilter::builder()
                .name(types::OperationResultFilterName::OperationResultStatus)
                .values(status.as_str())
                .build()
        });
        Results { reader: self, operation, call_as, filter, chain: chain::PageCursor::default() }
    }

    /// The error for an operation of which nothing could be read in time.
    pub fn out_of_time(&self, operation: &OperationRef, call_as: CallAs) -> Error {
        Error::Read(format!("{}: the function's time ran out", subject(RESULTS, operation, call_as)))
    }

    /// Stack sets are regional: one that lives elsewhere than the function is read where it lives.
    ///
    /// Only then: an override costs a tenth of what else a page costs.
    fn elsewhere(&self, wanted: &str) -> Option<aws_sdk_cloudformation::config::Builder> {
        let here = wanted.is_empty() || self.region.as_deref() == Some(wanted);
        (!here).then(|| aws_sdk_cloudformation::Config::builder().region(Region::new(wanted.to_owned())))
    }
}

impl Results<'_> {
    /// Reads the next page, or gives up at `until`; the same page can be asked for again then.
    ///
    /// # Errors
    /// [`Error::Read`] as for [`Reader::describe`], and when the chain of pages is broken: a
    /// token or a page that came before, or an empty token, would otherwise end in a wrong report.
    pub async fn next(&mut self, until: Instant) -> Result<Next<TargetResult>, Error> {
        if self.chain.has_ended() {
            return Ok(Next::End);
        }
        let subject = || subject(RESULTS, self.operation, self.call_as);
        let call = self
            .reader
            .client
            .list_stack_set_operation_results()
            .stack_set_name(self.operation.stack_set.api_name())
            .operation_id(&self.operation.operation_id)
            .call_as(sdk_call_as(self.call_as))
            .max_results(PAGE_SIZE)
            .set_filters(self.filter.clone().map(|filter| vec![filter]))
            .set_next_token(self.chain.token())
            .customize();
        let call = match self.reader.elsewhere(&self.operation.stack_set.region) {
            Some(there) => call.config_override(there),
            None => call,
        };
        let Ok(answer) = timeout_at(until, call.send()).await else {
            return Ok(Next::OutOfTime);
        };
        let page = answer.map_err(|error| failure(subject(), Action::ListResults, self.call_as, &error))?;
        let rows: Vec<TargetResult> = page.summaries.unwrap_or_default().into_iter().map(from_sdk_row).collect();
        let ends = rows.first().and_then(TargetResult::target).zip(rows.last().and_then(TargetResult::target));
        self.chain.advance(rows.len(), ends, page.next_token, subject)?;
        Ok(Next::Page(rows))
    }
}

fn sdk_call_as(call_as: CallAs) -> types::CallAs {
    match call_as {
        CallAs::SelfAccount => types::CallAs::SelfValue,
        CallAs::DelegatedAdmin => types::CallAs::DelegatedAdmin,
    }
}

fn subject(what: &str, operation: &OperationRef, call_as: CallAs) -> String {
    format!(
        "{what} {} of stack set {} as {} in {}",
        operation.operation_id,
        operation.stack_set,
        call_as.as_str(),
        operation.stack_set.region
    )
}

fn failure<E>(subject: String, action: Action, call_as: CallAs, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    let mut text = format!("{subject}: {}", aws::cause(error));
    let other = match call_as {
        CallAs::SelfAccount => CallAs::DelegatedAdmin,
        CallAs::DelegatedAdmin => CallAs::SelfAccount,
    };
    // Both codes are seen with and without the suffix.
    match aws::code(error).map(|code| code.trim_end_matches("Exception")) {
        Some("StackSetNotFound") => {
            text.push_str(&format!(
                "; try {} (CALL_AS, or callAs of a manual request), which sees other stack sets, and check that the stack set still exists in this Region",
                other.as_str()
            ));
        }
        Some("OperationNotFound") => {
            text.push_str("; check the operation id, old operations are no longer listed");
        }
        Some("ValidationError") if text.contains("not a delegated administrator") => {
            text.push_str(
                "; register this account as delegated administrator for StackSets and allow \
                 organizations:ListDelegatedAdministrators, or read as SELF (CALL_AS, or callAs of a manual request)",
            );
        }
        Some("AccessDenied") => {
            text.push_str(&format!("; the function's role needs {}", action.permission()));
        }
        _ => {}
    }
    Error::Read(text)
}

fn from_sdk_operation(told: types::StackSetOperation) -> Operation {
    let count = |number: Option<i32>| number.and_then(|n| u64::try_from(n).ok());
    Operation {
        action: told.action().map(|action| action.as_str().to_owned()),
        status: told
            .status()
            .map_or(OperationStatus::Other(String::new()), |status| OperationStatus::from(status.as_str())),
        failed_expected: count(
            told.status_details().and_then(types::StackSetOperationStatusDetails::failed_stack_instances_count),
        ),
        started_at: told.creation_timestamp().and_then(millis),
        ended_at: told.end_timestamp().and_then(millis),
        organizational_units: told
            .deployment_targets()
            .map(|targets| targets.organizational_unit_ids().to_vec())
            .unwrap_or_default(),
        preferences: told.operation_preferences().map(preferences).unwrap_or_default(),
        retain_stacks: told.retain_stacks(),
        drift: told.stack_set_drift_detection_details().map(|drift| Drift {
            status: drift.drift_status().map(|status| status.as_str().to_owned()),
            drifted: count(drift.drifted_stack_instances_count()),
            in_sync: count(drift.in_sync_stack_instances_count()),
            in_progress: count(drift.in_progress_stack_instances_count()),
            failed: count(drift.failed_stack_instances_count()),
            total: count(drift.total_stack_instances_count()),
        }),
        status_reason: told.status_reason,
    }
}

fn preferences(told: &types::StackSetOperationPreferences) -> Preferences {
    let number = |number: Option<i32>| number.and_then(|n| u64::try_from(n).ok());
    Preferences {
        region_concurrency_type: told.region_concurrency_type().map(|word| word.as_str().to_owned()),
        region_order: told.region_order().to_vec(),
        failure_tolerance_count: number(told.failure_tolerance_count()),
        failure_tolerance_percentage: number(told.failure_tolerance_percentage()),
        max_concurrent_count: number(told.max_concurrent_count()),
        max_concurrent_percentage: number(told.max_concurrent_percentage()),
        concurrency_mode: told.concurrency_mode().map(|word| word.as_str().to_owned()),
    }
}

fn millis(time: &aws_sdk_cloudformation::primitives::DateTime) -> Option<i64> {
    time.to_millis().ok()
}

fn from_sdk_row(row: types::StackSetOperationResultSummary) -> TargetResult {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    TargetResult {
        account: filled(row.account),
        region: filled(row.region),
        status: row.status.map(|status| ResultStatus::from(status.as_str())),
        reason: filled(row.status_reason),
        gate: row.account_gate_result.map(|gate| Gate {
            status: gate.status.map(|status| GateStatus::from(status.as_str())),
            reason: filled(gate.status_reason),
        }),
        organizational_unit_id: filled(row.organizational_unit_id),
    }
}
