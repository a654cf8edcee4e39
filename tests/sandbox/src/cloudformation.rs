//! The four CloudFormation reads.

use crate::{
    describe,
    faults::FaultKind,
    operation::Operation,
    pages::{Place, Reading},
    query::{Call, Refusal, lower_first},
    scenario::{Scenario, StackSet},
    world::{Answer, World},
    xml,
};

pub(crate) const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
pub(crate) const VERSION: &str = "2010-05-15";

const STATUSES: [&str; 5] = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];

/// Carries the call out.
pub(crate) fn answer(world: &mut World, call: &Call, fault: Option<&FaultKind>) -> Result<Answer, Refusal> {
    match call.action.as_str() {
        "DescribeStackSetOperation" => describe_operation(world, call),
        "ListStackSetOperationResults" => list_results(world, call, fault),
        "ListStackSetOperations" => list_operations(world, call, fault),
        "ListStackSets" => list_stack_sets(world, call, fault),
        action => {
            Err(Refusal::new(400, "InvalidAction", &format!("Could not find operation {action} for version {VERSION}")))
        }
    }
}

fn describe_operation(world: &mut World, call: &Call) -> Result<Answer, Refusal> {
    let id = find_operation(&world.scenario, call)?;
    let set = &world.scenario.stack_sets[id.0];
    let operation = &set.operations[id.1];
    let failed = world.rendered.failed_count(id, operation);
    let mut result = String::new();
    xml::nested(&mut result, "StackSetOperation", |out| {
        describe::operation(out, &set.id(), operation, failed);
    });
    Ok(Answer::plain(result))
}

fn list_results(world: &mut World, call: &Call, fault: Option<&FaultKind>) -> Result<Answer, Refusal> {
    let filter = filter(call)?;
    let id = find_operation(&world.scenario, call)?;
    let set = &world.scenario.stack_sets[id.0];
    let operation = &set.operations[id.1];
    let key = format!("{} {}", set.arn(), operation.id);
    let list = format!("results {key} {filter:?}");
    let moving = operation.moving;
    // Counted only once MaxResults is known to be good, below: a refused call reads nothing.
    let calls = world.first_pages.get(&key).copied().unwrap_or(0);
    let place = match world.tokens.asked(call, &list)? {
        Some(place) if moving => Place { calls, ..place },
        Some(place) => place,
        None => Place { list, offset: 0, page: 1, calls },
    };
    let mut reading = Reading { operation: id, filter, calls: place.calls };
    let total = world.rendered.total(&mut reading, &operation.rows);
    let turn = world.tokens.turn(call, &place, total, fault)?;
    let members = world.rendered.page(&reading, &operation.rows, place.offset, turn.rows);
    if moving || call.param("NextToken").is_none() {
        *world.first_pages.entry(key).or_default() += 1;
    }
    Ok(Answer::page(&members, turn))
}

fn list_operations(world: &mut World, call: &Call, fault: Option<&FaultKind>) -> Result<Answer, Refusal> {
    let number = find_stack_set(&world.scenario, call)?;
    let set = &world.scenario.stack_sets[number];
    let list = format!("operations {}", set.arn());
    let mut place = first_or(world, call, list.clone())?;
    if call.param("NextToken").is_none() {
        place.calls = world.first_pages.get(&list).copied().unwrap_or(0);
    }
    let seen = |operation: &Operation| operation.listed_from <= place.calls;
    let total = set.operations.iter().filter(|operation| seen(operation)).count();
    let turn = world.tokens.turn(call, &place, total, fault)?;
    if call.param("NextToken").is_none() {
        *world.first_pages.entry(list).or_default() += 1;
    }
    let mut members = String::new();
    let listed = set.operations.iter().enumerate().filter(|(_, operation)| seen(operation));
    for (index, operation) in listed.skip(place.offset).take(turn.rows) {
        let failed = world.rendered.failed_count((number, index), operation);
        xml::nested(&mut members, "member", |out| {
            describe::operation_summary(out, operation, failed);
        });
    }
    Ok(Answer::page(&members, turn))
}

