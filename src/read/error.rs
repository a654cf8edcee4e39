//! An answer of the SDK that is an error -> what could not be read, and what to try.

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;

use crate::aws;
use crate::error::{ReadError, ReadErrorCause};
use crate::operation::CallAs;

/// What was asked of CloudFormation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Describe,
    ListResults,
    ListOperations,
    ListStackSets,
    ListStackInstances,
}

impl Action {
    /// The permission that it needs, and on what.
    fn permission(self) -> &'static str {
        match self {
            Self::Describe => "cloudformation:DescribeStackSetOperation on this stack set",
            Self::ListResults => "cloudformation:ListStackSetOperationResults on this stack set",
            Self::ListOperations => "cloudformation:ListStackSetOperations on this stack set",
            Self::ListStackInstances => "cloudformation:ListStackInstances on this stack set",
            Self::ListStackSets => "cloudformation:ListStackSets on *",
        }
    }
}

/// CloudFormation refused, or did not answer. `subject` says what could not be done.
pub(super) fn refused<E>(subject: String, action: Action, call_as: CallAs, error: &SdkError<E>) -> ReadError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    let text = format!("{subject}: {}", aws::cause(error));
    let other = match call_as {
        CallAs::SelfAccount => CallAs::DelegatedAdmin,
        CallAs::DelegatedAdmin => CallAs::SelfAccount,
    };
    let Some(code) = aws::code(error).map(|code| code.trim_end_matches("Exception").to_owned()) else {
        return ReadError::broken(text);
    };
    let advice = match code.as_str() {
        "StackSetNotFound" => format!(
            "try {} (CALL_AS, or callAs of a manual request), which sees other stack sets, and check that the stack set still exists in this Region",
            other.as_str()
        ),
        "OperationNotFound" => "check the operation id, old operations are no longer listed".to_owned(),
        "ValidationError" if text.contains("not a delegated administrator") => {
            "register this account as delegated administrator for StackSets and allow \
             organizations:ListDelegatedAdministrators, or read as SELF (CALL_AS, or callAs of a manual request)"
                .to_owned()
        }
        "AccessDenied" => format!("the function's role needs {}", action.permission()),
        _ => return ReadError::new(text, ReadErrorCause::Refused { code }),
    };
    ReadError::new(text, ReadErrorCause::Refused { code }).with_advice(advice)
}
