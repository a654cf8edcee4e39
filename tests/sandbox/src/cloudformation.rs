//! CloudFormation's reads of stack sets and their operations.

use crate::{
    call::Call,
    describe,
    error::ServiceError,
    faults::FaultKind,
    operation::Operation,
    pages::{RowQuery, max_results},
    scenario::{Scenario, StackSet},
    state::{Output, State},
    xml,
};

const STATUSES: [&str; 5] = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];

pub(crate) fn describe_operation(state: &mut State, call: &Call) -> Result<Output, ServiceError> {
    let id = find_operation(&state.scenario, call)?;
    let set = &state.scenario.stack_sets[id.0];
    let operation = &set.operations[id.1];
    let failed = state.rendered.failed_count(id, operation);
    let described = state.described.entry(format!("{} {}", set.arn(), operation.id)).or_default();
    let still_running = *described < operation.running_for;
    *described += 1;
    let mut body = String::new();
    xml::nested(&mut body, "StackSetOperation", |out| {
        describe::operation(out, &set.id(), operation, failed, still_running);
    });
    Ok(Output::new(body))
}

pub(crate) fn list_results(state: &mut State, call: &Call, fault: Option<&FaultKind>) -> Result<Output, ServiceError> {
    let status = status_filter(call)?;
    let id = find_operation(&state.scenario, call)?;
    let set = &state.scenario.stack_sets[id.0];
    let operation = &set.operations[id.1];
    let key = format!("results {} {}", set.arn(), operation.id);
    let reads_before = state.first_pages.get(&key).copied().unwrap_or(0);
    let mut cursor = state.tokens.cursor(call, &format!("{key} {status:?}"), reads_before)?;
    if operation.moving {
        cursor.reads_before = reads_before;
    }
    let mut query = RowQuery { operation: id, status, reads_before: cursor.reads_before };
    let total = state.rendered.total(&mut query, &operation.rows);
    let page = state.tokens.page(call, &cursor, total, max_results(call)?, fault);
    let members = state.rendered.page(&query, &operation.rows, page.rows.clone());
    // Counted only here: a refused call reads nothing.
    if operation.moving || cursor.page == 1 {
        *state.first_pages.entry(key).or_default() += 1;
    }
    Ok(Output::page("Summaries", &members, page))
}

pub(crate) fn list_operations(
    state: &mut State,
    call: &Call,
    fault: Option<&FaultKind>,
) -> Result<Output, ServiceError> {
    let index = find_stack_set(&state.scenario, call)?;
    let set = &state.scenario.stack_sets[index];
    let list = format!("operations {}", set.arn());
    let reads_before = state.first_pages.get(&list).copied().unwrap_or(0);
    let cursor = state.tokens.cursor(call, &list, reads_before)?;
    let listed: Vec<(usize, &Operation)> =
        set.operations.iter().enumerate().filter(|(_, one)| one.listed_from <= cursor.reads_before).collect();
    let page = state.tokens.page(call, &cursor, listed.len(), max_results(call)?, fault);
    if cursor.page == 1 {
        *state.first_pages.entry(list).or_default() += 1;
    }
    let mut members = String::new();
    for &(number, operation) in &listed[page.rows.clone()] {
        let failed = state.rendered.failed_count((index, number), operation);
        xml::nested(&mut members, "member", |out| {
            describe::operation_summary(out, operation, failed);
        });
    }
    Ok(Output::page("Summaries", &members, page))
}

pub(crate) fn list_stack_sets(
    state: &mut State,
    call: &Call,
    fault: Option<&FaultKind>,
) -> Result<Output, ServiceError> {
    let call_as = call_as(&state.scenario, call)?;
    let status = call.param("Status");
    if let Some(status) = status
        && !["ACTIVE", "DELETED"].contains(&status)
    {
        return Err(ServiceError::constraint(status, "status", "satisfy enum value set: [ACTIVE, DELETED]"));
    }
    let list = format!("stack sets {} {call_as} {status:?}", call.region);
    let cursor = state.tokens.cursor(call, &list, 0)?;
    let sets: Vec<&StackSet> = state
        .scenario
        .stack_sets
        .iter()
        .filter(|set| is_visible(set, call, call_as))
        .filter(|set| status.is_none_or(|status| set.status == status))
        .collect();
    let page = state.tokens.page(call, &cursor, sets.len(), max_results(call)?, fault);
    let mut members = String::new();
    for set in &sets[page.rows.clone()] {
        xml::nested(&mut members, "member", |out| {
            describe::stack_set_summary(out, set);
        });
    }
    Ok(Output::page("Summaries", &members, page))
}

