//! The AWS CLI commands that try again exactly what failed or was cancelled.
//!
//! Each cause has an entry of its own, since what a retry helps at once must not wait for what needs a fix. The CLI
//! takes accounts times Regions, so the targets of an entry are partitioned by their set of Regions.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::document::{AccountGate, Cause, Counts, Outcome, PlanEntry, ResultsCommand, Retry, Target, When};
use crate::classify::{Code, RetryHelps};
use crate::numbers::{count, rfc3339};
use crate::operation::{self, CallAs, Operation, OperationRef};

/// Accounts in one command: they make one word of 26 kB, and Linux takes words of at most 128 kB.
const ACCOUNTS_PER_COMMAND: usize = 2_000;

/// Organizational units in one request
/// ([UpdateStackInstances](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackInstances.html)).
const UNITS_PER_COMMAND: usize = 50;

/// Commands of one entry, above which one for all its accounts and Regions is easier to run.
const EXACT_COMMANDS: usize = 3;

/// What the plan is made from.
pub(super) struct Scope<'a> {
    pub(super) operation: &'a OperationRef,
    pub(super) call_as: CallAs,
    pub(super) reader_account: Option<&'a str>,
    pub(super) described: &'a Operation,
    pub(super) outcome: Outcome,
    pub(super) service_managed: bool,
    pub(super) causes: &'a [Cause],
    pub(super) cancelled: &'a [Target],
    /// Targets of `causes` that have not failed yet.
    pub(super) unsettled: &'a HashSet<Target>,
    /// Whether nothing is known to be missing.
    pub(super) complete: bool,
    /// Whether the operation ran in every one of its accounts in every one of its Regions.
    pub(super) is_full_grid: bool,
    /// All targets of the operation.
    pub(super) total: u64,
    /// Accounts that some row shows to be suspended.
    pub(super) suspended: &'a HashSet<String>,
}

/// What the commands of an entry do.
#[derive(Clone, Copy)]
struct Verb {
    name: &'static str,
    flag: Option<&'static str>,
    /// Whether it may run for targets that succeeded: CloudFormation finds nothing to change there.
    may_repeat: bool,
    /// Whether half as many targets run at a time.
    halves: bool,
    /// What it is for, where it does not simply try the operation again.
    purpose: Option<&'static str>,
}

/// Targets that are retried together, before their commands are made.
struct Together<'a> {
    when: When,
    code: Option<Code>,
    targets: Vec<&'a Target>,
}

/// Makes the plan and says what else to know before running it.
pub(super) fn plan(scope: &Scope<'_>) -> Retry {
    let mut notes = Notes::default();
    let entries = who_together(scope, &mut notes);
    let plan = if scope.described.action.as_deref() == Some("DETECT_DRIFT") {
        notes = Notes::default();
        let (suspended, entries): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.code == Some(Code::AccountSuspended));
        let mut plan: Vec<PlanEntry> =
            suspended.into_iter().filter_map(|entry| with_commands(scope, entry, &mut notes)).collect();
        plan.extend(detect_drift_again(scope, &entries, &mut notes));
        plan
    } else {
        entries.into_iter().filter_map(|entry| with_commands(scope, entry, &mut notes)).collect()
    };
    let commands = plan.iter().map(|entry| entry.commands.len()).sum::<usize>();
    if commands > 1 {
        notes.push("run one command after the other: a stack set takes one operation at a time");
    }
    if commands > 0 {
        if !scope.complete && scope.outcome != Outcome::InProgress {
            notes.push("the report is incomplete, so there may be more to retry than is listed");
        }
        notes.extend(where_to_run(scope));
        notes.extend(what_runs(scope));
    }
    let notes = notes.0;
    Retry { plan, omitted: 0, note: Some(notes.join(" ")).filter(|note| !note.is_empty()), notes }
}

