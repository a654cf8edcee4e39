//! What is new since the operation before.

use std::time::{Duration, Instant};

use sandbox::{Fault, FaultKind, Operation, Organization, Row, Rows, Scenario, StackSet};
use serde_json::{Value, json};

use crate::names::Warnings;
use crate::support::{MANAGEMENT, OPERATION, Stage, account, event, operation, stack_set};

const OPERATIONS: &str = "ListStackSetOperations";
const RESULTS: &str = "ListStackSetOperationResults";
const BEFORE: &str = "op-0";
const CHANGES: &[(&str, &str)] = &[("NOTIFY_ON", "changes")];

fn failed(n: usize) -> Row {
    Row::failed(&account(n), "eu-west-1", "Internal Failure")
}

fn succeeded(n: usize) -> Row {
    Row::succeeded(&account(n), "eu-west-1")
}

/// The operation before: it ended an hour before the other one began.
fn before(rows: impl Into<Rows>) -> Operation {
    let times = |operation: Operation| operation.times("2026-03-02T07:00:00Z", Some("2026-03-02T08:00:00Z"));
    times(Operation::new(BEFORE).action("UPDATE").status("FAILED").rows(rows))
}

/// Of six targets three failed before: one of them still does, one does for another cause, and one succeeded.
fn six() -> Scenario {
    let other = Row::failed(&account(2), "eu-west-1", "Rate exceeded");
    let now = vec![failed(1), other, succeeded(3), failed(4), succeeded(5), succeeded(6)];
    let set = stack_set().operation(before(vec![failed(1), failed(2), failed(3), succeeded(5)]));
    Scenario::new().stack_set(set.operation(operation("FAILED", now)))
}

fn two(earlier: Vec<Row>, now: Operation) -> Scenario {
    Scenario::new().stack_set(stack_set().operation(before(earlier)).operation(now))
}

/// The id of the operation that the report is compared with, and the numbers.
fn compared(document: &Value) -> (&str, [u64; 3]) {
    let number = |name: &str| document["comparedWith"][name].as_u64().unwrap();
    let id = document["comparedWith"]["operationId"].as_str().unwrap();
    (id, [number("newlyFailed"), number("stillFailing"), number("fixed")])
}

/// A report for which AWS Organizations is not asked, as that is no part of this.
async fn document(scenario: Scenario) -> Value {
    Stage::with(scenario, &[("ACCOUNT_NAMES", "never")]).await.report("FAILED").await
}

#[tokio::test]
async fn a_report_says_what_is_new_what_is_known_and_what_is_fixed() {
    let stage = Stage::new(six()).await;
    let document = stage.report("FAILED").await;
    assert_eq!(
        document["comparedWith"],
        json!({"operationId": BEFORE, "endedAt": "2026-03-02T08:00:00Z", "newlyFailed": 2, "stillFailing": 1, "fixed": 1})
    );
    let causes = document["causes"].as_array().unwrap().iter();
    let causes: Vec<_> = causes.map(|cause| (cause["code"].as_str().unwrap(), &cause["newlyFailed"])).collect();
    assert_eq!(causes, [("AWS_INTERNAL_FAILURE", &json!(1)), ("THROTTLING", &json!(1))]);
    let sentence = "1 of the 3 failures is the same as last time; 1 target that failed last time succeeded now.";
    let email = stage.published().body("email").unwrap();
    let lines: Vec<&str> = email.lines().skip(1).take(3).collect();
    assert_eq!(lines.join(" "), format!("3 of 6 targets failed, 3 succeeded. {sentence}"));
    let chat: Value = serde_json::from_str(&stage.published().body("https").unwrap()).unwrap();
    assert_eq!(chat["content"]["description"].as_str().unwrap().lines().next(), Some(sentence));
    let requests = stage.aws.requests_of(RESULTS);
    let of: Vec<_> = requests
        .iter()
        .map(|request| (request.param("OperationId").unwrap(), request.param("Filters.member.1.Values")))
        .collect();
    assert_eq!(of, [(BEFORE, Some("FAILED")), (OPERATION, None)]);
}

