//! One message for a whole sweep.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;

use tokio::time::Instant;

use super::{Part, Progress, Sweep, failure};
use crate::error::{Error, InProgress};
use crate::event::ReportRequest;
use crate::ledger::{Claims, Key, NotClaimed, Sent};
use crate::notifier::{Assessment, recorded_id};
use crate::render::{self, digest::DigestMessage};
use crate::report::{Digest, Report, SweepProgress};
use crate::response::{Action, OperationResult};
use crate::time_budget::TimeBudget;

/// Operations of one digest: as many as a reader goes through. The next sweep reports the others.
pub(super) const OPERATIONS: usize = 200;

impl Sweep<'_> {
    /// Reads an operation for the digest; one that needs no message is recorded at once.
    pub(super) async fn read_for_digest(
        &self,
        request: ReportRequest,
        budget: TimeBudget,
        part: &mut Part,
    ) -> Result<Option<OperationResult>, Error> {
        self.in_digest.fetch_add(1, Relaxed);
        let assessed = self.notifier.assess(request, self.identity, budget, &self.lookup).await;
        if !assessed.as_ref().is_ok_and(|assessment| assessment.should_notify) {
            self.in_digest.fetch_sub(1, Relaxed);
        }
        let mut assessment = assessed?;
        if assessment.should_notify {
            // A digest names no targets, so they need not be kept until it is sent.
            assessment.report = render::digest::brief(&assessment.report);
            part.for_digest.push(assessment);
            return Ok(None);
        }
        if let Some(key) = &assessment.key {
            let failed = self.ledger.complete(key, None, budget.record_ends()).await.err();
            assessment.result.note_ledger_errors(failed.as_slice());
        }
        assessment.log(Instant::now());
        Ok(Some(assessment.result))
    }

    /// Publishes one message about what was read for it, and records the operations that it names.
    ///
    /// All are claimed before the message: what another invocation has reported meanwhile is left out.
    pub(super) async fn publish_digest(&self, progress: &mut Progress, budget: TimeBudget) {
        let found = std::mem::take(&mut progress.for_digest);
        let budget = TimeBudget::until(budget.deadline());
        let mut claims = Claims::new(Some(self.ledger), budget);
        let keys: Vec<Key> = found.iter().filter_map(|assessment| assessment.key.clone()).collect();
        let mut not_claimed: HashMap<Key, NotClaimed> = match claims.add_all(keys).await {
            Ok(not_claimed) => not_claimed.into_iter().collect(),
            Err(error) => {
                progress.summary.skipped_for_time += found.len() as u64;
                return self.fail(error);
            }
        };
        let mut mine = Vec::new();
        for mut assessment in found {
            match assessment.key.as_ref().and_then(|key| not_claimed.remove(key)) {
                Some(NotClaimed::Completed(record)) => {
                    progress.push(OperationResult::already_reported(&assessment.operation, &record));
                }
                Some(NotClaimed::InProgress { until }) => {
                    progress.push(OperationResult::in_progress(&InProgress::of(&assessment.operation, until)));
                }
                None => {
                    let attempt = assessment.key.as_ref().and_then(|key| claims.attempt(key));
                    (assessment.report.attempt, assessment.result.attempt) = (attempt, attempt);
                    mine.push(assessment);
                }
            }
        }
        if mine.is_empty() {
            return;
        }
        let total = mine.len() as u64;
        if let Err(error) = self.publish_claimed(mine, claims, progress, &budget).await {
            progress.summary.finished = false;
            progress.summary.skipped_for_time += total;
            progress.fail(failure(None, None, &error), error);
        }
    }

    /// Publishes the digest of operations that are claimed.
    async fn publish_claimed(
        &self,
        mine: Vec<Assessment>,
        claims: Claims<'_>,
        progress: &mut Progress,
        budget: &TimeBudget,
    ) -> Result<(), Error> {
        let summary = &progress.summary;
        let mut digest = Digest::new(
            SweepProgress {
                at: self.scheduled_time,
                finished: summary.finished,
                stack_sets: summary.stack_sets,
                stack_sets_done: summary.stack_sets_done,
            },
            mine.iter().map(|assessment| assessment.report.clone()).collect(),
        );
        digest.failures.clone_from(&summary.failures);
        digest.failures_omitted = summary.failures_omitted;
        let rendering_began = Instant::now();
        let publish = async {
            let DigestMessage { message, named } = render::digest::message(&digest, self.notifier.config.https_body)?;
            let rendered_at = Instant::now();
            let id = self.notifier.publisher.publish(message, budget.publishing_ends()).await?;
            let named: HashSet<_> = digest.operations.iter().take(named).map(names).collect();
            let is_named = |assessment: &&Assessment| named.contains(&names(&assessment.report));
            let keys = mine.iter().filter(is_named).filter_map(|assessment| assessment.key.clone()).collect();
            Ok(((id.clone(), named, rendered_at), Sent { message_id: Some(recorded_id(id)), named: Some(keys) }))
        };
        let ((message_id, named, rendered_at), failed) = claims.deliver(publish).await?;
        let mut failed: HashMap<Key, Error> = failed.into_iter().collect();
        for mut assessment in mine {
            if !named.contains(&names(&assessment.report)) {
                progress.summary.finished = false;
                progress.summary.skipped_for_time += 1;
                continue;
            }
            let failed = assessment.key.as_ref().and_then(|key| failed.remove(key));
            assessment.result.note_ledger_errors(failed.as_slice());
            assessment.result.action = Action::Published;
            assessment.result.message_id.clone_from(&message_id);
            assessment.read_at = rendering_began;
            assessment.log(rendered_at);
            progress.push(assessment.result);
        }
        Ok(())
    }
}

/// What identifies an operation in a sweep.
fn names(report: &Report) -> (String, Option<String>, String) {
    (report.stack_set.name.clone(), report.stack_set.id.clone(), report.operation.id.clone())
}
