//! Rows -> the report: counts, causes, account gates, completeness.
//!
//! [`ReportBuilder`] takes rows as pages arrive and keeps successes as numbers only; [`ReportBuilder::build`] makes
//! the [`Report`], whose JSON form is the public document. The same rows in another order give the
//! same report.

mod builder;
mod comparison;
mod digest;
mod document;
mod in_progress;
mod retry;
mod stack_events;
mod stacks;
mod summary;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::classify::{self, Code};
use crate::numbers::{count, rfc3339};
use crate::operation::{CallAs, Operation, OperationRef, OperationStatus, Totals};
pub use builder::ReportBuilder;
use builder::{Finding, GroupBuilder};
pub use comparison::EarlierFailures;
pub(crate) use comparison::{can_be_compared, is_comparable};
pub use digest::{Digest, DigestCounts, Failure, SweepProgress};
pub use document::{
    AccountGate, Cause, Collateral, ComparedWith, Completeness, Counts, Evidence, Group, GroupStack, GroupsOmitted,
    Names, OperationSummary, OrganizationalUnitSummary, OtherReason, Outcome, PlanEntry, Reason, RegionSummary, Report,
    Resource, ResultsCommand, Retry, SCHEMA_VERSION, Severity, SkippedGates, StackEvents, StackSetSummary,
    SucceededFrom, TalliesOmitted, Tally, Target, When,
};
pub use in_progress::{InProgress, Queued, QueuedOperation, RegionInProgress, RunningTargets};
pub use summary::duration;

/// What the operator says of account gates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExpectGate {
    /// Gates are in use if at least one answered.
    Auto,
    /// Gates are in use.
    Always,
    /// Gates are not in use.
    #[default]
    Never,
}

impl ReportBuilder {
    /// Makes the report of everything taken in.
    pub fn build(self, context: &ReportContext<'_>) -> Report {
        let ReportContext { operation: named, call_as, described, expect_gate, .. } = context;
        let outcome = outcome(described, &self.counts);
        let is_full_grid = self.is_full_grid();
        let mut completeness = completeness(described, &self.counts, &self.by_region, context.unread);
        let mut fixed = Some(self.fixed);
        let mut by_unit = self.by_unit;
        if self.counted_accounts.is_some() {
            completeness.succeeded_from = SucceededFrom::CloudFormation;
            completeness.results_read -= self.counts.succeeded;
            fixed = None;
            by_unit.values_mut().for_each(|tally| tally.succeeded = None);
        }
        let mut gates = self.gates;
        gates.reasons = other_reasons(self.gate_reasons);
        let gates_in_use = match expect_gate {
            ExpectGate::Always => true,
            ExpectGate::Never => false,
            ExpectGate::Auto => gates.passed + gates.refused > 0,
        };
        if gates_in_use {
            gates.skipped.targets_omitted = gates.skipped.count - self.skipped.len() as u64;
            gates.skipped.targets = self.skipped.into_iter().collect();
        } else {
            gates.skipped = SkippedGates::default();
        }
        let mut cancelled = self.cancelled;
        cancelled.sort_unstable();
        let reasons = collateral_reasons(self.collateral_reasons);
        let service_managed = !described.organizational_units.is_empty() || by_unit.keys().any(Option::is_some);
        let mut causes = causes(self.groups, service_managed);
        let unsettled = only_unsettled(self.unsettled, &causes);
        let compared_with = self.earlier.map(|earlier| earlier.compare(&mut causes, &unsettled, fixed));
        let retry = retry::plan(&retry::Scope {
            operation: named,
            call_as: *call_as,
            reader_account: context.reader_account,
            described,
            outcome,
            service_managed,
            causes: &causes,
            cancelled: &cancelled,
            unsettled: &unsettled,
            suspended: &self.suspended,
            complete: completeness.complete,
            is_full_grid,
            total: self.counts.total,
        });
        let in_progress = (outcome == Outcome::InProgress).then(|| InProgress {
            // A time that no clock has shown says nothing, least of all in a subject.
            seconds: context.now.zip(described.started_at).and_then(seconds_between).filter(|s| *s < CENTURY),
            targets: in_progress::running_targets(self.running, &self.in_progress),
            regions: self
                .in_progress
                .into_iter()
                .map(|(region, (running, pending))| RegionInProgress { region, running, pending })
                .collect(),
            regions_omitted: 0,
            queued: None,
            stuck_after_hours: None,
            stop_command: retry::stop_command(named, *call_as, described),
        });
        let mut report = Report {
            schema_version: SCHEMA_VERSION,
            severity: Severity::Info,
            summary: String::new(),
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
                started_at: described.started_at.and_then(rfc3339),
                ended_at: described.ended_at.and_then(rfc3339),
                duration_seconds: described.ended_at.zip(described.started_at).and_then(seconds_between),
                console_url: document::console_url(named, service_managed),
                totals: described.totals.clone(),
                results_commands: retry::results_commands(named, *call_as, described, &self.counts, &gates),
                stopped_by_command: (outcome == Outcome::Stopped).then(|| retry::stopped_by_command(named, described)),
            },
            outcome,
            completeness,
            counts: self.counts,
            compared_with,
            causes,
            stack_events: None,
            other_reasons: other_reasons(self.other_reasons),
            other_reasons_omitted: GroupsOmitted::default(),
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
            drift: described.drift.clone().filter(|_| described.action.as_deref() == Some("DETECT_DRIFT")),
            in_progress,
            by_region: by_name(self.by_region).map(|(region, tally)| RegionSummary { region, tally }).collect(),
            by_region_omitted: TalliesOmitted::default(),
            by_organizational_unit: by_name(by_unit)
                .map(|(organizational_unit_id, tally)| OrganizationalUnitSummary { organizational_unit_id, tally })
                .collect(),
            by_organizational_unit_omitted: TalliesOmitted::default(),
            retry,
            names: Names::default(),
            attempt: None,
            read_at: context.now,
        };
        report.severity = Severity::of(&report);
        report.summary = summary::summary(&report);
        report
    }
}

