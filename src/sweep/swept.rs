//! What a sweep did, counted as it goes.

use serde::Serialize;
use tokio::time::Duration;
use tracing::warn;

use super::{End, Outcome};
use crate::error::Error;
use crate::handler::Assessment;
use crate::operation::StackSetRef;
use crate::report::Failure;
use crate::response::{Action, OperationResult};

/// Failures that the response lists; more are counted.
const FAILURES_LISTED: usize = 100;
/// Kinds of failures that keep a message from going out.
const PUBLISH: &str = "PublishError";
pub(super) const RENDER: &str = "RenderError";

/// What a sweep did, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Whether time and room sufficed: every stack set was looked at to its last operation, or failed.
    pub finished: bool,
    /// ACTIVE stack sets whose names fit.
    pub stack_sets: u64,
    /// Those that were looked at to their last operation.
    pub stack_sets_done: u64,
    /// Operations listed.
    pub operations: u64,
    /// Operations that were to be told of, by the time they ended or by how long they take.
    pub due: u64,
    /// Of these, those that were told before.
    pub already_told: u64,
    /// Of these, those that another invocation is about to tell.
    pub in_progress: u64,
    /// Of these, those that a message went out for.
    pub published: u64,
    /// Of these, those that needed none.
    pub quiet: u64,
    /// Of these, those that there was no time for, or no room in the digest.
    pub left: u64,
    /// Of these, those kept back because nobody could say whether they were told; a later sweep finds them.
    pub withheld: u64,
    /// What could not be read or told, stack set by stack set.
    pub failures: Vec<Failure>,
    /// More of them.
    pub failures_omitted: u64,
    /// Entries left out of the response's `operations`; the numbers above count them.
    pub operations_omitted: u64,
    /// What kept the ledger from telling or keeping what was told; from then on only what has become
    /// due since the last tick was told, and what the next one would not look at any more (with cron: what
    /// is in the older half of the look-back).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unguarded: Option<String>,
    /// Time that it took.
    #[serde(skip)]
    pub took: Duration,
    /// What kept the first message from going out that did not.
    #[serde(skip)]
    pub(super) unsent: Option<Failure>,
}

impl Swept {
    pub(super) fn add(&mut self, told: &mut Vec<OperationResult>, found: &mut Vec<Assessment>, outcome: Outcome) {
        self.finished &= outcome.end != End::OutOfTime;
        self.stack_sets_done += u64::from(outcome.end == End::Reached);
        self.operations += outcome.operations;
        self.due += outcome.due;
        self.already_told += outcome.already_told;
        self.left += outcome.left;
        outcome.told.iter().for_each(|done| self.count(done));
        told.extend(outcome.told);
        found.extend(outcome.found);
        self.withheld += outcome.withheld;
        outcome.failures.into_iter().for_each(|failure| self.fail(failure));
    }

    pub(super) fn count(&mut self, done: &OperationResult) {
        match done.action {
            Action::Published => self.published += 1,
            Action::Quiet | Action::Ignored => self.quiet += 1,
            Action::AlreadyPublished => self.already_told += 1,
            Action::InProgress => self.in_progress += 1,
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        warn!(
            stack_set = failure.stack_set,
            operation = failure.operation_id,
            kind = failure.kind,
            "left out of the sweep: {}",
            failure.error
        );
        if self.unsent.is_none() && [PUBLISH, RENDER].contains(&failure.kind) {
            self.unsent = Some(failure.clone());
        }
        if self.failures.len() < FAILURES_LISTED {
            self.failures.push(failure);
        } else {
            self.failures_omitted += 1;
        }
    }
}

pub(super) fn failure(stack_set: Option<&StackSetRef>, operation_id: Option<&str>, error: &Error) -> Failure {
    Failure {
        stack_set: stack_set.map(StackSetRef::api_name),
        operation_id: operation_id.map(str::to_owned),
        kind: error.kind(),
        error: error.to_string(),
    }
}
