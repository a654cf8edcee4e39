//! The mail's subject.

use super::words;
use crate::report::Report;

/// SNS wants fewer than 100 characters
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)).
const LIMIT: usize = 99;

/// What happened, to which stack set, how bad: `FAILED: UPDATE of baseline, 3 of 40 targets failed`.
///
/// The name is shortened in its middle before the numbers are lost. SNS takes only printable ASCII
/// here, and a subject is not encrypted, so there is no account id in it.
pub(super) fn subject(report: &Report) -> String {
    let incomplete = if report.completeness.complete { "" } else { " (incomplete)" };
    let tail = format!(", {}{incomplete}", words::how_bad(report));
    let action = report.operation.action.as_deref().map_or_else(|| "operation".to_owned(), words::plain);
    let head = format!("{}: {} of ", report.outcome.as_str(), words::shorten_middle(&action, 24));
    let name = words::plain(&report.stack_set.name);
    let room = LIMIT.saturating_sub(head.chars().count() + tail.chars().count());
    let line = format!("{head}{}{tail}", words::shorten_middle(&name, room)).replace('…', "~");
    line.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(LIMIT).collect()
}
