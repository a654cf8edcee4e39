//! Reports of saved files.

use serde_json::{Value, json};

use crate::support::{Run, account, file};

/// A page as the AWS CLI prints it.
fn page(rows: Vec<Value>, next: Option<&str>) -> String {
    let mut page = json!({"Summaries": rows});
    if let Some(next) = next {
        page["NextToken"] = next.into();
    }
    serde_json::to_string_pretty(&page).unwrap()
}

fn row(n: usize, status: &str) -> Value {
    let mut row = json!({"Account": account(n), "Region": "eu-west-1", "Status": status, "OrganizationalUnitId": ""});
    if status == "FAILED" {
        row["StatusReason"] = "Internal Failure".into();
        row["AccountGateResult"] = json!({"Status": "SKIPPED", "StatusReason": "function not found"});
    }
    row
}

fn described() -> Value {
    json!({"StackSetOperation": {
        "OperationId": "op-1",
        "StackSetId": "baseline:1b2c3d4e-0000-0000-0000-000000000000",
        "Action": "UPDATE",
        "Status": "FAILED",
        "OperationPreferences": {"RegionOrder": ["eu-west-1"], "FailureTolerancePercentage": 10},
        "CreationTimestamp": "2026-03-02T09:00:00.123000+00:00",
        "EndTimestamp": "2026-03-02T09:17:42.456000+00:00",
        "DeploymentTargets": {},
        "StatusDetails": {"FailedStackInstancesCount": 1},
    }})
}

fn report(arguments: &[&str], input: &str) -> crate::support::Output {
    Run::new(&["report", "--results", "-"]).arguments(arguments).input(input).done()
}

#[test]
fn pages_one_after_the_other_are_one_list() {
    let pages = [
        page(vec![row(1, "FAILED"), row(2, "SUCCEEDED")], Some("more")),
        page(vec![row(3, "SUCCEEDED"), row(4, "CANCELLED")], None),
    ];
    let done = report(&["--output", "csv", "--all"], &pages.join("\n"));
    assert_eq!((done.code, done.out.lines().count()), (1, 5), "{}", done.err);
    // A page that was saved twice counts once.
    let done = report(&["--output", "csv", "--all"], &[&pages[0][..], &pages[0], &pages[1]].concat());
    assert_eq!(done.out.lines().count(), 5);
}

#[test]
fn a_token_that_is_left_makes_the_report_incomplete() {
    let done = report(&[], &page(vec![row(1, "SUCCEEDED")], Some("more")));
    assert_eq!(done.code, 3);
    assert!(done.out.contains("INCOMPLETE: the last page has a NextToken, so later pages were not"), "{}", done.out);
}

#[test]
fn the_retry_plan_needs_the_description_and_says_so() {
    let results = file("results.json", page(vec![row(1, "FAILED"), row(2, "SUCCEEDED")], None));
    let done = Run::new(&["report", "--results", &results]).done();
    assert!(done.out.contains("there is no retry plan\n  without the saved output of describe"), "{}", done.out);
    assert!(!done.out.contains("aws cloudformation"), "{}", done.out);
    let done = Run::new(&["retry", "--results", &results]).done();
    assert_eq!(done.code, 2, "{}", done.out);
    for (times, at) in [(json!("2026-03-02T09:17:42.456000+00:00"), "09:17"), (json!(1_772_443_062.456), "09:17")] {
        let mut described = described();
        described["StackSetOperation"]["EndTimestamp"] = times;
        let description = file("described.json", described.to_string());
        let arguments = ["--results", &results, "--describe", &description, "--region", "eu-central-1"];
        let done = Run::new(&["report"]).arguments(&arguments).done();
        assert_eq!(done.code, 1);
        assert!(done.out.starts_with("UPDATE of baseline failed: 1 of 2 targets failed\n"), "{}", done.out);
        assert!(done.out.contains(&format!("ended 2026-03-02 {at} UTC")), "{}", done.out);
        assert!(done.out.contains("update-stack-instances --stack-set-name baseline:1b2c3d4e-0000-0000-0000-000000000000 --accounts 200000000001 --regions eu-west-1 --operation-preferences 'RegionOrder=eu-west-1,FailureTolerancePercentage=10' --call-as SELF --region eu-central-1"), "{}", done.out);
    }
}

#[test]
fn what_cloudformation_counts_is_compared() {
    let results = file("fewer.json", page(vec![row(2, "SUCCEEDED")], None));
    let description = file("one-failed.json", described().to_string());
    let done = Run::new(&["report", "--results", &results, "--describe", &description]).done();
    assert_eq!(done.code, 3);
    assert!(done.out.contains("INCOMPLETE: CloudFormation counts 1 failed target, 0 are listed."), "{}", done.out);
}

