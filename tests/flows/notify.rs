//! Publishing: when, what each kind of subscriber gets, and what an error says.

use sandbox::{Aws, FailedCount, Fault, Operation, Row, Scenario};
use serde_json::{Value, json};
use stackset_notifier::config::SdkSettings;

use crate::support::{OPERATION, Stage, TOPIC, account, operation, sdk_settings, stack_set};

const NO_GATE: &str =
    "Function not found: arn:aws:lambda:eu-west-1:200000000001:function:AWSCloudFormationStackSetAccountGate";

fn succeeded() -> Operation {
    operation("SUCCEEDED", (1..=3).map(|i| Row::succeeded(&account(i), "eu-west-1").gate("SKIPPED", NO_GATE)).collect())
}

fn failed() -> Operation {
    operation(
        "FAILED",
        vec![
            Row::failed(&account(1), "eu-west-1", "Internal Failure"),
            Row::cancelled(&account(2), "eu-west-1", "Cancelled since failure tolerance has exceeded"),
        ],
    )
}

#[tokio::test]
async fn one_publish_with_a_body_for_each_kind_of_subscriber() {
    let stage = Stage::of(failed()).await;
    let done = stage.ended("FAILED").await.unwrap();
    let message = stage.published();
    assert_eq!(done["messageId"], message.message_id);
    assert_eq!(message.topic_arn, TOPIC);
    assert_eq!(message.message_structure.as_deref(), Some("json"));
    assert_eq!(message.subject.as_deref(), Some("[FAILED] baseline, eu-central-1: 1 of 2 targets failed, 1 cancelled"));
    let bodies: Value = serde_json::from_str(&message.message).unwrap();
    let mut protocols: Vec<&String> = bodies.as_object().unwrap().keys().collect();
    protocols.sort();
    assert_eq!(protocols, ["default", "email", "https", "sms"]);
    assert!(
        bodies["email"]
            .as_str()
            .unwrap()
            .starts_with("UPDATE of baseline failed in eu-central-1.\n1 of 2 targets failed")
    );
    let document: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
    assert_eq!(document["schemaVersion"], "1.0");
    let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    assert_eq!((&chat["version"], &chat["source"]), (&json!("1.0"), &json!("custom")));
    assert_eq!(chat["content"]["textType"], "client-markdown");
    assert_eq!(chat["metadata"]["threadId"], OPERATION);
}

#[tokio::test]
async fn a_success_without_problems_is_quiet_and_says_so() {
    let stage = Stage::of(succeeded()).await;
    let done = stage.ended("SUCCEEDED").await.unwrap();
    assert_eq!(
        done,
        json!({
            "stackSet": stack_set().id(),
            "operationId": OPERATION,
            "outcome": "SUCCEEDED",
            "action": "quiet",
            "messageId": null,
            "counts": {"total": 3, "succeeded": 3, "failed": 0, "cancelled": 0, "running": 0, "pending": 0,
                "other": 0, "otherStatuses": {}},
            "pages": 1,
            "attempt": null,
            "ledgerError": null,
            "reason": "no target failed or was cancelled, and NOTIFY_ON is problems",
        })
    );
    assert!(stage.aws.published().is_empty());
}

#[tokio::test]
async fn always_means_always() {
    let scenario = Scenario::new().stack_set(stack_set().operation(succeeded()));
    let stage = Stage::with(scenario, &[("NOTIFY_ON", "always")]).await;
    let done = stage.ended("SUCCEEDED").await.unwrap();
    assert_eq!((&done["action"], &done["reason"]), (&json!("published"), &json!("NOTIFY_ON is always")));
    assert_eq!(
        stage.published().subject.as_deref(),
        Some("[SUCCEEDED] baseline, eu-central-1: all 3 targets succeeded")
    );
}

#[tokio::test]
async fn every_kind_of_problem_is_published_with_its_reason() {
    let ok = |i: usize| Row::succeeded(&account(i), "eu-west-1");
    for (status, operation, reason) in [
        (
            "SUCCEEDED",
            operation("SUCCEEDED", vec![ok(1), Row::failed(&account(2), "eu-west-1", "Internal Failure")]),
            "1 target failed",
        ),
        (
            "SUCCEEDED",
            operation("SUCCEEDED", vec![ok(1), Row::cancelled(&account(2), "eu-west-1", "whatever")]),
            "1 target cancelled",
        ),
        ("FAILED", operation("FAILED", vec![]), "the operation is FAILED"),
        ("STOPPED", operation("STOPPED", vec![ok(1)]), "the operation is STOPPED"),
        (
            "SUCCEEDED",
            operation("SUCCEEDED", vec![ok(1)]).failed_count(FailedCount::Fixed(2)),
            "the report is incomplete: CloudFormation counts 2 failed targets, 0 are listed",
        ),
        (
            "SUCCEEDED",
            operation("SUCCEEDED", vec![ok(1), Row::running(&account(2), "eu-west-1")]),
            "the report is incomplete: the operation ended, but 1 target is still RUNNING or PENDING",
        ),
        (
            "SUCCEEDED",
            operation("SUCCEEDED", vec![ok(1).gate_passed(), ok(2).gate("SKIPPED", NO_GATE)]),
            "1 target went on without an account gate",
        ),
    ] {
        let scenario = Scenario::new().stack_set(stack_set().operation(operation));
        let stage = Stage::with(scenario, &[("EXPECT_ACCOUNT_GATE", "auto")]).await;
        let done = stage.ended(status).await.unwrap();
        assert_eq!((&done["action"], &done["reason"]), (&json!("published"), &json!(reason)));
    }
}

#[tokio::test]
async fn what_sns_refuses_is_an_error_that_names_the_topic() {
    for (status, code, message) in [
        (403, "AuthorizationError", "not authorized to perform: SNS:Publish"),
        (404, "NotFound", "Topic does not exist"),
        (400, "KMSAccessDenied", "no key"),
    ] {
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(failed()))
            .fault(Fault::error("Publish", status, code, message));
        let stage = Stage::new(scenario).await;
        let error = stage.ended("FAILED").await.unwrap_err();
        assert_eq!(error.kind(), "PublishError");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("could not publish to topic {TOPIC}: {code}: {message} (request id ")),
            "{text}"
        );
    }
}

/// As `AWS_ENDPOINT_URL_SNS` asks for.
#[tokio::test]
async fn one_service_may_be_elsewhere() {
    let rows = vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")];
    let aws =
        Aws::start(Scenario::new().stack_set(stack_set().operation(operation("FAILED", rows))).topic(TOPIC)).await;
    let sns = Aws::start(Scenario::new().topic(TOPIC)).await;
    let url = aws.url();
    let stage = Stage::within(aws, SdkSettings { endpoints: vec![("SNS", sns.url())], ..sdk_settings(&url) });
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "published");
    assert_eq!((stage.aws.published().len(), sns.published().len()), (0, 1));
}
