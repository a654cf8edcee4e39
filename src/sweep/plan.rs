//! What a sweep tells of, and where it begins. Pure: times are arguments, in milliseconds since the
//! Unix epoch.

use std::time::Duration;

use crate::config;
use crate::operation::{ListedOperation, OperationStatus};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Why an operation is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It has ended.
    Ended,
    /// It does not end. Each day of it is told once; the first is 0.
    Stuck {
        /// Whole days since it counts as stuck.
        day: i64,
    },
}

/// The time that a sweep looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    tick: i64,
    interval: Option<i64>,
    lookback: i64,
    stuck_after: Option<i64>,
    recorded: bool,
}

impl Window {
    /// The window of the sweep at `tick`; `recorded` says whether there is a record of who was told.
    ///
    /// EventBridge invokes within the minute that a schedule falls due, so the tick is that minute's
    /// beginning: windows of successive ticks neither overlap nor leave a gap
    /// ([schedule types](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html)).
    pub(super) fn new(tick: i64, settings: &config::Sweep, recorded: bool) -> Self {
        Self {
            tick: tick.div_euclid(MINUTE) * MINUTE,
            interval: settings.interval.map(millis),
            lookback: millis(settings.lookback),
            stuck_after: settings.stuck_after.map(millis),
            recorded,
        }
    }

    /// Whether and why an operation is to be told of, as far as its listing shows.
    ///
    /// With a record, everything is that ended within the look-back, and every day of a stuck
    /// operation: the record knows what was told already. Without one, only what has become so since
    /// the last tick is; where the schedule does not tell when that was, it is the look-back ago.
    pub(super) fn due(&self, operation: &ListedOperation) -> Option<Due> {
        if operation.status.is_terminal() {
            // An end without a time is not known of; its start then is the nearest thing to it.
            let ended = operation.ended_at.or(operation.started_at)?;
            let is_due = if self.recorded {
                ended > self.tick - self.lookback
            } else {
                (self.tick - self.since_last_tick().min(self.lookback)..self.tick).contains(&ended)
            };
            return is_due.then_some(Due::Ended);
        }
        let waits = [OperationStatus::Running, OperationStatus::Queued, OperationStatus::Stopping];
        let age = self.tick - operation.started_at.filter(|_| waits.contains(&operation.status))?;
        let day_at = |age: i64| (age - self.stuck_after?).checked_div_euclid(DAY).filter(|day| *day >= 0);
        let day = day_at(age)?;
        let is_due = self.recorded || day_at(age - self.since_last_tick()) != Some(day);
        is_due.then_some(Due::Stuck { day })
    }

    fn since_last_tick(&self) -> i64 {
        self.interval.unwrap_or(self.lookback)
    }

