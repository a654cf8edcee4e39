//! What classification costs beside the least that a look at every text can cost.
//!
//! `cargo bench --bench classify` prints rows per second and, which is what counts on a shared
//! machine, the ratio to a plain `contains` scan of the same texts in the same run.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark talks to a person, on data of its own")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::Value;
use stackset_notifier::classify::{classify, mask};
use stackset_notifier::operation::{
    CallAs, Operation, OperationRef, OperationStatus, Preferences, StackSetRef, TargetResult,
};
use stackset_notifier::render::{self, HttpsBody};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext};

const ROWS: usize = 100_000;
const ROUNDS: usize = 9;
const CORPUS: &str = include_str!("../tests/corpus/reasons.jsonl");

/// Rows over all texts of the corpus, each with account, Region and request id of its own.
fn rows() -> Vec<TargetResult> {
    let texts: Vec<String> = CORPUS
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    (0..ROWS)
        .map(|i| TargetResult {
            account: Some(format!("{:012}", 200_000_000_000 + i / 4)),
            region: Some(["eu-west-1", "us-east-1", "ap-south-1", "me-south-1"][i % 4].to_owned()),
            status: Some("FAILED".into()),
            reason: Some(format!("{} (Request ID: {i:08x}-0000-4000-8000-{i:012x})", texts[i % texts.len()])),
            ..TargetResult::default()
        })
        .collect()
}

fn scan(rows: &[TargetResult]) -> usize {
    rows.iter().filter(|row| row.reason.as_deref().unwrap_or_default().contains("no such word in any text")).count()
}

fn report(rows: &[TargetResult]) -> Report {
    let operation = OperationRef {
        stack_set: StackSetRef::from_arn("arn:aws:cloudformation:eu-west-1:111111111111:stackset/base:1b2c").unwrap(),
        operation_id: "op".to_owned(),
    };
    let described = Operation {
        action: Some("UPDATE".to_owned()),
        status: OperationStatus::Failed,
        status_reason: None,
        failed_expected: None,
        totals: None,
        started_at: None,
        ended_at: None,
        organizational_units: Vec::new(),
        preferences: Preferences::default(),
        retain_stacks: None,
        drift: None,
    };
    let mut fold = ReportBuilder::new();
    rows.iter().cloned().for_each(|row| fold.add(row));
    let context = ReportContext {
        operation: &operation,
        call_as: CallAs::SelfAccount,
        reader_account: None,
        described: &described,
        expect_gate: ExpectGate::Auto,
        unread: None,
        now: None,
    };
    fold.build(&context)
}

fn main() {
    let rows = rows();
    // A tenth of the rows, and all: rendering must not grow faster than they do.
    let (tenth, whole) = (report(&rows[..ROWS / 10]), report(&rows));
    type Work<'a> = (&'a str, Box<dyn Fn(&[TargetResult]) -> usize + 'a>);
    let rows_of = |name: &str| if name == "render a tenth" { ROWS / 10 } else { ROWS };
    let works: [Work<'_>; 6] = [
        ("contains scan", Box::new(scan)),
        ("mask", Box::new(|rows| rows.iter().map(|row| mask(row.reason.as_deref().unwrap_or_default()).len()).sum())),
        ("classify each row", Box::new(|rows| rows.iter().filter_map(classify).count())),
        ("fold into a report", Box::new(|rows| report(rows).causes.len())),
        ("render a tenth", Box::new(|_| render::message(&tenth, HttpsBody::Chat).unwrap().size())),
        ("render the report", Box::new(|_| render::message(&whole, HttpsBody::Chat).unwrap().size())),
    ];
    // The works take turns, so that a slow spell of the machine hits all of them.
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); works.len()];
    for _ in 0..ROUNDS {
        for ((_, work), times) in works.iter().zip(&mut times) {
            let start = Instant::now();
            black_box(work(black_box(&rows)));
            times.push(start.elapsed());
        }
    }
    println!("{ROWS} rows, median of {ROUNDS} rounds\n");
    println!("{:<20}{:>14}{:>22}{:>18}", "work", "rows a second", "times contains scan", "slowest/fastest");
    let base = median(&mut times[0]);
    for ((name, _), times) in works.iter().zip(&mut times) {
        let time = median(times);
        let spread = times[times.len() - 1].as_secs_f64() / times[0].as_secs_f64();
        println!(
            "{name:<20}{:>14.0}{:>22.1}{spread:>18.2}",
            rows_of(name) as f64 / time.as_secs_f64(),
            time.as_secs_f64() / base.as_secs_f64()
        );
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
