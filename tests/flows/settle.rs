//! Results that come late, and time that runs out.

use std::time::Duration;

use sandbox::{FailedCount, Fault, FaultKind, Operation, Request, Row, Rows, Scenario};
use serde_json::Value;

use crate::support::{OPERATION, Stage, account, operation, stack_set};

pub(crate) const RESULTS: &str = "ListStackSetOperationResults";
/// More pages than are read whole again.
pub(crate) const MANY: usize = 1_500;

pub(crate) async fn patient(operation: Operation) -> Stage {
    Stage::with(Scenario::new().stack_set(stack_set().operation(operation)), &[("SETTLE_TIMEOUT_SECONDS", "60")]).await
}

/// `MANY` rows that succeeded, with these in front.
pub(crate) fn among_many(odd: Vec<Row>) -> Vec<Row> {
    let rest = (odd.len()..MANY).map(|i| Row::succeeded(&account(i), "eu-west-1"));
    odd.iter().cloned().chain(rest).collect()
}

fn filter_of(request: &Request) -> Option<&str> {
    request.param("Filters.member.1.Values")
}

/// The calls after the first reading, by their filter.
pub(crate) fn read_again(stage: &Stage) -> Vec<String> {
    let requests = stage.aws.requests_of(RESULTS);
    requests.iter().skip(MANY / 100).map(|request| filter_of(request).unwrap_or("everything").to_owned()).collect()
}

pub(crate) fn numbers(document: &Value) -> [u64; 6] {
    ["total", "succeeded", "failed", "cancelled", "running", "pending"]
        .map(|word| document["counts"][word].as_u64().unwrap())
}

#[tokio::test]
async fn a_late_success_is_waited_for_without_reading_everything_again() {
    let late = Row::pending(&account(0), "eu-west-1").later(1, Row::succeeded(&account(0), "eu-west-1"));
    let scenario = Scenario::new().stack_set(stack_set().operation(operation("SUCCEEDED", among_many(vec![late]))));
    let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "60"), ("NOTIFY_ON", "always")]).await;
    let document = stage.report("SUCCEEDED").await;
    assert_eq!(numbers(&document), [1_500, 1_500, 0, 0, 0, 0]);
    assert_eq!(document["completeness"]["complete"], true);
    // Found nowhere, and once more to be sure; the failed rows are all there by the operation's own count.
    assert_eq!(read_again(&stage), ["PENDING", "RUNNING", "CANCELLED", "PENDING", "RUNNING", "CANCELLED"]);
}

/// It may still turn out to have been cancelled, or to have failed where nobody counts.
#[tokio::test]
async fn a_row_that_vanishes_is_no_success_where_it_may_be_none() {
    let pending = Row::pending(&account(0), "eu-west-1").later(1, Row::succeeded(&account(0), "eu-west-1"));
    let running = Row::running(&account(0), "eu-west-1").later(1, Row::succeeded(&account(0), "eu-west-1"));
    for (row, count) in [(pending, FailedCount::FromRows), (running, FailedCount::Absent)] {
        let status = row.status.clone().unwrap().to_lowercase();
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(operation("FAILED", among_many(vec![row])).failed_count(count)));
        let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "1")]).await;
        let document = stage.report("FAILED").await;
        assert_eq!((&document["counts"]["succeeded"], &document["counts"][&status]), (&1_499.into(), &1.into()));
        let reason = document["completeness"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("1 result is no longer listed by the former status; "), "{reason}");
        assert!(read_again(&stage).iter().all(|filter| filter != "everything"));
    }
}

/// Twelve pages of cancelled rows: once when the late row vanishes, and once more in the end.
#[tokio::test]
async fn a_long_list_of_cancelled_rows_is_not_read_in_every_round() {
    let late = Row::pending(&account(0), "eu-west-1").later(1, Row::succeeded(&account(0), "eu-west-1"));
    let cancelled =
        |i: usize| Row::cancelled(&account(i), "eu-west-1", "Cancelled since failure tolerance has exceeded");
    let rows = std::iter::once(late).chain((1..1_200).map(cancelled)).collect();
    let scenario = Scenario::new().stack_set(stack_set().operation(operation("FAILED", among_many(rows))));
    let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "3")]).await;
    let document = stage.report("FAILED").await;
    assert_eq!(numbers(&document), [1_500, 300, 0, 1_199, 0, 1]);
    let read = read_again(&stage);
    let times = |status: &str| read.iter().filter(|filter| *filter == status).count();
    assert!(times("PENDING") >= 4, "{read:?}");
    assert_eq!(times("CANCELLED"), 2 * 12);
}

