//! What the events of stacks say, where a role in the target accounts lets the function read them.

use std::time::{Duration, Instant};

use sandbox::{Fault, FaultKind, Row, Scenario, Stack, StackEvent, StackSet, demo};
use serde_json::{Value, json};

use crate::support::{OPERATION, Stage, account, event, operation, stack_set};

const ROLE: &str = "read-stack-events";
const SETTING: &[(&str, &str)] = &[("MEMBER_ROLE_NAME", ROLE)];
const ROLL_UP: &str = "The following resource(s) failed to create: [Logging].";
const EXISTS: &str = "Resource handler returned message: \"Role audit already exists.\" (RequestToken: 1, \
                      HandlerErrorCode: AlreadyExists)";
const THROTTLED: &str = "Rate exceeded (Service: Iam, Status Code: 400, Request ID: 2)";

fn rolled_up(count: usize) -> StackSet {
    let rows = (0..count).map(|i| Row::failed(&account(i), "eu-west-1", ROLL_UP)).collect();
    stack_set().operation(operation("FAILED", rows))
}

fn stack_id(i: usize) -> String {
    stack_set().stack_id(&account(i), "eu-west-1")
}

fn nested_id(i: usize, depth: usize) -> String {
    format!("arn:aws:cloudformation:eu-west-1:{}:stack/nested-{depth}/{depth}0000000-aaaa", account(i))
}

/// The stack of a target whose creation failed at this event.
fn failed_stack(i: usize, event: StackEvent) -> Stack {
    Stack::new(&stack_id(i))
        .status("CREATE_IN_PROGRESS", "User Initiated")
        .event(StackEvent::resource("Topic", "AWS::SNS::Topic", "CREATE_COMPLETE"))
        .event(event)
        .event(StackEvent::cancelled("Queue", "AWS::SQS::Queue"))
        .status("CREATE_FAILED", ROLL_UP)
}

fn role(reason: &str) -> StackEvent {
    StackEvent::failed("Logging", "AWS::IAM::Role", reason)
}

/// Five targets with the role in all their accounts, and these stacks.
fn scenario(stacks: impl IntoIterator<Item = Stack>) -> Scenario {
    let accounts: Vec<String> = (0..5).map(account).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let scenario = Scenario::new().stack_set(rolled_up(5)).member_role(ROLE, &accounts);
    stacks.into_iter().fold(scenario, Scenario::stack)
}

async fn stage(scenario: Scenario) -> Stage {
    Stage::with(scenario, SETTING).await
}

async fn document(scenario: Scenario) -> Value {
    stage(scenario).await.report("FAILED").await
}

/// Code, basis, count and sampled targets of each group.
fn groups(document: &Value) -> Value {
    let of = |cause: &Value| -> Vec<Value> {
        let groups = cause["groups"].as_array().unwrap().iter();
        groups
            .map(|group| json!([cause["code"], group["basis"], group["count"], group["evidence"]["sampled"]]))
            .collect()
    };
    document["causes"].as_array().unwrap().iter().flat_map(of).collect()
}

fn evidence(document: &Value) -> &Value {
    &document["causes"][0]["groups"][0]["evidence"]
}

fn as_before() -> Value {
    json!([["CAUSE_NOT_REPORTED", "NONE", 5, null]])
}

#[tokio::test]
async fn a_whole_group_gets_the_cause_on_which_its_stacks_agree() {
    let stage = stage(scenario((0..3).map(|i| failed_stack(i, role(EXISTS))))).await;
    let document = stage.report("FAILED").await;
    assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 3]]));
    assert_eq!(
        evidence(&document),
        &json!({
            "account": account(0),
            "region": "eu-west-1",
            "stackId": stack_id(0),
            "logicalId": "Logging",
            "type": "AWS::IAM::Role",
            "reason": EXISTS,
            "at": "2026-03-02T09:00:02Z",
            "sampled": 3,
        })
    );
    let group = &document["causes"][0]["groups"][0];
    assert_eq!(group["sample"], ROLL_UP);
    assert_eq!(group["resource"], json!({"logicalId": "Logging", "type": "AWS::IAM::Role"}));
    assert_eq!(group["stacks"].as_array().unwrap().len(), 3);
    assert_eq!(document["stackEvents"], json!({"targetsRead": 3, "errors": 0, "reason": null}));
    // The plan is that of the cause which was found.
    assert_eq!(document["retry"]["plan"][0]["causes"], json!(["RESOURCE_ALREADY_EXISTS"]));
    assert_eq!(document["retry"]["plan"][0]["when"], "AFTER_FIX");
    let email = stage.published().body("email").unwrap();
    assert!(email.contains("> \"Role audit already exists.\""), "{email}");
    assert!(email.contains("Found in the events of the stack, read in 3 of 5 accounts."), "{email}");
    assert!(!email.contains("To see why") && !email.contains("[Logging]"), "{email}");

    let assumed = stage.aws.requests_of("AssumeRole");
    assert_eq!(assumed.len(), 3);
    for request in assumed {
        // In the function's own Region: the stack's may not be enabled in the function's account.
        assert_eq!((&*request.service, &*request.region), ("sts", "eu-central-1"));
        assert_eq!(request.param("RoleSessionName"), Some("stackset-notifier"));
        assert_eq!(request.param("DurationSeconds"), Some("900"));
    }
    for request in stage.aws.requests_of("DescribeEvents") {
        assert_eq!((&*request.region, request.param("Filters.FailedEvents")), ("eu-west-1", Some("true")));
    }
}

