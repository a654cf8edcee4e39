//! The built binary under the Runtime API: every file of `events/`, and a start with wrong settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "support/function.rs"]
mod function;
#[path = "support/schema.rs"]
mod schema;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use function::{Function, command};
use sandbox::{Aws, FailedCount, Fault, FaultKind, Invocation, Outcome, Runtime, Scenario, demo};
use serde_json::{Value, json};

fn start(runtime: &Runtime, aws: &Aws) -> Function {
    let quiet = command(runtime, aws).env("TOPIC_ARN", demo::TOPIC_ARN).stdout(Stdio::null()).spawn();
    Function(quiet.expect("the binary starts"))
}

fn event(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

async fn invoke(runtime: &Runtime, event: &Value) -> Outcome {
    runtime.invoke(Invocation::new(event).wait_limit(Duration::from_secs(60))).await.unwrap()
}

#[tokio::test]
async fn every_event_file_gets_its_response_and_its_message() {
    let aws = Aws::start(swept()).await;
    let runtime = Runtime::start().await;
    let mut command = command(&runtime, &aws);
    command.env("TOPIC_ARN", demo::TOPIC_ARN).env(LEDGER.0, LEDGER.1).env("SWEEP_LOOKBACK_HOURS", "1");
    command.stdout(Stdio::null());
    let _function = Function(command.spawn().expect("the binary starts"));
    let expected = [
        ("instance-status-change.json", "ignored", Value::Null, None),
        ("manual.json", "published", json!("FAILED"), Some("[FAILED] security-baseline, us-east-1: ")),
        ("operation-failed.json", "published", json!("FAILED"), Some("[FAILED] security-baseline, us-east-1: ")),
        (
            "operation-rolled-up.json",
            "published",
            json!("FAILED"),
            Some("[FAILED] security-baseline, us-east-1: 28 of 40 targets failed"),
        ),
        ("operation-running.json", "ignored", Value::Null, None),
        ("operation-stopped.json", "published", json!("STOPPED"), Some("[STOPPED] security-baseline, us-east-1: ")),
        (
            "operation-succeeded-with-failures.json",
            "published",
            json!("SUCCEEDED_WITH_FAILURES"),
            Some("[WARNING] security-baseline, us-east-1: "),
        ),
        ("operation-succeeded.json", "quiet", json!("SUCCEEDED"), None),
        (
            "operation-totals-disagree.json",
            "published",
            json!("SUCCEEDED_WITH_FAILURES"),
            Some("[INCOMPLETE] security-baseline, us-east-1: "),
        ),
        // At its time the bad day has ended within the hour before.
        ("scheduled-by-rule.json", "published", json!("FAILED"), Some("[FAILED] security-baseline, us-east-1: ")),
        // At its time the running operation has been so for six hours.
        (
            "scheduled-by-scheduler.json",
            "published",
            json!("IN_PROGRESS"),
            Some("[STUCK] security-baseline, us-east-1: UPDATE running for "),
        ),
    ];
    let mut files: Vec<String> = fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, expected.each_ref().map(|(file, ..)| *file), "every event file is expected something of");

    for (file, action, outcome, subject) in expected {
        aws.forget();
        aws.with(|scenario| scenario.tables[0].items.clear());
        let Outcome::Response(response) = invoke(&runtime, &event(file)).await else {
            panic!("{file} is an error");
        };
        let done = &response["operations"][0];
        assert_eq!((&done["action"], &done["outcome"]), (&json!(action), &outcome), "{file}: {response}");
        let published = aws.published();
        match subject {
            None => assert!(published.is_empty(), "{file}"),
            Some(start) => {
                assert_eq!(published.len(), 1, "{file}");
                assert_eq!(done["messageId"], published[0].message_id);
                let subject = published[0].subject.as_deref().unwrap();
                assert!(subject.starts_with(start), "{file}: {subject}");
                let document: Value = serde_json::from_str(&published[0].body("lambda").unwrap()).unwrap();
                assert_eq!(document["counts"], done["counts"]);
                schema::check(&document);
                assert_eq!(document["outcome"], outcome);
            }
        }
    }
}

