//! The sweep: what it reports, what it leaves, and how the next one goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::{Fault, FaultKind, Operation, Row, Scenario, StackSet};
use serde_json::{Value, json};
use stackset_notifier::response::{Action, OperationResult, Response, SweepSummary};

use crate::support::{MANAGEMENT, REGION, Stage, account, operation};

/// When the schedule of these tests falls due.
const TEN: &str = "2026-11-20T10:00:00Z";

pub(crate) fn scheduled(time: &str) -> Value {
    json!({"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.scheduler", "account": MANAGEMENT, "time": time, "region": REGION,
        "resources": ["arn:aws:scheduler:eu-central-1:111111111111:schedule/default/sweep"], "detail": "{}"})
}

pub(crate) fn set(name: &str) -> StackSet {
    StackSet::self_managed(name, MANAGEMENT, REGION)
}

fn failed(id: &str, ended: &str) -> Operation {
    operation("FAILED", vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")])
        .id(id)
        .times("2026-11-01T00:00:00Z", Some(ended))
}

pub(crate) fn succeeded(id: &str, ended: &str) -> Operation {
    operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")])
        .id(id)
        .times("2026-11-01T00:00:00Z", Some(ended))
}

pub(crate) fn running(id: &str, started: &str) -> Operation {
    let rows = vec![
        Row::succeeded(&account(1), "eu-central-1"),
        Row::failed(&account(2), "eu-central-1", "Internal Failure"),
        Row::running(&account(1), "eu-west-1"),
        Row::pending(&account(2), "eu-west-1"),
        Row::pending(&account(1), "us-east-1"),
        Row::pending(&account(2), "us-east-1"),
    ];
    operation("RUNNING", rows).id(id).times(started, None)
}

/// The operations of the response, each with its action.
pub(crate) fn reported(response: &Value) -> Vec<String> {
    let mut ids: Vec<String> = response["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|done| format!("{} {}", done["operationId"].as_str().unwrap(), done["action"].as_str().unwrap()))
        .collect();
    ids.sort();
    ids
}

/// The numbers of the sweep that are not 0.
pub(crate) fn numbers(response: &Value) -> Value {
    let mut sweep = response["sweep"].clone();
    sweep
        .as_object_mut()
        .unwrap()
        .retain(|name, value| name != "tookSeconds" && *value != json!(0) && *value != json!([]));
    sweep
}

const LEDGER: (&str, &str) = ("LEDGER_TABLE", "reports");

/// A stage whose function keeps a ledger.
pub(crate) async fn recorded(scenario: Scenario, more: &[(&str, &str)]) -> Stage {
    Stage::with(scenario.table("reports", "id"), &[&[LEDGER], more].concat()).await
}

pub(crate) async fn stage_of(scenario: Scenario) -> Stage {
    recorded(scenario, &[]).await
}

#[tokio::test]
async fn a_sweep_without_a_ledger_is_an_error_that_says_what_to_set() {
    let scenario = Scenario::new().stack_set(set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z")));
    let stage = Stage::new(scenario).await;
    let error = stage.response(&scheduled(TEN)).await.unwrap_err();
    assert_eq!(error.kind(), "ConfigError");
    assert_eq!(
        error.to_string(),
        "could not sweep: LEDGER_TABLE is not set, and without a ledger nobody knows what was reported; set it to the \
         name of a DynamoDB table, or remove the schedule"
    );
    assert!(stage.aws.requests().is_empty());
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "published", "events need no ledger");
}

#[tokio::test]
async fn what_no_event_reported_is_reported_as_if_its_event_had_come() {
    let scenario = Scenario::new()
        .stack_set(
            set("baseline")
                // The last five minutes are left to the event.
                .operation(failed("too-new", "2026-11-20T09:55:00Z"))
                .operation(failed("in-time", "2026-11-20T09:54:59.999Z"))
                .operation(succeeded("quiet", "2026-11-20T09:30:00Z"))
                .operation(failed("too-old", "2026-11-19T10:00:00Z")),
        )
        .stack_set(set("network").operation(failed("other", "2026-11-19T10:00:01Z")))
        .stack_set(set("gone").deleted().operation(failed("of-a-deleted-one", "2026-11-20T09:30:00Z")));
    let stage = stage_of(scenario).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["in-time published", "other published", "quiet quiet"]);
    assert_eq!(
        numbers(&response),
        json!({"finished": true, "stackSets": 2, "stackSetsDone": 2, "operations": 5, "due": 3, "published": 2, "quiet": 1})
    );

    // The same message as by the event, to the byte, but for the chat message's own id.
    let by_sweep = stage.aws.published();
    stage.aws.with(|scenario| scenario.tables[0].items.clear());
    let event = crate::support::event(&set("network").arn(), "other", "FAILED");
    stage.response(&event).await.unwrap();
    let by_event = stage.aws.published().pop().unwrap();
    let same = by_sweep.iter().find(|message| message.subject == by_event.subject).unwrap();
    let without_id = |message: &str| {
        let mut bodies: Value = serde_json::from_str(message).unwrap();
        let mut chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
        assert!(chat["id"].take().as_str().unwrap().starts_with("other-"));
        bodies["https"] = chat;
        bodies
    };
    assert_eq!(without_id(&same.message), without_id(&by_event.message));
    assert_eq!(same.attributes, by_event.attributes);
    assert_eq!(by_sweep.len(), 2);
}

#[tokio::test]
async fn a_stuck_operation_is_reported_with_where_it_stands_once_a_day() {
    let scenario = Scenario::new().stack_set(set("baseline").operation(running("stuck", "2026-11-20T03:55:00Z")));
    let stage = stage_of(scenario).await;
    for (time, is_reported) in [
        ("2026-11-20T09:00:00Z", false),
        // No sweep came just after it counted as stuck: the first one that comes reports it.
        ("2026-11-20T13:00:00Z", true),
        ("2026-11-20T14:00:00Z", false),
        ("2026-11-21T09:00:00Z", false),
        ("2026-11-21T11:00:00Z", true),
        ("2026-11-21T12:00:00Z", false),
    ] {
        let response = stage.response(&scheduled(time)).await.unwrap();
        assert_eq!(reported(&response) == ["stuck published"], is_reported, "{time}");
        let reason = response["operations"][0]["reason"].as_str().unwrap_or_default();
        assert_eq!(reason.contains("the operation takes longer than 6 hours"), is_reported, "{time}: {reason}");
    }
    let messages = stage.aws.published();
    assert_eq!(messages.len(), 2);
    let subject = messages[0].subject.as_deref().unwrap();
    assert!(subject.starts_with("[STUCK] baseline, eu-central-1: UPDATE running for "), "{subject}");
    let email = messages[0].body("email").unwrap();
    assert!(email.contains("\n1 of 6 targets failed, 1 succeeded, 1 is running, 3 are pending.\n"), "{email}");
    assert!(
        email.contains("Now in eu-west-1 (1 running: 200000000001, 1 pending). Pending: us-east-1 (2)."),
        "{email}"
    );
    assert!(email.contains("more than 6 hours (STUCK_AFTER_HOURS)."), "{email}");
    assert!(
        email.contains("To stop the operation:\n\naws cloudformation stop-stack-set-operation --stack-set-name "),
        "{email}"
    );
    assert!(!email.contains("INCOMPLETE"), "that it runs is in the headline: {email}");
    assert!(email.contains("\n   AWS_INTERNAL_FAILURE\n"), "{email}");
    let document: Value = serde_json::from_str(&messages[0].body("sqs").unwrap()).unwrap();
    crate::schema::check(&document);
    assert_eq!(
        document["inProgress"]["regions"],
        json!([{"region": "eu-west-1", "running": 1, "pending": 1}, {"region": "us-east-1", "running": 0, "pending": 2}])
    );
    assert!(document["inProgress"]["seconds"].as_u64().is_some());

    // Its end is reported too.
    stage.aws.with(|scenario| {
        let operation = scenario.operation_mut("stuck").unwrap();
        operation.status = Some("FAILED".to_owned());
        operation.ended = Some("2026-11-21T12:30:00Z".to_owned());
    });
    assert_eq!(reported(&stage.response(&scheduled("2026-11-21T13:00:00Z")).await.unwrap()), ["stuck published"]);
    assert_eq!(stage.aws.published().len(), 3);
}

#[tokio::test]
async fn an_operation_that_is_listed_late_is_reported_by_a_later_sweep() {
    let mut late = failed("late", "2026-11-20T09:30:00Z");
    late.listed_from = 1;
    let stage = stage_of(Scenario::new().stack_set(set("baseline").operation(late))).await;
    assert!(reported(&stage.response(&scheduled(TEN)).await.unwrap()).is_empty());
    assert_eq!(reported(&stage.response(&scheduled("2026-11-20T11:00:00Z")).await.unwrap()), ["late published"]);
}

/// Sweeps of which each has time for a third of the work: after 20 operations nothing answers any more.
#[tokio::test]
async fn sweeps_with_too_little_time_report_everything_once_in_the_end() {
    const OPERATIONS: usize = 60;
    for mode in ["each", "digest"] {
        let mut scenario = Scenario::new();
        for n in 0..12 {
            let operations = (0..OPERATIONS / 12).map(|m| failed(&format!("op-{n}-{m}"), "2026-11-20T09:30:00Z"));
            scenario = scenario.stack_set(operations.fold(set(&format!("set-{n:02}")), StackSet::operation));
        }
        let stage = recorded(scenario, &[("SWEEP_MODE", mode)]).await.time(Duration::from_secs(4));
        let mut published = Vec::new();
        let mut sweeps = 0;
        while published.len() < OPERATIONS {
            let answered = stage.aws.requests_of("DescribeStackSetOperation").len() + OPERATIONS / 3;
            stage.aws.with(|scenario| {
                let hang = Fault::on("DescribeStackSetOperation", FaultKind::Hang);
                scenario.faults = vec![hang.from_call(answered + 1)];
            });
            let response = stage.response(&scheduled(&format!("2026-11-20T{:02}:00:00Z", 10 + sweeps))).await.unwrap();
            let sweep = &response["sweep"];
            let now: Vec<String> = reported(&response);
            assert!(!now.is_empty(), "{mode}: {response}");
            published.extend(now);
            assert_eq!(sweep["finished"], published.len() == OPERATIONS, "{mode}: {sweep}");
            sweeps += 1;
            assert!(sweeps <= 6, "{mode}: {} of {OPERATIONS}", published.len());
        }
        assert!(sweeps >= 3, "{mode}");
        published.sort();
        published.dedup();
        assert_eq!(published.len(), OPERATIONS, "{mode}: none of them twice");
        assert!(published.iter().all(|one| one.ends_with(" published")), "{mode}");
        let messages = if mode == "each" { OPERATIONS } else { sweeps };
        assert_eq!(stage.aws.published().len(), messages, "{mode}");
    }
}

#[tokio::test]
async fn a_ledger_that_is_down_for_two_sweeps_loses_nothing_and_repeats_nothing() {
    let scenario = || {
        let baseline =
            (0..5).fold(set("baseline"), |set, n| set.operation(failed(&format!("op-{n}"), "2026-11-20T09:30:00Z")));
        let network = set("network").operation(running("stuck", "2026-11-20T03:55:00Z"));
        Scenario::new().stack_set(baseline.operation(succeeded("quiet", "2026-11-20T09:30:00Z"))).stack_set(network)
    };
    for mode in ["each", "digest"] {
        for action in ["BatchGetItem", "UpdateItem"] {
            let settings = [("SWEEP_MODE", mode), ("SWEEP_CONCURRENCY", "1")];
            let stage = recorded(scenario(), &settings).await;
            let down = Fault::error(action, 400, "AccessDeniedException", "no");
            stage.aws.with(|scenario| scenario.faults = vec![down]);
            for hour in [10, 11] {
                // A quiet one needs no claim before it, so its record may be the first to fail.
                match stage.response(&scheduled(&format!("2026-11-20T{hour}:00:00Z"))).await {
                    Err(error) => {
                        assert_eq!(error.kind(), "LedgerError", "{mode}, {action}");
                        assert!(error.to_string().contains("AccessDeniedException: no"), "{mode}, {action}: {error}");
                    }
                    Ok(response) => {
                        assert_eq!((mode, action), ("digest", "UpdateItem"), "{response}");
                        assert_eq!(response["sweep"]["finished"], false, "{response}");
                    }
                }
            }
            assert!(stage.aws.published().is_empty(), "{mode}, {action}");
            stage.aws.with(|scenario| scenario.faults.clear());
            let response = stage.response(&scheduled("2026-11-20T12:00:00Z")).await.unwrap();
            let sweep = numbers(&response);
            assert_eq!((&sweep["published"], &sweep["quiet"]), (&json!(6), &json!(1)), "{mode}, {action}: {sweep}");
            let response = stage.response(&scheduled("2026-11-20T12:30:00Z")).await.unwrap();
            assert_eq!(numbers(&response)["alreadyReported"], 7, "{mode}, {action}");
            let messages = if mode == "each" { 6 } else { 1 };
            assert_eq!(stage.aws.published().len(), messages, "{mode}, {action}");
        }
    }
}

/// The message is out, so the invocation is no error; but the sweep begins nothing that it could not record.
#[tokio::test]
async fn a_record_that_fails_stops_the_sweep() {
    let baseline =
        (0..5).fold(set("baseline"), |set, n| set.operation(failed(&format!("op-{n}"), "2026-11-20T09:30:00Z")));
    // The claim goes through, all attempts of the record do not.
    let down = Fault::error("UpdateItem", 400, "AccessDeniedException", "no").from_call(2);
    let stage = recorded(Scenario::new().stack_set(baseline).fault(down), &[("SWEEP_CONCURRENCY", "1")]).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    let sweep = &response["sweep"];
    assert_eq!(
        (&sweep["published"], &sweep["skippedForTime"], &sweep["finished"]),
        (&json!(1), &json!(4), &json!(false))
    );
    let error = response["operations"][0]["ledgerError"].as_str().unwrap();
    assert!(error.starts_with("could not record ") && error.contains("AccessDeniedException: no"), "{error}");
}

#[tokio::test]
async fn a_stack_set_that_takes_all_the_time_does_not_starve_the_others() {
    let mut scenario = Scenario::new().stack_set(set("slow").operation(failed("slow", "2026-11-20T09:30:00Z")));
    for n in 0..8 {
        scenario =
            scenario.stack_set(set(&format!("set-{n}")).operation(failed(&format!("op-{n}"), "2026-11-20T09:30:00Z")));
    }
    for action in ["ListStackSetOperations", "ListStackSetOperationResults"] {
        let hang = Fault::on(action, FaultKind::Hang).with_param("StackSetName", &set("slow").id());
        let stage = stage_of(scenario.clone().fault(hang)).await.time(Duration::from_millis(1_500));
        let mut published = BTreeSet::new();
        for hour in 10..15 {
            let response = stage.response(&scheduled(&format!("2026-11-20T{hour}:00:00Z"))).await.unwrap();
            published.extend(reported(&response));
        }
        assert_eq!(published.len(), 8, "{action}: {published:?}");
        assert_eq!(stage.aws.published().len(), 8, "{action}");
    }
}

/// Which of the four comes first is random, so it takes some sweeps.
#[tokio::test]
async fn no_operation_of_a_stack_set_starves_behind_those_that_hang() {
    let hang = |id: &str| Fault::on("ListStackSetOperationResults", FaultKind::Hang).with_param("OperationId", id);
    let mut baseline = set("baseline");
    for id in ["hang-1", "hang-2", "hang-3"] {
        baseline = baseline.operation(failed(id, "2026-11-20T09:30:00Z"));
    }
    for n in 0..120 {
        baseline = baseline.operation(succeeded(&format!("old-{n}"), "2026-10-01T00:00:00Z"));
    }
    // On another page.
    let baseline = baseline.operation(failed("good", "2026-11-20T09:30:00Z"));
    let scenario =
        Scenario::new().stack_set(baseline).fault(hang("hang-1")).fault(hang("hang-2")).fault(hang("hang-3"));
    let stage = stage_of(scenario).await.time(Duration::from_millis(500));
    for _ in 0..60 {
        if !stage.aws.published().is_empty() {
            return;
        }
        stage.response(&scheduled(TEN)).await.unwrap();
    }
    panic!("it starves");
}

/// A digest of 250 operations names 200: the others are not read, and the next one names them.
#[tokio::test]
async fn a_digest_names_all_that_it_records_and_the_next_one_names_the_rest() {
    let mut scenario = Scenario::new();
    for n in 0..10 {
        let operations = (0..25).map(|m| failed(&format!("op-{n}-{m}"), "2026-11-20T09:30:00Z"));
        scenario = scenario.stack_set(operations.fold(set(&format!("set-{n}")), StackSet::operation));
    }
    let stage = recorded(scenario, &[DIGEST, ("SWEEP_CONCURRENCY", "1")]).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    let sweep = &response["sweep"];
    assert_eq!((&sweep["due"], &sweep["published"], &sweep["skippedForTime"]), (&json!(250), &json!(200), &json!(50)));
    assert_eq!(sweep["finished"], false);
    assert_eq!(stage.aws.requests_of("DescribeStackSetOperation").len(), 200);
    let response = stage.response(&scheduled("2026-11-20T11:00:00Z")).await.unwrap();
    let sweep = &response["sweep"];
    assert_eq!(
        (&sweep["alreadyReported"], &sweep["published"], &sweep["skippedForTime"]),
        (&json!(200), &json!(50), &json!(0))
    );
}

#[tokio::test]
async fn the_schedule_of_a_rule_and_a_manual_sweep() {
    let stage =
        stage_of(Scenario::new().stack_set(set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z")))).await;
    let mut rule = scheduled(TEN);
    rule["source"] = json!("aws.events");
    rule["detail"] = json!({});
    assert_eq!(reported(&stage.response(&rule).await.unwrap()), ["op-1 published"]);
    // Without a time it is now, when that operation has long ended.
    let manual = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {"mine": 1}});
    let response = stage.response(&manual).await.unwrap();
    assert_eq!((reported(&response), &response["sweep"]["operations"]), (vec![], &json!(1)));
}

#[tokio::test]
async fn nothing_to_sweep_is_no_error() {
    let stage = stage_of(Scenario::new()).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!((&response["operations"], numbers(&response)), (&json!([]), json!({"finished": true})));
}

#[tokio::test]
async fn stuck_can_be_another_time_or_nothing() {
    for (hours, time, expected) in [
        ("0", "2026-11-20T10:00:00Z", false),
        ("1", "2026-11-20T04:54:00Z", false),
        ("1", "2026-11-20T04:55:00Z", true),
    ] {
        let scenario = Scenario::new().stack_set(set("baseline").operation(running("stuck", "2026-11-20T03:55:00Z")));
        let stage = recorded(scenario, &[("STUCK_AFTER_HOURS", hours)]).await;
        let response = stage.response(&scheduled(time)).await.unwrap();
        assert_eq!(!reported(&response).is_empty(), expected, "{hours} hours, {time}");
    }
}

#[tokio::test]
async fn a_stuck_operation_that_ends_meanwhile_is_reported_as_what_it_is() {
    let mut ended = running("stuck", "2026-11-20T03:55:00Z");
    ended.rows = vec![Row::succeeded(&account(1), "eu-west-1")].into();
    // The list is behind: the description, which is not, says that it has succeeded.
    let stage = stage_of(Scenario::new().stack_set(set("baseline").operation(ended))).await;
    stage.aws.with(|scenario| {
        let operation = scenario.operation_mut("stuck").unwrap();
        operation.listed_status = Some("RUNNING".to_owned());
        operation.status = Some("SUCCEEDED".to_owned());
        operation.ended = Some("2026-11-20T09:59:00Z".to_owned());
    });
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["stuck quiet"]);
}

