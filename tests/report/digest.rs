//! The message of a whole sweep.

use proptest::prelude::*;
use serde_json::Value;
use stackset_notifier::operation::{CallAs, Operation, OperationRef, StackSetRef, TargetResult};
use stackset_notifier::render::digest::DigestMessage;
use stackset_notifier::render::{self, HttpsBody, MESSAGE_LIMIT, Message};
use stackset_notifier::report::{Digest, ExpectGate, Failure, Report, SweepProgress};

use crate::make::{cancelled, described, failed, report_as, row};
use crate::rows::{names, operation, rows};

/// 2026-11-20T10:00:00Z.
const AT: i64 = 1_795_168_800_000;

fn sweep(finished: bool) -> SweepProgress {
    SweepProgress { at: AT, finished, stack_sets: 41, stack_sets_done: if finished { 41 } else { 17 } }
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
    let document: Value = serde_json::from_str(bodies(message)["default"].as_str().unwrap()).unwrap();
    crate::schema::check(&document);
    document
}

/// Within every limit that a report is within.
fn checked(digest: &Digest) -> Message {
    let DigestMessage { message, named } = render::digest::message(digest, HttpsBody::Chat).unwrap();
    assert_eq!(named, digest.operations.len());
    check(&message);
    message
}

fn check(message: &Message) {
    assert!(message.size() <= MESSAGE_LIMIT, "{} bytes", message.size());
    let is_printable = message.subject.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    assert!((1..=99).contains(&message.subject.chars().count()) && is_printable, "{:?}", message.subject);
    let bodies = bodies(message);
    assert!((1..=140).contains(&bodies["sms"].as_str().unwrap().chars().count()));
    let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    crate::properties::check_chat(&chat);
    document(message);
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
fn another_attempt_says_so() {
    let mut reports = some_reports();
    reports[1].attempt = Some(2);
    let bodies = bodies(&checked(&Digest::new(sweep(true), reports)));
    for protocol in ["email", "https"] {
        assert_eq!(bodies[protocol].as_str().unwrap().matches(", attempt 2").count(), 1, "{protocol}");
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
    assert!(
        email.contains("17 of 41 stack sets.\nINCOMPLETE: the next sweep reports what this one did not reach."),
        "{email}"
    );
    assert_eq!(document(&message)["sweep"]["finished"], false);
}

#[test]
fn without_problems_it_says_so() {
    let fine = of("dns", "op-4", &[row(1, "eu-west-1", "SUCCEEDED")], &described("CREATE", "SUCCEEDED", Some(0)));
    let message = checked(&Digest::new(sweep(true), vec![fine]));
    assert_eq!(message.subject, "DIGEST: 1 operation, no problems");
}

/// So many failed operations, each with long texts of two causes.
fn many(operations: usize) -> Vec<Report> {
    let long = "all sorts of things went wrong \"here\" & <there> ".repeat(20);
    let one = |n: usize| {
        let texts = ["Rate exceeded", "Access Denied", "Rate exceeded"];
        let rows: Vec<TargetResult> =
            texts.iter().zip(1..).map(|(text, m)| failed(m, "eu-west-1", &format!("{text} {long}"))).collect();
        of(&format!("set-{:04}", n % 300), &format!("op-{n}"), &rows, &described("UPDATE", "FAILED", Some(3)))
    };
    (0..operations).map(one).collect()
}

/// The ids that a message names: the email in a line each, the document in an entry each.
fn named(message: &Message) -> Vec<String> {
    let document = document(message);
    let in_document: Vec<String> = document["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation["id"].as_str().unwrap().to_owned())
        .collect();
    let bodies = bodies(message);
    let lines = bodies["email"].as_str().unwrap().lines().filter(|line| line.starts_with("FAILED set-"));
    let id = |line: &str| line.split(' ').nth(3).unwrap().trim_end_matches(':').to_owned();
    assert_eq!(lines.map(id).collect::<Vec<_>>(), in_document);
    in_document
}

/// What a message has no room for stays due, and the next one names it.
#[test]
fn every_operation_is_named_exactly_once_over_the_sweeps() {
    for operations in [150, 3_000] {
        let mut due = many(operations);
        let mut all = Vec::new();
        let mut sweeps = 0;
        while !due.is_empty() {
            let digest = Digest::new(sweep(true), due.clone());
            let DigestMessage { message, named: count } = render::digest::message(&digest, HttpsBody::Chat).unwrap();
            check(&message);
            let names = named(&message);
            assert_eq!(names.len(), count);
            let omitted = due.len() - count;
            let document = document(&message);
            assert_eq!(
                (&document["counts"]["operations"], &document["operationsOmitted"]),
                (&count.into(), &omitted.into())
            );
            if omitted > 0 {
                assert!(message.size() > MESSAGE_LIMIT * 9 / 10, "room is left: {} bytes", message.size());
                let email = bodies(&message)["email"].as_str().unwrap().to_owned();
                assert!(email.contains("the next digest has"), "{email}");
            }
            due.retain(|report| !names.contains(&report.operation.id));
            all.extend(names);
            sweeps += 1;
        }
        assert!(sweeps > 1 || operations == 150);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), operations);
    }
}

#[test]
fn chat_names_as_many_as_fit_and_counts_the_others() {
    let message = checked(&Digest::new(sweep(true), many(60)));
    let text = in_chat(&message);
    let shown = text.matches("\nFAILED set-").count();
    assert!(text.chars().count() <= 1_200 && shown > 5, "{text}");
    assert!(text.ends_with(&format!("\nand {} more operations in the email", 60 - shown)), "{text}");
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
