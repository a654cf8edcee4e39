//! The AWS clients' common ground: HTTPS stack, timeouts, retries, and an error's cause in words.

mod http;

use std::error::Error;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::SharedCredentialsProvider;
use aws_sdk_cloudformation::config::interceptors::InterceptorContext;
use aws_sdk_cloudformation::config::retry::{ClassifyRetry, RetryAction, RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::SdkSettings;
use crate::error::Error as OurError;

/// Longest wait for one attempt's whole answer. The SDK has no such bound of its own.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a call with all its attempts and pauses; the function's deadline is mostly nearer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(240);
/// Attempts of one call, the first included: about half a minute in all.
const MAX_ATTEMPTS: u32 = 8;
/// Longest pause between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// What all clients share.
///
/// Lambda hands a function its credentials in the environment, so no other place is looked at: the
/// SDK's whole chain of credential providers is one more service client and half a megabyte of binary.
///
/// # Errors
/// [`Error::Config`](OurError::Config) if the certificates that the environment names cannot be read.
pub fn shared(sdk_settings: &SdkSettings) -> Result<SdkConfig, OurError> {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(sdk_settings.ca_bundle.as_deref())?)
        .region(Region::new(sdk_settings.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(IdentityCache::lazy().build())
        .timeout_config(timeouts())
        .retry_config(retries())
        .service_config(Endpoints(sdk_settings.endpoints.clone()));
    config.set_endpoint_url(sdk_settings.endpoint.clone());
    config.set_use_fips(sdk_settings.fips);
    config.set_use_dual_stack(sdk_settings.dual_stack);
    Ok(config.build())
}

/// What sends all clients' requests. It trusts Mozilla's certificate authorities, or only those in the file `ca_bundle`.
///
/// # Errors
/// [`Error::Config`](OurError::Config) if the file cannot be read or has no certificate that can be used.
pub fn http_client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, OurError> {
    http::Http::new(ca_bundle).map(SharedHttpClient::new)
}

/// How long an attempt, and a call with all its attempts, may take.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build()
}

/// Endpoints of single services, by service id.
#[derive(Debug)]
struct Endpoints(Vec<(&'static str, String)>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let wanted = |(service, _): &&(&str, String)| key.env() == "AWS_ENDPOINT_URL" && *service == key.service_id();
        self.0.iter().find(wanted).map(|(_, url)| url.clone())
    }
}

/// How often a call is tried again, with pauses that double up to the longest and are cut short at random.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_max_backoff(LONGEST_BACKOFF)
}

/// Lets the calls of a client be retried without a quota.
///
/// The SDK has one for the whole process: one bad minute would leave the next invocations of a warm
/// function without retries. Each call has its attempts and its deadline, which are bound enough.
pub fn no_retry_quota(name: &'static str) -> RetryPartition {
    RetryPartition::custom(name).token_bucket(TokenBucket::unlimited()).build()
}

/// Whether a service refused because there were too many requests.
pub fn is_throttled<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(service) = error else { return false };
    let meta = service.err().meta();
    meta.code().is_some_and(|code| code.contains("Throttling") || code == "TooManyRequestsException")
        || meta.message().is_some_and(|message| message.contains("Rate exceeded"))
}

/// Knows the refusals of an operation with error `E` that the SDK does not take for throttling: a
/// throttled key, and "Rate exceeded" under whatever code.
#[derive(Debug)]
pub struct Refusals<E>(PhantomData<fn() -> E>);

impl<E> Refusals<E> {
    /// For the operation with error `E`.
    pub fn of() -> Self {
        Self(PhantomData)
    }
}

impl<E> ClassifyRetry for Refusals<E>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err).and_then(|error| error.as_operation_error());
        let Some(error) = error.and_then(|error| error.downcast_ref::<E>()) else {
            return RetryAction::NoActionIndicated;
        };
        let throttled_key = matches!(error.code(), Some("KMSThrottling" | "KMSThrottlingException"));
        if throttled_key || error.message().is_some_and(|message| message.contains("Rate exceeded")) {
            RetryAction::throttling_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "Refusals"
    }
}

/// Why a call failed, in one line: AWS's code, message and request id, or what kept the call from
/// an answer.
pub fn cause<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    SdkError<E>: RequestId,
{
    let SdkError::ServiceError(service) = error else {
        return chain(error);
    };
    let meta = service.err().meta();
    let mut text = match (meta.code(), meta.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or("no message")),
        (None, _) => format!("HTTP status {} with an answer that is not AWS's", service.raw().status().as_u16()),
    };
    if let Some(id) = error.request_id() {
        text.push_str(&format!(" (request id {id})"));
    }
    one_line(&text)
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

/// What each error of the chain says, outermost first; what says nothing new is left out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = one_line(&error.to_string());
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
