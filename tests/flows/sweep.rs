//! The schedule's sweep: what it tells, what it leaves, and how it goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::{Fault, FaultKind, Operation, Row, Scenario, StackSet};
use serde_json::{Value, json};
use stackset_notifier::response::{Action, OperationResult, Response};
use stackset_notifier::sweep::Swept;

use crate::support::{MANAGEMENT, REGION, Stage, account, operation};

/// The tick that these tests have for their clock.
const TICK: &str = "2026-11-20T10:00:00Z";

fn tick(time: &str) -> Value {
    json!({"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.scheduler", "account": MANAGEMENT, "time": time, "region": REGION,
        "resources": ["arn:aws:scheduler:eu-central-1:111111111111:schedule/default/sweep"], "detail": "{}"})
}

fn set(name: &str) -> StackSet {
    StackSet::self_managed(name, MANAGEMENT, REGION)
}

fn failed(id: &str, ended: &str) -> Operation {
    operation("FAILED", vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")])
        .id(id)
        .times("2026-11-01T00:00:00Z", Some(ended))
}

fn succeeded(id: &str, ended: &str) -> Operation {
    operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")])
        .id(id)
        .times("2026-11-01T00:00:00Z", Some(ended))
}

fn running(id: &str, started: &str) -> Operation {
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

/// The operations told of, as the response has them.
fn told(response: &Value) -> Vec<String> {
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
fn numbers(response: &Value) -> Value {
    let mut sweep = response["sweep"].clone();
    sweep.as_object_mut().unwrap().retain(|_, value| *value != json!(0) && *value != json!([]));
    sweep
}

#[tokio::test]
async fn settings_that_do_not_fit_stop_the_sweep_and_nothing_else() {
    let operation = failed("op-1", "2026-11-20T09:30:00Z");
    for (name, value, text) in [
        (
            "SWEEP_SCHEDULE",
            "rate(1 day)",
            "could not read the setting SWEEP_LOOKBACK_HOURS: it is 24, allowed is no less",
        ),
        (
            "SWEEP_SCHEDULE",
            "cron(0 8 * * ? *)",
            "could not read the setting SWEEP_SCHEDULE: it is \"cron(0 8 * * ? *)\"",
        ),
        ("SWEEP_CONCURRENCY", "1.5", "could not read the setting SWEEP_CONCURRENCY: it is \"1.5\""),
        ("STACK_SET_NAME_PATTERN", "a_b", "could not read the setting STACK_SET_NAME_PATTERN: it is \"a_b\""),
    ] {
        let scenario = Scenario::new().stack_set(set("baseline").operation(operation.clone()));
        let stage = Stage::with(scenario, &[(name, value)]).await;
        for _ in 0..2 {
            let error = stage.response(&tick(TICK)).await.unwrap_err();
            assert_eq!(error.kind(), "ConfigError");
            assert!(error.to_string().starts_with(text), "{error}");
        }
        assert!(stage.aws.requests().is_empty(), "nothing is read that cannot be told");
        assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "published", "{name}");
        let is_manual = json!({"stackSetName": "baseline", "operationId": "op-1"});
        assert_eq!(stage.invoke(&is_manual).await.unwrap()["action"], "published", "{name}");
    }
}

#[tokio::test]
async fn what_ended_since_the_last_tick_is_reported_as_if_its_event_had_come() {
    let scenario = Scenario::new()
        .stack_set(
            set("baseline")
                .operation(failed("too-new", "2026-11-20T10:00:00Z"))
                .operation(failed("in-time", "2026-11-20T09:59:59.999Z"))
                .operation(succeeded("quiet", "2026-11-20T09:30:00Z"))
                .operation(failed("too-old", "2026-11-20T08:59:59.999Z")),
        )
        .stack_set(set("network").operation(failed("other", "2026-11-20T09:00:00Z")))
        .stack_set(set("gone").deleted().operation(failed("of-a-deleted-one", "2026-11-20T09:30:00Z")));
    let stage = Stage::new(scenario).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["in-time published", "other published", "quiet quiet"]);
    assert_eq!(
        numbers(&response),
        json!({"finished": true, "stackSets": 2, "stackSetsDone": 2, "operations": 5, "due": 3, "published": 2, "quiet": 1})
    );

    // The same message as by the event, to the byte.
    let by_sweep = stage.aws.published();
    let event = crate::support::event(&set("network").arn(), "other", "FAILED");
    stage.response(&event).await.unwrap();
    let by_event = stage.aws.published().pop().unwrap();
    let same = by_sweep.iter().find(|message| message.subject == by_event.subject).unwrap();
    assert_eq!((&same.message, &same.attributes), (&by_event.message, &by_event.attributes));
    assert_eq!(by_sweep.len(), 2);
}

#[tokio::test]
async fn a_rules_schedule_and_one_by_hand_sweep_too() {
    let stage =
        Stage::new(Scenario::new().stack_set(set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z")))).await;
    let mut rule = tick(TICK);
    rule["source"] = json!("aws.events");
    rule["detail"] = json!({});
    assert_eq!(told(&stage.response(&rule).await.unwrap()), ["op-1 published"]);
    // Without a time it is now, when that operation has long ended.
    let is_manual = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {"mine": 1}});
    let response = stage.response(&is_manual).await.unwrap();
    assert_eq!((told(&response), &response["sweep"]["operations"]), (vec![], &json!(1)));
}

#[tokio::test]
async fn nothing_to_sweep_is_no_error() {
    let stage = Stage::new(Scenario::new()).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!((&response["operations"], numbers(&response)), (&json!([]), json!({"finished": true})));
}

#[tokio::test]
async fn a_stuck_operation_is_told_with_where_it_stands() {
    let stage =
        Stage::new(Scenario::new().stack_set(set("baseline").operation(running("stuck", "2026-11-20T03:55:00Z"))))
            .await;
    // Crossed by this tick; not by the ones before and after, and again a day later.
    for (time, told_now) in [
        ("2026-11-20T09:00:00Z", false),
        ("2026-11-20T10:00:00Z", true),
        ("2026-11-20T11:00:00Z", false),
        ("2026-11-21T09:00:00Z", false),
        ("2026-11-21T10:00:00Z", true),
    ] {
        let response = stage.response(&tick(time)).await.unwrap();
        assert_eq!(told(&response) == ["stuck published"], told_now, "{time}");
        let why = response["operations"][0]["why"].as_str().unwrap_or_default();
        assert_eq!(why.contains("the operation takes longer than 6 hours"), told_now, "{time}: {why}");
    }
    let messages = stage.aws.published();
    assert_eq!(messages.len(), 2);
    let subject = messages[0].subject.as_deref().unwrap();
    assert!(subject.starts_with("IN_PROGRESS: UPDATE of baseline, still running after "), "{subject}");
    let email = messages[0].body("email").unwrap();
    assert!(email.contains("4 of 6 targets to go, 1 failed"), "{email}");
    assert!(email.contains("Now in eu-west-1 (1 running, 1 pending). Pending: us-east-1 (2)."), "{email}");
    assert!(email.contains("Told because it takes longer than STUCK_AFTER_HOURS (6 hours)."), "{email}");
    assert!(email.contains("To stop it:\n\naws cloudformation stop-stack-set-operation --stack-set-name "), "{email}");
    assert!(!email.contains("INCOMPLETE"), "that it runs is in the headline: {email}");
    assert!(email.contains("1. AWS_INTERNAL_FAILURE: 1 account, 1 target, 1 Region"), "{email}");
    let document: Value = serde_json::from_str(&messages[0].body("sqs").unwrap()).unwrap();
    crate::schema::check(&document);
    assert_eq!(
        document["inProgress"]["regions"],
        json!([{"region": "eu-west-1", "running": 1, "pending": 1}, {"region": "us-east-1", "running": 0, "pending": 2}])
    );
    assert!(document["inProgress"]["seconds"].as_u64().is_some());
}

#[tokio::test]
async fn stuck_can_be_another_time_or_nothing() {
    for (hours, tick_time) in
        [("0", "2026-11-20T10:00:00Z"), ("1", "2026-11-20T10:00:00Z"), ("1", "2026-11-20T05:00:00Z")]
    {
        let scenario = Scenario::new().stack_set(set("baseline").operation(running("stuck", "2026-11-20T03:55:00Z")));
        let stage = Stage::with(scenario, &[("STUCK_AFTER_HOURS", hours)]).await;
        let response = stage.response(&tick(tick_time)).await.unwrap();
        let expected = hours == "1" && tick_time == "2026-11-20T05:00:00Z";
        assert_eq!(!told(&response).is_empty(), expected, "{hours} hours, {tick_time}");
    }
}

#[tokio::test]
async fn a_stuck_operation_that_ends_meanwhile_is_reported_as_what_it_is() {
    let mut ended = running("stuck", "2026-11-20T03:55:00Z");
    ended.rows = vec![Row::succeeded(&account(1), "eu-west-1")].into();
    // The list is behind: the description, which is not, says that it has succeeded.
    let stage = Stage::new(Scenario::new().stack_set(set("baseline").operation(ended))).await;
    stage.aws.with(|scenario| {
        let operation = scenario.operation_mut("stuck").unwrap();
        operation.listed_status = Some("RUNNING".to_owned());
        operation.status = Some("SUCCEEDED".to_owned());
        operation.ended = Some("2026-11-20T09:59:00Z".to_owned());
    });
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["stuck quiet"]);
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
        let stage = Stage::with(scenario(), &settings).await;
        let response = stage.response(&tick(TICK)).await.unwrap();
        assert_eq!(&told(&response), expected, "{settings:?}");
        for request in stage.aws.requests().iter().filter(|request| request.param("OperationId") == Some("theirs")) {
            assert_eq!(request.param("CallAs"), Some("DELEGATED_ADMIN"));
        }
    }
    // The message names the owner, whom the lists do not tell.
    let stage = Stage::with(scenario(), &[owner, ("CALL_AS", "DELEGATED_ADMIN")]).await;
    stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(stage.document()["stackSet"]["account"], OWNER);
}

