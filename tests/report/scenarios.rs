//! Whole messages of the situations that people meet, as they read.

use std::collections::BTreeSet;

use serde_json::Value;
use stackset_notifier::operation::{
    CallAs, Drift, ListedOperation, Operation, OperationRef, StackSetRef, TargetResult,
};
use stackset_notifier::render::{self, HttpsBody, MESSAGE_LIMIT};
use stackset_notifier::report::{ExpectGate, Queued, Report};

use crate::make::{cancelled, described, failed, in_unit, named, report, report_as, row, with_gate};

const ROLE: &str = "Account 000000000001 should have 'Exec' role with trust relationship to Role 'Admin'.";
const NO_FUNCTION: &str =
    "Function not found: arn:aws:lambda:eu-west-1:000000000003:function:AWSCloudFormationStackSetAccountGate";

/// Subject, short message, attributes, email and chat; the document is checked against its schema
/// and its sums.
fn message(report: &Report) -> String {
    let message = render::message(report, HttpsBody::Chat).unwrap();
    assert!(message.size() <= MESSAGE_LIMIT);
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let text = |protocol: &str| bodies[protocol].as_str().unwrap();
    crate::schema::check(&serde_json::from_str(text("default")).unwrap());
    let chat: Value = serde_json::from_str(text("https")).unwrap();
    assert_eq!(chat["metadata"]["threadId"], report.operation.id);
    let attributes: Vec<String> = message.attributes.iter().map(|a| format!("{}={}", a.name, a.value)).collect();
    let steps: Vec<&str> =
        chat["content"]["nextSteps"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let lines: Vec<&str> = text("email").lines().collect();
    assert!(lines.len() <= 150, "{} lines", lines.len());
    if report.retry.commands() > 0 {
        assert!(lines.iter().take(25).any(|line| line.starts_with("Run the command")), "{}", text("email"));
    }
    for line in text("email").lines() {
        // Commands, links and ids cannot be broken.
        let long = |word: &str| word.is_ascii() && word.len() > 60;
        let unbreakable = line.split(' ').any(long)
            || line.starts_with("aws ")
            || line.contains(" --call-as ")
            || line.ends_with(" \\");
        assert!(textwrap::core::display_width(line) <= 78 || unbreakable, "{line}");
    }
    format!(
        "Subject: {}\nSMS: {}\nAttributes: {}\n\n=== email\n{}\n=== chat: {}\n{}\n\n- {}\n[{}]\n",
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

/// Forty texts from the corpus, one of every code first, each on one account more than the next.
#[test]
fn forty_texts_of_every_cause() {
    let corpus: Vec<Value> =
        include_str!("../corpus/reasons.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut codes = BTreeSet::new();
    let (mut texts, more): (Vec<&Value>, Vec<&Value>) = corpus
        .iter()
        .filter(|known| known["status"] == "FAILED" && known["gate_status"].is_null())
        .partition(|known| codes.insert(known["category"].as_str().unwrap()));
    texts.extend(more);
    let rows: Vec<TargetResult> = (0..40_u64)
        .flat_map(|i| (i..40).map(move |n| (i, n)))
        .map(|(i, n)| failed(i * 100 + n, "eu-west-1", texts[i as usize]["text"].as_str().unwrap()))
        .collect();
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", Some(820)), ExpectGate::Auto);
    assert_eq!(report.causes.len(), codes.len(), "{codes:?}");
    insta::assert_snapshot!(message(&report));
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
fn drift_without_failures() {
    let drift = Drift {
        status: Some("DRIFTED".to_owned()),
        drifted: Some(7),
        in_sync: Some(33),
        in_progress: Some(0),
        failed: Some(0),
        total: Some(40),
    };
    let detected = Operation { drift: Some(drift), ..described("DETECT_DRIFT", "SUCCEEDED", Some(0)) };
    insta::assert_snapshot!(of(&succeeded(1..41, "eu-west-1"), &detected));
}

#[test]
fn long_texts_without_spaces() {
    let chinese = "由于失败容忍度已超过，因此取消了该目标上的操作。请联系平台团队，或者查看日志以了解更多信息。";
    let mut long = named();
    long.stack_set.name = "基线安全配置".repeat(12);
    let rows = [
        failed(1, "eu-west-1", &chinese.repeat(4)),
        failed(2, "eu-west-1", &format!("アクセスが拒否されました{}", "🚀".repeat(90))),
        in_unit(row(3, "eu-west-1", "SUCCEEDED"), &"单元".repeat(40)),
    ];
    let operation = Operation { status_reason: Some(chinese.repeat(2)), ..described("UPDATE", "FAILED", Some(2)) };
    insta::assert_snapshot!(message(&report(&rows, &long, &operation, ExpectGate::Auto)));
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
fn skipped_gates() {
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
    odd.stack_set.name = "基线-أساس-🚀\"'\r\n<&>\t_x_".to_owned();
    let rows = [
        failed(1, "eu-west-1", "策略拒绝了该操作 <b>&amp; \"引号\"\r\n第二行\0结束"),
        failed(2, "eu-west-1", "تم رفض \u{202e}الطلب 🧨"),
        failed(3, "eu-west-1", &"four kilobytes ".repeat(274)),
    ];
    insta::assert_snapshot!(message(&report(&rows, &odd, &described("UPDATE", "FAILED", Some(3)), ExpectGate::Auto)));
}

#[test]
fn other_partitions() {
    let operation = described("UPDATE", "FAILED", Some(1));
    let of = |arn: &str| {
        let named = OperationRef { stack_set: StackSetRef::from_arn(arn).unwrap(), operation_id: "op-1".to_owned() };
        let rows = [failed(1, &named.stack_set.region, "Internal Failure")];
        message(&report(&rows, &named, &operation, ExpectGate::Auto))
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

/// An operation with three causes of three owners, and what was cancelled after them.
pub(crate) fn three_owners() -> Report {
    let mut rows: Vec<TargetResult> = succeeded(100..180, "eu-west-1");
    rows.extend((1..8).flat_map(|i| {
        ["eu-central-1", "eu-west-1"]
            .map(|region| failed(i, region, &ROLE.replace("000000000001", &format!("{i:012}"))))
    }));
    rows.extend((20..25).map(|i| {
        let text = "ResourceLogicalId:ConfigBucket, ResourceType:AWS::S3::Bucket, ResourceStatusReason:You have attempted to \
                    create more buckets than allowed (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets; \
                    Request ID: 1A8D62BB342344AB).";
        failed(i, "eu-west-1", text)
    }));
    rows.extend((30..33).map(|i| failed(i, "eu-central-1", "Rate exceeded (Service: AmazonECS; Status Code: 400)")));
    rows.extend((40..52).map(|i| cancelled(i, "us-east-1")));
    let rows: Vec<TargetResult> = rows
        .into_iter()
        .map(|row| {
            let unit =
                if row.account.as_deref() < Some("000000000010") { "ou-ab12-11111111" } else { "ou-ab12-22222222" };
            in_unit(row, unit)
        })
        .collect();
    let mut report = report(&rows, &named(), &described("UPDATE", "FAILED", Some(22)), ExpectGate::Never);
    for (id, name) in [(1, "prod-payments"), (2, "prod-search"), (20, "sandbox-anna")] {
        report.names.accounts.insert(format!("{id:012}"), name.to_owned());
    }
    report.names.organizational_units.insert("ou-ab12-11111111".to_owned(), "Workloads".to_owned());
    report
}

#[test]
fn three_causes_with_owners_and_names() {
    insta::assert_snapshot!(message(&three_owners()));
}

/// Of `accounts` in 17 Regions some failed for three causes; they are listed in no order.
fn large(accounts: u64) -> Report {
    let regions: Vec<String> = (0..17).map(|i| format!("eu-west-{i}")).collect();
    let texts = [ROLE, "Rate exceeded", "The maximum number of buckets has been reached"];
    let rows: Vec<TargetResult> = (0..accounts)
        .flat_map(|account| regions.iter().enumerate().map(move |(i, region)| (account, i as u64, region)))
        .map(|(account, i, region)| {
            let row = match (account * 7 + i * 3) % 19 {
                0 => failed(account, region, texts[(account % 3) as usize]),
                1 => cancelled(account, region),
                _ => row(account, region, "SUCCEEDED"),
            };
            in_unit(row, &format!("ou-ab12-{:08}", account % 30))
        })
        .collect();
    report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Never)
}

#[test]
fn two_thousand_targets() {
    insta::assert_snapshot!(message(&large(118)));
}

#[test]
fn twenty_thousand_targets() {
    insta::assert_snapshot!(message(&large(1_177)));
}

#[test]
fn stuck_with_a_queue() {
    let mut rows = succeeded(1..40, "eu-west-1");
    rows.push(row(40, "eu-west-1", "RUNNING"));
    rows.extend((1..41).map(|account| row(account, "us-east-1", "PENDING")));
    let running = Operation { ended_at: None, ..described("UPDATE", "RUNNING", None) };
    let mut report = report(&rows, &named(), &running, ExpectGate::Never);
    let waits = |n: u32| ListedOperation {
        id: format!("waits-{n}"),
        action: Some("UPDATE".to_owned()),
        status: "QUEUED".into(),
        started_at: Some(1_774_000_000_000),
        ended_at: None,
        failed: None,
    };
    if let Some(progress) = &mut report.in_progress {
        progress.stuck_after_hours = Some(6);
        progress.queued = Some(Queued::of(&(0..40).map(waits).collect::<Vec<_>>()));
    }
    insta::assert_snapshot!(message(&report));
}
