//! Operations of stack sets.

use crate::{
    rows::{Row, Rows},
    totals::Totals,
};

/// Where `StatusDetails.FailedStackInstancesCount` comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedCount {
    /// The number of rows that are FAILED in the end, also while the list does not show them yet.
    #[default]
    FromRows,
    /// This number, whether it is right or wrong.
    Fixed(i32),
    /// There are no `StatusDetails`.
    Absent,
}

/// An operation of a stack set; a `None` is left out of the responses.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The caller-chosen id.
    pub id: String,
    /// `CREATE`, `UPDATE`, `DELETE` or `DETECT_DRIFT`.
    pub action: Option<String>,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `STOPPING`, `STOPPED` or `QUEUED`.
    pub status: Option<String>,
    /// The status in `ListStackSetOperations`, if it is not up to date.
    pub listed_status: Option<String>,
    /// For how many calls of `DescribeStackSetOperation` the operation is still RUNNING, without an end.
    pub running_for: usize,
    /// After how many first pages of `ListStackSetOperations` of its stack set the operation appears there.
    pub listed_from: usize,
    /// The reason for the status.
    pub status_reason: Option<String>,
    /// How `StatusDetails.FailedStackInstancesCount` is made.
    pub failed_count: FailedCount,
    /// What CloudFormation counts of it. Older answers have none, and so has an operation that has not resolved its
    /// targets yet.
    pub totals: Option<Totals>,
    /// When it was requested, as AWS writes it.
    pub created: Option<String>,
    /// When it ended.
    pub ended: Option<String>,
    /// Its preferences.
    pub preferences: Option<Preferences>,
    /// The targets of the request.
    pub targets: Option<Targets>,
    /// The administration role of a self-managed stack set.
    pub administration_role_arn: Option<String>,
    /// The execution role of a self-managed stack set.
    pub execution_role_name: Option<String>,
    /// Whether a DELETE keeps the stacks.
    pub retain_stacks: Option<bool>,
    /// What a DETECT_DRIFT found.
    pub drift: Option<Drift>,
    /// The results.
    pub rows: Rows,
    /// Whether each page shows the rows of its own time, so that rows move from page to page.
    pub moving: bool,
}

impl Operation {
    /// A CREATE that succeeded, without rows.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            action: Some("CREATE".to_owned()),
            status: Some("SUCCEEDED".to_owned()),
            listed_status: None,
            running_for: 0,
            listed_from: 0,
            status_reason: None,
            failed_count: FailedCount::FromRows,
            totals: None,
            created: Some("2026-03-02T09:00:00.123Z".to_owned()),
            ended: Some("2026-03-02T09:17:42.456Z".to_owned()),
            preferences: None,
            targets: None,
            administration_role_arn: None,
            execution_role_name: None,
            retain_stacks: None,
            drift: None,
            rows: Rows::default(),
            moving: false,
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = id.to_owned();
        self
    }

    /// Sets the action.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        self.status = Some(status.to_owned());
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.status_reason = Some(reason.to_owned());
        self
    }

    /// Lets the first calls of `DescribeStackSetOperation` describe it as RUNNING, as if its event came too early.
    #[must_use]
    pub fn running_for(mut self, calls: usize) -> Self {
        self.running_for = calls;
        self
    }

    /// Sets how `StatusDetails.FailedStackInstancesCount` is made.
    #[must_use]
    pub fn failed_count(mut self, count: FailedCount) -> Self {
        self.failed_count = count;
        self
    }

    /// Sets the totals.
    #[must_use]
    pub fn totals(mut self, totals: Totals) -> Self {
        self.totals = Some(totals);
        self
    }

    /// Sets the totals to those of the rows, which must be set before.
    #[must_use]
    pub fn totals_from_rows(self) -> Self {
        let totals = Totals::of(&self.rows);
        self.totals(totals)
    }

    /// Sets when it was requested and, unless it still runs, when it ended.
    #[must_use]
    pub fn times(mut self, created: &str, ended: Option<&str>) -> Self {
        self.created = Some(created.to_owned());
        self.ended = ended.map(str::to_owned);
        self
    }

    /// Sets the preferences.
    #[must_use]
    pub fn preferences(mut self, preferences: Preferences) -> Self {
        self.preferences = Some(preferences);
        self
    }

    /// Sets the targets.
    #[must_use]
    pub fn targets(mut self, targets: Targets) -> Self {
        self.targets = Some(targets);
        self
    }

    /// Sets both roles of a self-managed stack set.
    #[must_use]
    pub fn roles(mut self, administration_role_arn: &str, execution_role_name: &str) -> Self {
        self.administration_role_arn = Some(administration_role_arn.to_owned());
        self.execution_role_name = Some(execution_role_name.to_owned());
        self
    }

    /// Sets what a DETECT_DRIFT found.
    #[must_use]
    pub fn drift(mut self, drift: Drift) -> Self {
        self.drift = Some(drift);
        self
    }

    /// Sets the rows: a `Vec<Row>`, or [`Rows::generated`].
    #[must_use]
    pub fn rows(mut self, rows: impl Into<Rows>) -> Self {
        self.rows = rows.into();
        self
    }

    /// Lets each page show the rows of its own time: every page then counts as a first page.
    ///
    /// A token only names the offset of its page, so rows that appear or change their status move all rows after them.
    #[must_use]
    pub fn moving(mut self) -> Self {
        self.moving = true;
        self
    }

    /// Adds a row to a list of rows; generated rows stay as they are.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        if let Rows::Listed(rows) = &mut self.rows {
            rows.push(row);
        }
        self
    }
}

/// The `OperationPreferences` of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `SEQUENTIAL` or `PARALLEL`.
    pub region_concurrency_type: Option<String>,
    /// The order of the Regions.
    pub region_order: Vec<String>,
    /// How many targets may fail in a Region.
    pub failure_tolerance_count: Option<i32>,
    /// What percentage of the targets may fail in a Region.
    pub failure_tolerance_percentage: Option<i32>,
    /// How many targets are worked on at the same time.
    pub max_concurrent_count: Option<i32>,
    /// What percentage of the targets is worked on at the same time.
    pub max_concurrent_percentage: Option<i32>,
    /// `STRICT_FAILURE_TOLERANCE` or `SOFT_FAILURE_TOLERANCE`.
    pub concurrency_mode: Option<String>,
}

/// The `DeploymentTargets` of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Accounts; an empty list is left out.
    pub accounts: Vec<String>,
    /// Organizational units; an empty list is left out.
    pub organizational_unit_ids: Vec<String>,
    /// `NONE`, `INTERSECTION`, `DIFFERENCE` or `UNION`.
    pub account_filter_type: Option<String>,
}

/// The `StackSetDriftDetectionDetails` of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// `DRIFTED`, `IN_SYNC` or `NOT_CHECKED`.
    pub drift_status: Option<String>,
    /// `COMPLETED`, `FAILED`, `PARTIAL_SUCCESS`, `IN_PROGRESS` or `STOPPED`.
    pub detection_status: Option<String>,
    /// When drift was last checked.
    pub last_check: Option<String>,
    /// The number of all instances.
    pub total: Option<i32>,
    /// The number of drifted instances.
    pub drifted: Option<i32>,
    /// The number of instances without drift.
    pub in_sync: Option<i32>,
    /// The number of instances that are being checked.
    pub in_progress: Option<i32>,
    /// The number of instances that could not be checked.
    pub failed: Option<i32>,
}
