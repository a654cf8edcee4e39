//! What it takes to read a large operation whose successes CloudFormation counts, beside reading every result of it.
//!
//! `cargo bench --bench results` prints requests and time as ratios: 100,000 targets of which 1 % failed, and 20 ms for
//! each response. It fails where the two reports differ, and where the ratio of requests is above a twentieth.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a benchmark talks to a person")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use sandbox::{Aws, Operation, Row, Rows, Scenario, StackSet};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::{ReportSettings, SdkSettings};
use stackset_notifier::event::{FunctionIdentity, ReportRequest, Trigger};
use stackset_notifier::operation::{OperationRef, StackSetRef};
use stackset_notifier::reporter::Reporter;
use stackset_notifier::time_budget::TimeBudget;

const REGIONS: [&str; 4] = ["ap-southeast-2", "eu-west-1", "me-south-1", "us-east-1"];
const TARGETS: usize = 100_000;
const OPERATION: &str = "5c7d3c1e-8f0a-4b6e-9a55-2f1f6f0f7d21";

fn row(i: usize) -> Row {
    let account = format!("{:012}", 200_000_000_000 + i / REGIONS.len());
    let region = REGIONS[i % REGIONS.len()];
    let exists = format!("Resource of type 'AWS::IAM::Role' with identifier 'audit-{i}' already exists.");
    match (i % 100, i % 700) {
        (50, 50) => Row::failed(&account, region, &exists),
        (50, _) => Row::failed(&account, region, "Resource handler returned message: \"Rate exceeded\""),
        (_, 99) => Row::cancelled(&account, region, "Cancelled since failure tolerance has exceeded"),
        _ => Row::succeeded(&account, region),
    }
}

fn main() {
    let operation = Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(Rows::generated(TARGETS, row));
    let set = StackSet::self_managed("security-baseline", "111111111111", "us-east-1");
    let arn = set.arn();
    let scenario = Scenario::new().stack_set(set.operation(operation.totals_from_rows()));
    let loopback = Aws::start_in_thread(scenario.latency(Duration::from_millis(20)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut measured = ["all", "auto"].map(|results| {
        loopback.forget();
        let started = Instant::now();
        let report = runtime.block_on(report(&loopback, &arn, results));
        (report, loopback.requests().len(), started.elapsed())
    });
    for (report, ..) in &mut measured {
        assert_eq!(report.pointer("/completeness/complete"), Some(&Value::Bool(true)));
        // What the two may differ in.
        for part in ["/completeness", "/accountGate", "/byOrganizationalUnit/0/succeeded"] {
            *report.pointer_mut(part).unwrap() = Value::Null;
        }
    }
    let [(all, all_requests, all_time), (some, some_requests, some_time)] = &measured;
    assert_eq!(some, all, "the reports differ");
    println!("| | requests | time |\n|---|---|---|");
    println!("| every result read | {all_requests} | 1 |");
    let (requests, time) =
        (*some_requests as f64 / *all_requests as f64, some_time.as_secs_f64() / all_time.as_secs_f64());
    assert!(requests <= 0.05, "{some_requests} of {all_requests} requests");
    println!("| successes counted | {some_requests}, {requests:.3} of these | {time:.3} |");
}

async fn report(loopback: &Aws, arn: &str, results: &str) -> Value {
    let sdk_settings =
        SdkSettings { region: "us-east-1".to_owned(), endpoint: Some(loopback.url()), ..SdkSettings::default() };
    let credentials = Credentials::new("bench", "bench", None, None, "bench");
    let sdk = aws::shared(&sdk_settings)
        .unwrap()
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let setting = |name: &str| Ok((name == "READ_RESULTS").then(|| results.to_owned()));
    let reporter = Reporter::new(ReportSettings::from_lookup(setting).unwrap(), &sdk);
    let stack_set = StackSetRef::from_arn(arn).unwrap();
    let identity = FunctionIdentity {
        account: "111111111111".to_owned(),
        region: stack_set.region.clone(),
        partition: stack_set.partition.clone(),
    };
    let request = ReportRequest {
        operation: OperationRef { stack_set, operation_id: OPERATION.to_owned() },
        call_as: None,
        trigger: Trigger::Manual,
        event_status: None,
        queued: Arc::default(),
    };
    let budget = TimeBudget::until(tokio::time::Instant::now() + Duration::from_secs(600));
    let report = reporter.report(request, &identity, budget).await.unwrap();
    serde_json::to_value(report).unwrap()
}
