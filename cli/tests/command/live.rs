//! Reports of what AWS says now.

use std::time::Duration;

use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use sandbox::{Fault, FaultKind, Operation, Row, Scenario, StackSet, demo};
use serde_json::{Value, json};
use stackset_notifier::config::{Config, SdkSettings};
use stackset_notifier::handler::{self, Invocation};
use stackset_notifier::notifier::Notifier;
use tokio::time::Instant;

use crate::support::{MANAGEMENT, OPERATION, REGION, Run, account, aws, operation, rows, run, scenario, stack_set};

const RESULTS: &str = "ListStackSetOperationResults";

/// The document that the function publishes of an operation.
fn published(scenario: Scenario, arn: &str, operation: &str) -> String {
    let loopback = aws(scenario);
    let sdk_settings =
        SdkSettings { region: "us-east-1".to_owned(), endpoint: Some(loopback.url()), ..SdkSettings::default() };
    let credentials = SharedCredentialsProvider::new(Credentials::new("AKIDTEST", "secret", None, None, "test"));
    let sdk = stackset_notifier::aws::shared(&sdk_settings).unwrap();
    let sdk = sdk.into_builder().credentials_provider(credentials).build();
    let config = Config::from_lookup(|name| {
        Ok(match name {
            "TOPIC_ARN" => Some(demo::TOPIC_ARN.to_owned()),
            "SETTLE_TIMEOUT_SECONDS" => Some("0".to_owned()),
            _ => None,
        })
    });
    let notifier = Notifier::new(config.unwrap(), &sdk);
    let event = json!({"stackSetName": arn, "operationId": operation});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let invocation =
            Invocation { function_arn: demo::FUNCTION_ARN, deadline: Instant::now() + Duration::from_secs(300) };
        handler::handle(&notifier, &event, &invocation).await.unwrap();
    });
    loopback.published().remove(0).body("sqs").unwrap()
}

#[test]
fn json_is_the_document_of_the_function_byte_for_byte() {
    for operation in [
        demo::OPERATION_ID,
        demo::SUCCEEDED_ID,
        demo::SUCCEEDED_WITH_FAILURES_ID,
        demo::STOPPED_ID,
        demo::ROLLED_UP_ID,
        demo::TOTALS_DISAGREE_ID,
    ] {
        let expected = published(demo::scenario(), demo::ARN, operation);
        for name in [demo::ARN, "security-baseline"] {
            let done = Run::with(&aws(demo::scenario()), &["report", name, operation, "--output", "json"])
                .env("AWS_REGION", "us-east-1")
                .done();
            assert_eq!(done.out, format!("{expected}\n"), "{name} {operation}: {}", done.err);
        }
    }
}

#[test]
fn json_of_what_goes_on_differs_by_the_time_only() {
    let mut expected: Value = serde_json::from_str(&published(demo::scenario(), demo::ARN, demo::RUNNING_ID)).unwrap();
    let arguments = ["report", demo::ARN, demo::RUNNING_ID, "--output", "json"];
    let done = run(&aws(demo::scenario()), &arguments);
    let mut document: Value = serde_json::from_str(&done.out).unwrap();
    for value in [&mut expected, &mut document] {
        value["inProgress"]["seconds"] = Value::Null;
        value["summary"] = Value::Null;
    }
    assert_eq!(document, expected);
    assert_eq!(done.code, 3);
}

#[test]
fn every_page_is_read_and_lists_have_what_did_not_succeed() {
    let loopback = aws(scenario(operation("FAILED", rows(250))));
    let done = run(&loopback, &["report", "baseline", "--output", "jsonl"]);
    assert_eq!((done.code, done.out.lines().count()), (1, 25), "{}", done.err);
    let first: Value = serde_json::from_str(done.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({
            "account": account(3), "accountName": null, "region": "eu-west-1", "organizationalUnitId": null,
            "status": "FAILED", "cause": "AWS_INTERNAL_FAILURE", "owners": ["AWS"], "retryHelps": "YES",
            "reason": "Internal Failure",
        })
    );
    assert_eq!(loopback.requests_of(RESULTS).len(), 3);
    assert_eq!(done.err, "", "no progress in a pipe");
    let done = run(&loopback, &["report", "baseline", "--output", "csv", "--all"]);
    assert_eq!(done.out.lines().count(), 251);
    assert!(
        done.out.starts_with("account,accountName,region,organizationalUnitId,status,cause,owners,retryHelps,reason\n")
    );
}

#[test]
fn a_large_operation_is_listed_without_reading_its_successes_unless_all_are_asked_for() {
    let of = || Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows(3_000)).totals_from_rows();
    let loopback = aws(scenario(of()));
    let done = run(&loopback, &["report", "baseline", "--output", "csv"]);
    assert_eq!((done.code, done.out.lines().count()), (1, 301), "{}", done.err);
    assert!(loopback.requests_of(RESULTS).len() < 10);
    let done = run(&loopback, &["report", "baseline", "--output", "csv", "--all"]);
    assert_eq!(done.out.lines().count(), 3_001);
}

#[test]
fn throttling_and_broken_connections_are_ridden_out() {
    for kind in [FaultKind::Throttling, FaultKind::CutXml, FaultKind::ResetMidBody, FaultKind::InternalFailure] {
        let loopback =
            aws(scenario(operation("FAILED", rows(250))).fault(Fault::on(RESULTS, kind.clone()).page(2).once()));
        let done = run(&loopback, &["report", "baseline", OPERATION, "--output", "csv"]);
        assert_eq!((done.code, done.out.lines().count()), (1, 26), "{kind:?}: {}", done.err);
    }
}

