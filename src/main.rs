//! The Lambda function: logging, settings, clients, the Runtime API.

mod log;
mod metrics;

use std::sync::Arc;
use std::time::SystemTime;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::{Config, Logging, SdkSettings};
use stackset_notifier::error::Error;
use stackset_notifier::handler::{self, Invocation};
use stackset_notifier::notifier::Notifier;
use stackset_notifier::response::Response;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let logging = Logging::from_env();
    let function: Arc<str> = logging.function_name.as_str().into();
    log::init(logging);
    // Also printed as the end of the process, but only this is a line of the log.
    let notifier = notifier().inspect_err(|error| tracing::error!(kind = error.kind(), "{error}"))?;
    let notifier = Arc::new(notifier);
    // `run()` would add a layer whose span is lost at WARN, and the request id with it.
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let (notifier, function) = (Arc::clone(&notifier), Arc::clone(&function));
        async move { invoke(&notifier, &function, event).await.map_err(diagnostic) }
    });
    Runtime::new(service).run().await
}

fn notifier() -> Result<Notifier, Error> {
    let config = Config::from_env()?;
    Ok(Notifier::new(config, &aws::shared(&SdkSettings::from_env()?)?))
}

async fn invoke(notifier: &Notifier, function: &str, event: LambdaEvent<Value>) -> Result<Response, Error> {
    let (payload, context) = event.into_parts();
    log::request(&context.request_id);
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let invocation = Invocation { function_arn: &context.invoked_function_arn, deadline: Instant::now() + left };
    let response = handler::handle(notifier, &payload, &invocation).await?;
    response.operations.iter().for_each(|result| metrics::of_operation(function, result));
    response.sweep.iter().for_each(|summary| metrics::of_sweep(function, summary));
    Ok(response.shortened())
}

/// What Lambda shows as `errorType` and `errorMessage`.
fn diagnostic(error: Error) -> Diagnostic {
    tracing::error!(kind = error.kind(), "{error}");
    Diagnostic { error_type: error.kind().to_owned(), error_message: error.to_string() }
}
