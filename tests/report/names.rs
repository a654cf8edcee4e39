//! Suspended accounts among those without execution role, and the ids that names are wanted for.

use std::collections::HashSet;

use serde_json::{Value, json};
use stackset_notifier::operation::TargetResult;
use stackset_notifier::render::names_wanted;
use stackset_notifier::report::{ExpectGate, ReportBuilder, ReportContext};

use crate::make::{cancelled, described, document, failed, in_unit, named, report, row};

fn without_role(account: u64, region: &str) -> TargetResult {
    let text = format!("Account {account:012} should have 'Exec' role with trust relationship to Role 'Admin'.");
    failed(account, region, &text)
}

/// The document of these rows, added to two builders in turn, where these accounts are closed.
fn closed(rows: &[TargetResult], accounts: &[u64]) -> Value {
    let mut builders = [ReportBuilder::new(), ReportBuilder::new()];
    rows.iter().cloned().enumerate().for_each(|(n, row)| builders[n % 2].add(row));
    let [mut builder, other] = builders;
    builder.merge(other);
    let accounts: HashSet<String> = accounts.iter().map(|account| format!("{account:012}")).collect();
    assert!(accounts.iter().all(|account| builder.accounts_without_role().contains(account)));
    builder.reclassify_suspended(&accounts);
    document(&builder.build(&ReportContext {
        operation: &named(),
        call_as: stackset_notifier::operation::CallAs::SelfAccount,
        reader_account: None,
        described: &described("UPDATE", "FAILED", None),
        expect_gate: ExpectGate::Never,
        unread: None,
        now: None,
    }))
}

/// Code, basis, count and sample of each group.
fn groups(document: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for cause in document["causes"].as_array().unwrap() {
        for group in cause["groups"].as_array().unwrap() {
            all.push(json!([cause["code"], group["basis"], group["count"], group["sample"]]));
        }
    }
    all
}

fn sample(account: u64) -> String {
    format!("Account {account:012} should have 'Exec' role with trust relationship to Role 'Admin'.")
}

#[test]
fn a_group_is_split_by_the_state_of_its_accounts() {
    let rows = [
        without_role(1, "eu-west-1"),
        without_role(2, "eu-west-1"),
        without_role(2, "us-east-1"),
        without_role(3, "us-east-1"),
        failed(1, "us-east-1", "Rate exceeded"),
    ];
    let role = |count: u64, account| json!(["EXECUTION_ROLE_NOT_ASSUMABLE", "TEXT", count, sample(account)]);
    let state = |count: u64, account| json!(["ACCOUNT_SUSPENDED", "ACCOUNT_STATE", count, sample(account)]);
    let other = json!(["THROTTLING", "TEXT", 1, "Rate exceeded"]);
    for (accounts, wanted) in [
        (&[][..], vec![role(4, 1), other.clone()]),
        (&[2], vec![role(2, 1), state(2, 2), other.clone()]),
        // The group's only sample is of a moved target.
        (&[1], vec![role(3, 2), state(1, 1), other.clone()]),
        (&[1, 2, 3], vec![state(4, 1), other]),
    ] {
        let document = closed(&rows, accounts);
        assert_eq!(groups(&document), wanted);
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(closed(&turned, accounts).to_string(), document.to_string());
    }
}

#[test]
fn targets_that_rows_show_as_suspended_are_one_cause_with_those_of_closed_accounts() {
    let text = "Unable to access EC2 - account may be suspended or terminated (Service: AutoScaling, Status Code: 400)";
    let document = closed(&[failed(1, "eu-west-1", text), without_role(2, "eu-west-1")], &[2]);
    assert_eq!(document["causes"].as_array().unwrap().len(), 1);
    let mut bases: Vec<&Value> = groups_of(&document).map(|group| &group["basis"]).collect();
    bases.sort_by_key(|basis| basis.to_string());
    assert_eq!(bases, ["ACCOUNT_STATE", "TEXT"]);
}

fn groups_of(document: &Value) -> impl Iterator<Item = &Value> {
    document["causes"].as_array().unwrap().iter().flat_map(|cause| cause["groups"].as_array().unwrap())
}

#[test]
fn only_ids_as_aws_documents_them_are_looked_up() {
    let mut odd = failed(5, "eu-west-1", "Rate exceeded");
    odd.account = Some("../5".to_owned());
    let rows = [
        odd,
        in_unit(failed(1, "eu-west-1", "Rate exceeded"), "r-ab12"),
        in_unit(failed(2, "eu-west-1", "Rate exceeded"), "ou-ab12-12345678"),
        in_unit(cancelled(3, "eu-west-1"), "ou-ab12-87654321"),
        in_unit(cancelled(4, "eu-west-1"), "ou-ab12-87654321"),
        in_unit(row(6, "eu-west-1", "SUCCEEDED"), "ou-ab12-aaaaaaaa"),
        in_unit(failed(7, "eu-west-1", "Rate exceeded"), "OU-1"),
    ];
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Never);
    let (accounts, units) = names_wanted(&report);
    assert_eq!(accounts, ["000000000001", "000000000002", "000000000007"]);
    assert_eq!(units, ["ou-ab12-87654321", "ou-ab12-12345678"]);
}

#[test]
fn many_causes_share_the_names_of_a_message() {
    let texts = [
        "Internal Failure",
        "Rate exceeded",
        "Insufficient permissions",
        "Resource already exists",
        "odd",
        "The maximum number of buckets has been reached",
        "Resource did not stabilize",
        "Template error",
        "The account is suspended.",
    ];
    let rows: Vec<TargetResult> = (0..texts.len() as u64 * 30)
        .map(|n| failed(n + 1, "eu-west-1", texts[usize::try_from(n).unwrap() / 30]))
        .collect();
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Never);
    let (accounts, units) = names_wanted(&report);
    assert_eq!((accounts.len(), units.len()), (50, 0));
    let of_cause = |range: &[String]| {
        let mut causes: Vec<u64> = range.iter().map(|id| (id.parse::<u64>().unwrap() - 1) / 30).collect();
        causes.dedup();
        causes.len()
    };
    assert_eq!(of_cause(&accounts[..27]), 9);
    assert_eq!(accounts.iter().collect::<HashSet<_>>().len(), 50);
}
