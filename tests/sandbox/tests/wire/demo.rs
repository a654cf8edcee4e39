//! The numbers of the demo's organization agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::{Aws, Row, demo};

use crate::client::{Signer, call};

fn rows(id: &str) -> Vec<Row> {
    let mut scenario = demo::scenario();
    let rows = &scenario.operation_mut(id).unwrap().rows;
    (0..rows.len()).map(|index| rows.with(index, Row::clone).unwrap()).collect()
}

fn counts(rows: &[Row]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.status.as_deref().unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn the_bad_day_has_every_target_once() {
    let rows = rows(demo::OPERATION_ID);
    let targets: BTreeSet<_> = rows.iter().map(|row| (&row.account, &row.region)).collect();
    assert_eq!((rows.len(), targets.len()), (2_000, 2_000));
    assert!(rows.iter().all(|row| {
        row.ou.as_deref().is_some_and(|ou| ou.starts_with("ou-"))
            && row.gate.is_none() == (row.status.as_deref() == Some("CANCELLED"))
    }));
    // The tolerance is 50 for each Region; only the last one exceeds it.
    for (region, exceeded) in
        [("us-east-1", false), ("eu-central-1", false), ("ap-southeast-2", false), ("me-south-1", true)]
    {
        let here: Vec<Row> = rows.iter().filter(|row| row.region.as_deref() == Some(region)).cloned().collect();
        assert_eq!(counts(&here)["FAILED"] > 50, exceeded, "{region}");
        assert_eq!(counts(&here).contains_key("CANCELLED"), exceeded, "{region}");
    }
}

#[test]
fn every_kind_of_cause_and_gate_is_there() {
    let rows = rows(demo::OPERATION_ID);
    let failed: Vec<&Row> = rows.iter().filter(|row| row.status.as_deref() == Some("FAILED")).collect();
    let with = |text: &str| {
        failed.iter().filter(|row| row.status_reason.as_deref().is_some_and(|reason| reason.contains(text))).count()
    };
    // Ten accounts in three Regions, and four of them in me-south-1.
    assert_eq!(with("role with trust relationship"), 34);
    assert_eq!(with("service control policy"), 24);
    assert_eq!(with("is not authorized to perform: cloudformation:CreateStack"), 21);
    assert_eq!(with("TooManyBuckets"), 20);
    assert_eq!(with("already exists"), 5);
    assert_eq!(with("Rate exceeded"), 4);
    assert_eq!(with("AccountGate check failed"), 10);
    assert_eq!(with("STS is not activated"), 59);
    assert_eq!(with("Baseline probe"), 1);
    let textless = failed.iter().filter(|row| row.status_reason.is_none()).count();
    assert_eq!(textless, 1);
    assert_eq!(failed.len(), 34 + 24 + 21 + 20 + 5 + 4 + 10 + 59 + 1 + 1);

    let gates: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| {
            let gate = row.gate.as_ref()?;
            let reason = gate.status_reason.as_deref().unwrap_or("-");
            let words: Vec<&str> = reason.split(' ').take(2).collect();
            let kind =
                if Some(reason) == row.status_reason.as_deref() { "as the row".to_owned() } else { words.join(" ") };
            Some(format!("{} {kind}", gate.status.as_deref()?))
        })
        .collect();
    assert_eq!(
        gates.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "FAILED Change freeze",
            "FAILED as the row",
            "SKIPPED AWSCloudFormationStackSetAccountGate function",
            "SKIPPED Function not",
            "SKIPPED Insufficient permissions",
            "SKIPPED No action",
            "SKIPPED as the row",
            "SUCCEEDED -",
        ]
    );
}