#[tokio::test]
async fn the_sentence_fits_the_numbers() {
    for (earlier, now, sentence) in [
        (vec![], vec![failed(1)], "The failure is new."),
        (vec![], vec![failed(1), failed(2)], "All 2 failures are new."),
        (vec![failed(1)], vec![failed(1)], "The failure is the same as last time."),
        (vec![failed(1), failed(2)], vec![failed(1), failed(2)], "All 2 failures are the same as last time."),
        (vec![failed(1)], vec![failed(1), failed(2)], "1 of the 2 failures is the same as last time."),
        (
            vec![failed(1), failed(2)],
            vec![failed(1), failed(2), failed(3)],
            "2 of the 3 failures are the same as last time.",
        ),
        (
            vec![failed(2), failed(3)],
            vec![failed(1), succeeded(2), succeeded(3)],
            "The failure is new; 2 targets that failed last time succeeded now.",
        ),
    ] {
        let stage = Stage::new(two(earlier, operation("FAILED", now))).await;
        stage.report("FAILED").await;
        let email = stage.published().body("email").unwrap();
        assert_eq!(email.lines().nth(2), Some(sentence));
    }
}

/// A target that is in another state now, or no target any more, is not fixed.
#[tokio::test]
async fn only_a_target_that_succeeded_is_fixed() {
    let cancelled = Row::cancelled(&account(2), "eu-west-1", "Cancelled since failure tolerance has exceeded");
    let elsewhere = Row::succeeded(&account(3), "us-east-1");
    let unknown = Row::new(&account(4), "eu-west-1", "NEW_STATUS");
    let open = Row::new(&account(5), "eu-west-1", "PENDING");
    let now = vec![failed(1), cancelled, elsewhere, unknown, open, succeeded(6)];
    let earlier = (1..=7).map(failed).collect();
    assert_eq!(compared(&document(two(earlier, operation("FAILED", now))).await), (BEFORE, [0, 1, 1]));
}

#[tokio::test]
async fn a_target_that_has_not_failed_yet_is_neither_new_nor_known() {
    let mut running = failed(2);
    running.status = Some("RUNNING".to_owned());
    let document = document(two(vec![failed(2)], operation("FAILED", vec![failed(1), running]))).await;
    assert_eq!((&document["causes"][0]["count"], &document["causes"][0]["newlyFailed"]), (&json!(2), &json!(1)));
    assert_eq!(compared(&document), (BEFORE, [1, 0, 0]));
}

#[tokio::test]
async fn a_gate_that_refuses_again_is_the_same_cause() {
    let refused = |n: usize, reason: &str| {
        Row::failed(&account(n), "eu-west-1", "AccountGate check failed").gate("FAILED", reason)
    };
    let earlier = vec![refused(1, "the account is frozen"), failed(2)];
    let now = vec![refused(1, "the account is frozen until May"), refused(2, "no")];
    let document = document(two(earlier, operation("FAILED", now))).await;
    assert_eq!(document["causes"][0]["code"], "ACCOUNT_GATE_FAILED");
    assert_eq!(compared(&document), (BEFORE, [1, 1, 0]));
}

/// CloudFormation's text is the same for both, and AWS Organizations says how the account is now.
#[tokio::test]
async fn an_account_found_to_be_suspended_fails_for_the_same_cause() {
    let no_role = |n: usize| {
        let text = format!(
            "Account {} should have 'AWSCloudFormationStackSetExecutionRole' role with trust relationship to Role \
             'AWSCloudFormationStackSetAdministrationRole'.",
            account(n)
        );
        Row::failed(&account(n), "eu-west-1", &text)
    };
    let organization = Organization::new().account_in_state(&account(1), "old", "SUSPENDED");
    let rows = || vec![no_role(1)];
    let scenario = two(rows(), operation("FAILED", rows())).organization(organization);
    let document = Stage::new(scenario).await.report("FAILED").await;
    assert_eq!(document["causes"][0]["code"], "ACCOUNT_SUSPENDED");
    assert_eq!(compared(&document), (BEFORE, [0, 1, 0]));
}

#[tokio::test]
async fn what_is_read_again_is_compared_again() {
    let late = succeeded(2).visible_from(2);
    let now = operation("FAILED", vec![failed(1), succeeded(3), late]).totals_from_rows();
    let scenario = two(vec![failed(1), failed(2), failed(3)], now);
    let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "60")]).await;
    assert_eq!(compared(&stage.report("FAILED").await), (BEFORE, [0, 1, 2]));
}