/// What the rows belong to.
#[derive(Debug, Clone, Copy)]
pub struct ReportContext<'a> {
    /// The operation, by name.
    pub operation: &'a OperationRef,
    /// Capacity it was read in; the retry needs the same.
    pub call_as: CallAs,
    /// Account that read it, if it is known.
    pub reader_account: Option<&'a str>,
    /// The operation, as CloudFormation describes it.
    pub described: &'a Operation,
    /// What the operator says of account gates.
    pub expect_gate: ExpectGate,
    /// Why the rows are known not to be all, if they are not.
    pub unread: Option<&'a str>,
    /// When the results were read, in milliseconds since the Unix epoch.
    pub now: Option<i64>,
}

/// In seconds.
const CENTURY: u64 = 36_525 * 86_400;

/// Between the whole seconds that are shown, so that start and duration add up to the end.
fn seconds_between((end, start): (i64, i64)) -> Option<u64> {
    u64::try_from(end.div_euclid(1_000) - start.div_euclid(1_000)).ok()
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

fn completeness(
    described: &Operation,
    counts: &Counts,
    by_region: &HashMap<Option<String>, Tally>,
    unread: Option<&str>,
) -> Completeness {
    let mut why: Vec<String> = unread.map(str::to_owned).into_iter().collect();
    let unsettled = counts.running + counts.pending;
    if described.status.is_terminal() && unsettled > 0 {
        why.push(format!(
            "the operation ended, but {} still RUNNING or PENDING",
            count(unsettled, "target is", "targets are")
        ));
    }
    let totals = described.totals.clone().unwrap_or_default();
    // A skipped target may be listed with any status.
    let skipped = totals.all.skipped.unwrap_or(0);
    let expected = described.failed_expected.filter(|expected| expected.abs_diff(counts.failed) > skipped);
    if let Some(expected) = expected {
        why.push(disagreement(&count(expected, "failed target", "failed targets"), counts.failed));
    }
    if described.status.is_terminal() {
        why.extend(totals_disagreement(&totals, counts, by_region, expected));
    }
    let missing = Some(why.join("; ")).filter(|why| !why.is_empty());
    if !described.status.is_terminal() {
        why.insert(0, format!("the operation has not ended, its status is {}", described.status.as_str()));
    }
    Completeness {
        complete: why.is_empty(),
        missing,
        reason: Some(why.join("; ")).filter(|why| !why.is_empty()),
        results_read: counts.total,
        failed_expected: described.failed_expected,
        succeeded_from: SucceededFrom::Results,
    }
}

fn disagreement(counted: &str, listed: u64) -> String {
    format!("CloudFormation counts {counted}, {} listed", count(listed, "is", "are"))
}

/// The first of CloudFormation's own numbers that the rows do not add up to, unless it is the count of failed
/// targets, which is reported already, that explains it.
///
/// A skipped target may be listed with any status, so there may be more rows of a status than counted.
fn totals_disagreement(
    totals: &Totals,
    counts: &Counts,
    by_region: &HashMap<Option<String>, Tally>,
    failed_expected: Option<u64>,
) -> Option<String> {
    let targets = |n: u64| count(n, "target", "targets");
    let all = &totals.all;
    if let Some(counted) = all.targets.filter(|&counted| counted != counts.total) {
        // The targets that are missing are just the failed ones.
        let is_known = failed_expected.is_some_and(|expected| expected + counts.total == counted + counts.failed);
        return (!is_known).then(|| disagreement(&targets(counted), counts.total));
    }
    if failed_expected.is_some() {
        return None;
    }
    let by_status = [
        (all.succeeded, counts.succeeded, "that succeeded"),
        (all.failed, counts.failed, "that failed"),
        (all.cancelled, counts.cancelled, "that were cancelled"),
    ];
    let by_status = by_status.into_iter().find_map(|(counted, listed, which)| {
        let counted = counted.filter(|&counted| counted > listed)?;
        Some(disagreement(&format!("{} {which}", targets(counted)), listed))
    });
    by_status.or_else(|| {
        totals.by_region.iter().find_map(|(region, counted)| {
            let listed = by_region.get(&Some(region.clone())).map_or(0, Tally::total);
            let counted = counted.targets.filter(|&counted| counted != listed)?;
            Some(disagreement(&format!("{} in {region}", targets(counted)), listed))
        })
    })
}

fn collateral_reasons(texts: BTreeMap<Option<Arc<str>>, builder::Text>) -> Vec<Reason> {
    let reason = |(pattern, known): (Option<Arc<str>>, builder::Text)| Reason {
        pattern: pattern.map(owned),
        sample: known.sample.and_then(|sample| sample.text),
        count: known.count,
    };
    let mut list: Vec<Reason> = texts.into_iter().map(reason).collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.pattern.cmp(&b.pattern)));
    list
}

