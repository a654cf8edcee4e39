//! Many reports -> one digest: what a sweep found, worst first.

use serde::Serialize;

use super::{Outcome, Report, Severity};

/// Everything that one message of a sweep names.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The sweep itself.
    pub sweep: SweepProgress,
    /// The operations, worst first. Their lists of targets may be cut.
    pub operations: Vec<Report>,
    /// Operations that this message has no room for; the next digest names them.
    pub operations_omitted: u64,
    /// What could not be read or reported.
    pub failures: Vec<Failure>,
    /// More of them.
    pub failures_omitted: u64,
}

/// How far the sweep got.
#[derive(Debug, Clone, Default)]
pub struct SweepProgress {
    /// When its schedule fell due, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Whether time and room sufficed for all stack sets.
    pub finished: bool,
    /// Stack sets that were to be looked at.
    pub stack_sets: u64,
    /// Those that were, to their last operation.
    pub stack_sets_done: u64,
}

/// What a sweep could not read or report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stack set, `name:uuid`; `null` where not even the list of stack sets could be read.
    pub stack_set: Option<String>,
    /// Operation id, where one operation failed.
    pub operation_id: Option<String>,
    /// Stable name of the step that failed.
    pub kind: &'static str,
    /// What could not be done, and why.
    pub error: String,
}

/// Sums over the operations of a digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestCounts {
    /// Operations.
    pub operations: u64,
    /// Those that need a person's eye.
    pub with_problems: u64,
    /// Those that have not ended.
    pub in_progress: u64,
    /// Failed targets.
    pub targets_failed: u64,
    /// Cancelled targets.
    pub targets_cancelled: u64,
}

impl Digest {
    /// A digest of these reports; their order does not matter.
    pub fn new(sweep: SweepProgress, mut reports: Vec<Report>) -> Self {
        reports.sort_by_cached_key(order);
        Self { sweep, operations: reports, operations_omitted: 0, failures: Vec::new(), failures_omitted: 0 }
    }

    /// The digest with this many operations, the worst ones.
    pub fn of_first(&self, operations: usize) -> Self {
        let mut first = self.clone();
        first.operations.truncate(operations);
        first.operations_omitted += (self.operations.len() - first.operations.len()) as u64;
        first
    }

    /// The outcome that needs a person most.
    pub fn outcome(&self) -> Option<Outcome> {
        self.operations.iter().map(|report| report.outcome).min_by_key(|outcome| rank(*outcome))
    }

    /// That of the most urgent operation; an error where the sweep could not read or report something.
    pub fn severity(&self) -> Severity {
        let worst = self.operations.iter().map(|report| report.severity).min().unwrap_or(Severity::Info);
        if self.failures.is_empty() && self.failures_omitted == 0 { worst } else { Severity::Error }
    }

    /// Sums over the operations.
    pub fn counts(&self) -> DigestCounts {
        let mut counts = DigestCounts::default();
        for report in &self.operations {
            counts.operations += 1;
            counts.with_problems += u64::from(!report.problems().is_empty());
            counts.in_progress += u64::from(report.in_progress.is_some());
            counts.targets_failed += report.counts.failed;
            counts.targets_cancelled += report.counts.cancelled;
        }
        counts
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
        Outcome::InProgress => 2,
        Outcome::SucceededWithFailures => 3,
        Outcome::Succeeded => 4,
    }
}