#[tokio::test]
async fn a_sweep_leaves_one_line_and_its_metrics() {
    let settings = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), LEDGER];
    let log = lines(&log_with(swept(), &settings, "sweep.log", &event("scheduled-by-rule.json")).await);
    let ours: Vec<&Value> = log.iter().filter(|line| line["message"] == "sweep ended").collect();
    assert_eq!(ours.len(), 1);
    let numbers =
        ["stack_sets", "stack_sets_done", "operations", "due", "published", "quiet", "skipped_for_time", "failures"];
    assert_eq!(numbers.map(|name| ours[0][name].as_u64().unwrap()), [1, 1, 7, 1, 1, 0, 0, 0]);
    assert_eq!((&ours[0]["finished"], &ours[0]["level"]), (&json!(true), &json!("INFO")));
    let metrics = log.iter().find(|line| line["SweepStackSets"].is_u64()).expect("metrics of the sweep");
    let names = [
        "SweepStackSets",
        "SweepOperations",
        "SweepReports",
        "SweepFailures",
        "IncompleteSweeps",
        "OldestUnreportedAge",
    ];
    // What was due ended so many seconds before the schedule.
    assert_eq!(names.map(|name| metrics[name].as_u64().unwrap()), [1, 7, 1, 0, 0, 774]);
    let named = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    assert_eq!(named.len(), names.len() + 1);
    assert!(named.iter().all(|metric| metrics[metric["Name"].as_str().unwrap()].is_u64()), "{metrics}");
    // The report itself has its own line and metrics, as after its event.
    assert_eq!(log.iter().filter(|line| line["message"] == "operation reported").count(), 1);
    assert_eq!(log.iter().filter(|line| line["ReportsPublished"].is_u64()).count(), 1);
}

#[tokio::test]
async fn the_bad_day_is_reported_to_the_last_number() {
    let aws = Aws::start(demo::scenario()).await;
    let runtime = Runtime::start().await;
    let _function = start(&runtime, &aws);
    invoke(&runtime, &event("operation-failed.json")).await;
    let document: Value = serde_json::from_str(&aws.published()[0].body("sqs").unwrap()).unwrap();
    assert_eq!(
        document["counts"],
        json!({"total": 2000, "succeeded": 1501, "failed": 179, "cancelled": 320, "running": 0, "pending": 0, "other": 0,
            "otherStatuses": {}})
    );
    let causes: Vec<(&str, u64)> = document["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| (cause["code"].as_str().unwrap(), cause["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        causes,
        [
            ("REGION_NOT_ENABLED", 59),
            ("SCP_EXPLICIT_DENY", 24),
            ("EXECUTION_ROLE_NOT_ASSUMABLE", 34),
            ("SERVICE_QUOTA_EXCEEDED", 20),
            ("ACCESS_DENIED", 21),
            ("RESOURCE_ALREADY_EXISTS", 5),
            ("THROTTLING", 4),
            ("ACCOUNT_GATE_FAILED", 10),
            ("CAUSE_NOT_REPORTED", 1),
            ("UNKNOWN", 1),
        ]
    );
    let groups: Vec<usize> =
        document["causes"].as_array().unwrap().iter().map(|cause| cause["groups"].as_array().unwrap().len()).collect();
    assert_eq!(groups, [1; 10], "texts that differ in ids only are one group");
    let gate = &document["accountGate"];
    let said =
        ["passed", "refused", "notConfigured", "notInvokable", "noAction", "notReached", "absent", "unrecognized"]
            .map(|meaning| gate[meaning].as_u64().unwrap());
    assert_eq!(said.iter().sum::<u64>(), 2000);
    assert!(said[..7].iter().all(|count| *count > 0) && said[7] == 0, "{said:?}");
    assert_eq!(document["collateral"]["failureToleranceExceeded"], 320);
    // And one page of what failed in the operation before.
    assert_eq!(aws.requests_of("ListStackSetOperationResults").len(), 20 + 1);
}