#[tokio::test]
async fn what_both_capacities_see_is_told_once() {
    let seen_twice =
        set("baseline").visible_to(&["SELF", "DELEGATED_ADMIN"]).operation(failed("op-1", "2026-11-20T09:30:00Z"));
    let settings = [("MANAGEMENT_ACCOUNT_ID", "999999999999")];
    let stage = Stage::with(Scenario::new().stack_set(seen_twice), &settings).await;
    assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()), ["op-1 published"]);
    assert_eq!(stage.aws.requests_of("ListStackSetOperations").len(), 1);
}

#[tokio::test]
async fn only_stack_sets_of_the_pattern_are_looked_at() {
    let mut scenario = Scenario::new();
    for name in ["prod-network", "prod-dns", "test-network"] {
        scenario = scenario.stack_set(set(name).operation(failed(name, "2026-11-20T09:30:00Z")));
    }
    let stage = Stage::with(scenario, &[("STACK_SET_NAME_PATTERN", "prod-*")]).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["prod-dns published", "prod-network published"]);
    assert_eq!(stage.aws.requests_of("ListStackSetOperations").len(), 2);
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
    let stage = Stage::new(Scenario::new().stack_set(baseline)).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["began-long-ago published", "new published"]);
    assert_eq!(stage.aws.requests_of("ListStackSetOperations").len(), 3);
    assert_eq!(response["sweep"]["operations"], 252);
}

#[tokio::test]
async fn a_stack_set_that_fails_does_not_stop_the_others() {
    let mut scenario = Scenario::new();
    for name in ["a", "b", "c", "d"] {
        scenario = scenario.stack_set(set(name).operation(failed(&format!("op-{name}"), "2026-11-20T09:30:00Z")));
    }
    let of = |action: &str, name: &str, status, code: &str| {
        Fault::error(action, status, code, "told so").with_param("StackSetName", &set(name).id())
    };
    let scenario = scenario
        .fault(of("ListStackSetOperations", "a", 404, "StackSetNotFoundException"))
        .fault(of("ListStackSetOperations", "b", 403, "AccessDenied"))
        .fault(of("DescribeStackSetOperation", "c", 404, "OperationNotFoundException"));
    let stage = Stage::new(scenario).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["op-d published"]);
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
            "could not list the operations of stack set {} as SELF: StackSetNotFoundException: told so",
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
    let stage = Stage::new(Scenario::new().stack_set(one()).fault(denied("ListStackSets"))).await;
    let error = stage.response(&tick(TICK)).await.unwrap_err();
    assert_eq!(error.kind(), "ReadError");
    let text = error.to_string();
    assert!(text.starts_with("could not list the stack sets as SELF: AccessDenied: no (request id "), "{text}");
    assert!(text.ends_with("; the function's role needs cloudformation:ListStackSets on *"), "{text}");

    let stage = Stage::new(Scenario::new().stack_set(one()).fault(denied("ListStackSetOperations"))).await;
    let text = stage.response(&tick(TICK)).await.unwrap_err().to_string();
    assert!(text.starts_with("could not list the operations of stack set baseline:"), "{text}");

    // One capacity that is closed does not close the other.
    let mut scenario = Scenario::new().stack_set(one());
    scenario.delegated_admin_registered = false;
    let stage = Stage::with(scenario, &[("MANAGEMENT_ACCOUNT_ID", "999999999999")]).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["op-1 published"]);
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
        let stage = Stage::new(Scenario::new().stack_set(baseline).stack_set(other).fault(fault)).await;
        let response = stage.response(&tick(TICK)).await.unwrap();
        assert_eq!(told(&response), ["op-1 published"], "{kind:?}");
        let error = response["sweep"]["failures"][0]["error"].as_str().unwrap();
        assert!(error.ends_with("rows may not be all"), "{error}");
    }
}

