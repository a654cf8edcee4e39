//! Claim, tell, complete: what keeps a report from being told twice, and never from being told.

use tokio::time::Instant;
use tracing::warn;

use crate::error::Error;
use crate::ledger::{Claim, Hold, Key, Ledger, Told};

/// Whether something may be told.
#[derive(Debug)]
pub enum Entry<'a> {
    /// Yes; then say how it went.
    Go(Guard<'a>),
    /// Another invocation is about to.
    InProgress {
        /// When its claim runs out unless it is renewed, RFC 3339.
        until: String,
    },
    /// It was told before, or found to be nothing to tell.
    Told(Told, Guard<'a>),
}

/// What stands between one report and its repetition.
#[derive(Debug)]
pub struct Guard<'a> {
    watched: Option<(&'a Ledger, Key)>,
    hold: Option<Hold>,
    deadline: Instant,
    trouble: Vec<String>,
}

impl<'a> Guard<'a> {
    /// A guard that lets everything pass and records nothing.
    pub fn none(deadline: Instant) -> Self {
        Self { watched: None, hold: None, deadline, trouble: Vec::new() }
    }

    /// A guard that lets everything pass without a claim, and records it all the same: a ledger that did
    /// not answer before the message may do so after it.
    pub fn open(ledger: &'a Ledger, key: Key, because: &str, deadline: Instant) -> Self {
        Self { watched: Some((ledger, key)), trouble: vec![because.to_owned()], ..Self::none(deadline) }
    }

    /// Claims a key. A ledger that does not answer, or refuses, lets the report go out unguarded.
    pub async fn enter(ledger: &'a Ledger, key: Key, deadline: Instant) -> Entry<'a> {
        let claim = ledger.claim(&key, deadline).await;
        let mut guard = Self { watched: Some((ledger, key)), ..Self::none(deadline) };
        match claim {
            Ok(Claim::Mine(hold)) => guard.hold = Some(hold),
            Ok(Claim::InProgress { until }) => return Entry::InProgress { until },
            Ok(Claim::Complete(told)) => return Entry::Told(told, guard),
            Err(error) => guard.note(&error),
        }
        Entry::Go(guard)
    }

    /// Number of this attempt; unknown without a claim.
    pub fn attempt(&self) -> Option<u64> {
        self.hold.as_ref().map(|hold| hold.attempt)
    }

    /// What keeps the ledger from guarding the report, if something does.
    pub fn trouble(&self) -> Option<String> {
        (!self.trouble.is_empty()).then(|| self.trouble.join("; "))
    }

    /// Carries out `work` while the claim is held.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        match (&self.watched, &self.hold) {
            (Some((ledger, _)), Some(hold)) => ledger.holding(hold, work).await,
            _ => work.await,
        }
    }

    /// Records what was told, or (`None`) that there was nothing to tell.
    ///
    /// Gives what kept the ledger from guarding the report, if something did. That is no error: the
    /// message is out.
    pub async fn told(mut self, message_id: Option<&str>) -> Option<String> {
        if let Some((ledger, key)) = &self.watched
            && let Err(error) = ledger.complete(key, message_id, self.deadline).await
        {
            self.note(&error);
        }
        self.trouble()
    }

    /// Gives the claim back after an error, so that the next try need not wait for its end.
    pub async fn not_told(mut self, because: &Error) {
        if let (Some((ledger, _)), Some(hold)) = (&self.watched, &self.hold)
            // SNS may have taken a message whose answer was lost.
            && let Err(error) = ledger.release(hold, matches!(because, Error::Publish(_))).await
        {
            self.note(&error);
        }
    }

    fn note(&mut self, error: &Error) {
        warn!(kind = error.kind(), "{error}");
        self.trouble.push(error.to_string());
    }
}
