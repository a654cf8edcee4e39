//! One result -> its cause, and what its account gate answered. Pure: no SDK, no clock, no environment.
//!
//! CloudFormation gives reasons as text only, written by dozens of services. A text is first split into
//! words and error codes; the rules then look for known phrases, and for error codes where the phrases
//! name no cause. A text that no rule knows is `UNKNOWN`, one that names no cause is `CAUSE_NOT_REPORTED`:
//! no cause is better than a wrong one.

mod cause;
mod gate;
mod mask;
mod matcher;
mod named;
mod rules;
mod stack_event;
mod structure;

pub use cause::{Basis, Cause, Code, NextStep, Owner, Resource, RetryHelps};
pub use gate::{GateMeaning, gate_meaning, gate_meaning_by};
pub use mask::mask;
pub(crate) use mask::mask_into;
pub(crate) use stack_event::{cause_of_event, event_text, first_failure};

use crate::operation::{ResultStatus, TargetResult};
use matcher::Text;
use structure::Structure;

/// Why a target failed, was cancelled, or is about to fail.
///
/// `None` for a row without a cause: one that succeeded, or that has not ended and gives no reason.
pub fn classify(result: &TargetResult) -> Option<Cause> {
    let cause = reason(result).map(classify_text);
    let code = decide(result, cause.as_ref().map(|cause| cause.code), gate_meaning(result))?;
    Some(match cause {
        Some(cause) => Cause { code, ..cause },
        None => Cause { code, basis: Basis::None, resource: None, named: Vec::new() },
    })
}

/// The code of a row whose reason was classified as `text_code` and whose gate answered `gate`.
///
/// The same as [`classify`] where the reason was classified before.
pub fn decide(result: &TargetResult, text_code: Option<Code>, gate: GateMeaning) -> Option<Code> {
    match (&result.status, text_code) {
        (Some(ResultStatus::Succeeded), _) => None,
        (Some(ResultStatus::Failed), text_code) => Some(decide_failed(result, text_code, gate)),
        (_, Some(text_code)) => Some(text_code),
        (Some(ResultStatus::Cancelled), None) => Some(Code::CauseNotReported),
        (_, None) => None,
    }
}

/// A failed row has the gate's refusal as its cause, unless its own text names another.
fn decide_failed(result: &TargetResult, text_code: Option<Code>, gate: GateMeaning) -> Code {
    let code = match text_code {
        // These explain a cancelled target, never one that failed.
        None | Some(Code::FailureToleranceExceeded | Code::OperationStopped) => Code::CauseNotReported,
        Some(code) => code,
    };
    if gate != GateMeaning::Refused {
        // "AccountGate check failed" contradicts a gate that passed or does not exist.
        let contradicts = code == Code::AccountGateFailed && gate != GateMeaning::Absent;
        return if contradicts { Code::CauseNotReported } else { code };
    }
    let no_cause = matches!(code, Code::CauseNotReported | Code::Unknown);
    if no_cause || gate::repeats_row(result) { Code::AccountGateFailed } else { code }
}

