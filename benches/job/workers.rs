//! What the function is measured against; each runs as a Lambda function in a process of its own.

use std::collections::HashMap;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudformation::types::{StackSetOperationResultStatus, StackSetStatus};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use futures_util::stream::{self, StreamExt};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::{http, work};

/// The function's default.
const SWEEP_CONCURRENCY: usize = 4;

/// The SDK as it comes, with the function's TLS provider.
async fn sdk() -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(https).load().await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The SDK's own paginator: rows counted by status, and one message.
pub(crate) fn paginator() {
    runtime().block_on(async {
        let config = sdk().await;
        let (reader, publisher) = (aws_sdk_cloudformation::Client::new(&config), aws_sdk_sns::Client::new(&config));
        let count = async |event: LambdaEvent<Value>| {
            let (stack_set, operation) = work::named_by(&event.payload);
            let mut pages = reader
                .list_stack_set_operation_results()
                .stack_set_name(stack_set)
                .operation_id(operation)
                .into_paginator()
                .page_size(100)
                .send();
            let mut counts: HashMap<Option<StackSetOperationResultStatus>, usize> = HashMap::new();
            while let Some(page) = pages.next().await {
                for row in page?.summaries.unwrap_or_default() {
                    *counts.entry(row.status).or_default() += 1;
                }
            }
            publisher.publish().topic_arn(work::TOPIC).message(format!("{counts:?}")).send().await?;
            Ok::<_, Error>(json!(counts.values().sum::<usize>()))
        };
        lambda_runtime::run(service_fn(count)).await.unwrap();
    });
}

/// The calls of a sweep, as many at a time, and nothing made of their answers.
pub(crate) fn lister() {
    runtime().block_on(async {
        let config = sdk().await;
        let (reader, publisher) = (aws_sdk_cloudformation::Client::new(&config), aws_sdk_sns::Client::new(&config));
        let sweep = async |_: LambdaEvent<Value>| {
            let mut pages =
                reader.list_stack_sets().status(StackSetStatus::Active).into_paginator().page_size(100).send();
            let mut stack_sets = Vec::new();
            while let Some(page) = pages.next().await {
                stack_sets.extend(page?.summaries.unwrap_or_default().into_iter().filter_map(|set| set.stack_set_id));
            }
            let mut listed = stream::iter(stack_sets)
                .map(|stack_set| operations(&reader, &publisher, stack_set))
                .buffer_unordered(SWEEP_CONCURRENCY);
            let mut operations = 0;
            while let Some(of_one) = listed.next().await {
                operations += of_one?;
            }
            Ok::<_, Error>(json!(operations))
        };
        lambda_runtime::run(service_fn(sweep)).await.unwrap();
    });
}

/// The ids of a stack set's operations.
async fn list(reader: &aws_sdk_cloudformation::Client, stack_set: &str) -> Result<Vec<String>, Error> {
    let mut pages = reader.list_stack_set_operations().stack_set_name(stack_set).into_paginator().page_size(100).send();
    let mut operations = Vec::new();
    while let Some(page) = pages.next().await {
        operations.extend(page?.summaries.unwrap_or_default().into_iter().filter_map(|listed| listed.operation_id));
    }
    Ok(operations)
}

/// Lists a stack set's operations, and reads and reports those that are due.
async fn operations(
    reader: &aws_sdk_cloudformation::Client,
    publisher: &aws_sdk_sns::Client,
    stack_set: String,
) -> Result<usize, Error> {
    let operations = list(reader, &stack_set).await?;
    for due in operations.iter().filter(|id| id.starts_with(work::DUE)) {
        reader.describe_stack_set_operation().stack_set_name(&stack_set).operation_id(due).send().await?;
        // For the operation before.
        list(reader, &stack_set).await?;
        let rows = reader.list_stack_set_operation_results().stack_set_name(&stack_set).operation_id(due);
        let mut pages = rows.into_paginator().page_size(100).send();
        while let Some(page) = pages.next().await {
            page?;
        }
        publisher.publish().topic_arn(work::TOPIC).message(due).send().await?;
    }
    Ok(operations.len())
}

/// The smallest function: one call of the SDK.
pub(crate) fn smallest() {
    runtime().block_on(async {
        let reader = aws_sdk_cloudformation::Client::new(&sdk().await);
        let describe = async |event: LambdaEvent<Value>| {
            let (stack_set, operation) = work::named_by(&event.payload);
            let answer =
                reader.describe_stack_set_operation().stack_set_name(stack_set).operation_id(operation).send().await?;
            Ok::<_, Error>(json!(answer.stack_set_operation.is_some()))
        };
        lambda_runtime::run(service_fn(describe)).await.unwrap();
    });
}

/// A bare socket that follows the chain of tokens and throws the pages away.
pub(crate) fn bare() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let mut lambda = http::Client::to(&variable("AWS_LAMBDA_RUNTIME_API"));
    let mut aws = http::Client::to(variable("AWS_ENDPOINT_URL").trim_start_matches("http://"));
    loop {
        let invocation = lambda.ask("GET", "/2018-06-01/runtime/invocation/next", "", "");
        let id = invocation.header("lambda-runtime-aws-request-id").unwrap().to_owned();
        let (_, operation) = work::named_by(&serde_json::from_slice(&invocation.body).unwrap());
        let (mut pages, mut token) = (0, Some(String::new()));
        while let Some(asked) = token {
            token = http::next_token(&aws.query("cloudformation", &work::page_form_of(&operation, &asked)).body);
            pages += 1;
        }
        lambda.ask("POST", &format!("/2018-06-01/runtime/invocation/{id}/response"), "", &json!(pages).to_string());
    }
}
