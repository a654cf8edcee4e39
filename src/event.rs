//! The invocation's JSON -> what to do about it.

use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::Error;
use crate::operation::{self, CallAs, ListedOperation, OperationRef, OperationStatus, StackSetRef};

/// What an invocation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Report this operation.
    Report(ReportRequest),
    /// Look for operations that no event reported.
    Sweep {
        /// When the schedule fell due, in milliseconds since the Unix epoch; `None` where the event does
        /// not say.
        scheduled_time: Option<i64>,
    },
    /// Nothing to do.
    Ignore {
        /// Why there is nothing to do.
        reason: String,
        /// The operation, where the event names one.
        operation: Option<OperationRef>,
    },
}

impl Task {
    fn ignore(reason: impl Into<String>) -> Self {
        Self::Ignore { reason: reason.into(), operation: None }
    }
}

/// One operation to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRequest {
    /// What to report.
    pub operation: OperationRef,
    /// Capacity to read in, where the request says so itself.
    pub call_as: Option<CallAs>,
    /// Who asks.
    pub trigger: Trigger,
    /// How the operation ended, as its event says; it can be ahead of what CloudFormation describes.
    pub event_status: Option<OperationStatus>,
    /// The stack set's other operations that are QUEUED, oldest first, where a sweep reports a stuck one.
    pub queued: Arc<[ListedOperation]>,
}

/// Who asks for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The event of the operation's end.
    Event,
    /// A person, who wants an answer in any case.
    Manual,
    /// The sweep, because the operation has ended.
    Sweep,
    /// The sweep, because the operation does not end.
    Stuck {
        /// Whole days since it counts as stuck; each is reported once.
        day: i64,
    },
}

impl Trigger {
    /// Whether a sweep asks; the next sweep asks again for what was not recorded.
    pub(crate) fn is_scheduled(self) -> bool {
        matches!(self, Self::Sweep | Self::Stuck { .. })
    }
}

/// Where the function itself lives, from the ARN it was invoked by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionIdentity {
    /// Partition; empty if the ARN was not one.
    pub partition: String,
    /// Region; empty if the ARN was not one.
    pub region: String,
    /// Account; empty if the ARN was not one.
    pub account: String,
}

impl FunctionIdentity {
    /// Reads a function ARN, `arn:<partition>:lambda:<region>:<account>:function:<name>`.
    pub fn from_function_arn(arn: &str) -> Self {
        let mut parts = arn.splitn(6, ':').skip(1);
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (partition, _lambda, region, account) = (next(), next(), next(), next());
        Self { partition, region, account }
    }
}

const OPERATION_CHANGE: &str = "CloudFormation StackSet Operation Status Change";
const SCHEDULED: &str = "Scheduled Event";

/// Decides what an invocation asks for.
///
/// Neighbouring and foreign events are ignored with a reason, never an error: a rule that is too
/// wide must not fill the dead-letter queue. Form of the event:
/// [StackSets and EventBridge](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-event-bridge.html).
///
/// # Errors
/// [`Error::Event`] naming the field, when a terminal operation event or a manual request does not
/// say which operation it means.
pub fn parse(payload: &Value, identity: &FunctionIdentity) -> Result<Task, Error> {
    if payload.get("stackSetName").is_some() && payload.get("detail-type").is_none() {
        return manual(payload, identity).map(Task::Report);
    }
    let (Some(detail_type), Some(source)) = (text(payload, "/detail-type"), text(payload, "/source")) else {
        return Ok(Task::ignore("neither an EventBridge event nor a manual request with stackSetName and operationId"));
    };
    match (source, detail_type) {
        ("aws.cloudformation", OPERATION_CHANGE) => operation_change(payload),
        // A rule's schedule and EventBridge Scheduler differ in `detail`, which says nothing either way.
        ("aws.events" | "aws.scheduler", SCHEDULED) => Ok(Task::Sweep { scheduled_time: scheduled_time(payload) }),
        ("aws.cloudformation", other) => {
            Ok(Task::ignore(format!("event {other:?} is about something else than a stack set operation")))
        }
        (source, other) => Ok(Task::ignore(format!("event {other:?} of {source:?} is not for this function"))),
    }
}

