//! A schedule -> the operations that nobody was told of: those that have ended, and those that do not.
//!
//! Each is reported as if its event had come. The sweep goes around the ring of all stack sets and
//! begins elsewhere each time, so that what one sweep has no time for, a later one reaches.

mod digest;
mod plan;
mod ring;
mod swept;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::stream::{self, StreamExt};
use tokio::time::{Duration, Instant};
use tracing::{info, warn};

use crate::config::{self, SweepMode};
use crate::error::Error;
use crate::event::{FunctionIdentity, Request, Trigger};
use crate::handler::{self, Assessment, Notifier, PUBLISH_RESERVE, RECORDS};
use crate::ledger::Key;
use crate::operation::{ListedOperation, OperationRef};
use crate::read::{Next, Reader};
use crate::report::Failure;
use crate::response::{OperationResult, Response};
use plan::Window;
use ring::Stop;
pub use swept::Swept;
use swept::{RENDER, failure};

/// How the function's time is shared out.
#[derive(Debug, Clone, Copy)]
struct Time {
    deadline: Instant,
    whole: Duration,
}

impl Time {
    fn until(deadline: Instant) -> Self {
        Self { deadline, whole: deadline.saturating_duration_since(Instant::now()) }
    }

    /// When nothing new is begun any more: the last quarter is for what goes on.
    fn last_begin(&self) -> Instant {
        self.deadline - self.whole / 4
    }

    fn is_short(&self) -> bool {
        Instant::now() >= self.last_begin()
    }

    /// When an operation that is begun now has to be told: half of what is left is for others.
    fn share(&self) -> Instant {
        let now = Instant::now();
        let share = (self.deadline.saturating_duration_since(now) / 2).max(self.whole / 4);
        self.deadline.min(now + share)
    }
}

/// What became of one stack set.
#[derive(Debug, Default)]
struct Outcome {
    told: Vec<OperationResult>,
    /// Operations that the digest is to tell of.
    found: Vec<Assessment>,
    pages: u64,
    operations: u64,
    due: u64,
    already_told: u64,
    left: u64,
    withheld: u64,
    end: End,
    failures: Vec<Failure>,
}

/// How far one stack set was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum End {
    /// To its last operation.
    #[default]
    Reached,
    /// Until time ran short.
    OutOfTime,
    /// Until its list could not be read.
    Failed,
}

impl Notifier {
    /// Tells of every operation that is due and was not told of, as far as time allows.
    ///
    /// At most `SWEEP_CONCURRENCY` requests are under way at a time, besides renewals of claims. They share
    /// one rate limit, so that throttling of one slows all of them down.
    ///
    /// # Errors
    /// [`Error::Config`] if the sweep's settings are wrong. [`Error::Read`] if nothing could be read at
    /// all: no list of stack sets, or none of the stack sets on it. [`Error::Publish`] or
    /// [`Error::Render`] if there was something to publish and none of it could be. Any other failure is
    /// in the response, and the sweep goes on.
    pub(crate) async fn sweep(
        &self,
        tick: i64,
        identity: &FunctionIdentity,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let started = Instant::now();
        let settings = self.config.sweep.as_ref().map_err(Clone::clone)?;
        let kept = match settings.mode {
            SweepMode::Each => Duration::ZERO,
            SweepMode::Digest => (PUBLISH_RESERVE + RECORDS).min(deadline.saturating_duration_since(started) / 4),
        };
        let round = Round {
            notifier: self,
            settings,
            // One for all: what slows one request down slows all.
            reader: self.source.reader(),
            identity,
            time: Time::until(deadline - kept),
            window: self.window(tick, settings, deadline).await,
            trouble: OnceLock::new(),
            begun: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
        };
        let mut swept = Swept { finished: true, ..Swept::default() };
        let (mut told, mut found) = (Vec::new(), Vec::new());

        let mut ring = round.ring(&mut swept).await?;
        swept.stack_sets = ring.len() as u64;
        let first = round.window.start(ring.len());
        ring.rotate_left(first);
        let first = ring.first().map(|stop| stop.stack_set.api_name());
        let mut outcomes = stream::iter(ring).map(|stop| round.stop(stop)).buffer_unordered(settings.concurrency);
        let mut pages = 0;
        while let Some(outcome) = outcomes.next().await {
            pages += outcome.pages;
            swept.add(&mut told, &mut found, outcome);
        }
        drop(outcomes);
        let digested = round.publish_digest(tick, found, &mut swept, deadline).await;
        for done in digested {
            swept.count(&done);
            told.push(done);
        }
        swept.unguarded = round.trouble.into_inner();
        swept.took = started.elapsed();
        info!(
            finished = swept.finished,
            stack_sets = swept.stack_sets,
            stack_sets_done = swept.stack_sets_done,
            first,
            operations = swept.operations,
            due = swept.due,
            already_told = swept.already_told,
            published = swept.published,
            quiet = swept.quiet,
            left = swept.left,
            withheld = swept.withheld,
            failures = swept.failures.len() as u64 + swept.failures_omitted,
            unguarded = swept.unguarded.is_some(),
            took_ms = u64::try_from(swept.took.as_millis()).unwrap_or(u64::MAX),
            "sweep ended"
        );
        if pages == 0 && swept.stack_sets > 0 {
            return Err(Error::Read(swept.failures.into_iter().next().map_or_else(
                || "could not list the operations of any stack set: the function's time ran out".to_owned(),
                |failure| failure.error,
            )));
        }
        // Lambda's own retries and alarms see only an invocation that fails.
        if let Some(failure) = swept.unsent.as_ref().filter(|_| swept.published == 0) {
            let error = failure.error.clone();
            return Err(if failure.kind == RENDER { Error::Render(error) } else { Error::Publish(error) });
        }
        Ok(Response { operations: told, sweep: Some(swept) })
    }

