//! The AWS clients' common ground: HTTPS stack, timeouts, retries, and an error's cause in words.

mod http;

use std::error::Error;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::SharedCredentialsProvider;
use aws_sdk_cloudformation::config::interceptors::InterceptorContext;
use aws_sdk_cloudformation::config::retry::{
    ClassifyRetry, ClientRateLimiter, RetryAction, RetryConfig, RetryPartition, TokenBucket,
};
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::SdkSettings;
use crate::error::Error as OurError;

/// Longest wait for one attempt's whole answer. The SDK has no such bound of its own.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a call with all its attempts and pauses; the function's deadline is mostly nearer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(240);
/// Attempts of one call, the first included: with pauses that double up to 20 s and are cut short
/// at random, about a minute and a half.
const MAX_ATTEMPTS: u32 = 12;
/// Longest pause between two attempts, less up to a half of it at random.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);

/// What all clients share.
///
/// Lambda hands a function its credentials in the environment, so no other place is looked at: the
/// SDK's whole chain of credential providers is one more service client and half a megabyte of binary.
///
/// # Errors
/// [`Error::Config`](OurError::Config) if the certificates that the environment names cannot be read.
pub fn shared(sdk_settings: &SdkSettings) -> Result<SdkConfig, OurError> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http::Http::new(sdk_settings.ca_bundle.as_deref())?)
        .region(Region::new(sdk_settings.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(IdentityCache::lazy().build())
        .timeout_config(timeouts)
        .retry_config(retries())
        .service_config(Endpoints(sdk_settings.endpoints.clone()));
    config.set_endpoint_url(sdk_settings.endpoint.clone());
    config.set_use_fips(sdk_settings.fips);
    config.set_use_dual_stack(sdk_settings.dual_stack);
    Ok(config.build())
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

/// How often and how a call is tried again.
///
/// The adaptive mode also slows down by itself while AWS throttles: no request rate is published for
/// these calls. What it waits then is up to the longest pause and not cut short at random, so that
/// pause is: functions that are refused together must not come back together.
pub fn retries() -> RetryConfig {
    let longest = LONGEST_BACKOFF.mul_f64(1.0 - fastrand::f64() / 2.0);
    RetryConfig::adaptive().with_max_attempts(MAX_ATTEMPTS).with_max_backoff(longest)
}

/// What the calls of one invocation share: how far they have slowed down, and no quota of retries.
///
/// The SDK keeps both for the whole process: there one bad minute would leave the next invocations of
/// a warm function without retries, and slow. A reader asks for one page at a time, so its attempts
/// and the deadline are bound enough.
pub fn patience() -> RetryPartition {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RetryPartition::custom("invocation")
        .token_bucket(TokenBucket::unlimited())
        .client_rate_limiter(ClientRateLimiter::new(now.as_secs_f64()))
        .build()
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
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = one_line(&error.to_string());
        if !told.iter().any(|known| known.contains(&text)) {
            told.push(text);
        }
        next = error.source();
    }
    told.join(": ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_differ_in_their_longest_pause_and_outlive_a_minute_of_it() {
        let all: Vec<Duration> = (0..20).map(|_| retries().max_backoff()).collect();
        assert!(all.iter().any(|longest| *longest != all[0]));
        for longest in all {
            assert!(longest <= LONGEST_BACKOFF);
            // While the first pauses still grow towards the longest, they are short.
            assert!(longest * (MAX_ATTEMPTS - 6) >= Duration::from_secs(60), "{longest:?}");
        }
    }
}