#[tokio::test]
async fn the_last_comparable_operation_that_had_ended_is_the_one_before() {
    let at = |id: &str, action: &str, status: &str, ended: Option<&str>| {
        let operation = Operation::new(id).action(action).status(status).rows(vec![failed(1)]);
        operation.times("2026-03-02T01:00:00Z", ended)
    };
    // None of these ever counts.
    let others = [
        at("running", "UPDATE", "RUNNING", None),
        at("drift", "DETECT_DRIFT", "SUCCEEDED", Some("2026-03-02T08:59:00Z")),
        at("overlaps", "UPDATE", "FAILED", Some("2026-03-02T09:01:00Z")),
        at("later", "UPDATE", "FAILED", Some("2026-03-02T11:00:00Z")),
    ];
    let create = || at("create", "CREATE", "SUCCEEDED", Some("2026-03-02T07:00:00Z"));
    let update = || at("update", "UPDATE", "STOPPED", Some("2026-03-02T06:00:00Z"));
    let delete = || at("delete", "DELETE", "FAILED", Some("2026-03-02T08:00:00Z"));
    for (action, listed, expected) in [
        ("UPDATE", vec![update(), create(), delete()], Some("create")),
        ("CREATE", vec![delete(), update()], Some("update")),
        ("UPDATE", vec![delete()], None),
        ("DELETE", vec![update(), create(), delete()], Some("delete")),
        ("DELETE", vec![update(), create()], None),
        ("DETECT_DRIFT", vec![update(), create(), delete()], None),
        ("UPDATE", vec![], None),
    ] {
        let operations = listed.into_iter().chain(others.clone());
        let set = operations.fold(stack_set(), StackSet::operation);
        let set = set.operation(operation("FAILED", vec![failed(1)]).action(action));
        let document = document(Scenario::new().stack_set(set)).await;
        let shown = format!("{action}: {}", document["comparedWith"]);
        assert_eq!(document["comparedWith"]["operationId"].as_str(), expected, "{shown}");
        assert_eq!(document["causes"][0]["newlyFailed"].as_u64(), expected.map(|_| 0), "{shown}");
    }
}

#[tokio::test]
async fn operations_are_listed_to_the_last_page() {
    let mut set = stack_set().operation(before(vec![failed(1)]));
    for n in 0..150 {
        let old = Operation::new(&format!("old-{n}")).times("2026-03-01T07:00:00Z", Some("2026-03-01T08:00:00Z"));
        set = set.operation(old);
    }
    let set = set.operation(operation("FAILED", vec![failed(1)]));
    let stage = Stage::new(Scenario::new().stack_set(set)).await;
    assert_eq!(compared(&stage.report("FAILED").await), (BEFORE, [0, 1, 0]));
    assert_eq!(stage.aws.requests_of(OPERATIONS).len(), 2);
}

#[tokio::test]
async fn a_stack_set_in_another_region_is_compared_there() {
    let set = StackSet::service_managed("baseline", MANAGEMENT, "us-east-1")
        .visible_to(&["DELEGATED_ADMIN"])
        .operation(before(vec![failed(1)]))
        .operation(operation("FAILED", vec![failed(1)]));
    let arn = set.arn();
    let stage = Stage::with(Scenario::new().stack_set(set), &[("CALL_AS", "DELEGATED_ADMIN")]).await;
    stage.invoke(&event(&arn, OPERATION, "FAILED")).await.unwrap();
    assert_eq!(compared(&stage.document()), (BEFORE, [0, 1, 0]));
    let request = stage.aws.requests_of(OPERATIONS).remove(0);
    assert_eq!((request.region.as_str(), request.param("CallAs")), ("us-east-1", Some("DELEGATED_ADMIN")));
}

#[tokio::test]
async fn nothing_is_compared_where_nothing_failed() {
    for more in [&[("NOTIFY_ON", "always")], CHANGES] {
        let stage = Stage::with(two(vec![failed(1)], operation("SUCCEEDED", vec![succeeded(1)])), more).await;
        stage.ended("SUCCEEDED").await.unwrap();
        assert!(stage.aws.requests_of(OPERATIONS).is_empty());
    }
}