/// Sentences for `note`, each once; they are given without their capital letter and full stop.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn extend(&mut self, sentences: impl IntoIterator<Item = String>) {
        sentences.into_iter().for_each(|sentence| self.push(sentence));
    }

    fn push(&mut self, sentence: impl Into<String>) {
        let text: String = sentence.into();
        let mut rest = text.chars();
        let sentence: String = rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).chain(['.']).collect();
        if !self.0.contains(&sentence) {
            self.0.push(sentence);
        }
    }
}

/// The targets of each cause and the cancelled ones, each target once, in the order of the plan.
fn who_together<'a>(scope: &Scope<'a>, notes: &mut Notes) -> Vec<Together<'a>> {
    let (mut nameless, mut in_suspended, mut unchanged) = (0, 0, 0);
    let mut taken: HashSet<(Option<&str>, Option<&str>)> = HashSet::new();
    // One target may be listed twice in one entry, as it moves from one organizational unit to another.
    let mut take = |targets: &mut dyn Iterator<Item = &'a Target>, is_fix: bool| {
        let mut kept: Vec<&Target> = Vec::new();
        for target in targets {
            if scope.unsettled.contains(target) || taken.contains(&(target.account(), target.region())) {
                continue;
            }
            // Nothing helps in a suspended account but to drop its stack instances.
            if !is_fix && target.account.as_ref().is_some_and(|account| scope.suspended.contains(account)) {
                in_suspended += 1;
            } else if target.is_addressable() {
                kept.push(target);
            } else {
                nameless += 1;
            }
        }
        kept.sort_unstable();
        kept.dedup();
        taken.extend(kept.iter().map(|target| (target.account(), target.region())));
        kept
    };
    let mut entries = Vec::new();
    for cause in scope.causes {
        let code = Code::ALL.iter().copied().find(|code| code.as_str() == cause.code);
        if code == Some(Code::NoChanges) {
            unchanged += cause.count;
            continue;
        }
        let is_fix = code == Some(Code::AccountSuspended);
        let helps_now = is_fix || cause.retry_helps == Some(RetryHelps::Yes);
        let targets = take(&mut cause.groups.iter().flat_map(|group| group.targets.iter()), is_fix);
        entries.push(Together { when: if helps_now { When::Now } else { When::AfterFix }, code, targets });
    }
    entries.retain(|entry| !entry.targets.is_empty());
    entries.sort_by_key(|entry| entry.when);
    // What stopped the others must be out of the way first.
    let waits = scope.outcome != Outcome::Stopped && entries.iter().any(|entry| entry.when == When::AfterFix);
    let cancelled = take(&mut scope.cancelled.iter(), false);
    let when = if waits { When::AfterFix } else { When::Now };
    entries.push(Together { when, code: None, targets: cancelled });
    entries.retain(|entry| !entry.targets.is_empty());
    if scope.outcome == Outcome::InProgress {
        entries.iter_mut().for_each(|entry| entry.when = When::WhenEnded);
    }
    for (n, which) in [
        (unchanged, "without changes"),
        (in_suspended, "of suspended accounts"),
        (nameless, "without a valid account or Region"),
    ] {
        notes.extend(left_out(n, which));
    }
    entries
}

/// `1 target ... is left out`, `2,000 targets ... are left out`.
fn left_out(n: u64, which: &str) -> Option<String> {
    let are = if n == 1 { "is" } else { "are" };
    (n > 0).then(|| format!("{} {which} {are} left out", count(n, "target", "targets")))
}

