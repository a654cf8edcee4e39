//! CloudFormation's own totals of an operation, as a second witness of what the results say.

use std::time::Duration;

use sandbox::{Fault, FaultKind, Operation, Row, Rows, Scenario, StackSet, Stage as Progress, Totals};
use serde_json::{Value, json};

use crate::settle::{MANY, RESULTS, among_many, numbers, patient};
use crate::support::{MANAGEMENT, OPERATION, Stage, account, event, operation, stack_set};

const TOLERANCE: &str = "Cancelled since failure tolerance has exceeded";

/// Six targets of three accounts: four that succeeded, one that failed, one cancelled.
fn six_rows() -> Vec<Row> {
    vec![
        Row::succeeded(&account(1), "eu-west-1"),
        Row::succeeded(&account(2), "eu-west-1"),
        Row::succeeded(&account(3), "eu-west-1"),
        Row::succeeded(&account(1), "us-east-1"),
        Row::failed(&account(2), "us-east-1", "Internal Failure"),
        Row::cancelled(&account(3), "us-east-1", TOLERANCE),
    ]
}

fn six() -> Operation {
    operation("FAILED", six_rows()).totals_from_rows()
}

/// The report of the six targets where CloudFormation counts otherwise.
async fn counted(change: impl FnOnce(&mut Totals)) -> Value {
    let mut totals = Totals::of(&six_rows().into());
    change(&mut totals);
    Stage::of(operation("FAILED", six_rows()).totals(totals)).await.report("FAILED").await
}

#[tokio::test]
async fn totals_are_in_the_document_and_agree_with_the_results() {
    let document = Stage::of(six()).await.report("FAILED").await;
    assert_eq!(
        document["operation"]["totals"],
        json!({"accounts": 3, "targets": 6, "succeeded": 4, "failed": 1, "cancelled": 1, "skipped": 0, "pending": 0})
    );
    assert_eq!(document["completeness"]["reason"], Value::Null);

    let none = Stage::of(operation("FAILED", six_rows())).await.report("FAILED").await;
    assert_eq!(none["operation"]["totals"], Value::Null);
    assert_eq!(none["completeness"], document["completeness"]);
}

#[tokio::test]
async fn totals_of_a_stack_set_in_another_region_are_read_there() {
    let set = StackSet::self_managed("baseline", MANAGEMENT, "us-east-1").operation(six());
    let arn = set.arn();
    let stage = Stage::new(Scenario::new().stack_set(set)).await;
    stage.invoke(&event(&arn, OPERATION, "FAILED")).await.unwrap();
    assert_eq!(stage.document()["operation"]["totals"]["targets"], 6);
}

#[tokio::test]
async fn each_of_the_totals_may_be_missing() {
    let of = |document: &Value| {
        assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
        document["operation"]["totals"].clone()
    };
    let nothing = json!({"accounts": null, "targets": null, "succeeded": null, "failed": null,
        "cancelled": null, "skipped": null, "pending": null});
    let with = |changes: Value| {
        let mut totals = nothing.clone();
        totals.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        totals
    };
    assert_eq!(of(&counted(|totals| *totals = Totals::default()).await), Value::Null);
    let only_targets = counted(|totals| *totals = Totals { stack_instances: Some(6), ..Totals::default() }).await;
    assert_eq!(of(&only_targets), with(json!({"targets": 6})));
    let only_regions = counted(|totals| {
        *totals = Totals { regions: totals.regions.clone(), ..Totals::default() };
    });
    assert_eq!(of(&only_regions.await), nothing);
    let some = counted(|totals| {
        (totals.accounts, totals.stack_instances, totals.role_provisioning) = (None, None, None);
        totals.deployment = Some(Progress { failed: Some(1), succeeded: Some(4), ..Progress::default() });
        totals.regions.insert("eu-west-1".to_owned(), Progress::default());
    });
    assert_eq!(of(&some.await), with(json!({"succeeded": 4, "failed": 1})));
    // A drift detection deploys nothing, whatever it counts of that.
    let drift = counted(|totals| {
        let nothing = || Progress { total: Some(0), succeeded: Some(9), ..Progress::not_applicable() };
        totals.deployment = Some(nothing());
        totals.regions.values_mut().for_each(|region| *region = nothing());
    });
    assert_eq!(of(&drift.await), with(json!({"accounts": 3, "targets": 6})));
}