#[tokio::test]
async fn errors_reach_lambda_with_a_stable_type_and_a_sentence() {
    let aws = Aws::start(demo::scenario()).await;
    let runtime = Runtime::start().await;
    let _function = start(&runtime, &aws);
    let failed = event("operation-failed.json");

    let mut nameless = failed.clone();
    nameless["detail"]["stack-set-operation-id"] = Value::Null;
    let not_found = Fault::error("DescribeStackSetOperation", 404, "OperationNotFoundException", "no such operation");
    let denied = Fault::error("Publish", 403, "AuthorizationError", "not authorized to perform: SNS:Publish");
    for (event, fault, kind, parts) in [
        (
            &nameless,
            None,
            "EventError",
            vec!["could not read the field detail.stack-set-operation-id of the event: it is missing"],
        ),
        (
            &failed,
            Some(not_found),
            "ReadError",
            vec![
                "could not describe operation 0b6f2f0c-4f57-4a3c-9d0e-6a1c8b7e3d10 of stack set security-baseline:",
                "OperationNotFoundException: no such operation (request id ",
            ],
        ),
        (
            &failed,
            Some(denied),
            "PublishError",
            vec![
                "could not publish to topic arn:aws:sns:us-east-1:111111111111:stackset-notifications: ",
                "AuthorizationError: not authorized to perform: SNS:Publish (request id ",
            ],
        ),
    ] {
        aws.with(|scenario| scenario.faults = fault.into_iter().collect());
        let Outcome::Error { error_type, error_message, .. } = invoke(&runtime, event).await else {
            panic!("{kind} is no error");
        };
        assert_eq!(error_type, kind);
        for part in parts {
            assert!(error_message.contains(part), "{part:?} in {error_message:?}");
        }
    }
    // The process is still there for the next event.
    aws.with(|scenario| scenario.faults.clear());
    assert!(matches!(invoke(&runtime, &failed).await, Outcome::Response(_)));
}

#[tokio::test]
async fn wrong_settings_end_the_start_with_a_sentence() {
    let aws = Aws::start(demo::scenario()).await;
    let runtime = Runtime::start().await;
    for (name, value, text) in [
        ("TOPIC_ARN", None, "could not read the setting TOPIC_ARN: it is not set"),
        ("TOPIC_ARN", Some("alerts"), "could not read the setting TOPIC_ARN: it is \"alerts\", allowed is"),
        (
            "CALL_AS",
            Some("me"),
            "could not read the setting CALL_AS: it is \"me\", allowed are auto, SELF, DELEGATED_ADMIN",
        ),
        (
            "NOTIFY_ON",
            Some("never"),
            "could not read the setting NOTIFY_ON: it is \"never\", allowed are problems, changes, always",
        ),
    ] {
        let mut command = command(&runtime, &aws);
        command.env("TOPIC_ARN", demo::TOPIC_ARN).env("AWS_LAMBDA_LOG_FORMAT", "JSON").env_remove(name);
        if let Some(value) = value {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("ConfigError") && said.contains(text), "{text:?} in {said:?}");
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&line["level"], &line["kind"]), (&json!("ERROR"), &json!("ConfigError")));
        assert!(line["timestamp"].is_string() && line["message"].as_str().unwrap().contains(text), "{line}");
    }
}

/// The log of one report, or of one error, at a level.
async fn log_of(level: &str, format: &str, event: &Value) -> String {
    let settings = [("AWS_LAMBDA_LOG_LEVEL", level), ("AWS_LAMBDA_LOG_FORMAT", format)];
    // Tests run side by side, and two may ask for the same.
    static LOGS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("log-{level}-{format}-{}", LOGS.fetch_add(1, SeqCst));
    log_with(demo::scenario(), &settings, &name, event).await
}

/// The log of one invocation with these settings; it stays in a file of this name.
async fn log_with(scenario: Scenario, settings: &[(&str, &str)], name: &str, event: &Value) -> String {
    session(scenario, settings, name, &[event]).await.1
}

/// What becomes of these events, one after the other, and the log.
async fn session(
    scenario: Scenario,
    settings: &[(&str, &str)],
    name: &str,
    events: &[&Value],
) -> (Vec<Outcome>, String) {
    let aws = Aws::start(scenario).await;
    let runtime = Runtime::start().await;
    // A file, not a pipe: nobody reads while the function runs, and a full pipe would stop it.
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let child = command(&runtime, &aws)
        .env("TOPIC_ARN", demo::TOPIC_ARN)
        .envs(settings.iter().copied())
        .stdout(fs::File::create(&path).unwrap())
        .spawn()
        .unwrap();
    let function = Function(child);
    let mut outcomes = Vec::new();
    for event in events {
        outcomes.push(invoke(&runtime, event).await);
    }
    drop(function);
    (outcomes, fs::read_to_string(path).unwrap())
}

