//! Paging, filters, names and errors of CloudFormation.

use sandbox::{Aws, Drift, FailedCount, Operation, Preferences, Row, Rows, Scenario, StackSet, Targets};

use crate::client::{Response, call, call_in, send};

const UUID: &str = "11111111-2222-4333-8444-555555555555";
const RESULTS: &str = "ListStackSetOperationResults";

fn set() -> StackSet {
    StackSet::self_managed("baseline", "111111111111", "us-east-1").uuid(UUID)
}

fn account(number: usize) -> String {
    format!("{:012}", number + 1)
}

/// 250 rows of which every tenth failed.
fn aws() -> Aws {
    let rows = Rows::generated(250, |number| match number % 10 {
        0 => Row::failed(&account(number), "eu-west-1", "Internal Failure"),
        _ => Row::succeeded(&account(number), "eu-west-1"),
    });
    let set = set()
        .operation(Operation::new("op-1").rows(rows))
        .operation(Operation::new("op-2").rows(vec![Row::succeeded("1", "r")]));
    Aws::start_in_thread(Scenario::new().stack_set(set))
}

fn results(aws: &Aws, more: &[(&str, &str)]) -> Response {
    let mut params = vec![("StackSetName", "baseline"), ("OperationId", "op-1")];
    params.extend_from_slice(more);
    call(aws, RESULTS, &params)
}

#[test]
fn pages_follow_their_tokens_to_the_end() {
    let aws = aws();
    let mut seen = Vec::new();
    let mut page = results(&aws, &[]);
    let first_token = page.one("NextToken").unwrap().to_owned();
    let mut sizes = Vec::new();
    loop {
        assert_eq!(page.status, 200);
        sizes.push(page.all("member").len());
        seen.extend(page.all("Account").iter().map(ToString::to_string));
        match page.one("NextToken").map(str::to_owned) {
            Some(token) => page = results(&aws, &[("NextToken", &token)]),
            None => break,
        }
    }
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(seen, (0..250).map(account).collect::<Vec<_>>());

    // A retry of a page gets the same rows.
    let again = results(&aws, &[("NextToken", &first_token)]);
    assert_eq!(again.one("Account"), Some(&*account(100)));

    let requests = aws.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[0].token.as_deref(), Some(&*first_token));
    assert_eq!(requests[1].param("NextToken"), Some(&*first_token));
    assert_eq!((requests[2].rows, requests[2].status), (50, Some(200)));
    assert_eq!(requests[2].token, None);
    assert_eq!(
        (&*requests[0].service, &*requests[0].region, &*requests[0].access_key),
        ("cloudformation", "us-east-1", "AKIDEXAMPLE")
    );
}

#[test]
fn a_filter_has_pages_of_its_own() {
    let aws = aws();
    let failed = [
        ("Filters.member.1.Name", "OPERATION_RESULT_STATUS"),
        ("Filters.member.1.Values", "FAILED"),
        ("MaxResults", "20"),
    ];
    let first = results(&aws, &failed);
    assert_eq!(first.all("Status"), ["FAILED"; 20]);
    let token = first.one("NextToken").unwrap();
    let mut params = failed.to_vec();
    params.push(("NextToken", token));
    let second = results(&aws, &params);
    assert_eq!(second.all("Account").len(), 5);
    assert_eq!(second.one("Account"), Some(&*account(200)));
    assert_eq!(second.one("NextToken"), None);

    // The token belongs to its filter and to its operation.
    assert_eq!(results(&aws, &[("NextToken", token)]).error().0, 400);
    let other = call(&aws, RESULTS, &[("StackSetName", "baseline"), ("OperationId", "op-2"), ("NextToken", token)]);
    assert_eq!(other.error(), (400, "ValidationError", "Invalid NextToken"));
}

