//! Reported once, by real processes: fifty at once, and crashes at every point between claim, message and record.
//!
//! The tests of `any_ledger` also run against a DynamoDB that is not ours: `tests/template/check-ledger` names its
//! endpoint and table by `LEDGER_ENDPOINT` and `LEDGER_TABLE`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "support/function.rs"]
mod function;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use function::{Function, command};
use sandbox::{Aws, Fault, FaultKind, Invocation, Operation, Outcome, Row, Runtime, Scenario, StackSet, demo};
use serde_json::{Value, json};

/// The table of the loopback AWS.
const TABLE: &str = "reports";

async fn aws() -> Aws {
    Aws::start(demo::scenario().table(TABLE, "id")).await
}

fn event(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A function with a ledger, and the Runtime API that feeds it.
struct Process {
    runtime: Runtime,
    function: Function,
}

impl Process {
    async fn start(aws: &Aws) -> Self {
        Self::with(aws, &[]).await
    }

    /// One with these settings besides.
    async fn with(aws: &Aws, settings: &[(&str, &str)]) -> Self {
        let runtime = Runtime::start().await;
        let mut command = command(&runtime, aws);
        command.env("TOPIC_ARN", demo::TOPIC_ARN).env("LEDGER_TABLE", TABLE).stdout(Stdio::null());
        command.envs(settings.iter().copied());
        if let Ok(endpoint) = std::env::var("LEDGER_ENDPOINT") {
            let table = std::env::var("LEDGER_TABLE").expect("LEDGER_TABLE names the table there");
            command.env("AWS_ENDPOINT_URL_DYNAMODB", endpoint).env("LEDGER_TABLE", table);
        }
        let function = Function(command.spawn().expect("the binary starts"));
        Self { runtime, function }
    }

    /// What became of an event: the action, or the type of the error.
    async fn invoke(&self, event: &Value) -> (String, Value) {
        self.invoke_for(event, Duration::from_secs(60)).await
    }

    async fn invoke_for(&self, event: &Value, timeout: Duration) -> (String, Value) {
        let invocation = Invocation::new(event).timeout(timeout).wait_limit(Duration::from_secs(120));
        match self.runtime.invoke(invocation).await.unwrap() {
            Outcome::Response(response) => {
                let done = response["operations"][0].clone();
                (done["action"].as_str().unwrap().to_owned(), done)
            }
            Outcome::Error { error_type, raw, .. } => (error_type, raw),
        }
    }
}

/// Sends an event to a process, and kills it as soon as the fault has happened.
async fn crash(aws: &Aws, event: &Value, timeout: Duration, fault: Fault) {
    crash_with(aws, &[], event, timeout, fault).await;
}

async fn crash_with(aws: &Aws, settings: &[(&str, &str)], event: &Value, timeout: Duration, fault: Fault) {
    aws.with(|scenario| scenario.faults = vec![fault]);
    let before = aws.faults_fired().len();
    let mut process = Process::with(aws, settings).await;
    let invocation = Invocation::new(event).timeout(timeout);
    tokio::select! {
        outcome = process.runtime.invoke(invocation) => panic!("it ended before the crash: {outcome:?}"),
        () = async {
            while aws.faults_fired().len() == before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        } => {}
    }
    process.function.kill();
    aws.with(|scenario| scenario.faults.clear());
}

mod any_ledger {
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn fifty_processes_with_the_same_event_publish_once() {
        let aws = aws().await;
        let mut processes = JoinSet::new();
        for _ in 0..50 {
            let process = Process::start(&aws).await;
            // All are up before the first gets the event.
            processes.spawn(async move {
                assert_eq!(process.invoke(&event("operation-running.json")).await.0, "ignored");
                process
            });
        }
        let processes = processes.join_all().await;
        let mut outcomes = JoinSet::new();
        for process in processes {
            outcomes.spawn(async move {
                let outcome = process.invoke(&event("operation-failed.json")).await;
                (process, outcome)
            });
        }
        let mut published = Vec::new();
        let mut others = 0;
        let mut last = None;
        for (process, (action, done)) in outcomes.join_all().await {
            match action.as_str() {
                "published" => published.push(done),
                "alreadyPublished" | "InProgressError" => others += 1,
                other => panic!("{other}: {done}"),
            }
            last = Some(process);
        }
        assert_eq!((published.len(), others, aws.published().len()), (1, 49, 1));
        assert!(published[0]["ledgerError"].is_null(), "{}", published[0]);

        // A later try finds the record.
        let (action, done) = last.unwrap().invoke(&event("operation-failed.json")).await;
        assert_eq!((action.as_str(), &done["messageId"]), ("alreadyPublished", &published[0]["messageId"]));
        assert_eq!(aws.published().len(), 1);
    }

    #[tokio::test]
    async fn the_same_event_twice_is_one_message() {
        let aws = aws().await;
        let process = Process::start(&aws).await;
        let stopped = event("operation-stopped.json");
        let (action, first) = process.invoke(&stopped).await;
        assert_eq!((action.as_str(), &first["attempt"]), ("published", &json!(1)));
        let (action, second) = process.invoke(&stopped).await;
        assert_eq!((action.as_str(), &second["messageId"]), ("alreadyPublished", &first["messageId"]));
        assert_eq!(aws.published().len(), 1);

        let quiet = event("operation-succeeded.json");
        for _ in 0..2 {
            assert_eq!(process.invoke(&quiet).await.0, "quiet");
        }
        assert_eq!(aws.published().len(), 1);
    }

    /// Nobody changes the record: the claim of a short invocation runs out, five seconds after its deadline.
    #[tokio::test]
    async fn after_a_crash_a_later_try_takes_over() {
        let aws = aws().await;
        let event = event("operation-succeeded-with-failures.json");
        let hang = Fault::on("ListStackSetOperationResults", FaultKind::Hang);
        crash(&aws, &event, Duration::from_secs(2), hang).await;
        let process = Process::start(&aws).await;
        let mut waited = 0;
        let (action, done) = loop {
            let (action, done) = process.invoke(&event).await;
            if action != "InProgressError" {
                break (action, done);
            }
            waited += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        assert_eq!((action.as_str(), &done["attempt"]), ("published", &json!(2)));
        assert!(waited > 0, "the claim of the dead was live at first");
        assert_eq!(aws.published().len(), 1);
        assert_eq!(process.invoke(&event).await.0, "alreadyPublished");
    }
}

/// As if the time of the only claim were over.
fn let_the_claim_run_out(aws: &Aws) {
    aws.with(|scenario| {
        for item in scenario.tables[0].items.values_mut() {
            item.insert("in_progress_expiration".to_owned(), json!({"N": "1"}));
        }
    });
}

/// A crash at each point, and how often the operation is reported in the end.
#[tokio::test]
async fn crashes_repeat_a_message_at_worst_and_never_lose_one() {
    if std::env::var("LEDGER_ENDPOINT").is_ok() {
        // It changes records and the ledger's answers.
        return;
    }
    let write = |number: usize, kind: FaultKind| Fault::on("UpdateItem", kind).call(number);
    for (point, fault, live_claim, messages) in [
        ("before the claim", write(1, FaultKind::Hang), false, 1),
        ("after the claim", write(1, FaultKind::Silence), true, 1),
        ("while reading", Fault::on("ListStackSetOperationResults", FaultKind::Hang), true, 1),
        ("before the message", Fault::on("Publish", FaultKind::Hang), true, 1),
        ("after the message", Fault::on("Publish", FaultKind::Silence), true, 2),
        ("before the record", write(2, FaultKind::Hang), true, 2),
        ("after the record", write(2, FaultKind::Silence), false, 1),
    ] {
        let aws = aws().await;
        let event = event("operation-stopped.json");
        crash(&aws, &event, Duration::from_secs(60), fault).await;
        let messages_before = aws.published().len();

        let process = Process::start(&aws).await;
        let (mut action, mut done) = process.invoke(&event).await;
        assert_eq!(action == "InProgressError", live_claim, "{point}: {action}");
        if live_claim {
            assert_eq!(aws.published().len(), messages_before, "{point}: a live claim keeps others back");
            let_the_claim_run_out(&aws);
            (action, done) = process.invoke(&event).await;
        }
        assert_eq!(aws.published().len(), messages, "{point}");
        if point == "after the record" {
            assert_eq!(action, "alreadyPublished", "{point}");
        } else {
            assert_eq!(action, "published", "{point}");
            // The repetition is known as one, by the response, the document and the record.
            let attempt = if live_claim { 2 } else { 1 };
            assert_eq!(done["attempt"], attempt, "{point}");
            let last = aws.published().pop().unwrap();
            let document: Value = serde_json::from_str(&last.body("sqs").unwrap()).unwrap();
            assert_eq!(document["attempt"], attempt, "{point}");
            let record = aws.with(|scenario| scenario.tables[0].items.values().next().unwrap().clone());
            assert_eq!(record["attempt"]["N"], attempt.to_string(), "{point}");
            assert_eq!(record["message_ids"]["SS"], json!([last.message_id]), "{point}");
        }
        assert_eq!(process.invoke(&event).await.0, "alreadyPublished", "{point}: and then it is recorded");
        assert_eq!(aws.published().len(), messages, "{point}");
    }
}

/// Two operations that no event reported, in one stack set: a sweep reports one after the other.
async fn two_missed() -> Aws {
    let failed = |id: &str| {
        let rows = vec![Row::failed("210000000001", "eu-west-1", "Internal Failure")];
        let operation = Operation::new(id).action("UPDATE").status("FAILED").rows(rows);
        operation.times("2026-11-20T09:00:00Z", Some("2026-11-20T09:30:00Z"))
    };
    let baseline = StackSet::self_managed("baseline", "111111111111", "us-east-1");
    let scenario = Scenario::new().stack_set(baseline.operation(failed("op-1")).operation(failed("op-2")));
    Aws::start(scenario.topic(demo::TOPIC_ARN).table(TABLE, "id")).await
}

/// The attempts of each operation's messages, the operation with the fewest first.
fn attempts(aws: &Aws) -> Vec<Vec<u64>> {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut add = |id: &Value, attempt: &Value| {
        all.entry(id.as_str().unwrap().to_owned()).or_default().push(attempt.as_u64().unwrap());
    };
    for message in aws.published() {
        let document: Value = serde_json::from_str(&message.body("sqs").unwrap()).unwrap();
        match document["operations"].as_array() {
            None => add(&document["operation"]["id"], &document["attempt"]),
            Some(operations) => operations.iter().for_each(|operation| add(&operation["id"], &operation["attempt"])),
        }
    }
    let mut all: Vec<Vec<u64>> = all.into_values().collect();
    all.sort();
    all
}

/// A crash of a sweep at each point, and how often each of its two operations is reported in the end.
#[tokio::test]
async fn crashes_of_a_sweep_repeat_at_worst_and_never_lose() {
    if std::env::var("LEDGER_ENDPOINT").is_ok() {
        // It changes records and the ledger's answers.
        return;
    }
    let sweep = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "time": "2026-11-20T10:00:00Z",
        "detail": "{}"});
    let write = |number: usize, kind: FaultKind| Fault::on("UpdateItem", kind).call(number);
    let publish = |kind: FaultKind| Fault::on("Publish", kind).call(1);
    let of_each = [
        ("after the claim", write(1, FaultKind::Silence), vec![vec![1], vec![2]]),
        ("before the message", publish(FaultKind::Hang), vec![vec![1], vec![2]]),
        ("after the message", publish(FaultKind::Silence), vec![vec![1], vec![1, 2]]),
        ("before the record", write(2, FaultKind::Hang), vec![vec![1], vec![1, 2]]),
        ("after the record", write(2, FaultKind::Silence), vec![vec![1], vec![1]]),
        ("at the second operation", write(3, FaultKind::Silence), vec![vec![1], vec![2]]),
    ];
    let of_a_digest = [
        ("between the claims", write(2, FaultKind::Hang), vec![vec![1], vec![2]]),
        ("after the claims", write(2, FaultKind::Silence), vec![vec![2], vec![2]]),
        ("before the message", publish(FaultKind::Hang), vec![vec![2], vec![2]]),
        ("after the message", publish(FaultKind::Silence), vec![vec![1, 2], vec![1, 2]]),
        // The records are written at the same time: one of them goes through.
        ("before the records", write(3, FaultKind::Hang), vec![vec![1], vec![1, 2]]),
        ("between the records", write(4, FaultKind::Hang), vec![vec![1], vec![1, 2]]),
        ("after the records", write(4, FaultKind::Silence), vec![vec![1], vec![1]]),
    ];
    for (mode, points) in [("each", &of_each[..]), ("digest", &of_a_digest[..])] {
        // One after the other, so that calls have numbers.
        let settings = [("SWEEP_MODE", mode), ("SWEEP_CONCURRENCY", "1")];
        for (point, fault, expected) in points {
            let aws = two_missed().await;
            crash_with(&aws, &settings, &sweep, Duration::from_secs(60), fault.clone()).await;
            let process = Process::with(&aws, &settings).await;
            let swept = async || match process.runtime.invoke(Invocation::new(&sweep)).await.unwrap() {
                Outcome::Response(response) => response["sweep"].clone(),
                Outcome::Error { raw, .. } => panic!("{mode}, {point}: {raw}"),
            };
            // What the dead one had claimed is kept back until its claim has run out.
            swept().await;
            let_the_claim_run_out(&aws);
            let sweep = swept().await;
            assert_eq!(attempts(&aws), *expected, "{mode}, {point}: {sweep}");
            // And then all is recorded.
            let_the_claim_run_out(&aws);
            assert_eq!(swept().await["alreadyReported"], 2, "{mode}, {point}");
            assert_eq!(attempts(&aws), *expected, "{mode}, {point}");
        }
    }
}
