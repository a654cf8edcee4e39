//! The AWS CLI commands that try again exactly what failed or was cancelled.
//!
//! The CLI takes accounts times Regions, so targets are partitioned by their set of Regions.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::document::{Cause, Outcome, Retry, Target};
use crate::classify::Code;
use crate::operation::{CallAs, Operation, OperationRef};

/// Accounts in one command: more is hard to handle, and a message holds whole commands only.
const ACCOUNTS_PER_COMMAND: usize = 200;

/// What the plan is made from.
pub(super) struct Scope<'a> {
    pub(super) operation: &'a OperationRef,
    pub(super) call_as: CallAs,
    pub(super) described: &'a Operation,
    pub(super) outcome: Outcome,
    pub(super) service_managed: bool,
    pub(super) causes: &'a [Cause],
    pub(super) cancelled: &'a [Target],
    /// Targets of `causes` that have not failed yet.
    pub(super) unsettled: &'a HashSet<Target>,
}

/// Makes the commands and says what must come before them.
pub(super) fn plan(scope: &Scope<'_>) -> Retry {
    let mut notes = Notes::default();
    let again = targets_to_retry(scope, &mut notes);
    if again.is_empty() && notes.0.is_empty() {
        return Retry::default();
    }
    let commands = match (scope.described.action.as_deref(), again.is_empty()) {
        (_, true) => Vec::new(),
        (Some("CREATE" | "UPDATE"), _) => per_region_set(scope, "update-stack-instances", None, &again, &mut notes),
        (Some("DELETE"), _) => match scope.described.retain_stacks {
            Some(retain) => {
                let flag = if retain { "--retain-stacks" } else { "--no-retain-stacks" };
                per_region_set(scope, "delete-stack-instances", Some(flag), &again, &mut notes)
            }
            None => {
                notes.push("CloudFormation does not tell whether the stacks were to be retained, so there is no command to delete them again");
                Vec::new()
            }
        },
        (Some("DETECT_DRIFT"), _) => vec![command(scope, "detect-stack-set-drift", &[])],
        (action, _) => {
            notes.push(format!("no command is known for the action {}", action.unwrap_or("(not told)")));
            Vec::new()
        }
    };
    if scope.outcome == Outcome::InProgress && !commands.is_empty() {
        notes.push("wait until the operation has ended");
    }
    Retry { commands, commands_omitted: 0, note: notes.finish() }
}

/// Sentences for `note`.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn push(&mut self, sentence: impl Into<String>) {
        self.0.push(sentence.into());
    }

    fn finish(self) -> Option<String> {
        Some(self.0.join("; ")).filter(|note| !note.is_empty())
    }
}

fn targets_to_retry<'a>(scope: &Scope<'a>, notes: &mut Notes) -> BTreeSet<&'a Target> {
    let mut again: Vec<&Target> = scope.cancelled.iter().collect();
    let mut fix_first = Vec::new();
    for cause in scope.causes {
        // The fix for a suspended account is to drop its stack instances, and a target without
        // changes did not fail: the same operation on them makes no sense, now or later.
        if cause.code == Code::AccountSuspended.as_str() {
            let what =
                if cause.count == 1 { "target in a suspended account is" } else { "targets in suspended accounts are" };
            notes.push(format!("{} {what} left out", cause.count));
            continue;
        }
        if cause.code == Code::NoChanges.as_str() {
            continue;
        }
        if cause.retry_helps == Some("no") {
            fix_first.push(format!("{} ({})", cause.code, cause.count));
        }
        let targets = cause.groups.iter().flat_map(|group| group.targets.iter());
        again.extend(targets.filter(|target| !scope.unsettled.contains(*target)));
    }
    if !fix_first.is_empty() {
        notes.0.insert(0, format!("fix first, a retry alone does not help: {}", fix_first.join(", ")));
    }
    let named = again.len();
    again.retain(|target| target.account.is_some() && target.region.is_some());
    if again.len() < named {
        let (subject, are_left_out) = targets(named - again.len());
        notes.push(format!("{subject} without an account or Region {are_left_out}"));
    }
    again.into_iter().collect()
}

/// `1 target`, `is left out`; `2 targets`, `are left out`.
fn targets(n: usize) -> (String, &'static str) {
    if n == 1 { ("1 target".to_owned(), "is left out") } else { (format!("{n} targets"), "are left out") }
}

/// An account and its organizational unit.
type Account<'a> = (&'a str, Option<&'a str>);

fn per_region_set(
    scope: &Scope<'_>,
    verb: &str,
    flag: Option<&str>,
    again: &BTreeSet<&Target>,
    notes: &mut Notes,
) -> Vec<String> {
    let mut regions_of: BTreeMap<Account<'_>, BTreeSet<&str>> = BTreeMap::new();
    for target in again {
        if let (Some(account), Some(region)) = (&target.account, &target.region) {
            let unit = target.organizational_unit_id.as_deref();
            regions_of.entry((account, unit)).or_default().insert(region);
        }
    }
    let mut unitless = 0;
    let mut accounts_of: BTreeMap<BTreeSet<&str>, Vec<Account<'_>>> = BTreeMap::new();
    for ((account, unit), regions) in regions_of {
        if scope.service_managed && unit.is_none() {
            unitless += regions.len();
            continue;
        }
        accounts_of.entry(regions).or_default().push((account, unit));
    }
    if unitless > 0 {
        let (subject, are_left_out) = targets(unitless);
        notes.push(format!("{subject} without an organizational unit {are_left_out}, the API wants one"));
    }
    let mut parts: Vec<(&BTreeSet<&str>, &[Account<'_>])> = accounts_of
        .iter()
        .flat_map(|(regions, accounts)| accounts.chunks(ACCOUNTS_PER_COMMAND).map(move |chunk| (regions, chunk)))
        .collect();
    parts.sort_by_key(|(regions, accounts)| Reverse(regions.len() * accounts.len()));
    if parts.len() > 1 {
        notes.push("run one command after the other: a stack set takes one operation at a time");
    }
    parts.into_iter().map(|(regions, accounts)| part(scope, verb, flag, regions, accounts)).collect()
}

fn part(
    scope: &Scope<'_>,
    verb: &str,
    flag: Option<&str>,
    regions: &BTreeSet<&str>,
    accounts: &[Account<'_>],
) -> String {
    let names: Vec<&str> = accounts.iter().map(|(account, _)| *account).collect();
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    if scope.service_managed {
        let units: BTreeSet<&str> = accounts.iter().filter_map(|(_, unit)| *unit).collect();
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
    command(scope, verb, &words)
}

/// The command that lists every failed target with its reason.
pub(super) fn list_failed(operation: &OperationRef, call_as: CallAs) -> String {
    let arguments =
        ["--operation-id", &operation.operation_id, "--filters", "Name=OPERATION_RESULT_STATUS,Values=FAILED"];
    cli(operation, call_as, "list-stack-set-operation-results", arguments)
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