#[tokio::test]
async fn a_list_that_is_behind_is_caught_up_by_a_later_sweep() {
    let scenario = || {
        let mut late = failed("late", "2026-11-20T09:30:00Z");
        late.listed_from = 1;
        Scenario::new().stack_set(set("baseline").operation(late))
    };
    let (with, without) = (recorded(scenario(), &[]).await, Stage::new(scenario()).await);
    for stage in [&with, &without] {
        assert!(told(&stage.response(&tick(TICK)).await.unwrap()).is_empty());
    }
    assert_eq!(told(&with.response(&tick("2026-11-20T11:00:00Z")).await.unwrap()), ["late published"]);
    // Without a ledger the next tick is too late for it: the README says so.
    assert!(told(&without.response(&tick("2026-11-20T11:00:00Z")).await.unwrap()).is_empty());
}

/// A sweep that has time for a tenth only: after five stack sets of fifty nothing answers any more.
#[tokio::test]
async fn no_stack_set_starves_when_time_is_for_a_tenth_of_them() {
    const SETS: usize = 50;
    let mut scenario = Scenario::new();
    for n in 0..SETS {
        scenario = scenario.stack_set(set(&format!("set-{n:02}")).operation(succeeded("op", "2026-11-01T09:30:00Z")));
    }
    let stage = Stage::new(scenario).await.time(Duration::from_millis(1_000));
    let reached = || -> BTreeSet<String> {
        let requests = stage.aws.requests_of("ListStackSetOperations");
        let answered = requests.iter().filter(|request| request.status == Some(200));
        answered.map(|request| request.param("StackSetName").unwrap().to_owned()).collect()
    };
    let mut sweeps = 0;
    while reached().len() < SETS {
        let answers = stage.aws.requests_of("ListStackSetOperations").len() + SETS / 10;
        stage.aws.with(|scenario| {
            scenario.faults = vec![Fault::on("ListStackSetOperations", FaultKind::Hang).from_call(answers + 1)];
        });
        let response = stage.response(&tick(&format!("2026-11-20T{:02}:00:00Z", 10 + sweeps))).await.unwrap();
        let sweep = &response["sweep"];
        assert_eq!((&sweep["finished"], &sweep["stackSets"]), (&json!(false), &json!(SETS)));
        assert_eq!(sweep["stackSetsDone"], SETS / 10, "{sweep}");
        sweeps += 1;
        assert!(sweeps <= 13, "{} of {SETS} reached", reached().len());
    }
    assert!(sweeps >= 10);
}

/// By the clock, a tick a day moves the beginning by a thirtieth of the ring.
#[tokio::test]
async fn a_daily_cron_schedule_reaches_all_in_a_week_too() {
    const SETS: usize = 40;
    let mut scenario = Scenario::new();
    for n in 0..SETS {
        scenario = scenario.stack_set(set(&format!("set-{n:02}")).operation(succeeded("op", "2026-11-01T09:30:00Z")));
    }
    let settings = [("SWEEP_SCHEDULE", "cron(0 8 * * ? *)"), ("SWEEP_LOOKBACK_HOURS", "168")];
    let stage = recorded(scenario, &settings).await.time(Duration::from_millis(1_000));
    for day in 20..27 {
        let answers = stage.aws.requests_of("ListStackSetOperations").len() + SETS / 4;
        stage.aws.with(|scenario| {
            scenario.faults = vec![Fault::on("ListStackSetOperations", FaultKind::Hang).from_call(answers + 1)];
        });
        stage.response(&tick(&format!("2026-11-{day}T08:00:00Z"))).await.unwrap();
    }
    let requests = stage.aws.requests_of("ListStackSetOperations");
    let answered = requests.iter().filter(|request| request.status == Some(200));
    let reached: BTreeSet<&str> = answered.map(|request| request.param("StackSetName").unwrap()).collect();
    assert_eq!(reached.len(), SETS, "a quarter each in seven days: {reached:?}");
}

#[tokio::test]
async fn operations_that_there_is_no_time_for_are_left_and_counted() {
    let mut baseline = set("baseline");
    for n in 0..6 {
        baseline = baseline.operation(failed(&format!("op-{n}"), "2026-11-20T09:30:00Z"));
    }
    // The second operation's results never come: its share ends, then the last quarter has begun.
    let hang = Fault::on("ListStackSetOperationResults", FaultKind::Hang).from_call(2);
    let stage = Stage::new(Scenario::new().stack_set(baseline).fault(hang)).await.time(Duration::from_secs(2));
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(response["sweep"]["published"], 1);
    let sweep = &response["sweep"];
    assert_eq!((&sweep["finished"], &sweep["due"], &sweep["stackSetsDone"]), (&json!(false), &json!(6), &json!(0)));
    let failed = sweep["failures"].as_array().unwrap().len() as u64;
    assert_eq!(1 + failed + sweep["left"].as_u64().unwrap(), 6, "{sweep}");
    assert!(sweep["left"].as_u64().unwrap() > 0, "{sweep}");
    assert!(sweep["failures"][0]["error"].as_str().unwrap().ends_with("the function's time ran out"));
}

