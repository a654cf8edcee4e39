//! How numbers, times, names and AWS's free texts are written for people.

use std::borrow::Cow;

use crate::classify::Basis;
pub(super) use crate::numbers::{count, number};
use crate::operation::Drift;
use crate::report::{Cause, Collateral, Group, InProgress, Outcome, RegionInProgress, Report};
use crate::text::clean;

/// Regions named of an operation that has not ended.
const REGIONS_SHOWN: usize = 20;

pub(super) fn targets(n: u64) -> String {
    count(n, "target", "targets")
}

/// That the same may have been published before, if so.
pub(super) fn again(report: &Report) -> Option<String> {
    let attempt = report.attempt.filter(|attempt| *attempt > 1)?;
    Some(format!("This is attempt {attempt}: an earlier one was cut off, and may have sent the same message."))
}

/// `2026-11-23T10:00:42Z` -> `2026-11-23 10:00:42 UTC`.
pub(super) fn time(rfc3339: &str) -> String {
    rfc3339.replace('T', " ").replace('Z', " UTC")
}

/// `822` seconds -> `13 min 42 s`; the two largest units.
pub(super) fn duration(seconds: u64) -> String {
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(first).take(2).filter(|(n, _)| *n > 0);
    let text = shown.map(|(n, unit)| format!("{n} {unit}")).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "0 s".to_owned() } else { text }
}

/// A text of AWS's or a user's on one line, without what nobody can see.
pub(super) fn plain(text: &str) -> String {
    clean(text)
}

/// At most `max` characters, cut at a word where one is near, ending in an ellipsis.
pub(super) fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(max) else {
        return Cow::Borrowed(text);
    };
    let room = text.char_indices().nth(max.saturating_sub(1)).map_or(end, |(at, _)| at);
    let cut = &text[..room];
    let at_word = cut.rfind(char::is_whitespace).filter(|at| *at > room * 3 / 4).unwrap_or(room);
    Cow::Owned(format!("{}…", text[..at_word].trim_end()))
}

