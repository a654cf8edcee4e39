//! Metrics, in CloudWatch's embedded metric format
//! ([specification](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use stackset_notifier::response::{Action, OperationResult, SweepSummary};

use crate::log;

/// CloudWatch namespace of the metrics.
const NAMESPACE: &str = "StackSetNotifier";
const COUNT: &str = "Count";
const MILLISECONDS: &str = "Milliseconds";
const SECONDS: &str = "Seconds";

/// Writes one report's numbers as metrics, and the failed targets of each cause once more with the cause as a dimension.
pub(super) fn of_operation(function: &str, result: &OperationResult) {
    let Some(read) = &result.measurements else {
        return;
    };
    embedded(
        function,
        None,
        &[
            ("ReportsPublished", COUNT, u64::from(result.action == Action::Published)),
            ("TargetsFailed", COUNT, result.counts.as_ref().map_or(0, |counts| counts.failed)),
            ("ResultsRead", COUNT, read.results),
            ("IncompleteReports", COUNT, u64::from(!read.complete)),
            ("AccountGateSkipped", COUNT, read.account_gate_skipped),
            ("LedgerErrors", COUNT, u64::from(result.ledger_error.is_some())),
            ("Retries", COUNT, read.retries),
            ("ReadDuration", MILLISECONDS, millis(read.reading)),
        ],
    );
    for (cause, targets) in &read.causes {
        embedded(function, Some(cause), &[("TargetsFailed", COUNT, *targets)]);
    }
}

/// Writes one sweep's numbers as metrics.
pub(super) fn of_sweep(function: &str, summary: &SweepSummary) {
    embedded(
        function,
        None,
        &[
            ("SweepStackSets", COUNT, summary.stack_sets_done),
            ("SweepOperations", COUNT, summary.operations),
            ("SweepReports", COUNT, summary.published),
            ("SweepFailures", COUNT, summary.failures.len() as u64 + summary.failures_omitted),
            ("IncompleteSweeps", COUNT, u64::from(!summary.finished)),
            ("OldestUnreportedAge", SECONDS, summary.oldest_unreported.as_secs()),
            ("SweepDuration", MILLISECONDS, millis(summary.took)),
        ],
    );
}

/// One line of the embedded metric format: each metric's name, unit and value.
fn embedded(function: &str, cause: Option<&str>, metrics: &[(&str, &str, u64)]) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let dimensions = if cause.is_some() { json!([["FunctionName", "Cause"]]) } else { json!([["FunctionName"]]) };
    let named: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": millis(now),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": named}],
        },
        "timestamp": log::timestamp(),
        "level": "INFO",
        "requestId": log::request_id(),
        "FunctionName": function,
    });
    if let Some(cause) = cause {
        line["Cause"] = cause.into();
    }
    for (name, _, value) in metrics {
        line[*name] = (*value).into();
    }
    log::write(&line.to_string());
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