/// More results than a page has; the second page never comes.
fn large(ended: &str) -> (Operation, Fault) {
    let rows = (0..250).map(|n| Row::failed(&account(n), "eu-west-1", "Internal Failure")).collect();
    let large = operation("FAILED", rows).id("large").times("2026-11-01T00:00:00Z", Some(ended));
    (large, Fault::on("ListStackSetOperationResults", FaultKind::Hang).with_param("OperationId", "large").page(2))
}

#[tokio::test]
async fn an_operation_that_its_share_of_the_time_is_too_short_for_is_left_to_a_later_sweep() {
    for mode in ["each", "digest"] {
        let (large, hang) = large("2026-11-20T09:30:00Z");
        let small = |name: &str| set(name).operation(failed(name, "2026-11-20T09:30:00Z"));
        let scenario = Scenario::new().stack_set(small("a")).stack_set(set("b").operation(large)).stack_set(small("c"));
        let settings = [("SWEEP_CONCURRENCY", "1"), ("SWEEP_MODE", mode)];
        let stage = recorded(scenario.fault(hang), &settings).await.time(Duration::from_secs(3));
        // At this tick the ring begins with the first or the last.
        let response = stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap();
        assert_eq!(told(&response), ["a published", "c published"], "{mode}: {response}");
        let sweep = &response["sweep"];
        assert_eq!((&sweep["left"], &sweep["finished"], &sweep["failures"]), (&json!(1), &json!(false), &json!([])));
        // It was not told, so the next attempt is the first.
        stage.aws.with(|scenario| scenario.faults.clear());
        let response = stage.response(&tick("2026-11-20T12:00:00Z")).await.unwrap();
        assert_eq!(told(&response), ["large published"], "{mode}");
        let document: Value = serde_json::from_str(&stage.aws.published().pop().unwrap().body("sqs").unwrap()).unwrap();
        let report = if mode == "each" { &document } else { &document["stackSets"][0]["operations"][0] };
        assert_eq!((&report["attempt"], &report["completeness"]["complete"]), (&json!(1), &json!(true)), "{mode}");
    }
}

#[tokio::test]
async fn what_no_later_sweep_has_more_time_for_is_told_as_far_as_it_was_read() {
    // Alone it has all the time that there is; at the end of the look-back there is no later sweep.
    for (ended, others) in [("2026-11-20T09:30:00Z", 0), ("2026-11-19T11:30:00Z", 1)] {
        let (large, hang) = large(ended);
        let mut scenario = Scenario::new().stack_set(set("b").operation(large)).fault(hang);
        if others > 0 {
            for name in ["a", "c"] {
                scenario = scenario.stack_set(set(name).operation(failed(name, "2026-11-20T09:30:00Z")));
            }
        }
        let stage = recorded(scenario, &[("SWEEP_CONCURRENCY", "1")]).await.time(Duration::from_secs(3));
        let response = stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap();
        assert!(told(&response).contains(&"large published".to_owned()), "{ended}: {response}");
        let messages = stage.aws.published();
        let incomplete = messages.iter().filter(|message| message.body("email").unwrap().contains("INCOMPLETE"));
        assert_eq!(incomplete.count(), 1, "{ended}");
    }
}

#[tokio::test]
async fn a_sweep_that_reads_nothing_in_time_fails() {
    let scenario = || Scenario::new().stack_set(set("baseline"));
    for (action, text) in [
        ("ListStackSets", "could not list the stack sets: the function's time ran out"),
        ("ListStackSetOperations", "could not list the operations of any stack set: the function's time ran out"),
    ] {
        let stage = Stage::new(scenario().fault(Fault::on(action, FaultKind::Hang))).await;
        let error = stage.time(Duration::from_millis(400)).response(&tick(TICK)).await.unwrap_err();
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
        let stage = Stage::with(scenario, &[("SWEEP_CONCURRENCY", setting)]).await;
        assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()).len(), 40);
        assert_eq!(stage.aws.most_at_once(), most);
    }
}

/// The largest sweep that the quotas allow, with what its operations are in practice: almost all told or old.
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
    let stage = Stage::new(scenario).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(
        numbers(&response),
        json!({"finished": true, "stackSets": 1_000, "stackSetsDone": 1_000, "operations": 20_000, "due": 10, "published": 10})
    );
    let calls = |action: &str| stage.aws.requests_of(action).len();
    assert_eq!(calls("ListStackSets"), 1_000 / 100);
    assert_eq!(calls("ListStackSetOperations"), 1_000);
    assert_eq!(
        (calls("DescribeStackSetOperation"), calls("ListStackSetOperationResults"), calls("Publish")),
        (10, 10, 10)
    );
    assert_eq!(stage.aws.requests().len(), 10 + 1_000 + 3 * 10);
}

#[test]
fn a_reply_stays_below_what_lambda_takes() {
    let done = |n: u64| OperationResult {
        stack_set: Some(set("baseline").id()),
        operation_id: Some(format!("op-{n}")),
        outcome: None,
        action: if n.is_multiple_of(10) { Action::Published } else { Action::Quiet },
        message_id: None,
        counts: None,
        pages: None,
        why: "why ".repeat(60),
        attempt: None,
        unguarded: None,
        measured: None,
    };
    let whole = Response { operations: (0..20_000).map(done).collect(), sweep: Some(Swept::default()) };
    let response = serde_json::to_value(whole.shortened()).unwrap();
    assert!(response.to_string().len() < 1_000_000);
    let kept = response["operations"].as_array().unwrap();
    assert_eq!((kept.len(), &response["sweep"]["operationsOmitted"]), (1_000, &json!(19_000)));
    assert!(kept.iter().all(|done| done["action"] == "published"));
}

const LEDGER: (&str, &str) = ("LEDGER_TABLE", "told");

/// A stage whose function keeps a ledger.
async fn recorded(scenario: Scenario, more: &[(&str, &str)]) -> Stage {
    Stage::with(scenario.table("told", "id"), &[&[LEDGER], more].concat()).await
}