fn is_visible(set: &StackSet, call: &Call, call_as: &str) -> bool {
    set.region == call.region && set.visible_to.iter().any(|value| value == call_as)
}

fn call_as<'a>(scenario: &Scenario, call: &'a Call) -> Result<&'a str, ServiceError> {
    match call.param("CallAs") {
        None | Some("SELF") => Ok("SELF"),
        Some("DELEGATED_ADMIN") if scenario.delegated_admin_registered => Ok("DELEGATED_ADMIN"),
        Some("DELEGATED_ADMIN") => Err(ServiceError::validation("Account used is not a delegated administrator")),
        Some(other) => {
            Err(ServiceError::constraint(other, "callAs", "satisfy enum value set: [SELF, DELEGATED_ADMIN]"))
        }
    }
}

pub(crate) fn find_stack_set(scenario: &Scenario, call: &Call) -> Result<usize, ServiceError> {
    let name = call.required("StackSetName")?;
    let pattern =
        "[a-zA-Z][-a-zA-Z0-9]*(?::[a-zA-Z0-9]{8}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{12})?";
    if name.is_empty() || name.contains('/') || name.starts_with("arn:") {
        return Err(ServiceError::constraint(
            name,
            "stackSetName",
            &format!("satisfy regular expression pattern: {pattern}"),
        ));
    }
    let call_as = call_as(scenario, call)?;
    scenario
        .stack_sets
        .iter()
        .position(|set| {
            if !set.readable {
                return false;
            }
            // A bare name finds the active stack set only; the id finds a deleted one too.
            let rest = name.strip_prefix(set.name.as_str());
            let is_named = match rest.and_then(|rest| rest.strip_prefix(':')) {
                Some(uuid) => uuid == set.uuid,
                None => rest == Some("") && set.status == "ACTIVE",
            };
            is_named && is_visible(set, call, call_as)
        })
        .ok_or_else(|| ServiceError::new(404, "StackSetNotFoundException", &format!("StackSet {name} not found")))
}

fn find_operation(scenario: &Scenario, call: &Call) -> Result<(usize, usize), ServiceError> {
    let id = call.required("OperationId")?;
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if id.is_empty() || id.len() > 128 || id.starts_with('-') || !letters {
        return Err(ServiceError::constraint(
            id,
            "operationId",
            "satisfy regular expression pattern: [a-zA-Z0-9][-a-zA-Z0-9]*",
        ));
    }
    let set = find_stack_set(scenario, call)?;
    scenario.stack_sets[set]
        .operations
        .iter()
        .position(|operation| operation.id == id)
        .map(|operation| (set, operation))
        .ok_or_else(|| ServiceError::new(404, "OperationNotFoundException", &format!("Operation {id} not found")))
}

fn status_filter(call: &Call) -> Result<Option<String>, ServiceError> {
    if call.params.iter().any(|(name, _)| name.starts_with("Filters.member.2.")) {
        return Err(ServiceError::constraint("[...]", "filters", "have length less than or equal to 1"));
    }
    let name = call.param("Filters.member.1.Name");
    let value = call.param("Filters.member.1.Values");
    match (name, value) {
        (None, None) => Ok(None),
        (Some("OPERATION_RESULT_STATUS"), Some(status)) if STATUSES.contains(&status) => Ok(Some(status.to_owned())),
        (Some("OPERATION_RESULT_STATUS"), status) => Err(ServiceError::constraint(
            status.unwrap_or("null"),
            "filters.1.member.values",
            &format!("satisfy enum value set: [{}]", STATUSES.join(", ")),
        )),
        (name, _) => Err(ServiceError::constraint(
            name.unwrap_or("null"),
            "filters.1.member.name",
            "satisfy enum value set: [OPERATION_RESULT_STATUS]",
        )),
    }
}
