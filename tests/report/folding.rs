//! What rows become: gates, groups, causes, collateral, Regions and units.

use serde_json::{Value, json};
use stackset_notifier::operation::{Gate, TargetResult};
use stackset_notifier::report::ExpectGate;

use crate::make::{cancelled, described, document, failed, in_unit, named, report, row, with_gate};

const NO_FUNCTION: &str =
    "Function not found: arn:aws:lambda:eu-west-1:000000000003:function:AWSCloudFormationStackSetAccountGate";
const ROLE: &str = "Account 000000000007 should have 'Exec' role with trust relationship to Role 'Admin'.";

fn of(rows: &[TargetResult], status: &str, expect: ExpectGate) -> Value {
    document(&report(rows, &named(), &described("UPDATE", status, None), expect))
}

/// One row for each of the eight meanings.
fn every_gate() -> Vec<TargetResult> {
    let ok = |account| row(account, "eu-west-1", "SUCCEEDED");
    vec![
        with_gate(ok(1), "SUCCEEDED", ""),
        with_gate(row(2, "eu-west-1", "FAILED"), "FAILED", "change freeze"),
        with_gate(ok(3), "SKIPPED", NO_FUNCTION),
        with_gate(ok(4), "SKIPPED", "AWSCloudFormationStackSetAccountGate function not found"),
        with_gate(ok(5), "SKIPPED", "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate"),
        with_gate(ok(6), "SKIPPED", "No action is necessary"),
        with_gate(failed(7, "eu-west-1", ROLE), "SKIPPED", ROLE),
        cancelled(8, "eu-west-1"),
        with_gate(ok(9), "POSTPONED", "whatever"),
    ]
}

#[test]
fn every_gate_answer_has_its_count() {
    let gate = &of(&every_gate(), "FAILED", ExpectGate::Auto)["accountGate"];
    let counts =
        ["passed", "refused", "notConfigured", "notInvokable", "noAction", "notReached", "absent", "unrecognized"]
            .map(|meaning| gate[meaning].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 2, 1, 1, 1, 1, 1]);
    let accounts: Vec<&str> =
        gate["skipped"]["targets"][0]["accounts"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(accounts, ["000000000003", "000000000004", "000000000005"]);
}

#[test]
fn skipped_gates_are_listed_where_gates_are_in_use_or_said_to_be() {
    let skipped =
        |rows: &[TargetResult], expect| of(rows, "SUCCEEDED", expect)["accountGate"]["skipped"]["count"].clone();
    let without = &every_gate()[2..5];
    assert_eq!(skipped(without, ExpectGate::Auto), 0);
    assert_eq!(skipped(without, ExpectGate::Always), 3);
    assert_eq!(skipped(&every_gate(), ExpectGate::Auto), 3);
    assert_eq!(skipped(&every_gate(), ExpectGate::Never), 0);
    // A gate that refused answered, too.
    assert_eq!(skipped(&every_gate()[1..5], ExpectGate::Auto), 3);
}

#[test]
fn an_organization_without_gates_has_no_problem() {
    let report = report(&every_gate()[2..4], &named(), &described("UPDATE", "SUCCEEDED", Some(0)), ExpectGate::Auto);
    assert!(report.problems().is_empty());
}

#[test]
fn many_skipped_gates_are_counted_exactly_and_listed_in_order() {
    let mut rows: Vec<TargetResult> = (0..10_000)
        .map(|i| with_gate(row((i * 7_919) % 10_000, "eu-west-1", "SUCCEEDED"), "SKIPPED", NO_FUNCTION))
        .collect();
    rows.push(with_gate(row(10_000, "eu-west-1", "SUCCEEDED"), "SUCCEEDED", ""));
    let skipped = &of(&rows, "SUCCEEDED", ExpectGate::Auto)["accountGate"]["skipped"];
    assert_eq!(skipped["count"], 10_000);
    let listed = skipped["targets"][0]["accounts"].as_array().unwrap();
    assert_eq!(listed.len() as u64 + skipped["targetsOmitted"].as_u64().unwrap(), 10_000);
    assert!(listed.iter().enumerate().all(|(i, target)| *target == format!("{i:012}")));
}