#[tokio::test]
async fn with_a_ledger_all_that_nobody_was_told_of_within_the_look_back_is_told_once() {
    let scenario = Scenario::new().stack_set(
        set("baseline")
            .operation(failed("by-event", "2026-11-20T09:50:00Z"))
            .operation(failed("missed", "2026-11-19T11:00:00Z"))
            .operation(succeeded("quiet", "2026-11-19T11:00:00Z"))
            .operation(failed("too-old", "2026-11-19T10:00:00Z")),
    );
    let stage = recorded(scenario, &[]).await;
    stage.response(&crate::support::event(&set("baseline").arn(), "by-event", "FAILED")).await.unwrap();
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["missed published", "quiet quiet"]);
    assert_eq!((&response["sweep"]["due"], &response["sweep"]["alreadyTold"]), (&json!(3), &json!(1)));

    // Quiet ones are known, too: the next sweep reads no results.
    let before = stage.aws.requests_of("ListStackSetOperationResults").len();
    let response = stage.response(&tick("2026-11-20T10:15:00Z")).await.unwrap();
    assert_eq!((told(&response), &response["sweep"]["alreadyTold"]), (vec![], &json!(3)));
    assert_eq!(stage.aws.requests_of("ListStackSetOperationResults").len(), before);
    // And an event that comes late is told no more.
    let late = stage.invoke(&crate::support::event(&set("baseline").arn(), "missed", "FAILED")).await.unwrap();
    assert_eq!(late["action"], "already-published");
    assert_eq!(stage.aws.published().len(), 2);
}

#[tokio::test]
async fn with_a_ledger_each_day_of_a_stuck_operation_is_told_by_whichever_sweep_comes_first() {
    let scenario = Scenario::new().stack_set(set("baseline").operation(running("stuck", "2026-11-20T03:55:00Z")));
    let stage = recorded(scenario, &[]).await;
    for (time, told_now) in [
        ("2026-11-20T09:00:00Z", false),
        // No sweep at the moment when it crossed: the next one tells.
        ("2026-11-20T13:00:00Z", true),
        ("2026-11-20T14:00:00Z", false),
        ("2026-11-21T09:00:00Z", false),
        ("2026-11-21T11:00:00Z", true),
        ("2026-11-21T12:00:00Z", false),
    ] {
        let response = stage.response(&tick(time)).await.unwrap();
        assert_eq!(told(&response) == ["stuck published"], told_now, "{time}");
    }
    // Its end is another thing to tell.
    stage.aws.with(|scenario| {
        let operation = scenario.operation_mut("stuck").unwrap();
        operation.status = Some("FAILED".to_owned());
        operation.ended = Some("2026-11-21T12:30:00Z".to_owned());
    });
    assert_eq!(told(&stage.response(&tick("2026-11-21T13:00:00Z")).await.unwrap()), ["stuck published"]);
    assert_eq!(stage.aws.published().len(), 3);
}

#[tokio::test]
async fn what_another_invocation_is_about_to_tell_is_no_error_of_the_sweep() {
    let scenario = Scenario::new().stack_set(set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z")));
    let stage = recorded(scenario, &[]).await;
    let id = format!("arn:aws:cloudformation:eu-central-1::stackset/{}/op-1/FAILED", set("baseline").id());
    stage.aws.with(|scenario| {
        let item = json!({"id": {"S": id}, "status": {"S": "INPROGRESS"}, "claim": {"S": "theirs"}, "attempt": {"N": "1"},
            "in_progress_expiration": {"N": "99999999999999"}, "expiration": {"N": "99999999999"}});
        scenario.tables[0].items.insert(id.clone(), item.as_object().unwrap().clone());
    });
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!((told(&response), &response["sweep"]["inProgress"]), (vec!["op-1 in-progress".to_owned()], &json!(1)));
    assert!(stage.aws.published().is_empty());
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_makes_it_a_sweep_without_one() {
    let mut scenario = Scenario::new();
    for name in ["a", "b", "c"] {
        scenario = scenario.stack_set(
            set(name)
                .operation(failed(&format!("recent-{name}"), "2026-11-20T09:30:00Z"))
                .operation(failed(&format!("long-ago-{name}"), "2026-11-19T13:00:00Z")),
        );
    }
    let down = Fault::error("BatchGetItem", 400, "AccessDeniedException", "not allowed");
    let stage = recorded(scenario.fault(down), &[("SWEEP_CONCURRENCY", "1")]).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    // Otherwise every sweep would tell everything of the last day again.
    assert_eq!(told(&response), ["recent-a published", "recent-b published", "recent-c published"]);
    let unguarded = response["sweep"]["unguarded"].as_str().unwrap();
    assert!(unguarded.starts_with("could not read 2 records of table told: AccessDeniedException"), "{unguarded}");
    assert_eq!(stage.aws.requests_of("BatchGetItem").len(), 1, "it is not asked again");
}

#[tokio::test]
async fn sweeps_that_have_time_for_a_part_only_tell_all_of_it_in_the_end() {
    const SETS: usize = 20;
    let mut scenario = Scenario::new();
    for n in 0..SETS {
        scenario = scenario
            .stack_set(set(&format!("set-{n:02}")).operation(failed(&format!("op-{n:02}"), "2026-11-20T09:30:00Z")));
    }
    let stage = recorded(scenario, &[]).await.time(Duration::from_millis(2_000));
    let mut sweeps = 0;
    while stage.aws.published().len() < SETS {
        let answers = stage.aws.requests_of("ListStackSetOperations").len() + SETS / 10;
        stage.aws.with(|scenario| {
            scenario.faults = vec![Fault::on("ListStackSetOperations", FaultKind::Hang).from_call(answers + 1)];
        });
        let response = stage.response(&tick(&format!("2026-11-20T{:02}:00:00Z", 10 + sweeps))).await.unwrap();
        assert_eq!(response["sweep"]["finished"], false);
        sweeps += 1;
        assert!(sweeps <= 13, "{} of {SETS} told", stage.aws.published().len());
    }
    assert_eq!(stage.aws.published().len(), SETS, "none of them twice");
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
    let error = stage.response(&tick(TICK)).await.unwrap_err();
    assert_eq!(error.kind(), "PublishError");
    assert!(error.to_string().contains("AuthorizationError: not yours"), "{error}");
    // Lambda tries again, and nothing has been lost.
    stage.aws.with(|scenario| scenario.faults.clear());
    assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()), ["op-a published", "op-b published"]);

    let stage = recorded(scenario().fault(denied().once()), &[("SWEEP_CONCURRENCY", "1")]).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!((told(&response).len(), &response["sweep"]["failures"][0]["kind"]), (1, &json!("PublishError")));
}

