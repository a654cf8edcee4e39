//! Reading: every page, in the right capacity, and no short report where the chain of pages breaks.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use sandbox::{Fault, FaultKind, Operation, Row, Rows, Scenario, StackSet};
use serde_json::{Value, json};
use stackset_notifier::operation::{CallAs, Gate, OperationRef, StackSetRef};
use stackset_notifier::read::{Next, Reader};
use stackset_notifier::text::clean;
use tokio::time::Instant;

use crate::support::{FUNCTION, MANAGEMENT, OPERATION, REGION, Stage, account, event, operation, stack_set};

const RESULTS: &str = "ListStackSetOperationResults";
const DESCRIBE: &str = "DescribeStackSetOperation";

/// `count` rows, every tenth failed.
fn rows(count: usize) -> Rows {
    Rows::generated(count, |i| match i % 10 {
        3 => Row::failed(&account(i), "eu-west-1", "Internal Failure"),
        _ => Row::succeeded(&account(i), "eu-west-1"),
    })
}

fn with_rows(count: usize) -> Operation {
    Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows(count))
}

#[tokio::test]
async fn the_operation_is_described_then_every_page_is_read() {
    let stage = Stage::of(with_rows(250)).await;
    stage.report("FAILED").await;
    assert_eq!(stage.actions(), [DESCRIBE, "ListStackSetOperations", RESULTS, RESULTS, RESULTS, "Publish"]);
    let set = stack_set();
    for request in stage.aws.requests_of(RESULTS) {
        assert_eq!(request.param("StackSetName"), Some(set.id().as_str()));
        assert_eq!(request.param("OperationId"), Some(OPERATION));
        assert_eq!(request.param("MaxResults"), Some("100"));
        assert_eq!(request.param("CallAs"), Some("SELF"));
    }
}

#[tokio::test]
async fn any_number_of_rows_is_read_exactly() {
    for (count, pages) in [(0, 1), (1, 1), (99, 1), (100, 1), (101, 2), (100_000, 1_000)] {
        let stage = Stage::of(with_rows(count)).await;
        let document = stage.report("FAILED").await;
        let failed = (0..count).filter(|i| i % 10 == 3).count();
        assert_eq!(document["counts"]["total"], count, "{count} rows");
        assert_eq!(document["counts"]["failed"], failed);
        assert_eq!(document["counts"]["succeeded"], count - failed);
        assert_eq!(document["completeness"]["resultsRead"], count);
        assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
        assert_eq!(stage.aws.requests_of(RESULTS).len(), pages);
    }
}

#[tokio::test]
async fn the_capacity_follows_the_owner_unless_it_is_set() {
    let elsewhere = "arn:aws:lambda:eu-central-1:999999999999:function:stackset-notifier";
    let mut seen = Vec::new();
    for (setting, function, expected) in [
        ("auto", FUNCTION, "SELF"),
        ("auto", elsewhere, "DELEGATED_ADMIN"),
        ("SELF", FUNCTION, "SELF"),
        ("SELF", elsewhere, "SELF"),
        ("DELEGATED_ADMIN", FUNCTION, "DELEGATED_ADMIN"),
        ("DELEGATED_ADMIN", elsewhere, "DELEGATED_ADMIN"),
    ] {
        let set =
            StackSet::service_managed("baseline", MANAGEMENT, REGION).visible_to(&[expected]).operation(with_rows(1));
        let arn = set.arn();
        let stage = Stage::with(Scenario::new().stack_set(set), &[("CALL_AS", setting)]).await.function(function);
        let done = stage.invoke(&event(&arn, OPERATION, "FAILED")).await.unwrap();
        assert_eq!(done["action"], "published", "CALL_AS={setting} by {function}");
        for request in stage.aws.requests().iter().filter(|request| request.service == "cloudformation") {
            assert_eq!(request.param("CallAs"), Some(expected));
        }
        let command = stage.document()["operation"]["resultsCommands"][0]["command"].as_str().unwrap().to_owned();
        assert!(command.contains(&format!("--call-as {expected} ")), "{command}");
        let owner = if function == FUNCTION { "own" } else { "foreign" };
        seen.push(json!({"callAs": setting, "owner": owner, "readsAs": expected}));
    }
    // The template's permissions are compared with it: tests/template/test_permissions.py.
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("capacities.json");
    fs::write(path, Value::from(seen).to_string()).unwrap();
}

