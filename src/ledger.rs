//! What was reported already: one DynamoDB record for each operation and the status it ended with.
//!
//! | attribute | meaning |
//! |---|---|
//! | `id` | the [`Key`] |
//! | `status` | `INPROGRESS` or `COMPLETED` |
//! | `claim` | random id of the last claim |
//! | `attempt` | claims that may have led to a message |
//! | `message_ids` | SNS's ids of the messages that are known; none if the outcome was quiet |
//! | `in_progress_expiration` | end of the claim, milliseconds since 1970 |
//! | `expiration` | end of the record, seconds since 1970; the table's time-to-live attribute |
//! | `updated` | last write, RFC 3339, for people |
//!
//! More attempts than message ids mean that one was cut off between its message and the record:
//! there may be a message that the record does not know.
//!
//! DynamoDB deletes expired records days late
//! ([time to live](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html)),
//! so times are always compared here too. The clocks of two instances of the function are taken to
//! differ by less than 5 seconds.

mod claims;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use futures_util::stream::{self, StreamExt};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

pub use claims::{Claims, NotClaimed, Sent};

use crate::aws;
use crate::error::Error;
use crate::operation::OperationRef;
use crate::time_budget::{LEDGER_CALL, TimeBudget};

/// How long a claim lasts that nobody renews. Lambda tries an event again after about a minute: by
/// then the claim of an invocation that crashed has run out.
const LEASE: Duration = Duration::from_secs(45);
/// How long a claim outlives its invocation's deadline.
const GRACE: Duration = Duration::from_secs(5);
/// How long a record is kept. A dead letter may come back after 14 days in its queue, having been
/// tried for a day by EventBridge and for 6 hours by Lambda. It may be a sweep's, which looks back
/// 7 days at most. The rest is for those who send it late.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Longest wait for one attempt. DynamoDB answers within some ten milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// Attempts of one call, the first included.
const MAX_ATTEMPTS: u32 = 3;
/// Longest wait for one reading of many records, with what DynamoDB did not get to at once.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// First and longest pause before it is asked again for what it did not get to; it doubles each time.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Keys of one read
/// ([BatchGetItem](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html)).
const BATCH: usize = 100;

/// Writes under way at the same time, where a message has many keys.
const AT_ONCE: usize = 16;

const IN_PROGRESS: &str = "INPROGRESS";
const COMPLETED: &str = "COMPLETED";

/// What is reported once: an operation of a stack set, in one status.
///
/// Its text is `<ARN of the stack set without the account>/<operation id>/<status>`. The account is
/// left out because a list of stack sets does not name it, and the unique id in the ARN needs none:
/// so the event, the sweep and a manual request find the same record. Where not even the unique id
/// is known, the bare name stands in its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// The key of an operation in a status.
    pub fn new(operation: &OperationRef, status: &str) -> Self {
        let OperationRef { stack_set, operation_id } = operation;
        Self(format!(
            "arn:{}:cloudformation:{}::stackset/{}/{operation_id}/{status}",
            stack_set.partition,
            stack_set.region,
            stack_set.api_name()
        ))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer to a claim.
#[derive(Debug)]
pub enum ClaimOutcome {
    /// It is ours.
    Claimed(Claim),
    /// Another invocation has it.
    InProgress {
        /// When its claim runs out unless it is renewed, RFC 3339.
        until: String,
    },
    /// It was reported, or found to need no message.
    Completed(CompletedRecord),
}

/// A claim that is ours.
#[derive(Debug)]
pub struct Claim {
    key: Key,
    id: String,
    /// When the invocation ends.
    deadline: Instant,
    /// Number of this attempt; above 1 an earlier one may have published the same.
    pub attempt: u64,
}

/// The record of something that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedRecord {
    /// SNS's ids of the messages, sorted; none if the outcome was quiet.
    pub message_ids: Vec<String>,
    /// When, RFC 3339.
    pub at: String,
}

/// One table of records.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
    lease: Duration,
}

type Item = HashMap<String, AttributeValue>;