const DIGEST: (&str, &str) = ("SWEEP_MODE", "digest");

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
    for ledger in [false, true] {
        let stage = match ledger {
            false => Stage::with(two_stack_sets(), &[DIGEST]).await,
            true => recorded(two_stack_sets(), &[DIGEST]).await,
        };
        let response = stage.response(&tick(TICK)).await.unwrap();
        assert_eq!(told(&response), ["op-1 published", "op-2 quiet", "op-3 published"]);
        let message = stage.published();
        for done in response["operations"].as_array().unwrap().iter().filter(|done| done["action"] == "published") {
            assert_eq!(done["messageId"], message.message_id);
        }
        assert_eq!((&response["sweep"]["published"], &response["sweep"]["quiet"]), (&json!(2), &json!(1)));
        assert_eq!(
            message.subject.as_deref(),
            Some("DIGEST: 2 operations with problems in 2 stack sets, 2 targets failed, 1 still in progress")
        );
        let document = stage.document();
        assert_eq!((&document["kind"], &document["sweep"]["at"]), (&json!("digest"), &json!(TICK)));
        let sets = document["stackSets"].as_array().unwrap();
        assert_eq!(
            sets.iter().map(|set| &set["operations"][0]["id"]).collect::<Vec<_>>(),
            [&json!("op-1"), &json!("op-3")]
        );
        assert_eq!(sets[0]["operations"][0]["attempt"], if ledger { json!(1) } else { Value::Null });
        if ledger {
            // All of it is recorded, the quiet one too.
            let again = stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap();
            assert_eq!((told(&again), &again["sweep"]["alreadyTold"]), (vec![], &json!(3)));
            let late = stage.invoke(&crate::support::event(&set("baseline").arn(), "op-1", "FAILED")).await.unwrap();
            assert_eq!(
                (&late["action"], &late["messageId"]),
                (&json!("already-published"), &json!(message.message_id))
            );
            assert_eq!(stage.aws.published().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_digest_without_problems_is_sent_only_where_always_is_asked_for() {
    let scenario = || Scenario::new().stack_set(set("baseline").operation(succeeded("op-2", "2026-11-20T09:40:00Z")));
    let stage = Stage::with(scenario(), &[DIGEST]).await;
    assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()), ["op-2 quiet"]);
    assert!(stage.aws.published().is_empty());
    let stage = Stage::with(scenario(), &[DIGEST, ("NOTIFY_ON", "always")]).await;
    assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()), ["op-2 published"]);
    assert_eq!(stage.published().subject.as_deref(), Some("DIGEST: 1 operation in 1 stack set, no problems"));
}

#[tokio::test]
async fn what_somebody_else_tells_meanwhile_is_left_out_of_the_digest() {
    let stage = recorded(two_stack_sets(), &[DIGEST]).await;
    let id = format!("arn:aws:cloudformation:eu-central-1::stackset/{}/op-1/FAILED", set("baseline").id());
    stage.aws.with(|scenario| {
        let item = json!({"id": {"S": id}, "status": {"S": "INPROGRESS"}, "claim": {"S": "theirs"}, "attempt": {"N": "1"},
            "in_progress_expiration": {"N": "99999999999999"}, "expiration": {"N": "99999999999"}});
        scenario.tables[0].items.insert(id.clone(), item.as_object().unwrap().clone());
    });
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["op-1 in-progress", "op-2 quiet", "op-3 published"]);
    assert_eq!(stage.document()["counts"]["operations"], 1);
}

#[tokio::test]
async fn a_digest_that_cannot_be_published_fails_and_is_told_by_the_next_try() {
    let denied = Fault::error("Publish", 403, "AuthorizationError", "not yours");
    let stage = recorded(two_stack_sets().fault(denied), &[DIGEST]).await;
    assert_eq!(stage.response(&tick(TICK)).await.unwrap_err().kind(), "PublishError");
    stage.aws.with(|scenario| scenario.faults.clear());
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["op-1 published", "op-3 published"], "the claims were given back");
    // SNS may have taken the first one all the same, so the second says that it is one.
    assert_eq!(stage.document()["stackSets"][0]["operations"][0]["attempt"], 2);
}

#[tokio::test]
async fn a_digest_holds_its_claims_until_it_is_out() {
    let slow = Fault::on("Publish", FaultKind::Delay(Duration::from_millis(900)));
    let stage = recorded(two_stack_sets().fault(slow), &[DIGEST]).await.lease(Duration::from_millis(300));
    let event = crate::support::event(&set("baseline").arn(), "op-1", "FAILED");
    let sweep = tick(TICK);
    let (response, event) = tokio::join!(stage.response(&sweep), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stage.response(&event).await
    });
    assert_eq!(told(&response.unwrap()).len(), 3);
    // Without renewals its claim would have run out by then.
    assert_eq!(event.unwrap_err().kind(), "InProgressError");
    assert_eq!(stage.aws.published().len(), 1);
}

#[tokio::test]
async fn an_operation_that_takes_long_leaves_time_to_the_next() {
    let baseline = set("baseline")
        .operation(failed("slow", "2026-11-20T09:30:00Z"))
        .operation(failed("quick", "2026-11-20T09:30:00Z"));
    let hang = Fault::on("ListStackSetOperationResults", FaultKind::Hang).with_param("OperationId", "slow");
    let stage = Stage::new(Scenario::new().stack_set(baseline).fault(hang)).await.time(Duration::from_secs(3));
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["quick published"]);
    assert_eq!(response["sweep"]["failures"][0]["operationId"], "slow");
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_does_not_tell_the_look_back_at_every_tick() {
    let scenario = || {
        let old = Scenario::new().stack_set(
            set("baseline")
                .operation(failed("long-ago", "2026-11-19T20:00:00Z"))
                .operation(failed("recent", "2026-11-20T09:30:00Z"))
                .operation(succeeded("quiet", "2026-11-19T20:00:00Z")),
        );
        old.fault(Fault::error("UpdateItem", 400, "AccessDeniedException", "no"))
    };
    for mode in ["each", "digest"] {
        let stage = recorded(scenario(), &[("SWEEP_MODE", mode)]).await;
        let response = stage.response(&tick(TICK)).await.unwrap();
        let published: Vec<String> = told(&response).into_iter().filter(|one| one.ends_with("published")).collect();
        assert_eq!(published, ["recent published"], "{mode}");
        let sweep = &response["sweep"];
        assert!(sweep["unguarded"].as_str().unwrap().contains("AccessDeniedException: no"), "{mode}: {sweep}");
        assert!(sweep["withheld"].as_u64().unwrap() >= 1, "{mode}: {sweep}");
        for hour in 11..15 {
            stage.response(&tick(&format!("2026-11-20T{hour}:00:00Z"))).await.unwrap();
        }
        assert_eq!(stage.aws.published().len(), 1, "{mode}");
        // Nothing is lost: once it can be written, what was kept back is told.
        stage.aws.with(|scenario| scenario.faults.clear());
        let response = stage.response(&tick("2026-11-20T10:30:00Z")).await.unwrap();
        assert!(told(&response).contains(&"long-ago published".to_owned()), "{mode}: {response}");
    }
}

