//! What an invocation did, in the words of its response.

use std::time::Duration;

use serde::Serialize;
use tracing::info;

use crate::ledger::Told;
use crate::operation::OperationRef;
use crate::report::{Counts, Outcome, Report};
use crate::sweep::Swept;

/// What an invocation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Response {
    /// One entry for each operation; one without names where the event was ignored.
    pub operations: Vec<OperationResult>,
    /// What the sweep did, if the invocation was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Swept>,
}

impl Response {
    /// The response with so few entries that Lambda takes it: what was published stays before the rest.
    ///
    /// Lambda refuses a response of more than 6 MB, and with it the invocation, after all was told
    /// ([quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)).
    pub fn shortened(mut self) -> Self {
        const MOST: usize = 1_000;
        if let Some(swept) = &mut self.sweep {
            self.operations.sort_by_key(|done| done.action != Action::Published);
            swept.operations_omitted = self.operations.len().saturating_sub(MOST) as u64;
            self.operations.truncate(MOST);
        }
        self
    }
}

/// What was done about one operation.
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
    /// SNS's id of the message, if one was published and SNS told its id.
    pub message_id: Option<String>,
    /// Targets by status.
    pub counts: Option<Counts>,
    /// Pages of results read.
    pub pages: Option<u64>,
    /// Why it was done.
    pub why: String,
    /// Number of this attempt to tell, where a ledger counts them; above 1 an earlier one was cut
    /// off and may have told the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// What kept the ledger from guarding this report, so that it may be told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unguarded: Option<String>,
    /// Numbers for the log and the metrics.
    #[serde(skip)]
    pub measured: Option<Measured>,
}

/// What reading took, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Results read, those read again included.
    pub results: u64,
    /// Attempts of calls to CloudFormation beyond the first.
    pub retries: u64,
    /// Time spent on reading.
    pub reading: Duration,
    /// Whether nothing is known to be missing.
    pub complete: bool,
    /// Targets that went on without an account gate's consent.
    pub ungated: u64,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A message went out.
    Published,
    /// All is well, and `NOTIFY_ON` says not to talk about that.
    Quiet,
    /// The event is not for this function.
    Ignored,
    /// A message went out before; now none did.
    AlreadyPublished,
    /// Another invocation is about to tell it.
    InProgress,
}

impl OperationResult {
    /// Nothing was read.
    pub(crate) fn nothing(action: Action, why: String, operation: Option<&OperationRef>) -> Self {
        let stack_set = operation.map(|operation| operation.stack_set.api_name());
        let operation_id = operation.map(|operation| operation.operation_id.clone());
        let what = match action {
            Action::Ignored => "event ignored",
            Action::InProgress => "operation in progress elsewhere",
            Action::Published | Action::Quiet | Action::AlreadyPublished => "operation dealt with before",
        };
        info!(stack_set, operation = operation_id, reason = why, "{what}");
        Self {
            stack_set,
            operation_id,
            outcome: None,
            action,
            message_id: None,
            counts: None,
            pages: None,
            why,
            attempt: None,
            unguarded: None,
            measured: None,
        }
    }

    /// Somebody else has told it while it was read.
    pub(crate) fn told_meanwhile(self, told: &Told) -> Self {
        let (action, why) = Self::told(told);
        Self { action, why, message_id: told.message_ids.first().cloned(), ..self }
    }

    /// Somebody else is about to tell it.
    pub(crate) fn in_progress_elsewhere(self, until: &str) -> Self {
        let why = format!("another invocation is at it; if it fails, the next one may take over at {until}");
        Self { action: Action::InProgress, why, ..self }
    }

    fn told(told: &Told) -> (Action, String) {
        let (action, what) = match told.message_ids.as_slice() {
            [] => (Action::Quiet, "was looked at and found to need no message".to_owned()),
            ids => (Action::AlreadyPublished, format!("was published as {}", ids.join(", "))),
        };
        (action, format!("it {what} at {}", told.at))
    }

    pub(crate) fn told_before(operation: &OperationRef, told: &Told) -> Self {
        let (action, why) = Self::told(told);
        let done = Self::nothing(action, why, Some(operation));
        Self { message_id: told.message_ids.first().cloned(), ..done }
    }

    pub(crate) fn in_progress(operation: &OperationRef, until: &str) -> Self {
        let why = format!(
            "could not report operation {} of stack set {}: another invocation is at it; if it fails, the next one may \
             take over at {until}",
            operation.operation_id, operation.stack_set
        );
        Self::nothing(Action::InProgress, why, Some(operation))
    }

    pub(crate) fn about(operation: &OperationRef, report: &Report, pages: u64) -> Self {
        Self {
            stack_set: Some(operation.stack_set.api_name()),
            operation_id: Some(operation.operation_id.clone()),
            outcome: Some(report.outcome),
            action: Action::Quiet,
            message_id: None,
            counts: Some(report.counts.clone()),
            pages: Some(pages),
            why: String::new(),
            attempt: report.attempt,
            unguarded: None,
            measured: None,
        }
    }
}
