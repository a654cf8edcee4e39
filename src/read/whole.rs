//! An answer that stops before its end is no answer.
//!
//! The SDK's XML parser takes a body that was cut in mid-element, or whose tags do not match, for a
//! short last page: rows and the next token vanish without an error. So every answer's tags are
//! counted, and one that does not close them all is a failure that the SDK retries.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use aws_sdk_cloudformation::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut,
};
use aws_sdk_cloudformation::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudformation::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::result::ConnectorError;

/// Calls and their attempts, counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    calls: Arc<AtomicU64>,
    attempts: Arc<AtomicU64>,
}

impl Attempts {
    /// Attempts beyond the first of each call.
    pub(super) fn retries(&self) -> u64 {
        self.attempts.load(Relaxed).saturating_sub(self.calls.load(Relaxed))
    }
}

/// Turns a successful attempt whose body is not whole into a failed one, and counts attempts.
#[derive(Debug)]
pub(super) struct WholeAnswers {
    attempts: Attempts,
}

impl WholeAnswers {
    pub(super) fn new(attempts: Attempts) -> Self {
        Self { attempts }
    }
}

impl Intercept for WholeAnswers {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.attempts.calls.fetch_add(1, Relaxed);
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.attempts.attempts.fetch_add(1, Relaxed);
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(answer) = context.response().filter(|answer| answer.status().is_success()) else {
            return Ok(());
        };
        if answer.body().bytes().is_some_and(is_whole) {
            return Ok(());
        }
        if let Some(outcome @ Ok(_)) = context.output_or_error_mut() {
            // An I/O failure is what it is, and what the SDK retries.
            let cause = "the answer's XML stops before its end or its tags do not match";
            *outcome = Err(OrchestratorError::connector(ConnectorError::io(cause.into())));
        }
        Ok(())
    }
}

/// Whether the body closes its root element, and as many elements as it opens.
fn is_whole(body: &[u8]) -> bool {
    let body = body.trim_ascii_end();
    let closes_root =
        body.ends_with(b"Response>") && memchr::memrchr(b'<', body).is_some_and(|at| body.get(at + 1) == Some(&b'/'));
    closes_root && left_open(body) == 0
}

/// Elements that are opened less those that are closed or empty; in chunks whose sum fits a byte, which
/// makes it quick.
fn left_open(body: &[u8]) -> i64 {
    let next = body.get(1..).unwrap_or_default();
    let step = |(&one, &two): (&u8, &u8)| {
        let tag = one == b'<';
        // A declaration or a comment opens nothing; a closing tag takes back what it counts for, and one more.
        let opens = i8::from(tag & (two != b'?') & (two != b'!'));
        let closes = 2 * i8::from(tag & (two == b'/')) + i8::from((one == b'/') & (two == b'>'));
        opens - closes
    };
    let chunks = body.chunks(127).zip(next.chunks(127));
    chunks.map(|(one, two)| i64::from(one.iter().zip(two).map(step).sum::<i8>())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "<?xml version=\"1.0\"?>\n<XResponse a=\"b\"><Summaries><member><Reason>a &gt; b/&gt;</Reason><E/></member></Summaries></XResponse>\n";

    #[test]
    fn a_whole_answer_is_taken() {
        assert!(is_whole(WHOLE.as_bytes()));
    }

    #[test]
    fn an_answer_cut_anywhere_is_not() {
        for end in 0..WHOLE.trim_end().len() {
            assert!(!is_whole(&WHOLE.as_bytes()[..end]), "{}", &WHOLE[..end]);
        }
    }

    #[test]
    fn tags_that_close_nothing_or_are_not_closed_are_not() {
        assert!(!is_whole(WHOLE.replace("<E/>", "</E>").as_bytes()));
        assert!(!is_whole(WHOLE.replace("<E/>", "<E>").as_bytes()));
        assert!(!is_whole(b"<html><body>proxy</body></html>"));
        assert!(!is_whole(b""));
    }
}
