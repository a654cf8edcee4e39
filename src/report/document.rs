//! The report as data; its JSON form is the public document, version 1.
//!
//! Keys are always present: an unknown value is `null`, an empty list `[]`. Every `count` of
//! targets equals the targets listed plus `targetsOmitted`. `docs/report.schema.json` is the JSON
//! Schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::in_progress::InProgress;
use crate::classify::{Basis, Owner, RetryHelps};
use crate::numbers::count;
use crate::operation::{self, Drift, OperationRef, ResultStatus, Totals};

/// Version of the document: additions raise the second number, anything else the first.
pub const SCHEMA_VERSION: &str = "1.0";

/// Everything that is known of one operation.
///
/// What a person or a filter looks at first comes first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// What happened, in one sentence without a full stop.
    pub summary: String,
    /// The stack set.
    pub stack_set: StackSetSummary,
    /// The operation.
    pub operation: OperationSummary,
    /// How it ended, in one word.
    pub outcome: Outcome,
    /// Targets by status.
    pub counts: Counts,
    /// Whether the rows read are all there is.
    pub completeness: Completeness,
    /// How the failed targets compare with those of the operation before; `null` where there is nothing to compare
    /// with.
    pub compared_with: Option<ComparedWith>,
    /// Why targets failed, most accounts first; never collateral.
    pub causes: Vec<Cause>,
    /// What was read of the events of stacks; `null` without `MEMBER_ROLE_NAME`.
    pub stack_events: Option<StackEvents>,
    /// Targets that were cancelled.
    pub collateral: Collateral,
    /// How to try the failed and cancelled targets again.
    pub retry: Retry,
    /// What account gates said.
    pub account_gate: AccountGate,
    /// What a drift detection found; `null` for other operations.
    pub drift: Option<Drift>,
    /// Targets by Region.
    pub by_region: Vec<RegionSummary>,
    /// Targets by organizational unit, `null` for those of none.
    pub by_organizational_unit: Vec<OrganizationalUnitSummary>,
    /// Names of accounts and organizational units, as far as they were looked up.
    pub names: Names,
    /// Regions left out for size.
    pub by_region_omitted: TalliesOmitted,
    /// Organizational units left out for size.
    pub by_organizational_unit_omitted: TalliesOmitted,
    /// Texts of targets with a status that is not known.
    pub other_reasons: Vec<OtherReason>,
    /// Texts left out for size.
    pub other_reasons_omitted: GroupsOmitted,
    /// How far an operation is that has not ended; `null` for others.
    pub in_progress: Option<InProgress>,
    /// Number of this attempt to publish, where a ledger counts them; above 1 an earlier one was cut
    /// off and may have published the same.
    pub attempt: Option<u64>,
    /// When the results were read, in milliseconds since the Unix epoch: no two messages of one operation
    /// have the same.
    #[serde(skip)]
    pub read_at: Option<i64>,
}

impl Report {
    /// Forgets all targets and commands, which are most of it; the numbers stay.
    pub(crate) fn forget_targets(&mut self) {
        self.causes = Vec::new();
        self.collateral.targets = Arc::default();
        self.account_gate.skipped.targets = Arc::default();
        self.retry.plan = Vec::new();
    }