#[test]
fn a_gate_that_was_not_asked_is_no_cause() {
    let refused = with_gate(failed(1, "eu-west-1", "AccountGate check failed"), "FAILED", "change freeze");
    let unasked = with_gate(
        failed(
            2,
            "eu-west-1",
            "User: arn:aws:sts::000000000002:assumed-role/exec/x is not authorized to perform: s3:CreateBucket",
        ),
        "SKIPPED",
        "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate",
    );
    let document = of(&[refused, unasked], "FAILED", ExpectGate::Auto);
    let codes: Vec<&Value> = document["causes"].as_array().unwrap().iter().map(|cause| &cause["code"]).collect();
    assert_eq!(codes, ["ACCESS_DENIED", "ACCOUNT_GATE_FAILED"]);
}

#[test]
fn texts_that_differ_in_ids_only_are_one_group_with_one_real_sample() {
    let text = |account: u64, region: &str, id: &str, action: &str| {
        failed(
            account,
            region,
            &format!(
                "Resource handler returned message: \"User: arn:aws:sts::{account:012}:assumed-role/exec/x is not authorized \
                 to perform: {action} on resource: arn:aws:s3:{region}:{account:012}:accesspoint/p (Service: S3, Status Code: \
                 403, Request ID: {id})\" (RequestToken: {id}, HandlerErrorCode: AccessDenied)."
            ),
        )
    };
    let rows = [
        text(200_000_000_002, "us-east-1", "aaaa7f10-a5d6-44d5-8191-dba9f27d36f3", "s3:CreateAccessPoint"),
        text(200_000_000_001, "eu-west-1", "bb4b2fc5-26cd-de7b-a7d9-8653c44f8642", "s3:CreateAccessPoint"),
        text(200_000_000_001, "us-east-1", "cc4b2fc5-26cd-de7b-a7d9-8653c44f8642", "s3:DeleteAccessPoint"),
    ];
    let document = of(&rows, "FAILED", ExpectGate::Auto);
    let cause = &document["causes"][0];
    assert_eq!((&cause["code"], &cause["count"]), (&json!("ACCESS_DENIED"), &json!(3)));
    assert_eq!((&cause["accounts"], &cause["regions"]), (&json!(2), &json!(2)));
    let groups = cause["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "another action is another problem");
    assert_eq!(groups[0]["count"], 2);
    assert!(groups[0]["sample"].as_str().unwrap().contains("bb4b2fc5"), "the sample is the first target's own text");
    assert!(!groups[0]["pattern"].as_str().unwrap().contains("bb4b2fc5"));
    assert_eq!(
        groups[0]["targets"][0],
        json!({"region": "eu-west-1", "organizationalUnitId": null, "accounts": ["200000000001"]})
    );
    let step = cause["nextStep"].as_str().unwrap();
    assert!(step.contains("s3:CreateAccessPoint") && step.contains("s3:DeleteAccessPoint"), "{step}");
}

#[test]
fn a_target_that_runs_and_names_a_cause_is_reported() {
    let running = TargetResult { reason: Some("Rate exceeded".to_owned()), ..row(1, "eu-west-1", "RUNNING") };
    let document = of(&[running, row(2, "eu-west-1", "PENDING")], "RUNNING", ExpectGate::Auto);
    assert_eq!(document["causes"][0]["code"], "THROTTLING");
    assert_eq!(document["causes"][0]["count"], 1);
    assert_eq!(document["outcome"], "IN_PROGRESS");
}

#[test]
fn a_hundred_running_targets_are_named_in_order_and_the_others_counted() {
    let rows: Vec<TargetResult> = (0..5_000)
        .map(|i| row((i * 7_919) % 5_000, if i % 2 == 0 { "us-east-1" } else { "eu-west-1" }, "RUNNING"))
        .chain([TargetResult { account: None, ..row(0, "us-east-1", "RUNNING") }, row(1, "ap-south-1", "PENDING")])
        .collect();
    let document = of(&rows, "RUNNING", ExpectGate::Auto);
    let progress = &document["inProgress"];
    assert_eq!(progress["queued"], Value::Null);
    let [first, second] = progress["targets"].as_array().unwrap().as_slice() else { panic!("{progress}") };
    // Odd numbers are in eu-west-1.
    let accounts: Vec<String> = (0..100).map(|i| format!("{:012}", 2 * i + 1)).collect();
    assert_eq!(first, &json!({"region": "eu-west-1", "accounts": accounts, "accountsOmitted": 2_400}));
    assert_eq!(second, &json!({"region": "us-east-1", "accounts": [], "accountsOmitted": 2_501}));
    let backwards: Vec<TargetResult> = rows.into_iter().rev().collect();
    assert_eq!(of(&backwards, "RUNNING", ExpectGate::Auto)["inProgress"], *progress);
}

#[test]
fn a_target_that_runs_and_only_chats_names_no_cause() {
    let chatty = TargetResult { reason: Some("Zephyr".to_owned()), ..row(1, "eu-west-1", "RUNNING") };
    assert_eq!(of(&[chatty], "RUNNING", ExpectGate::Auto)["causes"], json!([]));
}

#[test]
fn what_the_gate_said_is_shown_where_it_is_the_cause() {
    let refused = with_gate(failed(1, "eu-west-1", "AccountGate check failed"), "FAILED", "Change freeze until Monday");
    let group = &of(&[refused], "FAILED", ExpectGate::Auto)["causes"][0]["groups"][0];
    assert_eq!(
        (&group["sample"], &group["gateReason"]),
        (&json!("AccountGate check failed"), &json!("Change freeze until Monday"))
    );
}

#[test]
fn cancelled_targets_are_never_causes_and_odd_texts_stay_visible() {
    let odd = |account: u64, text: Option<&str>| TargetResult {
        reason: text.map(str::to_owned),
        ..row(account, "eu-west-1", "CANCELLED")
    };
    let stopped = odd(3, Some("Cancelled since the operation was stopped"));
    let rows =
        [cancelled(1, "eu-west-1"), cancelled(2, "eu-west-1"), stopped, odd(4, Some("the moon is full")), odd(5, None)];
    let document = of(&rows, "STOPPED", ExpectGate::Auto);
    assert_eq!(document["causes"], json!([]));
    let collateral = &document["collateral"];
    assert_eq!((&collateral["failureToleranceExceeded"], &collateral["operationStopped"]), (&json!(2), &json!(1)));
    assert_eq!(
        collateral["reasons"],
        json!([
            {"pattern": null, "sample": null, "count": 1},
            {"pattern": "the moon is full", "sample": "the moon is full", "count": 1},
        ])
    );
    assert_eq!(collateral["targets"][0]["accounts"].as_array().unwrap().len(), 5);
}

#[test]
fn regions_and_units_have_their_own_counts_and_no_unit_is_none() {
    let rows = [
        in_unit(row(1, "us-east-1", "SUCCEEDED"), "ou-a"),
        in_unit(failed(2, "eu-west-1", "x"), "ou-a"),
        in_unit(cancelled(3, "eu-west-1"), "ou-b"),
        row(4, "eu-west-1", "PARKED"),
    ];
    let document = of(&rows, "FAILED", ExpectGate::Auto);
    assert_eq!(
        document["byRegion"],
        json!([
            {"region": "eu-west-1", "succeeded": 0, "failed": 1, "cancelled": 1, "other": 1},
            {"region": "us-east-1", "succeeded": 1, "failed": 0, "cancelled": 0, "other": 0},
        ])
    );
    assert_eq!(
        document["byOrganizationalUnit"],
        json!([
            {"organizationalUnitId": null, "succeeded": 0, "failed": 0, "cancelled": 0, "other": 1},
            {"organizationalUnitId": "ou-a", "succeeded": 1, "failed": 1, "cancelled": 0, "other": 0},
            {"organizationalUnitId": "ou-b", "succeeded": 0, "failed": 0, "cancelled": 1, "other": 0},
        ])
    );
}

#[test]
fn texts_of_any_length_and_script_do_no_harm() {
    let texts = [
        "あ".repeat(100_000),
        "\0\u{202e}\u{feff}".repeat(5_000),
        "(".repeat(100_000),
        "ResourceLogicalId:".repeat(5_000),
        "(Service: ".repeat(10_000),
        "\"".repeat(50_000),
        "ارتفاع ".repeat(9_999),
        String::new(),
    ];
    let rows: Vec<TargetResult> = texts.iter().zip(1..).map(|(text, i)| failed(i, "eu-west-1", text)).collect();
    let gated: Vec<TargetResult> = texts
        .iter()
        .zip(100..)
        .map(|(text, i)| TargetResult {
            gate: Some(Gate { status: Some("SKIPPED".into()), reason: Some(text.clone()) }),
            ..row(i, "eu-west-1", "SUCCEEDED")
        })
        .collect();
    let document = of(&[rows, gated].concat(), "FAILED", ExpectGate::Auto);
    assert_eq!(document["counts"]["failed"], texts.len());
}

#[test]
fn gates_that_refused_for_different_reasons_are_different_groups() {
    let refused = |account, why: &str| with_gate(row(account, "eu-west-1", "FAILED"), "FAILED", why);
    let rows = [
        refused(1, "Change freeze until Monday"),
        refused(2, "Account lacks the CostCenter tag"),
        refused(3, "Change freeze until Monday"),
    ];
    let groups = of(&rows, "FAILED", ExpectGate::Auto)["causes"][0]["groups"].clone();
    let reasons: Vec<(&str, u64)> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (g["gateReason"].as_str().unwrap(), g["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(reasons, [("Change freeze until Monday", 2), ("Account lacks the CostCenter tag", 1)]);
}

#[test]
fn the_order_of_rows_that_differ_only_in_their_gates_changes_nothing() {
    let nameless = |why: &str| TargetResult {
        account: None,
        region: None,
        ..with_gate(failed(1, "x", "AccountGate check failed"), "FAILED", why)
    };
    let rows = [nameless("account 200000000001 is frozen"), nameless("account 200000000002 is frozen")];
    let reversed = [rows[1].clone(), rows[0].clone()];
    assert_eq!(
        of(&rows, "FAILED", ExpectGate::Auto).to_string(),
        of(&reversed, "FAILED", ExpectGate::Auto).to_string()
    );
}

#[test]
fn what_has_not_ended_is_no_collateral_among_causes() {
    for text in ["Cancelled since failure tolerance has exceeded", "No updates are to be performed."] {
        let running = TargetResult { reason: Some(text.to_owned()), ..row(1, "eu-west-1", "RUNNING") };
        assert_eq!(of(&[running], "RUNNING", ExpectGate::Auto)["causes"], json!([]), "{text}");
    }
}

#[test]
fn gate_answers_that_are_not_known_keep_their_words() {
    let rows = [with_gate(row(1, "eu-west-1", "SUCCEEDED"), "DEFERRED", "Quux said so")];
    let gate = of(&rows, "SUCCEEDED", ExpectGate::Auto)["accountGate"].clone();
    assert_eq!(gate["unrecognized"], 1);
    assert_eq!(
        gate["reasons"],
        json!([{"status": "DEFERRED", "pattern": "Quux said so", "sample": "Quux said so", "count": 1}])
    );
}