#[tokio::test]
async fn both_capacities_where_the_owner_is_known() {
    const OWNER: &str = "999999999999";
    let scenario = || {
        let of_org = StackSet::service_managed("org", OWNER, REGION)
            .seen_by_delegated_admin()
            .operation(failed("theirs", "2026-11-20T09:30:00Z"));
        Scenario::new().stack_set(set("own").operation(failed("ours", "2026-11-20T09:30:00Z"))).stack_set(of_org)
    };
    let ours = vec!["ours published".to_owned()];
    let theirs = vec!["theirs published".to_owned()];
    let both = [ours.clone(), theirs.clone()].concat();
    let owner = ("MANAGEMENT_ACCOUNT_ID", OWNER);
    for (settings, expected) in [
        (vec![], &ours),
        (vec![owner], &both),
        (vec![owner, ("CALL_AS", "SELF")], &ours),
        (vec![owner, ("CALL_AS", "DELEGATED_ADMIN")], &theirs),
        (vec![("MANAGEMENT_ACCOUNT_ID", MANAGEMENT)], &ours),
    ] {
        let stage = recorded(scenario(), &settings).await;
        let response = stage.response(&scheduled(TEN)).await.unwrap();
        assert_eq!(&reported(&response), expected, "{settings:?}");
        for request in stage.aws.requests().iter().filter(|request| request.param("OperationId") == Some("theirs")) {
            assert_eq!(request.param("CallAs"), Some("DELEGATED_ADMIN"));
        }
    }
    // The message names the owner, whom the lists do not name.
    let stage = recorded(scenario(), &[owner, ("CALL_AS", "DELEGATED_ADMIN")]).await;
    stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(stage.document()["stackSet"]["account"], OWNER);
}