    /// What needs a person's eye, one phrase each; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut targets = |n: u64, what: &str| {
            if n > 0 {
                problems.push(format!("{} {what}", count(n, "target", "targets")));
            }
        };
        targets(self.counts.failed, "failed");
        targets(self.counts.cancelled, "cancelled");
        targets(self.counts.other, "with a status that is not known");
        targets(self.account_gate.skipped.count, "went on without an account gate");
        let drifted = self.drift.as_ref().and_then(|drift| drift.drifted).unwrap_or_default();
        if drifted > 0 {
            problems.push(format!("{} drifted", count(drifted, "stack instance", "stack instances")));
        }
        if matches!(self.outcome, Outcome::Failed | Outcome::Stopped) {
            problems.push(format!("the operation is {}", self.outcome.as_str()));
        }
        if let Some(hours) = self.in_progress.as_ref().and_then(|progress| progress.stuck_after_hours) {
            problems.push(format!("the operation takes longer than {}", count(hours, "hour", "hours")));
        }
        if let Some(reason) = &self.completeness.reason {
            problems.push(format!("the report is incomplete: {reason}"));
        }
        problems
    }

    /// Whether all that needs a person's eye is targets that failed for the same cause in the operation before.
    pub fn has_only_known_failures(&self) -> bool {
        // That the operation is FAILED comes of them.
        let phrases = if self.outcome == Outcome::Failed { 2 } else { 1 };
        let is_known = self.compared_with.as_ref().is_some_and(|compared| compared.newly_failed == 0);
        is_known && self.counts.failed > 0 && self.problems().len() == phrases
    }
}

/// How urgent a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// The operation failed, was stopped or does not end, or the report is incomplete.
    Error,
    /// The operation succeeded, but not for every target, or it found drift.
    Warning,
    /// All is well.
    Info,
}

impl Severity {
    /// The document's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
        }
    }

    pub(super) fn of(report: &Report) -> Self {
        let has_succeeded = matches!(report.outcome, Outcome::Succeeded | Outcome::SucceededWithFailures);
        if !has_succeeded || !report.completeness.complete {
            Self::Error
        } else if report.problems().is_empty() {
            Self::Info
        } else {
            Self::Warning
        }
    }
}

/// Names of accounts and organizational units by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// Names of accounts.
    pub accounts: BTreeMap<String, String>,
    /// Names of organizational units.
    pub organizational_units: BTreeMap<String, String>,
}

/// The stack set that the operation worked on.
#[derive(Debug, Clone, Serialize)]
pub struct StackSetSummary {
    /// Name.
    pub name: String,
    /// Unique id.
    pub id: Option<String>,
    /// Account that owns it.
    pub account: Option<String>,
    /// Administration Region.
    pub region: Option<String>,
}

/// The operation itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationSummary {
    /// Operation id.
    pub id: String,
    /// `CREATE`, `UPDATE`, `DELETE`, `DETECT_DRIFT`, ...
    pub action: Option<String>,
    /// CloudFormation's own status.
    pub status: Option<String>,
    /// CloudFormation's own reason.
    pub status_reason: Option<String>,
    /// Start, RFC 3339 UTC.
    pub started_at: Option<String>,
    /// End, RFC 3339 UTC.
    pub ended_at: Option<String>,
    /// Seconds between the two.
    pub duration_seconds: Option<u64>,
    /// The stack set in the console of its partition.
    pub console_url: Option<String>,
    /// What CloudFormation itself counts; `null` where it does not.
    pub totals: Option<Totals>,
    /// AWS CLI commands that list every target this document speaks of, however much of it had to
    /// be left out for size.
    pub results_commands: Vec<ResultsCommand>,
    /// AWS CLI command that shows who stopped the operation; `null` for others.
    pub stopped_by_command: Option<String>,
}

/// An AWS CLI command that lists results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultsCommand {
    /// Status of the targets that it lists; `null` for all of them.
    pub status: Option<&'static str>,
    /// The command, ready for a shell.
    pub command: String,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Every target succeeded.
    Succeeded,
    /// It stayed within its failure tolerance, but not every target succeeded.
    SucceededWithFailures,
    /// It went beyond its failure tolerance.
    Failed,
    /// Somebody stopped it.
    Stopped,
    /// It has not ended.
    InProgress,
}

impl Outcome {
    /// The document's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::SucceededWithFailures => "SUCCEEDED_WITH_FAILURES",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
            Self::InProgress => "IN_PROGRESS",
        }
    }
}

