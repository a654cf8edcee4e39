//! Files that the real AWS CLI saves, from the same loopback AWS: their report is the live one.
//!
//! tests/cli/saved runs it.

use std::process::Command;

use sandbox::{Aws, demo};
use serde_json::Value;

use crate::support::{Run, aws, file, run};

/// What the AWS CLI prints.
fn saved(loopback: &Aws, command: &str, operation: &str, more: &[&str]) -> String {
    let cli = std::env::var("AWS_CLI").unwrap_or_else(|_| "aws".to_owned());
    let name = demo::ARN.rsplit_once('/').unwrap().1;
    let done = Command::new(cli)
        .args(["cloudformation", command, "--stack-set-name", name, "--operation-id", operation, "--output", "json"])
        .args(["--endpoint-url", &loopback.url(), "--region", "us-east-1"])
        .args(more)
        .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    let without_name = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["accountName"] = Value::Null;
        row
    };
    text.lines().map(without_name).collect()
}

#[test]
#[ignore = "needs the AWS CLI"]
fn reports_of_saved_results_are_the_live_ones() {
    let loopback = aws(demo::scenario());
    for operation in
        [demo::OPERATION_ID, demo::SUCCEEDED_ID, demo::SUCCEEDED_WITH_FAILURES_ID, demo::STOPPED_ID, demo::RUNNING_ID]
    {
        let results = file("cli-results.json", saved(&loopback, "list-stack-set-operation-results", operation, &[]));
        let description = file("cli-described.json", saved(&loopback, "describe-stack-set-operation", operation, &[]));
        let from_files = |output: &str| {
            let arguments = ["report", "--results", &results, "--describe", &description];
            let more = ["--region", "us-east-1", "--call-as", "self", "--all", "--output", output];
            Run::new(&arguments).arguments(&more).done()
        };
        let from_aws = |output: &str| run(&loopback, &["report", demo::ARN, operation, "--all", "--output", output]);
        let (ours, live) = (from_files("jsonl"), from_aws("jsonl"));
        assert_eq!(lines(&ours.out), lines(&live.out), "{operation}");
        assert_eq!(ours.code, live.code, "{operation}: {}", ours.err);
        let document = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (ours, live) = (document(&from_files("json").out), document(&from_aws("json").out));
        for key in ["outcome", "counts", "collateral", "retry", "accountGate", "byRegion", "byOrganizationalUnit"] {
            assert_eq!(ours[key], live[key], "{key} of {operation}");
        }
        for key in ["startedAt", "endedAt", "action", "status", "consoleUrl", "resultsCommands", "stoppedByCommand"] {
            assert_eq!(ours["operation"][key], live["operation"][key], "{key} of {operation}");
        }
        let causes = |document: &Value| -> Vec<(Value, Value, Value)> {
            let causes = document["causes"].as_array().unwrap().iter();
            causes.map(|cause| (cause["code"].clone(), cause["count"].clone(), cause["owners"].clone())).collect()
        };
        assert_eq!(causes(&ours), causes(&live), "{operation}");
    }
    // What --max-items cuts off is missing, and the report says so.
    let part = saved(&loopback, "list-stack-set-operation-results", demo::OPERATION_ID, &["--max-items", "150"]);
    let done = Run::new(&["report", "--results", "-"]).input(part).done();
    assert!(done.code == 3 && done.out.contains("the last page has a NextToken"), "{}", done.out);
}