/// The row's text, if it has one.
pub fn reason(result: &TargetResult) -> Option<&str> {
    result.reason.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Classifies a reason: the whole text, because the deciding words can stand at its very end.
pub fn classify_text(text: &str) -> Cause {
    let structure = Structure::of(text);
    let (code, basis) = code_of(&structure);
    let named = named::named(code, &structure.words);
    Cause { code, basis, resource: structure.resource, named }
}

/// What a text with a known code names: the resource that failed, and what the next step should mention.
pub(crate) fn named_by(code: Code, text: &str) -> (Option<Resource>, Vec<String>) {
    let structure = Structure::of(text);
    let named = named::named(code, &structure.words);
    (structure.resource, named)
}

/// Whether the events of the target's stack may say more: the reason names no cause, or only sums up what a nested
/// stack, a custom resource or a validation said.
pub(crate) fn is_in_stack_events(code: &str, reason: Option<&str>) -> bool {
    const SUMS_UP: [&str; 4] = ["embedded stack", "nested stack", "aws::cloudformation::stack,", "describeevents api"];
    let codes = [Code::CauseNotReported, Code::Unknown, Code::CustomResourceFailed];
    let reason = reason.unwrap_or_default().to_ascii_lowercase();
    codes.iter().any(|known| known.as_str() == code) || SUMS_UP.iter().any(|words| reason.contains(words))
}

fn code_of(structure: &Structure) -> (Code, Basis) {
    let text = structure.text_for_rules();
    let (words, codes) = (Text::of_words(&text), Text::of_codes(&structure.codes));
    let by_words = |rules| words.first(rules).map(|code| (code, Basis::Text));
    let by_codes = |rules, basis| codes.first(rules).map(|code| (code, basis));
    let (code, basis) = by_words(rules::WORDS)
        // These codes name one cause each.
        .or_else(|| by_codes(rules::CODES, Basis::Text))
        .or_else(|| by_words(rules::VAGUE_WORDS))
        .or_else(|| words.first(rules::WEAK_WORDS).map(|code| (code, Basis::ErrorCode)))
        .or_else(|| by_codes(rules::VAGUE_CODES, Basis::ErrorCode))
        .or_else(|| by_words(rules::OPAQUE_WORDS))
        .unwrap_or((if structure.is_wordless() { Code::CauseNotReported } else { Code::Unknown }, Basis::None));
    match code {
        Code::CauseNotReported | Code::Unknown => (code, Basis::None),
        Code::ExtensionFailed if !structure.is_of_an_extension() => (Code::AwsInternalFailure, basis),
        code => (code, basis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Gate, GateStatus};

    fn code(text: &str) -> &'static str {
        classify_text(text).code.as_str()
    }

    fn row(status: &str, reason: Option<&str>) -> TargetResult {
        TargetResult {
            status: Some(ResultStatus::from(status)),
            reason: reason.map(str::to_owned),
            ..TargetResult::default()
        }
    }

    fn refused(reason: Option<&str>, gate: &str) -> Option<&'static str> {
        let gate = Gate { status: Some(GateStatus::Failed), reason: Some(gate.to_owned()) };
        classify(&TargetResult { gate: Some(gate), ..row("FAILED", reason) }).map(|cause| cause.code.as_str())
    }

    #[test]
    fn statuses_decide_whether_there_is_a_cause() {
        let classified = |status, reason| classify(&row(status, reason)).map(|cause| cause.code.as_str());
        assert_eq!(classified("SUCCEEDED", Some("Rate exceeded")), None);
        assert_eq!(classified("PENDING", None), None);
        assert_eq!(classified("RUNNING", Some("  ")), None);
        assert_eq!(classified("RUNNING", Some("Rate exceeded")), Some("THROTTLING"));
        assert_eq!(classified("FAILED", None), Some("CAUSE_NOT_REPORTED"));
        assert_eq!(classified("FAILED", Some("")), Some("CAUSE_NOT_REPORTED"));
        assert_eq!(classified("FAILED", Some("Zephyr")), Some("UNKNOWN"));
        assert_eq!(classified("CANCELLED", None), Some("CAUSE_NOT_REPORTED"));
        assert_eq!(classified("CANCELLED", Some("Zephyr")), Some("UNKNOWN"));
        assert_eq!(
            classified("CANCELLED", Some("Cancelled since failure tolerance has exceeded")),
            Some("FAILURE_TOLERANCE_EXCEEDED")
        );
        assert_eq!(
            classified("CANCELLED", Some("Cancelled since the operation was stopped.")),
            Some("OPERATION_STOPPED")
        );
        assert_eq!(
            classified("FAILED", Some("Cancelled since failure tolerance has exceeded")),
            Some("CAUSE_NOT_REPORTED")
        );
        assert_eq!(classified("BLOCKED", Some("Rate exceeded")), Some("THROTTLING"));
        assert_eq!(classified("BLOCKED", None), None);
        assert_eq!(classify(&TargetResult::default()), None);
    }

    #[test]
    fn a_refusing_gate_is_the_cause_of_a_row_that_names_none() {
        assert_eq!(refused(None, "Freeze until Monday"), Some("ACCOUNT_GATE_FAILED"));
        assert_eq!(refused(Some("AccountGate check failed"), "x"), Some("ACCOUNT_GATE_FAILED"));
        assert_eq!(refused(Some("Quota exceeded."), "Quota exceeded"), Some("ACCOUNT_GATE_FAILED"));
        assert_eq!(refused(Some("Zephyr"), "x"), Some("ACCOUNT_GATE_FAILED"));
        assert_eq!(refused(Some("Rate exceeded"), "x"), Some("THROTTLING"));
        let role = "Account 1 should have 'A' role with trust relationship to Role 'B'.";
        assert_eq!(refused(Some(role), role), Some("EXECUTION_ROLE_NOT_ASSUMABLE"));
    }

    #[test]
    fn a_gate_that_did_not_refuse_is_not_blamed() {
        let with = |status: &str, reason: &str| {
            let gate = Gate { status: Some(GateStatus::from(status)), reason: Some(reason.to_owned()) };
            let row = TargetResult { gate: Some(gate), ..row("FAILED", Some("AccountGate check failed")) };
            classify(&row).unwrap().code
        };
        assert_eq!(with("SUCCEEDED", ""), Code::CauseNotReported);
        let missing = "Function not found: arn:aws:lambda:a:1:function:AWSCloudFormationStackSetAccountGate";
        assert_eq!(with("SKIPPED", missing), Code::CauseNotReported);
        assert_eq!(with("FAILED", "no"), Code::AccountGateFailed);
        assert_eq!(classify(&row("FAILED", Some("AccountGate check failed"))).unwrap().code, Code::AccountGateFailed);
    }

    #[test]
    fn a_gate_that_was_skipped_is_no_cause() {
        let gate = Gate {
            status: Some(GateStatus::Skipped),
            reason: Some("Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate".to_owned()),
        };
        let result = TargetResult { gate: Some(gate), ..row("FAILED", None) };
        assert_eq!(classify(&result).unwrap().code, Code::CauseNotReported);
    }

    #[test]
    fn roles_come_before_denials_and_whole_texts_before_roles() {
        let missing = "Account 123456789012 should have 'AWSControlTowerExecution' role with trust relationship to Role 'service-role/AWSControlTowerStackSetRole'.";
        let cause = classify_text(missing);
        assert_eq!(cause.code, Code::ExecutionRoleNotAssumable, "a suspended account gives this text too");
        assert_eq!(cause.named, ["AWSControlTowerExecution", "service-role/AWSControlTowerStackSetRole"]);
        let service = "Account 1 should have 'X' role with trust relationship to CloudFormation service.";
        assert_eq!(code(service), "ADMINISTRATION_ROLE_NOT_ASSUMABLE");
        let assume = "User: arn:aws:sts::123456789012:assumed-role/Admin/x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/Exec";
        assert_eq!(code(assume), "EXECUTION_ROLE_NOT_ASSUMABLE");
        assert_eq!(
            code(&format!("{assume} with an explicit deny in a service control policy")),
            "EXECUTION_ROLE_NOT_ASSUMABLE"
        );
        assert_eq!(
            code(&format!("ResourceLogicalId:X, ResourceType:Y, ResourceStatusReason:{assume}")),
            "ACCESS_DENIED"
        );
    }

    #[test]
    fn only_a_named_policy_type_blames_the_organization() {
        let deny = "User: arn:aws:sts::123456789012:assumed-role/A/b is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/C with an explicit deny";
        assert_eq!(code(deny), "ACCESS_DENIED");
        assert_eq!(classify_text(deny).named, ["iam:CreateRole", "arn:aws:iam::123456789012:role/C"]);
        for policy in
            ["an identity-based policy", "a permissions boundary", "a VPC endpoint policy", "a session policy"]
        {
            assert_eq!(code(&format!("{deny} in {policy}")), "ACCESS_DENIED");
        }
        for policy in ["service", "resource"] {
            let text = format!(
                "Resource handler returned message: \"{deny} in a {policy} control policy (Service: Iam, Status Code: 403, Request ID: x)\" (RequestToken: y, HandlerErrorCode: GeneralServiceException)."
            );
            assert_eq!(code(&text), "SCP_EXPLICIT_DENY");
        }
    }

    #[test]
    fn the_name_of_the_state_separates_busy_from_broken() {
        let text = |state: &str| {
            format!(
                "Stack:arn:aws:cloudformation:eu-west-1:123456789012:stack/a/b is in {state} state and can not be updated."
            )
        };
        for state in
            ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED"]
        {
            assert_eq!(code(&text(state)), "STACK_NOT_UPDATABLE", "{state}");
        }
        for state in [
            "UPDATE_IN_PROGRESS",
            "ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "DELETE_IN_PROGRESS",
        ] {
            assert_eq!(code(&text(state)), "STACK_OPERATION_IN_PROGRESS", "{state}");
        }
    }

    #[test]
    fn what_a_custom_resource_or_hook_quotes_is_not_the_cause() {
        let custom = |inner: &str| {
            format!("Received response status [FAILED] from custom resource. Message returned: {inner} (RequestId: x).")
        };
        for inner in [
            "Rate exceeded",
            "User: a is not authorized to perform: s3:GetObject",
            "X already exists",
            "not authorized to perform: sts:AssumeRole",
            "hook(s) failed: [A::B::Hook]",
        ] {
            assert_eq!(code(&custom(inner)), "CUSTOM_RESOURCE_FAILED", "{inner}");
        }
        assert_eq!(code(&custom("denied with an explicit deny in a service control policy")), "SCP_EXPLICIT_DENY");
        assert_eq!(code("The following hook(s) failed: [A::B::Hook]: 1 validation error detected"), "HOOK_FAILED");
        let stream = "2022/06/17/[$LATEST]128be64879a64b03a1bb02f4e84f679f";
        assert_eq!(
            classify_text(&custom(&format!("See the details in CloudWatch Log Stream: {stream}"))).named,
            [stream]
        );
    }

    #[test]
    fn what_is_only_summed_up_is_in_the_events_of_the_stack() {
        let looked_up = |text: &str| is_in_stack_events(code(text), Some(text));
        for text in [
            "",
            "Zephyr",
            "Validation failed with 2 error(s)",
            "The following resource(s) failed to create: [Logging]. Rollback requested by user.",
            "Embedded stack arn:aws:cloudformation:us-east-2:1:stack/a/b was not successfully created: Validation failed for following resources: [LambdaRole]",
            "ResourceLogicalId:Vpc, ResourceType:AWS::CloudFormation::Stack, ResourceStatusReason:Rate exceeded.",
            "Received response status [FAILED] from custom resource. Message returned: no",
            "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.",
        ] {
            assert!(looked_up(text), "{text}");
        }
        assert!(is_in_stack_events("CAUSE_NOT_REPORTED", None));
        for text in [
            "Rate exceeded",
            "Role X already exists",
            "ResourceLogicalId:Set, ResourceType:AWS::CloudFormation::StackSet, ResourceStatusReason:Rate exceeded.",
        ] {
            assert!(!looked_up(text), "{text}");
        }
    }

    #[test]
    fn deciding_words_may_stand_at_the_very_end() {
        let text = format!(
            "User: x is not authorized to perform: s3:PutObject on resource: \"{}\" with an explicit deny in a service control policy..",
            "y".repeat(5000)
        );
        assert_eq!(code(&text), "SCP_EXPLICIT_DENY");
    }

    #[test]
    fn closing_stops_change_nothing() {
        for end in ["", ".", "..", ").", ")..", "\n"] {
            assert_eq!(code(&format!("No updates are to be performed{end}")), "NO_CHANGES");
            assert_eq!(
                code(&format!("Boo (Service: X, Status Code: 400, HandlerErrorCode: AlreadyExists{end}")),
                "RESOURCE_ALREADY_EXISTS"
            );
        }
    }

    #[test]
    fn codes_decide_only_where_the_text_says_nothing() {
        let handler = |text: &str, code: &str| {
            format!("Resource handler returned message: \"{text}\" (RequestToken: x, HandlerErrorCode: {code})")
        };
        for (word, wanted) in [
            ("AlreadyExists", "RESOURCE_ALREADY_EXISTS"),
            ("ServiceLimitExceeded", "SERVICE_QUOTA_EXCEEDED"),
            ("Throttling", "THROTTLING"),
            ("NotStabilized", "RESOURCE_NOT_STABILIZED"),
            ("AccessDenied", "ACCESS_DENIED"),
            ("InvalidCredentials", "ACCESS_DENIED"),
            ("InvalidRequest", "RESOURCE_PROPERTY_INVALID"),
            ("NotUpdatable", "RESOURCE_PROPERTY_INVALID"),
            ("NotFound", "DEPENDENCY_NOT_FOUND"),
            ("ServiceInternalError", "AWS_INTERNAL_FAILURE"),
            ("InternalFailure", "AWS_INTERNAL_FAILURE"),
            ("NetworkFailure", "AWS_INTERNAL_FAILURE"),
            ("ResourceConflict", "STACK_OPERATION_IN_PROGRESS"),
        ] {
            assert_eq!(code(&handler("null", word)), wanted, "{word}");
            assert_eq!(code(&handler("X has been taken in this account", word)), "RESOURCE_ALREADY_EXISTS", "{word}");
        }
        assert_eq!(code(&handler("null", "GeneralServiceException")), "CAUSE_NOT_REPORTED");
        assert_eq!(code(&handler("Zephyr", "GeneralServiceException")), "UNKNOWN");
        assert_eq!(code("Zephyr (Service: X; Status Code: 503; Error Code: Y; Request ID: z)"), "AWS_INTERNAL_FAILURE");
    }

    #[test]
    fn names_are_no_words() {
        for name in [
            "my-quota-topic",
            "throttled-forbidden-queue",
            "QuotaTopic",
            "/x/access-denied/y",
            "arn:aws:sns:us-east-1:123456789012:quota",
        ] {
            assert_eq!(code(&format!("{name} already exists")), "RESOURCE_ALREADY_EXISTS", "{name}");
        }
    }

    #[test]
    fn the_resource_is_split_from_the_text() {
        let cause = classify_text(
            "ResourceLogicalId:Role, ResourceType:AWS::IAM::Role, ResourceStatusReason:Role X already exists in stack arn:aws:cloudformation:us-east-1:123456789012:stack/S/8f083a20-2c23-11ea-a185-0a6046b66d41.",
        );
        assert_eq!(
            cause.resource.unwrap(),
            Resource { logical_id: "Role".into(), resource_type: "AWS::IAM::Role".into() }
        );
        assert_eq!(
            cause.named,
            ["arn:aws:cloudformation:us-east-1:123456789012:stack/S/8f083a20-2c23-11ea-a185-0a6046b66d41"]
        );
    }
}