#[tokio::test]
async fn the_email_says_in_how_many_accounts_the_events_were_read() {
    let stage = Stage::with(demo::scenario(), &[("MEMBER_ROLE_NAME", demo::MEMBER_ROLE_NAME)]).await;
    stage.invoke(&event(demo::ARN, demo::ROLLED_UP_ID, "FAILED")).await.unwrap();
    assert_eq!(groups(&stage.document()), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 28, 3]]));
    let email = stage.published().body("email").unwrap();
    for text in ["AuditReader (AWS::IAM::Role):", "'audit-reader'", "read in 3 of 28 accounts."] {
        assert!(email.contains(text), "{email}");
    }
}

#[tokio::test]
async fn stacks_that_disagree_become_groups_by_what_was_found() {
    let stacks = [(0, EXISTS), (1, THROTTLED), (2, EXISTS)].map(|(i, reason)| failed_stack(i, role(reason)));
    let document = document(scenario(stacks)).await;
    assert_eq!(
        groups(&document),
        json!([
            ["CAUSE_NOT_REPORTED", "NONE", 2, null],
            ["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 2, 2],
            ["THROTTLING", "STACK_EVENTS", 1, 1],
        ])
    );
    let accounts = |cause: usize| &document["causes"][cause]["groups"][0]["targets"][0]["accounts"];
    assert_eq!(accounts(0), &json!([account(3), account(4)]));
    assert_eq!(accounts(1), &json!([account(0), account(2)]));
    assert_eq!(document["causes"][2]["groups"][0]["stacks"][0]["account"], account(1));
    let plan = document["retry"]["plan"].as_array().unwrap();
    let targets: Vec<(&str, u64)> =
        plan.iter().map(|entry| (entry["causes"][0].as_str().unwrap(), entry["targets"].as_u64().unwrap())).collect();
    assert_eq!(targets.iter().map(|(_, n)| n).sum::<u64>(), 5);
    assert!(targets.contains(&("THROTTLING", 1)), "{targets:?}");
}

#[tokio::test]
async fn texts_that_are_not_known_agree_only_where_they_are_the_same() {
    let read = |second: &'static str| {
        document(scenario([("Zephyr", 0), (second, 1), ("Zephyr", 2)].map(|(text, i)| failed_stack(i, role(text)))))
    };
    assert_eq!(groups(&read("Zephyr").await), json!([["UNKNOWN", "STACK_EVENTS", 5, 3]]));
    let two = groups(&read("Mistral").await);
    assert_eq!(two.as_array().unwrap().len(), 3, "{two}");
    // What names no cause agrees with nothing.
    let one = groups(&read("Resource creation cancelled").await);
    assert_eq!(one, json!([["CAUSE_NOT_REPORTED", "NONE", 3, null], ["UNKNOWN", "STACK_EVENTS", 2, 2]]));
}

