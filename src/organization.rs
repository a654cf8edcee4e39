//! AWS Organizations -> what accounts and organizational units are called, and which accounts are closed.
//!
//! Nothing here fails: what cannot be looked up stays an id, and one WARN line an invocation says why. SDK types end
//! here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::operation::RequestId;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::aws;
use crate::report::Names;
use crate::text::clean;
use crate::time_budget::TimeBudget;

/// Accounts that are asked about for one message.
const ACCOUNTS: usize = 50;
/// Organizational units that are asked about for one message.
const ORGANIZATIONAL_UNITS: usize = 15;
/// Longest time that one message waits for them.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Requests at the same time.
const AT_ONCE: usize = 5;
/// How long an answer is remembered: accounts are renamed, suspended and opened again.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// Answers that are remembered at most.
const KEPT: usize = 10_000;

/// The organization of the function's account, with what is known of it.
#[derive(Debug, Clone)]
pub struct Organization {
    client: Client,
    at_once: Arc<Semaphore>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the id of the account or organizational unit, which look different.
    answers: HashMap<String, Answer>,
    /// Why the organization answers nothing, and when it is asked again.
    refused: Option<(String, Instant)>,
    /// The deadline of the last invocation that asks no more. A deadline identifies its invocation.
    given_up: Option<Instant>,
    /// The deadline of the last invocation that has its WARN line.
    warned: Option<Instant>,
}

/// What an account or organizational unit is; empty if there is none with this id.
#[derive(Debug, Clone)]
struct Answer {
    name: Option<String>,
    /// Of an account, in the words of AWS.
    state: Option<String>,
    at: Instant,
}

impl Answer {
    fn new(name: Option<String>, state: Option<String>) -> Self {
        let name = name.map(|name| clean(&name)).filter(|name| !name.is_empty());
        Self { name, state, at: Instant::now() }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state.as_deref(), Some("SUSPENDED" | "PENDING_CLOSURE" | "CLOSED"))
    }
}

/// What is asked for one message.
#[derive(Debug)]
pub struct Lookup<'a> {
    organization: Option<&'a Organization>,
    left: Mutex<Left>,
}

/// What may still be asked for a message, and how long that may take.
#[derive(Debug)]
struct Left {
    accounts: usize,
    organizational_units: usize,
    time: Duration,
}

impl Organization {
    /// Over the shared settings; nothing is sent yet.
    pub fn new(config: &SdkConfig) -> Self {
        let own = aws_sdk_organizations::config::Builder::from(config)
            .retry_partition(aws::no_retry_quota("Organizations"))
            .build();
        Self { client: Client::from_conf(own), at_once: Arc::new(Semaphore::new(AT_ONCE)), known: Arc::default() }
    }

