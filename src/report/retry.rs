//! The AWS CLI commands that try again exactly what failed or was cancelled.
//!
//! The CLI takes accounts times Regions, so targets are partitioned by their set of Regions.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::document::{AccountGate, Cause, Counts, Outcome, ResultsCommand, Retry, Target};
use crate::classify::Code;
use crate::numbers::{count, number};
use crate::operation::{self, CallAs, Operation, OperationRef};

/// Accounts in one command: more is hard to handle, and a message holds whole commands only.
const ACCOUNTS_PER_COMMAND: usize = 200;

/// Organizational units in one request
/// ([UpdateStackInstances](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackInstances.html)).
const UNITS_PER_COMMAND: usize = 50;

/// Who stops an operation means to: nothing is retried before that is known.
const STOPPED: &str = "somebody stopped the operation; find out why first (CloudTrail: StopStackSetOperation)";

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
    /// Accounts that some row shows to be suspended.
    pub(super) suspended: &'a HashSet<String>,
}

/// Targets to try again.
#[derive(Default)]
struct Again<'a> {
    /// Those for which an unchanged retry helps at once.
    now: Vec<&'a Target>,
    /// Those for the time after a fix, after a look at why somebody stopped the operation, or after
    /// its end.
    later: Vec<&'a Target>,
}

/// Makes the commands and says what must come before them.
pub(super) fn plan(scope: &Scope<'_>) -> Retry {
    let mut notes = Notes::default();
    let again = targets_to_retry(scope, &mut notes);
    let (now, later) = match scope.described.action.as_deref() {
        _ if again.now.is_empty() && again.later.is_empty() => Default::default(),
        Some("CREATE" | "UPDATE") => both(scope, "update-stack-instances", None, again, &mut notes),
        Some("DELETE") => match scope.described.retain_stacks {
            Some(retain) => {
                let flag = if retain { "--retain-stacks" } else { "--no-retain-stacks" };
                both(scope, "delete-stack-instances", Some(flag), again, &mut notes)
            }
            None => {
                notes.push(
                    "CloudFormation does not say whether the stacks were to be retained, so there is no command to \
                     delete them again",
                );
                Default::default()
            }
        },
        Some("DETECT_DRIFT") => {
            // What was said of single targets does not matter then.
            notes = Notes::default();
            notes.push("drift detection takes no targets: the command checks the whole stack set again");
            let whole_set = vec![command(scope, "detect-stack-set-drift", &preferences(scope, None, u64::MAX / 100))];
            if again.later.is_empty() { (whole_set, Vec::new()) } else { (Vec::new(), whole_set) }
        }
        action => {
            notes.push(format!("no command is known for the action {}", action.unwrap_or("(unknown)")));
            Default::default()
        }
    };
    let mut later = later;
    later.extend(without_their_stacks(scope, &mut notes));
    if scope.outcome == Outcome::Stopped && now.len() + later.len() > 0 {
        notes.0.insert(0, STOPPED.to_owned());
    }
    if now.len() + later.len() > 1 {
        notes.push("run one command after the other: a stack set takes one operation at a time");
    }
    if scope.outcome == Outcome::InProgress && now.len() + later.len() > 0 {
        notes.push("wait until the operation has ended");
    } else if !scope.complete && now.len() + later.len() > 0 {
        notes.push("the report is incomplete, so there may be more to retry than is listed");
    }
    if now.len() + later.len() > 0 {
        notes.extend(where_to_run(scope));
        notes.extend(what_runs(scope));
    }
    Retry {
        commands_ready: now.len() as u64,
        commands: now.into_iter().chain(later).collect(),
        commands_omitted: 0,
        note: notes.finish(),
    }
}

/// The commands that drop the stack instances of closed accounts and keep their stacks: nothing else helps there.
fn without_their_stacks(scope: &Scope<'_>, notes: &mut Notes) -> Vec<String> {
    let is_delete = scope.described.action.as_deref() == Some("DELETE");
    let of = |code: Code| {
        let causes = scope.causes.iter().filter(move |cause| cause.code == code.as_str());
        causes.flat_map(|cause| cause.groups.iter().flat_map(|group| group.targets.iter()))
    };
    let mut targets: Vec<&Target> = of(Code::AccountSuspended).collect();
    let mut reason = "the last commands delete the stack instances of suspended accounts and retain their stacks";
    if is_delete {
        let unreachable: Vec<&Target> = of(Code::ExecutionRoleNotAssumable).collect();
        if !unreachable.is_empty() {
            reason = "if the account is closed, run the last commands instead: they retain the stacks";
            targets.extend(unreachable);
        }
    }
    targets.retain(|target| target.is_addressable() && !scope.unsettled.contains(*target));
    if targets.is_empty() {
        return Vec::new();
    }
    notes.push(reason);
    per_region_set(scope, "delete-stack-instances", Some("--retain-stacks"), targets, &mut 0)
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

/// The commands for now and for later.
fn both(
    scope: &Scope<'_>,
    verb: &str,
    flag: Option<&str>,
    again: Again<'_>,
    notes: &mut Notes,
) -> (Vec<String>, Vec<String>) {
    let mut unitless: u64 = 0;
    let mut of = |targets| per_region_set(scope, verb, flag, targets, &mut unitless);
    let commands = (of(again.now), of(again.later));
    if unitless > 0 {
        let left_out = left_out(unitless, "without an organizational unit");
        notes.push(format!("{left_out}, the API wants one"));
    }
    commands
}

/// The operation's own preferences, with its Region order cut to these Regions: without them the
/// CLI would go back to a failure tolerance of zero.
///
/// A percentage that rounds down to no target at a time becomes a count of 1. A retry of what was
/// throttled runs half as many at a time.
fn preferences<'a>(scope: &Scope<'_>, regions: Option<&[&str]>, accounts: u64) -> Vec<Cow<'a, str>> {
    let preferences = &scope.described.preferences;
    let throttled = scope.causes.iter().any(|cause| cause.code == Code::Throttling.as_str());
    let halved = |n: u64| if throttled { (n / 2).max(1) } else { n };
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

