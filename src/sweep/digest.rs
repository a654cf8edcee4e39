//! One message for a whole sweep: claim all that it tells of, publish, complete.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::{Either, join_all, select};
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::{Outcome, Round, Swept, failure};
use crate::error::Error;
use crate::event::Request;
use crate::guard::{Entry, Guard};
use crate::handler::{Assessment, LAST_WORDS, RECORDS};
use crate::render;
use crate::report::{Digest, SweepSummary};
use crate::response::{Action, OperationResult};

/// Operations of one digest: about as many as its message can name. At 50 ms a write they are claimed and
/// recorded in the time kept for that, even one by one.
const MOST: usize = 200;
/// Why some of those that cannot wait may have no claim.
const LATE: &str = "could not claim all operations of the digest in time";

impl Round<'_> {
    /// Whether the digest is to take no more of what can wait; with a ledger the next one takes it.
    pub(super) fn is_full(&self) -> bool {
        self.notifier.ledger.is_some() && self.found.load(Relaxed) >= MOST
    }

    /// Reads an operation for the digest; one that is not worth a message is done with.
    pub(super) async fn look(&self, request: Request, outcome: &mut Outcome) -> Result<(), Error> {
        let until = self.time.share();
        let mut seen = self.notifier.look(&self.reader, request, self.identity, until).await?;
        if seen.is_loud {
            // What a digest does not tell need not be kept until it is sent.
            seen.report = render::digest::brief(&seen.report);
            outcome.found.push(seen);
            self.found.fetch_add(1, Relaxed);
            return Ok(());
        }
        if let Some((ledger, key)) = self.notifier.ledger.as_ref().zip(seen.key.as_ref()) {
            seen.done.unguarded = ledger.complete(key, None, until).await.err().map(|error| error.to_string());
        }
        self.watch(&seen.done);
        seen.log(Instant::now());
        outcome.told.push(seen.done);
        Ok(())
    }

    /// Publishes what was found, if anything was, and gives what became of each operation.
    ///
    /// All are claimed just before the message and completed after it: what somebody else told
    /// meanwhile is left out, and a crash repeats the message rather than loses it.
    pub(super) async fn publish_digest(
        &self,
        tick: i64,
        found: Vec<Assessment>,
        swept: &mut Swept,
        deadline: Instant,
    ) -> Vec<OperationResult> {
        let at_once = self.settings.concurrency;
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let deadline = deadline - LAST_WORDS.min(left / 8);
        let claims = Claims { end: now + left / 2, deadline, refused: OnceLock::new() };
        let entries: Vec<(Assessment, Option<Entry<'_>>)> =
            stream::iter(found).map(|seen| self.claim(seen, &claims)).buffer_unordered(at_once).collect().await;
        let mut told = Vec::new();
        let mut mine = Vec::new();
        for (mut seen, entry) in entries {
            let Some(entry) = entry else {
                swept.left += 1;
                continue;
            };
            match entry {
                Entry::Go(guard) if seen.only_guarded && guard.trouble().is_some() => swept.withheld += 1,
                Entry::Go(guard) => {
                    seen.report.attempt = guard.attempt();
                    seen.done.attempt = guard.attempt();
                    mine.push((seen, guard));
                }
                Entry::Told(record, _) => told.push(seen.done.told_meanwhile(&record)),
                Entry::InProgress { until } => told.push(seen.done.in_progress_elsewhere(&until)),
            }
        }
        if mine.is_empty() {
            return told;
        }
        let mut digest = Digest::new(
            SweepSummary {
                at: tick,
                finished: swept.finished,
                stack_sets: swept.stack_sets,
                stack_sets_done: swept.stack_sets_done,
            },
            mine.iter().map(|(seen, _)| seen.report.clone()).collect(),
        );
        digest.failures.clone_from(&swept.failures);
        digest.failures_omitted = swept.failures_omitted;
        let ready = Instant::now();
        let published = self.publish(&digest, &mine, deadline).await;
        // Made before they run: the compiler cannot see that a closure over guards may change threads.
        match published {
            Ok(id) => {
                let all: Vec<_> =
                    mine.into_iter().map(|(seen, guard)| complete(seen, guard, id.clone(), ready)).collect();
                let completed: Vec<OperationResult> = stream::iter(all).buffer_unordered(at_once).collect().await;
                told.extend(completed);
            }
            Err(error) => {
                swept.left += mine.len() as u64;
                let all: Vec<_> = mine.into_iter().map(|(_, guard)| guard.not_told(&error)).collect();
                stream::iter(all).buffer_unordered(at_once).collect::<()>().await;
                swept.fail(failure(None, None, &error));
            }
        }
        told
    }

    /// Claims an operation unless a claim was refused before: many of them would take the message's time.
    ///
    /// Gives nothing for one that there is no time for and that a later sweep will look at.
    async fn claim(&self, seen: Assessment, claims: &Claims) -> (Assessment, Option<Entry<'_>>) {
        let Claims { end, deadline, refused } = claims;
        let deadline = *deadline;
        let late = (Instant::now() >= *end).then_some(LATE);
        if late.is_some() && seen.may_wait && refused.get().is_none() {
            return (seen, None);
        }
        let entry =
            match (self.notifier.ledger.as_ref().zip(seen.key.clone()), refused.get().map(String::as_str).or(late)) {
                (None, _) => Entry::Go(Guard::none(deadline)),
                (Some((ledger, key)), Some(why)) => Entry::Go(Guard::open(ledger, key, why, deadline)),
                (Some((ledger, key)), None) => Guard::enter(ledger, key, deadline).await,
            };
        if let Entry::Go(guard) = &entry
            && let Some(why) = guard.trouble()
        {
            self.doubt(&Error::Ledger(refused.get_or_init(|| why).clone()));
        }
        (seen, Some(entry))
    }

    /// Publishes while all claims are held.
    async fn publish(
        &self,
        digest: &Digest,
        mine: &[(Assessment, Guard<'_>)],
        deadline: Instant,
    ) -> Result<Option<String>, Error> {
        let message = render::digest::message(digest)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let publishing = pin!(self.notifier.publisher.publish(message, deadline - RECORDS.min(left / 4)));
        let holding = pin!(join_all(mine.iter().map(|(_, guard)| guard.during(pending::<Infallible>()))));
        match select(publishing, holding).await {
            Either::Left((published, _)) => published,
            // Holding never ends.
            Either::Right((_, publishing)) => publishing.await,
        }
    }
}

/// How the claims of a digest are made.
struct Claims {
    /// When no further one is made: the rest of the time is for the message and the records.
    end: Instant,
    /// When the records must have been written.
    deadline: Instant,
    /// Why a claim could not be made.
    refused: OnceLock<String>,
}

async fn complete(
    mut seen: Assessment,
    guard: Guard<'_>,
    message_id: Option<String>,
    ready: Instant,
) -> OperationResult {
    // A message without a known id is none the less told.
    seen.done.unguarded = guard.told(Some(message_id.as_deref().unwrap_or("unknown"))).await;
    seen.done.action = Action::Published;
    seen.done.message_id = message_id;
    seen.log(ready);
    seen.done
}
