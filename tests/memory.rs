//! Memory is bounded whatever the texts are: peak memory of the real process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "support/function.rs"]
mod function;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use function::{Function, command};
use sandbox::{Aws, Invocation, Operation, Outcome, Row, Runtime, Scenario, StackSet, demo};
use serde_json::{Value, json};

const MEBIBYTE: usize = 1024 * 1024;

/// Peak resident memory in bytes.
fn peak(function: &Function) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", function.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A text of 1,105 characters that no other row has.
fn text(i: usize) -> String {
    // Words, because numbers are masked.
    let word: String = format!("{i:b}").chars().map(|bit| if bit == '0' { "green " } else { "red " }).collect();
    let text = format!("The colour {word}is not one that we know");
    format!("{text}{}", " at all".repeat((1_105 - text.len()) / 7))
}

async fn report(rows: Vec<Row>) -> (Value, usize) {
    let set = StackSet::self_managed("baseline", "111111111111", "us-east-1");
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
    let operation = Operation::new("op-1").action("UPDATE").status("FAILED").rows(rows);
    let aws = Aws::start(Scenario::new().stack_set(set.operation(operation)).topic(demo::TOPIC_ARN)).await;
    let runtime = Runtime::start().await;
    let quiet = command(&runtime, &aws).env("TOPIC_ARN", demo::TOPIC_ARN).stdout(Stdio::null()).spawn();
    let function = Function(quiet.unwrap());
    let timeout = Duration::from_secs(600);
    let outcome = runtime.invoke(Invocation::new(&event).timeout(timeout).wait_limit(timeout)).await.unwrap();
    let Outcome::Response(response) = outcome else { panic!("{outcome:?}") };
    let document: Value = serde_json::from_str(&aws.published()[0].body("sqs").unwrap()).unwrap();
    assert_eq!(response["operations"][0]["counts"], document["counts"]);
    (document, peak(&function))
}

/// Without a bound they take more than 48 MiB; a text kept once is 1.1 kB, and there are 2,000 of them.
#[tokio::test]
async fn texts_that_are_all_different_do_not_fill_the_memory() {
    const ROWS: usize = 10_000;
    let account = |i: usize| format!("{:012}", 200_000_000_000 + i);
    let rows = (0..ROWS).map(|i| Row::failed(&account(i), "eu-west-1", &text(i))).collect();
    let (document, peak) = report(rows).await;
    assert_eq!(document["counts"]["failed"], ROWS);
    let causes = document["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1);
    assert_eq!((&causes[0]["code"], &causes[0]["count"]), (&json!("UNKNOWN"), &json!(ROWS)));
    let others = causes[0]["groups"].as_array().unwrap().iter().find(|group| group["pattern"] == "other texts");
    assert_eq!(others.unwrap()["count"], ROWS - 2_000, "the largest group comes first");
    println!("{} MiB at the peak", peak / MEBIBYTE);
    assert!(peak < 40 * MEBIBYTE, "{} MiB", peak / MEBIBYTE);
}