/// Whether the rows read are all there is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Completeness {
    /// Whether nothing is known to be missing.
    pub complete: bool,
    /// Which numbers disagree, if not.
    pub reason: Option<String>,
    /// The same without that the operation has not ended: people read that in the headline.
    #[serde(skip)]
    pub missing: Option<String>,
    /// Targets whose results were read.
    pub results_read: u64,
    /// Failed targets by CloudFormation's own count.
    pub failed_expected: Option<u64>,
    /// Where the number of succeeded targets comes from.
    pub succeeded_from: SucceededFrom,
}

/// Where the number of succeeded targets comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SucceededFrom {
    /// From the results, which were all read.
    #[default]
    Results,
    /// From CloudFormation's own count: with it, the results that were read are all targets.
    CloudFormation,
}

/// How the failed targets compare with those of the operation before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedWith {
    /// Id of the operation before.
    pub operation_id: String,
    /// When it ended, RFC 3339 UTC.
    pub ended_at: Option<String>,
    /// Targets that failed now, and then not or for another cause.
    pub newly_failed: u64,
    /// Targets that failed both times for the same cause.
    pub still_failing: u64,
    /// Targets that failed then and succeeded now; `None` where the results of targets that succeeded were not read.
    pub fixed: Option<u64>,
}

/// Targets by status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// SUCCEEDED.
    pub succeeded: u64,
    /// FAILED.
    pub failed: u64,
    /// CANCELLED.
    pub cancelled: u64,
    /// RUNNING.
    pub running: u64,
    /// PENDING.
    pub pending: u64,
    /// Any other status, or none.
    pub other: u64,
    /// Those of `other` by their own names; a row without a status counts under `""`.
    pub other_statuses: BTreeMap<String, u64>,
}

impl Counts {
    pub(super) fn count(&mut self, status: Option<&ResultStatus>) {
        self.total += 1;
        let field = match status {
            Some(ResultStatus::Succeeded) => &mut self.succeeded,
            Some(ResultStatus::Failed) => &mut self.failed,
            Some(ResultStatus::Cancelled) => &mut self.cancelled,
            Some(ResultStatus::Running) => &mut self.running,
            Some(ResultStatus::Pending) => &mut self.pending,
            Some(ResultStatus::Other(_)) | None => {
                let name = status.map_or("", ResultStatus::as_str);
                *self.other_statuses.entry(name.to_owned()).or_default() += 1;
                &mut self.other
            }
        };
        *field += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.total += other.total;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.running += other.running;
        self.pending += other.pending;
        self.other += other.other;
        for (status, count) in other.other_statuses {
            *self.other_statuses.entry(status).or_default() += count;
        }
    }
}

/// A target: an account in a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) organizational_unit_id: Option<String>,
}

impl Target {
    /// Account id.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Region.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether a command can name it: its account and Region are what AWS documents them to be.
    pub fn is_addressable(&self) -> bool {
        self.account().is_some_and(operation::is_account_id) && self.region().is_some_and(operation::is_region)
    }

    /// Organizational unit of the account; `None` when self-managed.
    pub fn organizational_unit_id(&self) -> Option<&str> {
        self.organizational_unit_id.as_deref()
    }
}

/// Accounts of one Region and one organizational unit: how the document lists targets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetsOfRegion<'a> {
    region: Option<&'a str>,
    organizational_unit_id: Option<&'a str>,
    accounts: Vec<Option<&'a str>>,
}

/// Writes targets by Region and organizational unit, so that each takes little more than its account.
fn by_place<S: Serializer>(targets: &Arc<[Target]>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut accounts_of: BTreeMap<_, Vec<Option<&str>>> = BTreeMap::new();
    for target in targets.iter() {
        accounts_of.entry((target.region(), target.organizational_unit_id())).or_default().push(target.account());
    }
    serializer.collect_seq(accounts_of.into_iter().map(|((region, organizational_unit_id), accounts)| {
        TargetsOfRegion { region, organizational_unit_id, accounts }
    }))
}