#[test]
fn totals_of_the_description_are_compared_too() {
    let results = file("two.json", page(vec![row(1, "FAILED"), row(2, "SUCCEEDED")], None));
    let mut with_totals = described();
    let stages = json!({"StackInstancesDeployment": {"Status": "FAILED", "SucceededStackInstancesCount": 2,
        "FailedStackInstancesCount": 1, "TotalStackInstancesCount": 3}});
    with_totals["StackSetOperation"]["StatusDetails"] = json!({"FailedStackInstancesCount": 1, "TotalStackInstancesCount": 3, "TotalAccountsCount": 3, "Stages": stages});
    let description = file("totals.json", with_totals.to_string());
    let done = Run::new(&["report", "--results", &results, "--describe", &description]).done();
    assert_eq!(done.code, 3);
    assert!(done.out.contains("INCOMPLETE: CloudFormation counts 3 targets, 2 are listed."), "{}", done.out);
}

#[test]
fn bad_input_names_the_file_and_the_position() {
    let whole = page(vec![row(1, "FAILED"), row(2, "SUCCEEDED")], None);
    let mut other = vec![row(1, "FAILED"), row(2, "SUCCEEDED")];
    other[0]["Status"] = "CANCELLED".into();
    for (name, text, wanted) in [
        ("empty.json", String::new(), "line 1, column 0: the file ends too early"),
        ("words.json", "An error occurred".to_owned(), "line 1, column 1: it is not JSON (expected value)"),
        ("cut.json", whole[..whole.len() / 2].to_owned(), "the file ends too early: it was cut"),
        ("between.json", whole.replacen("},", "}", 1), "it is not JSON"),
        (
            "describe.json",
            described().to_string(),
            "this is the output of describe-stack-set-operation (for --describe)",
        ),
        (
            "set.json",
            json!({"StackSet": {"StackSetName": "x"}}).to_string(),
            "this is the output of describe-stack-set,",
        ),
        ("sets.json", page(vec![json!({"StackSetName": "x", "Status": "ACTIVE"})], None), "of list-stack-sets,"),
        ("operations.json", page(vec![json!({"OperationId": "x"})], None), "of list-stack-set-operations,"),
        (
            "instances.json",
            page(vec![json!({"Account": account(1), "Status": "CURRENT", "StackInstanceStatus": {}})], None),
            "of list-stack-instances,",
        ),
        (
            "deployment-targets.json",
            page(vec![json!({"OrganizationalUnitId": "ou-a1b2-11112222", "Regions": ["eu-west-1"]})], None),
            "of list-stack-set-auto-deployment-targets,",
        ),
        (
            "drifts.json",
            page(vec![json!({"StackId": "x", "StackResourceDriftStatus": "IN_SYNC"})], None),
            "of list-stack-instance-resource-drifts,",
        ),
        ("nothing.json", page(vec![json!({})], None), "it has a result without Account"),
        ("no-region.json", page(vec![json!({"Account": account(1), "Status": "FAILED"})], None), "without Region"),
        ("no-status.json", page(vec![json!({"Account": account(1), "Region": "eu-west-1"})], None), "without Status"),
        (
            "lower-case.json",
            page(vec![json!({"account": account(1), "region": "eu-west-1", "status": "FAILED"})], None),
            "it has a result without Account",
        ),
        ("events.json", json!({"StackEvents": []}).to_string(), "it has no `Summaries` list"),
        ("query.json", json!([["200000000001", "eu-west-1"]]).to_string(), "without --query"),
        ("numbers.json", page(vec![json!({"Account": 1})], None), "invalid type: integer `1`, expected a string"),
        (
            "twice.json",
            format!("{whole}\n{}", page(other, None)),
            "account 200000000001 in eu-west-1 is CANCELLED here and FAILED before",
        ),
    ] {
        let path = file(name, text);
        let done = Run::new(&["report", "--results", &path]).done();
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{name}: {}", done.err);
        assert!(done.err.starts_with(&format!("error: could not read {path}, line ")), "{}", done.err);
        assert!(done.err.contains(wanted), "{name}: {}", done.err);
    }
    let done = Run::new(&["report", "--results", "/nowhere/x.json"]).done();
    assert!(done.code == 2 && done.err.contains("/nowhere/x.json: No such file"), "{}", done.err);
    let path = file("utf16.json", b"\xff\xfe{\0}\0");
    let done = Run::new(&["report", "--results", &path]).done();
    assert!(done.code == 2 && done.err.contains("it is UTF-16, as PowerShell writes it"), "{}", done.err);
}

