//! Rows -> the report: counts, causes, account gates, completeness.
//!
//! [`Fold`] takes rows as pages arrive and keeps successes as numbers only; [`Fold::finish`] makes
//! the [`Report`], whose JSON form is the public document. The same rows in another order give the
//! same report.

mod document;
mod retry;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

pub use document::{
    AccountGate, Cause, Collateral, CollateralReason, Completeness, Counts, DriftSummary, Group, GroupsOmitted,
    OperationSummary, OrganizationalUnitSummary, OrganizationalUnitsOmitted, Outcome, RegionSummary, Report, Resource,
    Retry, SCHEMA_VERSION, StackSetSummary, Target, Ungated,
};

use crate::classify::{self, Code, GateMeaning};
use crate::operation::{CallAs, Operation, OperationRef, OperationStatus, ResultStatus, TargetResult};

/// Ungated targets that are kept by name; more are only counted. No message can list more, and an
/// organization without gates would otherwise make memory grow with every success.
const UNGATED_KEPT: usize = 4096;

/// Sums of one Region or organizational unit.
#[derive(Debug, Default)]
struct Tally {
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    other: u64,
}

impl Tally {
    fn count(&mut self, status: Option<&ResultStatus>) {
        let field = match status {
            Some(ResultStatus::Succeeded) => &mut self.succeeded,
            Some(ResultStatus::Failed) => &mut self.failed,
            Some(ResultStatus::Cancelled) => &mut self.cancelled,
            _ => &mut self.other,
        };
        *field += 1;
    }
}

/// Rows with one cause and one masked text.
#[derive(Debug)]
struct GroupFold {
    /// The text of the first target in order, so that the order of arrival does not matter.
    sample: Option<(Target, String)>,
    targets: Vec<Target>,
}

/// What a text says, known by its masked form: texts of one form all say the same.
#[derive(Debug, Default)]
struct Sayings(HashMap<Arc<str>, Code>);

impl Sayings {
    /// The masked text and its code. Masking is cheap, classifying is not: rows that differ in ids only
    /// are classified once.
    fn of(&mut self, text: &str) -> (Arc<str>, Code) {
        let pattern = classify::mask(text);
        if let Some((known, code)) = self.0.get_key_value(pattern.as_str()) {
            return (Arc::clone(known), *code);
        }
        let (pattern, code) = (Arc::<str>::from(pattern), classify::classify_text(text).code);
        self.0.insert(Arc::clone(&pattern), code);
        (pattern, code)
    }
}

/// Rows folded so far.
#[derive(Debug, Default)]
pub struct Fold {
    names: HashSet<Arc<str>>,
    sayings: Sayings,
    counts: Counts,
    by_region: BTreeMap<Option<Arc<str>>, Tally>,
    by_unit: BTreeMap<Option<Arc<str>>, Tally>,
    gates: AccountGate,
    ungated: BTreeSet<Target>,
    groups: HashMap<(Code, Option<Arc<str>>), GroupFold>,
    tolerance_exceeded: u64,
    stopped: u64,
    cancelled: Vec<Target>,
    collateral_reasons: BTreeMap<Option<Arc<str>>, (Target, Option<String>, u64)>,
}

/// What the operator says of account gates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExpectGate {
    /// Gates are in use if at least one answered.
    #[default]
    Auto,
    /// Gates are in use.
    Always,
    /// Gates are not in use.
    Never,
}

impl Fold {
    /// An empty fold.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one row in.
    pub fn add(&mut self, row: TargetResult) {
        let target = Target {
            account: self.intern(row.account.as_deref()),
            region: self.intern(row.region.as_deref()),
            organizational_unit_id: self.intern(row.organizational_unit_id.as_deref()),
        };
        self.counts.count(row.status.as_ref());
        self.by_region.entry(target.region.clone()).or_default().count(row.status.as_ref());
        self.by_unit.entry(target.organizational_unit_id.clone()).or_default().count(row.status.as_ref());
        let gate = classify::gate_meaning_by(&row, |text| self.sayings.of(text).1);
        self.add_gate(gate, &target);
        if row.status == Some(ResultStatus::Succeeded) {
            return;
        }
        let (pattern, said) = classify::reason(&row).map(|text| self.sayings.of(text)).unzip();
        let code = classify::decide(&row, said, gate);
        match (&row.status, code) {
            (Some(ResultStatus::Cancelled), code) => self.add_collateral(row.reason, pattern, code, target),
            (_, Some(code)) => self.add_cause(row.reason, pattern, code, target),
            (_, None) => {}
        }
    }

    fn intern(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        let text = text?;
        if let Some(known) = self.names.get(text) {
            return Some(Arc::clone(known));
        }
        let fresh: Arc<str> = Arc::from(text);
        self.names.insert(Arc::clone(&fresh));
        Some(fresh)
    }

