//! `ls`.

use sandbox::{Fault, FaultKind, Operation, Scenario, StackSet};

use crate::support::{MANAGEMENT, REGION, aws, rows, run};

fn scenario() -> Scenario {
    let of = |id: &str, status: &str, day: u8, failed: bool| {
        let rows = if failed { rows(20) } else { rows(3) };
        let at = |hour: u8| format!("2026-03-{day:02}T{hour:02}:00:00.000Z");
        Operation::new(id).action("UPDATE").status(status).rows(rows).times(&at(9), Some(&at(10)))
    };
    Scenario::new()
        .stack_set(
            StackSet::self_managed("security-baseline", MANAGEMENT, REGION)
                .operation(of("first", "FAILED", 2, true))
                .operation(of("second", "SUCCEEDED", 4, false)),
        )
        .stack_set(StackSet::self_managed("empty", MANAGEMENT, REGION))
        .stack_set(
            StackSet::service_managed("network", MANAGEMENT, REGION)
                .seen_by_delegated_admin()
                .operation(of("third", "STOPPED", 5, true)),
        )
}

#[test]
fn stack_sets_have_their_last_operation_or_all() {
    let loopback = aws(scenario());
    let done = run(&loopback, &["ls"]);
    assert_eq!(done.code, 0, "{}", done.err);
    insta::assert_snapshot!(done.out);
    let done = run(&loopback, &["ls", "--all", "sec*base*", "--output", "csv"]);
    insta::assert_snapshot!("ls_all_csv", done.out);
    let done = run(&loopback, &["ls", "--output", "markdown"]);
    insta::assert_snapshot!("ls_markdown", done.out);
    let done = run(&loopback, &["ls", "nothing-*"]);
    assert_eq!(done.code, 3);
    assert!(done.err.contains("no stack set nothing-* is visible in eu-central-1"), "{}", done.err);
}

#[test]
fn an_account_that_is_no_delegated_administrator_lists_its_own() {
    let mut scenario = scenario().fault(Fault::on("ListStackSetOperations", FaultKind::Throttling).call(2).once());
    scenario.delegated_admin_registered = false;
    let done = run(&aws(scenario), &["ls", "--output", "jsonl"]);
    assert_eq!((done.code, done.out.lines().count()), (0, 2), "{}", done.err);
}

#[test]
fn a_list_that_cannot_be_read_as_delegated_administrator_is_an_error() {
    let fault = Fault::error("ListStackSets", 403, "AccessDenied", "not authorized").call_as("DELEGATED_ADMIN");
    for arguments in [vec!["ls"], vec!["report"]] {
        let done = run(&aws(scenario().fault(fault.clone())), &arguments);
        assert_eq!((done.code, done.out.as_str()), (3, ""), "{arguments:?}: {}", done.err);
        assert!(done.err.contains("could not list the stack sets as DELEGATED_ADMIN"), "{}", done.err);
    }
}