/// Sentences for `note`.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn extend(&mut self, sentences: impl IntoIterator<Item = String>) {
        self.0.extend(sentences);
    }

    fn push(&mut self, sentence: impl Into<String>) {
        self.0.push(sentence.into());
    }

    fn finish(self) -> Option<String> {
        Some(self.0.join("; ")).filter(|note| !note.is_empty())
    }
}

fn targets_to_retry<'a>(scope: &Scope<'a>, notes: &mut Notes) -> Again<'a> {
    let mut again = Again::default();
    let mut nameless: u64 = 0;
    let mut in_suspended: u64 = 0;
    let mut unchanged: u64 = 0;
    let mut add = |list: &mut Vec<&'a Target>, target: &'a Target| {
        // The fix for a suspended account is to drop its stack instances: the same operation on
        // them makes no sense, now or later.
        if target.account.as_ref().is_some_and(|account| scope.suspended.contains(account)) {
            in_suspended += 1;
        } else if target.is_addressable() {
            list.push(target);
        } else {
            nameless += 1;
        }
    };
    let waits = matches!(scope.outcome, Outcome::Stopped | Outcome::InProgress);
    let (mut fix_first, mut look_first, mut not_known) = (Vec::new(), Vec::new(), Vec::new());
    for cause in scope.causes {
        // A target without changes did not fail.
        if cause.code == Code::NoChanges.as_str() {
            unchanged += cause.count;
            continue;
        }
        let named = format!("{} ({})", cause.code, number(cause.count));
        match cause.retry_helps {
            Some("yes") => {}
            Some("no") if cause.code == Code::AccountSuspended.as_str() => {}
            Some("no") => fix_first.push(named),
            Some(_) => look_first.push(named),
            None => not_known.push(named),
        }
        let list = if cause.retry_helps == Some("yes") && !waits { &mut again.now } else { &mut again.later };
        let targets = cause.groups.iter().flat_map(|group| group.targets.iter());
        targets.filter(|target| !scope.unsettled.contains(*target)).for_each(|target| add(list, target));
    }
    // What stopped the others must be out of the way first.
    let after_others = !again.later.is_empty();
    let list = if after_others || waits { &mut again.later } else { &mut again.now };
    let before = list.len();
    scope.cancelled.iter().for_each(|target| add(list, target));
    let with_them = (list.len() - before) as u64;
    for list in [&mut again.now, &mut again.later] {
        list.sort_unstable();
        list.dedup();
    }
    for (what, causes) in [
        ("fix first, a retry alone does not help", fix_first),
        ("look first, a retry may help", look_first),
        ("whether a retry helps is not known", not_known),
    ] {
        if !causes.is_empty() {
            notes.push(format!("{what}: {}", causes.join(", ")));
        }
    }
    if !notes.0.is_empty() && after_others && with_them > 0 {
        let come = if with_them == 1 { "comes" } else { "come" };
        notes.push(format!("{} {come} with them", count(with_them, "cancelled target", "cancelled targets")));
    }
    if unchanged > 0 {
        notes.push(left_out(unchanged, "without changes"));
    }
    if in_suspended > 0 {
        notes.push(left_out(in_suspended, "of suspended accounts"));
    }
    if nameless > 0 {
        notes.push(left_out(nameless, "without a valid account or Region"));
    }
    again
}

/// `1 target ... is left out`, `2,000 targets ... are left out`.
fn left_out(n: u64, which: &str) -> String {
    format!("{} {which} {} left out", count(n, "target", "targets"), if n == 1 { "is" } else { "are" })
}

/// An account and its organizational unit.
fn account_of(target: &Target) -> (Option<&str>, Option<&str>) {
    (target.account(), target.organizational_unit_id())
}

