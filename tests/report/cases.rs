//! Public situations, each a file of `tests/cases`, and what the report must say of it.

use serde_json::Value;
use stackset_notifier::classify::RetryHelps;
use stackset_notifier::operation::{
    CallAs, Gate, GateStatus, Operation, OperationRef, ResultStatus, StackSetRef, TargetResult,
};
use stackset_notifier::render::{self, HttpsBody};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext};

/// The report of a situation, and its email on one line.
fn case(text: &str) -> (Report, String) {
    let case: Value = serde_json::from_str(text).unwrap();
    let of = |key: &str, default: &str| case["arn"][key].as_str().unwrap_or(default).to_owned();
    let stack_set = StackSetRef {
        name: case["stack_set"].as_str().unwrap().to_owned(),
        id: Some("1b2c3d4e".to_owned()),
        partition: of("partition", "aws"),
        region: of("region", "us-east-1"),
        account: Some(of("account", "111122223333")),
    };
    let operation = OperationRef { stack_set, operation_id: "op-1".to_owned() };
    let word = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let units = case["describe"]["DeploymentTargets"]["OrganizationalUnitIds"].as_array();
    let described = Operation {
        organizational_units: units.into_iter().flatten().filter_map(word).collect(),
        ..crate::make::described(case["action"].as_str().unwrap(), case["status"].as_str().unwrap(), None)
    };
    let mut builder = ReportBuilder::new();
    for row in case["rows"].as_array().unwrap() {
        let gate = word(&row["gate_status"])
            .map(|status| Gate { status: Some(GateStatus::from(status.as_str())), reason: word(&row["gate_reason"]) });
        builder.add(TargetResult {
            account: word(&row["account"]),
            region: word(&row["region"]),
            status: word(&row["status"]).map(|status| ResultStatus::from(status.as_str())),
            reason: word(&row["reason"]),
            gate,
            organizational_unit_id: word(&row["ou"]),
        });
    }
    let is_delegated = case["call_as"] == "DELEGATED_ADMIN";
    let report = builder.build(&ReportContext {
        operation: &operation,
        call_as: if is_delegated { CallAs::DelegatedAdmin } else { CallAs::SelfAccount },
        reader_account: Some("111122223333"),
        described: &described,
        expect_gate: ExpectGate::Auto,
        unread: None,
        now: None,
    });
    let bodies: Value = serde_json::from_str(&render::message(&report, HttpsBody::Chat).unwrap().body).unwrap();
    let email = bodies["email"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    (report, email)
}

#[test]
fn sixty_units_are_two_commands() {
    let (report, _) = case(include_str!("../cases/04-sixty-units.json"));
    let commands = crate::make::commands(&report);
    assert_eq!(commands.len(), 2, "{commands:?}");
    let units = |command: &str| command.matches("ou-").count();
    assert!(commands.iter().all(|command| units(command) <= 50), "{commands:?}");
    assert_eq!(commands.iter().map(|command| units(command)).sum::<usize>(), 60);
}

#[test]
fn a_resource_of_another_stack_set_is_left_to_it() {
    let (report, email) = case(include_str!("../cases/09-moved-between-units.json"));
    let step = report.causes[0].next_step.as_str();
    assert!(
        step.starts_with(
            "Leave the resource to the other stack set, or wait (arn:aws:cloudformation:us-east-1:300000000001:stack/\
             StackSet-sandbox-roles-11111111-2222-4333-8444-555555555555/66666666-7777-4888-8999-000000000000). The \
             stack of another stack set owns it: if that one is about to delete it, wait and retry"
        ),
        "{step}"
    );
    assert_eq!(report.causes[0].retry_helps, Some(RetryHelps::Sometimes));
    assert!(!email.contains("Import, rename or delete") && !email.contains("<region>"), "{email}");
}

#[test]
fn names_keep_their_partition() {
    let (report, email) = case(include_str!("../cases/11-govcloud-execution-role.json"));
    let step = report.causes[0].next_step.as_str();
    assert!(step.contains("arn:aws-us-gov:iam::300000000001:role/AWSControlTowerExecution"), "{step}");
    assert!(!email.contains("arn:aws:"), "{email}");
}

#[test]
fn a_delegated_administrators_commands_say_where_they_run() {
    let (report, email) = case(include_str!("../cases/16-delegated-administrator.json"));
    assert!(report.retry.note.as_ref().unwrap().contains("Run the commands in account 111122223333"));
    assert!(email.contains("111122223333") && email.contains("--call-as SELF"), "{email}");
}

#[test]
fn a_third_partys_type_that_throws_is_its_publishers() {
    let (report, _) = case(include_str!("../cases/20-third-party-type-broke.json"));
    assert_eq!(report.causes[0].code, "EXTENSION_FAILED");
}

/// The deciding sentence stands behind 30 kB of others.
#[test]
fn people_see_the_sentence_that_decided() {
    let long = format!(
        "ResourceLogicalId:X, ResourceType:AWS::S3::Bucket, ResourceStatusReason:{}The maximum number of buckets has been \
         reached. {}",
        "Something about nothing in particular. ".repeat(400),
        "And more of that. ".repeat(800)
    );
    let row = crate::make::failed(1, "eu-west-1", &long);
    let report = crate::make::report(
        &[row],
        &crate::make::named(),
        &crate::make::described("UPDATE", "FAILED", None),
        ExpectGate::Never,
    );
    assert_eq!(report.causes[0].code, "SERVICE_QUOTA_EXCEEDED");
    let bodies: Value = serde_json::from_str(&render::message(&report, HttpsBody::Chat).unwrap().body).unwrap();
    for body in ["email", "https"] {
        assert!(bodies[body].as_str().unwrap().contains("maximum number of buckets has been"), "{body}");
    }
}
