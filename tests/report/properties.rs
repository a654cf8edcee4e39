//! What holds for any rows.

use proptest::prelude::*;
use serde_json::{Value, json};
use stackset_notifier::operation::{CallAs, Gate, GateStatus, ResultStatus, TargetResult};
use stackset_notifier::render::{self, HttpsBody, MESSAGE_LIMIT, Message};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext, Severity};

use crate::make::{described, failed, named, report};
use crate::rows::{names, operation, rows};
use crate::schema;

fn json(report: &Report) -> String {
    serde_json::to_string(report).unwrap()
}

/// Every number of a document that must not change, however much is left out.
fn numbers(document: &Value) -> Value {
    let all = |list: &str, omitted: &str| {
        let rows = document[list].as_array().unwrap().iter().chain([&document[omitted]]);
        rows.fold([0; 4], |sums, row| {
            let add = |i: usize, word: &str| sums[i] + row[word].as_u64().unwrap();
            [add(0, "succeeded"), add(1, "failed"), add(2, "cancelled"), add(3, "other")]
        })
    };
    let causes = document["causes"].as_array().unwrap().iter();
    let causes: Vec<Value> = causes.map(|c| json!([c["code"], c["count"], c["accounts"], c["regions"]])).collect();
    let mut counts = document["counts"].clone();
    counts.as_object_mut().unwrap().remove("otherStatuses");
    let collateral = &document["collateral"];
    let gate = &document["accountGate"];
    let gates = ["passed", "refused", "notConfigured", "notInvokable", "noAction", "notReached", "absent"];
    let retry = &document["retry"];
    let plan = retry["plan"].as_array().unwrap();
    let commands: u64 = plan.iter().map(|entry| entry["commands"].as_array().unwrap().len() as u64).sum();
    let plan: Vec<Value> =
        plan.iter().map(|entry| json!([entry["when"], entry["causes"], entry["targets"], entry["alsoRuns"]])).collect();
    json!({
        "counts": counts,
        "causes": causes,
        "collateral": [collateral["failureToleranceExceeded"], collateral["operationStopped"], collateral["other"]],
        "gates": gates.map(|meaning| gate[meaning].clone()),
        "skipped": gate["skipped"]["count"],
        "byRegion": all("byRegion", "byRegionOmitted"),
        "byOrganizationalUnit": all("byOrganizationalUnit", "byOrganizationalUnitOmitted"),
        "commands": commands + retry["omitted"].as_u64().unwrap(),
        "plan": plan,
        "severity": document["severity"],
        "completeness": document["completeness"],
    })
}

pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string().into_bytes();
    let groups: Vec<&str> = digits.rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// The numbers that every reader must see: failed, cancelled, drifted.
fn check_numbers(report: &Report, text: &str) {
    let counts = report.best_counts();
    let expected = report.completeness.failed_expected.filter(|&expected| expected > report.counts.failed);
    let failed = expected.unwrap_or(counts.failed);
    let drifted = report.drift.as_ref().and_then(|drift| drift.drifted).unwrap_or(0);
    for (n, word) in [(failed, "failed"), (counts.cancelled, "cancelled"), (drifted, "drifted")] {
        let number = thousands(n);
        let is_said = text.split(", ").any(|part| {
            let last = part.rsplit(": ").next().unwrap();
            last.split([' ', '\n']).any(|w| w == number) && part.contains(word)
        });
        assert!(n == 0 || is_said, "{number} {word} in {text:?}");
    }
    let says_so =
        ["(incomplete)", "INCOMPLETE", "IN PROGRESS", "has not ended"].iter().any(|words| text.contains(words));
    assert!(report.completeness.complete || says_so, "{text:?}");
}

/// Nothing that a chat would take for a tag.
fn check_escaped(text: &str) {
    assert!(!text.contains(['<', '>']), "{text}");
    for (at, _) in text.match_indices('&') {
        assert!(["&amp;", "&lt;", "&gt;"].iter().any(|entity| text[at..].starts_with(entity)), "{text}");
    }
}

/// Whether a number as long as an account's stands somewhere.
fn has_account_id(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 12)
}

