//! What an invocation answers.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tracing::info;

use crate::error::{Error, InProgress};
use crate::ledger::CompletedRecord;
use crate::operation::OperationRef;
use crate::report::{Counts, Failure, Outcome, Report};

/// What an invocation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// One entry for each operation; one without names where the event was ignored.
    pub operations: Vec<OperationResult>,
    /// Entries left out of `operations`; the sweep's numbers count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations_omitted: Option<u64>,
    /// What the sweep did, if the invocation was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSummary>,
}

impl Response {
    /// The response with at most 1,000 entries, those that were published first.
    ///
    /// Lambda refuses a response of more than 6 MB, and with it an invocation whose messages are out
    /// ([quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)).
    pub fn shortened(mut self) -> Self {
        const MOST: usize = 1_000;
        let omitted = self.operations.len().saturating_sub(MOST);
        if omitted > 0 {
            self.operations.sort_by_key(|result| result.action != Action::Published);
            self.operations.truncate(MOST);
            self.operations_omitted = Some(omitted as u64);
        }
        self
    }
}

impl From<OperationResult> for Response {
    fn from(result: OperationResult) -> Self {
        Self { operations: vec![result], operations_omitted: None, sweep: None }
    }
}

/// The result of handling one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationResult {
    /// Stack set, `name:uuid`.
    pub stack_set: Option<String>,
    /// Operation id.
    pub operation_id: Option<String>,
    /// How the operation ended.
    pub outcome: Option<Outcome>,
    /// What was done.
    pub action: Action,
    /// Why it was done.
    pub reason: String,
    /// SNS's id of the message, if one was published and SNS gave its id.
    pub message_id: Option<String>,
    /// Targets by status.
    pub counts: Option<Counts>,
    /// Pages of results read.
    pub pages: Option<u64>,
    /// Number of this attempt to publish, where a ledger counts them; above 1 an earlier one was cut
    /// off and may have published the same.
    pub attempt: Option<u64>,
    /// What kept the ledger from claiming or recording this report, so that it may be repeated.
    pub ledger_error: Option<String>,
    /// Numbers for the log and the metrics.
    #[serde(skip)]
    pub measurements: Option<Measurements>,
}

/// What reading took, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurements {
    /// Results read, those read again included.
    pub results: u64,
    /// Attempts of calls to CloudFormation beyond the first.
    pub retries: u64,
    /// Time spent on reading.
    pub reading: Duration,
    /// Whether nothing is known to be missing.
    pub complete: bool,
    /// Targets whose account gate was skipped.
    pub account_gate_skipped: u64,
    /// The codes of the causes, each with its failed targets.
    pub causes: Vec<(&'static str, u64)>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A message went out.
    Published,
    /// No message was needed.
    Quiet,
    /// The event is not for this function.
    Ignored,
    /// A message went out before; now none did.
    AlreadyPublished,
    /// Another invocation is reporting it.
    InProgress,
}

/// What a sweep did.
///
/// `due` is the sum of `alreadyReported`, `published`, `quiet`, `skippedForTime`, the failures that
/// name an operation, and the operations with the action `inProgress`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepSummary {
    /// Whether every list was read to its end, and every operation that is due was begun.
    pub finished: bool,
    /// ACTIVE stack sets whose names match.
    pub stack_sets: u64,
    /// Those whose list of operations was read to its end.
    pub stack_sets_done: u64,
    /// Operations listed.
    pub operations: u64,
    /// Operations to report: those that ended within the look-back, and stuck ones that wait behind no other.
    pub due: u64,
    /// Of these, those that the ledger knew as reported.
    pub already_reported: u64,
    /// Of these, those that a message went out for.
    pub published: u64,
    /// Of these, those that needed none.
    pub quiet: u64,
    /// Of these, those that are left to the next sweep: there was no time, no room in the digest, or the ledger or the
    /// digest failed.
    pub skipped_for_time: u64,
    /// What could not be read or reported.
    pub failures: Vec<Failure>,
    /// More of them.
    pub failures_omitted: u64,
    /// How long ago the oldest operation ended that the ledger did not know as reported; zero without one.
    #[serde(skip)]
    pub oldest_unreported: Duration,
    /// Time that it took.
    #[serde(rename = "tookSeconds", serialize_with = "seconds")]
    pub took: Duration,
}

impl SweepSummary {
    /// Counts the result of one operation.
    pub(crate) fn count(&mut self, result: &OperationResult) {
        match result.action {
            Action::Published => self.published += 1,
            Action::Quiet | Action::Ignored => self.quiet += 1,
            Action::AlreadyPublished => self.already_reported += 1,
            Action::InProgress => {}
        }
    }
}

/// Seconds with three decimals.
fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

impl OperationResult {
    fn nothing(action: Action, reason: String, stack_set: Option<String>, operation_id: Option<String>) -> Self {
        Self {
            stack_set,
            operation_id,
            outcome: None,
            action,
            reason,
            message_id: None,
            counts: None,
            pages: None,
            attempt: None,
            ledger_error: None,
            measurements: None,
        }
    }

    /// The event is not for this function.
    pub(crate) fn ignored(reason: String, operation: Option<&OperationRef>) -> Self {
        let stack_set = operation.map(|operation| operation.stack_set.api_name());
        let operation_id = operation.map(|operation| operation.operation_id.clone());
        info!(stack_set, operation = operation_id, reason, "event ignored");
        Self::nothing(Action::Ignored, reason, stack_set, operation_id)
    }

    /// Another invocation is reporting the operation.
    pub(crate) fn in_progress(other: &InProgress) -> Self {
        info!(
            stack_set = other.stack_set,
            operation = other.operation_id,
            until = other.until,
            "operation in progress elsewhere"
        );
        let names = (Some(other.stack_set.clone()), Some(other.operation_id.clone()));
        Self::nothing(Action::InProgress, other.to_string(), names.0, names.1)
    }

    /// The ledger has a record of the operation.
    pub(crate) fn already_reported(operation: &OperationRef, record: &CompletedRecord) -> Self {
        let (action, what) = match record.message_ids.as_slice() {
            [] => (Action::Quiet, "was read and needed no message".to_owned()),
            ids => (Action::AlreadyPublished, format!("was published as {}", ids.join(", "))),
        };
        let reason = format!("it {what} at {}", record.at);
        let (stack_set, operation_id) = (operation.stack_set.api_name(), operation.operation_id.clone());
        info!(stack_set, operation = operation_id, reason, "operation already reported");
        Self {
            message_id: record.message_ids.first().cloned(),
            ..Self::nothing(action, reason, Some(stack_set), Some(operation_id))
        }
    }

    /// The operation was read.
    pub(crate) fn of(operation: &OperationRef, report: &Report, pages: u64, reason: String) -> Self {
        let names = (Some(operation.stack_set.api_name()), Some(operation.operation_id.clone()));
        Self {
            outcome: Some(report.outcome),
            counts: Some(report.counts.clone()),
            pages: Some(pages),
            attempt: report.attempt,
            ..Self::nothing(Action::Quiet, reason, names.0, names.1)
        }
    }

    /// Notes what kept the ledger from claiming or recording, if anything did.
    pub(crate) fn note_ledger_errors(&mut self, errors: &[Error]) {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        self.ledger_error = (!texts.is_empty()).then(|| texts.join("; "));
    }
}
