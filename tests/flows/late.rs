//! Rows that are hard to follow: without a name, twice, gone and back, on pages that move.

use std::time::Duration;

use proptest::prelude::*;
use sandbox::{FailedCount, Fault, FaultKind, Operation, Row, Scenario};
use serde_json::Value;

use crate::settle::{MANY, RESULTS, among_many, numbers, patient, read_again};
use crate::support::{OPERATION, Stage, account, operation, stack_set};

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
        let late = operation("FAILED", among_many(vec![known.clone(), stranger.clone()]));
        let document = patient(late).await.report("FAILED").await;
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
        let reason = document["completeness"]["reason"].as_str().unwrap();
        let wanted = format!("{total} results were listed at first, {} are now", total - 1);
        assert!(reason.starts_with(&wanted), "{reason}");
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
    let late = |i: usize| Row::pending(&account(i), EUROPE).later(3, cancelled(i));
    let rows = (0..250).map(|i| if i == 240 { late(i) } else { succeeded(i) });
    let operation = operation("FAILED", rows.collect()).moving();
    let scenario = Scenario::new()
        .stack_set(stack_set().operation(operation))
        .fault(Fault::on(RESULTS, FaultKind::Hang).page(2).once());
    let document = Stage::new(scenario).await.time(Duration::from_secs(3)).report("FAILED").await;
    assert_eq!(numbers(&document), [250, 249, 0, 1, 0, 0]);
    assert!(is_complete(&document));
}

