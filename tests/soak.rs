//! A warm function for a long time: one process, two hundred events, faults among them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "support/function.rs"]
mod function;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use function::{Function, command};
use sandbox::{Aws, Fault, FaultKind, Invocation, Operation, Outcome, Row, Runtime, Scenario, StackSet, demo};
use serde_json::{Value, json};

const DESCRIBE: &str = "DescribeStackSetOperation";
const RESULTS: &str = "ListStackSetOperationResults";
const PUBLISH: &str = "Publish";

const INVOCATIONS: usize = 200;
/// By then the allocator has what it needs.
const WARM: usize = 50;
/// Memory that may come on top: the allocator's own unrest, and far less than the reports are together.
const GROWTH: usize = 1024 * 1024;

/// Failed targets, and texts that differ: a long report.
fn stack_set() -> StackSet {
    let rows = (0..25).map(|i| {
        let word: String = format!("{i:b}").replace('0', "green ").replace('1', "red ");
        let reason = format!(
            "ResourceLogicalId:Bucket, ResourceType:AWS::S3::Bucket, ResourceStatusReason:{word}{}",
            "is no colour. ".repeat(36)
        );
        Row::failed(&format!("{:012}", 200_000_000_000_u64 + i), "eu-west-1", &reason)
    });
    StackSet::self_managed("baseline", "111111111111", "us-east-1")
        .operation(Operation::new("op-1").action("UPDATE").status("FAILED").rows(rows.collect::<Vec<_>>()))
}

/// What goes wrong with an invocation, the time that it has, and the type of the error that it ends in.
fn trouble(invocation: usize) -> (Option<Fault>, Duration, Option<&'static str>) {
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(500));
    let fault = match invocation % 40 {
        // Tried again after a pause of up to a second.
        1 => Fault::on(RESULTS, FaultKind::CutXml).once(),
        11 => Fault::on(PUBLISH, FaultKind::Reset).once(),
        21 => Fault::on(RESULTS, FaultKind::ResetMidBody).once(),
        31 => Fault::on(DESCRIBE, FaultKind::ServiceUnavailable).once(),
        3 | 23 => return (Some(Fault::on(RESULTS, FaultKind::Hang)), short, Some("ReadError")),
        5 | 25 => return (Some(Fault::on(DESCRIBE, FaultKind::Throttling)), short, Some("ReadError")),
        7 | 27 => return (Some(Fault::on(RESULTS, FaultKind::EmptyToken)), long, Some("ReadError")),
        9 | 29 => return (Some(Fault::error(RESULTS, 403, "AccessDenied", "no")), long, Some("ReadError")),
        13 => return (Some(Fault::on(PUBLISH, FaultKind::Hang)), 4 * short, Some("PublishError")),
        17 | 37 => return (Some(Fault::error(PUBLISH, 403, "AuthorizationError", "no")), long, Some("PublishError")),
        _ => return (None, long, None),
    };
    (Some(fault), long, None)
}

/// Resident memory in bytes, and open files.
fn size(function: &Function) -> (usize, usize) {
    let process = format!("/proc/{}", function.0.id());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: usize = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (kilobytes * 1024, fs::read_dir(format!("{process}/fd")).unwrap().count())
}

#[tokio::test]
async fn a_warm_function_grows_neither_in_memory_nor_in_connections() {
    let set = stack_set();
    let event = json!({
        "detail-type": "CloudFormation StackSet Operation Status Change",
        "source": "aws.cloudformation",
        "region": "us-east-1",
        "detail": {
            "stack-set-arn": set.arn(),
            "stack-set-operation-id": "op-1",
            "status-details": {"status": "FAILED"},
        },
    });
    let aws = Aws::start(Scenario::new().stack_set(set).topic(demo::TOPIC_ARN)).await;
    let runtime = Runtime::start().await;
    let quiet = command(&runtime, &aws).env("TOPIC_ARN", demo::TOPIC_ARN).stdout(Stdio::null()).spawn();
    let function = Function(quiet.unwrap());
    let mut warm = (0, 0, 0);
    let mut published = 0;
    for invocation in 0..INVOCATIONS {
        let (fault, time, error) = trouble(invocation);
        aws.forget();
        aws.with(|scenario| scenario.faults = fault.into_iter().collect());
        // Lambda would end it at its timeout; the rest is what a busy machine may take.
        let limit = time + Duration::from_secs(15);
        match runtime.invoke(Invocation::new(&event).timeout(time).wait_limit(limit)).await.unwrap() {
            Outcome::Response(response) => {
                assert_eq!(
                    (error, &response["operations"][0]["counts"]["failed"]),
                    (None, &Value::from(25)),
                    "{invocation}"
                );
                let length = aws.published()[0].message.len();
                assert!(length > 40_000, "a short report: {length}");
                published += if invocation < WARM { 0 } else { length };
            }
            Outcome::Error { error_type, error_message, .. } => {
                assert_eq!(Some(error_type.as_str()), error, "{invocation}: {error_message}");
            }
        }
        // Five to AWS Organizations at a time, which serve the other services here too, and one that was given up.
        assert!(aws.connections() <= 6, "{} connections after invocation {invocation}", aws.connections());
        if invocation + 1 == WARM {
            let (memory, files) = size(&function);
            warm = (memory, files, aws.connections());
        }
    }
    let (memory, files) = size(&function);
    let grown = memory.saturating_sub(warm.0);
    println!(
        "{} kB when warm, {} kB more in the end; the reports since are {} kB",
        warm.0 / 1024,
        grown / 1024,
        published / 1024
    );
    assert!(published > 4 * GROWTH, "the reports are too short to show a leak of them");
    assert!(grown < GROWTH, "{grown} bytes more than after {WARM} invocations");
    assert!(files <= warm.1 + 1, "{files} open files, {} when warm", warm.1);
    assert!(aws.connections() <= warm.2.max(5), "{} connections, {} when warm", aws.connections(), warm.2);
}
