//! Reported once: what the ledger lets through, what it stops, and what happens without it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::{FailedCount, Fault, FaultKind, Item, Operation, Row, Scenario};
use serde_json::{Value, json};
use stackset_notifier::ledger::{Key, Ledger};
use stackset_notifier::operation::{OperationRef, StackSetRef};
use stackset_notifier::time_budget::TimeBudget;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{OPERATION, Stage, account, event, operation, stack_set};

const TABLE: &str = "reports";
const WRITE: &str = "UpdateItem";
const RESULTS: &str = "ListStackSetOperationResults";

fn failed() -> Operation {
    operation("FAILED", vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")])
}

fn succeeded() -> Operation {
    operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")])
}

fn scenario(operation: Operation) -> Scenario {
    Scenario::new().stack_set(stack_set().operation(operation)).table(TABLE, "id")
}

/// A stage whose function keeps a ledger.
async fn keeping(scenario: Scenario) -> Stage {
    Stage::with(scenario, &[("LEDGER_TABLE", TABLE)]).await
}

fn key(status: &str) -> String {
    format!("arn:aws:cloudformation:eu-central-1::stackset/{}/{OPERATION}/{status}", stack_set().id())
}

fn records(stage: &Stage) -> Vec<Item> {
    stage.aws.with(|scenario| scenario.tables[0].items.values().cloned().collect())
}

fn record(stage: &Stage) -> Value {
    let mut all = records(stage);
    assert_eq!(all.len(), 1, "{all:?}");
    Value::Object(all.remove(0))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn number(record: &Value, name: &str) -> u64 {
    record[name]["N"].as_str().unwrap().parse().unwrap()
}

/// Sets a time of the only record.
fn set(stage: &Stage, name: &str, time: u64) {
    stage.aws.with(|scenario| {
        let item = scenario.tables[0].items.values_mut().next().unwrap();
        item.insert(name.to_owned(), json!({"N": time.to_string()}));
    });
}

/// As if the time of the only claim were over.
fn let_the_claim_run_out(stage: &Stage) {
    set(stage, "in_progress_expiration", (now() - 1) * 1_000);
}

/// Somebody else's claim, good for another minute.
fn claimed_elsewhere(stage: &Stage, status: &str) {
    let item = json!({
        "id": {"S": key(status)}, "status": {"S": "INPROGRESS"}, "claim": {"S": "theirs"}, "attempt": {"N": "1"},
        "in_progress_expiration": {"N": ((now() + 60) * 1_000).to_string()},
        "expiration": {"N": (now() + 1_000_000).to_string()}, "updated": {"S": "2026-11-20T05:46:24Z"},
    });
    stage.aws.with(|scenario| scenario.tables[0].items.insert(key(status), item.as_object().unwrap().clone()));
}

fn is_manual(name: &str) -> Value {
    json!({"stackSetName": name, "operationId": OPERATION})
}

#[tokio::test]
async fn the_same_event_twice_is_one_message() {
    let stage = keeping(scenario(failed())).await;
    let first = stage.ended("FAILED").await.unwrap();
    assert_eq!((&first["action"], &first["attempt"]), (&json!("published"), &json!(1)));
    assert!(first["ledgerError"].is_null());
    assert_eq!(stage.document()["attempt"], 1);

    let record = record(&stage);
    assert_eq!(record["id"]["S"], key("FAILED"));
    assert_eq!((&record["status"]["S"], &record["attempt"]["N"]), (&json!("COMPLETED"), &json!("1")));
    assert_eq!(record["message_ids"]["SS"], json!([first["messageId"]]));
    let days = (number(&record, "expiration") - now()).div_ceil(24 * 60 * 60);
    assert_eq!(days, 30, "a dead letter of 14 days, tried for a day and 6 hours, and then a look-back of 7 days");

    let pages = stage.aws.requests_of(RESULTS).len();
    let second = stage.ended("FAILED").await.unwrap();
    assert_eq!((&second["action"], &second["messageId"]), (&json!("alreadyPublished"), &first["messageId"]));
    let why = second["reason"].as_str().unwrap();
    assert!(why.starts_with("it was published as ") && why.contains(record["updated"]["S"].as_str().unwrap()), "{why}");
    assert_eq!(stage.aws.published().len(), 1);
    assert_eq!(stage.aws.requests_of(RESULTS).len(), pages, "nothing is read for it");
}

#[tokio::test]
async fn a_quiet_outcome_is_recorded_too() {
    let stage = keeping(scenario(succeeded())).await;
    assert_eq!(stage.ended("SUCCEEDED").await.unwrap()["action"], "quiet");
    let record = record(&stage);
    assert_eq!((&record["status"]["S"], &record["message_ids"]), (&json!("COMPLETED"), &Value::Null));
    let second = stage.ended("SUCCEEDED").await.unwrap();
    assert_eq!((&second["action"], &second["messageId"]), (&json!("quiet"), &Value::Null));
    assert!(second["reason"].as_str().unwrap().starts_with("it was read and needed no message at "));
    assert_eq!(stage.aws.requests_of(RESULTS).len(), 1);
}

#[tokio::test]
async fn a_live_claim_stops_everybody_else() {
    let stage = keeping(scenario(failed())).await;
    claimed_elsewhere(&stage, "FAILED");
    let error = stage.ended("FAILED").await.unwrap_err();
    assert_eq!(error.kind(), "InProgressError", "Lambda is to try the event again");
    let text = error.to_string();
    let start = format!("could not report operation {OPERATION} of stack set {}: another invocation", stack_set().id());
    assert!(text.starts_with(&start), "{text}");
    let done = stage.invoke(&is_manual("baseline")).await.unwrap();
    assert_eq!((&done["action"], &done["messageId"]), (&json!("inProgress"), &Value::Null));
    assert!(stage.aws.published().is_empty());
    assert!(stage.aws.requests_of(RESULTS).is_empty());
    assert_eq!(record(&stage)["claim"]["S"], "theirs");
}

#[tokio::test]
async fn a_claim_that_has_run_out_is_taken_over_and_the_message_says_so() {
    let stage = keeping(scenario(failed())).await;
    claimed_elsewhere(&stage, "FAILED");
    let_the_claim_run_out(&stage);
    let done = stage.ended("FAILED").await.unwrap();
    assert_eq!((&done["action"], &done["attempt"]), (&json!("published"), &json!(2)));
    assert_eq!(stage.document()["attempt"], 2);
    let message = stage.published();
    for protocol in ["email", "https"] {
        let body = message.body(protocol).unwrap().replace('\n', " ");
        assert!(body.contains("This is attempt 2: an earlier one was cut off"), "{protocol}: {body}");
    }
    let record = record(&stage);
    assert_eq!((number(&record, "attempt"), &record["status"]["S"]), (2, &json!("COMPLETED")));
    assert_eq!(record["message_ids"]["SS"].as_array().unwrap().len(), 1, "one attempt has no known message");
}

#[tokio::test]
async fn a_record_that_dynamodb_has_not_deleted_yet_has_expired_all_the_same() {
    let stage = keeping(scenario(failed())).await;
    stage.ended("FAILED").await.unwrap();
    set(&stage, "expiration", now() - 1);
    let again = stage.ended("FAILED").await.unwrap();
    // As if there had been no record: nobody was cut off.
    assert_eq!((&again["action"], &again["attempt"]), (&json!("published"), &json!(1)));
    let messages = stage.aws.published();
    assert_eq!(messages.len(), 2);
    assert!(!messages[1].body("email").unwrap().contains("This is attempt"));
}

#[tokio::test]
async fn a_failed_reading_gives_the_claim_back() {
    let denied = Fault::error(RESULTS, 403, "AccessDenied", "no");
    let stage = keeping(scenario(failed()).fault(denied.times(5))).await;
    assert_eq!(stage.ended("FAILED").await.unwrap_err().kind(), "ReadError");
    let done = stage.ended("FAILED").await.unwrap();
    // Nothing can have been published.
    assert_eq!((&done["action"], &done["attempt"]), (&json!("published"), &json!(1)));
}

#[tokio::test]
async fn a_failed_publish_gives_the_claim_back_but_counts() {
    let refused = Fault::error("Publish", 403, "AuthorizationError", "no");
    let stage = keeping(scenario(failed()).fault(refused.once())).await;
    assert_eq!(stage.ended("FAILED").await.unwrap_err().kind(), "PublishError");
    let done = stage.ended("FAILED").await.unwrap();
    assert_eq!((&done["action"], &done["attempt"]), (&json!("published"), &json!(2)));
    assert_eq!(stage.aws.published().len(), 1);
}

#[tokio::test]
async fn a_ledger_in_trouble_never_loses_a_message() {
    let throughput = "ProvisionedThroughputExceededException";
    for (fault, cause, calls) in [
        (Fault::on(WRITE, FaultKind::Reset), "", 3),
        (Fault::on(WRITE, FaultKind::NotXml), "", 3),
        (Fault::on(WRITE, FaultKind::Throttling), "ThrottlingException: ", 3),
        (Fault::error(WRITE, 400, throughput, "slow down"), throughput, 3),
        (Fault::on(WRITE, FaultKind::InternalFailure), "InternalServerError: ", 3),
        (
            Fault::error(WRITE, 400, "AccessDeniedException", "not authorized"),
            "AccessDeniedException: not authorized",
            1,
        ),
    ] {
        let kind = fault.kind.clone();
        let stage = keeping(scenario(failed()).fault(fault)).await;
        let done = stage.ended("FAILED").await.unwrap();
        assert_eq!(done["action"], "published", "{kind:?}");
        let trouble = done["ledgerError"].as_str().unwrap();
        let claim = format!("could not claim {} in table {TABLE}: {cause}", key("FAILED"));
        assert!(trouble.contains(&claim), "{kind:?}: {trouble}");
        assert!(
            trouble.contains(&format!("; could not record {} in table {TABLE}: {cause}", key("FAILED"))),
            "{trouble}"
        );
        assert_eq!(stage.aws.published().len(), 1);
        assert_eq!(stage.aws.requests_of(WRITE).len(), 2 * calls, "{kind:?}");
        assert!(stage.document()["attempt"].is_null());
    }
}

#[tokio::test]
async fn a_missing_table_never_loses_a_message() {
    let stage =
        Stage::with(Scenario::new().stack_set(stack_set().operation(failed())), &[("LEDGER_TABLE", TABLE)]).await;
    let done = stage.ended("FAILED").await.unwrap();
    assert_eq!(done["action"], "published");
    assert!(done["ledgerError"].as_str().unwrap().contains("ResourceNotFoundException"), "{done}");
}

#[tokio::test]
async fn a_ledger_that_hangs_takes_a_part_of_the_time_only() {
    let stage = keeping(scenario(failed()).fault(Fault::on(WRITE, FaultKind::Hang))).await.time(Duration::from_secs(2));
    let done = stage.ended("FAILED").await.unwrap();
    assert_eq!(done["action"], "published");
    assert!(done["ledgerError"].as_str().unwrap().contains(": no answer in time; could not record"), "{done}");
}

#[tokio::test]
async fn after_the_message_half_of_the_time_is_for_the_record() {
    let slow = Fault::on(WRITE, FaultKind::Delay(Duration::from_millis(700)));
    let stage = keeping(scenario(failed()).fault(slow)).await;
    let ledger = Ledger::new(&stage.sdk, TABLE.to_owned());
    let key = keys(0..1).remove(0);
    let deadline = || Instant::now() + Duration::from_millis(2_600);
    // Before it no more than a quarter: the message must go out all the same.
    assert!(
        ledger
            .claim(&key, &TimeBudget::until(deadline()))
            .await
            .unwrap_err()
            .to_string()
            .ends_with(": no answer in time")
    );
    ledger.complete(&key, Some("m-1"), deadline()).await.unwrap();
}

#[tokio::test]
async fn a_message_without_a_claim_is_recorded_all_the_same() {
    let denied = Fault::error(WRITE, 400, "AccessDeniedException", "no");
    let stage = keeping(scenario(failed()).fault(denied.call(1))).await;
    let first = stage.ended("FAILED").await.unwrap();
    assert!(first["ledgerError"].as_str().unwrap().starts_with("could not claim "));
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");
}

#[tokio::test]
async fn a_record_that_cannot_be_completed_does_not_fail_the_invocation() {
    let denied = Fault::error(WRITE, 400, "AccessDeniedException", "no");
    let stage = keeping(scenario(failed()).fault(denied.call(2))).await;
    let first = stage.ended("FAILED").await.unwrap();
    assert_eq!((&first["action"], &first["attempt"]), (&json!("published"), &json!(1)));
    assert!(first["ledgerError"].as_str().unwrap().starts_with("could not record "));
    assert_eq!(record(&stage)["status"]["S"], "INPROGRESS");
    let_the_claim_run_out(&stage);
    let second = stage.ended("FAILED").await.unwrap();
    assert_eq!((&second["action"], &second["attempt"]), (&json!("published"), &json!(2)));
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_known_again() {
    let stage = keeping(scenario(failed()).fault(Fault::on(WRITE, FaultKind::LostAnswer).call(1))).await;
    let done = stage.ended("FAILED").await.unwrap();
    assert_eq!((&done["action"], &done["attempt"]), (&json!("published"), &json!(1)));
    assert!(done["ledgerError"].is_null(), "{done}");
    assert_eq!(stage.aws.requests_of(WRITE).len(), 3, "a claim, the same once more, the record");
}

#[tokio::test]
async fn a_release_or_record_whose_answer_was_lost_changes_nothing_more() {
    let stage = keeping(
        scenario(failed())
            .fault(Fault::error(RESULTS, 403, "AccessDenied", "no").times(5))
            .fault(Fault::on(WRITE, FaultKind::LostAnswer).call(2))
            .fault(Fault::on(WRITE, FaultKind::LostAnswer).call(5)),
    )
    .await;
    stage.ended("FAILED").await.unwrap_err();
    assert_eq!(number(&record(&stage), "attempt"), 0);
    assert_eq!(stage.ended("FAILED").await.unwrap()["attempt"], 1);
    assert_eq!(record(&stage)["message_ids"]["SS"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_manual_request_is_always_answered() {
    let stage = keeping(scenario(failed())).await;
    let first = stage.ended("FAILED").await.unwrap();
    let again = stage.invoke(&is_manual("baseline")).await.unwrap();
    assert_eq!(again["action"], "published");
    let known: HashSet<String> = [&first, &again].map(|done| done["messageId"].as_str().unwrap().to_owned()).into();
    let ids = record(&stage)["message_ids"]["SS"].clone();
    assert_eq!(serde_json::from_value::<HashSet<String>>(ids).unwrap(), known);
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");

    // What a manual request reported is not repeated for the event.
    let stage = keeping(scenario(failed())).await;
    assert_eq!(stage.invoke(&is_manual("baseline")).await.unwrap()["action"], "published");
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");
}

#[tokio::test]
async fn a_failed_manual_request_leaves_the_record() {
    let stage =
        keeping(scenario(failed()).fault(Fault::error("Publish", 403, "AuthorizationError", "no").call(2))).await;
    stage.ended("FAILED").await.unwrap();
    stage.invoke(&is_manual("baseline")).await.unwrap_err();
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");
}

#[tokio::test]
async fn events_and_manual_requests_find_the_same_record() {
    let stage = keeping(scenario(failed())).await;
    for name in ["baseline".to_owned(), stack_set().id(), stack_set().arn()] {
        stage.invoke(&is_manual(&name)).await.unwrap();
    }
    stage.ended("FAILED").await.unwrap();
    assert_eq!(record(&stage)["id"]["S"], key("FAILED"));
    assert_eq!(record(&stage)["message_ids"]["SS"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_operation_that_goes_on_is_not_recorded() {
    let running = operation("RUNNING", vec![Row::running(&account(1), "eu-west-1")]);
    let stage = keeping(scenario(running)).await;
    assert_eq!(stage.invoke(&is_manual("baseline")).await.unwrap()["outcome"], "IN_PROGRESS");
    assert!(stage.aws.requests_of(WRITE).is_empty());
}

#[tokio::test]
async fn an_incomplete_report_is_reported_once_too() {
    let stage = keeping(scenario(failed().failed_count(FailedCount::Fixed(3)))).await;
    stage.ended("FAILED").await.unwrap();
    assert_eq!(stage.document()["completeness"]["complete"], false);
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");
}

#[tokio::test]
async fn other_operations_and_other_copies_of_a_stack_set_have_records_of_their_own() {
    let recreated = stack_set().uuid("00000000-1111-4222-8333-444444444444").operation(failed());
    let mut scenario = scenario(failed()).stack_set(recreated.clone());
    scenario.stack_sets[0].operations.push(Operation::new("op-2").action("UPDATE").status("FAILED"));
    let stage = keeping(scenario).await;
    stage.ended("FAILED").await.unwrap();
    for (arn, operation) in [(stack_set().arn(), "op-2"), (recreated.arn(), OPERATION)] {
        assert_eq!(stage.invoke(&event(&arn, operation, "FAILED")).await.unwrap()["action"], "published");
    }
    assert_eq!(records(&stage).len(), 3);
}

#[tokio::test]
async fn without_a_table_nothing_is_asked_and_everything_is_reported() {
    let stage = Stage::of(failed()).await;
    for _ in 0..2 {
        let done = stage.ended("FAILED").await.unwrap();
        assert_eq!(
            (&done["action"], &done["attempt"], &done["ledgerError"]),
            (&json!("published"), &Value::Null, &Value::Null)
        );
    }
    assert!(stage.aws.requests().iter().all(|request| request.service != "dynamodb"));
}

#[tokio::test]
async fn fifty_at_once_are_one_message() {
    let stage = Arc::new(keeping(scenario(failed())).await);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let stage = Arc::clone(&stage);
        all.spawn(async move { stage.ended("FAILED").await.map_err(|error| error.kind()) });
    }
    let mut published = 0;
    for outcome in all.join_all().await {
        match outcome {
            Ok(done) if done["action"] == "published" => published += 1,
            Ok(done) => assert_eq!(done["action"], "alreadyPublished"),
            Err(kind) => assert_eq!(kind, "InProgressError"),
        }
    }
    assert_eq!((published, stage.aws.published().len()), (1, 1));
}

#[tokio::test]
async fn a_long_reading_keeps_its_claim() {
    let slow = Fault::on(RESULTS, FaultKind::Delay(Duration::from_millis(1_500))).once();
    let stage = Arc::new(keeping(scenario(failed()).fault(slow)).await.lease(Duration::from_millis(300)));
    let first = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.ended("FAILED").await })
    };
    // The claim and four renewals: without them it would have run out.
    while stage.aws.requests_of(WRITE).len() < 5 {
        assert!(!first.is_finished(), "it was not renewed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stage.ended("FAILED").await.unwrap_err().kind(), "InProgressError");
    assert_eq!(first.await.unwrap().unwrap()["action"], "published");
    assert_eq!(stage.ended("FAILED").await.unwrap()["action"], "alreadyPublished");
    assert_eq!(stage.aws.published().len(), 1);
}

#[tokio::test]
async fn a_claim_ends_soon_after_its_invocation() {
    for (time, most) in [(Duration::from_secs(2), 2 + 5), (Duration::from_secs(300), 45)] {
        let hang = Fault::error("Publish", 403, "AuthorizationError", "no");
        let stage = keeping(scenario(failed()).fault(hang).fault(Fault::error(WRITE, 400, "AccessDenied", "").call(2)));
        let stage = stage.await.time(time);
        let before = now();
        stage.ended("FAILED").await.unwrap_err();
        let end = number(&record(&stage), "in_progress_expiration") / 1_000;
        assert!((before + most - 1..=now() + most).contains(&end), "{end} for {time:?} from {before}");
    }
}

fn keys(numbers: std::ops::Range<usize>) -> Vec<Key> {
    let stack_set = StackSetRef::from_arn(&stack_set().arn()).unwrap();
    let operation = |i| OperationRef { stack_set: stack_set.clone(), operation_id: format!("op-{i}") };
    numbers.map(|i| Key::new(&operation(i), "FAILED")).collect()
}

#[tokio::test]
async fn the_sweep_can_ask_for_many_at_once() {
    let stage = keeping(scenario(failed()).fault(Fault::on("BatchGetItem", FaultKind::Unprocessed).call(1))).await;
    let ledger = Ledger::new(&stage.sdk, TABLE.to_owned());
    let deadline = Instant::now() + Duration::from_secs(60);
    let asked = keys(0..250);
    for key in &asked[..120] {
        ledger.complete(key, None, deadline).await.unwrap();
    }
    // Expired, and only claimed.
    stage.aws.with(|scenario| {
        let table = &mut scenario.tables[0];
        table.items.get_mut(&asked[0].to_string()).unwrap()["expiration"] = json!({"N": (now() - 1).to_string()});
    });
    ledger.claim(&asked[200], &TimeBudget::until(deadline)).await.unwrap();

    let twice: Vec<Key> = asked.iter().chain(&asked[..10]).cloned().collect();
    let found = ledger.completed(&twice, deadline).await.unwrap();
    assert_eq!(found, asked[1..120].iter().cloned().collect());
    assert_eq!(stage.aws.requests_of("BatchGetItem").len(), 4, "three batches, one of them in two parts");
    assert!(ledger.completed(&[], deadline).await.unwrap().is_empty());

    stage.aws.with(|scenario| scenario.faults = vec![Fault::on("BatchGetItem", FaultKind::Hang)]);
    let error = ledger.completed(&twice, Instant::now() + Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(error.kind(), "LedgerError");
    assert_eq!(error.to_string(), format!("could not read 260 records of table {TABLE}: the time ran out"));
}

/// Where a sweep runs, it reports what the other invocation may leave behind: no need to try the event again.
#[tokio::test]
async fn an_event_that_finds_its_operation_in_progress_is_no_error_where_a_sweep_runs() {
    let settings = [("LEDGER_TABLE", "reports"), ("SWEEP_ENABLED", "true")];
    let stage = Stage::with(scenario(failed()).table("reports", "id"), &settings).await;
    claimed_elsewhere(&stage, "FAILED");
    let done = stage.ended("FAILED").await.unwrap();
    assert_eq!(done["action"], "inProgress");
    let reason = done["reason"].as_str().unwrap();
    assert!(reason.starts_with("could not report operation op-1 of stack set "), "{reason}");
    assert!(stage.aws.published().is_empty());
}
