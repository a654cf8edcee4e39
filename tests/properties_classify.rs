//! What holds for every text.

#![allow(clippy::unwrap_used, reason = "tests may fail on odd data")]

use proptest::prelude::*;
use serde_json::Value;
use stackset_notifier::classify::{classify, classify_text, gate_meaning, mask};
use stackset_notifier::operation::{Gate, GateStatus, ResultStatus, TargetResult};

const CORPUS: &str = include_str!("corpus/reasons.jsonl");

fn corpus() -> Vec<String> {
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    CORPUS.lines().map(text).collect()
}

/// Any Unicode, the signs that masks and structures are made of, and real texts.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,20}",
        "[0-9a-fA-F:./<>_-]{0,40}",
        "[0-9]{5,13}",
        "-[A-Z0-9]{12,13}",
        "-[A-Za-z0-9]{12}",
        region(),
        uuid(),
        prop::sample::select(vec![
            "Request ID: ",
            "RequestToken:",
            "(Service: X; ",
            "Status Code: 4",
            "HandlerErrorCode: ",
            "ResourceLogicalId:",
            ", ResourceType:",
            ", ResourceStatusReason:",
            "<account>",
            "<",
            ">",
            "arn:aws-cn:",
            "2022/06/17/[$LATEST]",
            "2022-06-17T10:11:12.1",
            ":12:13Z",
            "10.0.0.",
            "(",
            ")",
            "\"",
            "'",
            " ",
            "\n",
            "Resource handler returned message: ",
            ") when calling (",
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()),
        ("\\PC{0,5}", prop::sample::select(corpus()), any::<prop::sample::Index>()).prop_map(|(before, text, cut)| {
            let end = cut.index(text.chars().count() + 1);
            before + &text.chars().take(end).collect::<String>()
        }),
    ]
}

fn region() -> impl Strategy<Value = String> {
    prop_oneof![
        "(us|eu|ap|sa|ca|me|af|il|mx|cn)-(north|south|east|west|central|northeast|southeast)-[1-9]",
        "us-gov-(east|west)-1",
        "us-iso[bf]?-(east|west)-1"
    ]
}

fn account() -> impl Strategy<Value = String> {
    "[0-9]{12}"
}

fn uuid() -> impl Strategy<Value = String> {
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
}

/// Texts as services write them, with holes for what differs between targets.
fn templates() -> Vec<String> {
    let own = [
        "User: arn:aws:sts::{account}:assumed-role/stacksets-exec-{hex}/{uuid} is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::{account}:role/{role} with an explicit deny",
        "Account {account} should have '{role}' role with trust relationship to Role 'Administration'.",
        "Stack:arn:aws:cloudformation:{region}:{account}:stack/StackSet-base-{uuid}/{uuid} is in ROLLBACK_COMPLETE state and can not be updated.",
        "{role} already exists in stack arn:aws:cloudformation:{region}:{account}:stack/x/{uuid}.",
        "ResourceLogicalId:{role}, ResourceType:AWS::SNS::Topic, ResourceStatusReason:Resource handler returned message: \"Rate exceeded (Service: Sns, Status Code: 400, Request ID: {uuid})\" (RequestToken: {uuid}, HandlerErrorCode: Throttling).",
        "Region {region} is not enabled for account {account}: {role}",
    ];
    let known = |text: String| {
        text.replace("123456789012", "{account}").replace("us-east-1", "{region}").replace("eu-west-1", "{region}")
    };
    own.into_iter().map(str::to_owned).chain(corpus().into_iter().map(known)).collect()
}

fn fill(template: &str, (account, region, uuid, role): (&str, &str, &str, &str)) -> String {
    let hex = uuid.replace('-', "");
    template
        .replace("{account}", account)
        .replace("{region}", region)
        .replace("{uuid}", uuid)
        .replace("{hex}", &hex)
        .replace("{role}", role)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn masking_twice_changes_nothing(text in text()) {
        let once = mask(&text);
        prop_assert_eq!(mask(&once), once);
    }

    #[test]
    fn no_text_is_too_odd(text in text(), gate in text(), status in "[A-Z]{4,9}|FAILED|SKIPPED|RUNNING") {
        let result = TargetResult {
            status: Some(ResultStatus::from(status.as_str())),
            reason: Some(text.clone()),
            gate: Some(Gate { status: Some(GateStatus::from(status.as_str())), reason: Some(gate) }),
            ..TargetResult::default()
        };
        let cause = classify(&result);
        gate_meaning(&result);
        if let Some(cause) = cause {
            prop_assert!(!cause.code.next_step(&cause.named).with_names(&cause.named).is_empty());
        }
    }

    #[test]
    fn neither_code_nor_group_depends_on_ids(
        template in prop::sample::select(templates()),
        one in (account(), region(), uuid()),
        other in (account(), region(), uuid()),
    ) {
        let one = fill(&template, (&one.0, &one.1, &one.2, "MyRole"));
        let other = fill(&template, (&other.0, &other.1, &other.2, "MyRole"));
        prop_assert_eq!(classify_text(&one).code, classify_text(&other).code);
        prop_assert_eq!(mask(&one), mask(&other));
    }

    #[test]
    fn generated_suffixes_make_no_group(one in "[A-Z0-9]{4}[0-9][A-Z][0-9][A-Z][A-Z0-9]{4}[A-Z0-9]?", other in "[A-Z0-9]{4}[0-9][A-Z][0-9][A-Z][A-Z0-9]{4}[A-Z0-9]?") {
        let text = |suffix: &str| format!("role X-MyRole-{suffix} already exists");
        // Twelve digits are an account.
        prop_assume!(one.bytes().any(|b| b.is_ascii_alphabetic()) && other.bytes().any(|b| b.is_ascii_alphabetic()));
        prop_assert_eq!(mask(&text(&one)), mask(&text(&other)));
    }

    #[test]
    fn other_names_are_other_groups(
        template in prop::sample::select(templates()),
        ids in (account(), region(), uuid()),
        one in "[A-Z][a-z]{3,9}(Role|Policy|Topic)",
        other in "[A-Z][a-z]{3,9}(Role|Policy|Topic)",
    ) {
        prop_assume!(one != other);
        let text = |role: &str| fill(&template, (&ids.0, &ids.1, &ids.2, role));
        if template.contains("{role}") {
            prop_assert_ne!(mask(&text(&one)), mask(&text(&other)));
        }
        let action = |name: &str| format!("not authorized to perform: iam:Create{name}");
        prop_assert_ne!(mask(&action(&one)), mask(&action(&other)));
    }
}
