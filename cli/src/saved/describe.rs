//! The saved output of `describe-stack-set-operation`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use stackset_notifier::operation::{self, Drift, Operation, OperationStatus, Preferences, TargetTotals, Totals, word};
use stackset_notifier::text::clean;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Described, input};
use crate::error::Error;

const COMMAND: &str = "describe-stack-set-operation";

pub(super) fn parse(file: &Path, text: &[u8]) -> Result<Described, Error> {
    let answer: Answer = serde_json::from_slice(text).map_err(|error| {
        let is_another = error.is_data() && error.to_string().starts_with("missing field `StackSetOperation`");
        match input(file, COMMAND, &error) {
            Error::Input { file, line, column, .. } if is_another => {
                Error::Input { file, line, column, problem: format!("this is not the output of {COMMAND}") }
            }
            other => other,
        }
    })?;
    let raw = answer.operation;
    let (stack_set, operation_id) = (raw.stack_set_id.clone(), raw.operation_id.clone());
    if let Some(id) = operation_id.as_ref().filter(|id| !operation::is_id(id)) {
        return Err(Error::File {
            file: file.to_owned(),
            cause: format!("its OperationId {id:?} is not an operation ID"),
        });
    }
    Ok(Described { operation: raw.into(), stack_set, operation_id })
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Answer {
    #[serde(rename = "StackSetOperation")]
    operation: Raw,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
struct Raw {
    operation_id: Option<String>,
    stack_set_id: Option<String>,
    action: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    retain_stacks: Option<bool>,
    creation_timestamp: Option<Time>,
    end_timestamp: Option<Time>,
    #[serde(default, deserialize_with = "or_default")]
    operation_preferences: RawPreferences,
    #[serde(default, deserialize_with = "or_default")]
    deployment_targets: RawTargets,
    #[serde(default, deserialize_with = "or_default")]
    status_details: StatusDetails,
    #[serde(default, deserialize_with = "or_default")]
    regional_status_details: BTreeMap<String, Regional>,
    stack_set_drift_detection_details: Option<RawDrift>,
}

/// The default where the value is `null`.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// ISO 8601, or seconds since the Unix epoch where `cli_timestamp_format` says so.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a timestamp is neither text nor a number")]
enum Time {
    Seconds(f64),
    Text(String),
}

impl Time {
    fn millis(self) -> Option<i64> {
        match self {
            // A float that is no time becomes one of the ends, which no calendar holds.
            Self::Seconds(seconds) => Some((seconds * 1_000.0) as i64),
            Self::Text(text) => {
                let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
                i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
            }
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default, expecting = "an object")]
struct RawPreferences {
    region_concurrency_type: Option<String>,
    #[serde(deserialize_with = "or_default")]
    region_order: Vec<String>,
    failure_tolerance_count: Option<u64>,
    failure_tolerance_percentage: Option<u64>,
    max_concurrent_count: Option<u64>,
    max_concurrent_percentage: Option<u64>,
    concurrency_mode: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default, expecting = "an object")]
struct RawTargets {
    #[serde(deserialize_with = "or_default")]
    organizational_unit_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default, expecting = "an object")]
struct StatusDetails {
    failed_stack_instances_count: Option<u64>,
    total_stack_instances_count: Option<u64>,
    total_accounts_count: Option<u64>,
    #[serde(deserialize_with = "or_default")]
    stages: Stages,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default, expecting = "an object")]
struct Regional {
    #[serde(deserialize_with = "or_default")]
    stages: Stages,
}

#[derive(Deserialize, Default)]
#[serde(default, expecting = "an object")]
struct Stages {
    #[serde(
        rename = "StackInstancesDeployment",
        alias = "RegionalStackInstancesDeployment",
        deserialize_with = "or_default"
    )]
    deployment: Deployment,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default, expecting = "an object")]
struct Deployment {
    status: Option<String>,
    succeeded_stack_instances_count: Option<u64>,
    failed_stack_instances_count: Option<u64>,
    cancelled_stack_instances_count: Option<u64>,
    skipped_stack_instances_count: Option<u64>,
    pending_stack_instances_count: Option<u64>,
    total_stack_instances_count: Option<u64>,
}

impl From<Deployment> for TargetTotals {
    fn from(counted: Deployment) -> Self {
        // A drift detection deploys nothing: what it counts here says nothing of its targets.
        if counted.status.as_deref() == Some("NOT_APPLICABLE") {
            return Self::default();
        }
        Self {
            targets: counted.total_stack_instances_count,
            succeeded: counted.succeeded_stack_instances_count,
            failed: counted.failed_stack_instances_count,
            cancelled: counted.cancelled_stack_instances_count,
            skipped: counted.skipped_stack_instances_count,
            pending: counted.pending_stack_instances_count,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
struct RawDrift {
    drift_status: Option<String>,
    drifted_stack_instances_count: Option<u64>,
    in_sync_stack_instances_count: Option<u64>,
    in_progress_stack_instances_count: Option<u64>,
    failed_stack_instances_count: Option<u64>,
    total_stack_instances_count: Option<u64>,
}

impl From<Raw> for Operation {
    fn from(raw: Raw) -> Self {
        let preferences = raw.operation_preferences;
        let details = raw.status_details;
        let all = TargetTotals { targets: details.total_stack_instances_count, ..details.stages.deployment.into() };
        let by_region = raw.regional_status_details.into_iter();
        let by_region = by_region.map(|(region, of)| (clean(&region), of.stages.deployment.into())).collect();
        let totals = Totals { accounts: details.total_accounts_count, all, by_region };
        Self {
            action: raw.action.map(|action| word(&action)),
            status: OperationStatus::from(raw.status.map(|status| word(&status)).unwrap_or_default().as_str()),
            status_reason: raw.status_reason.map(|reason| clean(&reason)),
            failed_expected: details.failed_stack_instances_count,
            totals: Some(totals).filter(|totals| *totals != Totals::default()),
            started_at: raw.creation_timestamp.and_then(Time::millis),
            ended_at: raw.end_timestamp.and_then(Time::millis),
            organizational_units: raw.deployment_targets.organizational_unit_ids,
            preferences: Preferences {
                region_concurrency_type: preferences.region_concurrency_type,
                region_order: preferences.region_order,
                failure_tolerance_count: preferences.failure_tolerance_count,
                failure_tolerance_percentage: preferences.failure_tolerance_percentage,
                max_concurrent_count: preferences.max_concurrent_count,
                max_concurrent_percentage: preferences.max_concurrent_percentage,
                concurrency_mode: preferences.concurrency_mode,
            },
            retain_stacks: raw.retain_stacks,
            drift: raw.stack_set_drift_detection_details.map(|drift| Drift {
                status: drift.drift_status,
                drifted: drift.drifted_stack_instances_count,
                in_sync: drift.in_sync_stack_instances_count,
                in_progress: drift.in_progress_stack_instances_count,
                failed: drift.failed_stack_instances_count,
                total: drift.total_stack_instances_count,
            }),
        }
    }
}
