//! The AWS clients' common ground: HTTPS stack, time-outs, retries, and an error's cause in words.

use std::fmt::Write as _;
use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_cloudformation::config::retry::RetryConfig;
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Longest wait for one attempt's whole answer. The SDK has no such bound of its own.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a call with all its attempts and pauses.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
/// Attempts of one call, the first included.
const MAX_ATTEMPTS: u32 = 5;

/// Loads what all clients share from the environment: Region, credentials, endpoint.
///
/// TLS is rustls with ring: the SDK's default provider costs tens of milliseconds more on the first
/// call of a process, and 2 MB of binary.
pub fn loader() -> ConfigLoader {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
}

/// Why a call failed, in one line: AWS's code, message and request id, or what kept the call from
/// an answer.
pub fn cause<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
    SdkError<E, R>: RequestId,
{
    if let SdkError::ServiceError(service) = error {
        let meta = service.err().meta();
        let mut text = meta.code().unwrap_or("error without a code").to_owned();
        // Writing to a String cannot fail.
        let _ = write!(text, ": {}", meta.message().unwrap_or("no message"));
        if let Some(id) = error.request_id() {
            let _ = write!(text, " (request id {id})");
        }
        return text;
    }
    one_line(&DisplayErrorContext(error).to_string())
}

/// AWS's error code, where the service answered with one.
pub fn code<E, R>(error: &SdkError<E, R>) -> Option<&str>
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ServiceError(service) => service.err().meta().code(),
        _ => None,
    }
}

/// The chain of causes, without the dump of internals that `DisplayErrorContext` puts behind it.
fn one_line(chain: &str) -> String {
    let readable = chain.split_once(" (").map_or(chain, |(head, _)| head);
    readable.split_whitespace().collect::<Vec<_>>().join(" ")
}