    fn add_gate(&mut self, meaning: GateMeaning, target: &Target) {
        if matches!(meaning, GateMeaning::NotConfigured | GateMeaning::NotInvokable) {
            self.gates.ungated.count += 1;
            self.ungated.insert(target.clone());
            if self.ungated.len() > UNGATED_KEPT {
                self.ungated.pop_last();
            }
        }
        let gates = &mut self.gates;
        let field = match meaning {
            GateMeaning::Passed => &mut gates.passed,
            GateMeaning::Refused => &mut gates.refused,
            GateMeaning::NotConfigured => &mut gates.not_configured,
            GateMeaning::NotInvokable => &mut gates.not_invokable,
            GateMeaning::NoAction => &mut gates.no_action,
            GateMeaning::NotReached => &mut gates.not_reached,
            GateMeaning::Absent => &mut gates.absent,
            GateMeaning::Unrecognized => &mut gates.unrecognized,
        };
        *field += 1;
    }

    fn add_cause(&mut self, text: Option<String>, pattern: Option<Arc<str>>, code: Code, target: Target) {
        let group =
            self.groups.entry((code, pattern)).or_insert_with(|| GroupFold { sample: None, targets: Vec::new() });
        if let Some(text) = text {
            let first = group.sample.as_ref().is_none_or(|known| (&target, &text) < (&known.0, &known.1));
            if first {
                group.sample = Some((target.clone(), text));
            }
        }
        group.targets.push(target);
    }

    fn add_collateral(&mut self, text: Option<String>, pattern: Option<Arc<str>>, code: Option<Code>, target: Target) {
        match code {
            Some(Code::FailureToleranceExceeded) => self.tolerance_exceeded += 1,
            Some(Code::OperationStopped) => self.stopped += 1,
            _ => {
                let entry = self.collateral_reasons.entry(pattern).or_insert_with(|| (target.clone(), text.clone(), 0));
                entry.2 += 1;
                if (&target, &text) < (&entry.0, &entry.1) {
                    entry.0 = target.clone();
                    entry.1 = text;
                }
            }
        }
        self.cancelled.push(target);
    }

    /// Makes the report of everything taken in.
    pub fn finish(self, about: &About<'_>) -> Report {
        let About { operation: named, call_as, described, expect_gate, .. } = about;
        let outcome = outcome(described, &self.counts);
        let completeness = completeness(described, &self.counts, about.unread);
        let mut gates = self.gates;
        let gates_in_use = match expect_gate {
            ExpectGate::Always => true,
            ExpectGate::Never => false,
            ExpectGate::Auto => gates.passed + gates.refused > 0,
        };
        if gates_in_use {
            gates.ungated.targets_omitted = gates.ungated.count - self.ungated.len() as u64;
            gates.ungated.targets = self.ungated.into_iter().collect();
        } else {
            gates.ungated = Ungated::default();
        }
        let mut cancelled = self.cancelled;
        cancelled.sort();
        let reasons = collateral_reasons(self.collateral_reasons);
        let service_managed = !described.organizational_units.is_empty() || self.by_unit.keys().any(Option::is_some);
        let causes = causes(self.groups, service_managed);
        let retry = retry::plan(&retry::Scope {
            operation: named,
            call_as: *call_as,
            described,
            outcome,
            service_managed,
            causes: &causes,
            cancelled: &cancelled,
        });
        Report {
            schema_version: SCHEMA_VERSION,
            stack_set: StackSetSummary {
                name: named.stack_set.name.clone(),
                id: named.stack_set.id.clone(),
                account: named.stack_set.account.clone(),
                region: Some(named.stack_set.region.clone()).filter(|region| !region.is_empty()),
            },
            operation: OperationSummary {
                id: named.operation_id.clone(),
                action: described.action.clone(),
                status: Some(described.status.as_str().to_owned()).filter(|status| !status.is_empty()),
                status_reason: described.status_reason.clone(),
                started_at: described.started_at.and_then(document::rfc3339),
                ended_at: described.ended_at.and_then(document::rfc3339),
                duration_seconds: described
                    .ended_at
                    .zip(described.started_at)
                    .and_then(|(end, start)| u64::try_from(end.checked_sub(start)?).ok()),
                console_url: document::console_url(named, service_managed),
                results_command: retry::list_failed(named, *call_as),
            },
            outcome,
            completeness,
            counts: self.counts,
            causes,
            collateral: Collateral {
                failure_tolerance_exceeded: self.tolerance_exceeded,
                operation_stopped: self.stopped,
                other: reasons.iter().map(|reason| reason.count).sum(),
                reasons,
                reasons_omitted: GroupsOmitted::default(),
                targets: cancelled.into(),
                targets_omitted: 0,
            },
            account_gate: gates,
            drift: described.drift.as_ref().filter(|_| described.action.as_deref() == Some("DETECT_DRIFT")).map(
                |drift| DriftSummary {
                    status: drift.status.clone(),
                    drifted: drift.drifted,
                    in_sync: drift.in_sync,
                    in_progress: drift.in_progress,
                    failed: drift.failed,
                    total: drift.total,
                },
            ),
            by_region: self
                .by_region
                .into_iter()
                .map(|(region, tally)| RegionSummary {
                    region,
                    succeeded: tally.succeeded,
                    failed: tally.failed,
                    cancelled: tally.cancelled,
                    other: tally.other,
                })
                .collect(),
            by_organizational_unit: self
                .by_unit
                .into_iter()
                .map(|(organizational_unit_id, tally)| OrganizationalUnitSummary {
                    organizational_unit_id,
                    succeeded: tally.succeeded,
                    failed: tally.failed,
                    cancelled: tally.cancelled,
                    other: tally.other,
                })
                .collect(),
            by_organizational_unit_omitted: OrganizationalUnitsOmitted::default(),
            retry,
        }
    }
}