#[test]
fn invalid_parameters_are_refused() {
    let aws = aws();
    for params in [
        vec![("MaxResults", "0")],
        vec![("MaxResults", "101")],
        vec![("NextToken", "made-up")],
        vec![("NextToken", "")],
        vec![("CallAs", "ROOT")],
        vec![("Filters.member.1.Name", "ACCOUNT"), ("Filters.member.1.Values", "FAILED")],
        vec![("Filters.member.1.Name", "OPERATION_RESULT_STATUS"), ("Filters.member.1.Values", "BROKEN")],
        vec![
            ("Filters.member.1.Name", "OPERATION_RESULT_STATUS"),
            ("Filters.member.1.Values", "FAILED"),
            ("Filters.member.2.Name", "OPERATION_RESULT_STATUS"),
            ("Filters.member.2.Values", "CANCELLED"),
        ],
    ] {
        let answer = results(&aws, &params);
        assert_eq!(answer.error().1, "ValidationError", "{params:?}");
        assert_eq!(answer.status, 400, "{params:?}");
    }
    assert_eq!(results(&aws, &[("MaxResults", "1")]).all("member").len(), 1);
    let missing = call(&aws, RESULTS, &[("StackSetName", "baseline")]);
    assert!(missing.error().2.contains("'operationId'"));
    assert_eq!(call(&aws, "DeleteStackSet", &[]).error().1, "InvalidAction");
}

#[test]
fn names_and_ids_find_what_they_should() {
    let old =
        StackSet::self_managed("baseline", "111111111111", "us-east-1").deleted().operation(Operation::new("old"));
    let old_id = old.id();
    let aws = Aws::start_in_thread(Scenario::new().stack_set(old).stack_set(set().operation(Operation::new("new"))));
    let describe = |name: &str, operation: &str| {
        call(&aws, "DescribeStackSetOperation", &[("StackSetName", name), ("OperationId", operation)])
    };
    let id = set().id();
    assert_eq!(describe("baseline", "new").one("StackSetId"), Some(&*id));
    assert_eq!(describe(&id, "new").status, 200);
    assert_eq!(describe(&old_id, "old").status, 200);
    assert_eq!(describe(&id, "old").error(), (404, "OperationNotFoundException", "Operation old not found"));
    let gone = format!("baseline:{}", "0".repeat(8) + &UUID[8..]);
    assert_eq!(
        describe(&gone, "new").error(),
        (404, "StackSetNotFoundException", &*format!("StackSet {gone} not found"))
    );
    assert_eq!(describe(&set().arn(), "new").error().1, "ValidationError");
    assert_eq!(describe(&id, "-bad").error().1, "ValidationError");
}

#[test]
fn a_stack_set_is_visible_only_in_its_region_and_with_its_call_as() {
    let set = StackSet::service_managed("org", "111111111111", "us-east-1")
        .seen_by_delegated_admin()
        .operation(Operation::new("op-1"));
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set));
    let read = |region: &'static str, call_as: Option<&str>| {
        let mut params = vec![("StackSetName", "org"), ("OperationId", "op-1")];
        params.extend(call_as.map(|value| ("CallAs", value)));
        call_in(&aws, region, RESULTS, &params).unwrap()
    };
    assert_eq!(read("us-east-1", None).error().1, "StackSetNotFoundException");
    assert_eq!(read("us-east-1", Some("SELF")).status, 404);
    assert_eq!(read("eu-west-1", Some("DELEGATED_ADMIN")).status, 404);
    let empty = read("us-east-1", Some("DELEGATED_ADMIN"));
    assert_eq!(empty.status, 200);
    assert!(empty.body.contains("<Summaries/>"), "{empty:?}");

    aws.with(|scenario| scenario.delegated_admin_registered = false);
    assert_eq!(
        read("us-east-1", Some("DELEGATED_ADMIN")).error(),
        (400, "ValidationError", "Account used is not a delegated administrator")
    );
}

#[test]
fn a_stack_set_of_another_account_does_not_exist_for_the_caller() {
    let set = set().of_another_account().operation(Operation::new("op-1"));
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set));
    for call_as in ["SELF", "DELEGATED_ADMIN"] {
        let params = [("StackSetName", "baseline"), ("OperationId", "op-1"), ("CallAs", call_as)];
        assert_eq!(call(&aws, "DescribeStackSetOperation", &params).error().1, "StackSetNotFoundException");
        assert_eq!(call(&aws, "ListStackSets", &params[2..]).all("member").len(), 0);
    }
    // A self-managed stack set of the caller's own account is not visible to DELEGATED_ADMIN either.
    let aws = Aws::start_in_thread(Scenario::new().stack_set(self::set()));
    assert_eq!(call(&aws, "ListStackSets", &[("CallAs", "SELF")]).all("member").len(), 1);
    assert_eq!(call(&aws, "ListStackSets", &[("CallAs", "DELEGATED_ADMIN")]).all("member").len(), 0);
}