/// The event's own time; a person who invokes the function may leave it out.
fn scheduled_time(payload: &Value) -> Option<i64> {
    let time = OffsetDateTime::parse(text(payload, "/time")?, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

fn operation_change(payload: &Value) -> Result<Task, Error> {
    let text_of_status = required(payload, "/detail/status-details/status")?;
    let status = OperationStatus::from(text_of_status);
    if !status.is_terminal() {
        let named = text(payload, "/detail/stack-set-arn").and_then(|arn| StackSetRef::from_arn(arn).ok());
        let operation = named.zip(text(payload, "/detail/stack-set-operation-id"));
        return Ok(Task::Ignore {
            reason: format!("operation status {text_of_status:?} is not an end"),
            operation: operation.map(|(stack_set, id)| OperationRef { stack_set, operation_id: id.to_owned() }),
        });
    }
    let arn = required(payload, "/detail/stack-set-arn")?;
    let stack_set = StackSetRef::from_arn(arn).map_err(|cause| wrong("/detail/stack-set-arn", &cause))?;
    let operation_id = id(payload, "/detail/stack-set-operation-id")?;
    Ok(Task::Report(ReportRequest {
        operation: OperationRef { stack_set, operation_id },
        call_as: None,
        trigger: Trigger::Event,
        event_status: Some(status),
        queued: Arc::default(),
    }))
}

fn manual(payload: &Value, identity: &FunctionIdentity) -> Result<ReportRequest, Error> {
    let name = required(payload, "/stackSetName")?;
    let operation_id = id(payload, "/operationId")?;
    let stack_set = if name.starts_with("arn:") {
        StackSetRef::from_arn(name).map_err(|cause| wrong("/stackSetName", &cause))?
    } else {
        let (name, id) = match name.split_once(':') {
            Some((name, id)) => (name, Some(id.to_owned())),
            None => (name, None),
        };
        if !operation::is_stack_set_name(name) || !id.as_deref().is_none_or(operation::is_id) {
            return Err(wrong("/stackSetName", "allowed are the name of a stack set, name:id, and an ARN"));
        }
        StackSetRef {
            name: name.to_owned(),
            id,
            partition: identity.partition.clone(),
            region: identity.region.clone(),
            account: None,
        }
    };
    let call_as = match payload.get("callAs") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) if word == "SELF" => Some(CallAs::SelfAccount),
        Some(Value::String(word)) if word == "DELEGATED_ADMIN" => Some(CallAs::DelegatedAdmin),
        Some(_) => return Err(wrong("/callAs", "allowed are SELF and DELEGATED_ADMIN")),
    };
    Ok(ReportRequest {
        operation: OperationRef { stack_set, operation_id },
        call_as,
        trigger: Trigger::Manual,
        event_status: None,
        queued: Arc::default(),
    })
}

/// The id of an operation.
fn id(payload: &Value, pointer: &str) -> Result<String, Error> {
    let text = required(payload, pointer)?;
    if operation::is_id(text) {
        return Ok(text.to_owned());
    }
    Err(wrong(pointer, "allowed are letters, digits and hyphens, 128 at most"))
}

fn text<'a>(payload: &'a Value, pointer: &str) -> Option<&'a str> {
    payload.pointer(pointer).and_then(Value::as_str)
}

fn required<'a>(payload: &'a Value, pointer: &str) -> Result<&'a str, Error> {
    match payload.pointer(pointer) {
        None | Some(Value::Null) => Err(wrong(pointer, "it is missing")),
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(wrong(pointer, "it is empty")),
        Some(_) => Err(wrong(pointer, "it is not a text")),
    }
}

