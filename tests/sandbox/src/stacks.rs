//! Stacks in the target accounts and their events: `DescribeEvents` and `DescribeStackEvents`.

use crate::{
    call::Call,
    error::ServiceError,
    faults::FaultKind,
    ids::uuid_from,
    pages::Page,
    sessions::Caller,
    state::{Output, State},
    xml,
};

/// A stack with the events of its last operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// The ARN.
    pub arn: String,
    /// `CREATE_STACK`, `UPDATE_STACK`, `DELETE_STACK`, `CONTINUE_ROLLBACK`, `ROLLBACK` or `CREATE_CHANGESET`.
    pub operation_type: String,
    /// The events, the oldest first.
    pub events: Vec<StackEvent>,
}

/// An event of a stack; a `None` is left out of the responses.
///
/// `DescribeStackEvents` does not know validation errors and leaves them out, and all their members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackEvent {
    /// `STACK_EVENT`, `PROGRESS_EVENT`, `VALIDATION_ERROR`, `PROVISIONING_ERROR` or `HOOK_INVOCATION_ERROR`.
    pub event_type: String,
    /// When it happened; by default the events of a stack are a second apart.
    pub timestamp: Option<String>,
    /// The name of the resource in the template.
    pub logical_id: Option<String>,
    /// The name of the resource in AWS; the ARN of a nested stack.
    pub physical_id: Option<String>,
    /// The type, such as `AWS::S3::Bucket`.
    pub resource_type: Option<String>,
    /// The status, such as `CREATE_FAILED`.
    pub resource_status: Option<String>,
    /// The reason for the status.
    pub resource_status_reason: Option<String>,
    /// `CONFIGURATION_COMPLETE` or `VALIDATION_FAILED`.
    pub detailed_status: Option<String>,
    /// The type name of the hook.
    pub hook_type: Option<String>,
    /// `HOOK_IN_PROGRESS`, `HOOK_COMPLETE_SUCCEEDED`, `HOOK_COMPLETE_FAILED` or `HOOK_FAILED`.
    pub hook_status: Option<String>,
    /// The reason for the status of the hook.
    pub hook_status_reason: Option<String>,
    /// `FAIL` or `WARN`.
    pub hook_failure_mode: Option<String>,
    /// The name of the validation.
    pub validation_name: Option<String>,
    /// `FAILED` or `SKIPPED`.
    pub validation_status: Option<String>,
    /// The reason for the status of the validation.
    pub validation_status_reason: Option<String>,
    /// Where in the template the validation failed.
    pub validation_path: Option<String>,
    /// `FAIL` or `WARN`.
    pub validation_failure_mode: Option<String>,
}

impl Stack {
    /// A stack whose creation has no events yet.
    pub fn new(arn: &str) -> Self {
        Self { arn: arn.to_owned(), operation_type: "CREATE_STACK".to_owned(), events: Vec::new() }
    }

    /// Sets the type of its last operation.
    #[must_use]
    pub fn operation_type(mut self, operation_type: &str) -> Self {
        self.operation_type = operation_type.to_owned();
        self
    }

    /// Sets the minute in which its events begin; those that it has already are a second apart.
    #[must_use]
    pub fn began(mut self, minute: &str) -> Self {
        for (second, event) in self.events.iter_mut().enumerate() {
            event.timestamp = Some(format!("{minute}:{second:02}.000Z"));
        }
        self
    }

    /// Adds an event, later than those before.
    #[must_use]
    pub fn event(mut self, event: StackEvent) -> Self {
        self.events.push(event);
        self
    }

    /// Adds an event of the stack itself, such as `CREATE_FAILED` with a reason that only names resources.
    #[must_use]
    pub fn status(self, status: &str, reason: &str) -> Self {
        let event = StackEvent {
            physical_id: Some(self.arn.clone()),
            ..StackEvent::resource(self.name(), "AWS::CloudFormation::Stack", status).reason(reason)
        };
        self.event(event)
    }

    /// The name, which is a part of the ARN.
    pub fn name(&self) -> &str {
        self.arn.split('/').nth(1).unwrap_or_default()
    }

    fn operation_id(&self) -> String {
        uuid_from(&format!("operation of {}", self.arn))
    }
}

impl StackEvent {
    /// An event of a resource.
    pub fn resource(logical_id: &str, resource_type: &str, status: &str) -> Self {
        let event_type = if status.ends_with("_FAILED") { "PROVISIONING_ERROR" } else { "PROGRESS_EVENT" };
        Self {
            event_type: event_type.to_owned(),
            logical_id: Some(logical_id.to_owned()),
            resource_type: Some(resource_type.to_owned()),
            resource_status: Some(status.to_owned()),
            ..Self::default()
        }
    }