fn per_region_set(
    scope: &Scope<'_>,
    verb: &str,
    flag: Option<&str>,
    mut again: Vec<&Target>,
    unitless: &mut u64,
) -> Vec<String> {
    // All have an account and a Region: `targets_to_retry` leaves the others out. They are sorted and cut, not
    // collected into sets: those would take more memory than the report itself.
    again.sort_unstable_by(|a, b| account_of(a).cmp(&account_of(b)).then_with(|| a.region().cmp(&b.region())));
    let mut accounts_of: BTreeMap<Vec<&str>, Vec<&Target>> = BTreeMap::new();
    let mut regions: Vec<&str> = Vec::new();
    for targets in again.chunk_by(|a, b| account_of(a) == account_of(b)) {
        let Some(first) = targets.first() else { continue };
        regions.clear();
        regions.extend(targets.iter().filter_map(|target| target.region()));
        regions.dedup();
        if scope.service_managed && !first.organizational_unit_id().is_some_and(operation::is_organizational_unit_id) {
            *unitless += regions.len() as u64;
            continue;
        }
        match accounts_of.get_mut(regions.as_slice()) {
            Some(accounts) => accounts.push(first),
            None => drop(accounts_of.insert(regions.clone(), vec![first])),
        }
    }
    let mut parts: Vec<(&[&str], &[&Target])> = accounts_of
        .iter()
        .flat_map(|(regions, accounts)| requests(accounts).into_iter().map(move |part| (regions.as_slice(), part)))
        .collect();
    parts.sort_by_key(|(regions, accounts)| Reverse(regions.len() * accounts.len()));
    parts.into_iter().map(|(regions, accounts)| part(scope, verb, flag, regions, accounts)).collect()
}

/// Accounts cut into requests, each with at most so many of them and of their organizational units.
fn requests<'a, 'b>(accounts: &'b [&'a Target]) -> Vec<&'b [&'a Target]> {
    let mut parts = Vec::new();
    let mut rest = accounts;
    while !rest.is_empty() {
        let mut units: BTreeSet<&str> = BTreeSet::new();
        let mut fits = 0;
        for target in rest.iter().take(ACCOUNTS_PER_COMMAND) {
            units.extend(target.organizational_unit_id());
            if units.len() > UNITS_PER_COMMAND {
                break;
            }
            fits += 1;
        }
        let (part, after) = rest.split_at(fits.max(1));
        parts.push(part);
        rest = after;
    }
    parts
}

fn part(scope: &Scope<'_>, verb: &str, flag: Option<&str>, regions: &[&str], accounts: &[&Target]) -> String {
    // An account may be there twice, once in each of two organizational units.
    let names: BTreeSet<&str> = accounts.iter().filter_map(|target| target.account()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let count_of_names = names.len() as u64;
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    if scope.service_managed {
        let units: BTreeSet<&str> = accounts.iter().filter_map(|target| target.organizational_unit_id()).collect();
        let units: Vec<&str> = units.into_iter().collect();
        let targets = format!(
            "Accounts={},OrganizationalUnitIds={},AccountFilterType=INTERSECTION",
            names.join(","),
            units.join(",")
        );
        words.extend(["--deployment-targets".into(), targets.into()]);
    } else {
        words.push("--accounts".into());
        words.extend(names.into_iter().map(Cow::from));
    }
    words.push("--regions".into());
    words.extend(regions.iter().map(|&region| Cow::from(region)));
    words.extend(flag.map(Cow::from));
    words.extend(preferences(scope, Some(regions), count_of_names));
    command(scope, verb, &words)
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
    let rest = counts.running + counts.pending + counts.other + gates.skipped.count;
    let mut statuses = Vec::new();
    statuses.extend((failed > 0).then_some(Some("FAILED")));
    statuses.extend((counts.cancelled > 0).then_some(Some("CANCELLED")));
    if rest > 0 || statuses.is_empty() {
        statuses.push(None);
    }
    let list = |status: Option<&'static str>| {
        let filter = status.map(|status| format!("Name=OPERATION_RESULT_STATUS,Values={status}"));
        let mut arguments = vec!["--operation-id", &operation.operation_id];
        arguments.extend(filter.iter().flat_map(|filter| ["--filters", filter]));
        ResultsCommand { status, command: cli(operation, call_as, "list-stack-set-operation-results", arguments) }
    };
    let drifted = described.drift.as_ref().and_then(|drift| drift.drifted).is_some_and(|drifted| drifted > 0);
    let filters = ["--filters", "Name=DRIFT_STATUS,Values=DRIFTED"];
    let drifted = drifted.then(|| ResultsCommand {
        status: Some("DRIFTED"),
        command: cli(operation, call_as, "list-stack-instances", filters),
    });
    statuses.into_iter().map(list).chain(drifted).collect()
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
fn quote(word: &str) -> Cow<'_, str> {
    // No argument of a process can hold a NUL, so there is nothing to keep.
    shlex::try_quote(word).unwrap_or_else(|_| shlex::try_quote("").unwrap_or_default())
}
