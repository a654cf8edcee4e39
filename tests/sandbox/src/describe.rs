//! Stack sets and their operations as XML.

use crate::{
    operation::{Drift, Operation, Preferences, Targets},
    scenario::StackSet,
    totals, xml,
};

/// The content of `<StackSetOperation>`.
///
/// An operation that is `still_running` has no end yet, whatever its status is to be.
pub(crate) fn operation(
    out: &mut String,
    stack_set_id: &str,
    operation: &Operation,
    failed: Option<i32>,
    still_running: bool,
) {
    let status = operation.status.as_deref();
    let ended = operation.ended.as_deref();
    xml::element(out, "OperationId", &operation.id);
    xml::element(out, "StackSetId", stack_set_id);
    xml::optional(out, "Action", operation.action.as_deref());
    xml::optional(out, "Status", if still_running { Some("RUNNING") } else { status });
    if let Some(found) = &operation.preferences {
        preferences(out, found);
    }
    xml::scalar(out, "RetainStacks", operation.retain_stacks);
    xml::optional(out, "AdministrationRoleARN", operation.administration_role_arn.as_deref());
    xml::optional(out, "ExecutionRoleName", operation.execution_role_name.as_deref());
    xml::optional(out, "CreationTimestamp", operation.created.as_deref());
    xml::optional(out, "EndTimestamp", ended.filter(|_| !still_running));
    if let Some(found) = &operation.targets {
        targets(out, found);
    }
    if let Some(found) = &operation.drift {
        drift(out, found);
    }
    xml::optional(out, "StatusReason", operation.status_reason.as_deref());
    totals::status_details(out, failed, operation.totals.as_ref());
    if let Some(totals) = &operation.totals {
        totals::regional_status_details(out, totals);
    }
}

/// The content of a `<member>` of `ListStackSetOperations`.
pub(crate) fn operation_summary(out: &mut String, operation: &Operation, failed: Option<i32>) {
    xml::element(out, "OperationId", &operation.id);
    xml::optional(out, "Action", operation.action.as_deref());
    xml::optional(out, "Status", operation.listed_status.as_ref().or(operation.status.as_ref()).map(String::as_str));
    xml::optional(out, "CreationTimestamp", operation.created.as_deref());
    xml::optional(out, "EndTimestamp", operation.ended.as_deref());
    xml::optional(out, "StatusReason", operation.status_reason.as_deref());
    totals::status_details(out, failed, operation.totals.as_ref());
    if let Some(found) = &operation.preferences {
        preferences(out, found);
    }
}

/// The content of a `<member>` of `ListStackSets`.
pub(crate) fn stack_set_summary(out: &mut String, set: &StackSet) {
    xml::element(out, "StackSetName", &set.name);
    xml::element(out, "StackSetId", &set.id());
    xml::optional(out, "Description", set.description.as_deref());
    xml::element(out, "Status", &set.status);
    if let Some((enabled, retain)) = set.auto_deployment {
        xml::nested(out, "AutoDeployment", |out| {
            xml::scalar(out, "Enabled", Some(enabled));
            xml::scalar(out, "RetainStacksOnAccountRemoval", Some(retain));
        });
    }
    xml::optional(out, "PermissionModel", set.permission_model.as_deref());
    xml::optional(out, "DriftStatus", set.drift_status.as_deref());
    xml::optional(out, "LastDriftCheckTimestamp", set.last_drift_check.as_deref());
    if let Some(active) = set.managed_execution {
        xml::nested(out, "ManagedExecution", |out| {
            xml::scalar(out, "Active", Some(active));
        });
    }
}

fn preferences(out: &mut String, preferences: &Preferences) {
    xml::nested(out, "OperationPreferences", |out| {
        xml::optional(out, "RegionConcurrencyType", preferences.region_concurrency_type.as_deref());
        xml::list(out, "RegionOrder", &preferences.region_order);
        xml::scalar(out, "FailureToleranceCount", preferences.failure_tolerance_count);
        xml::scalar(out, "FailureTolerancePercentage", preferences.failure_tolerance_percentage);
        xml::scalar(out, "MaxConcurrentCount", preferences.max_concurrent_count);
        xml::scalar(out, "MaxConcurrentPercentage", preferences.max_concurrent_percentage);
        xml::optional(out, "ConcurrencyMode", preferences.concurrency_mode.as_deref());
    });
}

fn targets(out: &mut String, targets: &Targets) {
    xml::nested(out, "DeploymentTargets", |out| {
        if !targets.accounts.is_empty() {
            xml::list(out, "Accounts", &targets.accounts);
        }
        if !targets.organizational_unit_ids.is_empty() {
            xml::list(out, "OrganizationalUnitIds", &targets.organizational_unit_ids);
        }
        xml::optional(out, "AccountFilterType", targets.account_filter_type.as_deref());
    });
}

fn drift(out: &mut String, drift: &Drift) {
    xml::nested(out, "StackSetDriftDetectionDetails", |out| {
        xml::optional(out, "DriftStatus", drift.drift_status.as_deref());
        xml::optional(out, "DriftDetectionStatus", drift.detection_status.as_deref());
        xml::optional(out, "LastDriftCheckTimestamp", drift.last_check.as_deref());
        xml::scalar(out, "TotalStackInstancesCount", drift.total);
        xml::scalar(out, "DriftedStackInstancesCount", drift.drifted);
        xml::scalar(out, "InSyncStackInstancesCount", drift.in_sync);
        xml::scalar(out, "InProgressStackInstancesCount", drift.in_progress);
        xml::scalar(out, "FailedStackInstancesCount", drift.failed);
    });
}
