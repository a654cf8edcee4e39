//! What a sweep tells of, and where it begins. Pure: times are arguments, in milliseconds since the
//! Unix epoch.

use std::time::Duration;

use crate::config;
use crate::operation::{ListedOperation, OperationStatus};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// With a record, what has just ended is left to its event, which else would find the sweep at it and
/// have to be tried again. The next sweep looks at it.
const LEFT_TO_THE_EVENT: i64 = 5 * MINUTE;

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
    /// What ends from here on is the next sweep's.
    until: i64,
    interval: Option<i64>,
    lookback: i64,
    stuck_after: Option<i64>,
    /// Number of this sweep among all.
    turn: u64,
}

impl Window {
    /// The window of the sweep at `tick`; `recorded` says whether there is a record of who was told.
    ///
    /// EventBridge invokes within the minute that a schedule falls due, so the tick is that minute's
    /// beginning: windows of successive ticks neither overlap nor leave a gap
    /// ([schedule types](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html)).
    pub(super) fn new(tick: i64, settings: &config::Sweep, recorded: bool) -> Self {
        let tick = tick.div_euclid(MINUTE) * MINUTE;
        let interval = settings.interval.map(millis);
        Self {
            tick,
            until: if recorded { tick - LEFT_TO_THE_EVENT } else { tick },
            interval,
            lookback: millis(settings.lookback),
            stuck_after: settings.stuck_after.map(millis),
            turn: tick.div_euclid(interval.unwrap_or(MINUTE).max(1)).cast_unsigned(),
        }
    }

    /// The same for a sweep whose number is known from elsewhere than the clock.
    pub(super) fn numbered(self, turn: u64) -> Self {
        Self { turn, ..self }
    }

    /// Whether and why an operation is to be told of unless it was already, as far as its listing shows:
    /// if it ended within the look-back, and every day that it is stuck.
    pub(super) fn due(&self, operation: &ListedOperation) -> Option<Due> {
        if operation.status.is_terminal() {
            let ended = end(operation)?;
            return (self.tick - self.lookback < ended && ended < self.until).then_some(Due::Ended);
        }
        let day = self.stuck_day(self.age(operation)?)?;
        Some(Due::Stuck { day })
    }

    /// Whether an operation that is due was not yet at the last tick.
    ///
    /// This stands in for a record of what was told. Where the schedule does not tell when its last
    /// tick was, nothing is known to be new.
    pub(super) fn is_new(&self, operation: &ListedOperation) -> bool {
        let Some(interval) = self.interval else {
            return false;
        };
        if operation.status.is_terminal() {
            return end(operation).is_some_and(|ended| (self.until - interval..self.until).contains(&ended));
        }
        self.age(operation).is_some_and(|age| self.stuck_day(age) != self.stuck_day(age - interval))
    }

    /// Whether an operation that is due is so for the last time: the next sweep will look at it no more.
    ///
    /// Where the schedule does not tell when that will be, it is so in the second half of the look-back, or
    /// of the day that it is stuck. With a rate a day's beginning is new, and its end need not be told.
    pub(super) fn is_leaving(&self, operation: &ListedOperation) -> bool {
        if operation.status.is_terminal() {
            let rest = self.interval.unwrap_or(self.lookback / 2);
            return end(operation).is_some_and(|ended| ended <= self.tick - self.lookback + rest);
        }
        let of_day = self.age(operation).zip(self.stuck_after).map(|(age, after)| (age - after).rem_euclid(DAY));
        self.interval.is_none() && of_day.is_some_and(|age| age >= DAY / 2)
    }

    /// Whether several later sweeps are sure to look at an operation that is due, so that it may wait for one
    /// that has more time.
    ///
    /// The look-back is at least two intervals long. A cron expression tells none.
    pub(super) fn can_wait(&self, operation: &ListedOperation) -> bool {
        self.interval.is_some() && end(operation).is_some_and(|ended| ended > self.tick - self.lookback / 2)
    }

