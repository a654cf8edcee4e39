//! Messages of particular reports.

use serde_json::Value;
use stackset_notifier::operation::{Operation, TargetResult};
use stackset_notifier::render;
use stackset_notifier::report::{ExpectGate, Report};

use crate::make::{cancelled, described, failed, in_unit, named, report, row, with_gate};

fn bodies(report: &Report) -> (String, Value) {
    let message = render::message(report).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let chat = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    (bodies["email"].as_str().unwrap().to_owned(), chat)
}

#[test]
fn a_failed_operation_without_targets_says_what_cloudformation_says() {
    let operation =
        Operation { status_reason: Some("No accounts in the OU".to_owned()), ..described("CREATE", "FAILED", None) };
    let (email, chat) = bodies(&report(&[], &named(), &operation, ExpectGate::Auto));
    assert!(email.contains("CloudFormation says: No accounts in the OU"), "{email}");
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
    assert_eq!(steps(3).iter().filter(|step| step.starts_with("Now: aws ")).count(), 3);
    let many = steps(20);
    assert!(many.iter().all(|step| !step.contains("update-stack-instances")), "{many:?}");
    assert!(many.iter().any(|step| step.starts_with("20 retry commands are in the email")), "{many:?}");
}

#[test]
fn units_that_do_not_fit_are_counted_in_the_email() {
    let rows: Vec<TargetResult> = (0..900)
        .flat_map(|i| {
            let text = format!("problem {} {}", "abcdefghij".repeat(30), ["one", "two"][i % 2]);
            let bad = in_unit(failed(i as u64, "eu-west-1", &text), &format!("ou-{i:04}-aaaaaaaa"));
            let good = in_unit(row(i as u64, "us-east-1", "SUCCEEDED"), &format!("ou-{i:04}-aaaaaaaa"));
            if i % 3 == 0 { vec![bad] } else { vec![bad, good] }
        })
        .collect();
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let (email, _) = bodies(&report);
    assert!(email.contains("\nand 885 more\n"), "{email}");
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
    crate::schema::check(&serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap());
}