#[tokio::test]
async fn at_most_twenty_pages_of_failures_are_compared() {
    for (count, expected) in [(2_000, json!(BEFORE)), (2_001, Value::Null)] {
        let set = stack_set().operation(before(Rows::generated(count, failed)));
        let stage =
            Stage::new(Scenario::new().stack_set(set.operation(operation("FAILED", vec![failed(1_999)])))).await;
        let document = stage.report("FAILED").await;
        assert_eq!(document["comparedWith"]["operationId"], expected);
        assert_eq!(document["causes"][0]["newlyFailed"].is_null(), expected.is_null());
        assert_eq!(stage.aws.requests_of(RESULTS).len(), 21);
    }
}

#[tokio::test]
async fn a_report_goes_out_as_ever_where_the_operation_before_cannot_be_read() {
    let warnings = Warnings::new();
    let mut alone = six();
    alone.stack_sets[0].operations.remove(0);
    let without = document(alone).await;
    assert_eq!(without["comparedWith"], Value::Null);
    assert_eq!(warnings.take(), [""; 0], "a first operation is no fault");
    let refusal = |action: &str| Fault::error(action, 403, "AccessDenied", "no");
    for (fault, warning) in [
        (
            refusal(OPERATIONS),
            "could not list the operations of stack set baseline:*; the function's role needs \
             cloudformation:ListStackSetOperations on this stack set",
        ),
        (refusal(RESULTS).operation(BEFORE), "could not list the results of operation op-0*"),
        (Fault::on(OPERATIONS, FaultKind::CutXml), "could not list the operations*"),
        (Fault::on(OPERATIONS, FaultKind::LeftoverToken), "could not list the operations*"),
        (Fault::on(OPERATIONS, FaultKind::RepeatToken), "could not list the operations*"),
        (Fault::on(RESULTS, FaultKind::Reset).operation(BEFORE), "could not list the results of operation op-0*"),
        (Fault::on(RESULTS, FaultKind::RepeatToken).operation(BEFORE), "could not list the results of operation op-0*"),
    ] {
        let document = document(six().fault(fault.clone())).await;
        assert_eq!(document, without, "{fault:?}");
        let lines = warnings.take();
        let (head, tail) = warning.split_once('*').unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(head) && lines[0].ends_with(tail), "{lines:?}");
    }
    let passing = Fault::on(OPERATIONS, FaultKind::Throttling).times(9);
    assert_eq!(compared(&document(six().fault(passing)).await), (BEFORE, [2, 1, 1]));
}

/// Of 20 seconds reading has 15, and the operation before a tenth of what is left of them.
#[tokio::test]
async fn an_operation_before_that_is_not_answered_does_not_hold_the_message_up() {
    for fault in [
        Fault::on(OPERATIONS, FaultKind::Hang),
        Fault::on(OPERATIONS, FaultKind::Stall),
        Fault::on(OPERATIONS, FaultKind::Throttling),
        Fault::on(RESULTS, FaultKind::Hang).operation(BEFORE),
    ] {
        let warnings = Warnings::new();
        let stage = Stage::with(six().fault(fault.clone()), &[("ACCOUNT_NAMES", "never")]).await;
        let stage = stage.time(Duration::from_secs(20));
        let started = Instant::now();
        let document = stage.report("FAILED").await;
        let time = started.elapsed();
        assert!((Duration::from_millis(1_200)..Duration::from_millis(2_500)).contains(&time), "{fault:?}: {time:?}");
        assert_eq!((&document["comparedWith"], &document["counts"]["failed"]), (&Value::Null, &json!(3)));
        let lines = warnings.take();
        assert!(lines.len() == 1 && lines[0].ends_with(": the function's time ran out"), "{lines:?}");
    }
}