/// 15 pages take longer than the time for settling, which begins when they are read.
#[tokio::test]
async fn the_time_for_settling_begins_when_everything_was_read() {
    let failed = Row::failed(&account(0), "eu-west-1", "Rate exceeded");
    let late = Row::running(&account(0), "eu-west-1").later(2, failed);
    let scenario = Scenario::new()
        .stack_set(stack_set().operation(operation("FAILED", among_many(vec![late]))))
        .latency(Duration::from_millis(80));
    let document = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "1")]).await.report("FAILED").await;
    assert_eq!(numbers(&document), [1_500, 1_499, 1, 0, 0, 0]);
    assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
}

/// Whether it passes or lasts, it costs none of what was read.
#[tokio::test]
async fn an_error_while_settling_loses_nothing() {
    for (kind, lasts) in [
        (FaultKind::Throttling, true),
        (FaultKind::InternalFailure, true),
        (FaultKind::CutXml, true),
        (FaultKind::EmptyToken, true),
        (FaultKind::Throttling, false),
        (FaultKind::InternalFailure, false),
        (FaultKind::RenamedTag, false),
        (FaultKind::Reset, false),
    ] {
        // More than a page of each list that is read again.
        let late = |i: usize| {
            Row::running(&account(i), "eu-west-1").later(2, Row::failed(&account(i), "eu-west-1", "Rate exceeded"))
        };
        let rows = among_many((0..150).map(late).collect());
        for list in ["RUNNING", "FAILED"] {
            let fault = Fault::on(RESULTS, kind.clone()).with_param("Filters.member.1.Values", list);
            let fault = if lasts { fault } else { fault.once() };
            let scenario =
                Scenario::new().stack_set(stack_set().operation(operation("FAILED", rows.clone()))).fault(fault);
            let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "60")]).await;
            // Throttling ends with the time only.
            let ends_in_time = kind != FaultKind::Throttling || !lasts;
            let document = stage.time(Duration::from_secs(if ends_in_time { 300 } else { 8 })).report("FAILED").await;
            let cell = format!("{kind:?} of {list}, lasts {lasts}");
            assert_eq!(document["counts"]["total"], 1_500, "{cell}");
            assert_eq!(document["counts"]["succeeded"], 1_350, "{cell}");
            let reason = document["completeness"]["reason"].as_str().unwrap_or_default();
            if !ends_in_time {
                assert!(reason.contains("150 targets are still RUNNING or PENDING"), "{cell}: {reason}");
            } else if lasts {
                assert!(
                    reason.starts_with("what had not settled could not be read again: could not list"),
                    "{cell}: {reason}"
                );
            } else {
                assert_eq!((&document["counts"]["failed"], reason), (&150.into(), ""), "{cell}");
            }
        }
    }
}

#[tokio::test]
async fn a_late_failure_is_reported_with_its_cause() {
    let failed = Row::failed(&account(0), "eu-west-1", "Rate exceeded");
    // Running for two readings more, then failed.
    let late = Row::pending(&account(0), "eu-west-1").later(2, Row::running(&account(0), "eu-west-1").later(6, failed));
    let stage = patient(operation("SUCCEEDED", among_many(vec![late]))).await;
    let document = stage.report("SUCCEEDED").await;
    assert_eq!(numbers(&document), [1_500, 1_499, 1, 0, 0, 0]);
    assert_eq!(document["causes"][0]["code"], "THROTTLING");
    assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
    assert!(read_again(&stage).iter().all(|filter| filter != "everything"));
}

