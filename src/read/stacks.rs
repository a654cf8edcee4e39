//! The stacks behind targets.

use std::collections::HashMap;

use aws_sdk_cloudformation::types;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::error::{Action, refused};
use super::{Reader, convert};
use crate::error::ReadError;
use crate::operation::{CallAs, StackSetRef};
use crate::report::Target;

/// Targets that are looked up at a time.
pub(super) const AT_A_TIME: usize = 4;

impl Reader {
    /// Looks the stacks of targets up, until the first target that cannot be; gives the ARN of each, and why
    /// there are no more. `None` is for a target that has no stack, as where its creation failed at once.
    pub async fn stacks(
        &self,
        stack_set: &StackSetRef,
        call_as: CallAs,
        targets: &[Target],
        until: Instant,
    ) -> (HashMap<Target, Option<String>>, Option<ReadError>) {
        let lookups: Vec<_> = targets.iter().map(|target| self.stack(stack_set, call_as, target, until)).collect();
        let mut lookups = stream::iter(lookups).buffered(AT_A_TIME);
        let mut found = HashMap::new();
        while let Some(stack) = lookups.next().await {
            match stack {
                Ok((target, stack)) => drop(found.insert(target, stack)),
                Err(error) => return (found, Some(error)),
            }
        }
        (found, None)
    }

    /// A target and the ARN of its stack.
    async fn stack(
        &self,
        stack_set: &StackSetRef,
        call_as: CallAs,
        target: &Target,
        until: Instant,
    ) -> Result<(Target, Option<String>), ReadError> {
        let (account, region) = (target.account().unwrap_or_default(), target.region().unwrap_or_default());
        let subject = || {
            let call_as = call_as.as_str();
            format!("could not look up the stack of {account} in {region} of stack set {stack_set} as {call_as}")
        };
        let request = self
            .client
            .list_stack_instances()
            .stack_set_name(stack_set.api_name())
            .stack_instance_account(account)
            .stack_instance_region(region)
            .call_as(convert::to_sdk_call_as(call_as));
        let elsewhere = self.elsewhere(&stack_set.region);
        let answer = self.send(until, || match elsewhere.clone() {
            Some(there) => request.clone().customize().config_override(there).send().boxed(),
            None => request.clone().send().boxed(),
        });
        let Some(answer) = answer.await else {
            return Err(ReadError::out_of_time(&subject()));
        };
        let page = answer.map_err(|error| refused(subject(), Action::ListStackInstances, call_as, &error))?;
        let stack = page.summaries().iter().find_map(types::StackInstanceSummary::stack_id);
        Ok((target.clone(), stack.map(str::to_owned)))
    }
}
