//! The message of a whole sweep.

use proptest::prelude::*;
use serde_json::Value;
use stackset_notifier::operation::{CallAs, Operation, OperationRef, StackSetRef, TargetResult};
use stackset_notifier::render::{self, MESSAGE_LIMIT, Message};
use stackset_notifier::report::{Digest, ExpectGate, Failure, Report, SweepSummary};

use crate::make::{cancelled, described, failed, report_as, row};
use crate::rows::{names, operation, rows};

/// 2026-11-20T10:00:00Z.
const AT: i64 = 1_795_168_800_000;

fn sweep(finished: bool) -> SweepSummary {
    SweepSummary { at: AT, finished, stack_sets: 41, stack_sets_done: if finished { 41 } else { 17 } }
}

fn of(name: &str, id: &str, rows: &[TargetResult], described: &Operation) -> Report {
    let arn = format!("arn:aws:cloudformation:eu-central-1:111111111111:stackset/{name}:1b2c3d4e");
    let named = OperationRef { stack_set: StackSetRef::from_arn(&arn).unwrap(), operation_id: id.to_owned() };
    render::digest::brief(&report_as(CallAs::SelfAccount, rows, &named, described, ExpectGate::Auto))
}

fn some_reports() -> Vec<Report> {
    let role = "Account 000000000002 should have 'Exec' role with trust relationship to Role 'Admin'.";
    let quota = "ResourceLogicalId:ConfigBucket, ResourceType:AWS::S3::Bucket, ResourceStatusReason:You have attempted \
                 to create more buckets than allowed (Service: S3, Status Code: 400).";
    let running = Operation { ended_at: None, ..described("UPDATE", "RUNNING", None) };
    vec![
        of("dns", "op-4", &[row(1, "eu-west-1", "SUCCEEDED")], &described("CREATE", "SUCCEEDED", Some(0))),
        of(
            "baseline",
            "op-1",
            &[
                row(1, "eu-west-1", "SUCCEEDED"),
                failed(2, "eu-west-1", role),
                failed(3, "eu-west-1", quota),
                failed(4, "eu-west-1", quota),
                cancelled(5, "us-east-1"),
            ],
            &described("UPDATE", "FAILED", Some(3)),
        ),
        of(
            "network",
            "op-3",
            &[row(1, "eu-west-1", "SUCCEEDED"), row(2, "eu-west-1", "RUNNING"), row(2, "us-east-1", "PENDING")],
            &running,
        ),
        of(
            "baseline",
            "op-2",
            &[row(1, "eu-west-1", "SUCCEEDED"), failed(2, "eu-west-1", "Rate exceeded")],
            &described("UPDATE", "SUCCEEDED", Some(1)),
        ),
    ]
}

fn bodies(message: &Message) -> Value {
    serde_json::from_str(&message.body).unwrap()
}

fn in_chat(message: &Message) -> String {
    let chat: Value = serde_json::from_str(bodies(message)["https"].as_str().unwrap()).unwrap();
    chat["content"]["description"].as_str().unwrap().to_owned()
}

fn document(message: &Message) -> Value {
    let document: Value = serde_json::from_str(bodies(message)["sqs"].as_str().unwrap()).unwrap();
    crate::schema::check(&document);
    document
}

/// Within every limit that a report is within.
fn checked(digest: &Digest) -> Message {
    let message = render::digest::message(digest).unwrap();
    assert!(message.size() <= MESSAGE_LIMIT, "{} bytes", message.size());
    let is_printable = message.subject.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    assert!((1..=99).contains(&message.subject.chars().count()) && is_printable, "{:?}", message.subject);
    let bodies = bodies(&message);
    assert_eq!(bodies["default"], bodies["email"]);
    assert_eq!([&bodies["lambda"], &bodies["http"]], [&bodies["sqs"]; 2]);
    assert!((1..=140).contains(&bodies["sms"].as_str().unwrap().chars().count()));
    let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    crate::properties::check_chat(&chat);
    document(&message);
    message
}

