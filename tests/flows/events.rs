//! Which events are reported, which are ignored and which are errors.

use sandbox::{Operation, Row, Scenario, StackSet};
use serde_json::{Value, json};

use crate::support::{MANAGEMENT, OPERATION, REGION, Stage, account, event, operation, stack_set};

fn failed_once() -> Operation {
    operation("FAILED", vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")])
}

#[tokio::test]
async fn the_documented_event_in_every_partition() {
    for (partition, region) in [("aws", "eu-central-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")] {
        let mut set = StackSet::self_managed("baseline", MANAGEMENT, region).operation(failed_once());
        set.partition = partition.to_owned();
        let arn = set.arn();
        assert!(arn.starts_with(&format!("arn:{partition}:cloudformation:{region}:")), "{arn}");
        let id = set.id();
        let stage = Stage::new(Scenario::new().stack_set(set)).await;
        let done = stage.invoke(&event(&arn, OPERATION, "FAILED")).await.unwrap();
        assert_eq!(done["action"], "published");
        assert_eq!(done["stackSet"], id);
        let document = stage.document();
        assert_eq!(document["stackSet"]["region"], region);
        let url = document["operation"]["consoleUrl"].as_str().unwrap();
        let host = match partition {
            "aws" => "https://eu-central-1.console.aws.amazon.com/",
            "aws-cn" => "https://cn-north-1.console.amazonaws.cn/",
            _ => "https://us-gov-west-1.console.amazonaws-us-gov.com/",
        };
        assert!(url.starts_with(host), "{url}");
    }
}

#[tokio::test]
async fn a_delivery_with_additional_fields_is_reported_all_the_same() {
    let stage = Stage::of(failed_once()).await;
    let mut event = event(&stack_set().arn(), OPERATION, "FAILED");
    event["detail"]["action"] = json!("CREATE");
    event["detail"]["new-field"] = json!({"a": [1]});
    assert_eq!(stage.invoke(&event).await.unwrap()["action"], "published");
}

#[tokio::test]
async fn what_is_ignored_says_why_and_asks_aws_nothing() {
    let arn = stack_set().arn();
    let neighbour =
        |kind: &str, detail: Value| json!({"detail-type": kind, "source": "aws.cloudformation", "detail": detail});
    let cases = [
        (event(&arn, OPERATION, "RUNNING"), "operation status \"RUNNING\" is not an end"),
        (event(&arn, OPERATION, "QUEUED"), "operation status \"QUEUED\" is not an end"),
        (event(&arn, OPERATION, "STOPPING"), "operation status \"STOPPING\" is not an end"),
        (event(&arn, OPERATION, "PAUSED"), "operation status \"PAUSED\" is not an end"),
        (
            neighbour(
                "CloudFormation StackSet StackInstance Status Change",
                json!({"stack-set-arn": arn, "stack-id": "arn:aws:cloudformation:us-west-1:111122223333:stack/teststack",
                    "status-details": {"status": "OUTDATED", "detailed-status": "PENDING"}}),
            ),
            "event \"CloudFormation StackSet StackInstance Status Change\" is about something else than a stack set operation",
        ),
        (
            neighbour(
                "CloudFormation StackSet Status Change",
                json!({"stack-set-arn": arn, "status-details": {"status": "DELETED"}}),
            ),
            "event \"CloudFormation StackSet Status Change\" is about something else than a stack set operation",
        ),
        (
            json!({"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "detail": {}}),
            "event \"EC2 Instance State-change Notification\" of \"aws.ec2\" is not for this function",
        ),
        (
            json!({"detail-type": "CloudFormation StackSet Operation Status Change", "source": "somebody.else"}),
            "event \"CloudFormation StackSet Operation Status Change\" of \"somebody.else\" is not for this function",
        ),
    ];
    let neither = "neither an EventBridge event nor a manual request with stackSetName and operationId";
    let foreign = [
        json!({"operationId": "o"}),
        json!({}),
        json!(null),
        json!([1, 2]),
        json!("text"),
        json!(7),
        json!({"Records": []}),
    ];
    let stage = Stage::of(failed_once()).await;
    for (event, reason) in cases.into_iter().chain(foreign.into_iter().map(|event| (event, neither))) {
        let done = stage.invoke(&event).await.unwrap();
        assert_eq!((&done["action"], &done["reason"]), (&json!("ignored"), &json!(reason)), "{event}");
    }
    assert!(stage.aws.requests().is_empty());
    let done = stage.invoke(&event(&arn, OPERATION, "RUNNING")).await.unwrap();
    assert_eq!((&done["stackSet"], &done["operationId"]), (&json!(stack_set().id()), &json!(OPERATION)));
}

#[tokio::test]
async fn a_manual_request_is_answered_also_when_all_is_well() {
    let stage = Stage::of(operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")])).await;
    let done = stage.invoke(&json!({"stackSetName": "baseline", "operationId": OPERATION})).await.unwrap();
    assert_eq!((&done["action"], &done["reason"]), (&json!("published"), &json!("requested manually")));
}

#[tokio::test]
async fn a_function_that_does_not_know_its_account_reads_as_the_owner() {
    let stage = Stage::of(failed_once()).await.function("not an arn");
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "published");
}

#[tokio::test]
async fn a_terminal_event_that_names_no_operation_is_an_error_that_names_the_field() {
    let stage = Stage::of(failed_once()).await;
    for (field, value, text) in [
        ("stack-set-arn", Value::Null, "could not read the field detail.stack-set-arn of the event: it is missing"),
        (
            "stack-set-operation-id",
            Value::Null,
            "could not read the field detail.stack-set-operation-id of the event: it is missing",
        ),
        (
            "stack-set-arn",
            json!("arn:aws:sns:eu-central-1:111111111111:alerts"),
            "could not read the field detail.stack-set-arn of the event: it is not the ARN of a stack set",
        ),
    ] {
        let mut event = event(&stack_set().arn(), OPERATION, "FAILED");
        event["detail"][field] = value;
        let error = stage.invoke(&event).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), ("EventError", text));
    }
    assert!(stage.aws.requests().is_empty());
}

#[tokio::test]
async fn a_manual_request_reports_an_operation_whatever_its_state() {
    let running = operation(
        "RUNNING",
        vec![
            Row::succeeded(&account(1), "eu-west-1"),
            Row::running(&account(2), "eu-west-1"),
            Row::pending(&account(3), "eu-west-1"),
        ],
    );
    let stage = Stage::of(running).await;
    let done = stage.invoke(&json!({"stackSetName": "baseline", "operationId": OPERATION})).await.unwrap();
    assert_eq!((&done["action"], &done["outcome"]), (&json!("published"), &json!("IN_PROGRESS")));
    let document = stage.document();
    // The bare name knows neither id nor owner; the description has the id, and read as SELF the
    // owner is the function's own account.
    assert_eq!(document["stackSet"]["id"], stack_set().uuid);
    assert_eq!(document["stackSet"]["account"], MANAGEMENT);
    assert_eq!(document["stackSet"]["region"], REGION);
    assert_eq!(document["completeness"]["complete"], false);
    assert_eq!(document["counts"]["running"], 1);
    assert_eq!(document["counts"]["pending"], 1);
}

#[tokio::test]
async fn a_manual_request_says_itself_in_which_capacity() {
    let set =
        StackSet::service_managed("baseline", MANAGEMENT, REGION).seen_by_delegated_admin().operation(failed_once());
    let stage = Stage::new(Scenario::new().stack_set(set)).await;
    let request = json!({"stackSetName": "baseline", "operationId": OPERATION, "callAs": "DELEGATED_ADMIN"});
    assert_eq!(stage.invoke(&request).await.unwrap()["action"], "published");
    for request in stage.aws.requests_of("ListStackSetOperationResults") {
        assert!(request.params.contains(&("CallAs".to_owned(), "DELEGATED_ADMIN".to_owned())));
    }
}