/// The function's settings where it sweeps; [`swept`] has the table.
const LEDGER: (&str, &str) = ("LEDGER_TABLE", "reports");

/// The demo's scenario with the ledger's table.
fn swept() -> Scenario {
    demo::scenario().table("reports", "id")
}

#[tokio::test]
async fn a_schedule_without_a_ledger_is_a_configuration_error() {
    let settings = [("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let (scheduled, failed) = (event("scheduled-by-scheduler.json"), event("operation-failed.json"));
    let (outcomes, _) = session(demo::scenario(), &settings, "no-ledger.log", &[&scheduled, &failed]).await;
    let [Outcome::Error { error_type, error_message, .. }, Outcome::Response(response)] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(error_type, "ConfigError");
    assert!(error_message.starts_with("could not sweep: LEDGER_TABLE is not set"), "{error_message}");
    assert_eq!(response["operations"][0]["action"], "published");
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[tokio::test]
async fn the_log_holds_neither_secrets_nor_whole_events() {
    let mut failed = event("operation-failed.json");
    failed["detail"]["note"] = json!("a-word-of-the-event");
    for level in ["TRACE", "DEBUG"] {
        let log = log_of(level, "JSON", &failed).await;
        assert!(log.contains("operation reported"), "{log}");
        for secret in ["do-not-log-this", "nor-this", "a-word-of-the-event"] {
            assert!(!log.contains(secret), "{secret} in the log");
        }
    }
}

/// Whether it is RFC 3339 in UTC.
fn is_timestamp(text: &Value) -> bool {
    let text = text.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let fraction = shape.strip_prefix("9999-99-99T99:99:99").and_then(|rest| rest.strip_suffix('Z'));
    fraction.is_some_and(|fraction| fraction.is_empty() || fraction.starts_with('.'))
}

#[tokio::test]
async fn every_log_line_has_a_time_a_level_and_the_request_id() {
    for (level, lines_expected) in [("TRACE", 1), ("DEBUG", 1), ("INFO", 1), ("WARN", 0), ("ERROR", 0), ("FATAL", 0)] {
        let log = lines(&log_of(level, "JSON", &event("operation-failed.json")).await);
        let ours = log.iter().filter(|line| line["message"] == "operation reported").count();
        assert_eq!(ours, lines_expected, "one line a report, from INFO on: {level}");
        // The first line of the invocation has it, and so have all that follow.
        let of_invocation: Vec<&Value> = log.iter().skip_while(|line| line["requestId"].is_null()).collect();
        let id = of_invocation.first().map(|line| line["requestId"].clone()).expect("a line of the invocation");
        assert!(id.as_str().is_some_and(|id| !id.is_empty()));
        for line in of_invocation {
            assert_eq!(line["requestId"], id, "{level}: {line}");
        }
        for line in &log {
            assert!(is_timestamp(&line["timestamp"]) && line["level"].is_string(), "{level}: {line}");
        }
    }
}

#[tokio::test]
async fn a_report_is_one_line_with_all_its_numbers() {
    let cut = Fault::on("ListStackSetOperationResults", FaultKind::CutXml).page(3).once();
    let scenario = demo::scenario().fault(cut);
    let settings = [("AWS_LAMBDA_LOG_LEVEL", "INFO"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let log = lines(&log_with(scenario, &settings, "log-numbers", &event("operation-failed.json")).await);
    let mut line = log.iter().find(|line| line["message"] == "operation reported").cloned().unwrap();
    let fields = line.as_object_mut().unwrap();
    for taken in ["reading_ms", "rendering_ms", "publishing_ms"] {
        assert!(fields.remove(taken).is_some_and(|millis| millis.is_u64()), "{taken}");
    }
    for checked_elsewhere in ["timestamp", "requestId", "message_id"] {
        fields.remove(checked_elsewhere);
    }
    assert_eq!(
        line,
        json!({
            "level": "INFO",
            "message": "operation reported",
            "stack_set": demo::scenario().stack_sets[0].id(),
            "operation": demo::OPERATION_ID,
            "outcome": "FAILED",
            "total": 2000, "succeeded": 1501, "failed": 179, "cancelled": 320, "running": 0, "pending": 0, "other": 0,
            "pages": 20,
            "rounds": 0,
            "retries": 1,
            "complete": true,
            "published": true,
        })
    );
}

#[tokio::test]
async fn an_ignored_event_leaves_a_line_with_its_reason() {
    let log = lines(&log_of("INFO", "JSON", &event("operation-running.json")).await);
    let line = log.iter().find(|line| line["message"] == "event ignored").expect("there is a line about it");
    assert_eq!(line["reason"], "operation status \"RUNNING\" is not an end");
    assert_eq!(line["operation"], demo::RUNNING_ID);
    assert!(log.iter().all(|line| line["_aws"].is_null()), "nothing was read, so there are no metrics");
}

#[tokio::test]
async fn errors_are_logged_with_the_request_id_at_every_level() {
    let mut nameless = event("operation-failed.json");
    nameless["detail"]["stack-set-arn"] = Value::Null;
    for level in ["WARN", "ERROR", "FATAL"] {
        let log = lines(&log_of(level, "JSON", &nameless).await);
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!((&log[0]["level"], &log[0]["kind"]), (&json!("ERROR"), &json!("EventError")));
        assert!(log[0]["requestId"].as_str().is_some_and(|id| !id.is_empty()));
    }
    let text = log_of("INFO", "Text", &nameless).await;
    assert!(text.starts_with("ERROR ") && text.contains("could not read the field detail.stack-set-arn"), "{text}");
}

/// The metrics of a log, as CloudWatch finds them: lines that are JSON, whatever the others are.
fn metrics_of(log: &str) -> Vec<Value> {
    let records = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.filter(|line| line["_aws"].is_object()).collect()
}

#[tokio::test]
async fn metrics_are_json_also_where_lambda_has_no_json_logs() {
    // In AWS GovCloud (US) Lambda takes the format Text only, and sets no level.
    for (name, numbers) in [
        ("operation-failed.json", json!({"ReportsPublished": 1, "TargetsFailed": 179, "IncompleteReports": 0})),
        ("scheduled-by-rule.json", json!({"SweepStackSets": 1, "SweepOperations": 7, "IncompleteSweeps": 0})),
    ] {
        let settings = [("AWS_LAMBDA_LOG_FORMAT", "Text"), LEDGER];
        let log = log_with(swept(), &settings, &format!("text-{name}.log"), &event(name)).await;
        assert!(log.lines().any(|line| line.starts_with(" INFO ") && line.contains("operation reported")), "{log}");
        let metrics = metrics_of(&log);
        let has = |line: &Value| numbers.as_object().unwrap().iter().all(|(name, number)| line[name] == *number);
        assert_eq!(metrics.iter().filter(|line| has(line)).count(), 1, "{name}: {metrics:?}");
        for line in &metrics {
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            let dimensions = match line["Cause"].as_str() {
                Some(_) => json!([["FunctionName", "Cause"]]),
                None => json!([["FunctionName"]]),
            };
            assert_eq!((&directive["Dimensions"], &line["FunctionName"]), (&dimensions, &json!("stackset-notifier")));
            let named = directive["Metrics"].as_array().unwrap();
            assert!(named.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_u64()), "{line}");
        }
    }
}

#[tokio::test]
async fn every_report_leaves_its_metrics_in_the_log() {
    let settings = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("EXPECT_ACCOUNT_GATE", "auto")];
    let log = log_with(demo::scenario(), &settings, "metrics.log", &event("operation-failed.json")).await;
    let log = lines(&log);
    let (of_causes, of_report): (Vec<&Value>, Vec<&Value>) =
        log.iter().filter(|line| line["_aws"].is_object()).partition(|line| line["Cause"].is_string());
    assert_eq!(of_report.len(), 1);
    let line = of_report[0];
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(
        (&directive["Namespace"], &directive["Dimensions"]),
        (&json!("StackSetNotifier"), &json!([["FunctionName"]]))
    );
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{metric} in {line}");
    }
    let values = ["ReportsPublished", "TargetsFailed", "ResultsRead", "IncompleteReports", "LedgerErrors", "Retries"]
        .map(|name| line[name].as_u64().unwrap());
    assert_eq!(values, [1, 179, 2000, 0, 0, 0]);
    // The causes add up to the failed targets, each under its own name.
    let targets: Vec<u64> = of_causes.iter().map(|line| line["TargetsFailed"].as_u64().unwrap()).collect();
    assert_eq!(targets.iter().sum::<u64>(), 179, "{targets:?}");
    assert!(of_causes.iter().any(|line| line["Cause"] == "SERVICE_QUOTA_EXCEEDED"), "{of_causes:?}");
    for line in of_causes {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["FunctionName", "Cause"]]));
        assert_eq!(directive["Metrics"], json!([{"Name": "TargetsFailed", "Unit": "Count"}]));
        assert!(line["ReportsPublished"].is_null(), "no number counts twice");
    }
    assert!(line["AccountGateSkipped"].as_u64().unwrap() > 0);
    assert_eq!(line["FunctionName"], "stackset-notifier");
}