#[tokio::test]
async fn what_both_capacities_see_is_reported_once() {
    let seen_twice =
        set("baseline").visible_to(&["SELF", "DELEGATED_ADMIN"]).operation(failed("op-1", "2026-11-20T09:30:00Z"));
    let settings = [("MANAGEMENT_ACCOUNT_ID", "999999999999")];
    let stage = recorded(Scenario::new().stack_set(seen_twice), &settings).await;
    assert_eq!(reported(&stage.response(&scheduled(TEN)).await.unwrap()), ["op-1 published"]);
    // One is the sweep's, and one is that of the report.
    assert_eq!(stage.aws.requests_of("ListStackSetOperations").len(), 2);
}

#[tokio::test]
async fn only_stack_sets_of_the_pattern_are_looked_at() {
    let mut scenario = Scenario::new();
    for name in ["prod-network", "prod-dns", "test-network"] {
        scenario = scenario.stack_set(set(name).operation(failed(name, "2026-11-20T09:30:00Z")));
    }
    let stage = recorded(scenario, &[("STACK_SET_NAME_PATTERN", "prod-*")]).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["prod-dns published", "prod-network published"]);
    let listed = stage.aws.requests_of("ListStackSetOperations");
    assert!(listed.iter().all(|request| request.param("StackSetName").unwrap().starts_with("prod-")), "{listed:?}");
}

