//! The answers that AWS documents, as people and machines get them.

use sandbox::{FailedCount, Operation, Preferences, Row, Scenario, StackSet};
use serde_json::Value;

use crate::support::{MANAGEMENT, REGION, Stage, event};

/// The whole notification in one readable text.
async fn notification(set: StackSet, operation: &str, status: &str) -> String {
    let arn = set.arn();
    let stage = Stage::new(Scenario::new().stack_set(set)).await;
    stage.invoke(&event(&arn, operation, status)).await.unwrap();
    let message = stage.published();
    let json = |protocol: &str| {
        let mut value: Value = serde_json::from_str(&message.body(protocol).unwrap()).unwrap();
        // It names the time of reading.
        if let Some(id) = value.get_mut("id") {
            *id = format!("{operation}-...").into();
        }
        serde_json::to_string_pretty(&value).unwrap()
    };
    format!(
        "Subject: {}\n\n{}\n--- chat\n{}\n--- document\n{}\n",
        message.subject.as_deref().unwrap_or_default(),
        message.body("email").unwrap(),
        json("https"),
        json("sqs")
    )
}

/// The troubleshooting page's operation: SUCCEEDED, and yet three targets failed; each account
/// gate's reason repeats the row's own.
#[tokio::test]
async fn succeeded_with_three_failures() {
    let reason = "Account 123456789012 should have 'AWSCloudFormationStackSetExecutionRole' role with trust \
                  relationship to Role 'AWSCloudFormationStackSetAdministrationRole'.";
    let row = |region| Row::failed("123456789012", region, reason).gate("SKIPPED", reason).ou("");
    let operation = Operation::new("5550e62f-c822-4331-88fa-21c1d7bafc60")
        .action("CREATE")
        .status("SUCCEEDED")
        .failed_count(FailedCount::Fixed(3))
        .times("2022-10-26T17:18:53.947Z", Some("2022-10-26T17:19:35.304Z"))
        .preferences(Preferences {
            failure_tolerance_count: Some(10),
            max_concurrent_count: Some(10),
            ..Preferences::default()
        })
        .roles(
            "arn:aws:iam::123456789012:role/AWSCloudFormationStackSetAdministrationRole",
            "AWSCloudFormationStackSetExecutionRole",
        )
        .rows(vec![row("us-west-2"), row("us-west-1"), row("us-east-1")]);
    let set = StackSet::self_managed("ss1", MANAGEMENT, REGION)
        .uuid("9101ca57-49fc-4a61-a5a6-4c97b8adb08f")
        .operation(operation);
    insta::assert_snapshot!(notification(set, "5550e62f-c822-4331-88fa-21c1d7bafc60", "SUCCEEDED").await);
}

/// The command line reference's operation: one target without a gate function, one cancelled
/// without any gate result.
#[tokio::test]
async fn cancelled_without_a_gate() {
    let operation =
        Operation::new("35d45ebc-ed88-xmpl-ab59-0197a1fc83a0").action("CREATE").status("FAILED").rows(vec![
            Row::succeeded("223456789012", "us-west-2").gate(
                "SKIPPED",
                "Function not found: \
                 arn:aws:lambda:eu-west-1:223456789012:function:AWSCloudFormationStackSetAccountGate",
            ),
            Row::cancelled("223456789012", "ap-south-1", "Cancelled since failure tolerance has exceeded"),
        ]);
    let set = StackSet::self_managed("enable-config", MANAGEMENT, REGION)
        .uuid("4fe8f1d0-xmpl-4b5c-9d51-5f3d28a1c1e4")
        .operation(operation);
    insta::assert_snapshot!(notification(set, "35d45ebc-ed88-xmpl-ab59-0197a1fc83a0", "FAILED").await);
}