#[tokio::test]
async fn a_stack_set_in_another_region_is_read_there_and_published_here() {
    let set = StackSet::self_managed("baseline", MANAGEMENT, "us-east-1").operation(with_rows(1));
    let arn = set.arn();
    let stage = Stage::new(Scenario::new().stack_set(set)).await;
    stage.invoke(&event(&arn, OPERATION, "FAILED")).await.unwrap();
    let regions: Vec<(String, String)> =
        stage.aws.requests().into_iter().map(|request| (request.action, request.region)).collect();
    assert_eq!(
        regions,
        [(DESCRIBE, "us-east-1"), (RESULTS, "us-east-1"), ("Publish", REGION)]
            .map(|(action, region)| (action.to_owned(), region.to_owned()))
    );
}

#[tokio::test]
async fn a_broken_chain_of_tokens_leaves_an_incomplete_report() {
    for (kind, page, text) in [
        (FaultKind::RepeatToken, 2, "page 2 hands out an already used token for the next page"),
        (FaultKind::RepeatToken, 4, "page 4 hands out an already used token for the next page"),
        (FaultKind::EmptyToken, 1, "page 1 hands out an empty token for the next page"),
        (FaultKind::EmptyToken, 3, "page 3 hands out an empty token for the next page"),
    ] {
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(with_rows(350)))
            .fault(Fault::on(RESULTS, kind.clone()).page(page).unfiltered());
        let document = Stage::new(scenario).await.report("FAILED").await;
        assert_eq!((&document["counts"]["failed"], &document["completeness"]["complete"]), (&json!(35), &json!(false)));
        let reason = document["completeness"]["reason"].as_str().unwrap();
        assert!(
            reason.starts_with(&format!("page {page} of the results could not be read (could not list")),
            "{reason}"
        );
        assert!(reason.contains(text), "{kind:?} on page {page}: {reason}");
    }
}

#[tokio::test]
async fn pages_without_rows_do_not_end_the_chain() {
    for kind in [FaultKind::EmptyPage, FaultKind::LeftoverToken] {
        let page = if kind == FaultKind::EmptyPage { 2 } else { 4 };
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(with_rows(350)))
            .fault(Fault::on(RESULTS, kind).page(page).once());
        let document = Stage::new(scenario).await.report("FAILED").await;
        assert_eq!(document["counts"]["total"], 350);
    }
}

#[tokio::test]
async fn a_page_that_loses_its_token_leaves_an_incomplete_report() {
    let scenario = Scenario::new()
        .stack_set(stack_set().operation(with_rows(350)))
        .fault(Fault::on(RESULTS, FaultKind::LostToken).page(2));
    let document = Stage::new(scenario).await.report("FAILED").await;
    assert_eq!(document["completeness"]["complete"], false);
    assert_eq!(document["completeness"]["reason"], "CloudFormation counts 35 failed targets, 20 are listed");
}

#[tokio::test]
async fn every_field_of_a_row_may_be_missing_and_unknown_words_are_counted_by_name() {
    let mut bare = Row::new("", "", "");
    (bare.account, bare.region, bare.status) = (None, None, None);
    let rows = vec![
        bare,
        Row::new(&account(1), "eu-west-1", "SKIPPED_SUSPENDED_ACCOUNT"),
        Row::new(&account(2), "eu-west-1", "SKIPPED_SUSPENDED_ACCOUNT"),
        Row::new(&account(3), "eu-west-1", "PARKED").gate("POSTPONED", "somebody is asleep"),
        Row::failed(&account(4), "eu-west-1", "Internal Failure"),
    ];
    let document = Stage::of(operation("SUCCEEDED", rows)).await.report("SUCCEEDED").await;
    assert_eq!(document["counts"]["total"], 5);
    assert_eq!(document["counts"]["other"], 4);
    assert_eq!(document["counts"]["otherStatuses"], json!({"": 1, "SKIPPED_SUSPENDED_ACCOUNT": 2, "PARKED": 1}));
    assert_eq!(document["accountGate"]["unrecognized"], 1);
    assert_eq!(document["byRegion"][0]["region"], Value::Null);
    assert_eq!(document["outcome"], "SUCCEEDED_WITH_FAILURES");
}

