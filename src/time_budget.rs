//! How the time of an invocation is shared out.
//!
//! Lambda ends an invocation at its deadline. Counted back from there:
//!
//! | ends | what | at most |
//! |---|---|---|
//! | deadline | recording what was published, and the answer | 6 s, an eighth of the whole |
//! | 6 s before | publishing | |
//! | 15 s before | reading, with its pauses; rendering takes what is needed of the rest | 15 s, a quarter of the whole |
//! | a quarter before | a sweep begins no further stack set and no further operation | |
//!
//! Reading what failed in the operation before takes at most a tenth of the time that reading has: a report can do
//! without it.
//!
//! Looking up the stacks behind targets, and reading their events, takes at most a fifth of the time that reading has
//! left, and 30 seconds: the message does not wait for it.
//!
//! A call to the ledger before the message takes at most 3 seconds, and at most a quarter of the time
//! that is left: the ledger protects the message, it must not hold it up. A record after the message
//! may take half of the time that is left.
//!
//! Names are looked up within 5 seconds of the time for reading.
//!
//! A sweep that publishes a digest reads within a shorter budget, [`TimeBudget::before_digest`]: what is
//! cut off there is for the message and its records.

use std::time::Duration;

use tokio::time::Instant;

/// Time kept for rendering, publishing and recording.
const PUBLISH: Duration = Duration::from_secs(15);
/// Time kept after the message for its record and the answer.
const RECORD: Duration = Duration::from_secs(6);
/// Longest look at the stacks behind targets.
const STACKS: Duration = Duration::from_secs(30);
/// Longest wait for one call to the ledger, with its retries.
pub(crate) const LEDGER_CALL: Duration = Duration::from_secs(3);

/// The time of one invocation, or a part of it.
#[derive(Debug, Clone, Copy)]
pub struct TimeBudget {
    started: Instant,
    deadline: Instant,
}

impl TimeBudget {
    /// From now until Lambda ends the invocation.
    pub fn until(deadline: Instant) -> Self {
        Self { started: Instant::now(), deadline }
    }

    /// When the budget began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When reading must have ended.
    pub fn reading_ends(&self) -> Instant {
        self.deadline - PUBLISH.min(self.whole() / 4)
    }

    /// When reading what failed in the operation before must have ended.
    pub fn earlier_ends(&self) -> Instant {
        let now = Instant::now();
        now + self.reading_ends().saturating_duration_since(now) / 10
    }

    /// When looking at the stacks behind targets, after reading, must have ended.
    pub fn stacks_end(&self) -> Instant {
        let now = Instant::now();
        now + STACKS.min(self.reading_ends().saturating_duration_since(now) / 5)
    }

    /// When publishing must have ended.
    pub fn publishing_ends(&self) -> Instant {
        self.deadline - RECORD.min(self.whole() / 8)
    }

    /// When a sweep begins nothing new any more.
    pub fn last_start(&self) -> Instant {
        self.deadline - self.whole() / 4
    }

    /// Whether there is time to begin one more stack set or operation.
    pub fn has_time_for_more(&self) -> bool {
        Instant::now() < self.last_start()
    }

    /// The part in which a sweep reads what its digest is about.
    pub fn before_digest(&self) -> Self {
        Self { started: self.started, deadline: self.deadline - (PUBLISH + RECORD).min(self.whole() / 4) }
    }

    /// When a call to the ledger that comes before the message must have ended.
    pub fn ledger_call_ends(&self) -> Instant {
        within(self.deadline, 4)
    }

    /// When a record that follows the message must have been written.
    pub fn record_ends(&self) -> Instant {
        within(self.deadline, 2)
    }

    fn whole(&self) -> Duration {
        self.deadline.saturating_duration_since(self.started)
    }
}

/// After [`LEDGER_CALL`], or after this part of the time left if that is sooner.
fn within(deadline: Instant, part: u32) -> Instant {
    let now = Instant::now();
    now + LEDGER_CALL.min(deadline.saturating_duration_since(now) / part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_after_the_message_has_its_own_time() {
        for (seconds, kept) in [(300, 6.0), (60, 6.0), (16, 2.0), (8, 1.0)] {
            let budget = TimeBudget::until(Instant::now() + Duration::from_secs(seconds));
            let after_publishing = budget.deadline - budget.publishing_ends();
            assert_eq!(after_publishing.as_secs_f64().round(), kept, "of {seconds} s");
            // The message has as much time as its record, at least.
            let publishing = budget.publishing_ends() - budget.reading_ends();
            assert!(publishing >= after_publishing, "{publishing:?} of {seconds} s");
        }
    }

    #[test]
    fn stacks_are_looked_up_in_what_reading_leaves() {
        for (seconds, most) in [(900, 30.0), (115, 20.0), (40, 6.0), (0, 0.0)] {
            let budget = TimeBudget::until(Instant::now() + Duration::from_secs(seconds));
            let time = budget.stacks_end().saturating_duration_since(Instant::now());
            assert_eq!(time.as_secs_f64().round(), most, "of {seconds} s");
        }
    }

    #[test]
    fn a_digest_has_its_own_time() {
        for (seconds, kept) in [(900, 21.0), (40, 10.0)] {
            let budget = TimeBudget::until(Instant::now() + Duration::from_secs(seconds));
            let reading = budget.before_digest();
            assert_eq!((budget.deadline - reading.deadline).as_secs_f64().round(), kept, "of {seconds} s");
            assert!(reading.last_start() <= reading.reading_ends());
        }
    }
}
