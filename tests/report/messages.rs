//! Messages of particular reports.

use serde_json::Value;
use stackset_notifier::operation::{Operation, TargetResult};
use stackset_notifier::render::{self, HttpsBody};
use stackset_notifier::report::{ExpectGate, Report};

use crate::make::{cancelled, described, failed, in_unit, named, report, row, with_gate};

fn bodies(report: &Report) -> (String, Value) {
    let message = render::message(report, HttpsBody::Chat).unwrap();
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
    assert!(email.contains("\nand 890 more\n"), "{email}");
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
    let message = render::message(&report, HttpsBody::Chat).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    crate::schema::check(&serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap());
}

#[test]
fn the_subject_keeps_the_numbers_however_long_the_name_is() {
    let mut long = named();
    long.stack_set.name = "a-very-long-name-".repeat(8);
    let rows: Vec<TargetResult> = (0..1_234).map(|i| failed(i, "eu-west-1", "x")).collect();
    let operation = described("DETECT_DRIFT", "SUCCEEDED", Some(2_000));
    let subject =
        render::message(&report(&rows, &long, &operation, ExpectGate::Auto), HttpsBody::Chat).unwrap().subject;
    assert_eq!(
        subject,
        "[INCOMPLETE] a-very-long~-long-name-, eu-central-1: 2,000 targets failed, 1,234 listed (incomplete)"
    );
}

#[test]
fn the_subject_keeps_the_cancelled_and_drops_an_account_id() {
    let mut long = named();
    long.stack_set.name = "a-very-long-name-".repeat(8);
    let mut rows: Vec<TargetResult> = (0..1_234).map(|i| failed(i, "eu-west-1", "x")).collect();
    rows.extend((2_000..6_321).map(|i| cancelled(i, "eu-west-1")));
    let operation = described("UPDATE", "SUCCEEDED", Some(2_000));
    let subject =
        render::message(&report(&rows, &long, &operation, ExpectGate::Auto), HttpsBody::Chat).unwrap().subject;
    assert_eq!(
        subject,
        "[INCOMPLETE] a-very-lon~ong-name-: 2,000 targets failed, 1,234 listed, 4,321 cancelled (incomplete)"
    );

    let mut owned = named();
    owned.stack_set.name = "12-baseline-111111111111-eu-1234567890123-222222222222".to_owned();
    let message =
        render::message(&report(&[], &owned, &described("UPDATE", "FAILED", None), ExpectGate::Auto), HttpsBody::Chat)
            .unwrap();
    assert_eq!(message.subject, "[FAILED] 12-baseline-[account]-eu-1234567890123-[account], eu-central-1: no targets");
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(bodies["sms"], message.subject);
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
    assert_eq!(report.operation.duration_seconds, Some(60));
    assert!(email.contains("\nEnded 2026-03-20 09:47 UTC after 60 seconds.\n"), "{email}");
}

#[test]
fn the_account_gates_numbers_add_up() {
    let skipped = "AWSCloudFormationStackSetAccountGate function not found";
    let mut rows: Vec<TargetResult> =
        (0..3).map(|i| with_gate(row(i, "eu-west-1", "SUCCEEDED"), "SUCCEEDED", "")).collect();
    rows.extend((10..12).map(|i| with_gate(row(i, "eu-west-1", "SUCCEEDED"), "SKIPPED", skipped)));
    rows.extend((20..25).map(|i| cancelled(i, "eu-west-1")));
    let operation = described("UPDATE", "FAILED", None);
    for (expected, line) in [(ExpectGate::Auto, "3 passed, 2 skipped, 5 never asked."), (ExpectGate::Never, "")] {
        let email = bodies(&report(&rows, &named(), &operation, expected)).0.replace('\n', " ");
        assert_eq!(email.contains("Account gate"), !line.is_empty(), "{email}");
        assert!(email.contains(line), "{email}");
    }
    rows.push(with_gate(failed(30, "eu-west-1", "AccountGate check failed"), "FAILED", "no"));
    let email = bodies(&report(&rows, &named(), &operation, ExpectGate::Never)).0.replace('\n', " ");
    assert!(
        email.contains("Account gates of the targets: 3 passed, 1 refused, 2 without a gate, 5 never asked."),
        "{email}"
    );
}