    /// How long an operation has been waiting or working.
    fn age(&self, operation: &ListedOperation) -> Option<i64> {
        let waits = [OperationStatus::Running, OperationStatus::Queued, OperationStatus::Stopping];
        Some(self.tick - operation.started_at.filter(|_| waits.contains(&operation.status))?)
    }

    fn stuck_day(&self, age: i64) -> Option<i64> {
        (age - self.stuck_after?).checked_div_euclid(DAY).filter(|day| *day >= 0)
    }

    /// Where to begin in a list that is as long as this.
    ///
    /// Successive sweeps begin a golden section of the ring apart. That fills a ring evenly, however
    /// much of it each sweep manages: the largest gap between n such points is less than 2/n of the
    /// ring (three-distance theorem), so whatever share a sweep manages, all is reached within two
    /// rings' worth of work. A step of any other kind would have to know the share.
    ///
    /// It takes the sweeps' numbers: of a number that grows by 24 or 1,440 each time, that is not true.
    pub(super) fn start(&self, length: usize) -> usize {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        // 64 bits behind the point: the whole part, which nobody needs, overflows.
        let fraction = self.turn.wrapping_mul(GOLDEN);
        let at = (u128::from(fraction) * length as u128) >> u64::BITS;
        usize::try_from(at).unwrap_or(0)
    }
}

