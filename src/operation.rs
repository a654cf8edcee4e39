//! Our own words for what CloudFormation says: plain data, no SDK type, no I/O.
//!
//! Values that AWS may extend (statuses, actions) keep the text they came with, so that something
//! unknown is counted and shown under its own name rather than dropped.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;

use crate::text::clean;

/// A stack set, as its ARN or a manual request names it.
///
/// Form of the ARN: `arn:<partition>:cloudformation:<region>:<account>:stackset/<name>:<uuid>`
/// ([CloudFormation API](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSet.html)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSetRef {
    /// Name without the unique id.
    pub name: String,
    /// Unique id (a UUID), unknown when a manual request gives the bare name.
    pub id: Option<String>,
    /// `aws`, `aws-cn`, `aws-us-gov`, or another that AWS adds.
    pub partition: String,
    /// Administration Region: where the stack set lives and its operations run from.
    pub region: String,
    /// Account that owns the stack set, unknown for a manual request without an ARN.
    pub account: Option<String>,
}

impl StackSetRef {
    /// Reads a stack set ARN.
    ///
    /// # Errors
    /// A phrase that says what is wrong with the text, without repeating it whole.
    pub fn from_arn(arn: &str) -> Result<Self, String> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (prefix, partition, service, region, account, resource) = (next(), next(), next(), next(), next(), next());
        if prefix != "arn" || partition.is_empty() {
            return Err("it is not an ARN".to_owned());
        }
        let Some(path) = resource.strip_prefix("stackset/").filter(|_| service == "cloudformation") else {
            return Err("it is not the ARN of a stack set".to_owned());
        };
        let (name, id) = path.rsplit_once(':').unwrap_or((path, ""));
        if name.is_empty() || id.is_empty() {
            return Err("it lacks the stack set's name or unique id".to_owned());
        }
        if region.is_empty() || account.is_empty() {
            return Err("it lacks the Region or the account".to_owned());
        }
        if !is_region(partition) || !is_region(region) || !is_account_id(account) {
            return Err("its partition, Region or account is not what AWS documents".to_owned());
        }
        if !is_stack_set_name(name) || !is_id(id) {
            return Err("its name or unique id is not what AWS documents: letters, digits and hyphens".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            id: Some(id.to_owned()),
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: Some(account.to_owned()),
        })
    }

    /// The value for `StackSetName` in API calls: `name:uuid`, which survives delete-and-recreate
    /// under one name, or the bare name where the id is unknown.
    pub fn api_name(&self) -> String {
        match &self.id {
            Some(id) => format!("{}:{id}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for StackSetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.api_name())
    }
}

/// One operation of one stack set: what an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRef {
    /// The stack set that the operation works on.
    pub stack_set: StackSetRef,
    /// Operation id, chosen by the caller; often a UUID, but need not be one.
    pub operation_id: String,
}

/// One operation of a stack set, as the list of its operations has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOperation {
    /// Operation id.
    pub id: String,
    /// What it does, as [`Operation::action`].
    pub action: Option<String>,
    /// Where the operation stands.
    pub status: OperationStatus,
    /// Start, in milliseconds since the Unix epoch.
    pub started_at: Option<i64>,
    /// End, in milliseconds since the Unix epoch.
    pub ended_at: Option<i64>,
    /// Number of failed targets by CloudFormation's own count.
    pub failed: Option<u64>,
}

/// Whether a text is an account id: 12 digits.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text may be the name of a Region.
pub fn is_region(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(is_part)
}

/// Whether a text may be the id of an organizational unit or of a root
/// ([OrganizationalUnit](https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html)).
pub fn is_organizational_unit_id(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    match text.split_once('-') {
        Some(("r", root)) => (4..=32).contains(&root.len()) && is_part(root),
        Some(("ou", rest)) => rest.split_once('-').is_some_and(|(root, unit)| {
            (4..=32).contains(&root.len()) && (8..=32).contains(&unit.len()) && is_part(root) && is_part(unit)
        }),
        _ => false,
    }
}

/// Whether a text may be the name of a stack set: a letter, then letters, digits and hyphens, 128 in all
/// ([CreateStackSet](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html)).
pub fn is_stack_set_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && is_id(text)
}