#[test]
fn an_account_whose_regions_were_cut_is_not_shown_with_some_of_them() {
    let regions = ["ap-south-1", "eu-west-1", "us-east-1"];
    let rows: Vec<TargetResult> =
        (0..30_000).map(|i| failed(i / 3, regions[(i % 3) as usize], "nobody knows this")).collect();
    let (email, _) = bodies(&report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    for line in email.lines().filter(|line| line.starts_with("     ") && line.contains(": 0000")) {
        assert!(line.trim_start().starts_with("ap-south-1, eu-west-1, us-east-1: "), "{line}");
    }
}

#[test]
fn the_subject_keeps_the_numbers_however_long_the_name_is() {
    let mut long = named();
    long.stack_set.name = "a-very-long-name-".repeat(8);
    let rows: Vec<TargetResult> = (0..1_234).map(|i| failed(i, "eu-west-1", "x")).collect();
    let operation = described("DETECT_DRIFT", "SUCCEEDED", Some(2_000));
    let subject = render::message(&report(&rows, &long, &operation, ExpectGate::Auto)).unwrap().subject;
    assert_eq!(
        subject,
        "SUCCEEDED_WITH_FAILURES: a-very-long-~y-long-name-, 2,000 targets failed, 1,234 listed (incomplete)"
    );
}

#[test]
fn the_subject_keeps_the_cancelled_and_drops_an_account_id() {
    let mut long = named();
    long.stack_set.name = "a-very-long-name-".repeat(8);
    let mut rows: Vec<TargetResult> = (0..1_234).map(|i| failed(i, "eu-west-1", "x")).collect();
    rows.extend((2_000..6_321).map(|i| cancelled(i, "eu-west-1")));
    let operation = described("UPDATE", "SUCCEEDED", Some(2_000));
    let subject = render::message(&report(&rows, &long, &operation, ExpectGate::Auto)).unwrap().subject;
    assert_eq!(
        subject,
        "SUCCEEDED_WITH_FAILURES: a-very-lon~long-name-, 2,000 failed, 4,321 cancelled of 5,555 (incomplete)"
    );

    let mut owned = named();
    owned.stack_set.name = "12-baseline-111111111111-eu-1234567890123-222222222222".to_owned();
    let message =
        render::message(&report(&[], &owned, &described("UPDATE", "FAILED", None), ExpectGate::Auto)).unwrap();
    assert_eq!(message.subject, "FAILED: UPDATE of 12-baseline-[account]-eu-1234567890123-[account], no targets");
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(bodies["sms"], message.subject);
}

/// Commands for now are few enough to show; those for later are not.
#[test]
fn chat_shows_the_ready_commands_when_it_cannot_show_all() {
    let mut rows: Vec<TargetResult> = (1..4).map(|i| failed(i, "eu-west-1", "Rate exceeded")).collect();
    let regions = ["ap-south-1", "eu-west-1", "us-east-1", "us-west-2"];
    rows.extend(regions.iter().zip(10..).map(|(region, i)| failed(i, region, "Access Denied")));
    let whole = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    assert_eq!((whole.retry.commands.len(), whole.retry.commands_ready), (5, 1));
    let (_, chat) = bodies(&whole);
    let steps: Vec<&str> =
        chat["content"]["nextSteps"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    assert!(steps.contains(&format!("Now: {}", whole.retry.commands[0]).as_str()), "{steps:?}");
    assert!(
        steps.contains(&"4 other retry commands are in the email and in the JSON report, as far as there is room"),
        "{steps:?}"
    );
    assert!(!chat.to_string().contains("Once the causes"), "{chat}");

    // Too long for chat: none is shown, and all are counted.
    rows.extend((1_000..1_300).map(|i| failed(i, "eu-west-1", "Rate exceeded")));
    let long = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let chat = bodies(&long).1.to_string();
    assert!(chat.contains("6 retry commands are in the email") && !chat.contains("update-stack-instances"), "{chat}");
}

#[test]
fn start_and_duration_add_up_to_the_end() {
    let operation = Operation {
        started_at: Some(1_774_000_000_900),
        ended_at: Some(1_774_000_060_100),
        ..described("UPDATE", "FAILED", None)
    };
    let report = report(&[failed(1, "eu-west-1", "x")], &named(), &operation, ExpectGate::Auto);
    let (email, _) = bodies(&report);
    assert!(email.contains("Ended: 2026-03-20 09:47:40 UTC, took 1 min (started 2026-03-20 09:46:40"), "{email}");
}

#[test]
fn the_account_gates_numbers_add_up() {
    let skipped = "AWSCloudFormationStackSetAccountGate function not found";
    let mut rows: Vec<TargetResult> =
        (0..3).map(|i| with_gate(row(i, "eu-west-1", "SUCCEEDED"), "SUCCEEDED", "")).collect();
    rows.extend((10..12).map(|i| with_gate(row(i, "eu-west-1", "SUCCEEDED"), "SKIPPED", skipped)));
    rows.extend((20..25).map(|i| cancelled(i, "eu-west-1")));
    let operation = described("UPDATE", "FAILED", None);
    for (expected, line) in
        [(ExpectGate::Auto, "3 passed, 2 went on without a gate's consent, 5 never asked."), (ExpectGate::Never, "")]
    {
        let email = bodies(&report(&rows, &named(), &operation, expected)).0.replace('\n', " ");
        assert_eq!(email.contains("Account gate"), !line.is_empty(), "{email}");
        assert!(email.contains(line), "{email}");
    }
    rows.push(with_gate(failed(30, "eu-west-1", "AccountGate check failed"), "FAILED", "no"));
    let email = bodies(&report(&rows, &named(), &operation, ExpectGate::Never)).0.replace('\n', " ");
    assert!(
        email.contains("Account gate, in targets: 3 passed, 1 refused, 2 without a gate, 5 never asked."),
        "{email}"
    );
}

#[test]
fn chat_counts_what_it_leaves_out() {
    let corpus = include_str!("../corpus/reasons.jsonl").lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let mut rows: Vec<TargetResult> =
        corpus.enumerate().map(|(i, known)| failed(i as u64, "eu-west-1", known["text"].as_str().unwrap())).collect();
    rows.extend((0..9).map(|i| row(500 + i, "eu-west-1", &format!("ODD_{i}"))));
    rows.push(row(600, "eu-west-1", ""));
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let causes = report.causes.len();
    let (_, chat) = bodies(&report);
    let description = chat["content"]["description"].as_str().unwrap();
    assert!(description.contains(&format!("\n\nand {} more causes, see the email", causes - 8)), "{description}");
    assert!(
        description.contains(
            "10 targets with a status that is not known: 1 without a status, 1 ODD_0, 1 ODD_1, 1 ODD_2, 1 ODD_3 and 5 more \
             statuses"
        ),
        "{description}"
    );
    assert!(description.ends_with(report.operation.console_url.as_deref().unwrap()), "{description}");
    let steps: Vec<&str> =
        chat["content"]["nextSteps"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    assert!(
        steps.contains(&format!("{} more next steps are in the email and in the JSON report", causes - 8).as_str())
    );
    for listed in &report.operation.results_commands {
        assert!(steps.contains(&listed.command.as_str()), "{steps:?}");
    }
}

#[test]
fn quotes_and_backslashes_take_more_room_than_they_have_characters() {
    for length in (10_000..100_000).step_by(2_500) {
        let rows = [row(1, "eu-west-1", &"\"\\".repeat(length / 2)), failed(2, "eu-west-1", &"\"".repeat(length))];
        let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
        let message = render::message(&report).unwrap();
        assert!(message.size() <= render::MESSAGE_LIMIT);
        let bodies: Value = serde_json::from_str(&message.body).unwrap();
        assert!(bodies["email"].as_str().unwrap().contains("000000000002"), "short texts leave room for the targets");
    }
}

#[test]
fn large_groups_share_the_room_and_small_ones_keep_all() {
    let of = |cause: &'static str, accounts: std::ops::Range<u64>| accounts.map(move |i| failed(i, "eu-west-1", cause));
    let mut rows: Vec<TargetResult> = of("nobody knows this", 0..9_000).collect();
    rows.extend(of("nor does anybody know that", 10_000..14_000));
    rows.extend(of("seen by few", 20_000..20_050));
    rows.extend((30_000..33_000).map(|i| cancelled(i, "eu-west-1")));
    let long = format!("once only: {}", "a long text ".repeat(300));
    rows.push(failed(40_000, "eu-west-1", &long));
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let bodies: Value = serde_json::from_str(&render::message(&report).unwrap().body).unwrap();
    let document: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
    let listed = |holder: &Value| holder["targets"].as_array().unwrap().len();
    let groups = document["causes"][0]["groups"].as_array().unwrap();
    let shown: Vec<usize> = groups.iter().chain([&document["collateral"]]).map(listed).collect();
    let [first, second, few, once, cancelled] = shown[..] else { panic!("{shown:?}") };
    assert_eq!((few, once), (50, 1), "what is small is listed whole");
    assert!(first.abs_diff(second) <= 1 && second.abs_diff(cancelled) <= 1 && first > 50, "{shown:?}");
    assert_eq!(groups[3]["sample"], long, "targets go before texts");
    let first_ones = report.causes[0].groups[0].targets.iter().take(first).map(|t| t.account().unwrap());
    let operation = groups[0]["targets"].as_array().unwrap().iter().map(|t| t["account"].as_str().unwrap());
    assert!(first_ones.eq(operation), "in their order, from the first");
}

#[test]
fn people_see_only_what_happened() {
    let heading = |rows: &[TargetResult]| {
        let (email, _) = bodies(&report(rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
        email.lines().find(|line| line.starts_with("To retry")).unwrap().split(',').next().unwrap().to_owned()
    };
    let (one, other) = (failed(1, "eu-west-1", "Rate exceeded"), cancelled(2, "eu-west-1"));
    assert_eq!(heading(std::slice::from_ref(&one)), "To retry what failed");
    assert_eq!(heading(std::slice::from_ref(&other)), "To retry what was cancelled");
    assert_eq!(heading(&[one, other]), "To retry what failed or was cancelled");
}

#[test]
fn every_cause_says_who_can_fix_it_or_that_it_is_not_known() {
    let rows = [failed(1, "eu-west-1", "nobody knows this")];
    let (email, chat) = bodies(&report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    assert!(email.contains("\n   Who can fix it: not known\n"), "{email}");
    let chat = chat["content"]["description"].as_str().unwrap();
    assert!(chat.contains("\nWho can fix it: not known\n"), "{chat}");
}

#[test]
fn tables_hold_long_names() {
    let unit = |i: u64| format!("ou-{i}-{}", "abcdefghij".repeat(5));
    let rows = [
        in_unit(failed(1, "eu-west-1", "x"), &unit(1)),
        in_unit(cancelled(2, "eu-west-1"), &unit(2)),
        in_unit(row(3, "eu-west-1", "SUCCEEDED"), &unit(2)),
        in_unit(row(4, "eu-west-1", "PENDING"), &unit(2)),
    ];
    let (email, _) = bodies(&report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    let table: Vec<&str> = email.lines().skip_while(|line| !line.starts_with("By organizational")).take(3).collect();
    assert_eq!(table.iter().map(|line| line.chars().count()).collect::<Vec<_>>(), [78; 3], "{table:#?}");
}

#[test]
fn the_email_shows_the_first_commands_and_counts_the_rest() {
    let mut rows: Vec<TargetResult> = (0..2_000).map(|i| failed(i, "eu-west-1", "Rate exceeded")).collect();
    rows.extend((5_000..5_900).map(|i| failed(i, "eu-west-1", "Access Denied")));
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let (email, _) = bodies(&report);
    let shown: Vec<&str> = email.lines().filter(|line| line.contains(" update-stack-instances ")).collect();
    assert!(shown.len() > 2 && shown.len() < report.retry.commands.len());
    assert!(report.retry.commands.iter().zip(&shown).all(|(made, shown)| made == shown), "the first, without a gap");
    let left_out = report.retry.commands.len() - shown.len();
    assert!(
        email.contains(&format!("\n{left_out} of 15 commands are not in this email, for want of room; ")),
        "{email}"
    );
}

#[test]
fn every_headline_has_failures_that_are_counted_but_not_listed() {
    let operation = |rows: &[TargetResult], status: &str, expected: u64| {
        let report = report(rows, &named(), &described("UPDATE", status, Some(expected)), ExpectGate::Auto);
        let subject = render::message(&report).unwrap().subject;
        let (email, chat) = bodies(&report);
        let title = chat["content"]["title"].as_str().unwrap().to_owned();
        let steps = chat["content"]["nextSteps"].as_array().unwrap().len();
        assert!(steps > 0, "what lists the targets is a next step");
        (subject, email.lines().nth(1).unwrap().to_owned(), title)
    };
    let rows: Vec<TargetResult> = (0..37).map(|i| row(i, "eu-west-1", "SUCCEEDED")).collect();
    let headline = "SUCCEEDED_WITH_FAILURES: UPDATE of baseline, 3 targets failed, 0 listed (incomplete)";
    let expected = (headline.to_owned(), "3 targets failed, 0 listed.".to_owned(), headline.to_owned());
    assert_eq!(operation(&rows, "SUCCEEDED", 3), expected);
    assert_eq!(operation(&[], "FAILED", 5).0, "FAILED: UPDATE of baseline, 5 targets failed, 0 listed (incomplete)");
}

#[test]
fn chat_keeps_the_warnings_of_a_long_note() {
    let corpus = include_str!("../corpus/reasons.jsonl").lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let rows: Vec<TargetResult> =
        corpus.enumerate().map(|(i, known)| failed(i as u64, "eu-west-1", known["text"].as_str().unwrap())).collect();
    let (_, chat) = bodies(&report(&rows, &named(), &described("UPDATE", "RUNNING", None), ExpectGate::Auto));
    let description = chat["content"]["description"].as_str().unwrap();
    assert!(description.contains("wait until the operation has ended"), "{description}");
}