#[test]
fn quotes_and_backslashes_take_more_room_than_they_have_characters() {
    for length in (10_000..100_000).step_by(2_500) {
        let rows = [row(1, "eu-west-1", &"\"\\".repeat(length / 2)), failed(2, "eu-west-1", &"\"".repeat(length))];
        let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
        let message = render::message(&report, HttpsBody::Chat).unwrap();
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
    let bodies: Value = serde_json::from_str(&render::message(&report, HttpsBody::Chat).unwrap().body).unwrap();
    let document: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
    let accounts = |place: &Value| place["accounts"].as_array().unwrap().len();
    let listed = |holder: &Value| holder["targets"].as_array().unwrap().iter().map(accounts).sum::<usize>();
    let groups = document["causes"][0]["groups"].as_array().unwrap();
    let shown: Vec<usize> = groups.iter().chain([&document["collateral"]]).map(listed).collect();
    let [first, second, few, once, cancelled] = shown[..] else { panic!("{shown:?}") };
    assert_eq!((few, once), (50, 1), "what is small is listed whole");
    assert!(first.abs_diff(second) <= 1 && second.abs_diff(cancelled) <= 1 && first > 50, "{shown:?}");
    assert_eq!(groups[3]["sample"], long, "targets go before texts");
    let first_ones = report.causes[0].groups[0].targets.iter().take(first).map(|t| t.account().unwrap());
    let operation =
        groups[0]["targets"][0]["accounts"].as_array().unwrap().iter().map(|account| account.as_str().unwrap());
    assert!(first_ones.eq(operation), "in their order, from the first");
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
fn every_headline_has_failures_that_are_counted_but_not_listed() {
    let operation = |rows: &[TargetResult], status: &str, expected: u64| {
        let report = report(rows, &named(), &described("UPDATE", status, Some(expected)), ExpectGate::Auto);
        let subject = render::message(&report, HttpsBody::Chat).unwrap().subject;
        let (email, chat) = bodies(&report);
        let title = chat["content"]["title"].as_str().unwrap().to_owned();
        let steps = chat["content"]["nextSteps"].as_array().unwrap().len();
        assert!(steps > 0, "what lists the targets is a next step");
        (subject, email.lines().nth(1).unwrap().to_owned(), title)
    };
    let rows: Vec<TargetResult> = (0..37).map(|i| row(i, "eu-west-1", "SUCCEEDED")).collect();
    let subject = "[INCOMPLETE] baseline, eu-central-1: 3 targets failed, 0 listed (incomplete)".to_owned();
    let title = "UPDATE of baseline succeeded with failures: 3 targets failed, 0 listed (incomplete)".to_owned();
    let line = "3 targets failed, 0 listed, 37 succeeded.".to_owned();
    assert_eq!(operation(&rows, "SUCCEEDED", 3), (subject, line, title));
    assert_eq!(
        operation(&[], "FAILED", 5).0,
        "[FAILED] baseline, eu-central-1: 5 targets failed, 0 listed (incomplete)"
    );
}

fn steps(chat: &Value) -> Vec<&str> {
    chat["content"]["nextSteps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect()
}

#[test]
fn chat_shows_the_one_command_or_says_where_they_are() {
    let of = |regions: u64| {
        let rows: Vec<TargetResult> = (1..=regions)
            .flat_map(|i| (0..i).map(move |r| failed(i, &format!("region-{r}"), "Rate exceeded")))
            .collect();
        let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
        assert_eq!(report.retry.commands(), regions);
        bodies(&report).1
    };
    assert!(steps(&of(1))[0].starts_with("Now: aws cloudformation update-stack-instances "));
    assert_eq!(steps(&of(20))[0], "Retry: the commands are in the email");
    // One that is too long for a step is in the email too.
    let rows: Vec<TargetResult> = (0..300).map(|i| failed(i, "eu-west-1", "Rate exceeded")).collect();
    let long = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    assert_eq!(steps(&bodies(&long).1)[0], "Retry: the command is in the email");
}

#[test]
fn a_thread_is_an_operations_and_an_id_a_messages() {
    let mut report =
        report(&[failed(1, "eu-west-1", "x")], &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let first = bodies(&report).1;
    report.read_at = report.read_at.map(|at| at + 1);
    let second = bodies(&report).1;
    assert_eq!((&first["metadata"]["threadId"], &second["metadata"]["threadId"]), (&"op-1".into(), &"op-1".into()));
    assert_ne!(first["id"], second["id"]);
}

/// Every text of the corpus at once: chat names as many causes as fit and counts the others.
#[test]
fn chat_counts_what_it_leaves_out() {
    let corpus = include_str!("../corpus/reasons.jsonl").lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let rows: Vec<TargetResult> =
        corpus.enumerate().map(|(i, known)| failed(i as u64, "eu-west-1", known["text"].as_str().unwrap())).collect();
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let (email, chat) = bodies(&report);
    let description = chat["content"]["description"].as_str().unwrap();
    assert!(description.contains(" more lines in the email\n"), "{description}");
    let link = format!("[Open in CloudFormation]({})", report.operation.console_url.as_deref().unwrap());
    assert!(description.ends_with(&link), "{description}");
    assert!(email.contains("more causes, below.\n"), "{email}");
    for cause in &report.causes {
        assert!(email.contains(&format!(". {}", cause.code)), "{} in {email}", cause.code);
    }
}

#[test]
fn causes_stand_under_those_who_can_fix_them() {
    let rows = [
        failed(1, "eu-west-1", "nobody knows this"),
        failed(2, "eu-west-1", "Rate exceeded"),
        failed(3, "eu-west-1", "Access Denied"),
        failed(4, "eu-west-1", "The maximum number of buckets has been reached"),
    ];
    let (email, chat) = bodies(&report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    let chat = chat["content"]["description"].as_str().unwrap();
    for (owner, title) in [
        ("Owner not known", "Read the text of the failed targets"),
        ("No fix needed", "Retry with less concurrency"),
        ("Platform team", "Grant the denied action"),
        ("Account owners", "Raise the quota, or free some of what it counts"),
    ] {
        let at = email.find(&format!("\n{owner}\n")).unwrap_or_else(|| panic!("{owner} in {email}"));
        let item = email[at..].lines().nth(2).unwrap();
        assert!(item.contains(&format!(". {title}")) && item.ends_with("1 target"), "{email}");
        assert!(chat.contains(&format!("*{owner}*\n• {title}: 1 target, 1 account (")), "{chat}");
    }
}

#[test]
fn the_email_names_the_commands_that_it_has_no_room_for() {
    // Every account fails in a set of Regions of its own.
    let rows: Vec<TargetResult> = (1..200_u64)
        .flat_map(|i| (0..8).filter(move |bit| i >> bit & 1 == 1).map(move |r| failed(i, &format!("region-{r}"), "x")))
        .collect();
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let (email, _) = bodies(&report);
    let shown: Vec<&str> = email.lines().filter(|line| line.contains(" update-stack-instances ")).collect();
    let made = crate::make::commands(&report);
    assert!(shown.len() > 2 && made.iter().zip(&shown).all(|(made, shown)| made == shown), "the first, without a gap");
    let hidden = made.len() - shown.len();
    assert!(email.contains(&format!("There is no room for {hidden} more commands")), "{email}");
    assert!(email.lines().count() <= 150, "{email}");
}

/// What AWS's own support asks for helps nobody on a phone.
#[test]
fn samples_have_no_request_ids() {
    let text = "ResourceLogicalId:B, ResourceType:AWS::S3::Bucket, ResourceStatusReason:Too many buckets, the maximum number \
                of buckets was reached (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets; Request ID: 1A8D).";
    let report =
        report(&[failed(1, "eu-west-1", text)], &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let (email, chat) = bodies(&report);
    assert!(email.contains("Code: TooManyBuckets).") && !email.contains("1A8D"), "{email}");
    assert!(!chat.to_string().contains("1A8D"));
}

#[test]
fn webhooks_may_have_the_document() {
    let report =
        report(&[failed(1, "eu-west-1", "x")], &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let message = render::message(&report, HttpsBody::Document).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let keys: Vec<&String> = bodies.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["default", "email", "sms"], "SNS gives https the default then");
}

#[test]
fn names_stand_beside_ids() {
    let rows = [
        in_unit(failed(1, "eu-west-1", "x"), "ou-ab12-11111111"),
        in_unit(row(2, "eu-west-1", "SUCCEEDED"), "ou-ab12-22222222"),
    ];
    let mut report = report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    report.names.accounts.insert("000000000001".to_owned(), "prod-payments".to_owned());
    report.names.organizational_units.insert("ou-ab12-11111111".to_owned(), "Workloads".to_owned());
    let (email, chat) = bodies(&report);
    assert!(email.contains("1 account, eu-west-1: prod-payments (000000000001)\n"), "{email}");
    assert!(email.contains("\nWorkloads (ou-ab12-11111111) "), "{email}");
    assert!(chat["content"]["description"].as_str().unwrap().contains("in prod-payments (000000000001)"));
}

fn document(report: &Report) -> Value {
    let bodies: Value = serde_json::from_str(&render::message(report, HttpsBody::Chat).unwrap().body).unwrap();
    serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap()
}

fn listed(document: &Value) -> usize {
    let groups = document["causes"].as_array().unwrap().iter().flat_map(|cause| cause["groups"].as_array().unwrap());
    let places = groups.flat_map(|group| group["targets"].as_array().unwrap());
    places.map(|place| place["accounts"].as_array().unwrap().len()).sum()
}

#[test]
fn a_message_lists_a_thousand_targets_and_more() {
    let role = |account: u64| {
        format!("Account {account:012} should have 'Exec' role with trust relationship to Role 'Admin'.")
    };
    let regions: Vec<String> = (0..17).map(|i| format!("eu-west-{i}")).collect();
    let unit = |i: u64| format!("ou-ab12-{:08}", i % 40);
    let one_cause: Vec<TargetResult> =
        (0..1_045).map(|i| in_unit(failed(i, &regions[(i % 17) as usize], &role(i)), &unit(i))).collect();
    let all = document(&report(&one_cause, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    assert_eq!(listed(&all), 1_045);

    // Each of 20,000 accounts failed in one Region of 17, by a fixed shuffle.
    let scattered: Vec<TargetResult> = (0..20_000_u64)
        .map(|i| in_unit(failed(i, &regions[(i * 7_919 % 10_007 % 17) as usize], &role(i)), &unit(i)))
        .collect();
    let most = document(&report(&scattered, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
    assert!(listed(&most) >= 1_500, "{} of 20,000", listed(&most));
}

/// Readers of a raw body see what matters first.
#[test]
fn keys_stand_in_their_order() {
    let report =
        report(&[failed(1, "eu-west-1", "x")], &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let bodies: Value = serde_json::from_str(&render::message(&report, HttpsBody::Chat).unwrap().body).unwrap();
    let document = bodies["default"].as_str().unwrap();
    let in_order = |text: &str, keys: &[&str]| {
        let places: Vec<usize> = keys
            .iter()
            .map(|key| text.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} in {text}")))
            .collect();
        assert!(places.is_sorted(), "{keys:?} in {text}");
    };
    let tops = [
        "schemaVersion",
        "severity",
        "summary",
        "stackSet",
        "operation",
        "outcome",
        "counts",
        "completeness",
        "comparedWith",
        "causes",
        "stackEvents",
        "collateral",
        "retry",
        "accountGate",
        "drift",
        "byRegion",
        "byOrganizationalUnit",
        "names",
    ];
    in_order(document, &tops);
    let (_, causes) = document.split_once("\"causes\":").unwrap();
    in_order(
        causes,
        &[
            "code",
            "count",
            "accounts",
            "regions",
            "newlyFailed",
            "owners",
            "retryHelps",
            "nextStep",
            "groups",
            "pattern",
            "sample",
            "basis",
            "resource",
            "evidence",
            "stacks",
            "targets",
            "targetsOmitted",
        ],
    );
    let (_, plan) = document.split_once("\"plan\":").unwrap();
    in_order(plan, &["when", "causes", "cancelled", "targets", "alsoRuns", "commands", "omitted", "note"]);
    let (_, gate) = document.split_once("\"accountGate\":").unwrap();
    in_order(
        gate,
        &[
            "resultsCounted",
            "passed",
            "refused",
            "notConfigured",
            "notInvokable",
            "noAction",
            "notReached",
            "absent",
            "unrecognized",
            "skipped",
        ],
    );
}