/// What the commands of an entry do; `None` where nothing can retry it.
fn verb(scope: &Scope<'_>, entry: &Together<'_>, notes: &mut Notes) -> Option<Verb> {
    let delete = |flag| Verb {
        name: "delete-stack-instances",
        flag: Some(flag),
        may_repeat: false,
        halves: false,
        purpose: None,
    };
    let action = scope.described.action.as_deref();
    let is_known = matches!(action, Some("CREATE" | "UPDATE" | "DELETE" | "DETECT_DRIFT"));
    if entry.code == Some(Code::AccountSuspended) && is_known {
        notes.push(
            "nobody can reach the stacks of suspended accounts: they are retained, and their stack instances deleted",
        );
        return Some(Verb { purpose: Some("To drop suspended accounts"), ..delete("--retain-stacks") });
    }
    let is_role = entry.code == Some(Code::ExecutionRoleNotAssumable);
    let halves = entry.code == Some(Code::Throttling);
    match (action, scope.described.retain_stacks) {
        (Some("CREATE" | "UPDATE"), _) => {
            Some(Verb { name: "update-stack-instances", flag: None, may_repeat: true, halves, purpose: None })
        }
        (Some("DELETE"), Some(true)) => Some(Verb { halves, ..delete("--retain-stacks") }),
        (Some("DELETE"), Some(false)) => {
            if is_role {
                notes.push(format!(
                    "if the account of an {} is closed, run its command with --retain-stacks in place of \
                     --no-retain-stacks",
                    Code::ExecutionRoleNotAssumable.as_str()
                ));
            }
            Some(Verb { halves, ..delete("--no-retain-stacks") })
        }
        (Some("DELETE"), None) => {
            notes.push(
                "CloudFormation does not say whether the stacks were to be retained, so there is no command to delete \
                 them again",
            );
            if is_role {
                notes.push(format!(
                    "run the command of {} only if the account is closed: it retains the stacks",
                    Code::ExecutionRoleNotAssumable.as_str()
                ));
            }
            let purpose = Some("Only if the account is closed");
            is_role.then(|| Verb { purpose, ..delete("--retain-stacks") })
        }
        (action, _) => {
            notes.push(format!("no command is known for the action {}", action.unwrap_or("(unknown)")));
            None
        }
    }
}

/// An entry with its commands; `None` where there are none.
fn with_commands(scope: &Scope<'_>, entry: Together<'_>, notes: &mut Notes) -> Option<PlanEntry> {
    let verb = verb(scope, &entry, notes)?;
    let Together { when, code, mut targets } = entry;
    if scope.service_managed {
        let all = targets.len();
        targets.retain(|target| target.organizational_unit_id().is_some_and(operation::is_organizational_unit_id));
        let unitless = (all - targets.len()) as u64;
        notes.extend(
            left_out(unitless, "without an organizational unit").map(|text| format!("{text}, the API wants one")),
        );
    }
    let mut parts = exact(&targets);
    let distinct: u64 = parts.iter().map(Part::runs).sum();
    if parts.len() > EXACT_COMMANDS && verb.may_repeat && scope.is_full_grid {
        parts = whole(&targets);
    }
    let runs: u64 = parts.iter().map(Part::runs).sum();
    (!parts.is_empty()).then(|| PlanEntry {
        when,
        causes: code.map(Code::as_str).into_iter().collect(),
        cancelled: if code.is_none() { distinct } else { 0 },
        targets: distinct,
        also_runs: runs - distinct,
        commands: parts.iter().map(|part| part.command(scope, verb)).collect(),
        purpose: verb.purpose,
    })
}

/// Drift detection takes no targets.
fn detect_drift_again(scope: &Scope<'_>, entries: &[Together<'_>], notes: &mut Notes) -> Option<PlanEntry> {
    let when = entries.iter().map(|entry| entry.when).max()?;
    notes.push("drift detection takes no targets: the command checks the whole stack set again");
    let sum = |of: &dyn Fn(&Together<'_>) -> bool| -> u64 {
        entries.iter().filter(|entry| of(entry)).map(|entry| entry.targets.len() as u64).sum()
    };
    let targets = sum(&|_| true);
    Some(PlanEntry {
        when,
        causes: entries.iter().filter_map(|entry| entry.code).map(Code::as_str).collect(),
        cancelled: sum(&|entry| entry.code.is_none()),
        targets,
        also_runs: scope.total.saturating_sub(targets),
        commands: vec![command(scope, "detect-stack-set-drift", &preferences(scope, None, u64::MAX / 100, false))],
        purpose: None,
    })
}