#[tokio::test]
async fn every_page_is_read_because_no_order_is_promised() {
    let mut baseline = set("baseline");
    for n in 0..250 {
        // Old ones first, then the due one on the last page, then one that began long before it.
        baseline = baseline.operation(succeeded(&format!("old-{n}"), "2026-10-01T00:00:00Z"));
    }
    let baseline = baseline.operation(failed("new", "2026-11-20T09:30:00Z")).operation(
        failed("began-long-ago", "2026-11-20T09:40:00Z").times("2026-01-01T00:00:00Z", Some("2026-11-20T09:40:00Z")),
    );
    let stage = stage_of(Scenario::new().stack_set(baseline)).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["began-long-ago published", "new published"]);
    // The sweep's, and those of each report.
    assert_eq!(stage.aws.requests_of("ListStackSetOperations").len(), 3 + 2 * 3);
    assert_eq!(response["sweep"]["operations"], 252);
}

#[tokio::test]
async fn a_stack_set_that_fails_does_not_stop_the_others() {
    let mut scenario = Scenario::new();
    for name in ["a", "b", "c", "d"] {
        scenario = scenario.stack_set(set(name).operation(failed(&format!("op-{name}"), "2026-11-20T09:30:00Z")));
    }
    let of = |action: &str, name: &str, status, code: &str| {
        Fault::error(action, status, code, "refused").with_param("StackSetName", &set(name).id())
    };
    let scenario = scenario
        .fault(of("ListStackSetOperations", "a", 404, "StackSetNotFoundException"))
        .fault(of("ListStackSetOperations", "b", 403, "AccessDenied"))
        .fault(of("DescribeStackSetOperation", "c", 404, "OperationNotFoundException"));
    let stage = stage_of(scenario).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["op-d published"]);
    let mut failures: Vec<(String, Value, String)> = response["sweep"]["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(one["kind"], "ReadError");
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            (text("stackSet"), one["operationId"].clone(), text("error"))
        })
        .collect();
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    let [gone, denied, operation] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((&gone.0, &gone.1), (&set("a").id(), &Value::Null));
    assert!(
        gone.2.starts_with(&format!(
            "could not list the operations of stack set {} as SELF: StackSetNotFoundException: refused",
            set("a").id()
        )),
        "{}",
        gone.2
    );
    assert!(
        denied.2.ends_with("; the function's role needs cloudformation:ListStackSetOperations on this stack set"),
        "{}",
        denied.2
    );
    assert_eq!((&operation.0, &operation.1), (&set("c").id(), &json!("op-c")));
    assert_eq!(
        (&response["sweep"]["stackSets"], &response["sweep"]["due"], &response["sweep"]["published"]),
        (&json!(4), &json!(2), &json!(1))
    );
}