#[tokio::test]
async fn what_would_leave_the_look_back_is_told_by_a_ledger_in_trouble_too() {
    let scenario = || {
        let baseline = set("baseline").operation(failed("op-1", "2026-11-19T12:30:00Z"));
        Scenario::new().stack_set(baseline.operation(failed("op-2", "2026-11-19T20:00:00Z")))
    };
    for action in ["BatchGetItem", "UpdateItem"] {
        for mode in ["each", "digest"] {
            let down = Fault::error(action, 400, "AccessDeniedException", "no");
            let stage = recorded(scenario().fault(down), &[("SWEEP_MODE", mode)]).await;
            // The look-back of the sweep at 13:00 begins at 13:00 of the day before.
            for (hour, expected) in [(11, vec![]), (12, vec!["op-1 published"]), (13, vec![])] {
                let response = stage.response(&tick(&format!("2026-11-20T{hour}:00:00Z"))).await.unwrap();
                assert_eq!(told(&response), expected, "{action}, {mode}, {hour}: {response}");
                let sweep = &response["sweep"];
                assert!(sweep["unguarded"].as_str().unwrap().contains("AccessDeniedException: no"), "{sweep}");
                assert!(sweep["withheld"].as_u64().unwrap() >= 1, "{action}, {mode}, {hour}: {sweep}");
                // Where no claim could be made, the message says so.
                let unguarded = |done: &Value| done["unguarded"].is_string() == (action == "UpdateItem");
                assert!(
                    response["operations"].as_array().unwrap().iter().all(unguarded),
                    "{action}, {mode}: {response}"
                );
            }
            assert_eq!(stage.aws.published().len(), 1, "{action}, {mode}");
        }
    }
}

#[tokio::test]
async fn a_cron_schedule_with_a_ledger_in_trouble_tells_the_older_half_only() {
    let cron = ("SWEEP_SCHEDULE", "cron(0 * * * ? *)");
    let scenario = || {
        let baseline = set("baseline").operation(failed("op-1", "2026-11-20T09:30:00Z"));
        Scenario::new().stack_set(baseline.operation(running("stuck", "2026-11-20T03:55:00Z")))
    };
    for action in ["BatchGetItem", "UpdateItem"] {
        let down = || Fault::error(action, 400, "AccessDeniedException", "no");
        let stage = recorded(scenario().fault(down()), &[cron]).await;
        for hour in [10, 11, 14, 21] {
            let response = stage.response(&tick(&format!("2026-11-20T{hour}:00:00Z"))).await.unwrap();
            assert!(told(&response).is_empty(), "{action}: {response}");
            let sweep = &response["sweep"];
            assert!(sweep["unguarded"].as_str().unwrap().contains("AccessDeniedException"), "{action}");
            assert_eq!(sweep["withheld"], 2, "{action}: {sweep}");
        }
        // Once the ledger answers, what was kept back is told.
        stage.aws.with(|scenario| scenario.faults.clear());
        let response = stage.response(&tick("2026-11-20T21:30:00Z")).await.unwrap();
        assert_eq!(told(&response), ["op-1 published", "stuck published"], "{action}");

        // If it does not, half a day of the look-back is left.
        let stage = recorded(scenario().fault(down()), &[cron]).await;
        let response = stage.response(&tick("2026-11-20T22:00:00Z")).await.unwrap();
        assert_eq!(told(&response), ["op-1 published", "stuck published"], "{action}: {response}");
        assert_eq!(response["sweep"]["withheld"], 0, "{action}");
    }
}

#[tokio::test]
async fn a_digest_takes_no_more_than_it_can_record_and_the_next_one_takes_the_rest() {
    let scenario = || {
        let mut scenario = Scenario::new();
        for n in 0..10 {
            let mut one = set(&format!("set-{n}"));
            for m in 0..25 {
                one = one.operation(failed(&format!("op-{n}-{m}"), "2026-11-20T09:30:00Z"));
            }
            scenario = scenario.stack_set(one);
        }
        scenario
    };
    let settings = [DIGEST, ("SWEEP_CONCURRENCY", "1")];
    let stage = recorded(scenario(), &settings).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    let sweep = &response["sweep"];
    assert_eq!((&sweep["due"], &sweep["published"], &sweep["left"]), (&json!(250), &json!(200), &json!(50)), "{sweep}");
    assert_eq!((&sweep["finished"], &sweep["stackSetsDone"]), (&json!(false), &json!(8)));
    let email = stage.published().body("email").unwrap();
    assert!(email.contains("INCOMPLETE: 8 of 10 stack sets are done; the next sweeps go on elsewhere."), "{email}");
    // What was left was not read, either.
    assert_eq!(stage.aws.requests_of("DescribeStackSetOperation").len(), 200);
    let response = stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap();
    let sweep = &response["sweep"];
    assert_eq!((&sweep["alreadyTold"], &sweep["published"], &sweep["left"]), (&json!(200), &json!(50), &json!(0)));

    // Without a ledger nobody would take the rest, so that it is counted at least.
    let stage = Stage::with(scenario(), &settings).await;
    assert_eq!(stage.response(&tick(TICK)).await.unwrap()["sweep"]["published"], 250);
}

/// A digest of 40 operations that ended then, claimed one by one, each claim taking 150 ms.
async fn slowly_claimed(ended: &str, time: Duration) -> Stage {
    let baseline = (0..40).fold(set("baseline"), |set, n| set.operation(failed(&format!("op-{n}"), ended)));
    let slow = Fault::on("UpdateItem", FaultKind::Delay(Duration::from_millis(150)));
    let settings = [DIGEST, ("SWEEP_CONCURRENCY", "1")];
    recorded(Scenario::new().stack_set(baseline).fault(slow), &settings).await.time(time)
}