/// At most `max` characters, cut in the middle: the ends of a name differ most.
pub(super) fn shorten_middle(text: &str, max: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= max {
        return Cow::Borrowed(text);
    }
    let keep = max.saturating_sub(1);
    let head: String = text.chars().take(keep.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - keep / 2).collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// A group's sample on one line, without the resource's name that CloudFormation puts before it.
pub(super) fn sample(group: &Group) -> String {
    if let Some(excerpt) = &group.excerpt {
        return format!("… {} …", plain(excerpt));
    }
    let text = group.sample.as_deref().unwrap_or("(no reason given)");
    let said = match &group.resource {
        Some(_) => text.split_once("ResourceStatusReason:").map_or(text, |(_, said)| said),
        None => text,
    };
    plain(said)
}

/// The resource that failed: `ConfigBucket (AWS::S3::Bucket)`.
pub(super) fn resource(group: &Group) -> Option<String> {
    group.resource.as_ref().map(|resource| plain(&format!("{} ({})", resource.logical_id, resource.r#type)))
}

/// `UPDATE of security-baseline`.
pub(super) fn what(report: &Report) -> String {
    let action = report.operation.action.as_deref().map_or_else(|| "operation".to_owned(), plain);
    format!("{action} of {}", plain(&report.stack_set.name))
}

/// The numbers that say how bad it is: `280 of 2,000 targets failed, 120 cancelled`.
pub(super) fn how_bad(report: &Report) -> String {
    let counts = &report.counts;
    if let Some(progress) = &report.in_progress {
        return how_far(report, progress);
    }
    let mut parts = Vec::new();
    let of_total = |n: u64, word: &str| format!("{} of {} {word}", number(n), targets(counts.total));
    if let Some(expected) = unlisted_failures(report) {
        parts.push(format!("{} failed, {} listed", targets(expected), number(counts.failed)));
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
    if parts.is_empty() {
        let all = counts.succeeded == counts.total && report.outcome == Outcome::Succeeded;
        parts.push(match counts.total {
            0 => "no targets".to_owned(),
            1 if all => "the one target succeeded".to_owned(),
            n if all && drifted(report).is_some() => format!("all {} checked", targets(n)),
            n if all => format!("all {} succeeded", targets(n)),
            _ => of_total(counts.succeeded, "succeeded"),
        });
    }
    parts.extend(drifted(report));
    parts.join(", ")
}

/// The same with fewer words: `280 failed, 120 cancelled of 2,000`.
pub(super) fn how_bad_in_short(report: &Report) -> String {
    let counts = &report.counts;
    let mut parts = vec![format!("{} failed", number(unlisted_failures(report).unwrap_or(counts.failed)))];
    if counts.cancelled > 0 {
        parts.push(format!("{} cancelled", number(counts.cancelled)));
    }
    parts.extend(drifted(report));
    format!("{} of {}", parts.join(", "), number(counts.total))
}

/// CloudFormation's own count of failures, where it is larger than what is listed.
fn unlisted_failures(report: &Report) -> Option<u64> {
    report.completeness.failed_expected.filter(|&expected| expected > report.counts.failed)
}

fn drifted(report: &Report) -> Option<String> {
    report.drift.as_ref()?.drifted.filter(|n| *n > 0).map(|n| format!("{} drifted", number(n)))
}

/// What a drift detection found: `40 stack instances: 7 drifted, 33 in sync`.
pub(super) fn drift(drift: &Drift) -> String {
    let parts = [
        (drift.drifted, "drifted"),
        (drift.in_sync, "in sync"),
        (drift.in_progress, "still being checked"),
        (drift.failed, "could not be checked"),
    ];
    let counted = parts.iter().filter_map(|(n, word)| n.filter(|n| *n > 0).map(|n| format!("{} {word}", number(n))));
    let counted: Vec<String> = counted.collect();
    let total = drift.total.map(|n| count(n, "stack instance", "stack instances"));
    let status = drift.status.as_deref().filter(|_| counted.is_empty()).map(plain);
    let counted = Some(counted.join(", ")).filter(|counted| !counted.is_empty()).or(status);
    [total, counted].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

/// Why targets were cancelled: `120 targets because the failure tolerance was exceeded`.
pub(super) fn cancelled(collateral: &Collateral) -> String {
    let why = [
        (collateral.failure_tolerance_exceeded, "because the failure tolerance was exceeded"),
        (collateral.operation_stopped, "because somebody stopped the operation"),
        (collateral.other, "for another reason"),
    ];
    let parts = why.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}", targets(*n)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Above commands that help as soon as they run.
pub(super) const NOW: &str = "now";

/// `probably ` before a cause that only a generic code or weak words name.
pub(super) fn probably(cause: &Cause) -> &'static str {
    let is_guess = !cause.groups.is_empty() && cause.groups.iter().all(|group| group.basis == Basis::ErrorCode);
    if is_guess { "probably " } else { "" }
}

/// Who can fix a cause.
pub(super) fn who_can_fix(cause: &Cause) -> &'static str {
    cause.who_can_fix.unwrap_or("not known")
}

/// Above commands that make sense only once somebody or something has changed.
pub(super) fn later(report: &Report) -> &'static str {
    match report.outcome {
        Outcome::Stopped => "once it is known why it was stopped",
        Outcome::InProgress => "once the operation has ended",
        _ => "once the causes are dealt with",
    }
}

/// Why an operation that has not ended is reported, and what to do.
pub(super) fn stuck(report: &Report) -> Option<String> {
    let progress = report.in_progress.as_ref()?;
    let reason = progress.stuck_after_hours.map(|hours| {
        format!("Reported because it takes longer than STUCK_AFTER_HOURS ({}). ", count(hours, "hour", "hours"))
    });
    let look = match report.operation.status.as_deref() {
        Some("QUEUED") => "Next: look whether another operation on the stack set is under way.",
        _ => "Next: look at the stacks in the Region it is in; one that hangs holds up the rest.",
    };
    Some(reason.unwrap_or_default() + look)
}

/// The first letter as at a sentence's start.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

/// A status as CloudFormation names it.
pub(super) fn status(name: &str) -> String {
    let name = plain(name);
    if name.is_empty() { "without a status".to_owned() } else { name }
}

/// How far an operation is that has not ended: `still running after 7 h, 28 of 40 targets to go, 3 failed`.
fn how_far(report: &Report, progress: &InProgress) -> String {
    let counts = &report.counts;
    let status = report.operation.status.as_deref().unwrap_or("in progress").to_lowercase();
    let since = progress.seconds.map_or_else(String::new, |seconds| format!(" after {}", duration(seconds)));
    let to_go = format!("{} of {} to go", number(counts.running + counts.pending), targets(counts.total));
    let failed = unlisted_failures(report).unwrap_or(counts.failed);
    let parts = [
        Some(format!("still {}{since}", shorten(&plain(&status), 20))),
        Some(if counts.total == 0 { "no targets yet".to_owned() } else { to_go }),
        (failed > 0).then(|| format!("{} failed", number(failed))),
        (counts.cancelled > 0).then(|| format!("{} cancelled", number(counts.cancelled))),
        drifted(report),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Where an operation is that has not ended: `Now in eu-west-1 (4 running, 6 pending). Pending: us-east-1 (10).`
pub(super) fn where_now(report: &Report) -> Option<String> {
    let progress = report.in_progress.as_ref()?;
    let regions = &progress.regions;
    let name = |at: &RegionInProgress| plain(at.region.as_deref().unwrap_or("(no Region)"));
    let (begun, waiting): (Vec<_>, Vec<_>) = regions.iter().partition(|at| at.running > 0);
    let list = |head: &str, regions: &[&RegionInProgress], show: &dyn Fn(&RegionInProgress) -> String| {
        let shown: Vec<String> = regions.iter().take(REGIONS_SHOWN).map(|at| show(at)).collect();
        let more = (regions.len() - shown.len()) as u64;
        let rest = if more > 0 { format!(" and {} more", number(more)) } else { String::new() };
        (!shown.is_empty()).then(|| format!("{head} {}{rest}.", shown.join(", ")))
    };
    let now = list("Now in", &begun, &|at| {
        let pending = if at.pending > 0 { format!(", {} pending", number(at.pending)) } else { String::new() };
        format!("{} ({} running{pending})", name(at), number(at.running))
    });
    let later = list("Pending:", &waiting, &|at| format!("{} ({})", name(at), number(at.pending)));
    let omitted = progress.regions_omitted;
    let rest = (omitted > 0).then(|| format!("{} left out for size.", count(omitted, "Region is", "Regions are")));
    let parts: Vec<String> = [now, later, rest].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(
            [0, 59, 60, 822, 3_600, 3_661, 90_000, 172_800].map(duration),
            ["0 s", "59 s", "1 min", "13 min 42 s", "1 h", "1 h 1 min", "1 d 1 h", "2 d"]
        );
    }

    #[test]
    fn texts_stay_on_one_line_and_within_their_length() {
        assert_eq!(plain("a\r\n\tb\0c \u{202e}d"), "a b c \u{fffd}d");
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("one two three four", 16), "one two three…");
        assert_eq!(shorten("żółwżółwżółw", 5), "żółw…");
        assert_eq!(shorten_middle("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten_middle("日本語日本語", 4), "日本…語");
    }
}