    /// A resource that could not be created.
    pub fn failed(logical_id: &str, resource_type: &str, reason: &str) -> Self {
        Self::resource(logical_id, resource_type, "CREATE_FAILED").reason(reason)
    }

    /// A resource that was not created because another one failed.
    pub fn cancelled(logical_id: &str, resource_type: &str) -> Self {
        Self::failed(logical_id, resource_type, "Resource creation cancelled")
    }

    /// A nested stack that could not be created.
    pub fn nested_stack(logical_id: &str, arn: &str, reason: &str) -> Self {
        Self { physical_id: Some(arn.to_owned()), ..Self::failed(logical_id, "AWS::CloudFormation::Stack", reason) }
    }

    /// A validation that failed before the operation began.
    pub fn validation(logical_id: &str, resource_type: &str, name: &str, reason: &str) -> Self {
        Self {
            event_type: "VALIDATION_ERROR".to_owned(),
            resource_status: None,
            validation_name: Some(name.to_owned()),
            validation_status: Some("FAILED".to_owned()),
            validation_status_reason: Some(reason.to_owned()),
            validation_path: Some(format!("/Resources/{logical_id}")),
            validation_failure_mode: Some("FAIL".to_owned()),
            ..Self::resource(logical_id, resource_type, "")
        }
    }

    /// A hook that refused a resource.
    pub fn hook(logical_id: &str, resource_type: &str, hook_type: &str, reason: &str) -> Self {
        Self {
            event_type: "HOOK_INVOCATION_ERROR".to_owned(),
            hook_type: Some(hook_type.to_owned()),
            hook_status: Some("HOOK_COMPLETE_FAILED".to_owned()),
            hook_status_reason: Some(reason.to_owned()),
            hook_failure_mode: Some("FAIL".to_owned()),
            ..Self::resource(logical_id, resource_type, "CREATE_IN_PROGRESS")
        }
    }

    /// Sets the reason for the status of the resource.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.resource_status_reason = Some(reason.to_owned());
        self
    }

    /// Sets when it happened.
    #[must_use]
    pub fn at(mut self, timestamp: &str) -> Self {
        self.timestamp = Some(timestamp.to_owned());
        self
    }

    fn is_failure(&self) -> bool {
        self.event_type.ends_with("_ERROR")
            || self.resource_status.as_deref().is_some_and(|status| status.ends_with("_FAILED"))
    }

    fn is_stack_event(&self) -> bool {
        self.event_type != "VALIDATION_ERROR"
    }

    /// The members that both actions have.
    fn write(&self, out: &mut String) {
        xml::optional(out, "LogicalResourceId", self.logical_id.as_deref());
        xml::optional(out, "PhysicalResourceId", self.physical_id.as_deref());
        xml::optional(out, "ResourceType", self.resource_type.as_deref());
        xml::optional(out, "ResourceStatus", self.resource_status.as_deref());
        xml::optional(out, "ResourceStatusReason", self.resource_status_reason.as_deref());
        xml::optional(out, "HookType", self.hook_type.as_deref());
        xml::optional(out, "HookStatus", self.hook_status.as_deref());
        xml::optional(out, "HookStatusReason", self.hook_status_reason.as_deref());
        xml::optional(out, "HookInvocationPoint", self.hook_type.as_ref().map(|_| "PRE_PROVISION"));
        xml::optional(out, "HookFailureMode", self.hook_failure_mode.as_deref());
        xml::optional(out, "DetailedStatus", self.detailed_status.as_deref());
    }

    fn write_validation(&self, out: &mut String) {
        xml::optional(out, "ValidationFailureMode", self.validation_failure_mode.as_deref());
        xml::optional(out, "ValidationName", self.validation_name.as_deref());
        xml::optional(out, "ValidationStatus", self.validation_status.as_deref());
        xml::optional(out, "ValidationStatusReason", self.validation_status_reason.as_deref());
        xml::optional(out, "ValidationPath", self.validation_path.as_deref());
    }
}