#[test]
fn the_position_of_the_second_status_is_named() {
    let text = "{\"Summaries\": [\n {\"Account\": \"200000000001\", \"Region\": \"eu-west-1\", \"Status\": \"FAILED\"},\n \
                {\"Account\": \"200000000001\", \"Region\": \"eu-west-1\", \"Status\": \"SUCCEEDED\"}\n]}";
    let done = report(&[], text);
    assert!(done.err.contains("could not read standard input, line 3, column"), "{}", done.err);
}

#[test]
fn a_wrong_description_is_an_error_too() {
    let results = file("fine.json", page(vec![row(1, "FAILED")], None));
    for (name, text, wanted) in [
        ("no-description.json", page(vec![row(1, "FAILED")], None), "this is not the output of describe-stack-set-op"),
        ("cut-description.json", described().to_string()[..200].to_owned(), "the file ends too early"),
    ] {
        let description = file(name, text);
        let done = Run::new(&["report", "--results", &results, "--describe", &description]).done();
        assert_eq!(done.code, 2);
        assert!(done.err.contains(&description) && done.err.contains(wanted), "{}", done.err);
    }
    let description = file("another.json", described().to_string());
    let arguments = ["report", "baseline", "op-2", "--results", &results, "--describe", &description];
    let done = Run::new(&arguments).done();
    assert!(done.code == 2 && done.err.contains("the saved description is of op-1"), "{}", done.err);
}

#[test]
fn a_description_of_another_stack_set_is_an_error() {
    let results = file("of-baseline.json", page(vec![row(1, "FAILED")], None));
    let description = file("baseline.json", described().to_string());
    let report = |stack_set: &str, more: &[&str]| {
        let arguments = ["report", stack_set, "--results", &results, "--describe", &description];
        Run::new(&arguments).arguments(more).done()
    };
    let arn = "arn:aws:cloudformation:eu-west-1:111111111111:stackset/other:1b2c3d4e-0000-0000-0000-000000000000";
    for other in ["other", "baseline:00000000-0000-0000-0000-000000000000", arn] {
        let done = report(other, &[]);
        assert!(done.code == 2 && done.out.is_empty(), "{other}: {}", done.out);
        assert!(done.err.contains("the saved description is of baseline:1b2c3d4e-"), "{}", done.err);
    }
    for same in ["baseline", "baseline:1b2c3d4e-0000-0000-0000-000000000000"] {
        let done = report(same, &[]);
        let command = "--stack-set-name baseline:1b2c3d4e-0000-0000-0000-000000000000 ";
        assert!(done.code == 1 && done.out.contains(command), "{}{}", done.out, done.err);
    }
    let done = report("baseline", &["bad op"]);
    assert!(done.code == 2 && done.err.contains("\"bad op\": it is not an operation ID"), "{}", done.err);
    let mut with_bad_id = described();
    with_bad_id["StackSetOperation"]["OperationId"] = "bad op".into();
    let description = file("bad-id.json", with_bad_id.to_string());
    let done = Run::new(&["report", "--results", &results, "--describe", &description]).done();
    assert!(done.code == 2 && done.err.contains("its OperationId \"bad op\" is not"), "{}", done.err);
}

#[test]
fn a_target_is_listed_once_for_each_organizational_unit() {
    for (second, reported) in [("FAILED", "2 of 2 targets failed"), ("SUCCEEDED", "1 of 2 targets failed")] {
        let mut rows = vec![row(1, "FAILED"), row(1, second)];
        rows[0]["OrganizationalUnitId"] = "ou-a1b2-11112222".into();
        rows[1]["OrganizationalUnitId"] = "ou-a1b2-33334444".into();
        let page = page(rows, None);
        let done = report(&[], &page);
        assert!(done.code == 1 && done.out.contains(reported), "{}{}", done.out, done.err);
        let done = report(&["--output", "csv", "--all"], &page);
        assert_eq!(done.out.lines().count(), 3, "{}", done.out);
    }
}