#[tokio::test]
async fn nested_stacks_are_read_three_deep() {
    let chain = |i: usize, depth: usize| {
        let embedded = "Embedded stack was not successfully created: The following resource(s) failed to create: [A].";
        let nested = |level: usize| StackEvent::nested_stack("A", &nested_id(i, level), embedded);
        let mut stacks = vec![failed_stack(i, nested(1))];
        stacks.extend((1..depth).map(|level| Stack::new(&nested_id(i, level)).event(nested(level + 1))));
        stacks.push(Stack::new(&nested_id(i, depth)).event(role(EXISTS)).status("CREATE_FAILED", ROLL_UP));
        stacks.into_iter().map(|stack| stack.began("2026-03-02T09:01"))
    };
    let three = stage(scenario((0..3).flat_map(|i| chain(i, 3)))).await;
    let document = three.report("FAILED").await;
    assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 3]]));
    assert_eq!(evidence(&document)["stackId"], nested_id(0, 3));
    assert_eq!(three.aws.requests_of("DescribeEvents").len(), 12);
    assert_eq!(three.aws.requests_of("AssumeRole").len(), 3);

    let four = stage(scenario((0..3).flat_map(|i| chain(i, 4)))).await;
    let document = four.report("FAILED").await;
    assert_eq!(groups(&document), as_before());
    assert_eq!(document["stackEvents"], json!({"targetsRead": 3, "errors": 0, "reason": null}));
    assert_eq!(four.aws.requests_of("DescribeEvents").len(), 12);
}

#[tokio::test]
async fn a_validation_and_a_hook_are_causes() {
    let missing = "#/NotificationConfiguration: required key [Event] not found";
    let validation = StackEvent::validation("Bucket", "AWS::S3::Bucket", "PROPERTY_VALIDATION", missing);
    let read = document(scenario((0..3).map(|i| failed_stack(i, validation.clone())))).await;
    assert_eq!(groups(&read), json!([["RESOURCE_PROPERTY_INVALID", "STACK_EVENTS", 5, 3]]));
    assert_eq!(evidence(&read)["reason"], missing);

    let hook = StackEvent::hook("Bucket", "AWS::S3::Bucket", "Security::S3::Encryption", "It must be encrypted");
    let read = document(scenario((0..3).map(|i| failed_stack(i, hook.clone())))).await;
    assert_eq!(groups(&read), json!([["HOOK_FAILED", "STACK_EVENTS", 5, 3]]));
    assert_eq!(evidence(&read)["reason"], "It must be encrypted");
    assert!(read["causes"][0]["nextStep"].as_str().unwrap().contains("Security::S3::Encryption"), "{read}");

    // One that only warns stops nothing.
    let warning = StackEvent { hook_failure_mode: Some("WARN".to_owned()), ..hook };
    let stacks = (0..3).map(|i| failed_stack(i, warning.clone()).event(role(EXISTS)));
    assert_eq!(groups(&document(scenario(stacks)).await), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 3]]));
}

#[tokio::test]
async fn only_events_of_the_operation_count() {
    let stacks = |at: &'static str| (0..3).map(move |i| Stack::new(&stack_id(i)).event(role(EXISTS).at(at)));
    let found = |at: &'static str| async move { groups(&document(scenario(stacks(at))).await) != as_before() };
    assert!(found("2026-03-02T09:00:00.000Z").await);
    assert!(found("2026-03-02T09:17:42.900Z").await);
    assert!(!found("2026-03-02T08:59:59.000Z").await);
    assert!(!found("2026-03-02T09:17:44.000Z").await);
    assert!(!found("2026-01-01T00:00:00.000Z").await);
}

#[tokio::test]
async fn the_first_event_may_be_on_a_later_page() {
    let many = |i: usize| {
        let later = (0..7).map(|n| StackEvent::failed(&format!("Queue{n}"), "AWS::SQS::Queue", THROTTLED));
        later.fold(failed_stack(i, role(EXISTS)), Stack::event)
    };
    let mut scenario = scenario((0..3).map(many));
    scenario.events_per_page = 3;
    let stage = stage(scenario).await;
    assert_eq!(groups(&stage.report("FAILED").await), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 3]]));
    assert_eq!(stage.aws.requests_of("DescribeEvents").len(), 12);
}

/// Of the operation before only the texts are known.
#[tokio::test]
async fn a_roll_up_that_failed_before_is_no_new_failure() {
    let rows = || (0..5).map(|i| Row::failed(&account(i), "eu-west-1", ROLL_UP)).collect::<Vec<Row>>();
    let before = operation("FAILED", rows()).times("2026-03-01T09:00:00Z", Some("2026-03-01T09:10:00Z"));
    let before = sandbox::Operation { id: "op-0".to_owned(), ..before };
    let mut scenario = scenario((0..3).map(|i| failed_stack(i, role(EXISTS))));
    scenario.stack_sets = vec![stack_set().operation(operation("FAILED", rows())).operation(before)];
    let document = document(scenario).await;
    assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 3]]));
    assert_eq!(document["comparedWith"]["stillFailing"], 5, "{}", document["comparedWith"]);
    assert_eq!(document["causes"][0]["newlyFailed"], 0);
}