#[test]
fn the_other_operations_are_what_their_names_say() {
    for (id, expected) in [
        (demo::SUCCEEDED_ID, vec![("SUCCEEDED", 40)]),
        (demo::SUCCEEDED_WITH_FAILURES_ID, vec![("FAILED", 3), ("SUCCEEDED", 37)]),
        (demo::STOPPED_ID, vec![("CANCELLED", 26), ("SUCCEEDED", 14)]),
        (demo::RUNNING_ID, vec![("PENDING", 24), ("RUNNING", 4), ("SUCCEEDED", 12)]),
        (demo::ROLLED_UP_ID, vec![("FAILED", 28), ("SUCCEEDED", 12)]),
        (demo::TOTALS_DISAGREE_ID, vec![("FAILED", 4), ("SUCCEEDED", 36)]),
    ] {
        assert_eq!(counts(&rows(id)).into_iter().collect::<Vec<_>>(), expected, "{id}");
    }
}

#[test]
fn the_operations_are_served_under_their_arn() {
    let aws = Aws::start_in_thread(demo::scenario());
    let name = demo::ARN.split(":stackset/").nth(1).unwrap();
    aws.with(|scenario| assert_eq!(scenario.stack_sets[0].arn(), demo::ARN));
    for (id, status, failed) in [
        (demo::OPERATION_ID, "FAILED", "179"),
        (demo::SUCCEEDED_ID, "SUCCEEDED", "0"),
        (demo::SUCCEEDED_WITH_FAILURES_ID, "SUCCEEDED", "3"),
        (demo::STOPPED_ID, "STOPPED", "0"),
        (demo::RUNNING_ID, "RUNNING", "0"),
        (demo::ROLLED_UP_ID, "FAILED", "28"),
        (demo::TOTALS_DISAGREE_ID, "SUCCEEDED", "4"),
    ] {
        let answer = call(&aws, "DescribeStackSetOperation", &[("StackSetName", name), ("OperationId", id)]);
        assert_eq!(answer.one("Status"), Some(status), "{id}");
        assert_eq!(answer.one("FailedStackInstancesCount"), Some(failed), "{id}");
    }
    let topic = [("TopicArn", demo::TOPIC_ARN), ("Message", "m")];
    assert_eq!(call(&aws, "Publish", &topic).status, 200);
}

#[test]
fn the_events_of_a_nested_stack_have_the_cause_of_a_roll_up() {
    let failed: Vec<Row> =
        rows(demo::ROLLED_UP_ID).into_iter().filter(|row| row.status.as_deref() == Some("FAILED")).collect();
    let aws = Aws::start_in_thread(demo::scenario());
    for row in [&failed[0], &failed[27]] {
        let account = row.account.as_deref().unwrap();
        let target = [
            ("StackSetName", "security-baseline"),
            ("StackInstanceAccount", account),
            ("StackInstanceRegion", row.region.as_deref().unwrap()),
        ];
        let instance = call(&aws, "ListStackInstances", &target);
        let role = format!("arn:aws:iam::{account}:role/{}", demo::MEMBER_ROLE_NAME);
        let assumed = call(&aws, "AssumeRole", &[("RoleArn", &role), ("RoleSessionName", "test")]);
        let session = Signer::session("us-east-1", &assumed);
        let failures = |stack: &str| {
            let params = [("StackName", stack), ("Filters.FailedEvents", "true")];
            session.call(&aws, "DescribeEvents", &params).unwrap()
        };
        let outer = failures(instance.one("StackId").unwrap());
        assert_eq!(outer.all("LogicalResourceId"), ["AuditTopic", "AuditRoles"]);
        let nested = failures(outer.all("PhysicalResourceId")[0]);
        let reason = nested.all("ResourceStatusReason").pop().unwrap();
        assert!(reason.contains("'audit-reader' already exists"), "{reason}");
    }
}

#[test]
fn the_totals_agree_or_disagree_with_the_results() {
    let aws = Aws::start_in_thread(demo::scenario());
    for (id, total) in [(demo::ROLLED_UP_ID, "40"), (demo::TOTALS_DISAGREE_ID, "41")] {
        let params = [("StackSetName", "security-baseline"), ("OperationId", id)];
        let answer = call(&aws, "DescribeStackSetOperation", &params);
        assert_eq!(answer.one("TotalStackInstancesCount"), Some(total), "{id}");
        assert_eq!(rows(id).len(), 40);
    }
}