fn other_reasons(texts: BTreeMap<(String, Option<Arc<str>>), builder::Text>) -> Vec<OtherReason> {
    let reason = |((status, pattern), known): ((String, Option<Arc<str>>), builder::Text)| OtherReason {
        status,
        pattern: pattern.map(owned),
        sample: known.sample.and_then(|sample| sample.text),
        count: known.count,
    };
    let mut list: Vec<OtherReason> = texts.into_iter().map(reason).collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.status, &a.pattern).cmp(&(&b.status, &b.pattern))));
    list
}

/// Drops the targets that were listed again as failed: those are retried.
fn only_unsettled(mut unsettled: HashSet<Target>, causes: &[Cause]) -> HashSet<Target> {
    if unsettled.is_empty() {
        return unsettled;
    }
    let mut once = HashSet::new();
    for target in causes.iter().flat_map(|cause| &cause.groups).flat_map(|group| group.targets.iter()) {
        if unsettled.contains(target) && !once.insert(target) {
            unsettled.remove(target);
        }
    }
    unsettled
}

/// A group by its masked text, its gate's and its events'.
type Patterned = ((Option<Arc<str>>, Option<Arc<str>>, Option<Arc<str>>), GroupBuilder);

fn owned(shared: Arc<str>) -> String {
    shared.as_ref().to_owned()
}

/// In the order of their names, whatever the order of rows was.
fn by_name(tallies: HashMap<Option<String>, Tally>) -> impl Iterator<Item = (Option<String>, Tally)> {
    tallies.into_iter().collect::<BTreeMap<_, _>>().into_iter()
}

/// How a name in a group's sample is shown: as it stands there, but for what differs between the targets.
struct Shown {
    /// The account and Region of the event or sample.
    target: Option<(String, String)>,
    is_one_account: bool,
    is_one_region: bool,
    is_one_target: bool,
}

impl Shown {
    fn of(group: &GroupBuilder) -> Self {
        let found = group.finding.as_ref().map(|finding| &finding.target);
        let target = found.or(group.sample.as_ref().map(|sample| &sample.target));
        let is_one = |of: fn(&Target) -> Option<&str>| {
            target.is_none_or(|first| group.targets.iter().all(|target| of(target) == of(first)))
        };
        Self {
            target: target.and_then(|target| Some((target.account()?.to_owned(), target.region()?.to_owned()))),
            is_one_account: is_one(Target::account),
            is_one_region: is_one(Target::region),
            is_one_target: group.targets.len() <= 1,
        }
    }