#[test]
fn what_is_not_whole_exits_with_3_and_says_so() {
    let loopback =
        aws(scenario(operation("FAILED", rows(250))).fault(Fault::on(RESULTS, FaultKind::LostToken).page(2)));
    let done = run(&loopback, &["report", "baseline", OPERATION]);
    assert_eq!(done.code, 3);
    assert!(done.out.contains("INCOMPLETE: CloudFormation counts 25 failed targets, 20 are listed."), "{}", done.out);
}

#[test]
fn exit_codes_say_whether_a_target_failed() {
    for (status, of, expected) in [
        ("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")], 0),
        ("SUCCEEDED", rows(10), 1),
        ("FAILED", vec![Row::cancelled(&account(1), "eu-west-1", "Cancelled since the operation was stopped")], 1),
    ] {
        let done = run(&aws(scenario(operation(status, of))), &["report", "baseline"]);
        assert_eq!(done.code, expected, "{}{}", done.out, done.err);
    }
}

#[test]
fn a_target_is_listed_once_for_each_organizational_unit() {
    let rows = vec![
        Row::failed(&account(1), "eu-west-1", "Rate exceeded").ou("ou-a1b2-11112222"),
        Row::succeeded(&account(1), "eu-west-1").ou("ou-a1b2-33334444"),
    ];
    let loopback = aws(scenario(operation("FAILED", rows)));
    let done = run(&loopback, &["report", "baseline", "--output", "csv", "--all"]);
    let lines: Vec<&str> = done.out.lines().skip(1).collect();
    assert_eq!(lines.len(), 2, "{}", done.out);
    assert!(lines[0].contains("ou-a1b2-11112222,FAILED,THROTTLING,"), "{}", done.out);
    assert!(lines[1].ends_with("ou-a1b2-33334444,SUCCEEDED,,,,"), "{}", done.out);
}

#[test]
fn the_last_operation_with_problems_is_reported() {
    let of = |id: &str, status: &str, day: u8, of: Vec<Row>| {
        let at = |hour: u8| format!("2026-03-{day:02}T{hour:02}:00:00.000Z");
        Operation::new(id).action("UPDATE").status(status).rows(of).times(&at(9), Some(&at(10)))
    };
    let fine = || vec![Row::succeeded(&account(1), "eu-west-1")];
    let quiet = StackSet::self_managed("quiet", MANAGEMENT, REGION).operation(of("q-1", "SUCCEEDED", 9, fine()));
    let noisy = stack_set()
        .operation(of("n-3", "SUCCEEDED", 8, fine()))
        .operation(of("n-1", "FAILED", 2, rows(10)))
        .operation(of("n-2", "SUCCEEDED", 4, rows(20)));
    let loopback = aws(Scenario::new().stack_set(quiet).stack_set(noisy));
    let done = run(&loopback, &["report"]);
    assert_eq!(done.err, "stack set baseline, operation n-2: the last one that had problems\n");
    assert!(done.out.contains("Operation n-2"), "{}", done.out);
    let done = run(&loopback, &["report", "--quiet"]);
    assert_eq!(done.err, "");
    // Of a stack set without problems, the last one.
    let done = run(&loopback, &["report", "quiet"]);
    assert!(done.code == 0 && done.out.contains("Operation q-1"), "{done:?}");
}

#[test]
fn a_delegated_administrator_sees_what_its_own_account_does_not_have() {
    let set = StackSet::service_managed("baseline", MANAGEMENT, REGION).seen_by_delegated_admin();
    let loopback = aws(Scenario::new().account("999999999999").stack_set(set.operation(operation("FAILED", rows(10)))));
    for arguments in [
        vec!["report", "baseline"],
        vec!["report", "baseline", OPERATION],
        vec!["report"],
        vec!["report", "baseline", "--call-as", "delegated-admin"],
    ] {
        let done = run(&loopback, &arguments);
        assert_eq!(done.code, 1, "{arguments:?}: {}", done.err);
        let last = loopback.requests_of(RESULTS).pop().unwrap();
        assert_eq!(last.param("CallAs"), Some("DELEGATED_ADMIN"));
    }
    let done = run(&loopback, &["report", "baseline", "--call-as", "self"]);
    assert_eq!(done.code, 3);
    assert!(done.err.contains("StackSetNotFoundException"), "{}", done.err);
    assert!(done.err.contains("--call-as delegated-admin"), "{}", done.err);
}

#[test]
fn a_stack_set_in_another_region_is_read_where_its_arn_says() {
    let set = StackSet::self_managed("baseline", MANAGEMENT, "us-west-2").operation(operation("FAILED", rows(10)));
    let arn = set.arn();
    let done = run(&aws(Scenario::new().stack_set(set)), &["report", &arn]);
    assert_eq!(done.code, 1, "{}", done.err);
}

#[test]
fn settings_of_the_function_are_not_read_from_the_environment() {
    let run = |arguments: &[&str]| {
        let loopback = aws(demo::scenario());
        let done = Run::with(&loopback, &["report", demo::ARN, demo::ROLLED_UP_ID])
            .arguments(arguments)
            .env("CALL_AS", "nobody")
            .env("MEMBER_ROLE_NAME", demo::MEMBER_ROLE_NAME)
            .done();
        assert_eq!(done.code, 1, "{}", done.err);
        loopback.requests_of("AssumeRole").len()
    };
    assert_eq!(run(&[]), 0);
    assert!(run(&["--member-role", demo::MEMBER_ROLE_NAME]) > 0);
}
