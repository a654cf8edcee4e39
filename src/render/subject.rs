//! The email's subject, and the short message for phones.

use super::wording;
use crate::report::{self, Outcome, Report, Severity};

/// SNS wants fewer than 100 characters
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)).
pub(super) const LIMIT: usize = 99;

/// Characters of the name that a form must leave room for.
const NAME_LEAST: usize = 16;

/// Characters of one short message.
const SMS_LIMIT: usize = 140;

/// How urgent, which stack set, where, how bad: `[FAILED] baseline, eu-central-1: 3 of 40 targets failed`.
///
/// The name is shortened in its middle before the numbers are lost. SNS takes only printable ASCII
/// here, and a subject is not encrypted, so there is no account id in it.
pub(super) fn subject(report: &Report) -> String {
    let incomplete = if report.completeness.missing.is_none() { "" } else { " (incomplete)" };
    let name = without_account_ids(&wording::plain(&report.stack_set.name));
    let head = format!("[{}] ", tag(report));
    let place = report.stack_set.region.as_deref().map(|region| format!(", {}", wording::plain(region)));
    let place = place.unwrap_or_default();
    let stuck = report.in_progress.as_ref().filter(|progress| progress.stuck_after_hours.is_some());
    let bad = stuck.and_then(|progress| progress.seconds).map_or_else(
        || report.how_bad(),
        |seconds| {
            let action = report.operation.action.as_deref().map_or_else(|| "operation".to_owned(), wording::plain);
            let status = report.operation.status.as_deref().map_or_else(|| "in progress".to_owned(), wording::plain);
            let action = wording::shorten_middle(&action, 24).into_owned();
            format!("{action} {} for {}", status.to_lowercase(), report::duration(seconds))
        },
    );
    let short = report.how_bad_in_short();
    // From the fullest to the barest; the first that leaves enough of the name is taken.
    let forms =
        [format!("{place}: {bad}{incomplete}"), format!(": {bad}{incomplete}"), format!(": {short}{incomplete}")];
    let length = |tail: &String| head.len() + tail.chars().count();
    let enough = name.chars().count().min(NAME_LEAST);
    let tail = forms.iter().find(|tail| length(tail) + enough <= LIMIT).unwrap_or(&forms[2]);
    let room = LIMIT.saturating_sub(length(tail));
    cut(&format!("{head}{}{tail}", wording::shorten_middle(&name, room)))
}

/// The word that an inbox is searched for.
fn tag(report: &Report) -> &'static str {
    let is_stuck = report.in_progress.as_ref().is_some_and(|progress| progress.stuck_after_hours.is_some());
    match (report.outcome, report.severity) {
        (Outcome::Failed, _) => "FAILED",
        (Outcome::Stopped, _) => "STOPPED",
        (Outcome::InProgress, _) if is_stuck => "STUCK",
        (Outcome::InProgress, _) => "IN PROGRESS",
        (_, Severity::Error) => "INCOMPLETE",
        (_, Severity::Warning) => "WARNING",
        (_, Severity::Info) => "SUCCEEDED",
    }
}

/// A line as SNS takes it.
pub(super) fn cut(line: &str) -> String {
    let line = line.replace('…', "~");
    line.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(LIMIT).collect()
}

/// A stack set may be named after an account; encryption covers neither subject nor phone.
fn without_account_ids(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let (digits, after) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
        out.push_str(before);
        out.push_str(if digits.len() == 12 { "[account]" } else { digits });
        rest = after;
    }
    out + rest
}

/// The subject, and the first cause if there is room for it.
pub(super) fn sms(report: &Report) -> String {
    let mut line = subject(report);
    if let Some(cause) = report.causes.first() {
        let first = format!(". First: {} ({})", cause.code, wording::number(cause.count));
        if line.chars().count() + first.chars().count() <= SMS_LIMIT {
            line.push_str(&first);
        }
    }
    line
}
