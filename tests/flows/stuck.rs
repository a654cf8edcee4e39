//! Operations that do not end: one message for what holds up a stack set, whatever waits behind it.

use sandbox::{Fault, Operation, Row, Scenario, StackSet};
use serde_json::{Value, json};

use crate::support::{Stage, account, operation};
use crate::sweep::{DIGEST, numbers, recorded, reported, running, scheduled, set, stage_of, succeeded};

/// Requested so many minutes after 2026-11-20T04:00:00Z, and waiting.
fn queued(minute: usize) -> Operation {
    let requested = format!("2026-11-20T04:{minute:02}:00Z");
    let rows = vec![Row::pending(&account(1), "eu-west-1")];
    operation("QUEUED", rows).id(&format!("waits-{minute:02}")).times(&requested, None)
}

/// So many operations that wait; of the list's pages only the second has the one that runs.
fn queue_of(length: usize) -> Scenario {
    let baseline = (0..length).rev().map(queued).fold(set("baseline"), StackSet::operation);
    let old = (0..100).map(|n| succeeded(&format!("old-{n}"), "2026-10-01T00:00:00Z"));
    let baseline = old.fold(baseline, StackSet::operation);
    Scenario::new().stack_set(baseline.operation(running("runs", "2026-11-20T03:55:00Z")))
}

/// What the last message says of an operation that has not ended.
fn last_in_progress(stage: &Stage) -> Value {
    let document: Value = serde_json::from_str(&stage.aws.published().last().unwrap().body("sqs").unwrap()).unwrap();
    crate::schema::check(&document);
    let operation = if document["kind"] == "digest" { &document["operations"][0] } else { &document };
    operation["inProgress"].clone()
}

fn begins(stage: &Stage, id: &str) {
    stage.aws.with(|scenario| scenario.operation_mut(id).unwrap().status = Some("RUNNING".to_owned()));
}

fn ends(stage: &Stage, id: &str, time: &str) {
    stage.aws.with(|scenario| {
        let operation = scenario.operation_mut(id).unwrap();
        operation.status = Some("FAILED".to_owned());
        operation.ended = Some(time.to_owned());
    });
}

#[tokio::test]
async fn what_waits_is_in_the_message_of_what_runs() {
    for (length, settings, named) in [(40, &[][..], 40), (60, &[], 50), (40, &[DIGEST], 20)] {
        let stage = recorded(queue_of(length), settings).await;
        for (time, published) in [
            ("2026-11-20T12:00:00Z", 1),
            // Within 24 hours there is no other, and what waits is not reported by itself.
            ("2026-11-20T13:00:00Z", 0),
            ("2026-11-21T09:54:59Z", 0),
            ("2026-11-21T09:55:00Z", 1),
            ("2026-11-21T13:00:00Z", 0),
        ] {
            let response = stage.response(&scheduled(time)).await.unwrap();
            assert_eq!(reported(&response).len(), published, "{time}: {response}");
            assert_eq!(numbers(&response)["due"], 1, "{time}: {response}");
            assert!(reported(&response).iter().all(|done| done == "runs published"), "{time}: {response}");
        }
        assert_eq!(stage.aws.published().len(), 2);
        let mut keys: Vec<String> = stage.aws.with(|scenario| scenario.tables[0].items.keys().cloned().collect());
        keys.sort();
        let [first, second] = keys.as_slice() else { panic!("{keys:?}") };
        assert!(first.ends_with("/runs/STUCK-0") && second.ends_with("/runs/STUCK-1"), "{keys:?}");

        let progress = last_in_progress(&stage);
        let waits = &progress["queued"];
        assert_eq!((&waits["count"], &waits["operationsOmitted"]), (&json!(length), &json!(length - named)));
        assert_eq!(waits["operations"].as_array().unwrap().len(), named);
        assert_eq!(waits["operations"][0], json!({"id": "waits-00", "startedAt": "2026-11-20T04:00:00Z"}));
        assert_eq!(waits["operations"][named - 1]["id"], format!("waits-{:02}", named - 1));
        assert_eq!(
            progress["targets"],
            json!([{"region": "eu-west-1", "accounts": [account(1)], "accountsOmitted": 0}])
        );
        if settings.is_empty() {
            let email = stage.aws.published()[0].body("email").unwrap();
            let email = email.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(email.contains(&format!("{length} operations wait behind it in the queue.")), "{email}");
        }
    }
}