impl Ledger {
    /// A ledger over the shared settings; nothing is sent yet.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        let hurried = aws_sdk_dynamodb::config::Builder::from(config)
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(LEDGER_CALL)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(MAX_ATTEMPTS)
                    .with_initial_backoff(Duration::from_millis(100))
                    .with_max_backoff(Duration::from_millis(400)),
            )
            .build();
        Self { client: Client::from_conf(hurried), table, lease: LEASE }
    }

    /// Lets claims last this long, if they are not renewed; they are after a third of it.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Claims a key by one conditional write.
    ///
    /// It is ours if there is no record, or an expired one, or one whose claim has run out.
    ///
    /// # Errors
    /// [`Error::Ledger`] if the table gave no answer in time, or refused: then it is not known
    /// whether the claim was made.
    pub async fn claim(&self, key: &Key, budget: &TimeBudget) -> Result<ClaimOutcome, Error> {
        let what = "could not claim";
        let now = SystemTime::now();
        let mut claim = Claim { key: key.clone(), id: random_id(), deadline: budget.deadline(), attempt: 1 };
        let call = self
            .update(key)
            .update_expression(
                "SET #status = :in_progress, claim = :claim, in_progress_expiration = :until, \
                 expiration = :expiration, updated = :updated ADD attempt :one",
            )
            .condition_expression(
                "attribute_not_exists(id) OR expiration < :now OR \
                 (#status = :in_progress AND in_progress_expiration < :now_ms)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":until", self.end_of(&claim, now))
            .expression_attribute_values(":expiration", seconds(now + KEPT))
            .expression_attribute_values(":updated", text(&rfc3339(now)))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", seconds(now))
            .expression_attribute_values(":now_ms", millis(now))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let known = match self.in_time(what, key, budget.ledger_call_ends(), call.send()).await? {
            Ok(answer) => {
                // An expired record is no attempt that was cut off.
                let before = answer.attributes().filter(|old| !has_expired(old, now));
                claim.attempt = before.and_then(|old| integer(old, "attempt")).unwrap_or_default() + 1;
                return Ok(ClaimOutcome::Claimed(claim));
            }
            Err(error) => match refused(&error) {
                Some(item) => item.clone(),
                None => return Err(self.failed(what, key, &aws::cause(&error))),
            },
        };
        if word(&known, "status") == COMPLETED {
            let mut message_ids =
                known.get("message_ids").and_then(|ids| ids.as_ss().ok()).cloned().unwrap_or_default();
            message_ids.sort();
            let at = word(&known, "updated").to_owned();
            return Ok(ClaimOutcome::Completed(CompletedRecord { message_ids, at }));
        }
        // The answer to an earlier attempt of this very call was lost.
        if word(&known, "claim") == claim.id {
            claim.attempt = integer(&known, "attempt").unwrap_or(1);
            return Ok(ClaimOutcome::Claimed(claim));
        }
        let until = Duration::from_millis(integer(&known, "in_progress_expiration").unwrap_or_default());
        Ok(ClaimOutcome::InProgress { until: rfc3339(UNIX_EPOCH + until) })
    }

    /// Carries out `work`, and renews the claims as long as that takes.
    pub async fn holding<T>(&self, claims: &[Claim], work: impl Future<Output = T>) -> T {
        let renewals = async {
            loop {
                tokio::time::sleep(self.lease / 3).await;
                stream::iter(claims).for_each_concurrent(AT_ONCE, |claim| self.renew(claim)).await;
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            never = renewals => never,
        }
    }

    /// A claim that cannot be renewed stops no message; another invocation may send it too.
    async fn renew(&self, claim: &Claim) {
        let call = self
            .update(&claim.key)
            .update_expression("SET in_progress_expiration = :until")
            .condition_expression("claim = :claim AND #status = :in_progress")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":until", self.end_of(claim, SystemTime::now()))
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS));
        let until = Instant::now() + LEDGER_CALL;
        if let Err(error) = self.done("could not renew the claim of", &claim.key, until, call).await {
            warn!(kind = error.kind(), "{error}");
        }
    }

    /// Records that a key was reported, by a message or (`None`) by deciding to be quiet.
    ///
    /// It needs no claim: the message is out.
    ///
    /// # Errors
    /// [`Error::Ledger`] if the record may not have been written: the same may be reported again.
    pub async fn complete(&self, key: &Key, message_id: Option<&str>, until: Instant) -> Result<(), Error> {
        let now = SystemTime::now();
        let mut expression = "SET #status = :completed, expiration = :expiration, updated = :updated".to_owned();
        let mut call = self
            .update(key)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":completed", text(COMPLETED))
            .expression_attribute_values(":expiration", seconds(now + KEPT))
            .expression_attribute_values(":updated", text(&rfc3339(now)));
        if let Some(id) = message_id {
            expression.push_str(" ADD message_ids :ids");
            call = call.expression_attribute_values(":ids", AttributeValue::Ss(vec![id.to_owned()]));
        }
        self.done("could not record", key, until, call.update_expression(expression)).await
    }

    /// Gives a claim back, so that the next one need not wait until it runs out.
    ///
    /// `maybe_published` says that a message may have gone out: then the attempt still counts.
    ///
    /// # Errors
    /// [`Error::Ledger`] if the claim may still be there.
    pub async fn release(&self, claim: &Claim, maybe_published: bool) -> Result<(), Error> {
        let undone = if maybe_published { 0 } else { -1 };
        // Without the claim's id a second try of this call changes nothing more.
        let call = self
            .update(&claim.key)
            .update_expression("SET in_progress_expiration = :past REMOVE claim ADD attempt :undone")
            .condition_expression("claim = :claim AND #status = :in_progress")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":past", number(0))
            .expression_attribute_values(":undone", number(undone))
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS));
        self.done("could not release the claim of", &claim.key, Instant::now() + LEDGER_CALL, call).await
    }

    /// Which of the keys are complete, 100 keys a request.
    ///
    /// The read is eventually consistent, which costs half: it only spares work, a claim decides.
    ///
    /// # Errors
    /// [`Error::Ledger`] if one of the reads failed, or `until` or 5 seconds came before the last.
    pub async fn completed(&self, keys: &[Key], until: Instant) -> Result<HashSet<Key>, Error> {
        let unique: Vec<&Key> = keys.iter().collect::<HashSet<_>>().into_iter().collect();
        let now = SystemTime::now();
        let until = until.min(Instant::now() + READ_TIMEOUT);
        let mut complete = HashSet::new();
        for batch in unique.chunks(BATCH) {
            let failed = |cause: &str| {
                Error::Ledger(format!("could not read {} records of table {}: {cause}", keys.len(), self.table))
            };
            let mut wanted: Vec<Item> = batch.iter().map(|key| primary(key)).collect();
            let mut pause = PAUSES.0;
            // What DynamoDB did not get to is asked for again.
            while !wanted.is_empty() {
                let asked = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .projection_expression("id, #status, expiration")
                    .expression_attribute_names("#status", "status")
                    .build()
                    .map_err(|error| failed(&error.to_string()))?;
                let call = self.client.batch_get_item().request_items(&self.table, asked).send();
                let Ok(answer) = timeout_at(until, call).await else {
                    return Err(failed("the time ran out"));
                };
                let mut answer = answer.map_err(|error| failed(&aws::cause(&error)))?;
                let found = answer.responses.as_mut().and_then(|tables| tables.remove(&self.table)).unwrap_or_default();
                complete.extend(
                    found
                        .iter()
                        .filter(|item| word(item, "status") == COMPLETED)
                        .filter(|item| !has_expired(item, now))
                        .map(|item| Key(word(item, "id").to_owned())),
                );
                let left = answer.unprocessed_keys.as_mut().and_then(|tables| tables.remove(&self.table));
                wanted = left.map(|left| left.keys).unwrap_or_default();
                if !wanted.is_empty() {
                    sleep_until(until.min(Instant::now() + pause)).await;
                    pause = PAUSES.1.min(pause * 2);
                }
            }
        }
        Ok(complete)
    }

    fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(primary(key)))
    }

    /// When a claim that is made or renewed now runs out.
    fn end_of(&self, claim: &Claim, now: SystemTime) -> AttributeValue {
        let alive = claim.deadline.saturating_duration_since(Instant::now());
        millis(now + self.lease.min(alive + GRACE))
    }

    async fn done(&self, what: &str, key: &Key, until: Instant, call: UpdateItemFluentBuilder) -> Result<(), Error> {
        let answer = self.in_time(what, key, until, call.send()).await?;
        answer.map(drop).map_err(|error| self.failed(what, key, &aws::cause(&error)))
    }

    async fn in_time<T>(
        &self,
        what: &str,
        key: &Key,
        until: Instant,
        call: impl Future<Output = T>,
    ) -> Result<T, Error> {
        timeout_at(until, call).await.map_err(|_| self.failed(what, key, "no answer in time"))
    }

    fn failed(&self, what: &str, key: &Key, cause: &str) -> Error {
        Error::Ledger(format!("{what} {key} in table {}: {cause}", self.table))
    }
}

/// The record that stood in the way of a conditional write.
fn refused<R>(error: &SdkError<UpdateItemError, R>) -> Option<&Item> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => refusal.item(),
        _ => None,
    }
}

fn primary(key: &Key) -> Item {
    HashMap::from([("id".to_owned(), text(&key.0))])
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn seconds(time: SystemTime) -> AttributeValue {
    AttributeValue::N(epoch(time).as_secs().to_string())
}

fn millis(time: SystemTime) -> AttributeValue {
    AttributeValue::N(epoch(time).as_millis().to_string())
}

fn word<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn integer(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn has_expired(item: &Item, now: SystemTime) -> bool {
    integer(item, "expiration").is_some_and(|end| end < epoch(now).as_secs())
}

fn epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn rfc3339(time: SystemTime) -> String {
    let seconds = i64::try_from(epoch(time).as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The standard library seeds its hashers from the operating system's randomness.
fn random_id() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}
