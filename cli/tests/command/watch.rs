//! `watch`.

use sandbox::{Fault, Operation, Row, Scenario};

use crate::support::{OPERATION, account, aws, operation, run, scenario, stack_set};

const DESCRIBE: &str = "DescribeStackSetOperation";

fn running() -> Operation {
    let rows =
        vec![Row::succeeded(&account(1), "eu-west-1"), Row::failed(&account(2), "eu-west-1", "Internal Failure")];
    operation("FAILED", rows).running_for(3)
}

#[test]
fn an_operation_is_followed_to_its_end_and_reported() {
    let loopback = aws(scenario(running()));
    let done = run(&loopback, &["watch", "baseline", OPERATION, "--every", "1"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.out.starts_with("UPDATE of baseline failed: 1 of 2 targets failed\n"), "{}", done.out);
    // Once to find it, twice RUNNING, its end, and the report.
    assert!(loopback.requests_of(DESCRIBE).len() >= 4);
    assert_eq!(done.err, "", "no progress in a pipe");
}

#[test]
fn what_runs_is_followed_and_not_what_waits() {
    let times = |operation: Operation, at: &str| operation.times(at, None);
    let set = stack_set()
        .operation(times(Operation::new("waits").action("UPDATE").status("QUEUED"), "2026-03-02T12:00:00.000Z"))
        .operation(times(running().id("runs"), "2026-03-02T11:00:00.000Z"))
        .operation(Operation::new("ended").action("UPDATE").status("SUCCEEDED"));
    let mut scenario = Scenario::new().stack_set(set);
    scenario.operation_mut("runs").unwrap().listed_status = Some("RUNNING".to_owned());
    let loopback = aws(scenario);
    let done = run(&loopback, &["watch", "baseline", "--every", "1", "--output", "jsonl"]);
    assert_eq!((done.code, done.out.lines().count()), (1, 1), "{}", done.err);
    assert!(loopback.requests_of(DESCRIBE).iter().all(|request| request.param("OperationId") == Some("runs")));
}

#[test]
fn what_has_ended_is_reported_at_once() {
    let done = run(
        &aws(scenario(operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")]))),
        &["watch", "baseline"],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    let done = run(&aws(Scenario::new().stack_set(stack_set())), &["watch", "baseline"]);
    assert!(done.code == 3 && done.err.contains("it has no operation"), "{}", done.err);
}

#[test]
fn a_description_that_fails_is_tried_again_a_few_times() {
    let fault = || Fault::error(DESCRIBE, 403, "AccessDenied", "not authorized");
    let arguments = ["watch", "baseline", OPERATION, "--every", "1"];
    let done = run(&aws(scenario(running()).fault(fault().call(3).once())), &arguments);
    assert_eq!(done.code, 1, "{}", done.err);
    let done = run(&aws(scenario(running()).fault(fault().from_call(3))), &arguments);
    assert!(done.code == 3 && done.err.contains("AccessDenied"), "{}", done.err);
    // What never could be described is not tried again.
    let loopback = aws(scenario(running()).fault(fault().from_call(2)));
    assert_eq!(run(&loopback, &arguments).code, 3);
    assert_eq!(loopback.requests_of(DESCRIBE).len(), 2);
}
