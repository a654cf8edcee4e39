//! The SDK's types -> our own.

use aws_sdk_cloudformation::types;

use crate::operation::{
    CallAs, Drift, FailedEvent, Gate, GateStatus, Operation, OperationStatus, Preferences, ResultStatus, TargetResult,
    word,
};
use crate::text::clean;

/// The capacity in the SDK's words.
pub(super) fn to_sdk_call_as(call_as: CallAs) -> types::CallAs {
    match call_as {
        CallAs::SelfAccount => types::CallAs::SelfValue,
        CallAs::DelegatedAdmin => types::CallAs::DelegatedAdmin,
    }
}

/// An operation as it was described, without the totals, which the SDK does not know.
pub(super) fn described_operation(described: types::StackSetOperation) -> Operation {
    let count = |number: Option<i32>| number.and_then(|n| u64::try_from(n).ok());
    Operation {
        action: described.action().map(|action| word(action.as_str())),
        status: described.status().map_or(OperationStatus::Other(String::new()), |status| {
            OperationStatus::from(word(status.as_str()).as_str())
        }),
        failed_expected: count(
            described.status_details().and_then(types::StackSetOperationStatusDetails::failed_stack_instances_count),
        ),
        totals: None,
        started_at: described.creation_timestamp().and_then(millis),
        ended_at: described.end_timestamp().and_then(millis),
        organizational_units: described
            .deployment_targets()
            .map(|targets| targets.organizational_unit_ids().to_vec())
            .unwrap_or_default(),
        preferences: described.operation_preferences().map(preferences).unwrap_or_default(),
        retain_stacks: described.retain_stacks(),
        drift: described.stack_set_drift_detection_details().map(|drift| Drift {
            status: drift.drift_status().map(|status| status.as_str().to_owned()),
            drifted: count(drift.drifted_stack_instances_count()),
            in_sync: count(drift.in_sync_stack_instances_count()),
            in_progress: count(drift.in_progress_stack_instances_count()),
            failed: count(drift.failed_stack_instances_count()),
            total: count(drift.total_stack_instances_count()),
        }),
        status_reason: described.status_reason.map(|reason| clean(&reason)),
    }
}

fn preferences(preferences: &types::StackSetOperationPreferences) -> Preferences {
    let number = |number: Option<i32>| number.and_then(|n| u64::try_from(n).ok());
    Preferences {
        region_concurrency_type: preferences.region_concurrency_type().map(|word| word.as_str().to_owned()),
        region_order: preferences.region_order().to_vec(),
        failure_tolerance_count: number(preferences.failure_tolerance_count()),
        failure_tolerance_percentage: number(preferences.failure_tolerance_percentage()),
        max_concurrent_count: number(preferences.max_concurrent_count()),
        max_concurrent_percentage: number(preferences.max_concurrent_percentage()),
        concurrency_mode: preferences.concurrency_mode().map(|word| word.as_str().to_owned()),
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn millis(time: &aws_sdk_cloudformation::primitives::DateTime) -> Option<i64> {
    time.to_millis().ok()
}

/// An event that says why something failed: a validation, a hook that refused, or a resource.
pub(super) fn failed_event(event: types::OperationEvent) -> Option<FailedEvent> {
    let filled = |text: Option<String>| text.map(|text| clean(&text)).filter(|text| !text.is_empty());
    let only_warns = |mode: Option<&types::HookFailureMode>| mode == Some(&types::HookFailureMode::Warn);
    let has_failed = |status: &str| status.ends_with("FAILED");
    let validation = event.validation_status().is_some_and(|status| has_failed(status.as_str()))
        && !only_warns(event.validation_failure_mode());
    let hook =
        event.hook_status().is_some_and(|status| has_failed(status.as_str())) && !only_warns(event.hook_failure_mode());
    let resource = event.resource_status().is_some_and(|status| has_failed(status.as_str()));
    let at = event.timestamp().and_then(millis);
    let stack_id = filled(event.stack_id)?;
    let resource_type = filled(event.resource_type);
    let is_stack = resource_type.as_deref() == Some("AWS::CloudFormation::Stack");
    let nested_stack = filled(event.physical_resource_id)
        .filter(|id| is_stack && resource && id.starts_with("arn:") && id.contains(":stack/") && *id != stack_id);
    let reason = if validation {
        event.validation_status_reason
    } else if hook {
        event.hook_status_reason
    } else {
        event.resource_status_reason.filter(|_| resource)
    };
    Some(FailedEvent {
        reason: filled(reason)?,
        hook: filled(event.hook_type).filter(|_| hook && !validation),
        logical_id: filled(event.logical_resource_id),
        resource_type,
        nested_stack,
        stack_id,
        at,
    })
}

/// One row of a page of results.
pub(super) fn row(row: types::StackSetOperationResultSummary) -> TargetResult {
    let filled = |text: Option<String>| text.map(|text| clean(&text)).filter(|text| !text.is_empty());
    TargetResult {
        account: filled(row.account),
        region: filled(row.region),
        status: row.status.map(|status| ResultStatus::from(word(status.as_str()).as_str())),
        reason: filled(row.status_reason),
        gate: row.account_gate_result.map(|gate| Gate {
            status: gate.status.map(|status| GateStatus::from(word(status.as_str()).as_str())),
            reason: filled(gate.status_reason),
        }),
        organizational_unit_id: filled(row.organizational_unit_id),
    }
}