#[tokio::test]
async fn claims_that_take_long_leave_a_digest_time_for_its_message() {
    let time = Duration::from_secs(6);
    let stage = slowly_claimed("2026-11-20T09:30:00Z", time).await;
    let started = std::time::Instant::now();
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert!(started.elapsed() < time, "{:?}", started.elapsed());
    let count = |response: &Value, word: &str| response["sweep"][word].as_u64().unwrap();
    let (first, left) = (count(&response, "published"), count(&response, "left"));
    assert!(first > 0 && left > 0 && first + left == 40 && response["sweep"]["unguarded"].is_null(), "{response}");
    // The next one takes them, and nothing twice.
    stage.aws.with(|scenario| scenario.faults.clear());
    let response = stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap();
    assert_eq!((count(&response, "published"), count(&response, "left")), (left, 0), "{response}");
    assert_eq!(stage.aws.published().len(), 2);
}

/// At the end of the look-back there is no later sweep.
#[tokio::test]
async fn what_cannot_wait_for_its_claim_is_told_without_one() {
    let stage = slowly_claimed("2026-11-19T10:30:00Z", Duration::from_secs(6)).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!((&response["sweep"]["published"], stage.aws.published().len()), (&json!(40), 1), "{response}");
    assert!(
        response["sweep"]["unguarded"]
            .as_str()
            .unwrap()
            .contains("could not claim all operations of the digest in time"),
        "{response}"
    );
}

#[tokio::test]
async fn one_claim_that_fails_does_not_leave_the_rest_of_a_digest_unrecorded() {
    let baseline = set("baseline")
        .operation(failed("op-1", "2026-11-20T09:30:00Z"))
        .operation(failed("op-2", "2026-11-20T09:30:00Z"));
    // Three attempts are one claim.
    let throttled = Fault::on("UpdateItem", FaultKind::Throttling).times(3);
    let settings = [DIGEST, ("SWEEP_CONCURRENCY", "1")];
    let stage = recorded(Scenario::new().stack_set(baseline).fault(throttled), &settings).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert_eq!(told(&response), ["op-1 published", "op-2 published"]);
    for done in response["operations"].as_array().unwrap() {
        assert!(done["unguarded"].as_str().unwrap().contains("could not claim "), "{done}");
    }
    let next = stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap();
    assert_eq!((told(&next), &next["sweep"]["alreadyTold"]), (vec![], &json!(2)));
    assert_eq!(stage.aws.published().len(), 1);
}

#[tokio::test]
async fn a_slow_publish_does_not_leave_a_digest_unrecorded() {
    let hang = |id: &str| Fault::on("ListStackSetOperationResults", FaultKind::Hang).with_param("OperationId", id);
    let mut baseline = set("baseline");
    for id in ["good-1", "good-2", "hang-1", "hang-2", "hang-3", "hang-4"] {
        baseline = baseline.operation(failed(id, "2026-11-20T09:30:00Z"));
    }
    let mut scenario = Scenario::new()
        .stack_set(baseline)
        .fault(Fault::on("Publish", FaultKind::Delay(Duration::from_millis(1_100))))
        .fault(Fault::on("UpdateItem", FaultKind::Delay(Duration::from_millis(20))));
    for id in ["hang-1", "hang-2", "hang-3", "hang-4"] {
        scenario = scenario.fault(hang(id));
    }
    let stage = recorded(scenario, &[DIGEST]).await.time(Duration::from_secs(8));
    let response = stage.response(&tick("2026-11-20T12:00:00Z")).await.unwrap();
    assert_eq!(told(&response), ["good-1 published", "good-2 published"]);
    for done in response["operations"].as_array().unwrap() {
        assert!(done["unguarded"].is_null(), "{done}");
    }
    let statuses = stage.aws.with(|scenario| -> Vec<Value> {
        scenario.tables[0].items.values().map(|item| item["status"]["S"].clone()).collect()
    });
    assert_eq!(statuses, ["COMPLETED", "COMPLETED"]);
}

#[tokio::test]
async fn what_has_just_ended_is_left_to_its_event_for_five_minutes() {
    let just = |scenario: Scenario| {
        scenario.stack_set(
            set("baseline")
                .operation(failed("just", "2026-11-20T09:55:00Z"))
                .operation(failed("before", "2026-11-20T09:54:59Z")),
        )
    };
    let stage = recorded(just(Scenario::new()), &[]).await;
    assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()), ["before published"]);
    assert_eq!(told(&stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap()), ["just published"]);
    // The next sweep finds it even when it cannot ask the ledger.
    let down = Fault::error("BatchGetItem", 400, "AccessDeniedException", "no");
    let stage = recorded(just(Scenario::new().fault(down)), &[]).await;
    assert_eq!(told(&stage.response(&tick(TICK)).await.unwrap()), ["before published"]);
    assert_eq!(told(&stage.response(&tick("2026-11-20T11:00:00Z")).await.unwrap()), ["just published"]);
    assert!(told(&stage.response(&tick("2026-11-20T12:00:00Z")).await.unwrap()).is_empty());
}

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
    let stage = recorded(scenario, &[]).await.time(Duration::from_secs(2));
    let mut sweeps = 0;
    while stage.aws.published().is_empty() {
        let response = stage.response(&tick(&format!("2026-11-20T{:02}:00:00Z", 10 + sweeps))).await;
        assert!(response.is_ok());
        sweeps += 1;
        assert!(sweeps <= 6, "it starves");
    }
}

#[tokio::test]
async fn records_that_dynamodb_never_gets_to_are_asked_for_a_few_times_only() {
    let mut baseline = set("baseline");
    for id in ["op-1", "op-2"] {
        baseline = baseline.operation(failed(id, "2026-11-20T09:30:00Z"));
    }
    let scenario = Scenario::new().stack_set(baseline).fault(Fault::on("BatchGetItem", FaultKind::Unprocessed));
    let stage = recorded(scenario, &[]).await;
    let response = stage.response(&tick(TICK)).await.unwrap();
    assert!(response["sweep"]["unguarded"].as_str().unwrap().contains("the time ran out"), "{response}");
    assert_eq!(told(&response), ["op-1 published", "op-2 published"]);
    // 50, 100, 200, 400, 800 ms, then a second each.
    assert!(stage.aws.requests_of("BatchGetItem").len() <= 9, "{}", stage.aws.requests_of("BatchGetItem").len());
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
    for time in [TICK, "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"] {
        let stage = recorded(scenario.clone(), &[("SWEEP_CONCURRENCY", "1")]).await;
        assert_eq!(stage.response(&tick(time)).await.unwrap_err().kind(), "PublishError", "{time}");
    }
}