/// What the rows belong to.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The operation, by name.
    pub operation: &'a OperationRef,
    /// Capacity it was read in; the retry needs the same.
    pub call_as: CallAs,
    /// The operation, as CloudFormation describes it.
    pub described: &'a Operation,
    /// What the operator says of account gates.
    pub expect_gate: ExpectGate,
    /// Why the rows are known not to be all, if they are not.
    pub unread: Option<&'a str>,
}

fn outcome(described: &Operation, counts: &Counts) -> Outcome {
    match described.status {
        OperationStatus::Failed => Outcome::Failed,
        OperationStatus::Stopped => Outcome::Stopped,
        // The status only says that the failure tolerance was not exceeded.
        OperationStatus::Succeeded if counts.failed + counts.cancelled + described.failed_expected.unwrap_or(0) > 0 => {
            Outcome::SucceededWithFailures
        }
        OperationStatus::Succeeded => Outcome::Succeeded,
        _ => Outcome::InProgress,
    }
}

fn completeness(described: &Operation, counts: &Counts, unread: Option<&str>) -> Completeness {
    let mut why: Vec<String> = unread.map(str::to_owned).into_iter().collect();
    let unsettled = counts.running + counts.pending;
    if !described.status.is_terminal() {
        why.push(format!("the operation has not ended, its status is {}", described.status.as_str()));
    } else if unsettled > 0 {
        why.push(format!("the operation ended, but of its targets {unsettled} did not: they are RUNNING or PENDING"));
    }
    if let Some(expected) = described.failed_expected.filter(|&expected| expected != counts.failed) {
        why.push(format!("CloudFormation counts {expected} failed targets, {} are listed", counts.failed));
    }
    Completeness {
        complete: why.is_empty(),
        reason: Some(why.join("; ")).filter(|why| !why.is_empty()),
        results_read: counts.total,
        failed_expected: described.failed_expected,
    }
}

fn collateral_reasons(reasons: BTreeMap<Option<Arc<str>>, (Target, Option<String>, u64)>) -> Vec<CollateralReason> {
    let mut list: Vec<CollateralReason> = reasons
        .into_iter()
        .map(|(pattern, (_, sample, count))| CollateralReason { pattern: pattern.map(text), sample, count })
        .collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.pattern.cmp(&b.pattern)));
    list
}

/// A group by its masked text.
type Patterned = (Option<Arc<str>>, GroupFold);

fn text(shared: Arc<str>) -> String {
    shared.as_ref().to_owned()
}

fn causes(groups: HashMap<(Code, Option<Arc<str>>), GroupFold>, service_managed: bool) -> Vec<Cause> {
    let mut by_code: BTreeMap<Code, Vec<Patterned>> = BTreeMap::new();
    for ((code, pattern), group) in groups {
        by_code.entry(code).or_default().push((pattern, group));
    }
    let mut causes: Vec<Cause> =
        by_code.into_iter().map(|(code, groups)| cause(code, groups, service_managed)).collect();
    causes.sort_by(|a, b| b.accounts.cmp(&a.accounts).then(b.count.cmp(&a.count)).then_with(|| a.code.cmp(b.code)));
    causes
}

fn cause(code: Code, mut groups: Vec<Patterned>, service_managed: bool) -> Cause {
    groups.sort_by(|a, b| b.1.targets.len().cmp(&a.1.targets.len()).then_with(|| a.0.cmp(&b.0)));
    let targets = || groups.iter().flat_map(|(_, group)| &group.targets);
    let accounts = targets().filter_map(|target| target.account.as_ref()).collect::<HashSet<_>>().len() as u64;
    let regions = targets().filter_map(|target| target.region.as_ref()).collect::<HashSet<_>>().len() as u64;
    let count = targets().count() as u64;
    let mut named: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    let groups = groups
        .into_iter()
        .map(|(pattern, mut group)| {
            group.targets.sort();
            let sample = group.sample.map(|(_, text)| text);
            let said = sample.as_deref().map(classify::classify_text);
            let (resource, names) = said.map(|said| (said.resource, said.named)).unwrap_or_default();
            named.extend(names.into_iter().filter(|name| known.insert(name.clone())));
            Group {
                pattern: pattern.map(text),
                sample,
                count: group.targets.len() as u64,
                resource: resource
                    .map(|resource| Resource { logical_id: resource.logical_id, r#type: resource.resource_type }),
                targets: group.targets.into(),
                targets_omitted: 0,
            }
        })
        .collect();
    Cause {
        code: code.as_str(),
        count,
        accounts,
        regions,
        who_can_fix: code.who_can_fix(!service_managed),
        retry_helps: code.retry_helps(),
        next_step: Some(code.next_step(&named)),
        groups,
        groups_omitted: GroupsOmitted::default(),
    }
}
