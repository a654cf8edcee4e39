//! Stack instances: the targets of a stack set, as `ListStackInstances` shows them.

use std::collections::HashSet;

use crate::{
    call::Call,
    cloudformation::find_stack_set,
    error::ServiceError,
    faults::FaultKind,
    operation::Operation,
    pages::max_results,
    rows::Row,
    scenario::StackSet,
    state::{Output, State},
    xml,
};

const FILTERS: [&str; 3] = ["DETAILED_STATUS", "LAST_OPERATION_ID", "DRIFT_STATUS"];

/// A target of a stack set and its stack; a `None` is left out of the response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackInstance {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The ARN of the stack; missing while there is none.
    pub stack_id: Option<String>,
    /// `CURRENT`, `OUTDATED` or `INOPERABLE`.
    pub status: Option<String>,
    /// The reason for the status.
    pub status_reason: Option<String>,
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELLED`, `INOPERABLE`, `SKIPPED_SUSPENDED_ACCOUNT` or
    /// `FAILED_IMPORT`.
    pub detailed_status: Option<String>,
    /// The organizational unit.
    pub ou: Option<String>,
    /// `DRIFTED`, `IN_SYNC`, `NOT_CHECKED` or `UNKNOWN`.
    pub drift_status: Option<String>,
    /// When drift was last checked.
    pub last_drift_check: Option<String>,
    /// The last operation on the target.
    pub last_operation_id: Option<String>,
}

impl StackInstance {
    /// An instance with only account and Region.
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned(), ..Self::default() }
    }

    /// Sets the ARN of the stack.
    #[must_use]
    pub fn stack_id(mut self, arn: &str) -> Self {
        self.stack_id = Some(arn.to_owned());
        self
    }

    /// Sets the status and the detailed status, such as `OUTDATED` and `FAILED`.
    #[must_use]
    pub fn status(mut self, status: &str, detailed_status: &str) -> Self {
        self.status = Some(status.to_owned());
        self.detailed_status = Some(detailed_status.to_owned());
        self
    }

    /// Sets the drift status.
    #[must_use]
    pub fn drift(mut self, status: &str) -> Self {
        self.drift_status = Some(status.to_owned());
        self
    }

    /// Sets the last operation on the target.
    #[must_use]
    pub fn last_operation(mut self, id: &str) -> Self {
        self.last_operation_id = Some(id.to_owned());
        self
    }

    /// The instance that an operation leaves behind.
    fn of(set: &StackSet, operation: &Operation, row: &Row) -> Self {
        let (account, region) = (row.account.clone().unwrap_or_default(), row.region.clone().unwrap_or_default());
        let succeeded = row.status.as_deref() == Some("SUCCEEDED");
        Self {
            stack_id: Some(set.stack_id(&account, &region)),
            status: Some(if succeeded { "CURRENT" } else { "OUTDATED" }.to_owned()),
            status_reason: row.status_reason.clone(),
            detailed_status: row.status.clone(),
            ou: row.ou.clone(),
            drift_status: Some("NOT_CHECKED".to_owned()),
            last_drift_check: None,
            last_operation_id: Some(operation.id.clone()),
            account,
            region,
        }
    }

    fn write(&self, out: &mut String, stack_set_id: &str) {
        xml::element(out, "StackSetId", stack_set_id);
        xml::element(out, "Region", &self.region);
        xml::element(out, "Account", &self.account);
        xml::optional(out, "StackId", self.stack_id.as_deref());
        xml::optional(out, "Status", self.status.as_deref());
        xml::optional(out, "StatusReason", self.status_reason.as_deref());
        if self.detailed_status.is_some() {
            xml::nested(out, "StackInstanceStatus", |out| {
                xml::optional(out, "DetailedStatus", self.detailed_status.as_deref());
            });
        }
        xml::optional(out, "OrganizationalUnitId", self.ou.as_deref());
        xml::optional(out, "DriftStatus", self.drift_status.as_deref());
        xml::optional(out, "LastDriftCheckTimestamp", self.last_drift_check.as_deref());
        xml::optional(out, "LastOperationId", self.last_operation_id.as_deref());
    }

    fn matches(&self, filter: &Filter) -> bool {
        let value = match filter.name.as_str() {
            "DETAILED_STATUS" => &self.detailed_status,
            "LAST_OPERATION_ID" => &self.last_operation_id,
            _ => &self.drift_status,
        };
        value.as_deref() == Some(&filter.value)
    }
}

/// The instances of a stack set: those that the scenario gives, or else what its operations leave behind.
///
/// The first operation in the list of operations that has a row for a target decides. A target whose DELETE succeeded has
/// no instance.
pub(crate) fn instances_of(set: &StackSet) -> Vec<StackInstance> {
    if let Some(instances) = &set.instances {
        return instances.clone();
    }
    let mut known = HashSet::new();
    let mut instances = Vec::new();
    for operation in &set.operations {
        for index in 0..operation.rows.len() {
            operation.rows.with(index, |row| {
                let Some(row) = row.at(usize::MAX) else { return };
                let instance = StackInstance::of(set, operation, row);
                let is_first = known.insert((instance.account.clone(), instance.region.clone()));
                let deleted = operation.action.as_deref() == Some("DELETE")
                    && instance.detailed_status.as_deref() == Some("SUCCEEDED");
                if is_first && !deleted {
                    instances.push(instance);
                }
            });
        }
    }
    instances
}

#[derive(Debug)]
struct Filter {
    name: String,
    value: String,
}

pub(crate) fn list(state: &mut State, call: &Call, fault: Option<&FaultKind>) -> Result<Output, ServiceError> {
    let filters = filters(call)?;
    let account = call.param("StackInstanceAccount");
    let region = call.param("StackInstanceRegion");
    if let Some(account) = account.filter(|account| account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(pattern(account, "stackInstanceAccount", "^[0-9]{12}$"));
    }
    let index = find_stack_set(&state.scenario, call)?;
    let set = &state.scenario.stack_sets[index];
    let list = format!("instances {} {account:?} {region:?} {filters:?}", set.arn());
    let cursor = state.tokens.cursor(call, &list, 0)?;
    let instances = state.rendered.instances(index, set);
    let listed: Vec<&StackInstance> = instances
        .iter()
        .filter(|instance| account.is_none_or(|account| instance.account == account))
        .filter(|instance| region.is_none_or(|region| instance.region == region))
        .filter(|instance| filters.iter().all(|filter| instance.matches(filter)))
        .collect();
    let page = state.tokens.page(call, &cursor, listed.len(), max_results(call)?, fault);
    let mut members = String::new();
    for instance in &listed[page.rows.clone()] {
        xml::nested(&mut members, "member", |out| instance.write(out, &set.id()));
    }
    Ok(Output::page("Summaries", &members, page))
}

fn filters(call: &Call) -> Result<Vec<Filter>, ServiceError> {
    let mut filters = Vec::new();
    for number in 1.. {
        let name = call.param(&format!("Filters.member.{number}.Name"));
        let value = call.param(&format!("Filters.member.{number}.Values"));
        if name.is_none() && value.is_none() {
            break;
        }
        let (name, value) = (name.unwrap_or("null"), value.unwrap_or("null"));
        if !FILTERS.contains(&name) {
            let constraint = format!("satisfy enum value set: [{}]", FILTERS.join(", "));
            return Err(ServiceError::constraint(name, &format!("filters.{number}.member.name"), &constraint));
        }
        if value.is_empty() || value.len() > 128 || value.contains(char::is_whitespace) {
            return Err(pattern(value, &format!("filters.{number}.member.values"), r"^\S{1,128}$"));
        }
        filters.push(Filter { name: name.to_owned(), value: value.to_owned() });
    }
    if filters.len() > FILTERS.len() {
        return Err(ServiceError::constraint("[...]", "filters", "have length less than or equal to 3"));
    }
    Ok(filters)
}

fn pattern(value: &str, member: &str, pattern: &str) -> ServiceError {
    ServiceError::constraint(value, member, &format!("satisfy regular expression pattern: {pattern}"))
}