    fn name(&self, name: String) -> String {
        let Some((account, region)) = self.target.as_ref().filter(|_| !self.is_one_target) else {
            return name;
        };
        let mut shown = name.clone();
        if !self.is_one_account {
            shown = shown.replace(account.as_str(), "<account>");
        }
        if !self.is_one_region {
            shown = shown.replace(region.as_str(), "<region>");
        }
        // An id that the sample's target alone may have.
        let masked = classify::mask(&name);
        let is_own = ["<uuid>", "<log-stream>", "<suffix>", "<time>", "<id>"].iter().any(|mark| masked.contains(mark));
        if is_own { format!("{name} of {account} in {region}") } else { shown }
    }
}

/// Characters of a text that people are shown at least.
const SHOWN: usize = 200;

/// The sentence that decided on the cause, where it stands so late in the text that people would not see it.
fn excerpt(code: Code, text: &str) -> Option<String> {
    let head: String = text.chars().take(SHOWN).collect();
    if head.len() == text.len() || classify::classify_text(&head).code == code {
        return None;
    }
    let sentences = text.split_inclusive(['.', '\n', ';']).map(str::trim).filter(|sentence| !sentence.is_empty());
    sentences.into_iter().find(|sentence| classify::classify_text(sentence).code == code).map(str::to_owned)
}

fn causes(groups: HashMap<builder::GroupKey, GroupBuilder>, service_managed: bool) -> Vec<Cause> {
    let mut by_code: BTreeMap<Code, Vec<Patterned>> = BTreeMap::new();
    for ((code, pattern, gate, said), group) in groups {
        by_code.entry(code).or_default().push(((pattern, gate, said), group));
    }
    let mut causes: Vec<Cause> =
        by_code.into_iter().map(|(code, groups)| cause(code, groups, service_managed)).collect();
    causes.sort_by(|a, b| b.accounts.cmp(&a.accounts).then(b.count.cmp(&a.count)).then_with(|| a.code.cmp(b.code)));
    causes
}

fn cause(code: Code, mut groups: Vec<Patterned>, service_managed: bool) -> Cause {
    groups.sort_by(|a, b| b.1.targets.len().cmp(&a.1.targets.len()).then_with(|| a.0.cmp(&b.0)));
    let targets = || groups.iter().flat_map(|(_, group)| &group.targets);
    let accounts = targets().filter_map(|target| target.account()).collect::<HashSet<_>>().len() as u64;
    let regions = targets().filter_map(|target| target.region()).collect::<HashSet<_>>().len() as u64;
    let count = targets().count() as u64;
    let mut named: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    let groups = groups
        .into_iter()
        .map(|((pattern, ..), mut group)| {
            group.targets.sort_unstable();
            let shown_of = Shown::of(&group);
            let (sample, gate_reason) = group.sample.map(|sample| (sample.text, sample.gate)).unwrap_or_default();
            let event = group.finding.as_ref().map(|finding| classify::event_text(&finding.event));
            let text = event.as_deref().or(sample.as_deref());
            let (resource, names) = text.map(|text| classify::named_by(code, text)).unwrap_or_default();
            let names = names.into_iter().map(|name| shown_of.name(name));
            named.extend(names.filter(|name| known.insert(name.clone())));
            let excerpt = text.and_then(|text| excerpt(code, text));
            Group {
                pattern: pattern.map(owned),
                sample,
                gate_reason,
                basis: group.basis,
                excerpt,
                count: group.targets.len() as u64,
                resource: resource
                    .map(|resource| Resource { logical_id: resource.logical_id, r#type: resource.resource_type }),
                evidence: group.finding.map(Finding::evidence),
                stacks: group.stacks,
                targets: group.targets.into(),
                targets_omitted: 0,
            }
        })
        .collect();
    let step = code.next_step(&named);
    let next_step = step.with_names(&named);
    Cause {
        code: code.as_str(),
        count,
        accounts,
        regions,
        newly_failed: None,
        owners: code.owners(!service_managed, &named),
        retry_helps: code.retry_helps(&named),
        details: step.details(&named),
        title: step.title,
        next_step,
        groups,
        groups_omitted: GroupsOmitted::default(),
    }
}
