//! What an account gate's answer means.
//!
//! The gate is the function `AWSCloudFormationStackSetAccountGate` in the target account and Region. Only a
//! refusal stops a target. With `NOT_CONFIGURED` and `NOT_INVOKABLE` the operation goes on without the check.

use super::cause::Code;
use super::classify_text;
use crate::operation::{GateStatus, TargetResult};

/// What the account gate answered for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateMeaning {
    /// The gate let the target pass.
    Passed,
    /// The gate refused; the target failed because of it.
    Refused,
    /// There is no gate; the target went on.
    NotConfigured,
    /// There is a gate, but it could not be invoked; the target went on unchecked.
    NotInvokable,
    /// No action was necessary, or none was possible.
    NoAction,
    /// CloudFormation could not enter the account to invoke the gate.
    NotReached,
    /// The row carries no answer.
    Absent,
    /// An answer that this version does not know.
    Unrecognized,
}

impl GateMeaning {
    /// Whether the account gate was skipped: the target went on although no gate let it pass.
    pub fn is_skipped(self) -> bool {
        matches!(self, Self::NotConfigured | Self::NotInvokable)
    }

    /// The public word for the meaning.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Refused => "REFUSED",
            Self::NotConfigured => "NOT_CONFIGURED",
            Self::NotInvokable => "NOT_INVOKABLE",
            Self::NoAction => "NO_ACTION",
            Self::NotReached => "NOT_REACHED",
            Self::Absent => "ABSENT",
            Self::Unrecognized => "UNRECOGNIZED",
        }
    }
}

/// What the account gate answered for `result`.
pub fn gate_meaning(result: &TargetResult) -> GateMeaning {
    gate_meaning_by(result, |text| classify_text(text).code)
}

/// The same as [`gate_meaning`], where texts were classified before: `code_of` gives the code of a text.
pub fn gate_meaning_by(result: &TargetResult, code_of: impl FnOnce(&str) -> Code) -> GateMeaning {
    let Some(gate) = &result.gate else {
        return GateMeaning::Absent;
    };
    let reason = gate.reason.as_deref().unwrap_or_default().trim();
    match &gate.status {
        None if reason.is_empty() => GateMeaning::Absent,
        Some(GateStatus::Succeeded) => GateMeaning::Passed,
        Some(GateStatus::Failed) => failed(result, reason, code_of),
        None | Some(GateStatus::Skipped) => skipped(result, reason, code_of),
        Some(GateStatus::Other(_)) => GateMeaning::Unrecognized,
    }
}

fn failed(result: &TargetResult, reason: &str, code_of: impl FnOnce(&str) -> Code) -> GateMeaning {
    if never_reached(result, code_of(reason)) {
        return GateMeaning::NotReached;
    }
    match missing_gate(reason) {
        // A missing gate cannot refuse, and this target did not go on either.
        Some(_) => GateMeaning::Unrecognized,
        None => GateMeaning::Refused,
    }
}

fn skipped(result: &TargetResult, reason: &str, code_of: impl FnOnce(&str) -> Code) -> GateMeaning {
    if let Some(meaning) = missing_gate(reason) {
        return meaning;
    }
    if repeats_row(result) || never_reached(result, code_of(reason)) {
        return GateMeaning::NotReached;
    }
    let reason = reason.to_ascii_lowercase();
    // No public text is known for it; these are the words of the documentation:
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_AccountGateResult.html
    let no_action = ["no action", "not necessary", "not required", "not needed", "not possible", "no updates"];
    if no_action.iter().any(|words| reason.contains(words)) {
        return GateMeaning::NoAction;
    }
    GateMeaning::Unrecognized
}

/// Whether the gate's function does not exist, or may not be invoked.
fn missing_gate(reason: &str) -> Option<GateMeaning> {
    let reason = reason.to_ascii_lowercase();
    if !reason.contains("accountgate") {
        return None;
    }
    if ["not found", "does not exist", "doesn't exist"].iter().any(|words| reason.contains(words)) {
        return Some(GateMeaning::NotConfigured);
    }
    let denied = ["insufficient permission", "not authorized", "access denied", "permissions to invoke"];
    denied.iter().any(|words| reason.contains(words)).then_some(GateMeaning::NotInvokable)
}