/// An end without a time is not known of; its start then is the nearest thing to it.
fn end(operation: &ListedOperation) -> Option<i64> {
    operation.ended_at.or(operation.started_at)
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
        // Some schedules need one.
        let table = ("LEDGER_TABLE", "told");
        let lookback = ("SWEEP_LOOKBACK_HOURS", "168");
        let all = [more, &[topic, table, lookback]].concat();
        let value = |name: &str| all.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(|name| Ok(value(name))).unwrap().sweep.unwrap()
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
    fn the_look_back_counts_and_not_the_interval() {
        for (lookback, hours) in [("1", 1), ("24", 24), ("168", 168)] {
            let more = [("SWEEP_LOOKBACK_HOURS", lookback), ("SWEEP_SCHEDULE", "rate(15 minutes)")];
            for (recorded, last) in [(true, 5 * MINUTE), (false, 0)] {
                let window = window(recorded, &more);
                for (ago, is_due) in [
                    (-30_000, false),
                    (last, false),
                    (last + 1, true),
                    (hours * HOUR - 1, true),
                    (hours * HOUR, false),
                    (hours * HOUR + 1, false),
                ] {
                    assert_eq!(window.due(&ended(ago)) == Some(Due::Ended), is_due, "{lookback} hours, {ago} ms ago");
                }
            }
        }
    }

    #[test]
    fn each_end_is_new_to_exactly_one_tick_which_finds_it_due() {
        for (schedule, interval) in [("rate(5 minutes)", 5 * MINUTE), ("rate(1 hour)", HOUR), ("rate(3 days)", 3 * DAY)]
        {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule), ("SWEEP_LOOKBACK_HOURS", "168")]);
            for recorded in [true, false] {
                for ago in [0, 1, MINUTE, 7 * MINUTE + 1, HOUR - 1, HOUR, 5 * HOUR + 17, DAY - 1, 3 * DAY] {
                    // Each tick comes some seconds late, as EventBridge invokes within a minute.
                    let new_to = (0..=900)
                        .map(|tick| Window::new(TICK + tick * interval + tick * 7_919 % MINUTE, &settings, recorded))
                        .filter(|window| window.is_new(&ended(ago)))
                        .inspect(|window| assert_eq!(window.due(&ended(ago)), Some(Due::Ended)))
                        .count();
                    // Longer ago was for the ticks before the first.
                    let last = if recorded { 5 * MINUTE } else { 0 };
                    assert_eq!(new_to, usize::from(ago <= interval + last), "{schedule}, {ago} ms ago");
                }
            }
        }
    }

    #[test]
    fn to_a_schedule_that_does_not_tell_its_interval_nothing_is_new() {
        let window = window(true, &[("SWEEP_SCHEDULE", "cron(0 8 * * ? *)")]);
        for operation in [ended(10 * MINUTE), ended(23 * HOUR), since("RUNNING", 6 * HOUR)] {
            assert!(window.due(&operation).is_some() && !window.is_new(&operation), "{operation:?}");
        }
    }

    #[test]
    fn each_end_leaves_the_look_back_after_exactly_one_tick() {
        for (schedule, interval) in [("rate(5 minutes)", 5 * MINUTE), ("rate(1 hour)", HOUR), ("rate(3 days)", 3 * DAY)]
        {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule), ("SWEEP_LOOKBACK_HOURS", "168")]);
            for ago in [0, 1, MINUTE, 7 * MINUTE + 1, HOUR, 5 * HOUR + 17, DAY, 3 * DAY] {
                let windows = (0..=3_000).map(|tick| Window::new(TICK + tick * interval, &settings, true));
                let due: Vec<Window> = windows.filter(|window| window.due(&ended(ago)).is_some()).collect();
                let (last, before) = due.split_last().unwrap();
                assert!(last.is_leaving(&ended(ago)), "{schedule}, {ago} ms ago");
                assert!(!before.iter().any(|window| window.is_leaving(&ended(ago))), "{schedule}, {ago} ms ago");
            }
        }
    }

    #[test]
    fn where_the_next_tick_is_not_known_the_older_half_counts_as_leaving() {
        let window = window(true, &[("SWEEP_SCHEDULE", "cron(0 8 * * ? *)"), ("SWEEP_LOOKBACK_HOURS", "24")]);
        for (operation, leaving) in [
            (ended(12 * HOUR - 1), false),
            (ended(12 * HOUR), true),
            (ended(24 * HOUR - 1), true),
            (since("RUNNING", 6 * HOUR), false),
            (since("RUNNING", 18 * HOUR - 1), false),
            (since("RUNNING", 18 * HOUR), true),
            (since("RUNNING", 30 * HOUR), false),
        ] {
            assert_eq!(window.is_leaving(&operation), leaving, "{operation:?}");
        }
    }

    #[test]
    fn what_waits_is_looked_at_by_a_later_sweep_and_not_for_the_last_time() {
        for (schedule, interval, hours) in
            [("rate(5 minutes)", 5 * MINUTE, "1"), ("rate(1 hour)", HOUR, "24"), ("rate(12 hours)", 12 * HOUR, "24")]
        {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule), ("SWEEP_LOOKBACK_HOURS", hours)]);
            for ago in (0..26 * 60).map(|minutes| minutes * MINUTE) {
                let [now, next] = [0, 1].map(|tick| Window::new(TICK + tick * interval, &settings, true));
                if now.due(&ended(ago)).is_some() && now.can_wait(&ended(ago)) {
                    assert_eq!(next.due(&ended(ago)), Some(Due::Ended), "{schedule}, {ago} ms ago");
                    assert!(!now.is_leaving(&ended(ago)), "{schedule}, {ago} ms ago");
                }
            }
            assert!(window(true, &[("SWEEP_SCHEDULE", schedule)]).can_wait(&ended(10 * MINUTE)));
        }
        // The next sweep may be a day away, or three.
        let cron = window(true, &[("SWEEP_SCHEDULE", "cron(0 8 * * ? *)")]);
        assert!(!cron.can_wait(&ended(10 * MINUTE)) && !cron.can_wait(&since("RUNNING", 6 * HOUR)));
    }

    #[test]
    fn an_operation_that_began_long_ago_and_ends_now_is_due() {
        let old = ListedOperation { started_at: Some(TICK - 90 * DAY), ..ended(6 * MINUTE) };
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
                    let stuck = since("RUNNING", 17 * MINUTE);
                    match window.due(&stuck).filter(|_| window.is_new(&stuck))? {
                        Due::Stuck { day } => Some(day),
                        Due::Ended => None,
                    }
                })
                .collect();
            assert_eq!(told, [0, 1, 2, 3], "{schedule}");
        }
    }

    /// Sweeps until everything was reached, when each manages so much of the ring.
    fn sweeps_to_reach_all(length: usize, managed: usize, sweep: impl Fn(i64) -> Window) -> usize {
        let mut reached = BTreeSet::new();
        for number in 0..1_000 {
            let start = sweep(number).start(length);
            assert!(start < length);
            reached.extend((start..start + managed).map(|at| at % length));
            if reached.len() == length {
                return usize::try_from(number).unwrap() + 1;
            }
        }
        panic!("{length} stack sets, {managed} a sweep: not all reached");
    }

    /// How many sweeps reach all, if each manages a half, a quarter or a tenth. Two, four and ten would do if
    /// each knew how far the others got.
    const SWEEPS: [(usize, usize); 3] = [(500, 3), (250, 5), (100, 13)];

    #[test]
    fn whatever_share_a_sweep_manages_the_next_ones_reach_the_rest() {
        for (schedule, step) in [("rate(5 minutes)", 5 * MINUTE), ("rate(1 hour)", HOUR), ("rate(1 day)", DAY)] {
            let settings = settings(&[("SWEEP_SCHEDULE", schedule)]);
            for first in (0..40).map(|n| TICK + n * 7 * step + n * 1_913) {
                let sweep = |number| Window::new(first + number * step, &settings, true);
                for (length, managed) in [(1_000, 10), (997, 99), (1_000, 333), (50, 5), (7, 1), (1, 1)] {
                    let sweeps = sweeps_to_reach_all(length, managed, sweep);
                    assert!(sweeps * managed <= 2 * length, "{schedule}: {length} by {managed} took {sweeps} sweeps");
                }
                for (managed, most) in SWEEPS {
                    assert!(sweeps_to_reach_all(1_000, managed, sweep) <= most, "{schedule}: {managed}");
                }
            }
        }
    }

    /// Between two sweeps by cron.
    const STEPS: [i64; 11] =
        [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR, 12 * HOUR, DAY];

    /// As docs/operation.md says of a ledger that cannot count.
    #[test]
    fn by_the_clock_alone_cron_takes_up_to_sixty_sweeps() {
        let settings = settings(&[("SWEEP_SCHEDULE", "cron(0 * * * ? *)")]);
        for step in STEPS {
            let sweep = |number: i64| Window::new(TICK + number * step, &settings, true);
            let sweeps = sweeps_to_reach_all(1_000, 100, sweep);
            assert!(sweeps <= 60, "every {step} ms: {sweeps} sweeps");
        }
    }

    /// A cron expression does not tell the ticks' numbers, so the ledger counts them.
    #[test]
    fn a_cron_schedule_reaches_the_rest_as_soon() {
        let settings = settings(&[("SWEEP_SCHEDULE", "cron(0 * * * ? *)")]);
        let lookback = 168 * HOUR;
        for step in STEPS {
            for counted in (1..500).step_by(7) {
                let sweep = |number: i64| {
                    let window = Window::new(TICK + number * step, &settings, true);
                    window.numbered(counted + number.cast_unsigned())
                };
                for (managed, most) in SWEEPS {
                    let sweeps = sweeps_to_reach_all(1_000, managed, sweep);
                    assert!(sweeps <= most, "every {step} ms: {managed} of 1,000 took {sweeps} sweeps");
                    // A tenth a day cannot: ten days are more than any look-back.
                    let within = i64::try_from(sweeps).unwrap() * step <= lookback;
                    assert_eq!(within, (managed, step) != (100, DAY), "every {step} ms: {sweeps} sweeps");
                }
            }
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