#[tokio::test]
async fn the_invocation_fails_only_if_nothing_could_be_read() {
    let one = || set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z"));
    let denied = |action: &str| Fault::error(action, 403, "AccessDenied", "no");
    let stage = stage_of(Scenario::new().stack_set(one()).fault(denied("ListStackSets"))).await;
    let error = stage.response(&scheduled(TEN)).await.unwrap_err();
    assert_eq!(error.kind(), "ReadError");
    let text = error.to_string();
    assert!(text.starts_with("could not list the stack sets as SELF: AccessDenied: no (request id "), "{text}");
    assert!(text.ends_with("; the function's role needs cloudformation:ListStackSets on *"), "{text}");

    let stage = stage_of(Scenario::new().stack_set(one()).fault(denied("ListStackSetOperations"))).await;
    let text = stage.response(&scheduled(TEN)).await.unwrap_err().to_string();
    assert!(text.starts_with("could not list the operations of stack set baseline:"), "{text}");

    // One capacity that is closed does not close the other.
    let mut scenario = Scenario::new().stack_set(one());
    scenario.delegated_admin_registered = false;
    let stage = recorded(scenario, &[("MANAGEMENT_ACCOUNT_ID", "999999999999")]).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["op-1 published"]);
    let failure = &response["sweep"]["failures"][0];
    assert_eq!((&failure["stackSet"], &failure["operationId"]), (&Value::Null, &Value::Null));
    assert!(failure["error"].as_str().unwrap().contains("as DELEGATED_ADMIN: ValidationError: Account used is not"));
}

