//! An answer that stops before its end is no answer.
//!
//! The SDK's XML parser takes a body that was cut in mid-element, or whose tags do not match, for a
//! short last page: rows and the next token vanish without an error. So every answer is read to its
//! end, and one that is not whole is a failure that the SDK retries.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use aws_sdk_cloudformation::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut,
};
use aws_sdk_cloudformation::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudformation::error::BoxError;
use aws_sdk_cloudformation::operation::list_stack_set_operation_results::{
    ListStackSetOperationResults, ListStackSetOperationResultsInput, ListStackSetOperationResultsOutput as Page,
};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::config_bag::FrozenLayer;

use super::page;

/// Sees to it that answers are whole, and counts attempts beyond the first of each call.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    retries: Arc<AtomicU64>,
    pages: Pages,
}

impl Answers {
    /// Attempts beyond the first of each call so far.
    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// Counts a call that is made again.
    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }
}

impl Intercept for Answers {
    fn name(&self) -> &'static str {
        "Answers"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.input().downcast_ref::<ListStackSetOperationResultsInput>().is_some() {
            config.interceptor_state().store_put(SharedResponseDeserializer::new(self.pages.clone()));
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1) {
            self.count_retry();
        }
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let outcome = context.output_or_error();
        let is_page = |output: &Output| output.downcast_ref::<Page>().is_some();
        if outcome.is_none_or(|outcome| outcome.is_ok_and(is_page)) {
            return Ok(());
        }
        let answer = context.response().filter(|answer| answer.status().is_success());
        // A body that broke off has no bytes, and is an error already.
        let Some(Err(why)) = answer.and_then(|answer| answer.body().bytes()).map(page::check) else {
            return Ok(());
        };
        if let Some(outcome) = context.output_or_error_mut() {
            *outcome = Err(broken(&why));
        }
        Ok(())
    }
}

/// An I/O failure is what it is, and what the SDK retries.
fn broken(why: &str) -> OrchestratorError<Error> {
    OrchestratorError::connector(ConnectorError::io(format!("the answer's XML is not whole: {why}").into()))
}

/// Takes in pages of results, and leaves errors to the SDK.
#[derive(Debug, Clone)]
struct Pages {
    /// Has what the SDK takes answers in by.
    sdk: Option<FrozenLayer>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { sdk: ListStackSetOperationResults::new().config() }
    }
}

impl DeserializeResponse for Pages {
    fn deserialize_nonstreaming_with_config(
        &self,
        answer: &HttpResponse,
        config: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        if answer.status().is_success() {
            let body = answer.body().bytes().unwrap_or_default();
            return page::results(body).map(Output::erase).map_err(|why| broken(&why));
        }
        match self.sdk.as_ref().and_then(|layer| layer.load::<SharedResponseDeserializer>()) {
            Some(sdk) => sdk.deserialize_nonstreaming_with_config(answer, config),
            None => Err(OrchestratorError::other("the SDK takes no answers to this operation in")),
        }
    }
}
