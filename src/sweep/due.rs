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

/// An operation that is due, and why.
pub(super) type Due = (ListedOperation, Trigger);

/// Of operations that have ended, those that did so within the look-back.
pub(super) fn ended(listed: Vec<ListedOperation>, scheduled_time: i64, settings: &config::Sweep) -> Vec<Due> {
    let is_due = |operation: &ListedOperation| {
        end(operation).is_some_and(|ended| {
            scheduled_time - millis(settings.lookback) < ended && ended < scheduled_time - LEFT_TO_THE_EVENT
        })
    };
    listed.into_iter().filter(is_due).map(|operation| (operation, Trigger::Sweep)).collect()
}

/// How long ago an operation ended; zero for one that goes on.
pub(super) fn age(operation: &ListedOperation, scheduled_time: i64) -> Duration {
    let ended = end(operation).filter(|_| operation.status.is_terminal());
    Duration::from_millis(ended.map_or(0, |ended| u64::try_from(scheduled_time - ended).unwrap_or_default()))
}

/// An end without a time counts from the start.
fn end(operation: &ListedOperation) -> Option<i64> {
    operation.ended_at.or(operation.started_at)
}

/// Of a stack set's operations that have not ended, those to report as stuck; and what is QUEUED behind
/// them, oldest first.
///
/// Every one that runs for too long is to be reported. If there is none, the oldest QUEUED one is, if it
/// waits for too long.
pub(super) fn stuck(
    listed: Vec<ListedOperation>,
    scheduled_time: i64,
    settings: &config::Sweep,
) -> (Vec<Due>, Vec<ListedOperation>) {
    let (mut queued, others): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|operation| operation.status == OperationStatus::Queued);
    queued.sort_by_cached_key(|operation| (operation.started_at.unwrap_or(i64::MAX), operation.id.clone()));
    let trigger = |operation: &ListedOperation| stuck_trigger(operation, scheduled_time, settings);
    let running = [OperationStatus::Running, OperationStatus::Stopping];
    let running = others.into_iter().filter(|operation| running.contains(&operation.status));
    let mut due: Vec<Due> = running.filter_map(|one| trigger(&one).map(|trigger| (one, trigger))).collect();
    if due.is_empty()
        && let Some(trigger) = queued.first().and_then(trigger)
    {
        due.push((queued.remove(0), trigger));
    }
    (due, queued)
}

fn stuck_trigger(operation: &ListedOperation, scheduled_time: i64, settings: &config::Sweep) -> Option<Trigger> {
    let stuck_for = scheduled_time - operation.started_at? - millis(settings.stuck_after?);
    (stuck_for >= 0).then_some(Trigger::Stuck { day: stuck_for / DAY })
}

