//! Rows -> sums and groups: successes become numbers, only the rest keeps its targets.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::comparison::EarlierFailures;
use super::document::{AccountGate, Counts, GroupStack, Tally, Target};
use super::in_progress::RUNNING_NAMED;
use crate::classify::{self, Basis, Code, GateMeaning};
use crate::operation::{self, FailedEvent, GateStatus, ResultStatus, TargetResult, Totals};

/// Targets with a skipped gate that are kept by name; more are only counted. No message can list more, and
/// an organization without gates would otherwise make memory grow with every success.
const SKIPPED_KEPT: usize = 1_500;

/// The text of the first target in order, so that the order of arrival does not matter.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sample {
    pub(super) target: Target,
    pub(super) text: Option<String>,
    /// What the gate said, where it is the cause.
    pub(super) gate: Option<String>,
}

impl Sample {
    pub(super) fn keep_first(ours: &mut Option<Self>, theirs: Option<Self>) {
        let Some(theirs) = theirs else { return };
        let first = ours.as_ref().is_none_or(|ours| theirs < *ours);
        if first {
            *ours = Some(theirs);
        }
    }

    /// The sample of some of its group's targets. Where it is another one's, its text is made to name the first of
    /// them: texts of one group differ in ids and Regions only.
    pub(super) fn of_first(&self, targets: &[Target]) -> Option<Self> {
        let target = targets.iter().min()?.clone();
        let name = |text: &String| {
            let mut text = text.clone();
            for of in [Target::account, Target::region] {
                if let (Some(old), Some(new)) = (of(&self.target), of(&target)) {
                    text = text.replace(old, new);
                }
            }
            text
        };
        Some(Self { text: self.text.as_ref().map(name), gate: self.gate.as_ref().map(name), target })
    }
}

/// An event that was found for the first of some targets, and for the others in other words.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) target: Target,
    pub(super) event: FailedEvent,
    /// How many there are.
    pub(super) sampled: u64,
    /// Whether only a generic code or weak words of the event name the cause.
    pub(super) is_guess: bool,
    /// The code of the result's text.
    pub(super) text_code: Code,
}

/// Rows with one cause and one masked text.
#[derive(Debug, Default)]
pub(super) struct GroupBuilder {
    pub(super) basis: Basis,
    pub(super) sample: Option<Sample>,
    pub(super) targets: Vec<Target>,
    /// The stacks of a few of them.
    pub(super) stacks: Vec<GroupStack>,
    /// What the events of these name as the cause.
    pub(super) finding: Option<Finding>,
}

/// Rows with one masked text, of which only the number matters.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) sample: Option<Sample>,
    pub(super) count: u64,
}

impl Text {
    fn add(&mut self, text: Option<String>, target: Target) {
        self.merge(Self { sample: Some(Sample { target, text, gate: None }), count: 1 });
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        Sample::keep_first(&mut self.sample, other.sample);
    }
}

/// Distinct masked texts that are kept apart. More of them would let memory grow with every row.
const TEXTS: usize = 2_000;
/// The pattern of rows whose texts came after [`TEXTS`] others.
const OTHER_TEXTS: &str = "other texts";

/// The codes of texts by their masked form: texts of one form have one code.
#[derive(Debug, Default)]
struct KnownTexts {
    codes: HashMap<Arc<str>, (Code, Basis)>,
    /// Room for the next text's masked form.
    masked: String,
}

impl KnownTexts {
    /// The masked text and its code. Masking is cheap, classifying is not: rows that differ in ids only
    /// are classified once.
    fn of(&mut self, text: &str) -> (Arc<str>, Code, Basis) {
        self.masked.clear();
        classify::mask_into(&mut self.masked, text);
        if let Some((known, code)) = self.codes.get_key_value(self.masked.as_str()) {
            let (code, basis) = *code;
            return (Arc::clone(known), code, basis);
        }
        // The masked text is classified, not the first that came: the order of rows must not matter.
        let classify::Cause { code, basis, .. } = classify::classify_text(&self.masked);
        if self.codes.len() >= TEXTS {
            return (OTHER_TEXTS.into(), code, basis);
        }
        let pattern = Arc::<str>::from(self.masked.as_str());
        self.codes.insert(Arc::clone(&pattern), (code, basis));
        (pattern, code, basis)
    }
}

/// What a target that has not ended may say without naming a cause.
const NO_CAUSE_YET: [Code; 5] =
    [Code::Unknown, Code::CauseNotReported, Code::FailureToleranceExceeded, Code::OperationStopped, Code::NoChanges];

