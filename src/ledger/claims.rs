//! Claim, publish, record: the order in which a crash repeats a message rather than loses it.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt};
use tracing::warn;

use super::{AT_ONCE, Claim, ClaimOutcome, CompletedRecord, Key, Ledger};
use crate::error::Error;
use crate::time_budget::TimeBudget;

/// The keys of one message: one of an operation's report, many of a digest.
#[derive(Debug)]
pub struct Claims<'a> {
    ledger: Option<&'a Ledger>,
    budget: TimeBudget,
    claims: Vec<Claim>,
    /// Keys that are recorded without a claim.
    unclaimed: Vec<Key>,
}

/// Why a key could not be claimed.
#[derive(Debug)]
pub enum NotClaimed {
    /// Another invocation has it.
    InProgress {
        /// When its claim runs out unless it is renewed, RFC 3339.
        until: String,
    },
    /// It was reported, or found to need no message.
    Completed(CompletedRecord),
}

/// What went out.
#[derive(Debug)]
pub struct Sent {
    /// SNS's id of the message; `None` where no message was needed.
    pub message_id: Option<String>,
    /// The keys that the message names; `None` for all.
    pub named: Option<HashSet<Key>>,
}

impl<'a> Claims<'a> {
    /// No key yet. Without a ledger every key can be had, and nothing is recorded.
    pub fn new(ledger: Option<&'a Ledger>, budget: TimeBudget) -> Self {
        Self { ledger, budget, claims: Vec::new(), unclaimed: Vec::new() }
    }

    /// Claims one more key; gives why, if it is not to be had.
    ///
    /// # Errors
    /// [`Error::Ledger`] as for [`Ledger::claim`].
    pub async fn add(&mut self, key: &Key) -> Result<Option<NotClaimed>, Error> {
        let Some(ledger) = self.ledger else { return Ok(None) };
        Ok(match ledger.claim(key, &self.budget).await? {
            ClaimOutcome::Claimed(claim) => {
                self.claims.push(claim);
                None
            }
            ClaimOutcome::InProgress { until } => Some(NotClaimed::InProgress { until }),
            ClaimOutcome::Completed(record) => Some(NotClaimed::Completed(record)),
        })
    }

    /// Claims many keys, some at the same time; gives those that are not to be had.
    ///
    /// # Errors
    /// The first of [`Ledger::claim`]. What was claimed until then is released.
    pub async fn add_all(&mut self, keys: Vec<Key>) -> Result<Vec<(Key, NotClaimed)>, Error> {
        let Some(ledger) = self.ledger else { return Ok(Vec::new()) };
        let budget = self.budget;
        let outcomes: Vec<_> = stream::iter(keys)
            .map(|key| async move {
                let outcome = ledger.claim(&key, &budget).await;
                (key, outcome)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut not_claimed = Vec::new();
        let mut failed = None;
        for (key, outcome) in outcomes {
            match outcome {
                Ok(ClaimOutcome::Claimed(claim)) => self.claims.push(claim),
                Ok(ClaimOutcome::InProgress { until }) => {
                    not_claimed.push((key, NotClaimed::InProgress { until }));
                }
                Ok(ClaimOutcome::Completed(record)) => not_claimed.push((key, NotClaimed::Completed(record))),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            None => Ok(not_claimed),
            Some(error) => {
                release(ledger, &std::mem::take(&mut self.claims), false).await;
                Err(error)
            }
        }
    }

    /// Adds a key without a claim. It is recorded all the same: a ledger that did not answer before the
    /// message may do so after it.
    pub fn add_unclaimed(&mut self, key: Key) {
        self.unclaimed.push(key);
    }

    /// Number of this attempt to publish a key; unknown without a claim.
    pub fn attempt(&self, key: &Key) -> Option<u64> {
        self.claims.iter().find(|claim| claim.key == *key).map(|claim| claim.attempt)
    }

    /// Carries out `publish` while the claims are held, and then records the keys that were sent.
    ///
    /// Also gives the records that could not be written. That is no error: the message is out.
    ///
    /// # Errors
    /// That of `publish`. The claims are released then, so that the next try need not wait for their end.
    pub async fn deliver<T>(
        self,
        publish: impl Future<Output = Result<(T, Sent), Error>>,
    ) -> Result<(T, Vec<(Key, Error)>), Error> {
        let Some(ledger) = self.ledger else {
            return publish.await.map(|(done, _)| (done, Vec::new()));
        };
        match ledger.holding(&self.claims, publish).await {
            Ok((done, sent)) => {
                let is_sent = |key: &Key| sent.named.as_ref().is_none_or(|named| named.contains(key));
                let (claims, unsent): (Vec<Claim>, Vec<Claim>) =
                    self.claims.into_iter().partition(|claim| is_sent(&claim.key));
                let keys: Vec<Key> = claims.into_iter().map(|claim| claim.key).chain(self.unclaimed).collect();
                let failed = record(ledger, keys, sent.message_id.as_deref(), &self.budget).await;
                release(ledger, &unsent, false).await;
                Ok((done, failed))
            }
            Err(error) => {
                // SNS may have taken a message whose answer was lost.
                release(ledger, &self.claims, matches!(error, Error::Publish(_))).await;
                Err(error)
            }
        }
    }
}

/// Records keys as reported; gives those that may not have been.
async fn record(ledger: &Ledger, keys: Vec<Key>, id: Option<&str>, budget: &TimeBudget) -> Vec<(Key, Error)> {
    let until = budget.record_ends();
    stream::iter(keys)
        .map(|key| async move {
            let error = ledger.complete(&key, id, until).await.err()?;
            warn!(kind = error.kind(), "{error}");
            Some((key, error))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|failed| async { failed })
        .collect()
        .await
}

async fn release(ledger: &Ledger, claims: &[Claim], maybe_published: bool) {
    let all = stream::iter(claims).for_each_concurrent(AT_ONCE, |claim| async move {
        if let Err(error) = ledger.release(claim, maybe_published).await {
            warn!(kind = error.kind(), "{error}");
        }
    });
    all.await;
}
