//! Roles in the target accounts, and the events of the stacks there.

use sandbox::{Aws, Fault, FaultKind, Scenario, Stack, StackEvent};

use crate::client::{Response, Signer, call, call_in};

const ACCOUNT: &str = "222222222222";
const OTHER: &str = "333333333333";
const ROLE: &str = "arn:aws:iam::222222222222:role/read-stack-events";
const STACK: &str = "arn:aws:cloudformation:eu-west-1:222222222222:stack/StackSet-baseline-1/11111111-aaaa";
const NESTED: &str = "arn:aws:cloudformation:eu-west-1:222222222222:stack/StackSet-baseline-1-Roles/22222222-bbbb";
const OTHERS: &str = "arn:aws:cloudformation:eu-west-1:333333333333:stack/StackSet-baseline-1/33333333-cccc";

fn scenario() -> Scenario {
    let roll_up = "The following resource(s) failed to create: [Roles, Queue].";
    Scenario::new()
        .member_role("read-stack-events", &[ACCOUNT, OTHER])
        .stack(
            Stack::new(STACK)
                .status("CREATE_IN_PROGRESS", "User Initiated")
                .event(StackEvent::resource("Topic", "AWS::SNS::Topic", "CREATE_COMPLETE"))
                .event(StackEvent::nested_stack("Roles", NESTED, "Embedded stack was not successfully created"))
                .event(StackEvent::cancelled("Queue", "AWS::SQS::Queue"))
                .status("CREATE_FAILED", roll_up),
        )
        .stack(Stack::new(NESTED).event(StackEvent::failed("Role", "AWS::IAM::Role", "Role audit already exists.")))
        .stack(Stack::new(OTHERS).event(StackEvent::failed("Role", "AWS::IAM::Role", "LimitExceeded")))
}

fn assume(aws: &Aws, account: &str) -> Response {
    let role = ROLE.replace(ACCOUNT, account);
    call_in(aws, "eu-west-1", "AssumeRole", &[("RoleArn", &role), ("RoleSessionName", "stackset-notifier")]).unwrap()
}

fn session(aws: &Aws, account: &str) -> Signer {
    Signer::session("eu-west-1", &assume(aws, account))
}

/// The events of a stack with the credentials of its account.
fn events(aws: &Aws, arn: &str, only_failed: bool) -> Response {
    let failed = if only_failed { "true" } else { "false" };
    let params = [("StackName", arn), ("Filters.FailedEvents", failed)];
    session(aws, ACCOUNT).call(aws, "DescribeEvents", &params).unwrap()
}

#[test]
fn a_role_is_assumed_with_credentials_of_its_own() {
    let aws = Aws::start_in_thread(scenario());
    let answer = assume(&aws, ACCOUNT);
    assert!(answer.body.starts_with("<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"));
    let arn = "arn:aws:sts::222222222222:assumed-role/read-stack-events/stackset-notifier";
    assert_eq!(answer.one("Arn"), Some(arn));
    let key = answer.one("AccessKeyId").unwrap();
    assert!(key.starts_with("ASIA") && key.len() == 20, "{key}");
    assert_eq!(answer.one("Expiration"), Some("2099-12-31T23:59:59Z"));
    for member in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        assert_ne!(assume(&aws, OTHER).one(member), answer.one(member), "{member}");
    }
    let request = &aws.requests_of("AssumeRole")[0];
    assert_eq!((&*request.service, &*request.region, request.param("RoleArn")), ("sts", "eu-west-1", Some(ROLE)));
}