#[tokio::test]
async fn a_number_that_is_none_is_missing() {
    let document = counted(|totals| {
        (totals.accounts, totals.stack_instances) = (Some(-1), Some(i32::MIN));
        totals.deployment.as_mut().unwrap().percentage = Some(f64::NAN);
    });
    let document = document.await;
    assert_eq!(document["operation"]["totals"]["targets"], Value::Null);
    assert_eq!(document["operation"]["totals"]["succeeded"], 4);
    assert_eq!(document["completeness"]["complete"], true);
}

#[tokio::test]
async fn results_that_do_not_add_up_to_the_totals_are_not_all() {
    type Change = fn(&mut Totals);
    let cases: [(Change, &str); 7] = [
        (|totals| totals.stack_instances = Some(2_000), "2,000 targets, 6 are listed"),
        (|totals| totals.stack_instances = Some(1), "1 target, 6 are listed"),
        (|totals| totals.deployment.as_mut().unwrap().succeeded = Some(5), "5 targets that succeeded, 4 are listed"),
        (|totals| totals.deployment.as_mut().unwrap().failed = Some(2), "2 targets that failed, 1 is listed"),
        (
            |totals| totals.deployment.as_mut().unwrap().cancelled = Some(2),
            "2 targets that were cancelled, 1 is listed",
        ),
        (|totals| totals.regions.get_mut("us-east-1").unwrap().total = Some(4), "4 targets in us-east-1, 3 are listed"),
        (
            |totals| drop(totals.regions.insert("ap-south-1".to_owned(), Progress::of_counts(1, 0, 0, 0, 0))),
            "1 target in ap-south-1, 0 are listed",
        ),
    ];
    for (change, numbers) in cases {
        let document = counted(change).await;
        assert_eq!(document["completeness"]["complete"], false);
        assert_eq!(document["completeness"]["reason"], format!("CloudFormation counts {numbers}"));
    }
}

#[tokio::test]
async fn one_disagreement_is_reported_once() {
    let failed = |i: usize| Row::failed(&account(i), "eu-west-1", "Internal Failure");
    let rows = Rows::generated(350, move |i| {
        if (10..=340).contains(&i) { Row::succeeded(&account(i), "eu-west-1") } else { failed(i) }
    });
    let all = Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows).totals_from_rows();
    // The last page has nine of the failed targets and 41 of the others.
    let scenario =
        Scenario::new().stack_set(stack_set().operation(all)).fault(Fault::on(RESULTS, FaultKind::LostToken).page(3));
    let document = Stage::new(scenario).await.report("FAILED").await;
    assert_eq!(
        document["completeness"]["reason"],
        "CloudFormation counts 19 failed targets, 10 are listed; CloudFormation counts 350 targets, 300 are listed"
    );
    // Here the failed target is all that is missing.
    let missing = failed(1).visible_from(1_000);
    let rows = vec![Row::succeeded(&account(0), "eu-west-1"), missing, failed(2)];
    let document = Stage::of(operation("FAILED", rows).totals_from_rows()).await.report("FAILED").await;
    assert_eq!(document["completeness"]["reason"], "CloudFormation counts 2 failed targets, 1 is listed");
}

/// How skipped targets are listed is not documented.
#[tokio::test]
async fn a_skipped_target_may_be_listed_with_any_status() {
    for status in ["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"] {
        let mut rows = six_rows();
        let mut totals = Totals::of(&rows.clone().into());
        rows.extend((4..7).map(|i| Row::new(&account(i), "eu-west-1", status)));
        totals.stack_instances = Some(9);
        totals.deployment.as_mut().unwrap().skipped = Some(3);
        totals.regions.insert("eu-west-1".to_owned(), Progress::of_counts(3, 0, 0, 3, 0));
        for failed in [1, 4] {
            let counted = operation("FAILED", rows.clone()).totals(totals.clone());
            let counted = counted.failed_count(sandbox::FailedCount::Fixed(failed));
            let document = Stage::of(counted).await.report("FAILED").await;
            assert_eq!(document["completeness"]["reason"], Value::Null, "{status}, {failed} counted as failed");
            assert_eq!(document["operation"]["totals"]["skipped"], 3);
        }
    }
}