    /// Where to begin in a list that is as long as this.
    ///
    /// Successive ticks begin a golden section of the ring apart. That fills a ring evenly, however
    /// much of it each sweep manages: the largest gap between n such points is less than 2/n of the
    /// ring (three-distance theorem), so whatever share a sweep manages, all is reached within two
    /// rings' worth of work. A step of any other kind would have to know the share.
    pub(super) fn start(&self, length: usize) -> usize {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let ticks = self.tick.div_euclid(self.interval.unwrap_or(MINUTE).max(1));
        // 64 bits behind the point: the whole part, which nobody needs, overflows.
        let fraction = ticks.cast_unsigned().wrapping_mul(GOLDEN);
        let at = (u128::from(fraction) * length as u128) >> u64::BITS;
        usize::try_from(at).unwrap_or(0)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;

    const HOUR: i64 = 60 * MINUTE;
    /// The paused clock: 2026-11-20T10:00:00Z.
    const TICK: i64 = 1_795_168_800_000;

    fn settings(more: &[(&str, &str)]) -> config::Sweep {
        let topic = ("TOPIC_ARN", "arn:aws:sns:eu-central-1:111111111111:alerts");
        let all = [&[topic], more].concat();
        let value = |name: &str| all.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(|name| Ok(value(name))).unwrap().sweep
    }

    fn window(recorded: bool, more: &[(&str, &str)]) -> Window {
        Window::new(TICK, &settings(more), recorded)
    }

    fn ended(ago: i64) -> ListedOperation {
        let status = OperationStatus::Failed;
        ListedOperation { id: "op".to_owned(), status, started_at: Some(0), ended_at: Some(TICK - ago) }
    }

    fn since(status: &str, ago: i64) -> ListedOperation {
        let status = OperationStatus::from(status);
        ListedOperation { id: "op".to_owned(), status, started_at: Some(TICK - ago), ended_at: None }
    }

    #[test]
    fn with_a_record_the_look_back_counts_and_not_the_interval() {
        for (lookback, hours) in [("1", 1), ("24", 24), ("168", 168)] {
            let window = window(true, &[("SWEEP_LOOKBACK_HOURS", lookback)]);
            for (ago, is_due) in
                [(-30_000, true), (0, true), (hours * HOUR - 1, true), (hours * HOUR, false), (hours * HOUR + 1, false)]
            {
                assert_eq!(window.due(&ended(ago)) == Some(Due::Ended), is_due, "{lookback} hours, {ago} ms ago");
            }
        }
    }

    #[test]
    fn without_a_record_each_end_is_in_the_window_of_exactly_one_tick() {
        for (schedule, interval) in [("rate(5 minutes)", 5 * MINUTE), ("rate(1 hour)", HOUR), ("rate(1 day)", DAY)] {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule)]);
            for ago in [0, 1, MINUTE, 7 * MINUTE + 1, HOUR - 1, HOUR, 5 * HOUR + 17, DAY - 1] {
                // Each tick comes some seconds late, as EventBridge invokes within a minute.
                let told = (0..=300)
                    .filter(|tick| {
                        let late = tick * 7_919 % MINUTE;
                        Window::new(TICK + tick * interval + late, &settings, false).due(&ended(ago)).is_some()
                    })
                    .count();
                // Longer ago was for the ticks before the first.
                assert_eq!(told, usize::from(ago <= interval), "{schedule}, {ago} ms ago");
            }
        }
    }

    #[test]
    fn a_schedule_that_does_not_tell_its_interval_goes_by_the_look_back() {
        let cron = ("SWEEP_SCHEDULE", "cron(0 8 * * ? *)");
        let window = window(false, &[cron]);
        assert_eq!(window.due(&ended(24 * HOUR)), Some(Due::Ended));
        assert_eq!(window.due(&ended(24 * HOUR + 1)), None);
        // And no window is longer than the look-back.
        let rare = self::window(false, &[("SWEEP_SCHEDULE", "rate(7 days)"), ("SWEEP_LOOKBACK_HOURS", "2")]);
        assert_eq!((rare.due(&ended(2 * HOUR)), rare.due(&ended(2 * HOUR + 1))), (Some(Due::Ended), None));
    }

    #[test]
    fn an_operation_that_began_long_ago_and_ends_now_is_due() {
        let old = ListedOperation { started_at: Some(TICK - 90 * DAY), ..ended(MINUTE) };
        assert_eq!(window(true, &[]).due(&old), Some(Due::Ended));
        assert_eq!(window(false, &[]).due(&old), Some(Due::Ended));
        let timeless = ListedOperation { started_at: None, ended_at: None, ..old.clone() };
        assert_eq!(window(true, &[]).due(&timeless), None);
        let endless = ListedOperation { started_at: Some(TICK - HOUR), ended_at: None, ..old };
        assert_eq!(window(true, &[]).due(&endless), Some(Due::Ended));
    }

    #[test]
    fn stuck_is_what_waits_or_works_longer_than_allowed() {
        let of = |status: &str, ago: i64, more: &[(&str, &str)]| window(true, more).due(&since(status, ago));
        for status in ["RUNNING", "QUEUED", "STOPPING"] {
            assert_eq!(of(status, 6 * HOUR - 1, &[]), None, "{status}");
            assert_eq!(of(status, 6 * HOUR, &[]), Some(Due::Stuck { day: 0 }), "{status}");
            assert_eq!(of(status, 30 * HOUR - 1, &[]), Some(Due::Stuck { day: 0 }), "{status}");
            assert_eq!(of(status, 30 * HOUR, &[]), Some(Due::Stuck { day: 1 }), "{status}");
            assert_eq!(of(status, 30 * DAY, &[("STUCK_AFTER_HOURS", "0")]), None, "{status}");
            assert_eq!(of(status, HOUR, &[("STUCK_AFTER_HOURS", "1")]), Some(Due::Stuck { day: 0 }), "{status}");
        }
        assert_eq!(of("PAUSED", 30 * DAY, &[]), None);
        let timeless = ListedOperation { started_at: None, ..since("RUNNING", DAY) };
        assert_eq!(window(true, &[]).due(&timeless), None);
    }

    #[test]
    fn without_a_record_a_stuck_operation_is_told_by_one_tick_a_day() {
        for (schedule, interval) in
            [("rate(15 minutes)", 15 * MINUTE), ("rate(1 hour)", HOUR), ("rate(5 hours)", 5 * HOUR)]
        {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule)]);
            let told: Vec<i64> = (0..4 * DAY / interval)
                .filter_map(|tick| {
                    let window = Window::new(TICK + tick * interval + 31_000, &settings, false);
                    match window.due(&since("RUNNING", 17 * MINUTE))? {
                        Due::Stuck { day } => Some(day),
                        Due::Ended => None,
                    }
                })
                .collect();
            assert_eq!(told, [0, 1, 2, 3], "{schedule}");
        }
    }

    /// Ticks until everything was reached, when each sweep manages so much of the ring.
    fn ticks_to_reach_all(first: i64, length: usize, managed: usize, step: i64, settings: &config::Sweep) -> usize {
        let mut reached = BTreeSet::new();
        for tick in 0..10_000 {
            let start = Window::new(first + tick * step, settings, true).start(length);
            assert!(start < length);
            reached.extend((start..start + managed).map(|at| at % length));
            if reached.len() == length {
                return usize::try_from(tick).unwrap() + 1;
            }
        }
        panic!("{length} stack sets, {managed} a sweep: not all reached");
    }

    #[test]
    fn whatever_share_a_sweep_manages_the_next_ones_reach_the_rest() {
        for (schedule, step) in [("rate(5 minutes)", 5 * MINUTE), ("rate(1 hour)", HOUR), ("rate(1 day)", DAY)] {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule)]);
            for first in (0..40).map(|n| TICK + n * 7 * step + n * 1_913) {
                for (length, managed) in [(1_000, 100), (1_000, 10), (997, 99), (1_000, 333), (50, 5), (7, 1), (1, 1)] {
                    let ticks = ticks_to_reach_all(first, length, managed, step, &settings);
                    assert!(ticks * managed <= 2 * length, "{schedule}: {length} by {managed} took {ticks} sweeps");
                }
                // A tenth at a time: ten sweeps would do if each knew what the others did.
                assert!(ticks_to_reach_all(first, 1_000, 100, step, &settings) <= 13);
            }
        }
    }

    #[test]
    fn a_cron_schedule_starves_nobody_either() {
        let settings = settings(&[("SWEEP_SCHEDULE", "cron(0 * * * ? *)")]);
        for step in [5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY] {
            assert!(ticks_to_reach_all(TICK, 1_000, 100, step, &settings) <= 120, "every {step} ms");
        }
    }

    #[test]
    fn names_by_pattern() {
        for (pattern, name, does) in [
            ("*", "", true),
            ("*", "prod-network", true),
            ("prod-*", "prod-network", true),
            ("prod-*", "prod-", true),
            ("prod-*", "a-prod-network", false),
            ("*-network", "prod-network", true),
            ("*-network", "prod-network-2", false),
            ("prod-network", "prod-network", true),
            ("prod-network", "prod-network-2", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("ab*ba", "aba", false),
            ("a*a*a", "aa", false),
            ("*x*", "axb", true),
        ] {
            assert_eq!(fits(pattern, name), does, "{pattern} {name}");
        }
    }
}