/// Whether a text may be the id of an operation or the unique id of a stack set: letters, digits and
/// hyphens, 128 in all, of which the first is no hyphen.
pub fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text may be a status or an action.
pub fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// A status or an action as it came, or cleaned and cut if it is no word.
pub fn word(text: &str) -> String {
    if is_word(text) { text.to_owned() } else { clean(text).chars().take(64).collect() }
}

/// In which capacity we read a stack set: `CallAs` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallAs {
    /// As the account that owns the stack set.
    SelfAccount,
    /// As a delegated administrator of the organization.
    DelegatedAdmin,
}

impl CallAs {
    /// The API's and the CLI's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfAccount => "SELF",
            Self::DelegatedAdmin => "DELEGATED_ADMIN",
        }
    }
}

/// Declares an enum of known words and one arm that keeps an unknown word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word that this version does not know, kept as it came.
            Other(String),
        }

        impl $name {
            /// The API's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

words! {
    /// Status of a whole operation.
    OperationStatus {
        /// Waits for another operation of the same stack set.
        Queued = "QUEUED",
        /// Works on its targets.
        Running = "RUNNING",
        /// Somebody asked it to stop; it still works on some targets.
        Stopping = "STOPPING",
        /// Ended because somebody stopped it.
        Stopped = "STOPPED",
        /// Ended within its failure tolerance; targets may have failed all the same.
        Succeeded = "SUCCEEDED",
        /// Ended beyond its failure tolerance.
        Failed = "FAILED",
    }
}

impl OperationStatus {
    /// Whether nothing more will happen to the operation.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped)
    }
}

words! {
    /// Status of one target in an operation.
    ResultStatus {
        /// Not begun.
        Pending = "PENDING",
        /// Begun.
        Running = "RUNNING",
        /// Succeeded.
        Succeeded = "SUCCEEDED",
        /// Failed.
        Failed = "FAILED",
        /// Never begun, because others failed or the operation was stopped.
        Cancelled = "CANCELLED",
    }
}

words! {
    /// Status of the account gate's answer for one target.
    GateStatus {
        /// The gate let the target pass.
        Succeeded = "SUCCEEDED",
        /// The gate refused, or was never reached.
        Failed = "FAILED",
        /// No gate, or one that could not be asked.
        Skipped = "SKIPPED",
    }
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `CREATE`, `UPDATE`, `DELETE`, `DETECT_DRIFT`, or a later addition; unknown if CloudFormation does not say.
    pub action: Option<String>,
    /// Where the operation stands.
    pub status: OperationStatus,
    /// What CloudFormation says of the operation as a whole.
    pub status_reason: Option<String>,
    /// Number of failed targets by CloudFormation's own, strongly consistent count.
    pub failed_expected: Option<u64>,
    /// What else CloudFormation counts; `None` if it does not, as older answers and other partitions.
    pub totals: Option<Totals>,
    /// Start, in milliseconds since the Unix epoch.
    pub started_at: Option<i64>,
    /// End, in milliseconds since the Unix epoch.
    pub ended_at: Option<i64>,
    /// Organizational units that the operation targets; empty when self-managed.
    pub organizational_units: Vec<String>,
    /// How it was to be carried out.
    pub preferences: Preferences,
    /// Set for DELETE: whether the stacks were kept.
    pub retain_stacks: Option<bool>,
    /// Set for DETECT_DRIFT.
    pub drift: Option<Drift>,
}

/// What CloudFormation itself counts of an operation; each number may be missing.
///
/// Strongly consistent, and there once CloudFormation has resolved the targets
/// ([API](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationStatusDetails.html)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Accounts.
    pub accounts: Option<u64>,
    /// All targets.
    #[serde(flatten)]
    pub all: TargetTotals,
    /// The targets of each Region.
    #[serde(skip)]
    pub by_region: BTreeMap<String, TargetTotals>,
}

/// Up to so many results are always read: 20 pages.
const READ_ALL_UP_TO: u64 = 2_000;

impl TargetTotals {
    /// Whether so many listed targets agree with a count; a skipped one may be listed with any status.
    pub(crate) fn agrees(&self, counted: Option<u64>, listed: u64) -> bool {
        counted.is_none_or(|counted| (counted..=counted + self.skipped.unwrap_or(0)).contains(&listed))
    }
}

impl Totals {
    /// Whether there are so many targets that it helps to count those that succeeded instead of reading them.
    pub(crate) fn are_large(&self) -> bool {
        self.accounts.is_some() && self.all.targets.is_some_and(|targets| targets > READ_ALL_UP_TO)
    }