/// CloudFormation's own count is of the moment: of an operation that goes on it says nothing about what fails next.
#[tokio::test]
async fn failures_come_first_also_where_the_operation_counts_none_yet() {
    let rows = (0..250).map(|i| if i >= 245 { failed(i) } else { succeeded(i) });
    let operation = operation("RUNNING", rows.collect()).failed_count(FailedCount::Fixed(0));
    let scenario =
        Scenario::new().stack_set(stack_set().operation(operation)).fault(Fault::on(RESULTS, FaultKind::Hang).page(2));
    let stage = Stage::new(scenario).await.time(Duration::from_secs(2));
    stage.invoke(&serde_json::json!({"stackSetName": "baseline", "operationId": OPERATION})).await.unwrap();
    assert_eq!(numbers(&stage.document()), [105, 100, 5, 0, 0, 0]);
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

/// What becomes of one row; all lengths are numbers of readings.
#[derive(Debug, Clone)]
struct Life {
    named: bool,
    hidden: usize,
    pending: usize,
    /// Gone after PENDING, and after RUNNING.
    gone: [usize; 2],
    running: Option<usize>,
    end: &'static str,
    /// After so many readings the end is undone for so many: an older copy of the list was read.
    relapse: Option<(usize, usize)>,
}

fn life() -> impl Strategy<Value = Life> {
    let ends = prop_oneof![Just("SUCCEEDED"), Just("FAILED"), Just("CANCELLED")];
    let gone = [0..=6_usize, 0..=6_usize];
    let relapse = proptest::option::weighted(0.2, (1..4_usize, 1..=2_usize));
    let running = proptest::option::of(0..4_usize);
    let hidden = prop_oneof![3 => Just(0), 1 => 1..3_usize];
    (proptest::bool::weighted(0.98), hidden, 0..4_usize, gone, running, ends, relapse).prop_map(
        |(named, hidden, pending, gone, running, end, relapse)| {
            // Only what had not begun is cancelled.
            let running = running.filter(|_| end != "CANCELLED");
            let gone = [gone[0], running.map_or(0, |_| gone[1])];
            Life { named, hidden, pending, gone, running, end, relapse }
        },
    )
}

impl Life {
    /// From which reading on the row has which status, or none.
    fn course(&self) -> Vec<(usize, Option<&'static str>)> {
        let mut course: Vec<(usize, Option<&'static str>)> = Vec::new();
        let mut now = 0;
        let mut last = |length: usize, status| {
            if length > 0 && course.last().is_none_or(|(_, before)| *before != status) {
                course.push((now, status));
            }
            now += length;
        };
        last(self.hidden, None);
        last(self.pending, Some("PENDING"));
        last(self.gone[0], None);
        last(self.running.unwrap_or(0), Some("RUNNING"));
        last(self.gone[1], None);
        if let Some((after, length)) = self.relapse {
            last(after, Some(self.end));
            last(length, Some(if self.running.is_some() { "RUNNING" } else { "PENDING" }));
        }
        last(1, Some(self.end));
        course
    }

    fn status(&self, reading: usize) -> Option<&'static str> {
        self.course().into_iter().rev().find(|(from, _)| *from <= reading).and_then(|(_, status)| status)
    }

    fn row(&self, i: usize) -> Row {
        let mut all: Option<(usize, Row)> = None;
        let course = self.course();
        for (at, (from, status)) in course.iter().enumerate().rev() {
            let Some(status) = status else { continue };
            let mut row = match *status {
                "FAILED" => failed(i),
                "CANCELLED" => cancelled(i),
                other => Row::new(&account(i), EUROPE, other),
            };
            if !self.named {
                row = nameless(row);
            }
            if let Some((when, next)) = all {
                row = row.later(when, next);
            }
            // What is hidden before belongs to this row: its turn comes early, and it shows itself later.
            let hidden = at.checked_sub(1).map(|before| course[before]).filter(|(_, status)| status.is_none());
            all = Some((hidden.map_or(*from, |(since, _)| since), row.visible_from(*from)));
        }
        all.expect("a row has an end").1
    }
}

/// More pages than are read whole again, and no more rows than that takes.
const ELEVEN_PAGES: usize = 1_050;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// However rows appear, change, vanish and come back, and however they move from page to page: the numbers are
    /// those of the last reading, or the report says that it is incomplete, and then it has no row that does not exist.
    #[test]
    fn any_order_of_arrival_ends_in_true_numbers_or_an_incomplete_report(
        lives in proptest::collection::vec(life(), 1..25),
        many in any::<bool>(),
        moving in proptest::bool::weighted(0.3),
        counted in proptest::bool::weighted(0.7),
        status in prop_oneof![Just("FAILED"), Just("SUCCEEDED")],
    ) {
        // Only an operation that fails, or is stopped, cancels what has not begun.
        let lives: Vec<Life> = lives
            .into_iter()
            .map(|life| match (status, life.end) {
                ("SUCCEEDED", "CANCELLED") => Life { end: "SUCCEEDED", ..life },
                _ => life,
            })
            .collect();
        let rest = if many { ELEVEN_PAGES - lives.len() } else { 0 };
        let rows: Vec<Row> = lives
            .iter()
            .enumerate()
            .map(|(i, life)| life.row(i))
            .chain((0..rest).map(|i| succeeded(1_000 + i)))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (document, first_pages) = runtime.block_on(async {
            let mut late = operation(status, rows);
            late.moving = moving;
            late.failed_count = if counted { FailedCount::FromRows } else { FailedCount::Absent };
            let settings = [("SETTLE_TIMEOUT_SECONDS", "1"), ("NOTIFY_ON", "always")];
            let stage = Stage::with(Scenario::new().stack_set(stack_set().operation(late)), &settings).await;
            let document = stage.report("FAILED").await;
            let requests = stage.aws.requests_of(RESULTS);
            (document, requests.iter().filter(|request| request.param("NextToken").is_none()).count())
        });
        let at = |reading: usize, status: &str| {
            lives.iter().filter(|life| life.status(reading) == Some(status)).count() as u64
        };
        let reported = numbers(&document);
        let [total, succeeded, failed, cancelled, running, pending] = reported;
        prop_assert_eq!(total, succeeded + failed + cancelled + running + pending);
        if !many && !moving {
            // Read whole each time: the numbers are those of one moment.
            let last = first_pages - 1;
            let seen = ["SUCCEEDED", "FAILED", "CANCELLED", "RUNNING", "PENDING"].map(|status| at(last, status));
            prop_assert_eq!(&reported[1..], &seen[..], "at reading {}", last);
        }
        let ends = ["SUCCEEDED", "FAILED", "CANCELLED"].map(|status| at(usize::MAX, status));
        if is_complete(&document) {
            prop_assert_eq!((running, pending), (0, 0));
            // A failure that nobody counts and that is not listed yet cannot be known of.
            prop_assert!(failed == ends[1] || (!counted && failed < ends[1]), "{:?} of {:?}", reported, ends);
            if counted && !moving && lives.iter().all(|life| life.named && life.status(0).is_some()) {
                prop_assert_eq!([succeeded - rest as u64, failed, cancelled], ends);
            }
        }
        if !moving {
            // Rows that were never listed cannot be known of; a success that moved to the next page is seen twice.
            prop_assert!(succeeded <= ends[0] + rest as u64 && cancelled <= ends[2], "{:?} of {:?}", reported, ends);
            prop_assert!(total <= (lives.len() + rest) as u64);
        }
    }
}
