//! What can go wrong, by step; every text reads `could not <do> <what>: <cause>`.

use std::fmt;

/// An error of one step of the flow.
///
/// Lambda shows [`Error::kind`] as `errorType` and the [`Display`](fmt::Display) text as
/// `errorMessage`. Both hold no secret and no event body.
#[derive(Clone)]
pub enum Error {
    /// A setting is missing or wrong. The function cannot start, or, with one of the sweep, cannot sweep.
    Config(String),
    /// A terminal operation event or a manual request does not name what to report.
    Event(String),
    /// CloudFormation could not be read.
    Read(String),
    /// There was not the time to read all results, and a later sweep may have more.
    OutOfTime(String),
    /// The report could not be turned into a message.
    Render(String),
    /// SNS did not take the message.
    Publish(String),
    /// The ledger gave no answer or refused. It keeps no message from going out.
    Ledger(String),
    /// Another invocation is about to tell the same; the event is to be tried again.
    InProgress(String),
}

impl Error {
    /// Stable name of the step that failed, for alarms and `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config(_) => "ConfigError",
            Self::Event(_) => "EventError",
            Self::Read(_) | Self::OutOfTime(_) => "ReadError",
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
            Self::Config(text)
            | Self::Event(text)
            | Self::Read(text)
            | Self::OutOfTime(text)
            | Self::Render(text)
            | Self::Publish(text)
            | Self::Ledger(text)
            | Self::InProgress(text) => f.write_str(text),
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