#[tokio::test]
async fn broken_chains_of_pages_are_failures() {
    for kind in [FaultKind::RepeatToken, FaultKind::EmptyToken] {
        let mut baseline = set("baseline");
        for n in 0..150 {
            baseline = baseline.operation(succeeded(&format!("old-{n}"), "2026-10-01T00:00:00Z"));
        }
        let other = set("other").operation(failed("op-1", "2026-11-20T09:30:00Z"));
        let fault = Fault::on("ListStackSetOperations", kind.clone()).with_param("StackSetName", &set("baseline").id());
        let stage = stage_of(Scenario::new().stack_set(baseline).stack_set(other).fault(fault)).await;
        let response = stage.response(&scheduled(TEN)).await.unwrap();
        assert_eq!(reported(&response), ["op-1 published"], "{kind:?}");
        let error = response["sweep"]["failures"][0]["error"].as_str().unwrap();
        assert!(error.ends_with("rows may not be all"), "{error}");
    }
}

#[tokio::test]
async fn operations_that_there_is_no_time_for_are_counted() {
    let baseline =
        (0..6).fold(set("baseline"), |set, n| set.operation(failed(&format!("op-{n}"), "2026-11-20T09:30:00Z")));
    // The second operation's results never come, and then the last quarter of the time has begun.
    let hang = Fault::on("ListStackSetOperationResults", FaultKind::Hang).from_call(2);
    let stage = stage_of(Scenario::new().stack_set(baseline).fault(hang)).await.time(Duration::from_secs(2));
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    let sweep = &response["sweep"];
    assert_eq!((&sweep["published"], &sweep["due"], &sweep["stackSetsDone"]), (&json!(1), &json!(6), &json!(1)));
    assert_eq!((&sweep["finished"], &sweep["skippedForTime"]), (&json!(false), &json!(4)));
    assert!(sweep["failures"][0]["error"].as_str().unwrap().ends_with("the function's time ran out"));
}

