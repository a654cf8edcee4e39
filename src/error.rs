//! What can go wrong, by step; every text reads `could not <do> <what>: <cause>`.

use std::fmt;

use crate::operation::OperationRef;

/// An error of one step of the flow.
///
/// Lambda shows [`Error::kind`] as `errorType` and the [`Display`](fmt::Display) text as
/// `errorMessage`. Both hold no secret and no event body.
#[derive(Clone)]
pub enum Error {
    /// A setting is missing or wrong. The function does not start, or, without a ledger, does not sweep.
    Config(String),
    /// A terminal operation event or a manual request does not name what to report.
    Event(String),
    /// CloudFormation could not be read.
    Read(ReadError),
    /// The report could not be turned into a message.
    Render(String),
    /// SNS did not take the message.
    Publish(String),
    /// The ledger gave no answer or refused. A report of an event goes out all the same; a sweep fails.
    Ledger(String),
    /// Another invocation is reporting the same operation; the event is to be tried again.
    InProgress(Box<InProgress>),
}

/// A report that another invocation is working on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InProgress {
    /// Stack set, `name:uuid`.
    pub stack_set: String,
    /// Operation id.
    pub operation_id: String,
    /// When that invocation's claim runs out unless it is renewed, RFC 3339.
    pub until: String,
}

impl InProgress {
    /// Another invocation is reporting this operation.
    pub(crate) fn of(operation: &OperationRef, until: String) -> Self {
        let (stack_set, operation_id) = (operation.stack_set.api_name(), operation.operation_id.clone());
        Self { stack_set, operation_id, until }
    }
}

impl fmt::Display for InProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack_set, operation_id, until } = self;
        write!(
            f,
            "could not report operation {operation_id} of stack set {stack_set}: another invocation is reporting it; if \
             that fails, the next try can take over at {until}"
        )
    }
}

impl Error {
    /// Stable name of the step that failed, for alarms and `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config(_) => "ConfigError",
            Self::Event(_) => "EventError",
            Self::Read(_) => "ReadError",
            Self::Render(_) => "RenderError",
            Self::Publish(_) => "PublishError",
            Self::Ledger(_) => "LedgerError",
            Self::InProgress(_) => "InProgressError",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Event(text) | Self::Render(text) | Self::Publish(text) | Self::Ledger(text) => {
                f.write_str(text)
            }
            Self::Read(error) => error.fmt(f),
            Self::InProgress(other) => other.fmt(f),
        }
    }
}

/// Reads like the display text: an `Err` out of `main` is printed by its `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.kind())
    }
}

impl std::error::Error for Error {}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// What could not be read, why, and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    text: String,
    advice: Option<String>,
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
    /// There was no answer in time.
    OutOfTime,
}

impl ReadError {
    /// `text` says what could not be done, and why.
    pub(crate) fn new(text: String, cause: ReadErrorCause) -> Self {
        Self { text, advice: None, cause }
    }

    /// Adds what whoever deployed the function can try.
    pub(crate) fn with_advice(self, advice: String) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// There was no answer in time. `subject` says what could not be done.
    pub fn out_of_time(subject: &str) -> Self {
        Self::new(format!("{subject}: the function's time ran out"), ReadErrorCause::OutOfTime)
    }

    /// The answers make no sense; the text says what could not be done, and why.
    pub(crate) fn broken(text: String) -> Self {
        Self::new(text, ReadErrorCause::NoAnswer)
    }

    /// Why it could not be read.
    pub fn cause(&self) -> &ReadErrorCause {
        &self.cause
    }

    /// What could not be done, and why, without what to try: that differs for others than the function.
    pub fn without_advice(&self) -> &str {
        &self.text
    }

    /// Whether stack sets cannot be read as delegated administrator because the account is none.
    pub fn is_not_delegated_administrator(&self) -> bool {
        matches!(&self.cause, ReadErrorCause::Refused { code } if code == "ValidationError")
            && self.text.contains("not a delegated administrator")
    }

    /// Whether there is no such stack set, or it is not visible in the capacity that was read in.
    pub fn is_stack_set_not_found(&self) -> bool {
        matches!(&self.cause, ReadErrorCause::Refused { code } if code == "StackSetNotFound")
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.advice.iter().try_for_each(|advice| write!(f, "; {advice}"))
    }
}

impl std::error::Error for ReadError {}