#[test]
fn no_file_steers_the_terminal() {
    let results = file("failed.json", page(vec![row(1, "FAILED")], None));
    let mut with_escape = described();
    with_escape["StackSetOperation"]["OperationId"] = "op\u{1b}[31m\u{9b}31m".into();
    let description = file("escape.json", with_escape.to_string());
    let of_description = ["report", "baseline", "op-1", "--results", &results, "--describe", &description];
    let key = file("key.json", "{\"StackSet\\u001b[2J\\u202e\": 1}");
    for arguments in [&of_description[..], &["report", "--results", &key]] {
        let done = Run::new(arguments).done();
        assert!(done.code == 2 && done.err.starts_with("error: could not "), "{}", done.err);
        assert!(!done.err.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{:?}", done.err);
    }
    let mut with_escape = described();
    with_escape["StackSetOperation"]["OperationPreferences"]["ConcurrencyMode"] = "eu\u{1b}[31m\u{9b}31m".into();
    let description = file("escape.json", with_escape.to_string());
    for color in ["always", "never"] {
        let arguments = ["report", "--results", &results, "--describe", &description, "--color", color];
        let done = Run::new(&arguments).done();
        assert!(done.out.contains("ConcurrencyMode") && !done.out.contains('\u{9b}'), "{:?}", done.out);
        assert!(!done.out.contains("eu\u{1b}"), "{:?}", done.out);
    }
}

#[test]
fn what_the_files_do_not_say_is_not_made_up() {
    let results = file("one-result.json", page(vec![row(1, "FAILED")], None));
    let description = file("description.json", described().to_string());
    let report = |arguments: &[&str]| {
        let saved = ["--results", &results, "--describe", &description];
        Run::new(&["report"]).arguments(arguments).arguments(&saved).done().out
    };
    let out = report(&["--output", "json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["operation"]["consoleUrl"], Value::Null);
    let note = document["retry"]["note"].as_str().unwrap();
    assert!(note.contains("give --region") && note.contains("give --call-as"), "{note}");
    let out = report(&["--region", "eu-central-1", "--output", "markdown"]);
    assert!(out.contains("https://eu-central-1.console") && !out.contains("give --region"), "{out}");
    assert!(out.contains("the commands assume SELF"), "{out}");
    let out = report(&["--region", "eu-central-1", "--call-as", "delegated-admin"]);
    assert!(!out.contains("give --") && out.contains("--call-as DELEGATED_ADMIN --region eu-central-1"), "{out}");
    // An ARN says more of its partition than the Region's name.
    let id = "1b2c3d4e-0000-0000-0000-000000000000";
    let out = report(&[
        &format!("arn:aws-cn:cloudformation:mars-1:111111111111:stackset/baseline:{id}"),
        "--output",
        "markdown",
    ]);
    assert!(out.contains("https://mars-1.console.amazonaws.cn/"), "{out}");
}

#[test]
fn exit_codes_do_not_call_a_failed_operation_a_success() {
    let mut without_count = described();
    without_count["StackSetOperation"]["StatusDetails"] = json!({});
    let description = file("no-count.json", without_count.to_string());
    let report = |name: &str, rows| {
        let results = file(name, page(rows, None));
        Run::new(&["report", "--results", &results, "--describe", &description]).done()
    };
    let done = report("no-rows.json", Vec::new());
    assert!(done.code == 1 && done.out.starts_with("UPDATE of baseline failed: no targets"), "{done:?}");
    let done = report("unknown.json", vec![row(1, "WEIRD"), row(2, "SUCCEEDED")]);
    assert_eq!(done.code, 3, "{}", done.out);
    let results = file("only-unknown.json", page(vec![row(1, "WEIRD")], None));
    let done = Run::new(&["report", "--results", &results]).done();
    assert_eq!(done.code, 3, "{}", done.out);
}

#[test]
fn standard_input_is_read_once() {
    let done = report(&["--describe", "-"], &page(vec![row(1, "FAILED")], None));
    assert_eq!(done.code, 2);
    assert!(done.err.contains("from standard input: it can be read only once"), "{}", done.err);
}

#[test]
fn a_description_may_have_nulls_and_its_errors_name_no_type() {
    let results = file("any.json", page(vec![row(1, "FAILED")], None));
    let run = |key: &str, value: Value| {
        let mut described = described();
        described["StackSetOperation"][key] = value;
        let description = file("nulls.json", described.to_string());
        Run::new(&["report", "--results", &results, "--describe", &description]).done()
    };
    for key in ["OperationPreferences", "DeploymentTargets", "StatusDetails", "RegionalStatusDetails"] {
        let done = run(key, Value::Null);
        assert_eq!(done.code, 1, "{key}: {}", done.err);
        let done = run(key, "text".into());
        assert!(done.code == 2 && done.err.contains("invalid type: string \"text\", expected a"), "{}", done.err);
        assert!(!done.err.contains("struct"), "{}", done.err);
    }
    let done = run("OperationPreferences", json!({"RegionOrder": null}));
    assert_eq!(done.code, 1, "{}", done.err);
    let done = run("EndTimestamp", json!([]));
    assert!(done.code == 2 && done.err.contains("neither text nor a number"), "{}", done.err);
}