#[tokio::test]
async fn a_status_that_is_not_known_is_a_problem_and_its_text_is_kept_but_it_is_no_cause() {
    let rows = vec![
        Row::succeeded(&account(1), "eu-west-1"),
        Row::new(&account(2), "eu-west-1", "FAILED_HARD").reason("Access Denied"),
    ];
    let document = Stage::of(operation("SUCCEEDED", rows)).await.report("SUCCEEDED").await;
    assert_eq!(document["causes"], json!([]));
    assert_eq!(
        document["otherReasons"],
        json!([{"status": "FAILED_HARD", "pattern": "Access Denied", "sample": "Access Denied", "count": 1}])
    );
    assert_eq!(document["retry"]["plan"], json!([]));
}

#[tokio::test]
async fn what_is_not_found_names_the_set_the_operation_the_capacity_and_what_to_try() {
    for (action, code) in [
        (DESCRIBE, "StackSetNotFoundException"),
        (DESCRIBE, "StackSetNotFound"),
        (RESULTS, "StackSetNotFoundException"),
    ] {
        let scenario = Scenario::new().stack_set(stack_set().operation(with_rows(1))).fault(Fault::error(
            action,
            404,
            code,
            "StackSet baseline not found",
        ));
        // A person gets an answer; an event of a stack set that is gone is ignored.
        let manual = json!({"stackSetName": stack_set().arn(), "operationId": OPERATION});
        let error = Stage::new(scenario).await.invoke(&manual).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), "ReadError");
        for part in [
            "operation op-1 of stack set baseline:",
            " as SELF in eu-central-1: ",
            &format!("{code}: StackSet baseline not found (request id "),
            "; try DELEGATED_ADMIN (CALL_AS, or callAs of a manual request),",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }
    for code in ["OperationNotFoundException", "OperationNotFound"] {
        let scenario = Scenario::new().stack_set(stack_set().operation(with_rows(1))).fault(Fault::error(
            DESCRIBE,
            404,
            code,
            "Operation op-1 not found",
        ));
        let text = Stage::new(scenario).await.ended("FAILED").await.unwrap_err().to_string();
        assert!(text.contains("could not describe operation op-1 of stack set baseline:"), "{text}");
        assert!(text.contains(" as SELF in eu-central-1: "), "{text}");
        assert!(text.contains(&format!("{code}: Operation op-1 not found (request id ")), "{text}");
        assert!(text.ends_with("; check the operation id, old operations are no longer listed"), "{text}");
    }
}

#[tokio::test]
async fn the_real_not_found_answers_of_the_loopback() {
    let stage = Stage::of(with_rows(1)).await;
    let gone = event("arn:aws:cloudformation:eu-central-1:111111111111:stackset/gone:1b2c3d4e", OPERATION, "FAILED");
    let done = stage.invoke(&gone).await.unwrap();
    assert_eq!((&done["action"], &done["reason"]), (&json!("ignored"), &json!("the stack set no longer exists")));
    let text = stage.invoke(&event(&stack_set().arn(), "op-2", "FAILED")).await.unwrap_err().to_string();
    assert!(text.contains("operation op-2 of stack set baseline:") && text.contains("OperationNotFound"), "{text}");
    assert!(stage.aws.published().is_empty());
}

