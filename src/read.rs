//! CloudFormation -> our own words: describe the operation, page through all its results.
//!
//! SDK types end here.

mod answers;
mod collect;
mod convert;
mod earlier;
mod error;
mod events;
mod lists;
mod page;
mod page_cursor;
mod rows;
mod settle;
mod stacks;
mod totals;

pub use collect::{CollectedResults, OnPage, Pages, ReadLimits, collect};
pub use events::EventReader;
pub use lists::{Operations, StackSets};

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Region;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::describe_events::DescribeEventsError;
use aws_sdk_cloudformation::operation::describe_stack_set_operation::DescribeStackSetOperationError;
use aws_sdk_cloudformation::operation::list_stack_instances::ListStackInstancesError;
use aws_sdk_cloudformation::operation::list_stack_set_operation_results::ListStackSetOperationResultsError;
use aws_sdk_cloudformation::operation::list_stack_set_operations::ListStackSetOperationsError;
use aws_sdk_cloudformation::operation::list_stack_sets::ListStackSetsError;
use aws_sdk_cloudformation::types;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::aws;
use crate::error::ReadError;
use crate::operation::{CallAs, Operation, OperationRef, ResultStatus, TargetResult};
use error::{Action, refused};
use page_cursor::PageCursor;
use totals::TotalsOfAnswer;

/// The API's largest page
/// ([MaxResults](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperationResults.html)).
pub(crate) const PAGE_SIZE: i32 = 100;

/// Reads operations of stack sets.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
    region: Option<String>,
    answers: answers::Answers,
    /// Longest pause before a throttled request is sent again.
    longest_pause: Duration,
}

/// Pages of results still to come.
#[derive(Debug)]
pub struct Results<'a> {
    reader: &'a Reader,
    operation: &'a OperationRef,
    call_as: CallAs,
    filter: Option<types::OperationResultFilter>,
    cursor: PageCursor,
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

impl Reader {
    /// Over the shared settings; nothing is sent yet.
    pub fn new(config: &SdkConfig) -> Self {
        let answers = answers::Answers::default();
        let own = aws_sdk_cloudformation::config::Builder::from(config)
            .retry_classifier(aws::Refusals::<DescribeStackSetOperationError>::of())
            .retry_classifier(aws::Refusals::<ListStackSetOperationResultsError>::of())
            .retry_classifier(aws::Refusals::<ListStackSetOperationsError>::of())
            .retry_classifier(aws::Refusals::<ListStackSetsError>::of())
            .retry_classifier(aws::Refusals::<ListStackInstancesError>::of())
            .retry_classifier(aws::Refusals::<DescribeEventsError>::of())
            .retry_partition(aws::no_retry_quota("CloudFormation"))
            .interceptor(answers.clone())
            .build();
        let longest_pause = own.retry_config().map(|retries| retries.max_backoff()).unwrap_or_default();
        let region = config.region().map(ToString::to_string);
        Self { client: Client::from_conf(own), region, answers, longest_pause }
    }

    /// Attempts beyond the first of all calls so far.
    pub fn retries(&self) -> u64 {
        self.answers.retries()
    }

    /// Describes an operation, by `until` at the latest; the answer is strongly consistent.
    ///
    /// Also gives the stack set's unique id, which a request by bare name does not know.
    ///
    /// # Errors
    /// [`ReadError`] that names the stack set, the operation, the capacity and what to try.
    pub async fn describe(
        &self,
        operation: &OperationRef,
        call_as: CallAs,
        until: Instant,
    ) -> Result<(Operation, Option<String>), ReadError> {
        let subject = || subject("could not describe operation", operation, call_as);
        let request = self
            .client
            .describe_stack_set_operation()
            .stack_set_name(operation.stack_set.api_name())
            .operation_id(&operation.operation_id)
            .call_as(convert::to_sdk_call_as(call_as));
        let elsewhere = self.elsewhere(&operation.stack_set.region);
        let totals = TotalsOfAnswer::default();
        let answer = self.send(until, || {
            let request = request.clone().customize().interceptor(totals.clone());
            match elsewhere.clone() {
                Some(there) => request.config_override(there).send(),
                None => request.send(),
            }
        });
        let Some(answer) = answer.await else {
            return Err(ReadError::out_of_time(&subject()));
        };
        let answer = answer.map_err(|error| refused(subject(), Action::Describe, call_as, &error))?;
        let Some(described) = answer.stack_set_operation else {
            return Err(ReadError::broken(format!("{}: the answer is empty", subject())));
        };
        let id = described.stack_set_id().and_then(|id| id.rsplit_once(':')).map(|(_, id)| id.to_owned());
        Ok((Operation { totals: totals.take(), ..convert::described_operation(described) }, id))
    }

    /// Sends a request until it is answered; gives nothing if that is not so by `until`.
    ///
    /// The SDK retries a number of times. Throttling is no failure, so what is still throttled then is
    /// sent again as long as there is time.
    async fn send<T, E, F>(&self, until: Instant, request: impl Fn() -> F) -> Option<Result<T, SdkError<E>>>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        loop {
            match timeout_at(until, request()).await.ok()? {
                Err(error) if aws::is_throttled(&error) => {
                    self.answers.count_retry();
                    sleep_until(until.min(Instant::now() + self.longest_pause.mul_f64(fastrand::f64()))).await;
                }
                answer => return Some(answer),
            }
        }
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
        Results { reader: self, operation, call_as, filter, cursor: PageCursor::default() }
    }

    /// The error for an operation of which nothing could be read in time.
    pub(crate) fn out_of_time(operation: &OperationRef, call_as: CallAs) -> ReadError {
        ReadError::out_of_time(&subject(RESULTS, operation, call_as))
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
    /// The number of the page that comes next, from 1.
    pub(crate) fn page(&self) -> u64 {
        self.cursor.page()
    }

    /// Reads the next page, or gives up at `until`; the same page can be asked for again then.
    ///
    /// # Errors
    /// [`ReadError`] as for [`Reader::describe`], and when the chain of pages is broken: a
    /// token or a page that came before, or an empty token, would otherwise end in a wrong report.
    pub async fn next(&mut self, until: Instant) -> Result<Next<TargetResult>, ReadError> {
        if self.cursor.has_ended() {
            return Ok(Next::End);
        }
        let subject = || subject(RESULTS, self.operation, self.call_as);
        let request = self
            .reader
            .client
            .list_stack_set_operation_results()
            .stack_set_name(self.operation.stack_set.api_name())
            .operation_id(&self.operation.operation_id)
            .call_as(convert::to_sdk_call_as(self.call_as))
            .max_results(PAGE_SIZE)
            .set_filters(self.filter.clone().map(|filter| vec![filter]))
            .set_next_token(self.cursor.token());
        let elsewhere = self.reader.elsewhere(&self.operation.stack_set.region);
        let answer = self.reader.send(until, || match elsewhere.clone() {
            Some(there) => request.clone().customize().config_override(there).send().boxed(),
            None => request.clone().send().boxed(),
        });
        let Some(answer) = answer.await else {
            return Ok(Next::OutOfTime);
        };
        let page = answer.map_err(|error| refused(subject(), Action::ListResults, self.call_as, &error))?;
        let rows: Vec<TargetResult> = page.summaries.unwrap_or_default().into_iter().map(convert::row).collect();
        let ends = rows.first().and_then(TargetResult::target).zip(rows.last().and_then(TargetResult::target));
        self.cursor.advance(rows.len(), ends, page.next_token, subject)?;
        Ok(Next::Page(rows))
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
