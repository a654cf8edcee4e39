//! Whole messages of the situations that people meet, as they read.

use serde_json::Value;
use stackset_notifier::operation::{CallAs, Drift, Operation, OperationRef, StackSetRef, TargetResult};
use stackset_notifier::render::{self, MESSAGE_LIMIT};
use stackset_notifier::report::{ExpectGate, Report};

use crate::make::{cancelled, described, failed, in_unit, named, report, report_as, row, with_gate};

const ROLE: &str = "Account 000000000001 should have 'Exec' role with trust relationship to Role 'Admin'.";
const NO_FUNCTION: &str =
    "Function not found: arn:aws:lambda:eu-west-1:000000000003:function:AWSCloudFormationStackSetAccountGate";

/// Subject, short message, attributes, mail and chat; the document is checked against its schema
/// and its sums.
fn message(report: &Report) -> String {
    let message = render::message(report).unwrap();
    assert!(message.size() <= MESSAGE_LIMIT);
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let text = |protocol: &str| bodies[protocol].as_str().unwrap();
    crate::schema::check(&serde_json::from_str(text("sqs")).unwrap());
    let chat: Value = serde_json::from_str(text("https")).unwrap();
    let attributes: Vec<String> = message.attributes.iter().map(|a| format!("{}={}", a.name, a.value)).collect();
    let steps: Vec<&str> =
        chat["content"]["nextSteps"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    for line in text("email").lines() {
        // Commands, links and ids cannot be broken.
        let unbreakable = line.split(' ').any(|word| word.chars().count() > 60) || line.contains(" --region ");
        assert!(line.chars().count() <= 78 || unbreakable, "{line}");
    }
    format!(
        "Subject: {}\nSMS: {}\nAttributes: {}\n\n=== mail\n{}\n=== chat: {}\n{}\n\n- {}\n[{}]\n",
        message.subject,
        text("sms"),
        attributes.join(" "),
        text("email"),
        chat["content"]["title"].as_str().unwrap(),
        chat["content"]["description"].as_str().unwrap(),
        steps.join("\n- "),
        chat["content"]["keywords"],
    )
}

fn of(rows: &[TargetResult], described: &Operation) -> String {
    message(&report(rows, &named(), described, ExpectGate::Auto))
}

fn succeeded(accounts: std::ops::Range<u64>, region: &str) -> Vec<TargetResult> {
    accounts.map(|account| row(account, region, "SUCCEEDED")).collect()
}

#[test]
fn one_failure() {
    let mut rows = succeeded(1..40, "eu-west-1");
    rows.push(failed(
        40,
        "eu-west-1",
        "Rate exceeded (Service: AmazonECS; Status Code: 400; Error Code: ThrottlingException)",
    ));
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "SUCCEEDED", Some(1))));
}

#[test]
fn nine_hundred_rows_of_one_cause() {
    let rows: Vec<TargetResult> = (0..900)
        .map(|i| {
            failed(
                i / 3,
                ["eu-west-1", "us-east-1", "ap-south-1"][(i % 3) as usize],
                &ROLE.replace("000000000001", &format!("{:012}", i / 3)),
            )
        })
        .collect();
    insta::assert_snapshot!(of(&rows, &described("CREATE", "FAILED", Some(900))));
}

#[test]
fn forty_texts_of_many_causes() {
    let texts = [
        ROLE,
        "User: arn:aws:sts::000000000001:assumed-role/exec/x is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::000000000001:role/R with an explicit deny in a service control policy: arn:aws:organizations::111111111111:policy/o-abc/service_control_policy/p-def",
        "Rate exceeded",
        "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        "Parameters: [AdminEmail] do not exist in the template",
        "Internal Failure",
        "No export named SharedVpcId found",
        "S3 error: Access Denied",
        "STS is not activated in this region for account:000000000001.",
        "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)",
        "The following hook(s) failed: [ControlTower::Guard::Hook]",
        "Resource handler returned message: \"Exceeded attempts to wait\" (RequestToken: x, HandlerErrorCode: NotStabilized)",
        "Template error: instance of Fn::GetAtt references undefined resource Nested",
    ];
    let rows: Vec<TargetResult> = (0..400_u64)
        .map(|i| {
            failed(
                i,
                "eu-west-1",
                &format!(
                    "{}{}",
                    texts[(i % 13) as usize],
                    if i % 40 < 13 { String::new() } else { format!(" variant{}", ["A", "B", "C"][(i % 3) as usize]) }
                ),
            )
        })
        .collect();
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "FAILED", Some(400))));
}

#[test]
fn everything_cancelled() {
    let rows: Vec<TargetResult> = (1..=30).map(|account| cancelled(account, "eu-west-1")).collect();
    insta::assert_snapshot!(of(&rows, &described("CREATE", "FAILED", Some(0))));
}

#[test]
fn succeeded_with_failures_in_one_region() {
    let mut rows = succeeded(1..20, "eu-west-1");
    rows.extend(succeeded(1..18, "me-south-1"));
    rows.extend((18..20).map(|account| {
        failed(account, "me-south-1", &format!("STS is not activated in this region for account:{account:012}."))
    }));
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "SUCCEEDED", Some(2))));
}

#[test]
fn stopped_by_a_person() {
    let mut rows = succeeded(1..10, "eu-west-1");
    rows.extend((10..40).map(|account| TargetResult {
        reason: Some("Cancelled since the operation was stopped".to_owned()),
        ..row(account, "eu-west-1", "CANCELLED")
    }));
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "STOPPED", Some(0))));
}