fn wrong(pointer: &str, cause: &str) -> Error {
    let field = pointer.trim_start_matches('/').replace('/', ".");
    Error::Event(format!("could not read the field {field} of the event: {cause}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws-us-gov:cloudformation:us-gov-west-1:111111111111:stackset/base:1b2c";

    fn identity() -> FunctionIdentity {
        FunctionIdentity::from_function_arn("arn:aws:lambda:eu-west-1:222222222222:function:notifier:live")
    }

    fn event(detail: Value) -> Value {
        json!({"detail-type": OPERATION_CHANGE, "source": "aws.cloudformation", "detail": detail})
    }

    #[test]
    fn identity_from_the_function_arn() {
        assert_eq!(
            identity(),
            FunctionIdentity { partition: "aws".into(), region: "eu-west-1".into(), account: "222222222222".into() }
        );
        assert_eq!(FunctionIdentity::from_function_arn("nonsense"), FunctionIdentity::default());
    }

    #[test]
    fn fields_that_a_terminal_event_must_have() {
        let full =
            json!({"stack-set-arn": ARN, "stack-set-operation-id": "op", "status-details": {"status": "FAILED"}});
        assert!(matches!(parse(&event(full.clone()), &identity()), Ok(Task::Report(_))));
        for (pointer, value, text) in [
            ("stack-set-arn", Value::Null, "could not read the field detail.stack-set-arn of the event: it is missing"),
            ("stack-set-arn", json!(7), "could not read the field detail.stack-set-arn of the event: it is not a text"),
            (
                "stack-set-arn",
                json!("arn:aws:cloudformation:eu-west-1:111111111111:stack/base/1b2c"),
                "could not read the field detail.stack-set-arn of the event: it is not the ARN of a stack set",
            ),
            (
                "stack-set-arn",
                json!("base:1b2c"),
                "could not read the field detail.stack-set-arn of the event: it is not an ARN",
            ),
            (
                "stack-set-arn",
                json!("arn:aws:cloudformation:eu-west-1:111111111111:stackset/base"),
                "could not read the field detail.stack-set-arn of the event: it lacks the stack set's name or unique id",
            ),
            (
                "stack-set-operation-id",
                json!(""),
                "could not read the field detail.stack-set-operation-id of the event: it is empty",
            ),
            (
                "status-details",
                json!({}),
                "could not read the field detail.status-details.status of the event: it is missing",
            ),
        ] {
            let mut detail = full.clone();
            detail[pointer] = value;
            let error = parse(&event(detail), &identity()).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), ("EventError", text));
        }
    }

    #[test]
    fn both_forms_of_a_schedule_ask_for_a_sweep() {
        let time = |event: Value| match parse(&event, &identity()) {
            Ok(Task::Sweep { scheduled_time }) => scheduled_time,
            other => panic!("{other:?}"),
        };
        let scheduled = |source: &str, time: Value, detail: Value| json!({"source": source, "detail-type": SCHEDULED, "time": time, "detail": detail});
        assert_eq!(time(scheduled("aws.events", json!("1970-01-01T00:01:00Z"), json!({}))), Some(60_000));
        assert_eq!(time(scheduled("aws.scheduler", json!("1970-01-01T01:01:00.5+01:00"), json!("{}"))), Some(60_500));
        // An Input of one's own may leave out or change anything else.
        assert_eq!(time(scheduled("aws.scheduler", json!("<aws.scheduler.scheduled-time>"), json!([1]))), None);
        assert_eq!(time(json!({"source": "aws.scheduler", "detail-type": SCHEDULED})), None);
        // What merely looks like one is not.
        for source in ["aws.cloudformation", "somebody.else"] {
            assert!(matches!(parse(&scheduled(source, Value::Null, json!({})), &identity()), Ok(Task::Ignore { .. })));
        }
    }

    #[test]
    fn manual_requests_by_name_by_id_and_by_arn() {
        let ask = |body: Value| match parse(&body, &identity()) {
            Ok(Task::Report(request)) => request,
            other => panic!("{other:?}"),
        };
        let bare = ask(json!({"stackSetName": "base", "operationId": "op"}));
        assert_eq!(bare.operation.stack_set.api_name(), "base");
        assert_eq!((bare.operation.stack_set.region.as_str(), bare.call_as), ("eu-west-1", None));
        let id = ask(json!({"stackSetName": "base:1b2c", "operationId": "op", "callAs": "SELF"}));
        assert_eq!((id.operation.stack_set.id.as_deref(), id.call_as), (Some("1b2c"), Some(CallAs::SelfAccount)));
        let arn = ask(json!({"stackSetName": ARN, "operationId": "op", "callAs": "DELEGATED_ADMIN"}));
        assert_eq!(arn.operation.stack_set.partition, "aws-us-gov");
        assert_eq!(arn.call_as, Some(CallAs::DelegatedAdmin));
    }

    #[test]
    fn manual_requests_that_are_wrong() {
        for (body, text) in [
            (json!({"stackSetName": "b"}), "could not read the field operationId of the event: it is missing"),
            (
                json!({"stackSetName": "", "operationId": "o"}),
                "could not read the field stackSetName of the event: it is empty",
            ),
            (
                json!({"stackSetName": "b", "operationId": "o", "callAs": "self"}),
                "could not read the field callAs of the event: allowed are SELF and DELEGATED_ADMIN",
            ),
        ] {
            assert_eq!(parse(&body, &identity()).unwrap_err().to_string(), text);
        }
    }
}
