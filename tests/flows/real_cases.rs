//! What real organizations do: stack sets that are gone, events that are early, drift, slow services.

use std::time::Duration;

use sandbox::{Drift, Fault, FaultKind, Operation, Row, Scenario, StackSet};
use serde_json::json;

use crate::support::{OPERATION, REGION, Stage, account, event, operation, stack_set};

const OTHER: &str = "999999999999";
const DESCRIBE: &str = "DescribeStackSetOperation";

fn failed() -> Operation {
    operation("FAILED", vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")])
}

/// `terraform destroy` deletes a stack set right after its last operation.
#[tokio::test]
async fn a_stack_set_that_is_gone_is_no_error() {
    for settings in [vec![], vec![("CALL_AS", "SELF")]] {
        let scenario = Scenario::new().stack_set(stack_set().operation(failed()).gone());
        let stage = Stage::with(scenario, &settings).await;
        let done = stage.ended("FAILED").await.unwrap();
        assert_eq!((&done["action"], &done["reason"]), (&json!("ignored"), &json!("the stack set no longer exists")));
        assert_eq!((&done["operationId"], &done["stackSet"]), (&json!(OPERATION), &json!(stack_set().id())));
        assert!(stage.aws.published().is_empty());
    }
}

/// A self-managed stack set of the management account is not visible to a delegated administrator.
#[tokio::test]
async fn a_stack_set_that_a_delegated_administrator_cannot_see_is_no_error() {
    let foreign = || StackSet::self_managed("theirs", OTHER, REGION).of_another_account();
    let scenario = || Scenario::new().stack_set(foreign().operation(failed()));
    let event = event(&foreign().arn(), OPERATION, "FAILED");
    for settings in [vec![], vec![("CALL_AS", "DELEGATED_ADMIN")]] {
        let done = Stage::with(scenario(), &settings).await.invoke(&event).await.unwrap();
        assert_eq!(done["action"], "ignored", "{settings:?}");
        assert_eq!(
            done["reason"], "the stack set is not visible to a delegated administrator, or it was deleted",
            "{settings:?}"
        );
    }
    // That is a mistake of the deployment.
    let error = Stage::with(scenario(), &[("CALL_AS", "SELF")]).await.invoke(&event).await.unwrap_err();
    assert_eq!(error.kind(), "ReadError");
    assert!(error.to_string().contains("; try DELEGATED_ADMIN (CALL_AS, or callAs of a manual request)"), "{error}");
}

#[tokio::test]
async fn an_event_that_is_ahead_of_the_description_waits_for_it() {
    let scenario = || Scenario::new().stack_set(stack_set().operation(failed().running_for(2)));
    let stage = Stage::with(scenario(), &[("SETTLE_TIMEOUT_SECONDS", "10")]).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["outcome"], "FAILED");
    assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
    assert_eq!(stage.aws.requests_of(DESCRIBE).len(), 3);
}

#[tokio::test]
async fn an_event_that_stays_ahead_is_reported_with_its_status() {
    let scenario =
        Scenario::new().table("reports", "id").stack_set(stack_set().operation(failed().running_for(usize::MAX)));
    let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "1"), ("LEDGER_TABLE", "reports")]).await;
    let document = stage.report("FAILED").await;
    assert_eq!((&document["outcome"], &document["counts"]["failed"]), (&json!("FAILED"), &json!(1)));
    let completeness = &document["completeness"];
    assert_eq!(completeness["complete"], false);
    let reason = completeness["reason"].as_str().unwrap();
    assert!(reason.starts_with("the event says FAILED, CloudFormation still says RUNNING"), "{reason}");
    // It is recorded under the event's status.
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");
}

