//! Messages of particular reports.

use serde_json::Value;
use stackset_notifier::operation::{Operation, TargetResult};
use stackset_notifier::render;
use stackset_notifier::report::{ExpectGate, Report};

use crate::make::{described, failed, in_unit, named, report, row};

fn bodies(report: &Report) -> (String, Value) {
    let message = render::message(report).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let chat = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    (bodies["email"].as_str().unwrap().to_owned(), chat)
}

#[test]
fn a_failed_operation_without_targets_says_what_cloudformation_says() {
    let told =
        Operation { status_reason: Some("No accounts in the OU".to_owned()), ..described("CREATE", "FAILED", None) };
    let (mail, chat) = bodies(&report(&[], &named(), &told, ExpectGate::Auto));
    assert!(mail.contains("CloudFormation says: No accounts in the OU"), "{mail}");
    let description = chat["content"]["description"].as_str().unwrap();
    assert!(description.contains("No accounts in the OU") && !description.contains("Nothing to do"), "{description}");
    let (_, chat) = bodies(&report(
        &[row(1, "eu-west-1", "SUCCEEDED")],
        &named(),
        &described("UPDATE", "STOPPED", None),
        ExpectGate::Auto,
    ));
    assert!(!chat["content"]["description"].as_str().unwrap().contains("Nothing to do"));
}

#[test]
fn chat_shows_all_commands_or_says_where_they_are() {
    let steps = |regions: u64| {
        let rows: Vec<TargetResult> = (1..=regions)
            .flat_map(|i| (0..i).map(move |r| failed(i, &format!("region-{r}"), "Rate exceeded")))
            .collect();
        let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
        assert_eq!(report.retry.commands.len() as u64, regions);
        let (_, chat) = bodies(&report);
        let steps = chat["content"]["nextSteps"].as_array().unwrap();
        steps.iter().map(|step| step.as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(steps(3).iter().filter(|step| step.starts_with("aws ")).count(), 3);
    let many = steps(20);
    assert!(many.iter().all(|step| !step.starts_with("aws ")), "{many:?}");
    assert!(many.iter().any(|step| step.starts_with("20 retry commands are in the mail")), "{many:?}");
}

#[test]
fn units_that_do_not_fit_are_counted_in_the_mail() {
    let rows: Vec<TargetResult> = (0..900)
        .flat_map(|i| {
            let text = format!("problem {} {}", "abcdefghij".repeat(30), ["one", "two"][i % 2]);
            let bad = in_unit(failed(i as u64, "eu-west-1", &text), &format!("ou-{i:04}-aaaaaaaa"));
            let good = in_unit(row(i as u64, "us-east-1", "SUCCEEDED"), &format!("ou-{i:04}-aaaaaaaa"));
            if i % 3 == 0 { vec![bad] } else { vec![bad, good] }
        })
        .collect();
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let (mail, _) = bodies(&report);
    assert!(mail.contains("\nand 885 more\n"), "{mail}");
}

#[test]
fn names_and_statuses_without_bound_still_make_a_message() {
    let resource = |i: u64| {
        failed(
            i,
            "eu-west-1",
            &format!(
                "ResourceLogicalId:{}{i}, ResourceType:{}::{i}, ResourceStatusReason:Zephyr",
                "L".repeat(30_000),
                "T".repeat(30_000)
            ),
        )
    };
    let mut rows: Vec<TargetResult> = (0..5).map(resource).collect();
    rows.extend((0..20_000).map(|i| row(i, &format!("region-{i}"), &format!("STATUS_{i}_{}", "X".repeat(20)))));
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let message = render::message(&report).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    crate::schema::check(&serde_json::from_str(bodies["sqs"].as_str().unwrap()).unwrap());
}

#[test]
fn an_account_whose_regions_were_cut_is_not_shown_with_some_of_them() {
    let regions = ["ap-south-1", "eu-west-1", "us-east-1"];
    let rows: Vec<TargetResult> =
        (0..30_000).map(|i| failed(i / 3, regions[(i % 3) as usize], "nobody knows this")).collect();
    let (mail, _) = bodies(&report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    for line in mail.lines().filter(|line| line.starts_with("     ") && line.contains(": 0000")) {
        assert!(line.trim_start().starts_with("ap-south-1, eu-west-1, us-east-1: "), "{line}");
    }
}

#[test]
fn the_subject_keeps_the_numbers_however_long_the_name_is() {
    let mut long = named();
    long.stack_set.name = "a-very-long-name-".repeat(8);
    let rows: Vec<TargetResult> = (0..1_234).map(|i| failed(i, "eu-west-1", "x")).collect();
    let told = described("DETECT_DRIFT", "SUCCEEDED", Some(2_000));
    let subject = render::message(&report(&rows, &long, &told, ExpectGate::Auto)).unwrap().subject;
    assert_eq!(
        subject,
        "SUCCEEDED_WITH_FAILURES: a-very-long-nam~ery-long-name-, 1,234 of 1,234 targets failed (incomplete)"
    );
}