#[tokio::test]
async fn an_incomplete_report_counts_in_its_metric() {
    let failed = event("operation-failed.json");
    let mut scenario = demo::scenario();
    let operation = scenario.operation_mut(failed["detail"]["stack-set-operation-id"].as_str().unwrap()).unwrap();
    *operation = operation.clone().failed_count(FailedCount::Fixed(1_000));
    let settings = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("SETTLE_TIMEOUT_SECONDS", "0")];
    // The template's alarm is compared with this log: tests/template/test_resources.py.
    let log = lines(&log_with(scenario, &settings, "incomplete-report.log", &failed).await);
    let metrics: Vec<&Value> = log.iter().filter(|line| line["IncompleteReports"].is_u64()).collect();
    assert_eq!(metrics.len(), 1);
    assert_eq!((&metrics[0]["IncompleteReports"], &metrics[0]["TargetsFailed"]), (&json!(1), &json!(179)));
}

#[tokio::test]
async fn a_report_without_the_ledger_counts_in_its_metric_and_is_a_warning() {
    let settings = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), LEDGER];
    let denied = Fault::error("UpdateItem", 400, "AccessDeniedException", "not yours");
    for (scenario, errors) in [(swept(), 0), (swept().fault(denied), 1)] {
        let name = format!("ledger-errors-{errors}");
        let log = lines(&log_with(scenario, &settings, &name, &event("operation-failed.json")).await);
        let metrics: Vec<&Value> = log.iter().filter(|line| line["ReportsPublished"].is_u64()).collect();
        assert_eq!(metrics.len(), 1);
        assert_eq!(metrics[0]["LedgerErrors"], errors, "{}", metrics[0]);
        assert_eq!(metrics[0]["ReportsPublished"], 1, "the message went out");
        let warned =
            log.iter().filter(|line| (&line["level"], &line["kind"]) == (&json!("WARN"), &json!("LedgerError")));
        let texts: Vec<&str> = warned.map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(texts.is_empty(), errors == 0, "{texts:?}");
        for start in ["could not claim arn:aws:cloudformation:", "could not record arn:aws:cloudformation:"] {
            let is_there = |text: &&str| text.starts_with(start) && text.contains("AccessDeniedException: not yours");
            assert_eq!(texts.iter().any(is_there), errors == 1, "{start}: {texts:?}");
        }
    }
}