fn shown(message: &Message) -> String {
    let bodies = bodies(message);
    let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    let attributes: Vec<String> = message.attributes.iter().map(|a| format!("{}={}", a.name, a.value)).collect();
    let steps: Vec<&str> =
        chat["content"]["nextSteps"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    format!(
        "Subject: {}\nSMS: {}\nAttributes: {}\n\n=== email\n{}\n=== chat: {}\n{}\n\n- {}\n[{}]\n\n=== document\n{:#}\n",
        message.subject,
        bodies["sms"].as_str().unwrap(),
        attributes.join(" "),
        bodies["email"].as_str().unwrap(),
        chat["content"]["title"].as_str().unwrap(),
        chat["content"]["description"].as_str().unwrap(),
        steps.join("\n- "),
        chat["content"]["keywords"],
        document(message),
    )
}

#[test]
fn a_sweep_with_problems() {
    let mut digest = Digest::new(sweep(true), some_reports());
    digest.failures.push(Failure {
        stack_set: Some("legacy:1b2c3d4e".to_owned()),
        operation_id: None,
        kind: "ReadError",
        error: "could not list the operations of stack set legacy:1b2c3d4e as SELF: AccessDenied: no".to_owned(),
    });
    insta::assert_snapshot!(shown(&checked(&digest)));
}

#[test]
fn chat_has_one_paragraph_for_each_stack_set() {
    let text = in_chat(&checked(&Digest::new(sweep(true), some_reports())));
    let context = |name: &str| text.split("\n\n").filter(|block| block.contains(&format!("*{name}*"))).count();
    assert_eq!(["baseline", "network", "dns"].map(context), [1, 1, 1], "{text}");
}

/// One stack set with so many failed operations, each with a long text.
fn many_failed(name: &str, operations: u64) -> Vec<Report> {
    let long = "all sorts of things went wrong \"here\" & <there> ".repeat(20);
    let one = |n| {
        let texts = ["Rate exceeded", "Access Denied", "Internal Failure", "Cannot exceed quota", "Unheard of"];
        let rows: Vec<TargetResult> =
            texts.iter().zip(1..).map(|(text, m)| failed(m, "eu-west-1", &format!("{text} {long}"))).collect();
        of(name, &format!("op-{n:02}"), &rows, &described("UPDATE", "FAILED", Some(5)))
    };
    (0..operations).map(one).collect()
}

#[test]
fn chat_tells_of_a_stack_set_with_many_problems_and_of_those_after_it() {
    let reports = [many_failed("busy", 19), some_reports()].concat();
    let text = in_chat(&checked(&Digest::new(sweep(true), reports)));
    let block = text.split("\n\n").find(|block| block.starts_with("*busy*: ")).unwrap_or_else(|| panic!("{text}"));
    assert!(block.starts_with("*busy*: 19 operations, 95 targets failed\nFAILED: UPDATE, "), "{block}");
    let shown = block.matches("FAILED: UPDATE, ").count();
    assert!(shown > 0 && block.ends_with(&format!("\nand {} more operations", 19 - shown)), "{block}");
    for name in ["baseline", "network", "dns"] {
        assert!(text.contains(&format!("\n\n*{name}*: ")), "{name} in {text}");
    }
}

#[test]
fn people_are_told_that_it_may_be_told_again() {
    let mut reports = some_reports();
    reports[1].attempt = Some(2);
    let bodies = bodies(&checked(&Digest::new(sweep(true), reports)));
    for protocol in ["email", "https"] {
        let text = bodies[protocol].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.matches("This is attempt 2 to tell it: an earlier one was cut off").count(), 1, "{text}");
    }
}

#[test]
fn the_order_of_reports_changes_no_byte() {
    let forth = Digest::new(sweep(true), some_reports());
    let back = Digest::new(sweep(true), some_reports().into_iter().rev().collect());
    assert_eq!(checked(&forth), checked(&back));
}

#[test]
fn a_sweep_that_did_not_get_around_says_so() {
    let message = checked(&Digest::new(sweep(false), some_reports()));
    assert!(message.subject.ends_with(" (incomplete)"), "{}", message.subject);
    let email = bodies(&message)["email"].as_str().unwrap().to_owned();
    assert!(email.contains("INCOMPLETE: 17 of 41 stack sets are done; the next sweeps go on elsewhere."), "{email}");
    assert_eq!(document(&message)["sweep"]["finished"], false);
}

#[test]
fn without_problems_it_says_so() {
    let fine = of("dns", "op-4", &[row(1, "eu-west-1", "SUCCEEDED")], &described("CREATE", "SUCCEEDED", Some(0)));
    let message = checked(&Digest::new(sweep(true), vec![fine]));
    assert_eq!(message.subject, "DIGEST: 1 operation in 1 stack set, no problems");
}

#[test]
fn the_largest_digest_fits_and_counts_what_it_leaves_out() {
    let long = "all sorts of things went wrong \"here\" & <there> ".repeat(20);
    let reports: Vec<Report> = (0..1_200_u64)
        .map(|n| {
            let rows: Vec<TargetResult> = (0..4)
                .map(|m| {
                    failed(m, "eu-west-1", &format!("{} {long}", ["Rate exceeded", "Access Denied"][(m % 2) as usize]))
                })
                .collect();
            of(&format!("set-{:04}", n % 300), &format!("op-{n}"), &rows, &described("UPDATE", "FAILED", Some(4)))
        })
        .collect();
    let digest = Digest::new(sweep(true), reports);
    let message = checked(&digest);
    // Not much room is left, and every number is that of the whole.
    assert!(message.size() > MESSAGE_LIMIT * 9 / 10, "{} bytes", message.size());
    let document = document(&message);
    assert_eq!(
        (&document["counts"]["operations"], &document["counts"]["targetsFailed"]),
        (&1_200.into(), &4_800.into())
    );
    assert!(document["operationsOmitted"].as_u64().unwrap() > 0);
    assert_eq!(message.subject, "DIGEST: 1,200 operations with problems in 300 stack sets, 4,800 targets failed");
    let chat = in_chat(&message);
    assert!(chat.contains("\n\n*set-0000*: 4 operations, 16 targets failed\n"), "{chat}");
    assert!(chat.ends_with(" paragraphs are left out for size"), "{chat}");
    let email = bodies(&message)["email"].as_str().unwrap().to_owned();
    let told = email.matches("Operation: op-").count();
    assert!(
        told > 20
            && email.contains(&format!("and {} more operations", crate::properties::thousands(1_200 - told as u64))),
        "{email}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_digest_is_within_every_limit(
        all in prop::collection::vec((rows(12), names(), operation()), 0..8),
        finished in any::<bool>(),
    ) {
        let reports: Vec<Report> = all
            .iter()
            .map(|(rows, named, described)| {
                render::digest::brief(&report_as(CallAs::SelfAccount, rows, named, described, ExpectGate::Auto))
            })
            .collect();
        checked(&Digest::new(sweep(finished), reports));
    }
}
