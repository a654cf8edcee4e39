//! What the events of stacks in other accounts say went wrong.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_sdk_cloudformation::config::{Credentials, Region, SharedCredentialsProvider};
use aws_sdk_cloudformation::{Client, types};
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::page_cursor::PageCursor;
use super::stacks::AT_A_TIME;
use super::{Reader, convert};
use crate::aws;
use crate::classify;
use crate::error::ReadError;
use crate::operation::{FailedEvent, Operation};
use crate::report::GroupStack;

/// Nested stacks below a target's stack that are looked into.
const DEEPEST: usize = 3;
/// The shortest that STS offers, in seconds.
const SESSION: i32 = 900;
const SESSION_NAME: &str = "stackset-notifier";

/// Reads the events of stacks with a role in their accounts.
#[derive(Debug, Clone)]
pub struct EventReader {
    reader: Reader,
    sts: aws_sdk_sts::Client,
    role_name: String,
}

impl EventReader {
    /// Over the shared settings; nothing is sent yet.
    pub fn new(config: &SdkConfig, reader: Reader, role_name: String) -> Self {
        let own = aws_sdk_sts::config::Builder::from(config).retry_partition(aws::no_retry_quota("STS")).build();
        Self { reader, sts: aws_sdk_sts::Client::from_conf(own), role_name }
    }

    /// Reads what the events of stacks say of an operation, until `until`; gives it by the ids of the stacks, and why
    /// others could not be read. `None` is for events that name no cause.
    pub async fn failures(
        &self,
        stacks: &[GroupStack],
        operation: &Operation,
        until: Instant,
    ) -> (BTreeMap<String, Option<FailedEvent>>, Vec<ReadError>) {
        let failures: Vec<_> = stacks.iter().map(|stack| self.failure(stack, operation, until)).collect();
        let failures: Vec<_> = stream::iter(failures).buffered(AT_A_TIME).collect().await;
        let (mut read, mut errors) = (BTreeMap::new(), Vec::new());
        for (stack, failure) in stacks.iter().zip(failures) {
            match failure {
                Ok(event) => drop(read.insert(stack.stack_id.clone(), event)),
                Err(error) => errors.push(error),
            }
        }
        (read, errors)
    }

    /// The first failure in a stack, or in the nested stack that it comes from.
    async fn failure(
        &self,
        stack: &GroupStack,
        operation: &Operation,
        until: Instant,
    ) -> Result<Option<FailedEvent>, ReadError> {
        let client = self.client(stack, until).await?;
        let mut found = None;
        let mut next = Some(stack.stack_id.clone());
        for _ in 0..=DEEPEST {
            let Some(id) = next.take() else { break };
            let Some(event) = classify::first_failure(self.events(&client, &id, operation, until).await?) else {
                break;
            };
            next.clone_from(&event.nested_stack);
            found = Some(event);
        }
        Ok(found)
    }

    /// A client with the credentials of the role in the stack's account.
    async fn client(&self, stack: &GroupStack, until: Instant) -> Result<Client, ReadError> {
        let partition = stack.stack_id.split(':').nth(1).unwrap_or_default();
        let role = format!("arn:{partition}:iam::{}:role/{}", stack.account, self.role_name);
        let subject = || format!("could not assume role {role}");
        let request = self.sts.assume_role().role_arn(&role).role_session_name(SESSION_NAME).duration_seconds(SESSION);
        let answer = self.reader.send(until, || request.clone().send());
        let answer = answer.await.ok_or_else(|| ReadError::out_of_time(&subject()))?;
        let answer = answer.map_err(|error| ReadError::broken(format!("{}: {}", subject(), aws::cause(&error))))?;
        let Some(given) = answer.credentials else {
            return Err(ReadError::broken(format!("{}: the answer has no credentials", subject())));
        };
        let credentials = Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            None,
            "AssumeRole",
        );
        let own = self.reader.client.config().to_builder();
        let own = own
            .region(Region::new(stack.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // The clients' own cache would keep them for good.
            .identity_cache(IdentityCache::no_cache());
        Ok(Client::from_conf(own.build()))
    }

    /// The failed events of a stack that are of an operation, the oldest first.
    ///
    /// They come newest first, and a stack keeps those of the operations before and after.
    async fn events(
        &self,
        client: &Client,
        stack_id: &str,
        operation: &Operation,
        until: Instant,
    ) -> Result<Vec<FailedEvent>, ReadError> {
        // Both sides may be rounded to a second.
        const SECOND: i64 = 1_000;
        let is_before = |at: Option<i64>| at.zip(operation.started_at).is_some_and(|(at, start)| at <= start - SECOND);
        let is_after = |at: Option<i64>| at.zip(operation.ended_at).is_some_and(|(at, end)| at >= end + SECOND);
        let subject = || format!("could not read the events of stack {stack_id}");
        let failed = types::EventFilter::builder().failed_events(true).build();
        let mut cursor = PageCursor::default();
        let mut events = Vec::new();
        while !cursor.has_ended() {
            let request = client.describe_events().stack_name(stack_id).filters(failed.clone());
            let request = request.set_next_token(cursor.token());
            let answer = self.reader.send(until, || request.clone().send());
            let answer = answer.await.ok_or_else(|| ReadError::out_of_time(&subject()))?;
            let page = answer.map_err(|error| ReadError::broken(format!("{}: {}", subject(), aws::cause(&error))))?;
            let rows = page.operation_events.unwrap_or_default();
            let ends = rows.first().and_then(|row| row.event_id.clone());
            let oldest = rows.last().and_then(|row| row.timestamp.as_ref()).and_then(convert::millis);
            cursor.advance(rows.len(), ends, page.next_token, subject)?;
            events.extend(rows.into_iter().filter_map(convert::failed_event));
            if is_before(oldest) {
                break;
            }
        }
        events.retain(|event| !is_before(event.at) && !is_after(event.at));
        events.reverse();
        Ok(events)
    }
}
