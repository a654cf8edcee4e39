//! What CloudFormation itself counts of an operation: `StatusDetails` beyond the failures, and `RegionalStatusDetails`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    rows::{Row, Rows},
    xml,
};

/// The totals of an operation; a `None` is left out of the responses, and so are empty maps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// `TotalAccountsCount`.
    pub accounts: Option<i32>,
    /// `TotalStackInstancesCount`.
    pub stack_instances: Option<i32>,
    /// The stage `RoleProvisioning`, which counts accounts.
    pub role_provisioning: Option<Stage>,
    /// The stage `StackInstancesDeployment`, which counts stack instances.
    pub deployment: Option<Stage>,
    /// The stage `RegionalStackInstancesDeployment` of each Region. Only `DescribeStackSetOperation` shows it.
    pub regions: BTreeMap<String, Stage>,
}

/// The progress of a stage; a `None` is left out of the responses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// `PENDING`, `NOT_APPLICABLE`, `NOT_STARTED`, `IN_PROGRESS`, `SUCCEEDED`, `PARTIAL_SUCCESS` or `FAILED`.
    pub status: Option<String>,
    /// How many succeeded.
    pub succeeded: Option<i32>,
    /// How many failed.
    pub failed: Option<i32>,
    /// How many have ended: succeeded, failed, skipped and cancelled together.
    pub completed: Option<i32>,
    /// How many have not ended.
    pub pending: Option<i32>,
    /// How many were cancelled; `RoleProvisioning` does not count them.
    pub cancelled: Option<i32>,
    /// How many were skipped because the role of their account could not be provisioned; `RoleProvisioning` does not
    /// count them.
    pub skipped: Option<i32>,
    /// How many there are; only Regions have it.
    pub total: Option<i32>,
    /// What percentage has ended.
    pub percentage: Option<f64>,
}

impl Totals {
    /// The totals that agree with the rows as they are in the end.
    ///
    /// A row that is neither SUCCEEDED, FAILED, CANCELLED, PENDING nor RUNNING counts as skipped: how AWS shows a skipped
    /// target in the rows is not documented. Role provisioning is `NOT_APPLICABLE`, as for all self-managed operations.
    pub fn of(rows: &Rows) -> Self {
        let mut accounts = BTreeSet::new();
        let mut all = Counts::default();
        let mut regions: BTreeMap<String, Counts> = BTreeMap::new();
        for index in 0..rows.len() {
            rows.with(index, |row| {
                let Some(row) = row.at(usize::MAX) else { return };
                accounts.extend(row.account.clone());
                all.add(row);
                if let Some(region) = &row.region {
                    regions.entry(region.clone()).or_default().add(row);
                }
            });
        }
        Self {
            accounts: Some(number(accounts.len())),
            stack_instances: Some(number(all.total())),
            role_provisioning: Some(Stage::not_applicable()),
            deployment: Some(Stage { total: None, ..all.stage() }),
            regions: regions.into_iter().map(|(region, counts)| (region, counts.stage())).collect(),
        }
    }
}

impl Stage {
    /// A stage that the operation does not have; it shows no counts.
    pub fn not_applicable() -> Self {
        Self { status: Some("NOT_APPLICABLE".to_owned()), ..Self::default() }
    }

    /// A stage with these counts, which have all ended but `pending` ones.
    pub fn of_counts(succeeded: usize, failed: usize, cancelled: usize, skipped: usize, pending: usize) -> Self {
        Counts { succeeded, failed, cancelled, skipped, pending, running: 0 }.stage()
    }
}

#[derive(Debug, Default)]
struct Counts {
    succeeded: usize,
    failed: usize,
    cancelled: usize,
    skipped: usize,
    pending: usize,
    running: usize,
}

impl Counts {
    fn add(&mut self, row: &Row) {
        *match row.status.as_deref() {
            Some("SUCCEEDED") => &mut self.succeeded,
            Some("FAILED") => &mut self.failed,
            Some("CANCELLED") => &mut self.cancelled,
            Some("PENDING") => &mut self.pending,
            Some("RUNNING") => &mut self.running,
            _ => &mut self.skipped,
        } += 1;
    }

    fn completed(&self) -> usize {
        self.succeeded + self.failed + self.cancelled + self.skipped
    }

    fn total(&self) -> usize {
        self.completed() + self.pending + self.running
    }

