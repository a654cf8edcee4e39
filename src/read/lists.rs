//! The lists that a sweep goes through: stack sets, and the operations of one.

use aws_sdk_cloudformation::types;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::error::{Action, refused};
use super::page_cursor::PageCursor;
use super::{Next, PAGE_SIZE, Reader, convert};
use crate::error::ReadError;
use crate::operation::{CallAs, ListedOperation, OperationStatus, StackSetRef};

/// Pages of stack sets still to come.
#[derive(Debug)]
pub struct StackSets<'a> {
    reader: &'a Reader,
    call_as: CallAs,
    cursor: PageCursor,
}

/// Pages of a stack set's operations still to come.
///
/// They come in no documented order
/// ([API](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperations.html)):
/// public code takes the first for the latest, and that is by start, not by end. So every page counts.
#[derive(Debug)]
pub struct Operations<'a> {
    reader: &'a Reader,
    stack_set: &'a StackSetRef,
    call_as: CallAs,
    cursor: PageCursor,
}

impl Reader {
    /// The ACTIVE stack sets of the function's Region, page by page.
    pub fn stack_sets(&self, call_as: CallAs) -> StackSets<'_> {
        StackSets { reader: self, call_as, cursor: PageCursor::default() }
    }

    /// The operations of a stack set, page by page.
    pub fn operations<'a>(&'a self, stack_set: &'a StackSetRef, call_as: CallAs) -> Operations<'a> {
        Operations { reader: self, stack_set, call_as, cursor: PageCursor::default() }
    }
}

impl StackSets<'_> {
    /// Reads the next page: `name:uuid` of each stack set. Gives up at `until`.
    ///
    /// # Errors
    /// [`ReadError`] that names the capacity and what to try, and when the chain of tokens is broken.
    pub async fn next(&mut self, until: Instant) -> Result<Next<String>, ReadError> {
        if self.cursor.has_ended() {
            return Ok(Next::End);
        }
        let subject = || format!("could not list the stack sets as {}", self.call_as.as_str());
        let request = self
            .reader
            .client
            .list_stack_sets()
            .status(types::StackSetStatus::Active)
            .call_as(convert::to_sdk_call_as(self.call_as))
            .max_results(PAGE_SIZE)
            .set_next_token(self.cursor.token());
        let Some(answer) = self.reader.send(until, || request.clone().send()).await else {
            return Ok(Next::OutOfTime);
        };
        let page = answer.map_err(|error| refused(subject(), Action::ListStackSets, self.call_as, &error))?;
        let rows = page.summaries.unwrap_or_default();
        let count = rows.len();
        // Without an id or a name it cannot be asked about.
        let ids: Vec<String> = rows.into_iter().filter_map(|row| row.stack_set_id.or(row.stack_set_name)).collect();
        self.cursor.advance(count, ids.first().zip(ids.last()), page.next_token, subject)?;
        Ok(Next::Page(ids))
    }
}

impl Operations<'_> {
    /// Reads the next page, or gives up at `until`.
    ///
    /// # Errors
    /// [`ReadError`] that names the stack set, the capacity and what to try, and when the chain of
    /// tokens is broken.
    pub async fn next(&mut self, until: Instant) -> Result<Next<ListedOperation>, ReadError> {
        if self.cursor.has_ended() {
            return Ok(Next::End);
        }
        let subject = || operations_of(self.stack_set, self.call_as);
        let request = self
            .reader
            .client
            .list_stack_set_operations()
            .stack_set_name(self.stack_set.api_name())
            .call_as(convert::to_sdk_call_as(self.call_as))
            .max_results(PAGE_SIZE)
            .set_next_token(self.cursor.token());
        let elsewhere = self.reader.elsewhere(&self.stack_set.region);
        let answer = self.reader.send(until, || match elsewhere.clone() {
            Some(there) => request.clone().customize().config_override(there).send().boxed(),
            None => request.clone().send().boxed(),
        });
        let Some(answer) = answer.await else {
            return Ok(Next::OutOfTime);
        };
        let page = answer.map_err(|error| refused(subject(), Action::ListOperations, self.call_as, &error))?;
        let rows = page.summaries.unwrap_or_default();
        let count = rows.len();
        let rows: Vec<ListedOperation> = rows.into_iter().filter_map(from_sdk_summary).collect();
        let ends = rows.first().map(|row| &row.id).zip(rows.last().map(|row| &row.id));
        self.cursor.advance(count, ends, page.next_token, subject)?;
        Ok(Next::Page(rows))
    }
}

/// What an error of a list of operations could not do.
pub(super) fn operations_of(stack_set: &StackSetRef, call_as: CallAs) -> String {
    format!("could not list the operations of stack set {stack_set} as {}", call_as.as_str())
}

fn from_sdk_summary(row: types::StackSetOperationSummary) -> Option<ListedOperation> {
    Some(ListedOperation {
        action: row.action().map(|action| action.as_str().to_owned()),
        status: OperationStatus::from(row.status().map_or("", types::StackSetOperationStatus::as_str)),
        started_at: row.creation_timestamp().and_then(convert::millis),
        ended_at: row.end_timestamp().and_then(convert::millis),
        failed: row
            .status_details()
            .and_then(types::StackSetOperationStatusDetails::failed_stack_instances_count)
            .and_then(|failed| u64::try_from(failed).ok()),
        id: row.operation_id?,
    })
}