#[tokio::test]
async fn changes_is_quiet_where_all_that_failed_is_known() {
    let quiet = "2 targets failed; the operation is FAILED; all of them failed for the same cause last time, and NOTIFY_ON \
                 is changes";
    let rows = || vec![failed(1), failed(2), succeeded(3)];
    for (status, reason) in [("FAILED", quiet), ("SUCCEEDED", &quiet.replace("the operation is FAILED; ", ""))] {
        let stage = Stage::with(two(rows(), operation(status, rows())), CHANGES).await;
        let done = stage.ended(status).await.unwrap();
        assert_eq!((&done["action"], &done["reason"]), (&json!("quiet"), &json!(reason)));
        assert!(stage.aws.published().is_empty());
        // A person who asks gets an answer, and other settings know nothing of it.
        let manual = json!({"stackSetName": stack_set().arn(), "operationId": OPERATION});
        assert_eq!(stage.invoke(&manual).await.unwrap()["action"], "published");
        let stage = Stage::new(two(rows(), operation(status, rows()))).await;
        assert_eq!(stage.ended(status).await.unwrap()["action"], "published");
    }
    let stage = Stage::with(two(rows(), operation("SUCCEEDED", vec![succeeded(1)])), CHANGES).await;
    let done = stage.ended("SUCCEEDED").await.unwrap();
    assert_eq!(done["reason"], "no target failed or was cancelled, and NOTIFY_ON is changes");
}

#[tokio::test]
async fn changes_reports_what_is_new_and_every_other_problem() {
    let with = |row: Row| vec![failed(1), row];
    let cancelled = Row::cancelled(&account(2), "eu-west-1", "Cancelled since failure tolerance has exceeded");
    let known = || operation("SUCCEEDED", vec![failed(1)]);
    for (status, now) in [
        ("SUCCEEDED", operation("SUCCEEDED", with(failed(2)))),
        ("SUCCEEDED", operation("SUCCEEDED", vec![Row::failed(&account(1), "eu-west-1", "Rate exceeded")])),
        ("FAILED", operation("FAILED", with(cancelled))),
        ("SUCCEEDED", operation("SUCCEEDED", with(Row::new(&account(2), "eu-west-1", "NEW_STATUS")))),
        ("STOPPED", operation("STOPPED", vec![failed(1)])),
        // More failed than is listed.
        ("SUCCEEDED", known().failed_count(sandbox::FailedCount::Fixed(2))),
    ] {
        let stage = Stage::with(two(vec![failed(1)], now), CHANGES).await;
        let done = stage.ended(status).await.unwrap();
        assert_eq!(done["action"], "published", "{done}");
    }
    // Without a comparison it is as `problems`.
    let first = Scenario::new().stack_set(stack_set().operation(known()));
    let refused = two(vec![failed(1)], known()).fault(Fault::error(OPERATIONS, 403, "AccessDenied", "no"));
    for scenario in [first, refused] {
        let done = Stage::with(scenario, CHANGES).await.ended("SUCCEEDED").await.unwrap();
        assert_eq!((&done["action"], &done["reason"]), (&json!("published"), &json!("1 target failed")));
    }
}

#[tokio::test]
async fn what_changes_kept_quiet_is_recorded() {
    let rows = || vec![failed(1)];
    let scenario = two(rows(), operation("FAILED", rows())).table("reports", "id");
    let stage = Stage::with(scenario, &[CHANGES, &[("LEDGER_TABLE", "reports")]].concat()).await;
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "quiet");
    let second = stage.ended("FAILED").await.unwrap();
    assert!(second["reason"].as_str().unwrap().starts_with("it was read and needed no message at "), "{second}");
    assert!(stage.aws.published().is_empty());
}

/// Two texts that say nothing of the cause, or are not known, are two causes.
#[tokio::test]
async fn another_unknown_text_is_a_new_failure() {
    let unknown = |text: &str| Row::failed(&account(1), "eu-west-1", text);
    let roll_up = |name: &str| unknown(&format!("The following resource(s) failed to create: [{name}]. "));
    for (before, now, newly) in [
        (unknown("The zephyr blew"), unknown("The mistral blew"), 1),
        (unknown("The zephyr blew"), unknown("The zephyr blew"), 0),
        (roll_up("Role"), roll_up("Topic"), 1),
        (roll_up("Role"), roll_up("Role"), 0),
    ] {
        let stage = Stage::with(two(vec![before], operation("FAILED", vec![now])), CHANGES).await;
        let result = stage.ended("FAILED").await.unwrap();
        assert_eq!(result["action"], if newly == 1 { "published" } else { "quiet" }, "{result}");
    }
}