    /// What is due at a tick. Where the schedule does not tell the tick's number, the ledger counts.
    async fn window(&self, tick: i64, settings: &config::Sweep, deadline: Instant) -> Window {
        let window = Window::new(tick, settings, self.ledger.is_some());
        match self.ledger.as_ref().filter(|_| settings.interval.is_none()) {
            None => window,
            Some(ledger) => match ledger.count_sweep(deadline).await {
                Ok(number) => window.numbered(number),
                Err(error) => {
                    warn!(kind = error.kind(), "{error}; the clock decides where this sweep begins");
                    window
                }
            },
        }
    }
}

/// One sweep under way.
struct Round<'a> {
    notifier: &'a Notifier,
    settings: &'a config::Sweep,
    reader: Reader,
    identity: &'a FunctionIdentity,
    time: Time,
    /// What is due, and what of it is new.
    window: Window,
    /// Why the ledger is no longer trusted to know what was told.
    trouble: OnceLock<String>,
    /// Operations whose reading has begun.
    begun: AtomicUsize,
    /// Operations that the digest is to tell of.
    found: AtomicUsize,
}

impl Round<'_> {
    /// Lists one stack set's operations, and then tells of those that are due.
    ///
    /// Which of them comes first changes with the tick, as it does for stack sets: so those that take all
    /// the time do not take it every time.
    async fn stop(&self, stop: Stop) -> Outcome {
        let mut outcome = Outcome::default();
        let mut operations = self.reader.operations(&stop.stack_set, stop.call_as);
        let mut requests = Vec::new();
        let listing_ends = self.time.share().min(self.time.last_begin());
        outcome.end = loop {
            if self.time.is_short() {
                break End::OutOfTime;
            }
            match operations.next(listing_ends).await {
                Ok(Next::Page(page)) => {
                    outcome.pages += 1;
                    outcome.operations += page.len() as u64;
                    requests.extend(self.to_tell(&stop, &page, &mut outcome).await);
                }
                Ok(Next::End) => break End::Reached,
                Ok(Next::OutOfTime) => break End::OutOfTime,
                Err(error) => {
                    outcome.failures.push(failure(Some(&stop.stack_set), None, &error));
                    break End::Failed;
                }
            }
        };
        let first = self.window.start(requests.len());
        requests.rotate_left(first);
        for request in requests {
            self.tell(request, &mut outcome).await;
        }
        if outcome.end == End::Reached && outcome.left > 0 {
            outcome.end = End::OutOfTime;
        }
        outcome
    }

    /// The operations of a page that are due and that the ledger does not know as told.
    ///
    /// A ledger that does not answer is not asked again. The sweep then tells what is new, as one without,
    /// and what no later one would tell; all within the look-back would be told at every tick.
    async fn to_tell(&self, stop: &Stop, page: &[ListedOperation], outcome: &mut Outcome) -> Vec<Request> {
        let has_ledger = self.notifier.ledger.is_some();
        let (keys, mut requests): (Vec<Option<Key>>, Vec<Request>) = page
            .iter()
            .filter_map(|listed| {
                let mut request = stop.request(listed, self.window.due(listed)?);
                // Without a ledger the next sweep looks at other operations.
                let leaves = has_ledger && self.window.is_leaving(listed);
                request.only_guarded = !self.window.is_new(listed) && !leaves;
                request.may_wait = has_ledger && request.trigger == Trigger::Sweep && self.window.can_wait(listed);
                Some((handler::key(&request.operation, &listed.status, request.trigger), request))
            })
            .unzip();
        let ledger = self.notifier.ledger.as_ref().filter(|_| self.trouble.get().is_none());
        let asked: Vec<Key> = keys.iter().flatten().cloned().collect();
        let told = match ledger {
            Some(ledger) => {
                ledger.completed(&asked, self.time.share()).await.inspect_err(|error| self.doubt(error)).ok()
            }
            None => None,
        };
        match told {
            Some(told) => {
                let mut keys = keys.iter();
                requests.retain(|_| keys.next().and_then(Option::as_ref).is_none_or(|key| !told.contains(key)));
                outcome.already_told += told.len() as u64;
                outcome.due += told.len() as u64;
            }
            None => {
                let all = requests.len() as u64;
                requests.retain(|request| !request.only_guarded);
                // Without a ledger they were for the ticks before.
                let withheld = if has_ledger { all - requests.len() as u64 } else { 0 };
                outcome.due += withheld;
                outcome.withheld += withheld;
            }
        }
        outcome.due += requests.len() as u64;
        requests
    }

    /// From now on nobody knows what was told.
    fn doubt(&self, error: &Error) {
        let told = match self.settings.interval {
            Some(_) => "only what is new since the last tick, or too old for the next, is told",
            None => "only what is in the older half of the look-back is told: a cron expression tells no interval",
        };
        if self.trouble.set(format!("{error}; {told}")).is_ok() {
            warn!(kind = error.kind(), "{error}; {told}");
        }
    }

    /// Reports one operation, if there is time, and if it is known not to have been told.
    async fn tell(&self, mut request: Request, outcome: &mut Outcome) {
        if request.only_guarded && self.trouble.get().is_some() {
            outcome.withheld += 1;
            return;
        }
        if self.time.is_short() || (request.may_wait && self.is_full()) {
            outcome.left += 1;
            return;
        }
        // No sweep has more time for any than for its first, nor knows what one in trouble left.
        let is_first = self.begun.fetch_add(1, Relaxed) < self.settings.concurrency;
        request.may_wait &= !is_first && self.trouble.get().is_none();
        let OperationRef { stack_set, operation_id } = request.operation.clone();
        let told = match self.settings.mode {
            SweepMode::Each => {
                let done = self.notifier.report(&self.reader, request, self.identity, self.time.share()).await;
                done.map(|done| {
                    self.watch(&done);
                    outcome.told.push(done);
                })
            }
            SweepMode::Digest => self.look(request, outcome).await,
        };
        match told {
            Ok(()) => {}
            Err(error @ Error::Ledger(_)) => {
                self.doubt(&error);
                outcome.withheld += 1;
            }
            Err(error @ Error::OutOfTime(_)) => {
                info!(stack_set = stack_set.api_name(), operation = operation_id, "left to a later sweep: {error}");
                outcome.left += 1;
            }
            Err(error) => outcome.failures.push(failure(Some(&stack_set), Some(&operation_id), &error)),
        }
    }

    /// What could not be claimed or recorded once will not be the next time either.
    fn watch(&self, done: &OperationResult) {
        if let Some(trouble) = &done.unguarded {
            self.doubt(&Error::Ledger(trouble.clone()));
        }
    }
}