    /// Whether the counted successes and these other targets, by Region, equal the total, overall and in each Region.
    pub(crate) fn add_up_with(&self, others: &HashMap<String, u64>) -> bool {
        let adds_up = |counted: &TargetTotals, others: u64| {
            counted.targets.is_some() && counted.succeeded.map(|succeeded| succeeded + others) == counted.targets
        };
        let sum = |of: fn(&TargetTotals) -> Option<u64>| self.by_region.values().map(of).sum::<Option<u64>>();
        adds_up(&self.all, others.values().sum())
            && sum(|region| region.targets) == self.all.targets
            && sum(|region| region.succeeded) == self.all.succeeded
            && self.by_region.iter().all(|(region, counted)| adds_up(counted, others.get(region).copied().unwrap_or(0)))
    }

    /// Targets that have not ended, and all; unlike the listed results, these counts are not behind.
    pub fn to_go(&self) -> Option<(u64, u64)> {
        self.all.pending.zip(self.all.targets)
    }
}

/// CloudFormation's own numbers of targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TargetTotals {
    /// All of them.
    pub targets: Option<u64>,
    /// Those that succeeded.
    pub succeeded: Option<u64>,
    /// Those that failed.
    pub failed: Option<u64>,
    /// Those cancelled because of the failure tolerance or a stop.
    pub cancelled: Option<u64>,
    /// Those skipped because the role of their account could not be provisioned.
    pub skipped: Option<u64>,
    /// Those that have not ended.
    pub pending: Option<u64>,
}

/// How an operation is carried out; what is not set is left to CloudFormation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `SEQUENTIAL` or `PARALLEL`.
    pub region_concurrency_type: Option<String>,
    /// Regions in their order.
    pub region_order: Vec<String>,
    /// Failures taken per Region, as a number of accounts.
    pub failure_tolerance_count: Option<u64>,
    /// Failures taken per Region, in percent of its accounts.
    pub failure_tolerance_percentage: Option<u64>,
    /// Accounts at a time.
    pub max_concurrent_count: Option<u64>,
    /// Accounts at a time, in percent.
    pub max_concurrent_percentage: Option<u64>,
    /// `STRICT_FAILURE_TOLERANCE` or `SOFT_FAILURE_TOLERANCE`.
    pub concurrency_mode: Option<String>,
}

/// What a drift detection found, in numbers of stack instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// `DRIFTED`, `IN_SYNC`, `NOT_CHECKED` or a later addition.
    pub status: Option<String>,
    /// Instances that differ from the template.
    pub drifted: Option<u64>,
    /// Instances that match it.
    pub in_sync: Option<u64>,
    /// Instances still being looked at.
    pub in_progress: Option<u64>,
    /// Instances that could not be looked at.
    pub failed: Option<u64>,
    /// All instances.
    pub total: Option<u64>,
}

/// One row of `ListStackSetOperationResults`: what became of one target.
///
/// Every field may be missing
/// ([API](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationResultSummary.html)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetResult {
    /// Account of the target, twelve digits.
    pub account: Option<String>,
    /// Region of the target.
    pub region: Option<String>,
    /// Status of the target; `None` if the row carries none.
    pub status: Option<ResultStatus>,
    /// Why; free text by CloudFormation or the service that failed.
    pub reason: Option<String>,
    /// What the account gate said; `None` for rows without one (CANCELLED, PENDING).
    pub gate: Option<Gate>,
    /// Organizational unit of the account; `None` for self-managed stack sets.
    pub organizational_unit_id: Option<String>,
}

impl TargetResult {
    /// Account and Region, which are one target's alone; `None` if the row lacks either.
    pub fn target(&self) -> Option<(&str, &str)> {
        Some((self.account.as_deref()?, self.region.as_deref()?))
    }
}

/// The account gate's answer for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Status, `None` if the answer carries none.
    pub status: Option<GateStatus>,
    /// Why; free text.
    pub reason: Option<String>,
}

/// An event of a stack that says why something failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedEvent {
    /// ARN of the stack.
    pub stack_id: String,
    /// The resource in the template.
    pub logical_id: Option<String>,
    /// Its type.
    pub resource_type: Option<String>,
    /// What it says.
    pub reason: String,
    /// The hook that refused the resource, where one did.
    pub hook: Option<String>,
    /// ARN of the nested stack that failed, where the resource is one.
    pub nested_stack: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at: Option<i64>,
}