#[tokio::test]
async fn an_account_that_is_no_delegated_administrator_gets_advice() {
    let mut scenario = Scenario::new().stack_set(stack_set().operation(with_rows(1)));
    scenario.delegated_admin_registered = false;
    let stage = Stage::with(scenario, &[("CALL_AS", "DELEGATED_ADMIN")]).await;
    let text = stage.ended("FAILED").await.unwrap_err().to_string();
    assert!(text.contains("ValidationError: Account used is not a delegated administrator"), "{text}");
    assert!(text.contains("register this account as delegated administrator"), "{text}");
}

#[tokio::test]
async fn what_the_role_may_not_do_is_named() {
    let message = "User: arn:aws:sts::111111111111:assumed-role/notifier/f is not authorized to perform: \
                   cloudformation:ListStackSetOperationResults";
    let scenario = Scenario::new().stack_set(stack_set().operation(with_rows(1))).fault(Fault::error(
        RESULTS,
        403,
        "AccessDenied",
        message,
    ));
    let stage = Stage::new(scenario).await;
    let text = stage.ended("FAILED").await.unwrap_err().to_string();
    assert!(text.contains(&format!("AccessDenied: {message} (request id ")), "{text}");
    assert!(
        text.ends_with("; the function's role needs cloudformation:ListStackSetOperationResults on this stack set")
    );
    // The whole list, and the four by status.
    assert_eq!(stage.actions(), [DESCRIBE, RESULTS, RESULTS, RESULTS, RESULTS, RESULTS]);
}

/// Ten refusals in a row are more than a minute of them with the pauses of production.
#[tokio::test]
async fn a_long_spell_of_throttling_is_outlived() {
    for code in ["Throttling", "ThrottlingException"] {
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(with_rows(350)))
            .fault(Fault::error(RESULTS, 400, code, "Rate exceeded").page(3).times(10));
        let stage = Stage::new(scenario).await;
        let document = stage.report("FAILED").await;
        assert_eq!(document["counts"]["total"], 350);
        assert_eq!(stage.aws.faults_fired().len(), 10);
    }
}

/// The SDK's quota of retries is one for the process, and a warm function's would be used up here.
#[tokio::test]
async fn every_invocation_of_a_warm_process_tries_as_often_as_the_first() {
    for kind in [FaultKind::ServiceUnavailable, FaultKind::Throttling] {
        let stage = Stage::of(with_rows(1)).await;
        for action in [DESCRIBE, "Publish"] {
            // Reading goes on as long as there is time while it is throttled.
            if action == DESCRIBE && kind == FaultKind::Throttling {
                continue;
            }
            for invocation in 1..=6 {
                stage.aws.forget();
                stage.aws.with(|scenario| scenario.faults = vec![Fault::on(action, kind.clone())]);
                stage.ended("FAILED").await.unwrap_err();
                assert_eq!(stage.aws.requests_of(action).len(), 8, "{kind:?} on {action}, invocation {invocation}");
            }
        }
        stage.aws.forget();
        stage.aws.with(|scenario| scenario.faults = vec![Fault::on("*", kind.clone()).times(7)]);
        assert_eq!(stage.report("FAILED").await["counts"]["total"], 1);
    }
}

#[tokio::test]
async fn credentials_that_have_expired_are_an_error_at_once() {
    let scenario = Scenario::new().stack_set(stack_set().operation(with_rows(1))).fault(Fault::error(
        DESCRIBE,
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    ));
    let stage = Stage::new(scenario).await;
    let text = stage.ended("FAILED").await.unwrap_err().to_string();
    assert!(text.contains("ExpiredToken: The security token included in the request is expired"), "{text}");
    assert_eq!(stage.actions(), [DESCRIBE]);
}

#[tokio::test]
async fn an_answer_that_is_never_whole_is_an_error_not_a_short_report() {
    for (action, kind) in
        [(RESULTS, FaultKind::CutXml), (RESULTS, FaultKind::MalformedXml), (DESCRIBE, FaultKind::CutXml)]
    {
        let scenario =
            Scenario::new().stack_set(stack_set().operation(with_rows(350))).fault(Fault::on(action, kind.clone()));
        let stage = Stage::new(scenario).await;
        let text = stage.ended("FAILED").await.unwrap_err().to_string();
        assert!(text.contains("the answer's XML is not whole"), "{kind:?}: {text}");
        assert!(stage.aws.published().is_empty());
    }
}