#[tokio::test]
async fn a_sweep_that_reads_nothing_in_time_fails() {
    let scenario = || Scenario::new().stack_set(set("baseline"));
    for (action, text) in [
        ("ListStackSets", "could not list the stack sets: the function's time ran out"),
        ("ListStackSetOperations", "could not list the operations of any stack set: the function's time ran out"),
    ] {
        let stage = stage_of(scenario().fault(Fault::on(action, FaultKind::Hang))).await;
        let error = stage.time(Duration::from_millis(400)).response(&scheduled(TEN)).await.unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn at_most_so_many_requests_are_under_way() {
    for (setting, most) in [("1", 1), ("3", 3), ("16", 16)] {
        let mut scenario = Scenario::new().latency(Duration::from_millis(10));
        for n in 0..40 {
            scenario = scenario
                .stack_set(set(&format!("set-{n:03}")).operation(failed(&format!("op-{n}"), "2026-11-20T09:30:00Z")));
        }
        let stage = recorded(scenario, &[("SWEEP_CONCURRENCY", setting)]).await;
        assert_eq!(reported(&stage.response(&scheduled(TEN)).await.unwrap()).len(), 40);
        assert_eq!(stage.aws.most_at_once(), most);
    }
}

/// The largest sweep that the quotas allow, with what its operations are in practice: almost all old.
#[tokio::test]
async fn a_thousand_stack_sets_with_twenty_thousand_operations() {
    let mut scenario = Scenario::new();
    for n in 0..1_000 {
        let mut stack_set = set(&format!("set-{n:04}"));
        for m in 0..19 {
            stack_set = stack_set.operation(succeeded(&format!("op-{n}-{m}"), "2026-10-01T00:00:00Z"));
        }
        let last = format!("op-{n}-19");
        scenario = scenario.stack_set(stack_set.operation(if n % 100 == 0 {
            failed(&last, "2026-11-20T09:30:00Z")
        } else {
            succeeded(&last, "2026-10-01T00:00:00Z")
        }));
    }
    let stage = stage_of(scenario).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(
        numbers(&response),
        json!({"finished": true, "stackSets": 1_000, "stackSetsDone": 1_000, "operations": 20_000, "due": 10, "published": 10})
    );
    let calls = |action: &str| stage.aws.requests_of(action).len();
    assert_eq!(calls("ListStackSets"), 1_000 / 100);
    // Each report lists them once more, and reads what failed in the operation before.
    assert_eq!(calls("ListStackSetOperations"), 1_000 + 10);
    assert_eq!(
        (calls("DescribeStackSetOperation"), calls("ListStackSetOperationResults"), calls("Publish")),
        (10, 10 + 10, 10)
    );
    // With a claim, a record and what the ledger knew.
    assert_eq!(stage.actions().len(), 10 + 1_000 + (5 + 3) * 10);
}

#[test]
fn a_response_stays_below_what_lambda_takes() {
    let done = |n: u64| OperationResult {
        stack_set: Some(set("baseline").id()),
        operation_id: Some(format!("op-{n}")),
        outcome: None,
        action: if n.is_multiple_of(10) { Action::Published } else { Action::Quiet },
        message_id: None,
        counts: None,
        pages: None,
        reason: "reason ".repeat(40),
        attempt: None,
        ledger_error: None,
        measurements: None,
    };
    let whole = Response {
        operations: (0..20_000).map(done).collect(),
        operations_omitted: None,
        sweep: Some(SweepSummary::default()),
    };
    let response = serde_json::to_value(whole.shortened()).unwrap();
    assert!(response.to_string().len() < 1_000_000);
    let kept = response["operations"].as_array().unwrap();
    assert_eq!((kept.len(), &response["operationsOmitted"]), (1_000, &json!(19_000)));
    assert!(kept.iter().all(|done| done["action"] == "published"));
}

#[tokio::test]
async fn what_ended_within_the_look_back_is_reported_once() {
    let scenario = Scenario::new().stack_set(
        set("baseline")
            .operation(failed("by-event", "2026-11-20T09:50:00Z"))
            .operation(failed("missed", "2026-11-19T11:00:00Z"))
            .operation(succeeded("quiet", "2026-11-19T11:00:00Z"))
            .operation(failed("too-old", "2026-11-19T10:00:00Z")),
    );
    let stage = recorded(scenario, &[]).await;
    stage.response(&crate::support::event(&set("baseline").arn(), "by-event", "FAILED")).await.unwrap();
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["missed published", "quiet quiet"]);
    assert_eq!((&response["sweep"]["due"], &response["sweep"]["alreadyReported"]), (&json!(3), &json!(1)));

    // Quiet ones are known, too: the next sweep reads no results.
    let before = stage.aws.requests_of("ListStackSetOperationResults").len();
    let response = stage.response(&scheduled("2026-11-20T10:15:00Z")).await.unwrap();
    assert_eq!((reported(&response), &response["sweep"]["alreadyReported"]), (vec![], &json!(3)));
    assert_eq!(stage.aws.requests_of("ListStackSetOperationResults").len(), before);
    // An event that comes late is not reported again.
    let late = stage.invoke(&crate::support::event(&set("baseline").arn(), "missed", "FAILED")).await.unwrap();
    assert_eq!(late["action"], "alreadyPublished");
    assert_eq!(stage.aws.published().len(), 2);
}

#[tokio::test]
async fn what_another_invocation_is_reporting_is_no_error_of_the_sweep() {
    let scenario = Scenario::new().stack_set(set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z")));
    let stage = recorded(scenario, &[]).await;
    let id = format!("arn:aws:cloudformation:eu-central-1::stackset/{}/op-1/FAILED", set("baseline").id());
    stage.aws.with(|scenario| {
        let item = json!({"id": {"S": id}, "status": {"S": "INPROGRESS"}, "claim": {"S": "theirs"}, "attempt": {"N": "1"},
            "in_progress_expiration": {"N": "99999999999999"}, "expiration": {"N": "99999999999"}});
        scenario.tables[0].items.insert(id.clone(), item.as_object().unwrap().clone());
    });
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["op-1 inProgress"]);
    assert!(stage.aws.published().is_empty());
}

#[tokio::test]
async fn if_nothing_can_be_published_the_invocation_fails() {
    let scenario = || {
        Scenario::new()
            .stack_set(set("a").operation(failed("op-a", "2026-11-20T09:30:00Z")))
            .stack_set(set("b").operation(failed("op-b", "2026-11-20T09:30:00Z")))
    };
    let denied = || Fault::error("Publish", 403, "AuthorizationError", "not yours");
    let stage = recorded(scenario().fault(denied()), &[]).await;
    let error = stage.response(&scheduled(TEN)).await.unwrap_err();
    assert_eq!(error.kind(), "PublishError");
    assert!(error.to_string().contains("AuthorizationError: not yours"), "{error}");
    // Lambda tries again, and nothing has been lost.
    stage.aws.with(|scenario| scenario.faults.clear());
    assert_eq!(reported(&stage.response(&scheduled(TEN)).await.unwrap()), ["op-a published", "op-b published"]);

    let stage = recorded(scenario().fault(denied().once()), &[("SWEEP_CONCURRENCY", "1")]).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!((reported(&response).len(), &response["sweep"]["failures"][0]["kind"]), (1, &json!("PublishError")));
}

pub(crate) const DIGEST: (&str, &str) = ("SWEEP_MODE", "digest");

fn two_stack_sets() -> Scenario {
    Scenario::new()
        .stack_set(
            set("baseline")
                .operation(failed("op-1", "2026-11-20T09:30:00Z"))
                .operation(succeeded("op-2", "2026-11-20T09:40:00Z")),
        )
        .stack_set(set("network").operation(running("op-3", "2026-11-20T03:55:00Z")))
}

#[tokio::test]
async fn a_digest_is_one_message_for_the_sweep() {
    let stage = recorded(two_stack_sets(), &[DIGEST]).await;
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["op-1 published", "op-2 quiet", "op-3 published"]);
    let message = stage.published();
    for done in response["operations"].as_array().unwrap().iter().filter(|done| done["action"] == "published") {
        assert_eq!(done["messageId"], message.message_id);
    }
    assert_eq!((&response["sweep"]["published"], &response["sweep"]["quiet"]), (&json!(2), &json!(1)));
    assert_eq!(message.subject.as_deref(), Some("DIGEST: 2 operations with problems, 2 targets failed, 1 in progress"));
    let document = stage.document();
    assert_eq!((&document["kind"], &document["sweep"]["at"]), (&json!("digest"), &json!(TEN)));
    let operations = document["operations"].as_array().unwrap();
    assert_eq!(operations.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ["op-1", "op-3"]);
    assert_eq!(operations[0]["attempt"], 1);
    // All of it is recorded, the quiet one too.
    let again = stage.response(&scheduled("2026-11-20T11:00:00Z")).await.unwrap();
    assert_eq!((reported(&again), &again["sweep"]["alreadyReported"]), (vec![], &json!(3)));
    let late = stage.invoke(&crate::support::event(&set("baseline").arn(), "op-1", "FAILED")).await.unwrap();
    assert_eq!((&late["action"], &late["messageId"]), (&json!("alreadyPublished"), &json!(message.message_id)));
    assert_eq!(stage.aws.published().len(), 1);
}