fn list_stack_sets(world: &mut World, call: &Call, fault: Option<&FaultKind>) -> Result<Answer, Refusal> {
    let call_as = call_as(&world.scenario, call)?;
    let status = call.param("Status");
    if let Some(status) = status
        && !["ACTIVE", "DELETED"].contains(&status)
    {
        return Err(Refusal::constraint(status, "status", "satisfy enum value set: [ACTIVE, DELETED]"));
    }
    let list = format!("stack sets {} {call_as} {status:?}", call.region);
    let place = first_or(world, call, list)?;
    let sets: Vec<&StackSet> = world
        .scenario
        .stack_sets
        .iter()
        .filter(|set| is_seen(set, call, call_as))
        .filter(|set| status.is_none_or(|status| set.status == status))
        .collect();
    let turn = world.tokens.turn(call, &place, sets.len(), fault)?;
    let mut members = String::new();
    for set in sets.iter().skip(place.offset).take(turn.rows) {
        xml::nested(&mut members, "member", |out| {
            describe::stack_set_summary(out, set);
        });
    }
    Ok(Answer::page(&members, turn))
}

fn first_or(world: &World, call: &Call, list: String) -> Result<Place, Refusal> {
    Ok(world.tokens.asked(call, &list)?.unwrap_or(Place { list, offset: 0, page: 1, calls: 0 }))
}

fn is_seen(set: &StackSet, call: &Call, call_as: &str) -> bool {
    set.region == call.region && set.visible_to.iter().any(|seer| seer == call_as)
}

fn call_as<'a>(scenario: &Scenario, call: &'a Call) -> Result<&'a str, Refusal> {
    match call.param("CallAs") {
        None | Some("SELF") => Ok("SELF"),
        Some("DELEGATED_ADMIN") if scenario.delegated_admin_registered => Ok("DELEGATED_ADMIN"),
        Some("DELEGATED_ADMIN") => Err(Refusal::validation("Account used is not a delegated administrator")),
        Some(other) => Err(Refusal::constraint(other, "callAs", "satisfy enum value set: [SELF, DELEGATED_ADMIN]")),
    }
}

fn find_stack_set(scenario: &Scenario, call: &Call) -> Result<usize, Refusal> {
    let name = call.required("StackSetName")?;
    let pattern =
        "[a-zA-Z][-a-zA-Z0-9]*(?::[a-zA-Z0-9]{8}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{12})?";
    if name.is_empty() || name.contains('/') || name.starts_with("arn:") {
        return Err(Refusal::constraint(
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
            // A bare name is that of the set that lives now; the id finds a deleted one too.
            let rest = name.strip_prefix(set.name.as_str());
            let is_named = match rest.and_then(|rest| rest.strip_prefix(':')) {
                Some(uuid) => uuid == set.uuid,
                None => rest == Some("") && set.status == "ACTIVE",
            };
            is_named && is_seen(set, call, call_as)
        })
        .ok_or_else(|| Refusal::new(404, "StackSetNotFoundException", &format!("StackSet {name} not found")))
}

fn find_operation(scenario: &Scenario, call: &Call) -> Result<(usize, usize), Refusal> {
    let id = call.required("OperationId")?;
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if id.is_empty() || id.len() > 128 || id.starts_with('-') || !letters {
        return Err(Refusal::constraint(
            id,
            &lower_first("OperationId"),
            "satisfy regular expression pattern: [a-zA-Z0-9][-a-zA-Z0-9]*",
        ));
    }
    let set = find_stack_set(scenario, call)?;
    scenario.stack_sets[set]
        .operations
        .iter()
        .position(|operation| operation.id == id)
        .map(|operation| (set, operation))
        .ok_or_else(|| Refusal::new(404, "OperationNotFoundException", &format!("Operation {id} not found")))
}

fn filter(call: &Call) -> Result<Option<String>, Refusal> {
    if call.params.iter().any(|(name, _)| name.starts_with("Filters.member.2.")) {
        return Err(Refusal::constraint("[...]", "filters", "have length less than or equal to 1"));
    }
    let name = call.param("Filters.member.1.Name");
    let value = call.param("Filters.member.1.Values");
    match (name, value) {
        (None, None) => Ok(None),
        (Some("OPERATION_RESULT_STATUS"), Some(status)) if STATUSES.contains(&status) => Ok(Some(status.to_owned())),
        (Some("OPERATION_RESULT_STATUS"), status) => Err(Refusal::constraint(
            status.unwrap_or("null"),
            "filters.1.member.values",
            &format!("satisfy enum value set: [{}]", STATUSES.join(", ")),
        )),
        (name, _) => Err(Refusal::constraint(
            name.unwrap_or("null"),
            "filters.1.member.name",
            "satisfy enum value set: [OPERATION_RESULT_STATUS]",
        )),
    }
}