/// The targets of one account, in the order of their Regions.
type Account<'a, 'b> = &'b [&'a Target];

/// Accounts and Regions of one command; it runs each of the one in each of the other.
struct Part<'a, 'b> {
    regions: Vec<&'a str>,
    accounts: Vec<Account<'a, 'b>>,
}

impl Part<'_, '_> {
    /// Targets that it runs.
    fn runs(&self) -> u64 {
        (self.regions.len() * self.accounts.len()) as u64
    }

    fn command(&self, scope: &Scope<'_>, verb: Verb) -> String {
        let mut accounts: Vec<&str> = self.accounts.iter().filter_map(|account| account.first()?.account()).collect();
        accounts.sort_unstable();
        let mut words: Vec<Cow<'_, str>> = Vec::new();
        if scope.service_managed {
            let units: BTreeSet<&str> = self.accounts.iter().flat_map(|account| units_of(account)).collect();
            let units: Vec<&str> = units.into_iter().collect();
            let targets = format!(
                "Accounts={},OrganizationalUnitIds={},AccountFilterType=INTERSECTION",
                accounts.join(","),
                units.join(",")
            );
            words.extend(["--deployment-targets".into(), targets.into()]);
        } else {
            words.push("--accounts".into());
            words.extend(accounts.into_iter().map(Cow::from));
        }
        words.push("--regions".into());
        words.extend(self.regions.iter().map(|&region| Cow::from(region)));
        words.extend(verb.flag.map(Cow::from));
        words.extend(preferences(scope, Some(&self.regions), self.accounts.len() as u64, verb.halves));
        command(scope, verb.name, &words)
    }
}

/// Organizational units of one account; more than one where it has moved.
fn units_of<'a>(account: &[&'a Target]) -> impl Iterator<Item = &'a str> {
    account.iter().filter_map(|target| target.organizational_unit_id())
}

/// The targets by account; they are sorted.
fn by_account<'a, 'b>(targets: &'b [&'a Target]) -> impl Iterator<Item = Account<'a, 'b>> {
    targets.chunk_by(|a, b| a.account() == b.account())
}

/// Exactly these targets: accounts with the same set of Regions share a command. The largest comes first.
fn exact<'a, 'b>(targets: &'b [&'a Target]) -> Vec<Part<'a, 'b>> {
    let mut accounts_of: BTreeMap<Vec<&str>, Vec<Account<'_, '_>>> = BTreeMap::new();
    for account in by_account(targets) {
        let mut regions: Vec<&str> = account.iter().filter_map(|target| target.region()).collect();
        regions.dedup();
        accounts_of.entry(regions).or_default().push(account);
    }
    let mut parts: Vec<Part<'_, '_>> =
        accounts_of.into_iter().flat_map(|(regions, accounts)| requests(&regions, accounts)).collect();
    parts.sort_by_key(|part| Reverse(part.runs()));
    parts
}

/// All accounts of these targets in all their Regions.
fn whole<'a, 'b>(targets: &'b [&'a Target]) -> Vec<Part<'a, 'b>> {
    let regions: BTreeSet<&str> = targets.iter().filter_map(|target| target.region()).collect();
    requests(&regions.into_iter().collect::<Vec<_>>(), by_account(targets).collect())
}

