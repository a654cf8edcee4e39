//! Events of a stack -> the one that says what went wrong.

use super::{Cause, Code, classify_text};
use crate::operation::FailedEvent;

/// What is said of a resource that did not fail itself.
const CANCELLED: [&str; 6] = [
    "creation cancelled",
    "update cancelled",
    "deletion cancelled",
    "creation canceled",
    "update canceled",
    "deletion canceled",
];

/// The first event in time that is neither a cancellation nor a roll-up; that of a nested stack is one all the same,
/// because it leads to the events of that stack. Of events at one time the first of the list counts.
pub(crate) fn first_failure(mut events: Vec<FailedEvent>) -> Option<FailedEvent> {
    events.sort_by_key(|event| event.at);
    events.into_iter().find(|event| {
        let reason = event.reason.to_ascii_lowercase();
        let is_cancelled = CANCELLED.iter().any(|words| reason.contains(words));
        !is_cancelled && (event.nested_stack.is_some() || cause_of_event(event).is_some())
    })
}

/// The cause that an event names; `None` if it only says that something failed.
pub(crate) fn cause_of_event(event: &FailedEvent) -> Option<Cause> {
    Some(classify_text(&event_text(event))).filter(|cause| cause.code != Code::CauseNotReported)
}

/// What an event says, in the form in which StackSets gives the reason of a resource.
pub(crate) fn event_text(event: &FailedEvent) -> String {
    let reason = match &event.hook {
        Some(hook) => format!("The following hook(s) failed: [{hook}]: {}", event.reason),
        None => event.reason.clone(),
    };
    match (&event.logical_id, &event.resource_type) {
        (Some(id), Some(kind)) => format!("ResourceLogicalId:{id}, ResourceType:{kind}, ResourceStatusReason:{reason}"),
        _ => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64, reason: &str) -> FailedEvent {
        let (logical_id, resource_type) = (Some("Role".to_owned()), Some("AWS::IAM::Role".to_owned()));
        FailedEvent { logical_id, resource_type, reason: reason.to_owned(), at: Some(at), ..FailedEvent::default() }
    }

    #[test]
    fn the_first_in_time_that_names_a_cause_is_the_failure() {
        let events = vec![
            event(5, "The following resource(s) failed to create: [Role]."),
            event(4, "Role audit already exists."),
            event(3, "Rate exceeded"),
            event(2, "Resource creation cancelled"),
            event(1, ""),
        ];
        assert_eq!(first_failure(events.clone()).unwrap().reason, "Rate exceeded");
        assert_eq!(first_failure(vec![events[0].clone(), events[3].clone()]), None);
        assert_eq!(first_failure(Vec::new()), None);
    }

    #[test]
    fn a_nested_stack_leads_on_unless_it_was_cancelled() {
        let nested = |at, reason: &str| FailedEvent { nested_stack: Some("arn".to_owned()), ..event(at, reason) };
        let embedded =
            "Embedded stack arn was not successfully created: The following resource(s) failed to create: [A].";
        let events = vec![nested(1, "Resource creation cancelled"), nested(2, embedded), event(3, "Rate exceeded")];
        assert_eq!(first_failure(events).unwrap().at, Some(2));
    }

    #[test]
    fn a_resource_a_hook_and_a_validation_name_their_causes() {
        let code = |event: &FailedEvent| cause_of_event(event).map(|cause| cause.code);
        // StackSets says the same of its own role.
        let denied = "User: a is not authorized to perform: sts:AssumeRole on resource: b";
        assert_eq!(code(&event(0, denied)), Some(Code::AccessDenied));
        let hook = FailedEvent { hook: Some("A::B::Encrypted".to_owned()), ..event(0, "The bucket must be encrypted") };
        assert_eq!(code(&hook), Some(Code::HookFailed));
        let missing = "#/NotificationConfiguration: required key [Event] not found";
        assert_eq!(code(&event(0, missing)), Some(Code::ResourcePropertyInvalid));
        assert_eq!(code(&event(0, "Zephyr")), Some(Code::Unknown));
        assert_eq!(code(&event(0, "null")), None);
        assert_eq!(event_text(&FailedEvent { logical_id: None, ..event(0, "no") }), "no");
    }
}