    fn stage(&self) -> Stage {
        let (completed, total) = (self.completed(), self.total());
        let attempted = completed - self.skipped;
        let status = match () {
            () if completed == 0 && self.running == 0 => "NOT_STARTED",
            () if completed < total => "IN_PROGRESS",
            () if self.succeeded == attempted => "SUCCEEDED",
            () if self.succeeded == 0 => "FAILED",
            () => "PARTIAL_SUCCESS",
        };
        Stage {
            status: Some(status.to_owned()),
            succeeded: Some(number(self.succeeded)),
            failed: Some(number(self.failed)),
            completed: Some(number(completed)),
            pending: Some(number(total - completed)),
            cancelled: Some(number(self.cancelled)),
            skipped: Some(number(self.skipped)),
            total: Some(number(total)),
            percentage: (total > 0).then(|| 100.0 * f64::from(number(completed)) / f64::from(number(total))),
        }
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Appends `<StatusDetails>`, which descriptions and lists of operations share.
pub(crate) fn status_details(out: &mut String, failed: Option<i32>, totals: Option<&Totals>) {
    if failed.is_none() && totals.is_none() {
        return;
    }
    xml::nested(out, "StatusDetails", |out| {
        if let Some(totals) = totals {
            if totals.role_provisioning.is_some() || totals.deployment.is_some() {
                xml::nested(out, "Stages", |out| {
                    stage(out, "RoleProvisioning", "Accounts", totals.role_provisioning.as_ref());
                    stage(out, "StackInstancesDeployment", "StackInstances", totals.deployment.as_ref());
                });
            }
            xml::scalar(out, "TotalAccountsCount", totals.accounts);
            xml::scalar(out, "TotalStackInstancesCount", totals.stack_instances);
        }
        xml::scalar(out, "FailedStackInstancesCount", failed);
    });
}

/// Appends `<RegionalStatusDetails>`, which only the description of an operation has.
pub(crate) fn regional_status_details(out: &mut String, totals: &Totals) {
    if totals.regions.is_empty() {
        return;
    }
    xml::nested(out, "RegionalStatusDetails", |out| {
        for (region, deployment) in &totals.regions {
            xml::nested(out, "entry", |out| {
                xml::element(out, "key", region);
                xml::nested(out, "value", |out| {
                    xml::nested(out, "Stages", |out| {
                        stage(out, "RegionalStackInstancesDeployment", "StackInstances", Some(deployment));
                    });
                });
            });
        }
    });
}

/// `counted` is the middle of the element names: `Accounts` or `StackInstances`.
fn stage(out: &mut String, name: &str, counted: &str, stage: Option<&Stage>) {
    let Some(stage) = stage else { return };
    xml::nested(out, name, |out| {
        xml::optional(out, "Status", stage.status.as_deref());
        for (start, count) in [
            ("Succeeded", stage.succeeded),
            ("Failed", stage.failed),
            ("Completed", stage.completed),
            ("Pending", stage.pending),
            ("Cancelled", stage.cancelled),
            ("Skipped", stage.skipped),
            ("Total", stage.total),
        ] {
            xml::scalar(out, &format!("{start}{counted}Count"), count);
        }
        xml::scalar(out, "PercentageCompleted", stage.percentage.map(|value| format!("{value:?}")));
    });
}

#[cfg(test)]
mod tests {
    use super::{Counts, Stage, Totals};
    use crate::rows::{Row, Rows};

    fn status(stage: &Stage) -> &str {
        stage.status.as_deref().unwrap()
    }

    #[test]
    fn a_stage_has_the_status_of_its_counts() {
        for (counts, expected) in [
            (Counts { pending: 3, ..Counts::default() }, "NOT_STARTED"),
            (Counts { pending: 3, running: 1, ..Counts::default() }, "IN_PROGRESS"),
            (Counts { succeeded: 2, pending: 3, ..Counts::default() }, "IN_PROGRESS"),
            (Counts { succeeded: 2, skipped: 1, ..Counts::default() }, "SUCCEEDED"),
            (Counts { succeeded: 2, cancelled: 1, ..Counts::default() }, "PARTIAL_SUCCESS"),
            (Counts { failed: 2, cancelled: 1, skipped: 1, ..Counts::default() }, "FAILED"),
        ] {
            assert_eq!(status(&counts.stage()), expected, "{counts:?}");
        }
    }

    #[test]
    fn totals_agree_with_the_rows() {
        let rows = Rows::from(vec![
            Row::succeeded("1", "eu-west-1"),
            Row::failed("1", "us-east-1", "reason"),
            Row::pending("2", "us-east-1").visible_from(3).later(5, Row::cancelled("2", "us-east-1", "reason")),
            Row::new("3", "us-east-1", "SKIPPED_SUSPENDED_ACCOUNT"),
        ]);
        let totals = Totals::of(&rows);
        assert_eq!((totals.accounts, totals.stack_instances), (Some(3), Some(4)));
        assert_eq!(totals.deployment, Some(Stage { total: None, ..Stage::of_counts(1, 1, 1, 1, 0) }));
        assert_eq!(totals.regions["us-east-1"], Stage::of_counts(0, 1, 1, 1, 0));
        assert_eq!(totals.regions["eu-west-1"].percentage, Some(100.0));
    }
}