/// Accounts cut into requests, each with at most so many of them and of their organizational units.
fn requests<'a, 'b>(regions: &[&'a str], mut accounts: Vec<Account<'a, 'b>>) -> Vec<Part<'a, 'b>> {
    // Accounts of one unit side by side: each request names as few units as it can.
    accounts.sort_by_key(|account| units_of(account).next());
    let mut parts: Vec<Part<'_, '_>> = Vec::new();
    let mut units: BTreeSet<&str> = BTreeSet::new();
    for account in accounts {
        units.extend(units_of(account));
        match parts.last_mut() {
            Some(part) if part.accounts.len() < ACCOUNTS_PER_COMMAND && units.len() <= UNITS_PER_COMMAND => {
                part.accounts.push(account);
            }
            _ => {
                units = units_of(account).collect();
                parts.push(Part { regions: regions.to_vec(), accounts: vec![account] });
            }
        }
    }
    parts
}

/// A delegated administrator's commands are refused in the management account, and the other way round.
fn where_to_run(scope: &Scope<'_>) -> Option<String> {
    let reader = scope.reader_account.filter(|_| scope.call_as == CallAs::DelegatedAdmin)?;
    Some(format!(
        "run the commands in account {reader}, the delegated administrator; in the management account replace \
         --call-as DELEGATED_ADMIN by --call-as SELF"
    ))
}

/// What a retry runs, and where it stops, where that may surprise.
fn what_runs(scope: &Scope<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let action = scope.described.action.as_deref();
    if action == Some("UPDATE") {
        notes.push("a retry runs the stack set's present template and parameters".to_owned());
    }
    let preferences = &scope.described.preferences;
    let tolerates = preferences.failure_tolerance_count.unwrap_or_default() > 0
        || preferences.failure_tolerance_percentage.unwrap_or_default() > 0;
    if !tolerates && matches!(action, Some("CREATE" | "UPDATE" | "DELETE")) {
        notes.push("the failure tolerance is 0, so that a retry stops in a Region at its first failure".to_owned());
    }
    notes
}

/// The operation's own preferences, with its Region order cut to these Regions: without them the
/// CLI would go back to a failure tolerance of zero.
///
/// A percentage that rounds down to no target at a time becomes a count of 1. `halves` asks for half as many
/// at a time.
fn preferences<'a>(scope: &Scope<'_>, regions: Option<&[&str]>, accounts: u64, halves: bool) -> Vec<Cow<'a, str>> {
    let preferences = &scope.described.preferences;
    let halved = |n: u64| if halves { (n / 2).max(1) } else { n };
    let mut concurrent = preferences.max_concurrent_count.map(halved);
    let mut percentage = preferences.max_concurrent_percentage.map(halved);
    if percentage.is_some_and(|percentage| accounts * percentage < 100) {
        (concurrent, percentage) = (Some(1), None);
    }
    let order: Vec<&str> = preferences
        .region_order
        .iter()
        .map(String::as_str)
        .filter(|region| regions.is_none_or(|regions| regions.contains(region)))
        .collect();
    let order = Some(order.join(",")).filter(|order| !order.is_empty());
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let words: Vec<String> = [
        ("RegionConcurrencyType", preferences.region_concurrency_type.clone()),
        ("RegionOrder", order),
        ("FailureToleranceCount", number(preferences.failure_tolerance_count)),
        ("FailureTolerancePercentage", number(preferences.failure_tolerance_percentage)),
        ("MaxConcurrentCount", number(concurrent)),
        ("MaxConcurrentPercentage", number(percentage)),
        ("ConcurrencyMode", preferences.concurrency_mode.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| format!("{name}={value}")))
    .collect();
    if words.is_empty() { Vec::new() } else { vec!["--operation-preferences".into(), words.join(",").into()] }
}

/// The command that stops an operation; `None` once it is stopping.
pub(super) fn stop_command(operation: &OperationRef, call_as: CallAs, described: &Operation) -> Option<String> {
    let id = ["--operation-id", &operation.operation_id];
    (described.status.as_str() != "STOPPING").then(|| cli(operation, call_as, "stop-stack-set-operation", id))
}