#[tokio::test]
async fn a_capacity_that_cannot_be_listed_counts_as_a_failure_of_the_sweep() {
    let denied = Fault::error("ListStackSets", 403, "AccessDenied", "no").with_param("CallAs", "DELEGATED_ADMIN");
    let scenario = swept().fault(denied);
    let settings = [
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        LEDGER,
        ("MANAGEMENT_ACCOUNT_ID", "999999999999"),
        ("STUCK_AFTER_HOURS", "0"),
    ];
    // At its time nothing is due.
    let mut nothing_due = event("scheduled-by-rule.json");
    nothing_due["time"] = json!("2027-06-01T10:00:00Z");
    let log = lines(&log_with(scenario, &settings, "capacity-denied", &nothing_due).await);
    let metrics = log.iter().find(|line| line["SweepFailures"].is_u64()).expect("it is no error");
    assert_eq!((&metrics["SweepFailures"], &metrics["SweepReports"]), (&json!(1), &json!(0)));
    assert_eq!(metrics["IncompleteSweeps"], 1);
    let warned = log.iter().find(|line| line["level"] == "WARN").expect("there is a line about it");
    let text = warned["message"].as_str().unwrap();
    assert!(text.starts_with("left out of the sweep: could not list the stack sets as DELEGATED_ADMIN: "), "{text}");
}