#[tokio::test]
async fn without_the_setting_nothing_is_called() {
    let stage = Stage::new(scenario((0..3).map(|i| failed_stack(i, role(EXISTS))))).await;
    let document = stage.report("FAILED").await;
    assert_eq!(groups(&document), as_before());
    assert_eq!(document["stackEvents"], Value::Null);
    assert!(stage.aws.requests().iter().all(|request| request.service != "sts" && request.action != "DescribeEvents"));
}

#[tokio::test]
async fn nothing_is_read_where_the_texts_say_what_went_wrong() {
    let set = stack_set().operation(operation("FAILED", vec![Row::failed(&account(0), "eu-west-1", "Rate exceeded")]));
    let stage = stage(Scenario::new().stack_set(set)).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["stackEvents"], json!({"targetsRead": 0, "errors": 0, "reason": null}));
    assert!(stage.aws.requests_of("AssumeRole").is_empty());
}

/// Whatever fails leaves the groups as they were, and is counted with a reason that names the step.
#[tokio::test]
async fn what_cannot_be_read_leaves_the_report_as_it_was() {
    let stacks = || (0..3).map(|i| failed_stack(i, role(EXISTS)));
    let with = |fault: Fault| scenario(stacks()).fault(fault);
    let mut no_role = scenario(stacks());
    no_role.roles.clear();
    let assume = format!("could not assume role arn:aws:iam::{}:role/{ROLE}: ", account(0));
    let read = format!("could not read the events of stack {}: ", stack_id(0));
    for (scenario, reason) in [
        (no_role, format!("{assume}AccessDenied: User: ")),
        (with(Fault::error("AssumeRole", 403, "RegionDisabledException", "no")), format!("{assume}RegionDisabled")),
        (with(Fault::on("AssumeRole", FaultKind::CutXml)), assume),
        (with(Fault::error("DescribeEvents", 403, "AccessDenied", "no")), format!("{read}AccessDenied: no")),
        (with(Fault::on("DescribeEvents", FaultKind::InternalFailure)), format!("{read}InternalFailure")),
        (with(Fault::on("DescribeEvents", FaultKind::CutXml)), read.clone()),
        (with(Fault::on("DescribeEvents", FaultKind::Reset)), read.clone()),
        // The stacks were deleted, and that long ago that CloudFormation does not know them.
        (scenario([]), format!("{read}ValidationError: Stack [{}] does not exist", stack_id(0))),
    ] {
        let stage = stage(scenario).await;
        let document = stage.report("FAILED").await;
        assert_eq!(groups(&document), as_before(), "{reason}");
        assert_eq!(document["stackEvents"]["targetsRead"], 0);
        assert_eq!(document["stackEvents"]["errors"], 3);
        let given = document["stackEvents"]["reason"].as_str().unwrap();
        assert!(given.starts_with(&reason) && !given.contains("ASIA"), "{given}");
        let email = stage.published().body("email").unwrap();
        assert!(email.contains("Could not read the events of 3 stacks: could not"), "{email}");
        assert!(email.contains("To see why"), "{email}");
    }
}

#[tokio::test]
async fn what_can_be_read_speaks_for_its_group() {
    let faulty = scenario((0..3).map(|i| failed_stack(i, role(EXISTS))))
        .fault(
            Fault::error("AssumeRole", 403, "AccessDenied", "no")
                .with_param("RoleArn", &format!("arn:aws:iam::{}:role/{ROLE}", account(0))),
        )
        .fault(Fault::error("DescribeEvents", 403, "AccessDenied", "no").stack(&stack_id(1)));
    let document = document(faulty).await;
    assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 1]]));
    assert_eq!(evidence(&document)["account"], account(2));
    assert_eq!(document["stackEvents"]["targetsRead"], 1);
    assert_eq!(document["stackEvents"]["errors"], 2);
}