#[tokio::test]
async fn drift_that_was_found_is_reported() {
    let rows = || vec![Row::succeeded(&account(1), "eu-west-1"), Row::succeeded(&account(2), "eu-west-1")];
    for (drifted, action) in [(2, "published"), (0, "quiet")] {
        let drift = operation("SUCCEEDED", rows()).action("DETECT_DRIFT").drift(Drift {
            drifted: Some(drifted),
            total: Some(7),
            ..Drift::default()
        });
        let stage = Stage::of(drift).await;
        let done = stage.ended("SUCCEEDED").await.unwrap();
        assert_eq!(done["action"], action, "{done}");
        if drifted > 0 {
            assert_eq!(done["reason"], "2 stack instances drifted");
            let document = stage.document();
            let commands = document["operation"]["resultsCommands"].to_string();
            let wanted = "list-stack-instances --stack-set-name";
            assert!(commands.contains(wanted), "{commands}");
            assert!(commands.contains("--filters 'Name=DRIFT_STATUS,Values=DRIFTED'"), "{commands}");
        }
    }
}

/// An operation that ended long ago may have rows that still read RUNNING.
#[tokio::test]
async fn a_sweep_waits_shortly_for_rows_that_have_not_settled() {
    let late = Row::running(&account(1), "eu-west-1").later(1, Row::failed(&account(1), "eu-west-1", "Rate exceeded"));
    let old = operation("FAILED", vec![late]).times("2026-01-01T00:00:00Z", Some("2026-01-01T01:00:00Z"));
    let scenario = Scenario::new().table("reports", "id").stack_set(stack_set().operation(old));
    let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "60"), ("LEDGER_TABLE", "reports")]).await;
    let sweep = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "time": "2026-01-01T02:00:00Z"});
    let response = stage.response(&sweep).await.unwrap();
    assert_eq!(response["sweep"]["published"], 1, "{response}");
    let document = stage.document();
    assert_eq!((&document["counts"]["failed"], &document["completeness"]["complete"]), (&json!(1), &json!(true)));
}

/// A slow publish neither loses the claim nor outlives it.
#[tokio::test]
async fn a_claim_is_held_while_sns_is_slow() {
    let slow = Fault::on("Publish", FaultKind::Delay(Duration::from_millis(900)));
    let scenario = Scenario::new().table("reports", "id").stack_set(stack_set().operation(failed())).fault(slow);
    let stage = Stage::with(scenario, &[("LEDGER_TABLE", "reports")]).await.lease(Duration::from_millis(300));
    let (first, second) = tokio::join!(stage.ended("FAILED"), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stage.ended("FAILED").await
    });
    assert_eq!(first.unwrap()["action"], "published");
    // Without renewals the claim would have run out by then.
    assert_eq!(second.unwrap_err().kind(), "InProgressError");
    assert_eq!(stage.aws.published().len(), 1);
}

/// Nothing was listed in the capacity that is set: nobody would learn of anything.
#[tokio::test]
async fn a_sweep_that_can_list_nothing_is_an_error() {
    let refused =
        || Fault::error("ListStackSets", 400, "ValidationError", "Account used is not a delegated administrator");
    let scenario = || Scenario::new().table("reports", "id").stack_set(stack_set().operation(failed()));
    let sweep = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "time": "2026-11-20T10:00:00Z"});
    let settings = [("LEDGER_TABLE", "reports"), ("CALL_AS", "DELEGATED_ADMIN")];
    let error = Stage::with(scenario().fault(refused()), &settings).await.response(&sweep).await.unwrap_err();
    assert_eq!(error.kind(), "ReadError");
    assert!(error.to_string().contains("register this account as delegated administrator"), "{error}");
    // Where one of two capacities is refused, the sweep is not finished.
    let settings = [("LEDGER_TABLE", "reports"), ("MANAGEMENT_ACCOUNT_ID", OTHER)];
    let stage = Stage::with(scenario().fault(refused().call_as("DELEGATED_ADMIN")), &settings).await;
    let response = stage.response(&sweep).await.unwrap();
    assert_eq!(response["sweep"]["finished"], false);
    assert_eq!(response["sweep"]["failures"][0]["kind"], "ReadError");
    // Without a management account nobody asks as one.
    let stage = Stage::with(scenario(), &[("LEDGER_TABLE", "reports")]).await;
    assert_eq!(stage.response(&sweep).await.unwrap()["sweep"]["finished"], true);
    assert!(stage.aws.requests_of("ListStackSets").iter().all(|request| request.param("CallAs") == Some("SELF")));
}
