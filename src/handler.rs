//! One invocation: report an operation, sweep, or ignore the event and say why.

use serde_json::Value;
use tokio::time::Instant;

use crate::error::Error;
use crate::event::{self, FunctionIdentity, Task, Trigger};
use crate::notifier::Notifier;
use crate::response::{OperationResult, Response};
use crate::sweep;
use crate::time_budget::TimeBudget;

/// One invocation of the function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The ARN that was invoked.
    pub function_arn: &'a str,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
}

/// Handles one invocation.
///
/// # Errors
/// [`Error`] of the step that failed. After [`Error::Publish`] SNS may have taken the message all the same, and a sweep
/// may have published other reports before it failed. An event whose operation another invocation is reporting is [`Error::InProgress`] where no sweep runs: Lambda tries it again,
/// and so nothing is lost if the other one fails. A scheduled event without a ledger is [`Error::Config`].
pub async fn handle(notifier: &Notifier, payload: &Value, invocation: &Invocation<'_>) -> Result<Response, Error> {
    let identity = FunctionIdentity::from_function_arn(invocation.function_arn);
    let budget = TimeBudget::until(invocation.deadline);
    match event::parse(payload, &identity)? {
        Task::Ignore { reason, operation } => Ok(OperationResult::ignored(reason, operation.as_ref()).into()),
        Task::Report(request) => {
            // A person is not to wait, and the sweep reports what the other invocation may leave behind.
            let is_answer = request.trigger == Trigger::Manual || notifier.config.sweep_enabled;
            match notifier.report(request, &identity, budget).await {
                Err(Error::InProgress(other)) if is_answer => Ok(OperationResult::in_progress(&other).into()),
                result => result.map(Response::from),
            }
        }
        Task::Sweep { scheduled_time } => sweep::run(notifier, scheduled_time, &identity, budget).await,
    }
}