/// Whether a name matches a pattern in which `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
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
            action: None,
            status: OperationStatus::from(status),
            started_at: Some(NOW - started),
            ended_at: ended.map(|ago| NOW - ago),
            failed: None,
        }
    }

    #[test]
    fn what_ended_within_the_look_back_is_due() {
        let settings = settings(&[("SWEEP_LOOKBACK_HOURS", "24")]);
        for (ago, expected) in [
            (4 * MINUTE, false),
            (5 * MINUTE, false),
            (5 * MINUTE + 1, true),
            (24 * HOUR - 1, true),
            (24 * HOUR, false),
        ] {
            for status in ["SUCCEEDED", "FAILED", "STOPPED"] {
                let found = ended(vec![listed(status, 100 * HOUR, Some(ago))], NOW, &settings);
                assert_eq!(!found.is_empty(), expected, "{status} {ago}");
            }
            let found = ended(vec![listed("FAILED", ago, None)], NOW, &settings);
            assert_eq!(!found.is_empty(), expected, "an end without a time, {ago}");
        }
    }

    #[test]
    fn the_age_counts_from_the_end_and_only_of_what_has_ended() {
        for (operation, minutes) in [
            (listed("FAILED", 3 * HOUR, Some(2 * HOUR)), 120),
            (listed("SUCCEEDED", 3 * HOUR, None), 180),
            (listed("RUNNING", 3 * HOUR, None), 0),
            (listed("STOPPED", HOUR, Some(-HOUR)), 0),
        ] {
            assert_eq!(age(&operation, NOW), Duration::from_secs(minutes * 60), "{operation:?}");
        }
    }

    /// The ids of what is to be reported, with their days, and of what waits behind.
    fn stuck_of(all: &[(&str, &str, i64)], settings: &config::Sweep) -> (Vec<(String, i64)>, Vec<String>) {
        let of = |(id, status, age): &(&str, &str, i64)| ListedOperation {
            id: (*id).to_owned(),
            ..listed(status, *age, None)
        };
        let (due, queued) = stuck(all.iter().map(of).collect(), NOW, settings);
        let day = |trigger| if let Trigger::Stuck { day } = trigger { day } else { -1 };
        let due = due.into_iter().map(|(operation, trigger)| (operation.id, day(trigger))).collect();
        (due, queued.into_iter().map(|operation| operation.id).collect())
    }

    #[test]
    fn what_is_queued_waits_behind_what_is_stuck() {
        let settings = settings(&[("STUCK_AFTER_HOURS", "6")]);
        for (all, due, queued) in [
            // What runs is reported, and what is QUEUED waits, however old it is.
            (vec![("q2", "QUEUED", 7), ("r", "RUNNING", 40), ("q1", "QUEUED", 8)], vec![("r", 1)], vec!["q1", "q2"]),
            (vec![("q", "QUEUED", 40), ("s", "STOPPING", 7)], vec![("s", 0)], vec!["q"]),
            (
                vec![("r1", "RUNNING", 7), ("q", "QUEUED", 1), ("r2", "RUNNING", 8)],
                vec![("r1", 0), ("r2", 0)],
                vec!["q"],
            ),
            // Nothing runs, or not for too long: then the oldest that is QUEUED is reported.
            (vec![("q2", "QUEUED", 7), ("q1", "QUEUED", 31), ("q3", "QUEUED", 1)], vec![("q1", 1)], vec!["q2", "q3"]),
            (vec![("r", "RUNNING", 5), ("b", "QUEUED", 7), ("a", "QUEUED", 7)], vec![("a", 0)], vec!["b"]),
            (vec![("r", "RUNNING", 5), ("q", "QUEUED", 4)], vec![], vec!["q"]),
            // A status that is not known says nothing.
            (vec![("n", "NEW_STATUS", 40)], vec![], vec![]),
        ] {
            let hours: Vec<_> = all.iter().map(|(id, status, hours)| (*id, *status, hours * HOUR)).collect();
            let (found, behind) = stuck_of(&hours, &settings);
            let found: Vec<_> = found.iter().map(|(id, day)| (id.as_str(), *day)).collect();
            assert_eq!((found, behind), (due, queued.into_iter().map(str::to_owned).collect()), "{all:?}");
        }
    }

    #[test]
    fn what_does_not_end_is_due_once_a_day() {
        let after_six = settings(&[("STUCK_AFTER_HOURS", "6")]);
        for (age, day) in [
            (6 * HOUR - 1, None),
            (6 * HOUR, Some(0)),
            (30 * HOUR - 1, Some(0)),
            (30 * HOUR, Some(1)),
            (400 * HOUR, Some(16)),
        ] {
            for status in ["RUNNING", "QUEUED", "STOPPING"] {
                let expected: Vec<_> = day.map(|day| ("op".to_owned(), day)).into_iter().collect();
                assert_eq!(stuck_of(&[("op", status, age)], &after_six).0, expected, "{status} {age}");
            }
        }
        let never = settings(&[("STUCK_AFTER_HOURS", "0")]);
        assert_eq!(stuck_of(&[("op", "RUNNING", 100 * HOUR), ("q", "QUEUED", 90 * HOUR)], &never).0, []);
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