#[test]
fn a_stack_set_can_go_between_two_calls() {
    let aws = aws();
    let set = set();
    let reads = |action: &str| call(&aws, action, &[("StackSetName", &set.id()), ("OperationId", "op-1")]);
    assert_eq!(reads("DescribeStackSetOperation").status, 200);
    aws.with(|scenario| {
        let set = scenario.stack_set_mut("baseline").unwrap();
        *set = set.clone().gone();
    });
    for action in ["DescribeStackSetOperation", "ListStackSetOperations", RESULTS] {
        let message = format!("StackSet {} not found", set.id());
        assert_eq!(reads(action).error(), (404, "StackSetNotFoundException", &*message), "{action}");
    }
    assert_eq!(call(&aws, "ListStackSets", &[]).all("Status"), ["DELETED"]);
}

#[test]
fn the_event_can_be_ahead_of_the_description() {
    let operation = Operation::new("op-1").status("FAILED").running_for(2);
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set().operation(operation)));
    let describe = || {
        let params = [("StackSetName", "baseline"), ("OperationId", "op-1")];
        let answer = call(&aws, "DescribeStackSetOperation", &params);
        (answer.one("Status").unwrap().to_owned(), answer.one("EndTimestamp").is_some())
    };
    let answers: Vec<_> = (0..4).map(|_| describe()).collect();
    let running = ("RUNNING".to_owned(), false);
    let failed = ("FAILED".to_owned(), true);
    assert_eq!(answers, [running.clone(), running, failed.clone(), failed]);
}

#[test]
fn missing_members_are_left_out_and_texts_are_escaped() {
    let rows = vec![
        Row::failed("1", "r", "a < b & \"c\"\r\nnext\u{8}").gate("SKIPPED", "why"),
        Row::default(),
        Row::succeeded("2", "r").ou("").gate_passed(),
    ];
    let set = set().operation(Operation::new("op-1").rows(rows));
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set));
    assert_eq!(
        results(&aws, &[]).one("Summaries"),
        Some(concat!(
            "<member><Account>1</Account><Region>r</Region><Status>FAILED</Status>",
            "<StatusReason>a &lt; b &amp; &quot;c&quot;&#xD;&#xA;next\u{fffd}</StatusReason>",
            "<AccountGateResult><Status>SKIPPED</Status><StatusReason>why</StatusReason></AccountGateResult></member>",
            "<member/>",
            "<member><Account>2</Account><Region>r</Region><Status>SUCCEEDED</Status>",
            "<AccountGateResult><Status>SUCCEEDED</Status></AccountGateResult>",
            "<OrganizationalUnitId></OrganizationalUnitId></member>",
        ))
    );
}

#[test]
fn rows_appear_and_change_with_the_first_pages_read() {
    let set = set().operation(Operation::new("op-1").rows(vec![
        Row::running("1", "r").later(1, Row::failed("1", "r", "Internal Failure")),
        Row::succeeded("2", "r").visible_from(2),
    ]));
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set));
    let one_by_one = [("MaxResults", "1")];
    assert_eq!(results(&aws, &one_by_one).all("Status"), ["RUNNING"]);
    let failed = [("Filters.member.1.Name", "OPERATION_RESULT_STATUS"), ("Filters.member.1.Values", "FAILED")];
    assert_eq!(results(&aws, &failed).all("Status"), ["FAILED"]);
    let third = results(&aws, &one_by_one);
    assert_eq!(third.all("Status"), ["FAILED"]);
    let rest = results(&aws, &[("NextToken", third.one("NextToken").unwrap())]);
    assert_eq!(rest.all("Account"), ["2"]);

    // The operation itself is strongly consistent: it counts the failure from the beginning.
    let described = call(&aws, "DescribeStackSetOperation", &[("StackSetName", "baseline"), ("OperationId", "op-1")]);
    assert_eq!(described.one("FailedStackInstancesCount"), Some("1"));
}

#[test]
fn moving_pages_show_the_rows_of_their_own_time() {
    let set = set().operation(
        Operation::new("op-1")
            .rows(vec![Row::succeeded("1", "r").visible_from(1), Row::succeeded("2", "r"), Row::succeeded("3", "r")])
            .moving(),
    );
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set));
    let first = results(&aws, &[("MaxResults", "1")]);
    assert_eq!(first.all("Account"), ["2"]);
    let second = results(&aws, &[("MaxResults", "2"), ("NextToken", first.one("NextToken").unwrap())]);
    assert_eq!(second.all("Account"), ["2", "3"], "the new first row has moved the others");
}