/// Why targets failed: one code of the taxonomy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The code.
    pub code: &'static str,
    /// Targets.
    pub count: u64,
    /// Distinct accounts among them.
    pub accounts: u64,
    /// Distinct Regions among them.
    pub regions: u64,
    /// Of these, the targets that did not fail for this cause in the operation before; `null` where there is nothing
    /// to compare with.
    pub newly_failed: Option<u64>,
    /// Who can fix it, the likeliest first; empty where nobody can say.
    pub owners: &'static [Owner],
    /// Whether trying again unchanged helps; `null` where nobody can say.
    pub retry_helps: Option<RetryHelps>,
    /// What to do.
    pub next_step: String,
    /// The same in a few words.
    #[serde(skip)]
    pub title: &'static str,
    /// What `next_step` says beyond the title, in sentences: what the texts name, and what else to know.
    #[serde(skip)]
    pub details: String,
    /// The distinct texts behind it, most targets first.
    pub groups: Vec<Group>,
    /// Groups left out for size; their targets are in `count`.
    pub groups_omitted: GroupsOmitted,
}

/// Groups left out for size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct GroupsOmitted {
    /// How many groups.
    pub groups: u64,
    /// Their targets.
    pub count: u64,
}

/// Targets whose texts differ in nothing but ids, Regions and times.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The text with what differs masked; `null` for rows without a text.
    pub pattern: Option<String>,
    /// The text of the first target.
    pub sample: Option<String>,
    /// Targets.
    pub count: u64,
    /// What named the cause.
    pub basis: Basis,
    /// The resource that the text names.
    pub resource: Option<Resource>,
    /// The event of a stack that names the cause, where one does.
    pub evidence: Option<Evidence>,
    /// The stacks of a few targets, where the texts do not say what went wrong.
    pub stacks: Vec<GroupStack>,
    /// The targets, by Region and organizational unit.
    #[serde(serialize_with = "by_place")]
    pub targets: Arc<[Target]>,
    /// Targets left out for size.
    pub targets_omitted: u64,
    /// What the first target's account gate said, where the gate is the cause.
    pub gate_reason: Option<String>,
    /// The sentence of the sample that decided, where people would not see it otherwise.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

/// What was read of the events of stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackEvents {
    /// Targets whose events were read.
    pub targets_read: u64,
    /// Targets whose events could not be read.
    pub errors: u64,
    /// Why the first of them could not.
    pub reason: Option<String>,
}

/// The event that names the cause of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Account of the stack.
    pub account: String,
    /// Region of the stack.
    pub region: String,
    /// ARN of the stack; a nested one where the failure is in it.
    pub stack_id: String,
    /// Logical id of the resource.
    pub logical_id: Option<String>,
    /// Type of the resource.
    pub r#type: Option<String>,
    /// What the event says.
    pub reason: String,
    /// When it happened, RFC 3339 UTC.
    pub at: Option<String>,
    /// Targets of the group whose events were read; they agree.
    pub sampled: u64,
    /// Whether only a generic code or weak words of the event name the cause.
    #[serde(skip)]
    pub is_guess: bool,
    /// The code of the result's text, which is all that is known of the operation before.
    #[serde(skip)]
    pub text_code: &'static str,
}

/// The stack of a target, and where its events can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupStack {
    /// Account of the stack: who opens the link or runs the command must be signed in there.
    pub account: String,
    /// Region of the stack.
    pub region: String,
    /// ARN of the stack.
    pub stack_id: String,
    /// The stack's events in the console of its partition.
    pub console_url: Option<String>,
    /// AWS CLI command that lists its failed events.
    pub command: String,
}

/// A resource of the stack set's template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Logical id in the template.
    pub logical_id: String,
    /// Resource type.
    pub r#type: String,
}

