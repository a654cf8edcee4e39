//! Successes that CloudFormation counts need not be read.

use sandbox::{Fault, FaultKind, Operation, Request, Row, Rows, Scenario, StackSet, Stage as Progress, Totals};
use serde_json::{Value, json};

use crate::settle::{RESULTS, numbers};
use crate::support::{MANAGEMENT, OPERATION, REGION, Stage, account, event};

const REGIONS: [&str; 3] = ["ap-south-1", "eu-west-1", "us-east-1"];
const ACCOUNTS: usize = 800;
const ALL: usize = ACCOUNTS * REGIONS.len();
const TOLERANCE: &str = "Cancelled since failure tolerance has exceeded";
const BY_STATUS: [&str; 4] = ["FAILED", "CANCELLED", "RUNNING", "PENDING"];

/// A full grid of 2,400 targets in two organizational units: 13 failed for one cause, in each set of Regions, 6 for
/// another, and 10 were cancelled.
fn row(i: usize) -> Row {
    let (account, region) = (account(i / REGIONS.len()), REGIONS[i % REGIONS.len()]);
    let n = i / REGIONS.len();
    let fails_in = |regions: usize| regions >> (i % REGIONS.len()) & 1 == 1;
    let row = match i {
        _ if n % 100 == 7 && fails_in(1 + n / 100 % 7) => Row::failed(&account, region, "Internal Failure"),
        i if i % 400 == 8 => Row::failed(&account, region, "Resource of type 'AWS::IAM::Role' already exists"),
        i if i % 250 == 9 => Row::cancelled(&account, region, TOLERANCE),
        _ => Row::succeeded(&account, region),
    };
    row.ou(if n.is_multiple_of(2) { "ou-ab12-11111111" } else { "ou-ab12-22222222" })
}

fn rows() -> Vec<Row> {
    (0..ALL).map(row).collect()
}

fn ended(rows: impl Into<Rows>) -> Operation {
    Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows)
}

fn set(operation: Operation) -> StackSet {
    StackSet::service_managed("baseline", MANAGEMENT, REGION).operation(operation)
}

fn arn() -> String {
    StackSet::service_managed("baseline", MANAGEMENT, REGION).arn()
}

async fn stage(scenario: Scenario, settings: &[(&str, &str)]) -> Stage {
    Stage::with(scenario, &[settings, &[("ACCOUNT_NAMES", "never")]].concat()).await
}

async fn stage_of(operation: Operation) -> Stage {
    stage(Scenario::new().stack_set(set(operation)), &[]).await
}

/// The filters of the requests for results; `None` for those of everything.
fn filters(stage: &Stage) -> Vec<Option<String>> {
    let filter = |request: &Request| request.param("Filters.member.1.Values").map(str::to_owned);
    stage.aws.requests_of(RESULTS).iter().map(filter).collect()
}

async fn report(stage: &Stage) -> Value {
    stage.invoke(&event(&arn(), OPERATION, "FAILED")).await.unwrap();
    stage.document()
}

/// Everything was read, after what did not succeed.
fn assert_all_read(stage: &Stage, document: &Value) {
    let all = filters(stage).iter().filter(|filter| filter.is_none()).count();
    assert_eq!(all, ALL.div_ceil(100), "{:?}", filters(stage));
    assert_eq!(document["completeness"]["succeededFrom"], "RESULTS");
}