/// `DescribeEvents`: all events of the operation, the newest first, and before them one of the operation as a whole.
pub(crate) fn describe_events(
    state: &mut State,
    call: &Call,
    caller: &Caller,
    fault: Option<&FaultKind>,
) -> Result<Output, ServiceError> {
    if ["StackName", "OperationId", "ChangeSetName"].iter().all(|name| call.param(name).is_none()) {
        return Err(ServiceError::validation("One of ChangeSetName, OperationId or StackName must be specified"));
    }
    if let Some(name) = call.param("ChangeSetName") {
        return Err(ServiceError::validation(&format!("ChangeSet [{name}] does not exist")));
    }
    let only_failed = match call.param("Filters.FailedEvents") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ServiceError::new(400, "MalformedInput", "FailedEvents is not a boolean")),
    };
    let stack = find_stack(state, call, caller)?;
    let operation_id = stack.operation_id();
    let failed = stack.events.iter().any(StackEvent::is_failure);
    let mut members = Vec::new();
    if failed || !only_failed {
        members.push(member(|out| {
            let end = stack.events.len();
            write_event(out, stack, end, None);
            xml::element(out, "OperationId", &operation_id);
            xml::element(out, "OperationType", &stack.operation_type);
            xml::element(out, "OperationStatus", if failed { "FAILED" } else { "SUCCEEDED" });
            xml::element(out, "EventType", "STACK_EVENT");
            xml::element(out, "StartTime", &time(0));
            xml::element(out, "EndTime", &time(end));
        }));
    }
    for (index, event) in stack.events.iter().enumerate().rev() {
        if event.is_failure() || !only_failed {
            members.push(member(|out| {
                write_event(out, stack, index, event.timestamp.as_deref());
                xml::element(out, "OperationId", &operation_id);
                xml::element(out, "OperationType", &stack.operation_type);
                xml::element(out, "EventType", &event.event_type);
                event.write(out);
                event.write_validation(out);
            }));
        }
    }
    let list = format!("events {} {only_failed}", stack.arn);
    respond(state, call, fault, "OperationEvents", &list, &members)
}

/// `DescribeStackEvents`: the events of the stack and its resources, the newest first.
pub(crate) fn describe_stack_events(
    state: &mut State,
    call: &Call,
    caller: &Caller,
    fault: Option<&FaultKind>,
) -> Result<Output, ServiceError> {
    call.required("StackName")?;
    let stack = find_stack(state, call, caller)?;
    let events = stack.events.iter().enumerate().rev().filter(|(_, event)| event.is_stack_event());
    let members: Vec<String> = events
        .map(|(index, event)| {
            member(|out| {
                write_event(out, stack, index, event.timestamp.as_deref());
                xml::element(out, "StackName", stack.name());
                xml::element(out, "OperationId", &stack.operation_id());
                event.write(out);
            })
        })
        .collect();
    let list = format!("stack events {}", stack.arn);
    respond(state, call, fault, "StackEvents", &list, &members)
}

fn member(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    xml::nested(&mut out, "member", write);
    out
}

fn write_event(out: &mut String, stack: &Stack, index: usize, timestamp: Option<&str>) {
    xml::element(out, "EventId", &uuid_from(&format!("event {index} of {}", stack.arn)));
    xml::element(out, "StackId", &stack.arn);
    xml::element(out, "Timestamp", timestamp.unwrap_or(&time(index)));
}

/// The default time of the event with this index.
fn time(index: usize) -> String {
    let (hours, minutes, seconds) = (9 + index / 3600, index / 60 % 60, index % 60);
    format!("2026-03-02T{hours:02}:{minutes:02}:{seconds:02}.000Z")
}

fn respond(
    state: &mut State,
    call: &Call,
    fault: Option<&FaultKind>,
    name: &str,
    list: &str,
    members: &[String],
) -> Result<Output, ServiceError> {
    let cursor = state.tokens.cursor(call, list, 0)?;
    let limit = state.scenario.events_per_page;
    let page: Page = state.tokens.page(call, &cursor, members.len(), limit, fault);
    Ok(Output::page(name, &members[page.rows.clone()].concat(), page))
}

/// The stack that the call names, if the caller may read it: only credentials of the stack's own account may.
fn find_stack<'a>(state: &'a State, call: &Call, caller: &Caller) -> Result<&'a Stack, ServiceError> {
    let account = caller.account(&state.scenario);
    let name = call.param("StackName");
    if let Some(arn) = name.filter(|name| name.starts_with("arn:"))
        && arn.split(':').nth(4) != Some(account)
    {
        return Err(caller.denied(&state.scenario, call, arn));
    }
    let operation_id = call.param("OperationId");
    state
        .scenario
        .stacks
        .iter()
        .filter(|stack| {
            let mut parts = stack.arn.split(':').skip(3);
            parts.next() == Some(&call.region) && parts.next() == Some(account)
        })
        .filter(|stack| name.is_none_or(|name| name == stack.arn || name == stack.name()))
        .find(|stack| operation_id.is_none_or(|id| id == stack.operation_id()))
        .ok_or_else(|| match (name, operation_id) {
            (Some(name), _) => ServiceError::validation(&format!("Stack [{name}] does not exist")),
            (None, id) => ServiceError::validation(&format!("Operation [{}] does not exist", id.unwrap_or_default())),
        })
}
