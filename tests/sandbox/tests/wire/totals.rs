//! The totals of an operation, as the service model writes them.

use sandbox::{Aws, FailedCount, Operation, Row, Scenario, StackSet, Stage, Totals};

use crate::client::{Response, call};

fn rows() -> Vec<Row> {
    vec![
        Row::succeeded("111111111111", "eu-west-1"),
        Row::succeeded("222222222222", "eu-west-1"),
        Row::failed("111111111111", "us-east-1", "reason"),
        Row::cancelled("222222222222", "us-east-1", "reason"),
    ]
}

fn answers(operation: Operation) -> (Response, Response) {
    let set = StackSet::self_managed("baseline", "111111111111", "us-east-1").operation(operation);
    let aws = Aws::start_in_thread(Scenario::new().stack_set(set));
    let params = [("StackSetName", "baseline"), ("OperationId", "op-1")];
    (call(&aws, "DescribeStackSetOperation", &params), call(&aws, "ListStackSetOperations", &params[..1]))
}

#[test]
fn totals_agree_with_the_rows() {
    let (described, listed) = answers(Operation::new("op-1").rows(rows()).totals_from_rows());
    let details = concat!(
        "<Stages><RoleProvisioning><Status>NOT_APPLICABLE</Status></RoleProvisioning>",
        "<StackInstancesDeployment><Status>PARTIAL_SUCCESS</Status>",
        "<SucceededStackInstancesCount>2</SucceededStackInstancesCount>",
        "<FailedStackInstancesCount>1</FailedStackInstancesCount>",
        "<CompletedStackInstancesCount>4</CompletedStackInstancesCount>",
        "<PendingStackInstancesCount>0</PendingStackInstancesCount>",
        "<CancelledStackInstancesCount>1</CancelledStackInstancesCount>",
        "<SkippedStackInstancesCount>0</SkippedStackInstancesCount>",
        "<PercentageCompleted>100.0</PercentageCompleted></StackInstancesDeployment></Stages>",
        "<TotalAccountsCount>2</TotalAccountsCount><TotalStackInstancesCount>4</TotalStackInstancesCount>",
        "<FailedStackInstancesCount>1</FailedStackInstancesCount>",
    );
    assert_eq!(described.one("StatusDetails"), Some(details));
    assert_eq!(listed.one("StatusDetails"), Some(details), "the list has the same member");
    assert_eq!(
        described.one("RegionalStatusDetails"),
        Some(concat!(
            "<entry><key>eu-west-1</key><value><Stages><RegionalStackInstancesDeployment><Status>SUCCEEDED</Status>",
            "<SucceededStackInstancesCount>2</SucceededStackInstancesCount>",
            "<FailedStackInstancesCount>0</FailedStackInstancesCount>",
            "<CompletedStackInstancesCount>2</CompletedStackInstancesCount>",
            "<PendingStackInstancesCount>0</PendingStackInstancesCount>",
            "<CancelledStackInstancesCount>0</CancelledStackInstancesCount>",
            "<SkippedStackInstancesCount>0</SkippedStackInstancesCount>",
            "<TotalStackInstancesCount>2</TotalStackInstancesCount>",
            "<PercentageCompleted>100.0</PercentageCompleted></RegionalStackInstancesDeployment></Stages></value></entry>",
            "<entry><key>us-east-1</key><value><Stages><RegionalStackInstancesDeployment><Status>FAILED</Status>",
            "<SucceededStackInstancesCount>0</SucceededStackInstancesCount>",
            "<FailedStackInstancesCount>1</FailedStackInstancesCount>",
            "<CompletedStackInstancesCount>2</CompletedStackInstancesCount>",
            "<PendingStackInstancesCount>0</PendingStackInstancesCount>",
            "<CancelledStackInstancesCount>1</CancelledStackInstancesCount>",
            "<SkippedStackInstancesCount>0</SkippedStackInstancesCount>",
            "<TotalStackInstancesCount>2</TotalStackInstancesCount>",
            "<PercentageCompleted>100.0</PercentageCompleted></RegionalStackInstancesDeployment></Stages></value></entry>",
        ))
    );
    assert_eq!(listed.one("RegionalStatusDetails"), None, "only the description has it");
}

#[test]
fn totals_can_disagree_with_the_rows_or_be_missing() {
    let mut totals = Totals::of(&rows().into());
    totals.stack_instances = Some(41);
    totals.regions.remove("us-east-1");
    totals.role_provisioning = Some(Stage { percentage: Some(12.5), ..Stage::default() });
    let (described, _) = answers(Operation::new("op-1").rows(rows()).totals(totals));
    assert_eq!(described.one("TotalStackInstancesCount"), Some("41"));
    assert_eq!(described.all("key"), ["eu-west-1"]);
    assert_eq!(described.one("RoleProvisioning"), Some("<PercentageCompleted>12.5</PercentageCompleted>"));

    let (described, listed) = answers(Operation::new("op-1").rows(rows()));
    let only_failures = Some("<FailedStackInstancesCount>1</FailedStackInstancesCount>");
    assert_eq!((described.one("StatusDetails"), listed.one("StatusDetails")), (only_failures, only_failures));
    assert_eq!(described.one("RegionalStatusDetails"), None);

    let (described, _) = answers(Operation::new("op-1").failed_count(FailedCount::Absent).totals(Totals::default()));
    assert!(described.body.contains("<StatusDetails/>"), "{described:?}");
}