#[tokio::test]
async fn skipped_targets_that_are_not_listed_are_missing_but_not_waited_for() {
    let mut totals = Totals::of(&six_rows().into());
    totals.stack_instances = Some(9);
    totals.deployment.as_mut().unwrap().skipped = Some(3);
    let stage = patient(operation("FAILED", six_rows()).totals(totals)).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["completeness"]["reason"], "CloudFormation counts 9 targets, 6 are listed");
    assert_eq!(stage.aws.requests_of(RESULTS).len(), 1);
}

#[tokio::test]
async fn results_are_read_again_until_they_add_up() {
    let late = Row::succeeded(&account(0), "eu-west-1").visible_from(2);
    for rows in [vec![late.clone(), Row::succeeded(&account(1), "eu-west-1")], among_many(vec![late])] {
        let all = rows.len() as u64;
        let stage = patient(operation("FAILED", rows).totals_from_rows()).await;
        let document = stage.report("FAILED").await;
        assert_eq!(numbers(&document), [all, all, 0, 0, 0, 0]);
        assert_eq!(document["completeness"]["reason"], Value::Null);
    }
}

#[tokio::test]
async fn totals_are_exact_where_time_ran_out() {
    let rows = Rows::generated(10 * MANY, |i| match i % 1_000 {
        3 => Row::failed(&account(i), "eu-west-1", "Internal Failure"),
        _ => Row::succeeded(&account(i), "eu-west-1"),
    });
    let slow = Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows).totals_from_rows();
    let scenario = Scenario::new().stack_set(stack_set().operation(slow)).latency(Duration::from_millis(20));
    let stage = Stage::with(scenario, &[("READ_RESULTS", "all")]).await.time(Duration::from_millis(1_200));
    let document = stage.report("FAILED").await;
    let listed = document["counts"]["total"].as_u64().unwrap();
    assert!(listed < 15_000);
    assert_eq!(document["operation"]["totals"]["targets"], 15_000);
    assert_eq!(document["operation"]["totals"]["succeeded"], 14_985);
    let reason = document["completeness"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("time ran out before all results were read"), "{reason}");
    assert!(reason.contains("; CloudFormation counts 15,000 targets, "), "{reason}");
    // What people read first has them, too.
    let subject = stage.published().subject.unwrap();
    assert!(subject.contains("15 targets failed, ") || subject.contains("15 of 15,000 targets failed"), "{subject}");
    let email = stage.published().body("email").unwrap();
    assert!(email.contains(", 14,985 succeeded"), "{email}");
}

#[tokio::test]
async fn how_far_an_operation_is_comes_from_the_totals() {
    // The results are behind: six are listed, none of them pending.
    let mut totals = Totals::of(&six_rows().into());
    totals.stack_instances = Some(2_000);
    totals.deployment = Some(Progress { total: None, ..Progress::of_counts(4, 1, 1, 0, 1_994) });
    let running = operation("RUNNING", six_rows()).totals(totals).times("2026-03-02T09:00:00Z", None);
    let stage = Stage::of(running).await;
    stage.invoke(&json!({"stackSetName": stack_set().arn(), "operationId": OPERATION})).await.unwrap();
    let email = stage.published().body("email").unwrap();
    assert!(email.contains("1,994 of 2,000 targets to go, 1 failed, 1 was cancelled, 4 succeeded."), "{email}");
    let summary = stage.document()["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("1,994 of 2,000 targets to go"), "{summary}");
    let reason = stage.document()["completeness"]["reason"].clone();
    assert_eq!(reason, "the operation has not ended, its status is RUNNING", "totals are ahead of the results");
}

#[tokio::test]
async fn an_answer_that_is_cut_in_its_totals_is_refused() {
    let many: Vec<Row> =
        (0..40).map(|i| Row::succeeded(&account(i), &format!("eu-west-{i}"))).chain(six_rows()).collect();
    for kind in [FaultKind::CutXml, FaultKind::MalformedXml, FaultKind::RenamedTag] {
        let set = stack_set().operation(operation("FAILED", many.clone()).totals_from_rows());
        let fault = Fault::on("DescribeStackSetOperation", kind.clone());
        let stage = Stage::new(Scenario::new().stack_set(set.clone()).fault(fault.clone())).await;
        let text = stage.ended("FAILED").await.unwrap_err().to_string();
        assert!(text.contains("the answer's XML is not whole"), "{kind:?}: {text}");
        let stage = Stage::new(Scenario::new().stack_set(set).fault(fault.once())).await;
        assert_eq!(stage.report("FAILED").await["operation"]["totals"]["targets"], 46);
    }
}
