//! Rows that are hard to follow: without a name, twice, gone and back, on pages that move.

use std::time::Duration;

use sandbox::{FailedCount, Fault, FaultKind, Operation, Row, Scenario};
use serde_json::Value;

use crate::settle::{MANY, RESULTS, among_many, numbers, patient, read_again};
use crate::support::{Stage, account, operation, stack_set};

const EUROPE: &str = "eu-west-1";
const CANCELLED: &str = "Cancelled since failure tolerance has exceeded";

/// The row without account and Region.
fn nameless(row: Row) -> Row {
    Row { account: None, region: None, ..row }
}

fn running(i: usize) -> Row {
    Row::running(&account(i), EUROPE)
}

fn succeeded(i: usize) -> Row {
    Row::succeeded(&account(i), EUROPE)
}

fn failed(i: usize) -> Row {
    Row::failed(&account(i), EUROPE, "Rate exceeded")
}

fn cancelled(i: usize) -> Row {
    Row::cancelled(&account(i), EUROPE, CANCELLED)
}

/// Reports an operation whose failures CloudFormation does not count, and so cannot be checked against it.
async fn uncounted(rows: Vec<Row>) -> (Stage, Value) {
    let stage = patient(operation("FAILED", rows).failed_count(FailedCount::Absent)).await;
    let document = stage.report("FAILED").await;
    (stage, document)
}

/// A stage that gives up on waiting soon.
async fn impatient(operation: Operation) -> Stage {
    Stage::with(Scenario::new().stack_set(stack_set().operation(operation)), &[("SETTLE_TIMEOUT_SECONDS", "1")]).await
}

fn is_complete(document: &Value) -> bool {
    document["completeness"]["complete"].as_bool().unwrap()
}

#[tokio::test]
async fn rows_without_account_and_region_are_all_counted() {
    let odd = vec![nameless(running(0)), nameless(running(1)), nameless(Row::pending("", ""))];
    for rows in [odd.clone(), among_many(odd)] {
        let total = rows.len() as u64;
        let document = impatient(operation("FAILED", rows)).await.report("FAILED").await;
        assert_eq!(numbers(&document), [total, total - 3, 0, 0, 2, 1]);
        assert!(!is_complete(&document));
    }
}

#[tokio::test]
async fn rows_without_account_and_region_settle_one_by_one() {
    let late = |i: usize, end: Row| nameless(running(i)).later(3, nameless(end));
    let document = patient(operation(
        "FAILED",
        among_many(vec![late(0, failed(0)), late(1, failed(1)), late(2, cancelled(2)), late(3, succeeded(3))]),
    ))
    .await
    .report("FAILED")
    .await;
    assert_eq!(numbers(&document), [1_500, 1_497, 2, 1, 0, 0]);
    assert!(is_complete(&document));
}

#[tokio::test]
async fn rows_of_one_target_are_all_counted() {
    for rows in [vec![running(0), running(0)], among_many(vec![running(0), running(0)])] {
        let total = rows.len() as u64;
        let document = impatient(operation("FAILED", rows)).await.report("FAILED").await;
        assert_eq!(numbers(&document), [total, total - 2, 0, 0, 2, 0]);
    }
}

#[tokio::test]
async fn a_failed_row_that_is_listed_twice_does_not_stand_for_another() {
    for many in [false, true] {
        let rows = vec![failed(0), failed(0), failed(1).visible_from(2)];
        let rows = if many { among_many(rows) } else { rows };
        let operation = operation("FAILED", rows).failed_count(FailedCount::Fixed(2));
        let document = impatient(operation).await.report("FAILED").await;
        assert_eq!(document["counts"]["failed"], 3, "every row is counted");
        assert!(!is_complete(&document));
    }
}

#[tokio::test]
async fn a_row_that_vanishes_for_a_moment_is_not_taken_for_a_success() {
    // Not in the second reading, back in the third.
    for end in [failed(0), cancelled(0)] {
        let late = Row::pending(&account(0), EUROPE).later(1, end.clone().visible_from(5));
        let (_, document) = uncounted(among_many(vec![late])).await;
        assert_eq!(document["counts"]["succeeded"], MANY as u64 - 1, "{end:?}");
        assert_eq!(document["counts"]["total"], MANY as u64);
    }
}

