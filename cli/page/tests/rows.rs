//! Results as they come -> rows.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use report_page::page;
use report_page::row::Row;
use report_page::rows::Rows;
use stackset_notifier::operation::{
    CallAs, Operation, OperationRef, OperationStatus, Preferences, ResultStatus, StackSetRef, TargetResult,
};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext};

fn result(region: Option<&str>, unit: Option<&str>, status: &str, reason: Option<&str>) -> TargetResult {
    TargetResult {
        account: Some("200000000001".to_owned()),
        region: region.map(str::to_owned),
        status: Some(ResultStatus::from(status)),
        reason: reason.map(str::to_owned),
        organizational_unit_id: unit.map(str::to_owned),
        ..TargetResult::default()
    }
}

fn report(results: &[TargetResult], operation_id: &str) -> Report {
    let arn = "arn:aws:cloudformation:eu-central-1:111111111111:stackset/baseline:1b2c3d4e-5f60-7182";
    let operation =
        OperationRef { stack_set: StackSetRef::from_arn(arn).unwrap(), operation_id: operation_id.to_owned() };
    let described = Operation {
        action: Some("UPDATE".to_owned()),
        status: OperationStatus::Failed,
        status_reason: None,
        failed_expected: None,
        totals: None,
        started_at: None,
        ended_at: None,
        organizational_units: Vec::new(),
        preferences: Preferences::default(),
        retain_stacks: None,
        drift: None,
    };
    let mut builder = ReportBuilder::new();
    results.iter().cloned().for_each(|result| builder.add(result));
    builder.build(&ReportContext {
        operation: &operation,
        call_as: CallAs::SelfAccount,
        reader_account: None,
        described: &described,
        expect_gate: ExpectGate::Never,
        unread: None,
        now: None,
    })
}

/// The rows of results that were read twice.
fn rows(results: &[TargetResult]) -> Vec<Row> {
    let mut rows = Rows::new(true);
    results.iter().chain(results).for_each(|result| rows.add(result));
    rows.join(&report(results, "op-1"))
}

/// Unit, status and cause of each.
fn brief<'a>(rows: &'a [Row]) -> Vec<(Option<&'a str>, &'a str, Option<&'a str>)> {
    let brief = |row: &'a Row| (row.organizational_unit_id.as_deref(), row.status.as_deref().unwrap(), row.cause);
    rows.iter().map(brief).collect()
}

#[test]
fn a_target_has_a_row_for_each_organizational_unit() {
    let region = Some("eu-west-1");
    let rows = rows(&[
        result(region, Some("ou-1"), "FAILED", Some("Rate exceeded")),
        result(region, Some("ou-2"), "FAILED", Some("Internal Failure")),
        result(region, Some("ou-3"), "SUCCEEDED", None),
    ]);
    assert_eq!(
        brief(&rows),
        [
            (Some("ou-1"), "FAILED", Some("THROTTLING")),
            (Some("ou-2"), "FAILED", Some("AWS_INTERNAL_FAILURE")),
            (Some("ou-3"), "SUCCEEDED", None),
        ]
    );
}

#[test]
fn what_lacks_its_region_has_the_cause_of_its_own_text_and_comes_once() {
    let role = "Account 200000000001 should have 'AWSCloudFormationStackSetExecutionRole' role with trust relationship \
                to Role 'AWSCloudFormationStackSetAdministrationRole'.";
    let rows = rows(&[
        result(None, None, "CANCELLED", None),
        result(None, None, "FAILED", Some("Internal Failure")),
        result(None, None, "FAILED", Some("Rate exceeded")),
        result(None, None, "FAILED", Some(role)),
        result(None, None, "RUNNING", None),
        result(None, None, "SUCCEEDED", None),
    ]);
    assert_eq!(
        brief(&rows),
        [
            (None, "CANCELLED", None),
            (None, "FAILED", Some("AWS_INTERNAL_FAILURE")),
            (None, "FAILED", Some("EXECUTION_ROLE_NOT_ASSUMABLE")),
            (None, "FAILED", Some("THROTTLING")),
            (None, "RUNNING", None),
            (None, "SUCCEEDED", None),
        ]
    );
    assert_eq!((rows[2].owners.as_slice(), rows[3].retry_helps), (&["ACCOUNT_OWNER"][..], Some("YES")));
    assert!(rows[5].owners.is_empty() && rows[5].retry_helps.is_none());
}

#[test]
fn a_target_that_runs_has_the_cause_that_it_names() {
    let region = Some("eu-west-1");
    let running = result(region, None, "RUNNING", Some("Rate exceeded"));
    assert_eq!(brief(&rows(&[running])), [(None, "RUNNING", Some("THROTTLING"))]);
}

#[test]
fn an_operation_without_an_id_is_no_fact() {
    let results = [result(Some("eu-west-1"), None, "FAILED", Some("Rate exceeded"))];
    let facts = |id: &str| {
        let page = page(&report(&results, id), &rows(&results)).unwrap();
        page.matches("Operation ").count()
    };
    assert_eq!((facts("op-1"), facts("")), (1, 0));
}