#[test]
fn a_role_is_denied_where_there_is_none() {
    let aws = Aws::start_in_thread(scenario());
    let denied = |resource: &str| {
        format!(
            "User: arn:aws:sts::111111111111:assumed-role/stackset-notifier/stackset-notifier is not authorized to \
             perform: sts:AssumeRole on resource: {resource}"
        )
    };
    let answer = assume(&aws, "444444444444");
    assert_eq!(answer.error(), (403, "AccessDenied", &*denied("arn:aws:iam::444444444444:role/read-stack-events")));
    for bad in [
        vec![("RoleSessionName", "name")],
        vec![("RoleArn", ROLE)],
        vec![("RoleArn", ROLE), ("RoleSessionName", "a b")],
        vec![("RoleArn", ROLE), ("RoleSessionName", "name"), ("DurationSeconds", "60")],
        vec![("RoleArn", "role"), ("RoleSessionName", "name")],
    ] {
        assert_eq!(call(&aws, "AssumeRole", &bad).error().1, "ValidationError", "{bad:?}");
    }
    let disabled = Fault::error("AssumeRole", 403, "RegionDisabledException", "STS is not activated in this region");
    aws.with(|scenario| scenario.faults.push(disabled.with_param("RoleArn", ROLE)));
    assert_eq!(assume(&aws, ACCOUNT).error().1, "RegionDisabledException");
    assert_eq!(assume(&aws, OTHER).status, 200);
}

#[test]
fn a_stack_is_read_with_the_credentials_of_its_account_only() {
    let aws = Aws::start_in_thread(scenario());
    let read = |signer: &Signer, action: &str| signer.call(&aws, action, &[("StackName", STACK)]).unwrap();
    for action in ["DescribeEvents", "DescribeStackEvents"] {
        assert_eq!(read(&session(&aws, ACCOUNT), action).status, 200);
        let answer = read(&session(&aws, OTHER), action);
        let message = format!(
            "User: arn:aws:sts::333333333333:assumed-role/read-stack-events/stackset-notifier is not authorized to \
             perform: cloudformation:{action} on resource: {STACK}"
        );
        assert_eq!(answer.error(), (403, "AccessDenied", &*message));
        assert_eq!(read(&Signer::function("eu-west-1"), action).error().1, "AccessDenied");
        // The stack is in another Region.
        let elsewhere = Signer { region: "us-east-1", ..session(&aws, ACCOUNT) };
        let message = format!("Stack [{STACK}] does not exist");
        assert_eq!(read(&elsewhere, action).error(), (400, "ValidationError", &*message));
        let without_token = Signer { token: None, ..session(&aws, ACCOUNT) };
        assert_eq!(read(&without_token, action).error().1, "InvalidClientTokenId");
    }
    // The role may read events and nothing else.
    let session = session(&aws, ACCOUNT);
    for action in ["ListStackSets", "Publish", "AssumeRole"] {
        let params = [("RoleArn", ROLE), ("RoleSessionName", "again")];
        assert_eq!(session.call(&aws, action, &params).unwrap().error().1, "AccessDenied", "{action}");
    }
    // The function's own account needs no role.
    aws.with(|scenario| scenario.account = ACCOUNT.to_owned());
    assert_eq!(read(&Signer::function("eu-west-1"), "DescribeEvents").status, 200);
}

#[test]
fn events_come_newest_first_and_lead_to_the_nested_stack() {
    let aws = Aws::start_in_thread(scenario());
    let all = events(&aws, STACK, false);
    assert_eq!(all.all("OperationStatus"), ["FAILED"], "the operation as a whole");
    assert_eq!(
        all.all("EventType"),
        [
            "STACK_EVENT",
            "PROVISIONING_ERROR",
            "PROVISIONING_ERROR",
            "PROVISIONING_ERROR",
            "PROGRESS_EVENT",
            "PROGRESS_EVENT"
        ]
    );
    let names = ["StackSet-baseline-1", "Queue", "Roles", "Topic", "StackSet-baseline-1"];
    assert_eq!(all.all("LogicalResourceId"), names);
    assert_eq!(all.all("Timestamp")[1..3], ["2026-03-02T09:00:04.000Z", "2026-03-02T09:00:03.000Z"]);

    let failed = events(&aws, STACK, true);
    assert_eq!(failed.all("LogicalResourceId"), names[..3]);
    assert_eq!(failed.all("PhysicalResourceId")[1], NESTED);
    let nested = events(&aws, NESTED, true);
    assert_eq!(nested.one("ResourceStatusReason"), Some("Role audit already exists."));
    // By its name, and by its operation.
    let session = session(&aws, ACCOUNT);
    let by = |name: &str, value: &str| session.call(&aws, "DescribeEvents", &[(name, value)]).unwrap();
    assert_eq!(by("StackName", "StackSet-baseline-1-Roles").one("StackId"), Some(NESTED));
    assert_eq!(by("OperationId", nested.one("OperationId").unwrap()).one("StackId"), Some(NESTED));
    let nothing = session.call(&aws, "DescribeEvents", &[]).unwrap();
    let message = "One of ChangeSetName, OperationId or StackName must be specified";
    assert_eq!(nothing.error(), (400, "ValidationError", message));

    let stack_events = session.call(&aws, "DescribeStackEvents", &[("StackName", STACK)]).unwrap();
    assert_eq!(stack_events.all("LogicalResourceId"), names);
    assert_eq!(stack_events.all("StackName"), ["StackSet-baseline-1"; 5]);
}