/// Targets that were cancelled: consequences, never causes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collateral {
    /// Cancelled because others failed.
    pub failure_tolerance_exceeded: u64,
    /// Cancelled because somebody stopped the operation.
    pub operation_stopped: u64,
    /// All cancelled targets.
    #[serde(serialize_with = "by_place")]
    pub targets: Arc<[Target]>,
    /// Targets left out for size.
    pub targets_omitted: u64,
    /// Cancelled with another text, or none.
    pub other: u64,
    /// The texts of `other`.
    pub reasons: Vec<Reason>,
    /// Texts left out for size.
    pub reasons_omitted: GroupsOmitted,
}

impl Collateral {
    /// All cancelled targets, also those left out.
    pub fn count(&self) -> u64 {
        self.failure_tolerance_exceeded + self.operation_stopped + self.other
    }
}

/// A text on cancelled targets that says neither of the usual two things.
#[derive(Debug, Clone, Serialize)]
pub struct Reason {
    /// The text with what differs masked.
    pub pattern: Option<String>,
    /// The text of the first target.
    pub sample: Option<String>,
    /// Targets.
    pub count: u64,
}

/// A text on targets with a status that this version does not know.
#[derive(Debug, Clone, Serialize)]
pub struct OtherReason {
    /// The status; empty where the row has none.
    pub status: String,
    /// The text with what differs masked.
    pub pattern: Option<String>,
    /// The text of the first target.
    pub sample: Option<String>,
    /// Targets.
    pub count: u64,
}

/// What account gates said, in numbers of targets.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountGate {
    /// Results that these numbers are of.
    pub results_counted: u64,
    /// The gate let the target pass.
    pub passed: u64,
    /// The gate refused it.
    pub refused: u64,
    /// There is no gate function; the target went on.
    pub not_configured: u64,
    /// The gate function could not be invoked; the target went on.
    pub not_invokable: u64,
    /// The gate said that there was nothing to do.
    pub no_action: u64,
    /// The gate was never reached, because the role could not be assumed.
    pub not_reached: u64,
    /// The row names no gate.
    pub absent: u64,
    /// A gate answer that this version does not know.
    pub unrecognized: u64,
    /// Targets that went on unchecked though gates are in use.
    pub skipped: SkippedGates,
    /// The texts of `unrecognized`, by the gate's status.
    pub reasons: Vec<OtherReason>,
    /// Texts left out for size.
    pub reasons_omitted: GroupsOmitted,
}

impl AccountGate {
    /// Adds the numbers; which targets are skipped is known only in the end.
    pub(super) fn merge(&mut self, other: &Self) {
        self.results_counted += other.results_counted;
        self.passed += other.passed;
        self.refused += other.refused;
        self.not_configured += other.not_configured;
        self.not_invokable += other.not_invokable;
        self.no_action += other.no_action;
        self.not_reached += other.not_reached;
        self.absent += other.absent;
        self.unrecognized += other.unrecognized;
        self.skipped.count += other.skipped.count;
    }
}

/// Targets that went on without a gate's consent where gates are in use.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedGates {
    /// How many.
    pub count: u64,
    /// Which.
    #[serde(serialize_with = "by_place")]
    pub targets: Arc<[Target]>,
    /// Targets left out for size.
    pub targets_omitted: u64,
}

/// Targets of one Region or organizational unit by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// SUCCEEDED; `None` where these were counted by CloudFormation, which does not say of which units they are.
    pub succeeded: Option<u64>,
    /// FAILED.
    pub failed: u64,
    /// CANCELLED.
    pub cancelled: u64,
    /// Any other.
    pub other: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { succeeded: Some(0), failed: 0, cancelled: 0, other: 0 }
    }
}

impl Tally {
    pub(super) fn count(&mut self, status: Option<&ResultStatus>) {
        let field = match status {
            Some(ResultStatus::Succeeded) => self.succeeded.get_or_insert_default(),
            Some(ResultStatus::Failed) => &mut self.failed,
            Some(ResultStatus::Cancelled) => &mut self.cancelled,
            _ => &mut self.other,
        };
        *field += 1;
    }