#[tokio::test]
async fn a_proxy_that_answers_for_aws_is_named() {
    let scenario =
        Scenario::new().stack_set(stack_set().operation(with_rows(1))).fault(Fault::on(DESCRIBE, FaultKind::NotXml));
    let text = Stage::new(scenario).await.ended("FAILED").await.unwrap_err().to_string();
    assert!(text.contains(": HTTP status 502 with an answer that is not AWS's"), "{text}");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_named() {
    let stage = Stage::at("http://127.0.0.1:9", Scenario::new()).await;
    let text = stage.ended("FAILED").await.unwrap_err().to_string();
    assert!(text.contains("Connection refused"), "{text}");
    assert!(text.contains("could not describe operation op-1"), "{text}");
}

fn any_row() -> impl Strategy<Value = Row> {
    let text = || {
        proptest::option::of(any::<String>().prop_map(|text| {
            // XML has no way to write most control characters.
            text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\n")
        }))
    };
    let gate = proptest::option::of(("[A-Z_]{0,12}", text()));
    (text(), text(), "[A-Z_]{0,12}", text(), gate, text()).prop_map(|(account, region, status, reason, gate, ou)| {
        let row = Row::new("", "", &status);
        let row = match gate {
            Some((status, reason)) => row.gate(&status, &reason.unwrap_or_default()),
            None => row,
        };
        Row { account, region, status_reason: reason, ou, ..row }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Pages are taken in by a parser that is not the SDK's; both find the same in them.
    #[test]
    fn rows_are_what_the_sdk_makes_of_them(rows in proptest::collection::vec(any_row(), 0..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ours, sdks) = runtime.block_on(async {
            let stage = Stage::of(operation("FAILED", rows)).await;
            let set = stack_set();
            let operation = OperationRef {
                stack_set: StackSetRef::from_arn(&set.arn()).unwrap(),
                operation_id: OPERATION.to_owned(),
            };
            let reader = Reader::new(&stage.sdk);
            let mut results = reader.results(&operation, CallAs::SelfAccount, None);
            let minute = Instant::now() + std::time::Duration::from_secs(60);
            let Next::Page(ours) = results.next(minute).await.unwrap() else {
                panic!("there is a page");
            };
            let call = aws_sdk_cloudformation::Client::new(&stage.sdk).list_stack_set_operation_results();
            // As our own call: the permissions of the template are compared with all calls of these tests.
            let call = call.call_as(aws_sdk_cloudformation::types::CallAs::SelfValue);
            let page = call.stack_set_name(set.id()).operation_id(OPERATION).send().await.unwrap();
            (ours, page.summaries.unwrap_or_default())
        });
        prop_assert_eq!(ours.len(), sdks.len());
        for (ours, sdks) in ours.iter().zip(&sdks) {
            let filled = |text: Option<&str>| text.map(clean).filter(|text| !text.is_empty());
            prop_assert_eq!(&ours.account, &filled(sdks.account()));
            prop_assert_eq!(&ours.region, &filled(sdks.region()));
            prop_assert_eq!(ours.status.as_ref().map(|it| it.as_str()), sdks.status().map(|it| it.as_str()));
            prop_assert_eq!(&ours.reason, &filled(sdks.status_reason()));
            prop_assert_eq!(&ours.organizational_unit_id, &filled(sdks.organizational_unit_id()));
            let (gate, sdks) = (ours.gate.as_ref(), sdks.account_gate_result());
            prop_assert_eq!(gate.is_some(), sdks.is_some());
            let status = |gate: &Gate| gate.status.as_ref().map(|it| it.as_str().to_owned());
            prop_assert_eq!(gate.and_then(status), sdks.and_then(|it| it.status()).map(|it| it.as_str().to_owned()));
            prop_assert_eq!(gate.and_then(|it| it.reason.clone()), filled(sdks.and_then(|it| it.status_reason())));
        }
    }
}