#[tokio::test]
async fn the_report_is_the_same_without_the_successes() {
    let scenario = || Scenario::new().stack_set(set(ended(rows()).totals_from_rows()));
    let few = stage(scenario(), &[]).await;
    let (mut some, mut all) = (report(&few).await, report(&stage(scenario(), &[("READ_RESULTS", "all")]).await).await);
    assert_eq!(filters(&few), BY_STATUS.map(|status| Some(status.to_owned())));
    assert_eq!(numbers(&some), [2_400, 2_371, 19, 10, 0, 0]);
    for (document, read, from) in [(&some, 29, "CLOUDFORMATION"), (&all, 2_400, "RESULTS")] {
        assert_eq!(document["completeness"]["complete"], true);
        assert_eq!(document["completeness"]["resultsRead"], read);
        assert_eq!(document["completeness"]["succeededFrom"], from);
        assert_eq!(document["accountGate"]["resultsCounted"], read);
    }
    let units = |document: &Value| {
        let units = document["byOrganizationalUnit"].as_array().unwrap();
        units.iter().map(|unit| unit["succeeded"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(units(&some), [Value::Null, Value::Null]);
    assert_eq!(units(&all), [json!(1_193), json!(1_178)]);
    // The retry is widened to the full grid in both.
    assert_ne!(all["retry"]["plan"][0]["alsoRuns"], 0);
    for document in [&mut some, &mut all] {
        document["completeness"] = Value::Null;
        document["accountGate"] = Value::Null;
        for unit in document["byOrganizationalUnit"].as_array_mut().unwrap() {
            unit["succeeded"] = Value::Null;
        }
    }
    assert_eq!(some, all);
    let email = few.published().body("email").unwrap();
    assert!(email.contains("19 of 2,400 targets failed, 10 were cancelled, 2,371 succeeded."), "{email}");
    assert!(email.contains("Read 29 results. CloudFormation counts all other targets as succeeded."), "{email}");
}

#[tokio::test]
async fn what_does_not_add_up_is_read_whole() {
    let counted = |change: fn(&mut Totals)| {
        let rows = rows();
        let mut totals = Totals::of(&rows.clone().into());
        change(&mut totals);
        ended(rows).totals(totals)
    };
    let cases: [(&str, Operation); 6] = [
        ("more targets than are counted by status", counted(|totals| totals.stack_instances = Some(2_401))),
        ("no count of successes", counted(|totals| totals.deployment.as_mut().unwrap().succeeded = None)),
        ("no Regions", counted(|totals| totals.regions.clear())),
        ("one Region is missing", counted(|totals| drop(totals.regions.remove("us-east-1")))),
        (
            "Regions that add up only together",
            counted(|totals| {
                totals.regions.get_mut("us-east-1").unwrap().succeeded = Some(790);
                let other = totals.regions.get_mut("eu-west-1").unwrap();
                other.succeeded = other.succeeded.map(|succeeded| succeeded + 1);
            }),
        ),
        ("nothing was deployed", counted(|totals| totals.deployment = Some(Progress::not_applicable()))),
    ];
    for (what, operation) in cases {
        let stage = stage_of(operation).await;
        let document = report(&stage).await;
        assert_all_read(&stage, &document);
        assert_eq!(numbers(&document), [2_400, 2_371, 19, 10, 0, 0], "{what}");
    }
}

/// A status that this version does not know is under no filter.
#[tokio::test]
async fn an_unknown_status_is_found() {
    let mut rows = rows();
    rows[100].status = Some("SKIPPED_SUSPENDED_ACCOUNT".to_owned());
    let stage = stage_of(ended(rows).totals_from_rows()).await;
    let document = report(&stage).await;
    assert_all_read(&stage, &document);
    assert_eq!(document["counts"]["otherStatuses"], json!({"SKIPPED_SUSPENDED_ACCOUNT": 1}));
}

/// Results are eventually consistent, the totals are not.
#[tokio::test]
async fn a_result_that_is_late_is_not_lost() {
    let failed = || Row::failed(&account(1), "us-east-1", "Internal Failure");
    for late in [failed().visible_from(1), Row::running(&account(1), "us-east-1").later(5, failed())] {
        let mut rows = rows();
        rows[5] = late.ou("ou-ab12-22222222");
        let scenario = Scenario::new().stack_set(set(ended(rows).totals_from_rows()));
        let stage = stage(scenario, &[("SETTLE_TIMEOUT_SECONDS", "60")]).await;
        let document = report(&stage).await;
        assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
        assert_eq!(numbers(&document), [2_400, 2_370, 20, 10, 0, 0]);
        assert_eq!(document["completeness"]["succeededFrom"], "RESULTS");
    }
}

/// The same target in two results would make up for one that is missing.
#[tokio::test]
async fn a_target_that_is_listed_twice_makes_up_for_none() {
    let mut rows = rows();
    rows[10] = row(21);
    let mut totals = Totals::of(&(0..ALL).map(row).collect::<Vec<_>>().into());
    let one_more = |stage: &mut Progress| {
        stage.failed = stage.failed.map(|failed| failed + 1);
        stage.succeeded = stage.succeeded.map(|succeeded| succeeded - 1);
    };
    one_more(totals.deployment.as_mut().unwrap());
    one_more(totals.regions.get_mut(REGIONS[0]).unwrap());
    let stage = stage_of(ended(rows).totals(totals)).await;
    let document = report(&stage).await;
    assert_all_read(&stage, &document);
    assert_eq!(document["completeness"]["complete"], false);
}

#[tokio::test]
async fn everything_is_read_where_a_list_fails() {
    for status in BY_STATUS {
        let fault = Fault::error(RESULTS, 400, "ValidationError", "no such filter").filter(status);
        let scenario = Scenario::new().stack_set(set(ended(rows()).totals_from_rows())).fault(fault);
        let stage = stage(scenario, &[]).await;
        let document = report(&stage).await;
        assert_all_read(&stage, &document);
        assert_eq!(numbers(&document), [2_400, 2_371, 19, 10, 0, 0]);
        assert_eq!(document["completeness"]["complete"], true);
    }
    let fault = Fault::on(RESULTS, FaultKind::CutXml).filter("FAILED").once();
    let scenario = Scenario::new().stack_set(set(ended(rows()).totals_from_rows())).fault(fault);
    let document = report(&stage(scenario, &[]).await).await;
    assert_eq!(
        document["completeness"]["succeededFrom"], "CLOUDFORMATION",
        "a page that is cut once is asked for again"
    );
}

#[tokio::test]
async fn everything_is_read_where_gates_are_expected() {
    for expected in ["auto", "always"] {
        let scenario = Scenario::new().stack_set(set(ended(rows()).totals_from_rows()));
        let stage = stage(scenario, &[("EXPECT_ACCOUNT_GATE", expected)]).await;
        let document = report(&stage).await;
        assert_eq!(filters(&stage).len(), ALL / 100, "nothing is read by status");
        assert_eq!(document["accountGate"]["resultsCounted"], 2_400);
    }
}

#[tokio::test]
async fn few_results_are_read_at_once() {
    let rows: Vec<Row> = (0..2_000).map(row).collect();
    let stage = stage_of(ended(rows).totals_from_rows()).await;
    let document = report(&stage).await;
    assert_eq!(filters(&stage), vec![None; 20]);
    assert_eq!(document["completeness"]["succeededFrom"], "RESULTS");
}

#[tokio::test]
async fn an_operation_that_goes_on_has_its_open_targets_and_the_counted_successes() {
    let goes_on = |i: usize| match i % 100 {
        50 => Row::running(&account(i / 3), REGIONS[i % 3]),
        51 => Row::pending(&account(i / 3), REGIONS[i % 3]),
        _ => row(i),
    };
    let rows: Vec<Row> = (0..ALL).map(goes_on).collect();
    let running = ended(rows).status("RUNNING").times("2026-03-02T09:00:00Z", None);
    let stage = stage_of(running.totals_from_rows()).await;
    let result = stage.invoke(&json!({"stackSetName": arn(), "operationId": OPERATION})).await.unwrap();
    assert_eq!(result["action"], "published", "{result}");
    assert_eq!(filters(&stage).len(), 4);
    let document = stage.document();
    assert_eq!(numbers(&document), [2_400, 2_323, 19, 10, 24, 24]);
    assert_eq!(document["completeness"]["reason"], "the operation has not ended, its status is RUNNING");
}

/// Which targets succeeded is not known, so neither is which of the earlier failures did.
#[tokio::test]
async fn the_comparison_does_not_say_what_is_fixed() {
    let failed = vec![row(21), Row::failed(&account(0), REGIONS[1], "Internal Failure")];
    let before = Operation::new("op-0").action("UPDATE").status("FAILED").rows(failed);
    let before = before.times("2026-03-02T07:00:00Z", Some("2026-03-02T08:00:00Z"));
    let scenario = Scenario::new().stack_set(set(before).operation(ended(rows()).totals_from_rows()));
    let all = report(&stage(scenario.clone(), &[("READ_RESULTS", "all")]).await).await;
    let some = report(&stage(scenario, &[]).await).await;
    let numbers =
        |document: &Value| ["newlyFailed", "stillFailing", "fixed"].map(|name| document["comparedWith"][name].clone());
    assert_eq!(numbers(&all), [json!(18), json!(1), json!(1)]);
    assert_eq!(numbers(&some), [json!(18), json!(1), Value::Null]);
}

/// Those of targets that succeeded were not read, so nobody can say how many gates passed.
#[tokio::test]
async fn the_email_does_not_count_gates_that_passed() {
    let mut rows = rows();
    rows[50] = Row::failed(&account(16), REGIONS[2], "AccountGate check failed").gate("FAILED", "Change freeze");
    let stage = stage_of(ended(rows).totals_from_rows()).await;
    let document = report(&stage).await;
    assert_eq!((&document["accountGate"]["passed"], &document["accountGate"]["refused"]), (&json!(0), &json!(1)));
    let email = stage.published().body("email").unwrap();
    assert!(email.contains("Account gates of the targets: 1 refused, 29 never asked."), "{email}");
}

/// An outage after the failures were read is no report without any results.
#[tokio::test]
async fn an_outage_is_an_error_and_no_empty_report() {
    let fault = Fault::error(RESULTS, 503, "ServiceUnavailable", "try again").from_call(2);
    let scenario = Scenario::new().stack_set(set(ended(rows()).totals_from_rows())).fault(fault);
    let stage = stage(scenario, &[]).await.time(std::time::Duration::from_secs(3));
    let error = stage.invoke(&event(&arn(), OPERATION, "FAILED")).await.unwrap_err();
    assert_eq!(error.kind(), "ReadError");
    assert!(stage.aws.published().is_empty());
}

/// A target that goes on between two lists is in both.
#[tokio::test]
async fn a_target_in_two_lists_is_read_again() {
    let cancelled = Row::cancelled(&account(1), "us-east-1", TOLERANCE).ou("ou-ab12-22222222");
    let mut rows = rows();
    rows[5] = Row::failed(&account(1), "us-east-1", "Internal Failure").ou("ou-ab12-22222222").later(1, cancelled);
    let stage = stage_of(ended(rows).totals_from_rows()).await;
    let document = report(&stage).await;
    assert_all_read(&stage, &document);
    assert_eq!(numbers(&document), [2_400, 2_370, 19, 11, 0, 0]);
}

/// All targets of a Region may be gone, and the number of accounts may be missing.
#[tokio::test]
async fn odd_totals_do_not_change_the_retry_plan() {
    type Change = fn(&mut Totals);
    let cases: [(Change, &str); 2] = [
        (
            |totals| drop(totals.regions.insert("me-south-1".to_owned(), Progress::of_counts(0, 0, 0, 0, 0))),
            "CLOUDFORMATION",
        ),
        (|totals| totals.accounts = None, "RESULTS"),
    ];
    let expected = report(&stage_of(ended(rows()).totals_from_rows()).await).await;
    for (change, from) in cases {
        let mut totals = Totals::of(&rows().into());
        change(&mut totals);
        let document = report(&stage_of(ended(rows()).totals(totals)).await).await;
        assert_eq!(document["completeness"]["succeededFrom"], from);
        assert_eq!(document["retry"], expected["retry"]);
        assert_eq!(document["byRegion"], expected["byRegion"]);
    }
}
