//! Which operations a sweep reports. Pure: times are arguments, in milliseconds since the Unix epoch.

use std::time::Duration;

use crate::config;
use crate::event::Trigger;
use crate::operation::{ListedOperation, OperationStatus};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// What ended within the last minutes is left to its event, which would else find the operation in
/// progress and be tried again. The next sweep looks at it.
const LEFT_TO_THE_EVENT: i64 = 5 * MINUTE;

/// Why an operation is due: it ended within the look-back, or it is stuck.
pub(super) fn due(operation: &ListedOperation, scheduled_time: i64, settings: &config::Sweep) -> Option<Trigger> {
    let started = operation.started_at;
    if operation.status.is_terminal() {
        // An end without a time counts from the start.
        let ended = operation.ended_at.or(started)?;
        let is_due = scheduled_time - millis(settings.lookback) < ended && ended < scheduled_time - LEFT_TO_THE_EVENT;
        return is_due.then_some(Trigger::Sweep);
    }
    let waits = [OperationStatus::Running, OperationStatus::Queued, OperationStatus::Stopping];
    let age = scheduled_time - started.filter(|_| waits.contains(&operation.status))?;
    let stuck_for = age - millis(settings.stuck_after?);
    (stuck_for >= 0).then_some(Trigger::Stuck { day: stuck_for / DAY })
}

/// Whether a name matches a pattern in which `*` stands for any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(tail)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const HOUR: i64 = 60 * MINUTE;
    /// 2026-11-20T10:00:00Z.
    const NOW: i64 = 1_795_168_800_000;

    fn settings(more: &[(&str, &str)]) -> config::Sweep {
        let topic = ("TOPIC_ARN", "arn:aws:sns:eu-central-1:111111111111:alerts");
        let all = [more, &[topic]].concat();
        let value = |name: &str| all.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(|name| Ok(value(name))).unwrap().sweep
    }

    fn listed(status: &str, started: i64, ended: Option<i64>) -> ListedOperation {
        ListedOperation {
            id: "op".to_owned(),
            status: OperationStatus::from(status),
            started_at: Some(NOW - started),
            ended_at: ended.map(|ago| NOW - ago),
        }
    }

    #[test]
    fn what_ended_within_the_look_back_is_due() {
        let settings = settings(&[("SWEEP_LOOKBACK_HOURS", "24")]);
        for (ago, expected) in [
            (4 * MINUTE, None),
            (5 * MINUTE, None),
            (5 * MINUTE + 1, Some(Trigger::Sweep)),
            (24 * HOUR - 1, Some(Trigger::Sweep)),
            (24 * HOUR, None),
        ] {
            for status in ["SUCCEEDED", "FAILED", "STOPPED"] {
                assert_eq!(due(&listed(status, 100 * HOUR, Some(ago)), NOW, &settings), expected, "{status} {ago}");
            }
            assert_eq!(due(&listed("FAILED", ago, None), NOW, &settings), expected, "an end without a time, {ago}");
        }
    }

    #[test]
    fn what_does_not_end_is_due_once_a_day() {
        let stuck = settings(&[("STUCK_AFTER_HOURS", "6")]);
        for (age, day) in [
            (6 * HOUR - 1, None),
            (6 * HOUR, Some(0)),
            (30 * HOUR - 1, Some(0)),
            (30 * HOUR, Some(1)),
            (400 * HOUR, Some(16)),
        ] {
            for status in ["RUNNING", "QUEUED", "STOPPING"] {
                let expected = day.map(|day| Trigger::Stuck { day });
                assert_eq!(due(&listed(status, age, None), NOW, &stuck), expected, "{status} {age}");
            }
            assert_eq!(due(&listed("NEW_STATUS", age, None), NOW, &stuck), None);
        }
        let never = settings(&[("STUCK_AFTER_HOURS", "0")]);
        assert_eq!(due(&listed("RUNNING", 100 * HOUR, None), NOW, &never), None);
    }

    #[test]
    fn names_match_patterns() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("base", "base", true),
            ("base", "baseline", false),
            ("base*", "baseline", true),
            ("*line", "baseline", true),
            ("b*l*e", "baseline", true),
            ("b*x*e", "baseline", false),
            ("ab*ba", "aba", false),
            ("*a*a*", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