    /// Asks about one account or organizational unit, unless it turned out meanwhile that nothing is answered.
    async fn ask(&self, id: &str, deadline: Instant) {
        // The semaphore is never closed.
        let _permit = self.at_once.acquire().await.ok();
        if self.known().is_silent(deadline) {
            return;
        }
        let answer = if is_unit(id) {
            let answer = self.client.describe_organizational_unit().organizational_unit_id(id).send().await;
            answer.map_err(|error| Refusal::of(&error)).map(|answer| {
                let unit = answer.organizational_unit;
                Answer::new(unit.and_then(|unit| unit.name), None)
            })
        } else {
            let answer = self.client.describe_account().account_id(id).send().await;
            answer.map_err(|error| Refusal::of(&error)).map(|answer| {
                let (name, state) = answer.account.map(name_and_state).unwrap_or_default();
                Answer::new(name, state)
            })
        };
        match answer {
            Ok(answer) => self.known().remember(id, answer),
            Err(refusal) => self.known().refuse(id, refusal, deadline),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn answer(&self, id: &str) -> Option<&Answer> {
        self.answers.get(id).filter(|answer| answer.at.elapsed() < REMEMBERED)
    }

    fn remember(&mut self, id: &str, answer: Answer) {
        if self.answers.len() >= KEPT {
            self.answers.clear();
        }
        self.answers.insert(id.to_owned(), answer);
    }

    fn refuse(&mut self, id: &str, Refusal { cause, scope }: Refusal, deadline: Instant) {
        let reason = format!("could not look up {id} in AWS Organizations: {cause}");
        self.warn(&reason, deadline);
        match scope {
            Scope::Id => self.remember(id, Answer::new(None, None)),
            Scope::Organization => self.refused = Some((reason, Instant::now() + REMEMBERED)),
            Scope::Invocation => self.given_up = Some(deadline),
        }
    }

    /// Whether nothing is to be asked in the invocation that ends then.
    fn is_silent(&self, deadline: Instant) -> bool {
        self.given_up == Some(deadline) || self.refused.as_ref().is_some_and(|(_, until)| Instant::now() < *until)
    }

    /// Writes the WARN line of the invocation that ends then, once.
    fn warn(&mut self, reason: &str, deadline: Instant) {
        if self.warned != Some(deadline) {
            self.warned = Some(deadline);
            warn!("{reason}");
        }
    }
}

impl<'a> Lookup<'a> {
    /// For one message; without an organization nothing is ever asked.
    pub fn new(organization: Option<&'a Organization>) -> Self {
        let left = Left { accounts: ACCOUNTS, organizational_units: ORGANIZATIONAL_UNITS, time: TIMEOUT };
        Self { organization, left: Mutex::new(left) }
    }

    /// Those of the accounts that are suspended or closed, as far as that can be known.
    pub async fn suspended_accounts(
        &self,
        accounts: impl IntoIterator<Item = String>,
        budget: &TimeBudget,
    ) -> HashSet<String> {
        let accounts: Vec<String> = accounts.into_iter().take(ACCOUNTS).collect();
        let answers = self.look_up(&accounts, budget).await;
        answers.into_iter().filter(|(_, answer)| answer.is_closed()).map(|(id, _)| id).collect()
    }

    /// The names of accounts and organizational units, as far as they can be known.
    pub async fn names(&self, (accounts, units): (Vec<String>, Vec<String>), budget: &TimeBudget) -> Names {
        let all: Vec<String> = accounts.into_iter().chain(units).collect();
        let answers = self.look_up(&all, budget).await;
        let names = answers.into_iter().filter_map(|(id, answer)| Some((id, answer.name?)));
        let (organizational_units, accounts): (BTreeMap<_, _>, BTreeMap<_, _>) = names.partition(|(id, _)| is_unit(id));
        Names { accounts, organizational_units }
    }

    /// Asks about what is not known yet, and gives all that is known then.
    async fn look_up(&self, ids: &[String], budget: &TimeBudget) -> Vec<(String, Answer)> {
        let Some(organization) = self.organization else { return Vec::new() };
        let unknown = self.unknown(organization, ids, budget.deadline());
        if !unknown.is_empty() {
            self.ask(organization, &unknown, budget).await;
        }
        let known = organization.known();
        ids.iter().filter_map(|id| Some((id.clone(), known.answer(id)?.clone()))).collect()
    }

    /// Those of the ids that are to be asked about: not known yet, and as many as this message has left.
    fn unknown(&self, organization: &Organization, ids: &[String], deadline: Instant) -> Vec<String> {
        let mut known = organization.known();
        let mut unknown: Vec<String> = ids.iter().filter(|id| known.answer(id).is_none()).cloned().collect();
        if known.is_silent(deadline) {
            if let Some((reason, _)) = known.refused.clone().filter(|_| !unknown.is_empty()) {
                known.warn(&reason, deadline);
            }
            return Vec::new();
        }
        let mut left = self.left();
        unknown.retain(|id| {
            let left = if is_unit(id) { &mut left.organizational_units } else { &mut left.accounts };
            let is_asked = *left > 0;
            *left -= usize::from(is_asked);
            is_asked
        });
        unknown
    }

    async fn ask(&self, organization: &Organization, ids: &[String], budget: &TimeBudget) {
        let (started, deadline) = (Instant::now(), budget.deadline());
        let until = budget.reading_ends().min(started + self.left().time);
        if until > started {
            let answers = join_all(ids.iter().map(|id| organization.ask(id, deadline)));
            let in_time = timeout_at(until, answers).await.is_ok();
            let mut left = self.left();
            left.time = left.time.saturating_sub(started.elapsed());
            if in_time {
                return;
            }
        }
        let mut known = organization.known();
        known.warn("could not look up all names in AWS Organizations: the time for it ran out", deadline);
        known.given_up = Some(deadline);
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_unit(id: &str) -> bool {
    id.starts_with("ou-")
}

/// `Status` is being retired, and only looked at where `State` is missing.
fn name_and_state(account: aws_sdk_organizations::types::Account) -> (Option<String>, Option<String>) {
    let state = account.state.as_ref().map(|state| state.as_str());
    let state = state.or(account.status.as_ref().map(|status| status.as_str())).map(str::to_owned);
    (account.name, state)
}

/// Why something could not be looked up.
struct Refusal {
    cause: String,
    scope: Scope,
}

/// What a refusal is about.
enum Scope {
    /// The one account or organizational unit.
    Id,
    /// The whole organization, for a while.
    Organization,
    /// What else this invocation would ask.
    Invocation,
}

impl Refusal {
    fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E>: RequestId,
    {
        let cause = aws::cause(error);
        let (hint, scope) = match aws::code(error) {
            Some("AccountNotFoundException" | "OrganizationalUnitNotFoundException") => ("", Scope::Id),
            Some("AccessDeniedException") => (
                "; the function's role needs organizations:DescribeAccount and \
                 organizations:DescribeOrganizationalUnit, in the management account or a delegated administrator's; \
                 with ACCOUNT_NAMES never it is not asked",
                Scope::Organization,
            ),
            Some("AWSOrganizationsNotInUseException") => {
                ("; with ACCOUNT_NAMES never it is not asked", Scope::Organization)
            }
            _ => ("", Scope::Invocation),
        };
        Self { cause: cause + hint, scope }
    }
}
