//! The email's subject, and the short message for phones.

use super::wording;
use crate::report::Report;

/// SNS wants fewer than 100 characters
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)).
pub(super) const LIMIT: usize = 99;

/// Characters of the name that a form must leave room for.
const NAME_LEAST: usize = 16;

/// Characters of one short message.
const SMS_LIMIT: usize = 140;

/// What happened, to which stack set, how bad: `FAILED: UPDATE of baseline, 3 of 40 targets failed`.
///
/// The name is shortened in its middle before the numbers are lost. SNS takes only printable ASCII
/// here, and a subject is not encrypted, so there is no account id in it.
pub(super) fn subject(report: &Report) -> String {
    // What has not ended is not called incomplete as well.
    let incomplete = if report.completeness.complete || report.in_progress.is_some() { "" } else { " (incomplete)" };
    let action = report.operation.action.as_deref().map_or_else(|| "operation".to_owned(), wording::plain);
    let action = wording::shorten_middle(&action, 24);
    let name = without_account_ids(&wording::plain(&report.stack_set.name));
    let outcome = report.outcome.as_str();
    let (bad, short) = (wording::how_bad(report), wording::how_bad_in_short(report));
    // From the fullest to the barest; the first that leaves enough of the name is taken.
    let forms = [
        (format!("{outcome}: {action} of "), format!(", {bad}{incomplete}")),
        (format!("{outcome}: "), format!(", {bad}{incomplete}")),
        (format!("{outcome}: "), format!(", {short}{incomplete}")),
    ];
    let length = |(head, tail): &(String, String)| head.chars().count() + tail.chars().count();
    let enough = name.chars().count().min(NAME_LEAST);
    let form = forms.iter().find(|form| length(form) + enough <= LIMIT).unwrap_or(&forms[2]);
    let room = LIMIT.saturating_sub(length(form));
    cut(&format!("{}{}{}", form.0, wording::shorten_middle(&name, room), form.1))
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