/// A cause, its masked text, what the gate said (masked) where the gate is the cause, and what the events of stacks say
/// (masked) where these name the cause.
pub(super) type GroupKey = (Code, Option<Arc<str>>, Option<Arc<str>>, Option<Arc<str>>);

/// What the rows so far come to. Its memory is bounded by the number of targets that did not succeed,
/// and by 2,000 texts.
#[derive(Debug, Default)]
pub struct ReportBuilder {
    texts: KnownTexts,
    pub(super) counts: Counts,
    pub(super) by_region: HashMap<Option<String>, Tally>,
    /// All accounts, as numbers; a row whose account is none counts under `nameless`.
    accounts: HashSet<u64>,
    nameless: u64,
    pub(super) by_unit: HashMap<Option<String>, Tally>,
    /// RUNNING and PENDING targets by Region.
    pub(super) in_progress: BTreeMap<Option<String>, (u64, u64)>,
    /// Region and account of RUNNING targets, the first ones in order.
    pub(super) running: BTreeSet<(Option<String>, String)>,
    pub(super) gates: AccountGate,
    pub(super) skipped: BTreeSet<Target>,
    pub(super) groups: HashMap<GroupKey, GroupBuilder>,
    /// Accounts that some row shows to be suspended.
    pub(super) suspended: HashSet<String>,
    /// Texts of gate answers that are not known, by their status and masked form.
    pub(super) gate_reasons: BTreeMap<(String, Option<Arc<str>>), Text>,
    pub(super) tolerance_exceeded: u64,
    pub(super) stopped: u64,
    pub(super) cancelled: Vec<Target>,
    pub(super) collateral_reasons: BTreeMap<Option<Arc<str>>, Text>,
    /// Targets among the groups' that have not failed yet.
    pub(super) unsettled: HashSet<Target>,
    /// Texts of rows with a status that is not known, by that status and their masked form.
    pub(super) other_reasons: BTreeMap<(String, Option<Arc<str>>), Text>,
    pub(super) earlier: Option<Arc<EarlierFailures>>,
    /// Targets among the earlier failures that succeeded.
    pub(super) fixed: u64,
    /// CloudFormation's count of accounts, where the successes are its count, too.
    pub(super) counted_accounts: Option<u64>,
}

/// Without a copy where there was nothing yet, which is mostly so.
fn append(ours: &mut Vec<Target>, theirs: Vec<Target>) {
    if ours.is_empty() {
        *ours = theirs;
    } else {
        ours.extend(theirs);
    }
}

/// Self-managed rows may carry an empty one.
fn unit_of(row: &TargetResult) -> Option<&str> {
    row.organizational_unit_id.as_deref().filter(|unit| !unit.is_empty())
}

