//! What happened, in one sentence: the numbers that say how bad it is.

use super::document::{Counts, Outcome, Report};
use super::in_progress::InProgress;
use crate::numbers::{count, number};
use crate::operation::{self, Totals};
use crate::text::clean;

/// `UPDATE of security-baseline failed: 107 of 2,000 targets failed, 91 cancelled`.
pub(super) fn summary(report: &Report) -> String {
    let action = report.operation.action.as_deref().filter(|action| operation::is_word(action)).unwrap_or("Operation");
    let how = match report.outcome {
        Outcome::Failed => "failed",
        Outcome::Stopped => "was stopped",
        Outcome::Succeeded if drifted(report).is_some() => "found drift",
        Outcome::Succeeded => "succeeded",
        Outcome::SucceededWithFailures => "succeeded with failures",
        Outcome::InProgress => "has not ended",
    };
    let incomplete = if report.completeness.missing.is_some() { " (incomplete)" } else { "" };
    format!("{action} of {} {how}: {}{incomplete}", clean(&report.stack_set.name), report.how_bad())
}

impl Report {
    /// The numbers that say how bad it is: `280 of 2,000 targets failed, 120 cancelled`.
    pub fn how_bad(&self) -> String {
        let counts = &self.best_counts();
        if let Some(progress) = &self.in_progress {
            return how_far(self, progress);
        }
        let mut parts = Vec::new();
        let of_total = |n: u64, word: &str| format!("{} of {} {word}", number(n), targets(counts.total));
        if let Some(expected) = self.unlisted_failures() {
            parts.push(format!("{} failed, {} listed", targets(expected), number(self.counts.failed)));
        } else if counts.failed > 0 {
            parts.push(of_total(counts.failed, "failed"));
        }
        if counts.cancelled > 0 {
            parts.push(if parts.is_empty() {
                of_total(counts.cancelled, "cancelled")
            } else {
                format!("{} cancelled", number(counts.cancelled))
            });
        }
        parts.extend(drifted(self));
        if parts.is_empty() {
            let skipped = self.account_gate.skipped.count;
            parts.extend((skipped > 0).then(|| format!("{} skipped their account gate", targets(skipped))));
            let other = counts.other;
            parts.extend((other > 0).then(|| format!("{} with an unknown status", targets(other))));
        }
        if parts.is_empty() {
            let all = counts.succeeded == counts.total && self.outcome == Outcome::Succeeded;
            parts.push(match counts.total {
                0 => "no targets".to_owned(),
                1 if all => "the one target succeeded".to_owned(),
                n if all => format!("all {} succeeded", targets(n)),
                _ => of_total(counts.succeeded, "succeeded"),
            });
        }
        parts.join(", ")
    }

    /// The same with fewer words: `280 failed, 120 cancelled of 2,000`.
    pub fn how_bad_in_short(&self) -> String {
        let counts = &self.best_counts();
        let mut parts = vec![format!("{} failed", number(self.unlisted_failures().unwrap_or(counts.failed)))];
        if counts.cancelled > 0 {
            parts.push(format!("{} cancelled", number(counts.cancelled)));
        }
        let drifted = self.drift.as_ref().and_then(|drift| drift.drifted).filter(|n| *n > 0);
        parts.extend(drifted.map(|n| format!("{} drifted", number(n))));
        format!("{} of {}", parts.join(", "), number(counts.total))
    }

    /// The numbers for people: CloudFormation's own where results are missing or behind, and the listed ones elsewhere.
    pub fn best_counts(&self) -> Counts {
        let counts = self.counts.clone();
        let is_behind = self.completeness.missing.is_some() || self.in_progress.is_some();
        let Some(all) = self.operation.totals.as_ref().map(|totals| &totals.all).filter(|_| is_behind) else {
            return counts;
        };
        match (all.targets, all.succeeded, all.failed, all.cancelled) {
            (Some(total), Some(succeeded), Some(failed), Some(cancelled))
                if total > counts.total && failed >= counts.failed && cancelled >= counts.cancelled =>
            {
                let pending = all.pending.unwrap_or(0);
                Counts { total, succeeded, failed, cancelled, running: 0, pending, ..counts }
            }
            _ => counts,
        }
    }

    /// CloudFormation's own count of failures, where it is larger than what is listed.
    fn unlisted_failures(&self) -> Option<u64> {
        self.completeness.failed_expected.filter(|&expected| expected > self.counts.failed)
    }
}

fn targets(n: u64) -> String {
    count(n, "target", "targets")
}

/// `7 of 40 stack instances drifted`.
fn drifted(report: &Report) -> Option<String> {
    let drift = report.drift.as_ref()?;
    let n = drift.drifted.filter(|n| *n > 0)?;
    Some(match drift.total {
        Some(total) => format!("{} of {} drifted", number(n), count(total, "stack instance", "stack instances")),
        None => format!("{} drifted", count(n, "stack instance", "stack instances")),
    })
}

/// How far an operation is that has not ended: `28 of 40 targets to go, 3 failed`.
fn how_far(report: &Report, progress: &InProgress) -> String {
    let counts = &report.best_counts();
    let status = report.operation.status.as_deref().unwrap_or("in progress").to_lowercase();
    let status: String = clean(&status).chars().take(20).collect();
    let since = progress.seconds.map_or_else(String::new, |seconds| format!(" for {}", duration(seconds)));
    let counted = report.operation.totals.as_ref().and_then(Totals::to_go);
    let (pending, total) = counted.unwrap_or((counts.running + counts.pending, counts.total));
    let to_go = format!("{} of {} to go", number(pending), targets(total));
    let failed = report.unlisted_failures().unwrap_or(counts.failed);
    let parts = [
        Some(format!("{status}{since}")),
        Some(if total == 0 { "no targets yet".to_owned() } else { to_go }),
        (failed > 0).then(|| format!("{} failed", number(failed))),
        (counts.cancelled > 0).then(|| format!("{} cancelled", number(counts.cancelled))),
        drifted(report),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `822` seconds -> `13 minutes`; the largest unit that it fills twice or just once.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => count(seconds, "second", "seconds"),
        120..7_200 => count(seconds / 60, "minute", "minutes"),
        7_200..172_800 => count(seconds / 3_600, "hour", "hours"),
        _ => count(seconds / 86_400, "day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(
            [0, 1, 59, 119, 120, 822, 7_199, 7_200, 25_200, 90_000, 172_800].map(duration),
            [
                "0 seconds",
                "1 second",
                "59 seconds",
                "119 seconds",
                "2 minutes",
                "13 minutes",
                "119 minutes",
                "2 hours",
                "7 hours",
                "25 hours",
                "2 days"
            ]
        );
    }
}