#[tokio::test]
async fn the_next_one_that_runs_has_its_own_message() {
    let stage = stage_of(queue_of(3)).await;
    assert_eq!(reported(&stage.response(&scheduled("2026-11-20T12:00:00Z")).await.unwrap()), ["runs published"]);
    ends(&stage, "runs", "2026-11-20T12:30:00Z");
    begins(&stage, "waits-00");
    let response = stage.response(&scheduled("2026-11-20T13:00:00Z")).await.unwrap();
    assert_eq!(reported(&response), ["runs published", "waits-00 published"]);
    let count = |message: &sandbox::Published| {
        let document: Value = serde_json::from_str(&message.body("sqs").unwrap()).unwrap();
        document["inProgress"]["queued"]["count"].clone()
    };
    let counts: Vec<Value> = stage.aws.published().iter().map(count).filter(|count| !count.is_null()).collect();
    assert_eq!(counts, [json!(3), json!(2)]);
}

#[tokio::test]
async fn if_nothing_runs_the_oldest_that_waits_is_reported() {
    for settings in [&[][..], &[DIGEST]] {
        let baseline = [2, 0, 1].map(queued).into_iter().fold(set("baseline"), StackSet::operation);
        let stage = recorded(Scenario::new().stack_set(baseline), settings).await;
        assert!(reported(&stage.response(&scheduled("2026-11-20T09:59:00Z")).await.unwrap()).is_empty());
        let response = stage.response(&scheduled("2026-11-20T12:00:00Z")).await.unwrap();
        assert_eq!(reported(&response), ["waits-00 published"]);
        let ids = |progress: &Value| -> Vec<Value> {
            progress["queued"]["operations"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
        };
        assert_eq!(ids(&last_in_progress(&stage)), ["waits-01", "waits-02"]);
        // When it begins to run, it is the same operation on the same day.
        begins(&stage, "waits-00");
        assert!(reported(&stage.response(&scheduled("2026-11-20T13:00:00Z")).await.unwrap()).is_empty());
        let response = stage.response(&scheduled("2026-11-21T12:00:00Z")).await.unwrap();
        assert_eq!(reported(&response), ["waits-00 published"]);
        assert_eq!(stage.aws.published().len(), 2);
    }
}

#[tokio::test]
async fn a_list_that_was_not_read_to_its_end_makes_no_queued_operation_stuck() {
    let fault = Fault::error("ListStackSetOperations", 403, "AccessDenied", "no").from_call(2);
    let stage = stage_of(queue_of(40).fault(fault)).await;
    let response = stage.response(&scheduled("2026-11-20T12:00:00Z")).await.unwrap();
    assert!(reported(&response).is_empty(), "{response}");
    assert_eq!((&response["sweep"]["finished"], &response["sweep"]["due"]), (&json!(false), &json!(0)));
    assert_eq!(response["sweep"]["failures"].as_array().unwrap().len(), 1);
    stage.aws.with(|scenario| scenario.faults.clear());
    assert_eq!(reported(&stage.response(&scheduled("2026-11-20T13:00:00Z")).await.unwrap()), ["runs published"]);
    assert_eq!(last_in_progress(&stage)["queued"]["count"], 40);
}

/// A manual request lists no operations, so it does not say that nothing waits.
#[tokio::test]
async fn a_manual_request_does_not_know_what_waits() {
    let stage = stage_of(queue_of(3)).await;
    let request = json!({"stackSetName": set("baseline").arn(), "operationId": "runs"});
    assert_eq!(stage.invoke(&request).await.unwrap()["action"], "published");
    let progress = last_in_progress(&stage);
    assert_eq!(progress["queued"], Value::Null);
    assert_eq!(progress["targets"][0]["accounts"], json!([account(1)]));
}