fn check_message(report: &Report) -> Message {
    let message = render::message(report, HttpsBody::Chat).unwrap();
    assert!(message.size() <= MESSAGE_LIMIT, "{} bytes", message.size());
    assert!((1..=99).contains(&message.subject.chars().count()), "{:?}", message.subject);
    assert!(message.subject.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{:?}", message.subject);
    assert!(!message.subject.starts_with(' '));
    assert!(!has_account_id(&message.subject), "{}", message.subject);
    check_numbers(report, &message.subject);
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let email = bodies["email"].as_str().unwrap();
    check_numbers(report, &email.replace(".\n", ", ").replace(['\n', ';'], " "));
    check_email(report, email);
    let document: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
    schema::check(&document);
    assert_eq!(numbers(&document), numbers(&serde_json::to_value(report).unwrap()), "shortening changes no number");
    let for_document = Value::from(bodies["default"].as_str().unwrap()).to_string().len() - 2;
    assert!(
        message.size() - for_document <= MESSAGE_LIMIT - render::DOCUMENT_LEAST,
        "too little room for the document"
    );
    let sms = bodies["sms"].as_str().unwrap();
    assert!((1..=140).contains(&sms.chars().count()), "{sms}");
    assert!(!has_account_id(sms), "{sms}");
    let chat = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    check_chat(&chat);
    check_numbers(report, chat["content"]["title"].as_str().unwrap());
    assert_eq!(chat["metadata"]["threadId"], report.operation.id);
    for attribute in &message.attributes {
        assert!(!attribute.value.is_empty(), "{attribute:?}");
    }
    message
}

/// What happened, where to click, who must act and what to do stand in the first 25 lines; no line is too long for a
/// server on its way, and the whole is one that a person scrolls through.
fn check_email(report: &Report, email: &str) {
    let lines: Vec<&str> = email.lines().collect();
    let first: Vec<&str> = lines.iter().copied().take(25).collect();
    // Long names, warnings and Regions that it is in come before.
    let is_plain = report.completeness.missing.is_none()
        && report.operation.status_reason.is_none()
        && report.in_progress.is_none()
        && report.stack_set.name.len() < 60;
    if is_plain && !report.problems().is_empty() && !report.causes.is_empty() {
        assert!(first.contains(&"WHAT TO DO"), "{email}");
        assert!(first.iter().any(|line| line.starts_with("1. ")), "{email}");
    }
    if is_plain && report.retry.commands() > 0 && report.severity != Severity::Info {
        assert!(first.iter().any(|line| line.starts_with("Run the command")), "{email}");
    }
    let longest = lines.iter().map(|line| line.len()).max().unwrap_or_default();
    assert!(longest <= 900 || !email.is_ascii(), "{longest}: {email}");
    assert!(lines.len() <= 150, "{} lines: {email}", lines.len());
    let sentences: Vec<&str> = lines.iter().copied().filter(|line| line.len() > 60 && !line.starts_with(' ')).collect();
    let distinct: std::collections::HashSet<&&str> = sentences.iter().collect();
    assert_eq!(distinct.len(), sentences.len(), "a sentence twice in {email}");
}

/// The schema and limits of Amazon Q Developer's custom notifications.
pub(crate) fn check_chat(chat: &Value) {
    assert_eq!((chat["version"].as_str(), chat["source"].as_str()), (Some("1.0"), Some("custom")));
    let content = &chat["content"];
    assert_eq!(content["textType"], "client-markdown");
    let within = |text: &Value, limit: usize| {
        let length = text.as_str().unwrap().chars().count();
        assert!((1..=limit).contains(&length), "{length} of {limit}: {text}");
    };
    within(&content["title"], 250);
    within(&content["description"], 1_200);
    let steps = content["nextSteps"].as_array().unwrap();
    assert!(steps.len() <= 3, "{steps:?}");
    steps.iter().for_each(|step| within(step, 350));
    ["title", "description"].iter().for_each(|field| check_escaped(content[*field].as_str().unwrap()));
    content["nextSteps"].as_array().unwrap().iter().for_each(|step| check_escaped(step.as_str().unwrap()));
    content["keywords"].as_array().unwrap().iter().for_each(|word| within(word, 75));
    assert!(chat["metadata"]["threadId"].is_string());
    within(&chat["id"], 300);
    assert!(chat["metadata"]["additionalContext"].as_object().unwrap().values().all(Value::is_string));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn sums_hold_and_the_document_is_valid(rows in rows(60), named in names(), described in operation()) {
        let report = report(&rows, &named, &described, ExpectGate::Always);
        let document: Value = serde_json::from_str(&json(&report)).unwrap();
        schema::check(&document);
        prop_assert_eq!(report.counts.total, rows.len() as u64);
    }

    #[test]
    fn the_order_of_rows_changes_no_byte(
        (rows, shuffled) in rows(60).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        named in names(),
        described in operation(),
    ) {
        let [a, b] = [&rows, &shuffled].map(|rows| report(rows, &named, &described, ExpectGate::Auto));
        prop_assert_eq!(json(&a), json(&b));
    }

    #[test]
    fn folding_apart_and_merging_changes_no_byte(
        rows in rows(60),
        cut in 0..60_usize,
        named in names(),
        described in operation(),
    ) {
        let (head, tail) = rows.split_at(cut.min(rows.len()));
        let fold = |rows: &[TargetResult]| {
            let mut fold = ReportBuilder::new();
            rows.iter().cloned().for_each(|row| fold.add(row));
            fold
        };
        let mut merged = fold(head);
        merged.merge(fold(tail));
        let context = ReportContext {
            operation: &named,
            call_as: CallAs::SelfAccount,
            reader_account: None,
            described: &described,
            expect_gate: ExpectGate::Always,
            unread: None,
            now: None,
        };
        prop_assert_eq!(json(&merged.build(&context)), json(&fold(&rows).build(&context)));
    }

    #[test]
    fn every_message_is_within_every_limit(rows in rows(60), named in names(), described in operation()) {
        let report = report(&rows, &named, &described, ExpectGate::Auto);
        check_message(&report);
    }
}

proptest! {
    // Each case renders megabytes.
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn large_messages_too(seed in rows(15), times in 1..400_usize, named in names(), described in operation()) {
        // The same few rows for very many accounts, each with its own text, more than fits.
        let rows: Vec<TargetResult> = (0..times)
            .flat_map(|i| seed.iter().cloned().map(move |mut row| {
                row.account = Some(format!("{:012}", 300_000_000_000 + i as u64));
                row.reason = row.reason.map(|text| format!("{text} step {}", "abcdefghij".repeat(i % 50)));
                row
            }))
            .collect();
        let report = report(&rows, &named, &described, ExpectGate::Always);
        check_message(&report);
    }
}

#[test]
fn a_hundred_thousand_failures_fill_the_message() {
    let rows: Vec<TargetResult> = (0..100_000)
        .map(|i| TargetResult {
            account: Some(format!("{:012}", 300_000_000_000_u64 + i / 4)),
            region: Some(["eu-west-1", "us-east-1", "ap-south-1", "me-south-1"][(i % 4) as usize].to_owned()),
            status: Some("FAILED".into()),
            reason: Some(format!("cause number {} nobody knows", ["one", "two", "three"][(i % 3) as usize])),
            ..TargetResult::default()
        })
        .collect();
    let described = described("UPDATE", "FAILED", Some(100_000));
    let message = check_message(&report(&rows, &named(), &described, ExpectGate::Auto));
    assert!(message.size() > MESSAGE_LIMIT * 99 / 100, "{} bytes used", message.size());
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let document: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
    let groups = document["causes"].as_array().unwrap().iter().flat_map(|cause| cause["groups"].as_array().unwrap());
    let places = groups.flat_map(|group| group["targets"].as_array().unwrap());
    let listed: usize = places.map(|place| place["accounts"].as_array().unwrap().len()).sum();
    assert!(listed > 7_000, "{listed} targets listed");
}

#[test]
fn many_long_texts_fill_the_message_too() {
    for (texts, length) in [(60, 720), (120, 360), (200, 60), (300, 360), (1_000, 200)] {
        let rows: Vec<TargetResult> = (0..texts * 2)
            .map(|i| TargetResult {
                account: Some(format!("{:012}", 300_000_000_000_u64 + i)),
                region: Some("eu-west-1".to_owned()),
                status: Some("FAILED".into()),
                reason: Some(format!("{} nobody knows {}", word(i % texts), "abcdefghi ".repeat(length / 10))),
                ..TargetResult::default()
            })
            .collect();
        let message = check_message(&report(&rows, &named(), &described("UPDATE", "FAILED", None), ExpectGate::Auto));
        let bodies: Value = serde_json::from_str(&message.body).unwrap();
        let document: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
        let omitted = &document["causes"][0]["groupsOmitted"]["groups"];
        let used = message.size() * 100 / MESSAGE_LIMIT;
        let whole = omitted == 0 && document["causes"][0]["groups"][0]["sample"] == rows[0].reason.as_deref().unwrap();
        assert!(whole || used >= 90, "{texts} texts of {length}: {used} %, {omitted} groups left out");
    }
}

/// A word of letters for a number, so that no two texts are alike.
fn word(mut n: u64) -> String {
    let mut letters = String::new();
    for _ in 0..4 {
        letters.push(char::from(b'b' + (n % 20) as u8));
        n /= 20;
    }
    letters
}

/// Values that would do harm if they were taken for more than text.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "@here",
        "@channel",
        "@everyone",
        "<!here>",
        "<@U012>",
        "](https://evil.example)",
        "[x](y)",
        "```",
        "`x`",
        "$(touch /tmp/x)",
        "`id`",
        "; rm -rf /",
        "' OR '",
        "\"",
        "\\",
        "\n",
        "\r\n.\r\n",
        "\r\nSubject: x\r\n",
        "Bcc: x@y",
        "\u{202e}",
        "\u{200b}",
        "\u{feff}",
        "\u{e0041}",
        "\u{0}",
        "--flag",
        "*",
        "a",
        " ",
        "é",
    ]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