/// Whether the gate's reason, which has the code `code`, means that the account could not be entered at all.
fn never_reached(result: &TargetResult, code: Code) -> bool {
    matches!(code, Code::ExecutionRoleNotAssumable | Code::AdministrationRoleNotAssumable)
        || matches!(code, Code::AccountSuspended | Code::RegionNotEnabled) && repeats_row(result)
}

/// Whether the gate's reason repeats the row's own.
pub(super) fn repeats_row(result: &TargetResult) -> bool {
    let gate = result.gate.as_ref().and_then(|gate| gate.reason.as_deref()).filter(|reason| !reason.trim().is_empty());
    gate.zip(result.reason.as_deref()).is_some_and(|(gate, row)| same_text(gate, row))
}

/// Whether two reasons are the same but for the full stop that StackSets adds to some.
fn same_text(one: &str, other: &str) -> bool {
    let bare = |text: &'_ str| text.trim().trim_end_matches('.').len();
    one.trim().get(..bare(one)) == other.trim().get(..bare(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Gate, ResultStatus};

    const ROLE: &str =
        "Account 111122223333 should have 'Execution' role with trust relationship to Role 'Administration'.";
    const NO_FUNCTION: &str =
        "Function not found: arn:aws-cn:lambda:cn-north-1:111122223333:function:AWSCloudFormationStackSetAccountGate";

    fn row(status: &str, reason: Option<&str>, gate: Option<(Option<&str>, Option<&str>)>) -> TargetResult {
        TargetResult {
            status: Some(ResultStatus::from(status)),
            reason: reason.map(str::to_owned),
            gate: gate.map(|(status, reason)| Gate {
                status: status.map(GateStatus::from),
                reason: reason.map(str::to_owned),
            }),
            ..TargetResult::default()
        }
    }

    fn meaning(status: &str, reason: Option<&str>, gate: (Option<&str>, Option<&str>)) -> GateMeaning {
        gate_meaning(&row(status, reason, Some(gate)))
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let (skipped, failed) = (Some("SKIPPED"), Some("FAILED"));
        assert_eq!(meaning("SUCCEEDED", None, (Some("SUCCEEDED"), None)), GateMeaning::Passed);
        assert_eq!(meaning("FAILED", None, (failed, Some("Freeze until Monday"))), GateMeaning::Refused);
        assert_eq!(meaning("FAILED", Some("Freeze"), (failed, Some("Freeze."))), GateMeaning::Refused);
        assert_eq!(meaning("SUCCEEDED", None, (skipped, Some(NO_FUNCTION))), GateMeaning::NotConfigured);
        let older = "AWSCloudFormationStackSetAccountGate function not found.";
        assert_eq!(meaning("SUCCEEDED", None, (skipped, Some(older))), GateMeaning::NotConfigured);
        let denied = "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate";
        assert_eq!(meaning("FAILED", Some("x"), (skipped, Some(denied))), GateMeaning::NotInvokable);
        assert_eq!(meaning("SUCCEEDED", None, (skipped, Some("No action necessary"))), GateMeaning::NoAction);
        assert_eq!(gate_meaning(&row("CANCELLED", None, None)), GateMeaning::Absent);
        assert_eq!(meaning("PENDING", None, (None, None)), GateMeaning::Absent);
    }

    #[test]
    fn a_gate_in_an_account_that_cannot_be_entered_was_not_reached() {
        for status in ["SKIPPED", "FAILED"] {
            assert_eq!(meaning("FAILED", Some(ROLE), (Some(status), Some(ROLE))), GateMeaning::NotReached);
            assert_eq!(meaning("FAILED", None, (Some(status), Some(ROLE))), GateMeaning::NotReached);
        }
        assert_eq!(meaning("FAILED", Some("Odd."), (Some("SKIPPED"), Some("Odd"))), GateMeaning::NotReached);
    }

    #[test]
    fn what_is_unknown_or_contradicts_itself_is_unrecognized() {
        assert_eq!(meaning("FAILED", None, (Some("FAILED"), Some(NO_FUNCTION))), GateMeaning::Unrecognized);
        assert_eq!(meaning("SUCCEEDED", None, (Some("SKIPPED"), None)), GateMeaning::Unrecognized);
        assert_eq!(meaning("SUCCEEDED", None, (Some("SKIPPED"), Some("Ünlesbar"))), GateMeaning::Unrecognized);
        assert_eq!(meaning("SUCCEEDED", None, (Some("DEFERRED"), None)), GateMeaning::Unrecognized);
    }
}