#[test]
fn a_changed_scenario_is_served_at_once() {
    let aws = aws();
    assert_eq!(results(&aws, &[]).one("Status"), Some("FAILED"));
    // As many rows as before: only their content shows whether the old page was served.
    aws.with(|scenario| {
        scenario.operation_mut("op-1").unwrap().rows =
            Rows::generated(250, |number| Row::pending(&account(number), "r"));
    });
    assert_eq!(results(&aws, &[]).all("Status"), ["PENDING"; 100]);
}

#[test]
fn an_operation_shows_all_that_it_has_and_nothing_else() {
    let full = Operation::new("op-1")
        .action("DETECT_DRIFT")
        .reason("some reason")
        .failed_count(FailedCount::Fixed(7))
        .roles("arn:aws:iam::111111111111:role/Admin", "Exec")
        .preferences(Preferences {
            region_order: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
            failure_tolerance_count: Some(3),
            ..Preferences::default()
        })
        .targets(Targets { accounts: vec!["222222222222".to_owned()], ..Targets::default() })
        .drift(Drift { drift_status: Some("DRIFTED".to_owned()), drifted: Some(2), ..Drift::default() });
    let bare = Operation {
        action: None,
        status: None,
        created: None,
        ended: None,
        ..Operation::new("op-2").failed_count(FailedCount::Absent)
    };
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set().operation(full).operation(bare)));
    let describe =
        |id: &str| call(&aws, "DescribeStackSetOperation", &[("StackSetName", "baseline"), ("OperationId", id)]);
    let full = describe("op-1");
    assert!(full.body.starts_with(
        "<DescribeStackSetOperationResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStackSetOperationResult><StackSetOperation><OperationId>op-1</OperationId>"
    ));
    assert_eq!(full.header("x-amzn-requestid"), full.one("RequestId"));
    assert_eq!(full.one("Action"), Some("DETECT_DRIFT"));
    assert_eq!(full.one("RegionOrder"), Some("<member>eu-west-1</member><member>us-east-1</member>"));
    assert_eq!(full.one("StatusDetails"), Some("<FailedStackInstancesCount>7</FailedStackInstancesCount>"));
    assert_eq!(full.one("DeploymentTargets"), Some("<Accounts><member>222222222222</member></Accounts>"));
    assert_eq!(full.one("DriftedStackInstancesCount"), Some("2"));
    assert_eq!(full.one("ExecutionRoleName"), Some("Exec"));
    assert_eq!(
        describe("op-2").one("StackSetOperation"),
        Some(&*format!("<OperationId>op-2</OperationId><StackSetId>{}</StackSetId>", set().id()))
    );
}

#[test]
fn stack_sets_and_operations_are_listed_in_pages() {
    let aws = Aws::start_in_thread(
        Scenario::new()
            .stack_set(set().operation(Operation::new("op-1")).operation(Operation::new("op-2")))
            .stack_set(StackSet::self_managed("gone", "111111111111", "us-east-1").deleted())
            .stack_set(StackSet::service_managed("elsewhere", "111111111111", "eu-west-1")),
    );
    let first = call(&aws, "ListStackSets", &[("MaxResults", "1")]);
    assert_eq!(first.all("StackSetName"), ["baseline"]);
    let token = first.one("NextToken").unwrap();
    let second = call(&aws, "ListStackSets", &[("MaxResults", "1"), ("NextToken", token)]);
    assert_eq!(second.all("StackSetName"), ["gone"]);
    assert_eq!(second.one("NextToken"), None);
    let active = call(&aws, "ListStackSets", &[("Status", "ACTIVE")]);
    assert_eq!(active.all("StackSetName"), ["baseline"]);
    assert_eq!(call(&aws, "ListStackSets", &[("Status", "OLD")]).error().0, 400);

    let operations = call(&aws, "ListStackSetOperations", &[("StackSetName", &set().id()), ("MaxResults", "1")]);
    assert_eq!(operations.all("OperationId"), ["op-1"]);
    let token = operations.one("NextToken").unwrap();
    let rest = call(&aws, "ListStackSetOperations", &[("StackSetName", "baseline"), ("NextToken", token)]);
    assert_eq!(rest.all("OperationId"), ["op-2"]);
}

#[test]
fn an_unsigned_request_is_refused() {
    let aws = aws();
    let address = aws.url().replace("http://", "");
    let answer = send(&address, "POST", "/", &[], "Action=ListStackSets&Version=2010-05-15");
    assert_eq!(answer.unwrap().error(), (403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
}
