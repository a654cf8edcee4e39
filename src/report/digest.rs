//! Many reports -> one digest: what a sweep found, stack set by stack set.

use serde::Serialize;

use super::{Outcome, Report};

/// Everything that one message of a sweep tells.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The sweep itself.
    pub sweep: SweepSummary,
    /// The stack sets with operations to tell of, those with problems first.
    pub stack_sets: Vec<StackSetDigest>,
    /// What could not be read or told.
    pub failures: Vec<Failure>,
    /// More of them.
    pub failures_omitted: u64,
}

/// How far the sweep got.
#[derive(Debug, Clone, Default)]
pub struct SweepSummary {
    /// When its schedule fell due, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Whether time and room sufficed for all stack sets.
    pub finished: bool,
    /// Stack sets that were to be looked at.
    pub stack_sets: u64,
    /// Those that were, to their last operation.
    pub stack_sets_done: u64,
}

/// One stack set's operations, those with problems first.
#[derive(Debug, Clone)]
pub struct StackSetDigest {
    /// Their reports, of one stack set; never empty. Their lists of targets may be cut.
    pub operations: Vec<Report>,
}

/// What a sweep could not read or tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stack set, `name:uuid`; `null` where not even the list of stack sets could be read.
    pub stack_set: Option<String>,
    /// Operation id, where one operation failed.
    pub operation_id: Option<String>,
    /// Stable name of the step that failed.
    pub kind: &'static str,
    /// Why.
    pub error: String,
}

/// Sums over all operations of a digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DigestCounts {
    /// Operations.
    pub operations: u64,
    /// Those that need a person's eye.
    pub with_problems: u64,
    /// Those that have not ended.
    pub in_progress: u64,
    /// Stack sets with an operation that needs a person's eye.
    pub stack_sets_with_problems: u64,
    /// Failed targets.
    pub failed: u64,
    /// Cancelled targets.
    pub cancelled: u64,
}

impl Digest {
    /// Sorts reports into a digest; their order does not matter.
    pub fn new(sweep: SweepSummary, mut reports: Vec<Report>) -> Self {
        reports.sort_by_cached_key(order);
        let mut stack_sets: Vec<StackSetDigest> = Vec::new();
        for report in reports {
            match stack_sets.iter_mut().find(|set| set.is_of(&report)) {
                Some(set) => set.operations.push(report),
                None => stack_sets.push(StackSetDigest { operations: vec![report] }),
            }
        }
        Self { sweep, stack_sets, failures: Vec::new(), failures_omitted: 0 }
    }

    /// All operations, in the digest's order.
    pub fn operations(&self) -> impl Iterator<Item = &Report> {
        self.stack_sets.iter().flat_map(|set| &set.operations)
    }

    /// The outcome that needs a person most.
    pub fn outcome(&self) -> Option<Outcome> {
        self.operations().map(|report| report.outcome).min_by_key(|outcome| rank(*outcome))
    }

    /// Sums over all operations.
    pub fn counts(&self) -> DigestCounts {
        let mut counts = DigestCounts::default();
        for set in &self.stack_sets {
            let before = counts.with_problems;
            for report in &set.operations {
                counts.operations += 1;
                counts.with_problems += u64::from(!report.problems().is_empty());
                counts.in_progress += u64::from(report.in_progress.is_some());
                counts.failed += report.counts.failed;
                counts.cancelled += report.counts.cancelled;
            }
            counts.stack_sets_with_problems += u64::from(counts.with_problems > before);
        }
        counts
    }
}

impl StackSetDigest {
    fn is_of(&self, report: &Report) -> bool {
        self.operations.first().is_some_and(|first| {
            let (a, b) = (&first.stack_set, &report.stack_set);
            (&a.name, &a.id, &a.account, &a.region) == (&b.name, &b.id, &b.account, &b.region)
        })
    }
}

/// Problems first, the worst outcome first, the most failures first; then by name.
fn order(report: &Report) -> (bool, u8, std::cmp::Reverse<u64>, String, Option<String>, String) {
    (
        report.problems().is_empty(),
        rank(report.outcome),
        std::cmp::Reverse(report.counts.failed + report.counts.cancelled),
        report.stack_set.name.clone(),
        report.stack_set.id.clone(),
        report.operation.id.clone(),
    )
}

fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Stopped => 1,
        Outcome::SucceededWithFailures => 2,
        Outcome::InProgress => 3,
        Outcome::Succeeded => 4,
    }
}