#[test]
fn validations_and_hooks_say_their_reasons() {
    let reason = "#/NotificationConfiguration: required key [Event] not found";
    let validation = StackEvent::validation("Bucket", "AWS::S3::Bucket", "PROPERTY_VALIDATION", reason);
    let hook =
        StackEvent::hook("Bucket", "AWS::S3::Bucket", "Security::S3::Encryption", "The bucket must be encrypted");
    let stack =
        Stack::new(STACK).event(validation).event(hook).status("CREATE_FAILED", "Validation failed with 1 error(s)");
    let aws = Aws::start_in_thread(scenario());
    aws.with(|scenario| scenario.stacks[0] = stack);
    let failed = events(&aws, STACK, true);
    assert_eq!(
        failed.all("EventType"),
        ["STACK_EVENT", "PROVISIONING_ERROR", "HOOK_INVOCATION_ERROR", "VALIDATION_ERROR"]
    );
    assert_eq!(failed.all("ValidationStatusReason"), [reason]);
    assert_eq!(failed.all("ValidationPath"), ["/Resources/Bucket"]);
    assert_eq!(failed.all("ValidationStatus"), ["FAILED"]);
    assert_eq!(failed.all("HookStatusReason"), ["The bucket must be encrypted"]);
    assert_eq!(failed.all("HookStatus"), ["HOOK_COMPLETE_FAILED"]);

    let stack_events = session(&aws, ACCOUNT).call(&aws, "DescribeStackEvents", &[("StackName", STACK)]).unwrap();
    assert!(!stack_events.body.contains("<Validation"), "it has no validation errors: {}", stack_events.body);
    assert_eq!(stack_events.all("HookStatusReason"), ["The bucket must be encrypted"]);
}

#[test]
fn events_come_in_pages_and_each_stack_can_fail() {
    let mut scenario = scenario();
    scenario.events_per_page = 2;
    let aws = Aws::start_in_thread(scenario);
    let session = session(&aws, ACCOUNT);
    for (action, sizes) in [("DescribeEvents", vec![2, 2, 2]), ("DescribeStackEvents", vec![2, 2, 1])] {
        let mut got = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut params = vec![("StackName", STACK)];
            params.extend(token.as_deref().map(|token| ("NextToken", token)));
            let page = session.call(&aws, action, &params).unwrap();
            got.push(page.all("member").len());
            token = page.one("NextToken").map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        assert_eq!(got, sizes, "{action}");
    }
    aws.with(|scenario| {
        scenario.faults = vec![
            Fault::error("DescribeEvents", 403, "AccessDenied", "no").stack(STACK),
            Fault::on("DescribeEvents", FaultKind::Throttling).stack(NESTED),
        ];
    });
    assert_eq!(events(&aws, STACK, true).error().1, "AccessDenied");
    assert_eq!(events(&aws, NESTED, true).error().1, "Throttling");
    let gone = STACK.replace("11111111", "99999999");
    assert_eq!(events(&aws, &gone, true).error().2, format!("Stack [{gone}] does not exist"));
}