#[tokio::test]
async fn a_row_that_goes_and_comes_back_as_it_was_is_waited_for() {
    let late = running(0).later(1, running(0).visible_from(5).later(9, failed(0)));
    let (_, document) = uncounted(among_many(vec![late])).await;
    assert_eq!(numbers(&document), [1_500, 1_499, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_row_that_is_first_seen_unsettled_when_others_are_read_again_is_counted_once() {
    let known = running(0).later(6, succeeded(0));
    for stranger in [
        // Listed late, and a success that an older copy of the list still calls running.
        running(1).visible_from(1).later(4, succeeded(1)),
        succeeded(1).later(1, running(1).later(4, succeeded(1))),
        running(1).visible_from(1).later(4, failed(1)),
    ] {
        let (_, document) = uncounted(among_many(vec![known.clone(), stranger.clone()])).await;
        let failures = u64::from(stranger.at(usize::MAX).unwrap().status.as_deref() == Some("FAILED"));
        assert_eq!(numbers(&document), [1_500, 1_500 - failures, failures, 0, 0, 0], "{stranger:?}");
        assert!(is_complete(&document), "{stranger:?}");
    }
}

#[tokio::test]
async fn rows_that_are_no_longer_listed_leave_an_incomplete_report() {
    let gone = |row: Row| row.clone().later(1, row.visible_from(usize::MAX));
    // Something has to be waited for, or nothing would be read again.
    let late = running(0).later(6, succeeded(0));
    for rows in [
        vec![late.clone(), gone(succeeded(1)), succeeded(2)],
        vec![late.clone(), gone(failed(1)), succeeded(2)],
        among_many(vec![late.clone(), gone(failed(1))]),
    ] {
        let total = rows.len();
        let scenario = Scenario::new()
            .stack_set(stack_set().operation(operation("FAILED", rows).failed_count(FailedCount::Absent)));
        let document = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", "1")]).await.report("FAILED").await;
        assert_eq!(
            document["completeness"]["reason"],
            format!("{total} results were listed at first, {} are now", total - 1)
        );
    }
}

#[tokio::test]
async fn failures_that_are_all_there_are_not_read_again_for_one_late_row() {
    let late = running(0).later(1, succeeded(0));
    let rows = std::iter::once(late).chain((1..MANY).map(|i| if i < 1_200 { failed(i) } else { succeeded(i) }));
    let stage = patient(operation("FAILED", rows.collect())).await;
    let document = stage.report("FAILED").await;
    assert_eq!(numbers(&document), [1_500, 301, 1_199, 0, 0, 0]);
    assert!(is_complete(&document));
    assert_eq!(read_again(&stage), ["PENDING", "RUNNING", "PENDING", "RUNNING"]);
}

/// Page 2 hangs until half of the time is gone, so the failed and cancelled rows are read by filter, and then the rest.
#[tokio::test]
async fn a_row_that_is_cancelled_after_the_cancelled_ones_were_read_is_not_lost() {
    let late = |i: usize| Row::pending(&account(i), EUROPE).later(4, cancelled(i));
    let rows = (0..250).map(|i| if i == 240 { late(i) } else { succeeded(i) });
    let operation = operation("FAILED", rows.collect()).moving();
    let scenario = Scenario::new()
        .stack_set(stack_set().operation(operation))
        .fault(Fault::on(RESULTS, FaultKind::Hang).page(2).once());
    let document = Stage::new(scenario).await.time(Duration::from_secs(3)).report("FAILED").await;
    assert_eq!(numbers(&document), [250, 249, 0, 1, 0, 0]);
    assert!(is_complete(&document));
}

/// A row that is running on the page that was read and has failed when the failed ones are read.
#[tokio::test]
async fn a_row_that_fails_after_its_page_was_read_is_not_counted_twice() {
    let rows = (0..250).map(|i| if i == 10 { running(i).later(1, failed(i)) } else { succeeded(i) });
    let operation = operation("FAILED", rows.collect()).moving();
    let scenario = Scenario::new()
        .stack_set(stack_set().operation(operation))
        .fault(Fault::on(RESULTS, FaultKind::Hang).page(2).once());
    let document = Stage::new(scenario).await.time(Duration::from_secs(3)).report("FAILED").await;
    assert_eq!(numbers(&document), [250, 249, 1, 0, 0, 0]);
}