/// The commands that list what the report speaks of: by status where there is one, since a filter
/// spares whoever runs it a thousand pages.
pub(super) fn results_commands(
    operation: &OperationRef,
    call_as: CallAs,
    described: &Operation,
    counts: &Counts,
    gates: &AccountGate,
) -> Vec<ResultsCommand> {
    let failed = counts.failed + described.failed_expected.unwrap_or(0);
    let rest = counts.other + gates.skipped.count;
    let mut statuses = Vec::new();
    statuses.extend((failed > 0).then_some(Some("FAILED")));
    statuses.extend((counts.cancelled > 0).then_some(Some("CANCELLED")));
    statuses.extend((counts.running > 0).then_some(Some("RUNNING")));
    statuses.extend((counts.pending > 0).then_some(Some("PENDING")));
    let has_drifted = described.drift.as_ref().and_then(|drift| drift.drifted).is_some_and(|drifted| drifted > 0);
    if rest > 0 || (statuses.is_empty() && !has_drifted) {
        statuses.push(None);
    }
    let list = |status: Option<&'static str>| {
        let filter = status.map(|status| format!("Name=OPERATION_RESULT_STATUS,Values={status}"));
        let mut arguments = vec!["--operation-id", &operation.operation_id];
        arguments.extend(filter.iter().flat_map(|filter| ["--filters", filter]));
        arguments.extend(["--query", "Summaries[].[Account,Region,Status,StatusReason]", "--output", "text"]);
        ResultsCommand { status, command: cli(operation, call_as, "list-stack-set-operation-results", arguments) }
    };
    let filters = [
        "--filters",
        "Name=DRIFT_STATUS,Values=DRIFTED",
        "--query",
        "Summaries[].[Account,Region,DriftStatus,StackId]",
        "--output",
        "text",
    ];
    let drifted = has_drifted.then(|| ResultsCommand {
        status: Some("DRIFTED"),
        command: cli(operation, call_as, "list-stack-instances", filters),
    });
    statuses.into_iter().map(list).chain(drifted).collect()
}

/// The command that shows who stopped an operation, between its start and its end.
///
/// CloudTrail keeps events of 90 days without a trail
/// ([LookupEvents](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html)).
pub(super) fn stopped_by_command(operation: &OperationRef, described: &Operation) -> String {
    let mut line = "aws cloudtrail lookup-events --lookup-attributes \
                    AttributeKey=EventName,AttributeValue=StopStackSetOperation"
        .to_owned();
    let mut add = |word: &str, value: &str| {
        line.push_str(&format!(" {word} {}", quote(value)));
    };
    for (word, time) in [("--start-time", described.started_at), ("--end-time", described.ended_at)] {
        time.and_then(rfc3339).iter().for_each(|time| add(word, time));
    }
    add("--query", &format!("Events[?contains(CloudTrailEvent, '{}')].[EventTime,Username]", operation.operation_id));
    add("--output", "text");
    if !operation.stack_set.region.is_empty() {
        add("--region", &operation.stack_set.region);
    }
    line
}

fn command(scope: &Scope<'_>, verb: &str, arguments: &[Cow<'_, str>]) -> String {
    cli(scope.operation, scope.call_as, verb, arguments.iter().map(AsRef::as_ref))
}

fn cli<'a>(
    operation: &OperationRef,
    call_as: CallAs,
    verb: &str,
    arguments: impl IntoIterator<Item = &'a str>,
) -> String {
    let name = operation.stack_set.api_name();
    let mut line = format!("aws cloudformation {verb} --stack-set-name {}", quote(&name));
    let mut add = |word: &str| {
        line.push(' ');
        line.push_str(&quote(word));
    };
    arguments.into_iter().for_each(&mut add);
    ["--call-as", call_as.as_str()].into_iter().for_each(&mut add);
    if !operation.stack_set.region.is_empty() {
        ["--region", &operation.stack_set.region].into_iter().for_each(&mut add);
    }
    line
}

/// Quotes a word for a POSIX shell where it needs it.
pub(super) fn quote(word: &str) -> Cow<'_, str> {
    // No argument of a process can hold a NUL, so there is nothing to keep.
    shlex::try_quote(word).unwrap_or_else(|_| shlex::try_quote("").unwrap_or_default())
}
