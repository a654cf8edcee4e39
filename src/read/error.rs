//! Why CloudFormation could not be read.

use std::fmt;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;

use crate::aws;
use crate::operation::CallAs;

/// What was asked of CloudFormation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Describe,
    ListResults,
    ListOperations,
    ListStackSets,
}

impl Action {
    /// The permission that it needs, and on what.
    fn permission(self) -> &'static str {
        match self {
            Self::Describe => "cloudformation:DescribeStackSetOperation on this stack set",
            Self::ListResults => "cloudformation:ListStackSetOperationResults on this stack set",
            Self::ListOperations => "cloudformation:ListStackSetOperations on this stack set",
            Self::ListStackSets => "cloudformation:ListStackSets on *",
        }
    }
}

/// What could not be read, why, and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    text: String,
    cause: ReadErrorCause,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadErrorCause {
    /// CloudFormation answered with this error code.
    Refused {
        /// The code, without the suffix `Exception` that not every answer has.
        code: String,
    },
    /// There was no answer that could be understood: the network, a cut body, a broken chain of pages.
    NoAnswer,
    /// The function's time ran out.
    OutOfTime,
}

impl ReadError {
    /// CloudFormation refused, or did not answer. `subject` says what could not be done.
    pub(super) fn refused<E>(subject: String, action: Action, call_as: CallAs, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E>: RequestId,
    {
        let mut text = format!("{subject}: {}", aws::cause(error));
        let other = match call_as {
            CallAs::SelfAccount => CallAs::DelegatedAdmin,
            CallAs::DelegatedAdmin => CallAs::SelfAccount,
        };
        let Some(code) = aws::code(error).map(|code| code.trim_end_matches("Exception").to_owned()) else {
            return Self { text, cause: ReadErrorCause::NoAnswer };
        };
        match code.as_str() {
            "StackSetNotFound" => text.push_str(&format!(
                "; try {} (CALL_AS, or callAs of a manual request), which sees other stack sets, and check that the stack set still exists in this Region",
                other.as_str()
            )),
            "OperationNotFound" => text.push_str("; check the operation id, old operations are no longer listed"),
            "ValidationError" if text.contains("not a delegated administrator") => text.push_str(
                "; register this account as delegated administrator for StackSets and allow \
                 organizations:ListDelegatedAdministrators, or read as SELF (CALL_AS, or callAs of a manual request)",
            ),
            "AccessDenied" => text.push_str(&format!("; the function's role needs {}", action.permission())),
            _ => {}
        }
        Self { text, cause: ReadErrorCause::Refused { code } }
    }

    /// The function's time ran out. `subject` says what could not be done.
    pub(crate) fn out_of_time(subject: &str) -> Self {
        Self { text: format!("{subject}: the function's time ran out"), cause: ReadErrorCause::OutOfTime }
    }

    /// The answers make no sense; the text says what could not be done, and why.
    pub(super) fn broken(text: String) -> Self {
        Self { text, cause: ReadErrorCause::NoAnswer }
    }

    /// Why it could not be read.
    pub fn cause(&self) -> &ReadErrorCause {
        &self.cause
    }

    /// Whether there is no such stack set, or it is not visible in the capacity that was read in.
    pub fn is_stack_set_not_found(&self) -> bool {
        matches!(&self.cause, ReadErrorCause::Refused { code } if code == "StackSetNotFound")
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ReadError {}
