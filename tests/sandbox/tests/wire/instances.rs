//! `ListStackInstances`: what is derived from the rows, filters and pages.

use sandbox::{Aws, Fault, Operation, Row, Rows, Scenario, StackInstance, StackSet};

use crate::client::{Response, call};

const ACCOUNTS: [&str; 3] = ["222222222222", "333333333333", "444444444444"];

fn list(aws: &Aws, more: &[(&str, &str)]) -> Response {
    let mut params = vec![("StackSetName", "baseline")];
    params.extend_from_slice(more);
    call(aws, "ListStackInstances", &params)
}

fn set() -> StackSet {
    StackSet::service_managed("baseline", "111111111111", "us-east-1")
}

fn serve(set: StackSet) -> Aws {
    Aws::start_in_thread(Scenario::new().stack_set(set))
}

#[test]
fn instances_are_what_the_operations_leave_behind() {
    let newer = Operation::new("op-2").action("UPDATE").status("FAILED").rows(vec![
        Row::failed(ACCOUNTS[0], "eu-west-1", "The following resource(s) failed to create: [Role].")
            .ou("ou-a1b2-c3d4e5f6"),
        Row::cancelled(ACCOUNTS[1], "eu-west-1", "Cancelled since failure tolerance has exceeded"),
    ]);
    let older = Operation::new("op-1").rows(ACCOUNTS.map(|account| Row::succeeded(account, "eu-west-1")).to_vec());
    let set = set().operation(newer).operation(older);
    let stack_id = set.stack_id(ACCOUNTS[0], "eu-west-1");
    assert!(stack_id.starts_with("arn:aws:cloudformation:eu-west-1:222222222222:stack/StackSet-baseline-"));
    let id = set.id();
    let aws = serve(set);
    let answer = list(&aws, &[]);
    assert_eq!(answer.all("DetailedStatus"), ["FAILED", "CANCELLED", "SUCCEEDED"]);
    assert_eq!(answer.all("LastOperationId"), ["op-2", "op-2", "op-1"]);
    assert_eq!(
        answer.one("member"),
        Some(&*format!(
            "<StackSetId>{id}</StackSetId><Region>eu-west-1</Region><Account>222222222222</Account>\
             <StackId>{stack_id}</StackId><Status>OUTDATED</Status>\
             <StatusReason>The following resource(s) failed to create: [Role].</StatusReason>\
             <StackInstanceStatus><DetailedStatus>FAILED</DetailedStatus></StackInstanceStatus>\
             <OrganizationalUnitId>ou-a1b2-c3d4e5f6</OrganizationalUnitId><DriftStatus>NOT_CHECKED</DriftStatus>\
             <LastOperationId>op-2</LastOperationId>"
        ))
    );

    let deleted = Operation::new("op-3")
        .action("DELETE")
        .rows(vec![Row::succeeded(ACCOUNTS[0], "eu-west-1"), Row::failed(ACCOUNTS[1], "eu-west-1", "reason")]);
    aws.with(|scenario| scenario.stack_sets[0].operations.insert(0, deleted));
    let answer = list(&aws, &[]);
    assert_eq!(answer.all("Account"), ACCOUNTS[1..]);
    assert_eq!(answer.all("LastOperationId"), ["op-3", "op-1"]);
}

#[test]
fn instances_are_filtered() {
    let instance = |account, region| StackInstance::new(account, region).last_operation("op-1");
    let aws = serve(set().instances(vec![
        instance(ACCOUNTS[0], "eu-west-1").status("CURRENT", "SUCCEEDED").drift("DRIFTED"),
        instance(ACCOUNTS[0], "us-east-1").status("OUTDATED", "FAILED").drift("IN_SYNC"),
        instance(ACCOUNTS[1], "eu-west-1").status("CURRENT", "SUCCEEDED").last_operation("op-2"),
    ]));
    let found = |more: &[(&str, &str)]| {
        let answer = list(&aws, more);
        let (accounts, regions) = (answer.all("Account"), answer.all("Region"));
        let numbers = accounts.iter().zip(regions).map(|(account, region)| format!("{} {region}", &account[..1]));
        numbers.collect::<Vec<_>>()
    };
    let account = ("StackInstanceAccount", ACCOUNTS[0]);
    assert_eq!(found(&[]), ["2 eu-west-1", "2 us-east-1", "3 eu-west-1"]);
    assert_eq!(found(&[account]), ["2 eu-west-1", "2 us-east-1"]);
    assert_eq!(found(&[account, ("StackInstanceRegion", "us-east-1")]), ["2 us-east-1"]);
    let filter = |name, value| [("Filters.member.1.Name", name), ("Filters.member.1.Values", value)];
    assert_eq!(found(&filter("DRIFT_STATUS", "DRIFTED")), ["2 eu-west-1"]);
    assert_eq!(found(&filter("DETAILED_STATUS", "FAILED")), ["2 us-east-1"]);
    assert_eq!(found(&filter("LAST_OPERATION_ID", "op-2")), ["3 eu-west-1"]);
    let both = [("Filters.member.2.Name", "DETAILED_STATUS"), ("Filters.member.2.Values", "FAILED")];
    assert_eq!(found(&[&filter("LAST_OPERATION_ID", "op-1")[..], &both].concat()), ["2 us-east-1"]);

    for bad in [
        vec![("StackInstanceAccount", "123")],
        filter("STATUS", "FAILED").to_vec(),
        filter("DRIFT_STATUS", "a b").to_vec(),
        vec![("MaxResults", "101")],
        vec![("StackSetName", "")],
    ] {
        let params = [&bad[..], &[("StackSetName", "baseline")]].concat();
        assert_eq!(call(&aws, "ListStackInstances", &params).error().1, "ValidationError", "{bad:?}");
    }
    let gone = call(&aws, "ListStackInstances", &[("StackSetName", "gone")]);
    assert_eq!(gone.error().1, "StackSetNotFoundException");
}

#[test]
fn instances_come_in_pages() {
    let rows = Rows::generated(250, |number| Row::succeeded(&format!("{number:012}"), "eu-west-1"));
    let aws = serve(set().operation(Operation::new("op-1").rows(rows)));
    let mut sizes = Vec::new();
    let mut token = None;
    loop {
        let params: Vec<(&str, &str)> = token.as_deref().map(|token| ("NextToken", token)).into_iter().collect();
        let page = list(&aws, &params);
        sizes.push(page.all("member").len());
        token = page.one("NextToken").map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 50]);
    aws.with(|scenario| scenario.faults.push(Fault::error("ListStackInstances", 403, "AccessDenied", "no")));
    assert_eq!(list(&aws, &[]).error(), (403, "AccessDenied", "no"));
}
