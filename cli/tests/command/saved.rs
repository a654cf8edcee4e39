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

fn report(arguments: &[&str], input: &str) -> crate::support::Done {
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
        ("events.json", json!({"StackEvents": []}).to_string(), "it has no Summaries"),
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