impl ReportBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty builder of rows that are compared with what failed before; that must be known before the first row, as
    /// successes are not kept.
    pub fn compared_with(earlier: Option<Arc<EarlierFailures>>) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// Takes one row in.
    pub fn add(&mut self, row: TargetResult) {
        self.counts.count(row.status.as_ref());
        self.by_region.entry(row.region.clone()).or_default().count(row.status.as_ref());
        match row.target().filter(|(account, region)| operation::is_account_id(account) && operation::is_region(region))
        {
            Some((account, _)) => self.accounts.extend(account.parse::<u64>().ok()),
            None => self.nameless += 1,
        }
        self.by_unit.entry(unit_of(&row).map(str::to_owned)).or_default().count(row.status.as_ref());
        if let Some(ResultStatus::Running | ResultStatus::Pending) = row.status {
            let (running, pending) = self.in_progress.entry(row.region.clone()).or_default();
            *(if row.status == Some(ResultStatus::Running) { running } else { pending }) += 1;
        }
        if let (Some(ResultStatus::Running), Some(account)) = (&row.status, &row.account) {
            self.running.insert((row.region.clone(), account.clone()));
            if self.running.len() > RUNNING_NAMED {
                self.running.pop_last();
            }
        }
        if row.status == Some(ResultStatus::Succeeded)
            && self.earlier.as_ref().is_some_and(|earlier| earlier.contains(&row))
        {
            self.fixed += 1;
        }
        let gate = classify::gate_meaning_by(&row, |text| self.texts.of(text).1);
        self.count_gate(gate);
        let is_skipped = gate.is_skipped() && self.keeps_skipped(&row);
        if !is_skipped && gate != GateMeaning::Unrecognized && row.status == Some(ResultStatus::Succeeded) {
            // Nobody will ask which one it was, so its account need not be remembered.
            return;
        }
        let target = Target {
            account: row.account.clone(),
            region: row.region.clone(),
            organizational_unit_id: unit_of(&row).map(str::to_owned),
        };
        if is_skipped {
            self.skipped.insert(target.clone());
            if self.skipped.len() > SKIPPED_KEPT {
                self.skipped.pop_last();
            }
        }
        if gate == GateMeaning::Unrecognized
            && let Some(answer) = &row.gate
        {
            let status = answer.status.as_ref().map_or("", GateStatus::as_str).to_owned();
            let pattern = answer.reason.as_deref().map(|text| self.texts.of(text).0);
            self.gate_reasons.entry((status, pattern)).or_default().add(answer.reason.clone(), target.clone());
        }
        if row.status == Some(ResultStatus::Succeeded) {
            return;
        }
        let text = classify::reason(&row).map(|text| self.texts.of(text));
        let basis = text.as_ref().map_or(Basis::None, |(_, _, basis)| *basis);
        let (pattern, said) = text.map(|(pattern, code, _)| (pattern, code)).unzip();
        let code = classify::decide(&row, said, gate);
        if said == Some(Code::AccountSuspended) {
            self.suspended.extend(target.account.clone());
        }
        match (&row.status, code) {
            (Some(ResultStatus::Cancelled), code) => self.add_collateral(row.reason, pattern, code, target),
            (Some(ResultStatus::Failed), Some(code)) => self.add_cause(row, pattern, (code, basis), target),
            // What has not ended may say anything; only a cause that it names is one.
            (Some(ResultStatus::Running | ResultStatus::Pending), Some(code)) if !NO_CAUSE_YET.contains(&code) => {
                self.unsettled.insert(target.clone());
                self.add_cause(row, pattern, (code, basis), target);
            }
            (Some(ResultStatus::Other(_)) | None, _) if row.reason.is_some() => {
                let status = row.status.as_ref().map_or("", ResultStatus::as_str).to_owned();
                self.other_reasons.entry((status, pattern)).or_default().add(row.reason, target);
            }
            _ => {}
        }
    }

    /// Adds the rows of another builder; the two must not hold the same ones.
    pub fn merge(&mut self, other: Self) {
        self.counts.merge(other.counts);
        for (region, tally) in other.by_region {
            *self.by_region.entry(region).or_default() += tally;
        }
        self.accounts.extend(other.accounts);
        self.nameless += other.nameless;
        for (unit, tally) in other.by_unit {
            *self.by_unit.entry(unit).or_default() += tally;
        }
        for (region, (running, pending)) in other.in_progress {
            let known = self.in_progress.entry(region).or_default();
            known.0 += running;
            known.1 += pending;
        }
        self.running.extend(other.running);
        while self.running.len() > RUNNING_NAMED {
            self.running.pop_last();
        }
        self.gates.merge(&other.gates);
        self.skipped.extend(other.skipped);
        while self.skipped.len() > SKIPPED_KEPT {
            self.skipped.pop_last();
        }
        for (key, theirs) in other.groups {
            let ours = self.groups.entry(key).or_default();
            ours.basis = theirs.basis;
            append(&mut ours.targets, theirs.targets);
            Sample::keep_first(&mut ours.sample, theirs.sample);
        }
        self.fixed += other.fixed;
        self.tolerance_exceeded += other.tolerance_exceeded;
        self.stopped += other.stopped;
        append(&mut self.cancelled, other.cancelled);
        for (key, theirs) in other.collateral_reasons {
            self.collateral_reasons.entry(key).or_default().merge(theirs);
        }
        self.unsettled.extend(other.unsettled);
        self.suspended.extend(other.suspended);
        for (key, theirs) in other.gate_reasons {
            self.gate_reasons.entry(key).or_default().merge(theirs);
        }
        for (key, theirs) in other.other_reasons {
            self.other_reasons.entry(key).or_default().merge(theirs);
        }
    }

    /// The accounts of targets whose execution role could not be assumed, in order: a suspended account gives
    /// the same text.
    pub fn accounts_without_role(&self) -> BTreeSet<String> {
        let groups = self.groups.iter().filter(|((code, ..), _)| *code == Code::ExecutionRoleNotAssumable);
        let targets = groups.flat_map(|(_, group)| &group.targets);
        targets.filter_map(Target::account).filter(|id| operation::is_account_id(id)).map(str::to_owned).collect()
    }

    /// Takes accounts for suspended or closed: that is why their execution role could not be assumed.
    pub fn reclassify_suspended(&mut self, closed: &HashSet<String>) {
        let is_closed = |target: &Target| target.account().is_some_and(|account| closed.contains(account));
        let is_affected = |(key, group): (&GroupKey, &GroupBuilder)| {
            let is_meant = key.0 == Code::ExecutionRoleNotAssumable && group.targets.iter().any(is_closed);
            is_meant.then(|| key.clone())
        };
        let affected: Vec<GroupKey> = self.groups.iter().filter_map(is_affected).collect();
        for key in affected {
            let Some(mut group) = self.groups.remove(&key) else { continue };
            let (moved, kept): (Vec<Target>, Vec<Target>) =
                std::mem::take(&mut group.targets).into_iter().partition(is_closed);
            self.suspended.extend(moved.iter().filter_map(|target| target.account.clone()));
            let (_, pattern, gate, _) = key.clone();
            let suspended = self.groups.entry((Code::AccountSuspended, pattern, gate, None)).or_default();
            suspended.basis = Basis::AccountState;
            let sample = group.sample.as_ref().and_then(|sample| sample.of_first(&moved));
            Sample::keep_first(&mut suspended.sample, sample);
            append(&mut suspended.targets, moved);
            if !kept.is_empty() {
                let sample = group.sample.as_ref().and_then(|sample| sample.of_first(&kept));
                self.groups.insert(key, GroupBuilder { sample, targets: kept, ..group });
            }
        }
    }

    /// Targets by status so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Adds the successes that CloudFormation counts, whose results are not read.
    pub fn add_counted_successes(&mut self, totals: &Totals) {
        for (region, counted) in &totals.by_region {
            let Some(succeeded) = counted.succeeded.filter(|_| counted.targets > Some(0)) else { continue };
            self.counts.succeeded += succeeded;
            self.counts.total += succeeded;
            *self.by_region.entry(Some(region.clone())).or_default() +=
                Tally { succeeded: Some(succeeded), ..Tally::default() };
        }
        self.counted_accounts = totals.accounts;
    }

    /// Whether there is one target for each account in each Region.
    pub(super) fn is_full_grid(&self) -> bool {
        let accounts = self.counted_accounts.unwrap_or(self.accounts.len() as u64);
        self.nameless == 0 && self.by_region.values().all(|tally| tally.total() == accounts)
    }

    /// Whether the row is one of the targets with a skipped gate that are kept.
    fn keeps_skipped(&self, row: &TargetResult) -> bool {
        let Some(last) = self.skipped.last().filter(|_| self.skipped.len() >= SKIPPED_KEPT) else {
            return true;
        };
        let row = (row.account.as_deref(), row.region.as_deref(), unit_of(row));
        row < (last.account(), last.region(), last.organizational_unit_id())
    }

    fn count_gate(&mut self, meaning: GateMeaning) {
        self.gates.results_counted += 1;
        self.gates.skipped.count += u64::from(meaning.is_skipped());
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

    fn add_cause(
        &mut self,
        row: TargetResult,
        pattern: Option<Arc<str>>,
        (code, basis): (Code, Basis),
        target: Target,
    ) {
        let gate = row.gate.and_then(|gate| gate.reason).filter(|_| code == Code::AccountGateFailed);
        let gate_pattern = gate.as_deref().map(|text| self.texts.of(text).0);
        let group = self.groups.entry((code, pattern, gate_pattern, None)).or_default();
        // A gate's refusal is a fact; what names no cause has no basis.
        group.basis = match code {
            Code::AccountGateFailed => Basis::Text,
            Code::CauseNotReported | Code::Unknown => Basis::None,
            _ => basis,
        };
        Sample::keep_first(&mut group.sample, Some(Sample { target: target.clone(), text: row.reason, gate }));
        group.targets.push(target);
    }

    fn add_collateral(&mut self, text: Option<String>, pattern: Option<Arc<str>>, code: Option<Code>, target: Target) {
        match code {
            Some(Code::FailureToleranceExceeded) => self.tolerance_exceeded += 1,
            Some(Code::OperationStopped) => self.stopped += 1,
            _ => self.collateral_reasons.entry(pattern).or_default().add(text, target.clone()),
        }
        self.cancelled.push(target);
    }
}