#[tokio::test]
async fn stacks_that_are_not_found_are_counted() {
    let fault = Fault::error("ListStackInstances", 403, "AccessDenied", "no");
    let second = fault.with_param("StackInstanceAccount", &account(1));
    let document = document(scenario((0..3).map(|i| failed_stack(i, role(EXISTS)))).fault(second)).await;
    assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 1]]));
    assert_eq!(document["stackEvents"]["errors"], 2);
    let reason = document["stackEvents"]["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("could not look up the stack of {} in eu-west-1", account(1))), "{reason}");
}

#[tokio::test]
async fn what_is_throttled_for_a_while_is_read_all_the_same() {
    for action in ["AssumeRole", "DescribeEvents"] {
        let passing = Fault::on(action, FaultKind::Throttling).times(9);
        let document = document(scenario((0..3).map(|i| failed_stack(i, role(EXISTS)))).fault(passing)).await;
        assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 5, 3]]), "{action}");
    }
}

/// Of 20 seconds reading has 15, and looking behind targets a fifth of what is left of them.
#[tokio::test]
async fn events_without_an_answer_do_not_hold_the_message_up() {
    for (action, kind) in [
        ("AssumeRole", FaultKind::Hang),
        ("DescribeEvents", FaultKind::Hang),
        ("DescribeEvents", FaultKind::Stall),
        ("DescribeEvents", FaultKind::Throttling),
    ] {
        let stacks = (0..3).map(|i| failed_stack(i, role(EXISTS)));
        let stage = stage(scenario(stacks).fault(Fault::on(action, kind.clone()))).await.time(Duration::from_secs(20));
        let started = Instant::now();
        let document = stage.report("FAILED").await;
        let time = started.elapsed();
        assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&time), "{action} {kind:?}: {time:?}");
        assert_eq!(groups(&document), as_before());
        assert_eq!(document["stackEvents"]["errors"], 3);
        let reason = document["stackEvents"]["reason"].as_str().unwrap();
        assert!(reason.ends_with("the function's time ran out"), "{reason}");
    }
}

#[tokio::test]
async fn targets_of_different_accounts_are_sampled() {
    let regions = ["eu-west-1", "us-east-1"];
    let rows: Vec<Row> = (0..5).flat_map(|i| regions.map(|region| Row::failed(&account(i), region, ROLL_UP))).collect();
    let mut scenario = scenario((0..3).map(|i| failed_stack(i, role(EXISTS))));
    scenario.stack_sets = vec![stack_set().operation(operation("FAILED", rows))];
    let stage = stage(scenario).await;
    let document = stage.report("FAILED").await;
    assert_eq!(groups(&document), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 10, 3]]));
    let email = stage.published().body("email").unwrap();
    assert!(email.contains("Found in the events of the stack, read in 3 of 10 targets."), "{email}");
}

#[tokio::test]
async fn the_order_of_rows_does_not_matter() {
    let stacks = || [(0, EXISTS), (1, THROTTLED), (2, "Zephyr")].map(|(i, reason)| failed_stack(i, role(reason)));
    let first = document(scenario(stacks())).await;
    let mut reversed = scenario(stacks());
    let rows = (0..5).rev().map(|i| Row::failed(&account(i), "eu-west-1", ROLL_UP)).collect();
    reversed.stack_sets = vec![stack_set().operation(operation("FAILED", rows))];
    assert_eq!(document(reversed).await.to_string(), first.to_string());
}

#[tokio::test]
async fn the_role_is_of_the_partition() {
    let (arn, region) = ("arn:aws-us-gov:cloudformation:us-gov-west-1:111111111111:stackset", "us-gov-west-1");
    let rows = vec![Row::failed(&account(0), region, ROLL_UP)];
    let set = StackSet::self_managed("baseline", "111111111111", region).operation(operation("FAILED", rows));
    assert!(set.arn().starts_with(arn));
    let stack = Stack::new(&set.stack_id(&account(0), region)).event(role(EXISTS));
    let event = event(&set.arn(), OPERATION, "FAILED");
    let mut scenario = Scenario::new().stack_set(set).stack(stack);
    scenario.roles = vec![format!("arn:aws-us-gov:iam::{}:role/{ROLE}", account(0))];
    let stage = Stage::in_region(region, scenario, &[("MEMBER_ROLE_NAME", ROLE)]).await;
    stage.invoke(&event).await.unwrap();
    assert_eq!(groups(&stage.document()), json!([["RESOURCE_ALREADY_EXISTS", "STACK_EVENTS", 1, 1]]));
    assert_eq!(stage.aws.requests_of("AssumeRole")[0].region, region);
}
