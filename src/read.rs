//! CloudFormation -> our own words: describe the operation, page through all its results.
//!
//! SDK types end here.

mod whole;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Region;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;
use aws_sdk_cloudformation::types;

use crate::aws;
use crate::error::Error;
use crate::operation::{
    CallAs, Drift, Gate, GateStatus, Operation, OperationRef, OperationStatus, ResultStatus, TargetResult,
};

/// The API's largest page
/// ([MaxResults](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperationResults.html)).
const PAGE_SIZE: i32 = 100;

/// Empty pages in a row that are taken; more would be a chain without an end.
const EMPTY_PAGES: u32 = 50;

/// Reads operations of stack sets.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
    region: Option<String>,
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pages {
    /// Pages, the last included.
    pub pages: u64,
    /// Rows on them.
    pub rows: u64,
}

impl Reader {
    /// A reader over the shared settings; build it once, it holds the connections.
    pub fn new(config: &SdkConfig) -> Self {
        let checked = aws_sdk_cloudformation::config::Builder::from(config).interceptor(whole::WholeAnswers).build();
        Self { client: Client::from_conf(checked), region: config.region().map(ToString::to_string) }
    }

    /// Describes an operation; the answer is strongly consistent.
    ///
    /// Also gives the stack set's unique id, which a request by bare name does not know.
    ///
    /// # Errors
    /// [`Error::Read`] that names the stack set, the operation, the capacity and what to try.
    pub async fn describe(
        &self,
        operation: &OperationRef,
        call_as: CallAs,
    ) -> Result<(Operation, Option<String>), Error> {
        let what = "could not describe operation";
        let answer = self
            .client
            .describe_stack_set_operation()
            .stack_set_name(operation.stack_set.api_name())
            .operation_id(&operation.operation_id)
            .call_as(sdk_call_as(call_as))
            .customize()
            .config_override(self.administration_region(operation))
            .send()
            .await
            .map_err(|error| failure(what, operation, call_as, &error))?;
        let Some(told) = answer.stack_set_operation else {
            return Err(Error::Read(format!("{}: the answer is empty", subject(what, operation, call_as))));
        };
        let id = told.stack_set_id().and_then(|id| id.rsplit_once(':')).map(|(_, id)| id.to_owned());
        Ok((from_sdk_operation(told), id))
    }

    /// Reads every page of an operation's results and hands each to `fold` as it comes.
    ///
    /// # Errors
    /// [`Error::Read`] as for [`Reader::describe`], and when the chain of tokens is broken: a
    /// token that came before or is empty would otherwise end in a short report.
    pub async fn results(
        &self,
        operation: &OperationRef,
        call_as: CallAs,
        mut fold: impl FnMut(Vec<TargetResult>),
    ) -> Result<Pages, Error> {
        let what = "could not list the results of operation";
        let mut read = Pages::default();
        let mut token: Option<String> = None;
        let mut seen = HashSet::new();
        let mut empty_in_a_row = 0;
        loop {
            let page = self
                .client
                .list_stack_set_operation_results()
                .stack_set_name(operation.stack_set.api_name())
                .operation_id(&operation.operation_id)
                .call_as(sdk_call_as(call_as))
                .max_results(PAGE_SIZE)
                .set_next_token(token.take())
                .customize()
                .config_override(self.administration_region(operation))
                .send()
                .await
                .map_err(|error| failure(what, operation, call_as, &error))?;
            let rows: Vec<TargetResult> = page.summaries.unwrap_or_default().into_iter().map(from_sdk_row).collect();
            let page_is_empty = rows.is_empty();
            read.pages += 1;
            read.rows += rows.len() as u64;
            fold(rows);
            let Some(next) = page.next_token else {
                return Ok(read);
            };
            empty_in_a_row = if page_is_empty { empty_in_a_row + 1 } else { 0 };
            let broken = if empty_in_a_row >= EMPTY_PAGES {
                Some("after many pages without rows yet another")
            } else if next.is_empty() {
                Some("an empty")
            } else if !seen.insert(fingerprint(&next)) {
                Some("an already used")
            } else {
                None
            };
            if let Some(kind) = broken {
                return Err(Error::Read(format!(
                    "{}: page {} hands out {kind} token for the next page, so {} rows may not be all",
                    subject(what, operation, call_as),
                    read.pages,
                    read.rows
                )));
            }
            token = Some(next);
        }
    }

    /// Stack sets are regional: one that lives elsewhere than the function is read where it lives.
    fn administration_region(&self, operation: &OperationRef) -> aws_sdk_cloudformation::config::Builder {
        let wanted = &operation.stack_set.region;
        let mut builder = aws_sdk_cloudformation::Config::builder();
        if !wanted.is_empty() && self.region.as_deref() != Some(wanted) {
            builder.set_region(Some(Region::new(wanted.clone())));
        }
        builder
    }
}

/// Tokens are up to 1 KiB each and there may be 1,000 of them: their hashes are enough.
fn fingerprint(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

fn sdk_call_as(call_as: CallAs) -> types::CallAs {
    match call_as {
        CallAs::Myself => types::CallAs::SelfValue,
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

fn failure<E>(what: &str, operation: &OperationRef, call_as: CallAs, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    let mut text = format!("{}: {}", subject(what, operation, call_as), aws::cause(error));
    let other = match call_as {
        CallAs::Myself => CallAs::DelegatedAdmin,
        CallAs::DelegatedAdmin => CallAs::Myself,
    };
    // Both codes are seen with and without the suffix.
    match aws::code(error).map(|code| code.trim_end_matches("Exception")) {
        Some("StackSetNotFound") => {
            text.push_str(&format!(
                "; try CALL_AS={}, which sees other stack sets, and check that the stack set still exists in this Region",
                other.as_str()
            ));
        }
        Some("OperationNotFound") => {
            text.push_str("; check the operation id, old operations are no longer listed");
        }
        Some("ValidationError") if text.contains("not a delegated administrator") => {
            text.push_str(
                "; register this account as delegated administrator for StackSets and allow \
                 organizations:ListDelegatedAdministrators, or set CALL_AS=SELF",
            );
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
