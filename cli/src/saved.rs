//! Saved JSON of the AWS CLI -> results and the operation that they are of.

mod describe;
mod results;

use std::io::Read;
use std::path::Path;

use serde_json::error::Category;
use stackset_notifier::operation::{
    self, Operation, OperationRef, OperationStatus, Preferences, StackSetRef, TargetResult,
};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext, Retry};

use crate::args::{CallAsArg, OperationArgs, Saved};
use crate::error::Error;

/// What stands for the name of a stack set that nobody named.
const UNNAMED: &str = "(stack set unknown)";

/// Reads the saved files and builds the report; gives each result to `on_row`.
///
/// # Errors
/// [`Error::File`] and [`Error::Input`], which name the file and the position, and [`Error::Usage`] where the arguments
/// and the files are of two operations.
pub fn report(
    which: &OperationArgs,
    saved: &Saved,
    region: Option<String>,
    call_as: CallAsArg,
    mut on_row: impl FnMut(&TargetResult),
) -> Result<Report, Error> {
    let results_file = saved.results.as_deref().unwrap_or(Path::new("-"));
    if results_file.as_os_str() == "-" && saved.describe.as_deref() == Some(results_file) {
        return Err(Error::Usage(
            "could not read both --results and --describe from standard input: it can be read only once".to_owned(),
        ));
    }
    let described = saved.describe.as_deref().map(|file| describe::parse(file, &read(file)?)).transpose()?;
    let mut builder = ReportBuilder::new();
    let text = read(results_file)?;
    let has_more = results::parse(results_file, &text, |row| {
        on_row(&row);
        builder.add(row);
    })?;
    drop(text);
    let (is_described, described) = (described.is_some(), described.unwrap_or_else(|| guess(&builder)));
    let operation = named(which, &described, region)?;
    let is_named = operation.stack_set.name != UNNAMED && !operation.operation_id.is_empty();
    let unread = has_more.then_some("the last page has a NextToken, so later pages were not saved");
    let mut report = builder.build(&ReportContext {
        operation: &operation,
        call_as: call_as.to_try()[0],
        reader_account: None,
        described: &described.operation,
        expect_gate: ExpectGate::Never,
        unread,
        now: None,
    });
    if !is_described {
        let note = "The saved results do not say what the operation did: there is no retry plan without the saved \
                    output of describe-stack-set-operation (--describe FILE).";
        report.retry = Retry { note: Some(note.to_owned()), notes: vec![note.to_owned()], ..Retry::default() };
        report.operation.status = None;
        report.operation.stopped_by_command = None;
        if let Some(progress) = &mut report.in_progress {
            progress.stop_command = None;
        }
    }
    if !is_named {
        report.operation.results_commands.clear();
    }
    if operation.stack_set.region.is_empty() {
        report.operation.console_url = None;
    }
    if !report.retry.plan.is_empty() {
        let notes = unsaid(&operation, call_as).map(str::to_owned);
        report.retry.notes.extend(notes);
        report.retry.note = Some(report.retry.notes.join(" ")).filter(|note| !note.is_empty());
    }
    Ok(report)
}

/// What neither the arguments nor the files say, and the commands need.
fn unsaid(operation: &OperationRef, call_as: CallAsArg) -> impl Iterator<Item = &'static str> {
    let region = "The saved files do not name the Region, so the commands have none: give --region.";
    let capacity = "The saved files do not name the CallAs value, so the commands assume SELF: give --call-as if it is \
                    another.";
    let region = Some(region).filter(|_| operation.stack_set.region.is_empty());
    region.into_iter().chain(Some(capacity).filter(|_| call_as == CallAsArg::Auto))
}

/// An operation, and what names it.
struct Described {
    operation: Operation,
    /// `name:uuid` or the name.
    stack_set: Option<String>,
    operation_id: Option<String>,
}

/// Without a description the results decide how it ended.
fn guess(builder: &ReportBuilder) -> Described {
    let counts = builder.counts();
    let status = if counts.running + counts.pending > 0 {
        OperationStatus::Running
    } else if counts.failed + counts.cancelled > 0 {
        OperationStatus::Failed
    } else {
        OperationStatus::Succeeded
    };
    let operation = Operation {
        action: None,
        status,
        status_reason: None,
        failed_expected: None,
        totals: None,
        started_at: None,
        ended_at: None,
        organizational_units: Vec::new(),
        preferences: Preferences::default(),
        retain_stacks: None,
        drift: None,
    };
    Described { operation, stack_set: None, operation_id: None }
}

/// The operation as the arguments name it, or else the description.
fn named(which: &OperationArgs, described: &Described, region: Option<String>) -> Result<OperationRef, Error> {
    let given = which.stack_set.as_deref().or(described.stack_set.as_deref()).unwrap_or(UNNAMED);
    let mut stack_set = if given == UNNAMED { unnamed() } else { crate::live::stack_set(given)? };
    if stack_set.region.is_empty() {
        stack_set.region = region.unwrap_or_default();
    }
    if stack_set.partition.is_empty() {
        stack_set.partition = match stack_set.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
        .to_owned();
    }
    if let (Some(given), Some(saved)) = (&which.stack_set, &described.stack_set) {
        let of_description = crate::live::stack_set(saved)?;
        let is_other_id = stack_set.id.as_ref().zip(of_description.id.as_ref()).is_some_and(|(ours, its)| ours != its);
        if stack_set.name != of_description.name || is_other_id {
            let text = format!("could not report stack set {given}: the saved description is of {saved}");
            return Err(Error::Usage(text));
        }
        stack_set.id = stack_set.id.or(of_description.id);
    }
    if let Some(given) = &which.operation {
        if !operation::is_id(given) {
            return Err(Error::Usage(format!("could not report operation {given:?}: it is not an operation ID")));
        }
        if let Some(saved) = described.operation_id.as_ref().filter(|saved| *saved != given) {
            let text = format!("could not report operation {given}: the saved description is of {saved}");
            return Err(Error::Usage(text));
        }
    }
    let operation_id = which.operation.clone().or_else(|| described.operation_id.clone());
    Ok(OperationRef { stack_set, operation_id: operation_id.unwrap_or_default() })
}

fn unnamed() -> StackSetRef {
    StackSetRef { name: UNNAMED.to_owned(), id: None, partition: String::new(), region: String::new(), account: None }
}

/// The whole file, without a byte order mark.
fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        std::fs::read(file).map(|read| text = read)
    };
    read.map_err(|error| Error::file(file, &error))?;
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        let cause = "it is UTF-16, as PowerShell writes it: save it again with `| Out-File -Encoding utf8`".to_owned();
        return Err(Error::File { file: file.to_owned(), cause });
    }
    Ok(text)
}

/// What the JSON parser says, in words of the file.
fn input(file: &Path, command: &str, error: &serde_json::Error) -> Error {
    let what = match error.classify() {
        Category::Eof => format!("the file ends too early: it was cut, or the AWS CLI failed; save {command} again"),
        Category::Syntax => format!("it is not JSON ({}); save {command} with --output json", text_of(error)),
        Category::Data | Category::Io => text_of(error),
    };
    Error::Input { file: file.to_owned(), line: error.line(), column: error.column(), problem: what }
}

/// Without the position, which stands elsewhere.
fn text_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned()
}