#[tokio::test]
async fn a_digest_without_problems_is_sent_only_where_always_is_asked_for() {
    let scenario = || Scenario::new().stack_set(set("baseline").operation(succeeded("op-2", "2026-11-20T09:40:00Z")));
    let stage = recorded(scenario(), &[DIGEST]).await;
    assert_eq!(reported(&stage.response(&scheduled(TEN)).await.unwrap()), ["op-2 quiet"]);
    assert!(stage.aws.published().is_empty());
    let stage = recorded(scenario(), &[DIGEST, ("NOTIFY_ON", "always")]).await;
    assert_eq!(reported(&stage.response(&scheduled(TEN)).await.unwrap()), ["op-2 published"]);
    assert_eq!(stage.published().subject.as_deref(), Some("DIGEST: 1 operation, no problems"));
}

#[tokio::test]
async fn what_another_invocation_is_reporting_is_left_out_of_the_digest() {
    let stage = recorded(two_stack_sets(), &[DIGEST]).await;
    let id = format!("arn:aws:cloudformation:eu-central-1::stackset/{}/op-1/FAILED", set("baseline").id());
    stage.aws.with(|scenario| {
        let item = json!({"id": {"S": id}, "status": {"S": "INPROGRESS"}, "claim": {"S": "theirs"}, "attempt": {"N": "1"},
            "in_progress_expiration": {"N": "99999999999999"}, "expiration": {"N": "99999999999"}});
        scenario.tables[0].items.insert(id.clone(), item.as_object().unwrap().clone());
    });
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["op-1 inProgress", "op-2 quiet", "op-3 published"]);
    assert_eq!(stage.document()["counts"]["operations"], 1);
}

#[tokio::test]
async fn a_digest_that_cannot_be_published_fails_and_the_next_try_sends_it() {
    let denied = Fault::error("Publish", 403, "AuthorizationError", "not yours");
    let stage = recorded(two_stack_sets().fault(denied), &[DIGEST]).await;
    assert_eq!(stage.response(&scheduled(TEN)).await.unwrap_err().kind(), "PublishError");
    stage.aws.with(|scenario| scenario.faults.clear());
    let response = stage.response(&scheduled(TEN)).await.unwrap();
    assert_eq!(reported(&response), ["op-1 published", "op-3 published"], "the claims were given back");
    // SNS may have taken the first one all the same, so the second says that it is one.
    assert_eq!(stage.document()["operations"][0]["attempt"], 2);
}

#[tokio::test]
async fn a_digest_holds_its_claims_until_it_is_out() {
    let slow = Fault::on("Publish", FaultKind::Delay(Duration::from_millis(900)));
    let stage = recorded(two_stack_sets().fault(slow), &[DIGEST]).await.lease(Duration::from_millis(300));
    let event = crate::support::event(&set("baseline").arn(), "op-1", "FAILED");
    let sweep = scheduled(TEN);
    let (response, event) = tokio::join!(stage.response(&sweep), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stage.response(&event).await
    });
    assert_eq!(reported(&response.unwrap()).len(), 3);
    // Without renewals its claim would have run out by then.
    assert_eq!(event.unwrap_err().kind(), "InProgressError");
    assert_eq!(stage.aws.published().len(), 1);
}

#[tokio::test]
async fn a_slow_publish_does_not_leave_a_digest_unrecorded() {
    let mut scenario = Scenario::new()
        .fault(Fault::on("Publish", FaultKind::Delay(Duration::from_millis(1_100))))
        .fault(Fault::on("UpdateItem", FaultKind::Delay(Duration::from_millis(20))));
    for id in ["good-1", "good-2", "hang-1", "hang-2"] {
        scenario = scenario.stack_set(set(id).operation(failed(id, "2026-11-20T09:30:00Z")));
        if id.starts_with("hang") {
            let hang = Fault::on("ListStackSetOperationResults", FaultKind::Hang);
            scenario = scenario.fault(hang.with_param("OperationId", id));
        }
    }
    let stage = recorded(scenario, &[DIGEST]).await.time(Duration::from_secs(8));
    let response = stage.response(&scheduled("2026-11-20T12:00:00Z")).await.unwrap();
    assert_eq!(reported(&response), ["good-1 published", "good-2 published"]);
    for done in response["operations"].as_array().unwrap() {
        assert!(done["ledgerError"].is_null(), "{done}");
    }
    let statuses = stage.aws.with(|scenario| -> Vec<Value> {
        scenario.tables[0].items.values().map(|item| item["status"]["S"].clone()).collect()
    });
    assert_eq!(statuses, ["COMPLETED", "COMPLETED"]);
}

#[tokio::test]
async fn many_failures_do_not_hide_that_nothing_could_be_published() {
    let mut scenario = Scenario::new();
    for n in 0..300 {
        let denied = Fault::error("ListStackSetOperations", 403, "AccessDenied", "no");
        let set = set(&format!("denied-{n:03}"));
        scenario = scenario.fault(denied.with_param("StackSetName", &set.id())).stack_set(set);
    }
    let scenario = scenario
        .stack_set(set("other").operation(failed("op-1", "2026-11-20T09:30:00Z")))
        .fault(Fault::error("Publish", 403, "AuthorizationError", "not yours"));
    for time in [TEN, "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"] {
        let stage = recorded(scenario.clone(), &[("SWEEP_CONCURRENCY", "1")]).await;
        assert_eq!(stage.response(&scheduled(time)).await.unwrap_err().kind(), "PublishError", "{time}");
    }
}