fn is_unseen(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The words that a real shell makes of a command.
fn by_a_shell(command: &str) -> Vec<String> {
    let script = format!("set -- {command}\nprintf '%s\\0' \"$@\"");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{command}");
    let words = String::from_utf8(output.stdout).unwrap();
    words.split_terminator('\0').map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What AWS or a person named is text, never structure.
    #[test]
    fn hostile_values_take_no_effect(
        values in prop::collection::vec(hostile(), 9),
        status in prop::sample::select(vec!["FAILED", "CANCELLED", "SUCCEEDED", "@here"]),
    ) {
        let [action, reason, account, region, unit, gate, status_reason, logical_id, other] = &values[..] else {
            unreachable!()
        };
        // Names of stack sets and ids of operations are refused where an event brings odd ones.
        let set = named();
        let mut described = described("UPDATE", "FAILED", Some(2));
        described.action = Some(action.clone());
        described.status_reason = Some(status_reason.clone());
        let text = format!("ResourceLogicalId:{logical_id}, ResourceType:AWS::S3::Bucket, ResourceStatusReason:{reason}");
        let mut rows = vec![failed(1, "eu-west-1", &text), failed(2, "eu-west-1", reason)];
        rows.push(TargetResult {
            account: Some(account.clone()),
            region: Some(region.clone()),
            status: Some(ResultStatus::from(status)),
            reason: Some(other.clone()),
            gate: Some(Gate { status: Some(GateStatus::Failed), reason: Some(gate.clone()) }),
            organizational_unit_id: Some(unit.clone()),
        });
        let report = report(&rows, &set, &described, ExpectGate::Always);
        for command in &crate::make::commands(&report) {
            let words = by_a_shell(command);
            prop_assert_eq!(&words[..2], ["aws", "cloudformation"]);
            prop_assert_eq!(words.iter().position(|word| word == "--stack-set-name"), Some(3));
            let odd = [account, region, unit].into_iter().find(|odd| words.contains(odd));
            prop_assert!(odd.is_none(), "{:?} in {}", odd, command);
        }
        let message = render::message(&report, HttpsBody::Chat).unwrap();
        let bodies: Value = serde_json::from_str(&message.body).unwrap();
        serde_json::from_str::<Value>(bodies["default"].as_str().unwrap()).unwrap();
        let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
        let content = &chat["content"];
        let mut texts: Vec<&str> = ["title", "description"].iter().map(|key| content[*key].as_str().unwrap()).collect();
        texts.extend(content["nextSteps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()));
        for text in texts {
            // The one link is ours.
            let text = text.replace("[Open in CloudFormation](https://eu-central-1.console.aws.amazon.com/", "");
            for effect in ["@here", "@channel", "@everyone", "<!", "<@", "](", "```"] {
                prop_assert!(!text.contains(effect), "{effect} in {text}");
            }
            prop_assert!(!text.contains(is_unseen), "{text:?}");
        }
        let email = bodies["email"].as_str().unwrap();
        prop_assert!(!email.contains(is_unseen), "{email:?}");
        for line in email.lines() {
            prop_assert!(line != "." && !line.starts_with("Subject:") && !line.starts_with("Bcc:"), "{line:?} in {email}");
        }
        prop_assert!(!bodies["sms"].as_str().unwrap().contains(is_unseen));
    }
}