#[tokio::test]
async fn a_row_that_is_cancelled_late_is_collateral() {
    let cancelled = Row::cancelled(&account(0), "eu-west-1", "Cancelled since failure tolerance has exceeded");
    let late = Row::pending(&account(0), "eu-west-1").later(1, cancelled);
    let document = patient(operation("FAILED", among_many(vec![late]))).await.report("FAILED").await;
    assert_eq!(numbers(&document), [1_500, 1_499, 0, 1, 0, 0]);
    assert_eq!(document["collateral"]["failureToleranceExceeded"], 1);
}

#[tokio::test]
async fn failed_rows_that_are_not_listed_yet_are_waited_for() {
    let late = Row::failed(&account(0), "eu-west-1", "Rate exceeded").visible_from(2);
    let stage = patient(operation("SUCCEEDED", among_many(vec![late]))).await;
    let document = stage.report("SUCCEEDED").await;
    assert_eq!(numbers(&document), [1_500, 1_499, 1, 0, 0, 0]);
    assert_eq!(document["completeness"]["complete"], true);
    assert_eq!(read_again(&stage), ["FAILED", "FAILED"]);
}

#[tokio::test]
async fn a_small_set_is_read_whole_again() {
    let rows = vec![
        Row::running(&account(0), "eu-west-1").later(1, Row::succeeded(&account(0), "eu-west-1").gate_passed()),
        Row::failed(&account(1), "eu-west-1", "Rate exceeded").visible_from(1),
        Row::succeeded(&account(2), "eu-west-1").visible_from(1),
    ];
    let stage = patient(operation("SUCCEEDED", rows)).await;
    let document = stage.report("SUCCEEDED").await;
    assert_eq!(numbers(&document), [3, 2, 1, 0, 0, 0]);
    assert_eq!(document["accountGate"]["passed"], 1);
    assert_eq!(stage.aws.requests_of(RESULTS).len(), 2);
}

#[tokio::test]
async fn what_never_settles_is_reported_with_both_numbers() {
    for rows in [vec![Row::running(&account(0), "eu-west-1")], among_many(vec![Row::running(&account(0), "eu-west-1")])]
    {
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(operation("FAILED", rows).failed_count(FailedCount::Fixed(3))));
        let document = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "1")]).await.report("FAILED").await;
        assert_eq!(document["completeness"]["complete"], false);
        assert_eq!(
            document["completeness"]["reason"],
            "the operation ended, but 1 target is still RUNNING or PENDING; CloudFormation counts 3 \
             failed targets, 0 are listed"
        );
        assert_eq!(document["counts"]["running"], 1);
    }
}

#[tokio::test]
async fn an_operation_that_goes_on_is_not_waited_for() {
    let stage = patient(operation("RUNNING", vec![Row::running(&account(0), "eu-west-1")])).await;
    let request = serde_json::json!({"stackSetName": "baseline", "operationId": OPERATION});
    stage.invoke(&request).await.unwrap();
    assert_eq!(stage.aws.requests_of(RESULTS).len(), 1);
}

/// 100 pages at 20 ms, and half a second: the last pages cannot be read.
#[tokio::test]
async fn short_of_time_failures_come_first_and_the_report_says_what_is_missing() {
    let rows = Rows::generated(10_000, |i| match i {
        9_990.. => Row::failed(&account(i), "eu-west-1", "Rate exceeded"),
        9_980.. => Row::cancelled(&account(i), "eu-west-1", "Cancelled since failure tolerance has exceeded"),
        _ => Row::succeeded(&account(i), "eu-west-1"),
    });
    let slow = Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows);
    let scenario = Scenario::new().stack_set(stack_set().operation(slow)).latency(Duration::from_millis(20));
    let stage = Stage::new(scenario).await.time(Duration::from_millis(1_200));
    let document = stage.report("FAILED").await;
    assert_eq!(document["counts"]["failed"], 10);
    assert_eq!(document["counts"]["cancelled"], 10);
    assert!(document["counts"]["total"].as_u64().unwrap() < 10_000);
    assert_eq!(document["completeness"]["complete"], false);
    assert_eq!(
        document["completeness"]["reason"],
        "time ran out before all results were read, but all FAILED and CANCELLED ones"
    );
    assert!(stage.published().subject.unwrap().ends_with("(incomplete)"));
}