    /// Targets that failed or were cancelled.
    pub fn trouble(&self) -> u64 {
        self.failed + self.cancelled
    }

    /// All targets that are known.
    pub fn total(&self) -> u64 {
        self.succeeded.unwrap_or(0) + self.failed + self.cancelled + self.other
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.succeeded = self.succeeded.zip(more.succeeded).map(|(ours, theirs)| ours + theirs);
        self.failed += more.failed;
        self.cancelled += more.cancelled;
        self.other += more.other;
    }
}

/// One Region's targets by status.
#[derive(Debug, Clone, Serialize)]
pub struct RegionSummary {
    /// Region.
    pub region: Option<String>,
    /// Its targets.
    #[serde(flatten)]
    pub tally: Tally,
}

/// One organizational unit's targets by status.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationalUnitSummary {
    /// Organizational unit; `null` for targets of none.
    pub organizational_unit_id: Option<String>,
    /// Its targets.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Targets of the Regions or organizational units left out for size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TalliesOmitted {
    /// How many Regions or units.
    pub names: u64,
    /// Their targets.
    #[serde(flatten)]
    pub tally: Tally,
}

/// How to try the failed and cancelled targets again.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Retry {
    /// One entry for each cause, those for now first, and one for the cancelled targets, which comes last. No target
    /// is in two of them.
    pub plan: Vec<PlanEntry>,
    /// Commands left out for size.
    pub omitted: u64,
    /// What else to know before running them, and which targets they leave out and why.
    pub note: Option<String>,
    /// The sentences of `note`.
    #[serde(skip)]
    pub notes: Vec<String>,
}

impl Retry {
    /// Commands, also those left out.
    pub fn commands(&self) -> u64 {
        self.plan.iter().map(|entry| entry.commands.len() as u64).sum::<u64>() + self.omitted
    }
}

/// Targets that are retried together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanEntry {
    /// When its commands help.
    pub when: When,
    /// Codes of the causes that these targets failed for; empty for cancelled ones.
    pub causes: Vec<&'static str>,
    /// Cancelled targets among them.
    pub cancelled: u64,
    /// Targets.
    pub targets: u64,
    /// Other targets that the commands run again, whatever their status.
    pub also_runs: u64,
    /// AWS CLI commands, ready for a shell; together they run exactly these targets and those of `also_runs`.
    pub commands: Vec<String>,
    /// What they are for, where they do not simply try the operation again.
    #[serde(skip)]
    pub purpose: Option<&'static str>,
}

/// When a retry helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum When {
    /// At once.
    Now,
    /// Once its cause is fixed.
    AfterFix,
    /// Once the operation has ended.
    WhenEnded,
}

/// Link to the stack set in the console of its partition; `None` where its host or the stack set's
/// id is not known.
///
/// AWS documents no deep links. This form is the one the console itself shows; none that leads
/// straight to one operation is publicly known.
pub(super) fn console_url(operation: &OperationRef, service_managed: bool) -> Option<String> {
    let set = &operation.stack_set;
    let id = set.id.as_ref()?;
    let mut url = console(&set.partition, &set.region)?;
    url.push_str("#/stacksets/");
    percent_encode(&mut url, &set.name);
    url.push(':');
    percent_encode(&mut url, id);
    url.push_str("/info?permissions=");
    url.push_str(if service_managed { "service" } else { "self" });
    Some(url)
}

/// CloudFormation's console in a Region; `None` where its host is not known.
pub(super) fn console(partition: &str, region: &str) -> Option<String> {
    let host = match partition {
        "aws" => "console.aws.amazon.com",
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => return None,
    };
    Some(format!("https://{region}.{host}/cloudformation/home?region={region}"))
}

pub(super) fn percent_encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}
