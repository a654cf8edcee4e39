//! How numbers, times, names and AWS's free texts are written for people.

use std::borrow::Cow;

use crate::operation::Drift;
use crate::report::{Group, Outcome, Report};
pub(super) use crate::report::{count, number};

pub(super) fn targets(n: u64) -> String {
    count(n, "target", "targets")
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

/// A text of AWS's or a user's on one line: whitespace and control characters become one space.
///
/// Bidirectional controls go too: in a mail they could turn the words around them.
pub(super) fn plain(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.split(|c: char| c.is_whitespace() || is_odd(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
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

/// At most `max` characters, cut in the middle: the ends of a name tell it apart.
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
    if counts.total == 0 {
        return "no targets".to_owned();
    }
    let mut parts = Vec::new();
    let of_total = |n: u64, word: &str| format!("{} of {} {word}", number(n), targets(counts.total));
    if counts.failed > 0 {
        parts.push(of_total(counts.failed, "failed"));
    }
    if counts.cancelled > 0 {
        parts.push(if parts.is_empty() {
            of_total(counts.cancelled, "cancelled")
        } else {
            format!("{} cancelled", number(counts.cancelled))
        });
    }
    let drifted = report.drift.as_ref().and_then(|drift| drift.drifted).filter(|n| *n > 0);
    if parts.is_empty() {
        parts.push(match report.outcome {
            Outcome::Succeeded if drifted.is_some() && counts.succeeded == counts.total => {
                format!("all {} checked", targets(counts.total))
            }
            Outcome::Succeeded | Outcome::SucceededWithFailures if counts.succeeded == counts.total => {
                format!("all {} succeeded", targets(counts.total))
            }
            _ => of_total(counts.succeeded, "succeeded"),
        });
    }
    parts.extend(drifted.map(|n| format!("{} drifted", number(n))));
    parts.join(", ")
}

/// The parts of a drift detection's result: `7 drifted, 32 in sync`.
pub(super) fn drift(drift: &Drift) -> String {
    let parts = [
        (drift.drifted, "drifted"),
        (drift.in_sync, "in sync"),
        (drift.in_progress, "still being checked"),
        (drift.failed, "could not be checked"),
    ];
    let told = parts.iter().filter_map(|(n, word)| n.filter(|n| *n > 0).map(|n| format!("{} {word}", number(n))));
    told.collect::<Vec<_>>().join(", ")
}

/// A status as CloudFormation names it.
pub(super) fn status(name: &str) -> String {
    let name = plain(name);
    if name.is_empty() { "without a status".to_owned() } else { name }
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
        assert_eq!(plain("a\r\n\tb\0c \u{202e}d"), "a b c d");
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("one two three four", 16), "one two three…");
        assert_eq!(shorten("żółwżółwżółw", 5), "żółw…");
        assert_eq!(shorten_middle("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten_middle("日本語日本語", 4), "日本…語");
    }
}
