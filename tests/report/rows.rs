//! Arbitrary rows, near to what AWS sends and far from it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use stackset_notifier::operation::{
    Drift, Gate, GateStatus, Operation, OperationRef, OperationStatus, Preferences, ResultStatus, StackSetRef,
    TargetResult, TargetTotals, Totals,
};

const REASONS: &[&str] = &[
    "Cancelled since failure tolerance has exceeded",
    "Account 200000000001 should have 'Exec' role with trust relationship to Role 'Admin'.",
    "Account 200000000002 should have 'Exec' role with trust relationship to Role 'Admin'.",
    "ResourceLogicalId:Bucket, ResourceType:AWS::S3::Bucket, ResourceStatusReason:You have attempted to create more buckets than allowed (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets; Request ID: F7F21CXMPL580224).",
    "User: arn:aws:sts::200000000004:assumed-role/exec/x is not authorized to perform: iam:CreateRole on resource: r with an explicit deny in a service control policy",
    "No updates are to be performed.",
    "Account 200000000009 is suspended",
    "AccountGate check failed",
    "Rate exceeded (Service: AmazonECS; Status Code: 400; Error Code: ThrottlingException)",
    "something nobody has ever seen",
    "",
];

fn reason() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof![
        6 => proptest::sample::select(REASONS).prop_map(str::to_owned),
        1 => "\\PC{0,40}",
        1 => any::<String>(),
    ])
}

fn status() -> impl Strategy<Value = Option<ResultStatus>> {
    const KNOWN: [&str; 8] =
        ["SUCCEEDED", "FAILED", "FAILED", "CANCELLED", "PENDING", "RUNNING", "SKIPPED_SUSPENDED_ACCOUNT", ""];
    option::weighted(0.95, proptest::sample::select(&KNOWN[..]).prop_map(ResultStatus::from))
}

fn gate() -> impl Strategy<Value = Option<Gate>> {
    let status = proptest::sample::select(&["SUCCEEDED", "FAILED", "SKIPPED", "POSTPONED"][..]);
    let status = option::of(status.prop_map(GateStatus::from));
    const TEXTS: [&str; 4] = [
        "Function not found: arn:aws:lambda:eu-west-1:200000000001:function:AWSCloudFormationStackSetAccountGate",
        "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate",
        "Account 200000000001 should have 'Exec' role with trust relationship to Role 'Admin'.",
        "no",
    ];
    let reason =
        option::of(proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned).boxed().prop_union(".{0,20}".boxed()));
    option::of((status, reason).prop_map(|(status, reason)| Gate { status, reason }))
}

prop_compose! {
    pub(crate) fn row()(
        account in option::weighted(0.95, prop_oneof![8 => (0..30_u64).prop_map(|n| format!("{:012}", 200_000_000_000 + n)), 1 => any::<String>()]),
        region in option::weighted(0.95, prop_oneof![8 => proptest::sample::select(&["eu-west-1", "us-east-1", "ap-south-1"][..]).prop_map(str::to_owned), 1 => any::<String>()]),
        status in status(),
        reason in reason(),
        gate in gate(),
        unit in option::of(proptest::sample::select(&["ou-a-1", "ou-a-2", "ou-b-1"][..])),
    ) -> TargetResult {
        TargetResult {
            account,
            region,
            status,
            reason: reason.filter(|text| !text.is_empty()),
            gate,
            organizational_unit_id: unit.map(str::to_owned),
        }
    }
}

pub(crate) fn rows(most: usize) -> impl Strategy<Value = Vec<TargetResult>> {
    vec(row(), 0..most)
}

fn drift() -> impl Strategy<Value = Drift> {
    let n = || option::of(0..3_000_u64);
    (option::of(prop_oneof![Just("DRIFTED".to_owned()), any::<String>()]), n(), n(), n(), n(), n()).prop_map(
        |(status, drifted, in_sync, in_progress, failed, total)| Drift {
            status,
            drifted,
            in_sync,
            in_progress,
            failed,
            total,
        },
    )
}

prop_compose! {
    fn target_totals()(n in proptest::array::uniform6(option::of(0..50_u64))) -> TargetTotals {
        let [targets, succeeded, failed, cancelled, skipped, pending] = n;
        TargetTotals { targets, succeeded, failed, cancelled, skipped, pending }
    }
}

prop_compose! {
    fn totals()(
        accounts in option::of(any::<u64>()),
        all in target_totals(),
        by_region in proptest::collection::btree_map("eu-west-1|us-east-1|me-south-1", target_totals(), 0..3),
    ) -> Totals {
        Totals { accounts, all, by_region }
    }
}

prop_compose! {
    pub(crate) fn operation()(
        action in option::of(prop_oneof![proptest::sample::select(&["CREATE", "UPDATE", "DELETE", "DETECT_DRIFT"][..]).prop_map(str::to_owned), any::<String>()]),
        status in prop_oneof![proptest::sample::select(&["SUCCEEDED", "FAILED", "STOPPED", "RUNNING", "QUEUED"][..]).prop_map(str::to_owned), any::<String>()],
        status_reason in option::of(any::<String>()),
        failed_expected in option::of(0..50_u64),
        totals in option::of(totals()),
        started_at in option::of(any::<i64>()),
        ended_at in option::of(1_700_000_000_000..1_900_000_000_000_i64),
        retain_stacks in option::of(any::<bool>()),
        organizational_units in vec("ou-[a-z0-9]{4}-[a-z0-9]{8}", 0..3),
        tolerance in option::of(0..100_u64),
        region_order in vec(proptest::sample::select(&["eu-west-1", "us-east-1", "ap-south-1"][..]).prop_map(str::to_owned), 0..4),
        drift in option::of(drift()),
    ) -> Operation {
        Operation {
            action,
            status: OperationStatus::from(status.as_str()),
            status_reason,
            failed_expected,
            totals,
            started_at,
            ended_at,
            organizational_units,
            preferences: Preferences { failure_tolerance_percentage: tolerance, region_order, ..Preferences::default() },
            retain_stacks,
            drift,
        }
    }
}

prop_compose! {
    pub(crate) fn names()(
        name in prop_oneof!["[a-zA-Z][-a-zA-Z0-9]{0,127}", "[a-z]{0,9}-[0-9]{12}(-[a-z0-9]{0,100})?", any::<String>()],
        id in option::of("[0-9a-f]{8}-[0-9a-f]{4}"),
        operation_id in prop_oneof!["[a-zA-Z0-9][-a-zA-Z0-9]{0,127}", any::<String>()],
        account in option::of("[0-9]{12}"),
        partition in proptest::sample::select(&["aws", "aws-cn", "aws-us-gov", "aws-iso"][..]),
    ) -> OperationRef {
        let (partition, region) = (partition.to_owned(), "eu-central-1".to_owned());
        OperationRef { stack_set: StackSetRef { name, id, partition, region, account }, operation_id }
    }
}