#[test]
fn no_targets() {
    insta::assert_snapshot!(of(&[], &described("CREATE", "SUCCEEDED", Some(0))));
}

#[test]
fn a_quiet_success() {
    insta::assert_snapshot!(of(&succeeded(1..1_501, "eu-west-1"), &described("UPDATE", "SUCCEEDED", Some(0))));
}

#[test]
fn incomplete() {
    let rows =
        [failed(1, "eu-west-1", "Internal Failure"), row(2, "eu-west-1", "RUNNING"), row(3, "eu-west-1", "PENDING")];
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "FAILED", Some(7))));
}

#[test]
fn in_progress() {
    let rows =
        [row(1, "eu-west-1", "SUCCEEDED"), row(2, "eu-west-1", "RUNNING"), failed(3, "eu-west-1", "Internal Failure")];
    let running = Operation { ended_at: None, ..described("UPDATE", "RUNNING", None) };
    insta::assert_snapshot!(of(&rows, &running));
}

#[test]
fn deletion_with_retained_stacks() {
    let rows = [
        failed(
            1,
            "eu-west-1",
            "Stack [arn:aws:cloudformation:eu-west-1:000000000001:stack/s/1a2b3c4d] cannot be deleted while TerminationProtection is enabled",
        ),
        failed(2, "eu-west-1", "The account is suspended."),
        row(3, "eu-west-1", "SUCCEEDED"),
    ];
    let deleted = Operation { retain_stacks: Some(true), ..described("DELETE", "FAILED", Some(2)) };
    insta::assert_snapshot!(of(&rows, &deleted));
}

#[test]
fn drifted_targets() {
    let mut rows = succeeded(1..40, "eu-west-1");
    rows.push(failed(40, "eu-west-1", ROLE));
    let drift = Drift {
        status: Some("DRIFTED".to_owned()),
        drifted: Some(7),
        in_sync: Some(32),
        in_progress: Some(0),
        failed: Some(1),
        total: Some(40),
    };
    let detected = Operation { drift: Some(drift), ..described("DETECT_DRIFT", "SUCCEEDED", Some(1)) };
    insta::assert_snapshot!(of(&rows, &detected));
}

#[test]
fn service_managed_by_a_delegated_administrator() {
    let mut rows: Vec<TargetResult> =
        succeeded(1..8, "eu-west-1").into_iter().map(|row| in_unit(row, "ou-abcd-11111111")).collect();
    rows.extend((8..12).map(|account| in_unit(failed(account, "eu-west-1", "Access Denied"), "ou-abcd-22222222")));
    rows.push(in_unit(cancelled(12, "us-east-1"), "ou-abcd-11111111"));
    let described = described("CREATE", "FAILED", Some(4));
    insta::assert_snapshot!(message(&report_as(CallAs::DelegatedAdmin, &rows, &named(), &described, ExpectGate::Auto)));
}

#[test]
fn ungated_targets() {
    let ok = |account| row(account, "eu-west-1", "SUCCEEDED");
    let rows = [
        with_gate(ok(1), "SUCCEEDED", ""),
        with_gate(ok(2), "SKIPPED", NO_FUNCTION),
        with_gate(ok(3), "SKIPPED", "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate"),
    ];
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "SUCCEEDED", Some(0))));
}

#[test]
fn a_gate_that_refused() {
    let mut rows: Vec<TargetResult> =
        succeeded(1..5, "eu-west-1").into_iter().map(|row| with_gate(row, "SUCCEEDED", "")).collect();
    rows.push(with_gate(
        failed(5, "eu-west-1", "AccountGate check failed"),
        "FAILED",
        "Change freeze until 2026-03-15",
    ));
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "SUCCEEDED", Some(1))));
}

#[test]
fn scripts_quotes_lines_and_length() {
    let mut odd = named();
    odd.stack_set.name = "基线-أساس-🚀\"'<&>".to_owned();
    let rows = [
        failed(1, "eu-west-1", "策略拒绝了该操作 <b>&amp; \"引号\"\r\n第二行\0结束"),
        failed(2, "eu-west-1", "تم رفض \u{202e}الطلب 🧨"),
        failed(3, "eu-west-1", &"four kilobytes ".repeat(273)),
    ];
    insta::assert_snapshot!(message(&report(&rows, &odd, &described("UPDATE", "FAILED", Some(3)), ExpectGate::Auto)));
}

#[test]
fn other_partitions() {
    let rows = [failed(1, "cn-north-1", "Internal Failure")];
    let told = described("UPDATE", "FAILED", Some(1));
    let of = |arn: &str| {
        let named = OperationRef { stack_set: StackSetRef::from_arn(arn).unwrap(), operation_id: "op-1".to_owned() };
        message(&report(&rows, &named, &told, ExpectGate::Auto))
    };
    insta::assert_snapshot!("china", of("arn:aws-cn:cloudformation:cn-north-1:111111111111:stackset/baseline:1b2c"));
    insta::assert_snapshot!(
        "govcloud",
        of("arn:aws-us-gov:cloudformation:us-gov-west-1:111111111111:stackset/baseline:1b2c")
    );
}

#[test]
fn statuses_that_are_not_known() {
    let rows = [
        row(1, "eu-west-1", "SUCCEEDED"),
        TargetResult { reason: Some("no idea".to_owned()), ..row(2, "eu-west-1", "SKIPPED_SUSPENDED_ACCOUNT") },
    ];
    insta::assert_snapshot!(of(&rows, &described("UPDATE", "SUCCEEDED", Some(0))));
}
