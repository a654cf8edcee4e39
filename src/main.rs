//! The Lambda function: logging, settings, clients, the Runtime API.

use std::sync::Arc;
use std::time::SystemTime;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::Config;
use stackset_notifier::error::Error;
use stackset_notifier::handler::{Invocation, Notifier, Reply};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let config = Config::from_env()?;
    let notifier = Arc::new(Notifier::new(config, &aws::loader().load().await));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let notifier = Arc::clone(&notifier);
        async move { invoke(&notifier, event).await.map_err(diagnostic) }
    }))
    .await
}

async fn invoke(notifier: &Notifier, event: LambdaEvent<Value>) -> Result<Reply, Error> {
    let (payload, context) = event.into_parts();
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let invocation = Invocation { function_arn: &context.invoked_function_arn, deadline: Instant::now() + left };
    notifier.handle(&payload, &invocation).await
}

/// What Lambda shows as `errorType` and `errorMessage`.
fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic { error_type: error.kind().to_owned(), error_message: error.to_string() }
}
