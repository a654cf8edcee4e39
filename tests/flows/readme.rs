//! The messages in the README and in docs/messages.md are real ones.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use sandbox::{Aws, demo};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::{Config, SdkSettings};
use stackset_notifier::handler::{self, Invocation};
use stackset_notifier::notifier::Notifier;
use tokio::time::Instant;

/// Fails when a message no longer reads as the page shows it; with `README_UPDATE` set, it
/// writes what it reads like now.
#[tokio::test]
async fn the_readme_shows_what_subscribers_get() {
    let aws = reported("operation-succeeded-with-failures.json").await;
    let message = aws.published().remove(0);
    let email = message.body("email").unwrap();
    // Details and commands follow; the first screen is what a reader of the README wants to see.
    let (first_screen, _) = email.split_once("DETAILS").unwrap();
    let email = format!("Subject: {}\n\n{first_screen}...", message.subject.as_deref().unwrap());
    let chat = message.chat().unwrap();

    for (file, section, body) in [("README.md", "email", &email), ("docs/messages.md", "chat", &chat)] {
        let path = root().join(file);
        let page = fs::read_to_string(&path).unwrap();
        let wanted = with_section(&page, section, body);
        if std::env::var_os("README_UPDATE").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        assert!(wanted == fs::read_to_string(&path).unwrap(), "run README_UPDATE=1 cargo test the_readme");
    }
}

/// The filter policy of docs/messages.md is put to both documents by tests/template/test_filter.py.
#[tokio::test]
async fn the_demo_has_an_operation_that_the_filter_takes_and_one_that_it_leaves() {
    for (event, outcome) in
        [("operation-failed.json", "FAILED"), ("operation-succeeded-with-failures.json", "SUCCEEDED_WITH_FAILURES")]
    {
        let body = reported(event).await.published().remove(0).body("sqs").unwrap();
        let document: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(document["outcome"], outcome, "{event}");
        fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("report-of-{event}")), body).unwrap();
    }
}

/// The demo's AWS after one event of `events/`.
async fn reported(event: &str) -> Aws {
    let event = fs::read_to_string(root().join("events").join(event)).unwrap();
    let aws = Aws::start(demo::scenario()).await;
    let sdk_settings =
        SdkSettings { region: "us-east-1".to_owned(), endpoint: Some(aws.url()), ..SdkSettings::default() };
    let credentials = Credentials::new("AKIDTEST", "secret", None, None, "test");
    let sdk = aws::shared(&sdk_settings)
        .unwrap()
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let config = Config::from_lookup(|name| Ok((name == "TOPIC_ARN").then(|| demo::TOPIC_ARN.to_owned()))).unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    let invocation = Invocation { function_arn: demo::FUNCTION_ARN, deadline };
    handler::handle(&Notifier::new(config, &sdk), &event, &invocation).await.unwrap();
    aws
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn with_section(page: &str, name: &str, body: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&open).expect("the page has the section");
    let (_, after) = rest.split_once(&close).expect("the section ends");
    format!("{before}{open}```text\n{}\n```\n{close}{after}", body.trim_end())
}
