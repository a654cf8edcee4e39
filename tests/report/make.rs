//! Operations, rows and reports in few words.

use serde_json::Value;
use stackset_notifier::operation::{
    CallAs, Gate, Operation, OperationRef, OperationStatus, Preferences, ResultStatus, StackSetRef, TargetResult,
};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext};

pub(crate) fn named() -> OperationRef {
    let arn = "arn:aws:cloudformation:eu-central-1:111111111111:stackset/baseline:1b2c3d4e";
    OperationRef { stack_set: StackSetRef::from_arn(arn).unwrap(), operation_id: "op-1".to_owned() }
}

pub(crate) fn described(action: &str, status: &str, failed_expected: Option<u64>) -> Operation {
    Operation {
        action: Some(action.to_owned()),
        status: OperationStatus::from(status),
        status_reason: None,
        failed_expected,
        totals: None,
        started_at: Some(1_774_000_000_000),
        ended_at: Some(1_774_000_822_400),
        organizational_units: Vec::new(),
        preferences: Preferences::default(),
        retain_stacks: None,
        drift: None,
    }
}

pub(crate) fn row(account: u64, region: &str, status: &str) -> TargetResult {
    TargetResult {
        account: Some(format!("{account:012}")),
        region: Some(region.to_owned()),
        status: Some(ResultStatus::from(status)),
        ..TargetResult::default()
    }
}

pub(crate) fn failed(account: u64, region: &str, reason: &str) -> TargetResult {
    TargetResult { reason: Some(reason.to_owned()), ..row(account, region, "FAILED") }
}

pub(crate) fn cancelled(account: u64, region: &str) -> TargetResult {
    let reason = "Cancelled since failure tolerance has exceeded".to_owned();
    TargetResult { reason: Some(reason), ..row(account, region, "CANCELLED") }
}

pub(crate) fn with_gate(row: TargetResult, status: &str, reason: &str) -> TargetResult {
    let gate = Gate { status: Some(status.into()), reason: Some(reason.to_owned()).filter(|text| !text.is_empty()) };
    TargetResult { gate: Some(gate), ..row }
}

pub(crate) fn in_unit(row: TargetResult, unit: &str) -> TargetResult {
    TargetResult { organizational_unit_id: Some(unit.to_owned()), ..row }
}

pub(crate) fn report(
    rows: &[TargetResult],
    named: &OperationRef,
    described: &Operation,
    expect_gate: ExpectGate,
) -> Report {
    report_as(CallAs::SelfAccount, rows, named, described, expect_gate)
}

pub(crate) fn report_as(
    call_as: CallAs,
    rows: &[TargetResult],
    named: &OperationRef,
    described: &Operation,
    expect_gate: ExpectGate,
) -> Report {
    let mut fold = ReportBuilder::new();
    rows.iter().cloned().for_each(|row| fold.add(row));
    fold.build(&ReportContext {
        operation: named,
        call_as,
        reader_account: Some("222222222222"),
        described,
        expect_gate,
        unread: None,
        now: Some(1_774_000_000_000 + 7 * 3_600_000),
    })
}

/// The JSON document, checked against its schema.
pub(crate) fn document(report: &Report) -> Value {
    let document = serde_json::to_value(report).unwrap();
    crate::schema::check(&document);
    document
}

/// All commands of the retry plan, in their order.
pub(crate) fn commands(report: &Report) -> Vec<String> {
    report.retry.plan.iter().flat_map(|entry| entry.commands.clone()).collect()
}
