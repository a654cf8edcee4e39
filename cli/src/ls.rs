//! Stack sets, their last operations, and how many targets failed.

use std::io::Write;

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use stackset_notifier::error::ReadError;
use stackset_notifier::operation::{CallAs, ListedOperation, StackSetRef};
use stackset_notifier::read::Next;
use stackset_notifier::render::wording;
use stackset_notifier::sweep::matches;

use crate::args;
use crate::error::Error;
use crate::live::{self, Live};
use crate::output::table::Table;
use crate::progress::Progress;

/// Stack sets whose operations are listed at the same time.
const AT_ONCE: usize = 4;

const HEADS: [&str; 7] = ["Stack set", "Operation", "Action", "Status", "Failed", "Started", "Ended"];
const KEYS: [&str; 8] = ["stackSet", "callAs", "operation", "action", "status", "failed", "startedAt", "endedAt"];

/// A stack set and its operations, the latest first.
pub struct StackSetOperations {
    /// The stack set.
    pub stack_set: StackSetRef,
    /// The capacity that sees it.
    pub call_as: CallAs,
    /// Its operations.
    pub operations: Vec<ListedOperation>,
}

/// Writes the list.
///
/// # Errors
/// [`Error::Read`] if the stack sets or their operations cannot be listed.
pub async fn run(out: &mut impl Write, args: &args::Ls) -> Result<(), Error> {
    let live = Live::connect(&args.aws, None, None, false).await?;
    let progress = Progress::new(&args.terminal, "listing the stack sets");
    let listed = stack_sets(&live, &args.pattern, &progress).await;
    progress.finish();
    let listed = listed?;
    if listed.is_empty() {
        let region = &live.identity.region;
        return Err(Error::NothingToReport(format!(
            "could not list anything: no stack set{} is visible in {region}\n  try: another --region, --profile or \
             --call-as",
            if args.pattern == "*" { String::new() } else { format!(" {}", args.pattern) }
        )));
    }
    table(&listed, args.all).write(out, args.output)
}

/// The stack sets whose names match, each with its operations.
///
/// # Errors
/// [`Error::Read`] if they cannot be listed.
pub async fn stack_sets(live: &Live, pattern: &str, progress: &Progress) -> Result<Vec<StackSetOperations>, Error> {
    let found = names(live, pattern).await?;
    let all = found.len();
    let read = |(stack_set, call_as): (StackSetRef, CallAs)| async move {
        let read = live::operations_as(live.reader(), &stack_set, call_as, live.deadline()).await;
        read.map(|operations| StackSetOperations { stack_set, call_as, operations })
            .map_err(|error| failed(live, call_as, error))
    };
    let mut listed = Vec::with_capacity(all);
    let mut reading = stream::iter(found).map(read).buffered(AT_ONCE);
    while let Some(one) = reading.next().await {
        match one {
            Ok(one) => listed.push(one),
            // It was deleted meanwhile.
            Err(Error::Read { error, .. }) if error.is_stack_set_not_found() => {}
            Err(error) => return Err(error),
        }
        progress.set_message(format!("{} of {}", listed.len(), wording::count(all as u64, "stack set", "stack sets")));
    }
    Ok(listed)
}

fn failed(live: &Live, call_as: CallAs, error: ReadError) -> Error {
    Error::Read { error, tried: vec![call_as], region: live.identity.region.clone() }
}

async fn names(live: &Live, pattern: &str) -> Result<Vec<(StackSetRef, CallAs)>, Error> {
    let mut found: Vec<(StackSetRef, CallAs)> = Vec::new();
    for (number, &call_as) in live.capacities().iter().enumerate() {
        let mut pages = live.reader().stack_sets(call_as);
        loop {
            let names = match pages.next(live.deadline()).await {
                Ok(Next::Page(names)) => names,
                Ok(Next::End) => break,
                Ok(Next::OutOfTime) => {
                    return Err(failed(live, call_as, ReadError::out_of_time("could not list the stack sets")));
                }
                // Most accounts are no delegated administrators.
                Err(error) if number > 0 && error.is_not_delegated_administrator() => break,
                Err(error) => return Err(failed(live, call_as, error)),
            };
            for name in names {
                let Ok(set) = live.stack_set(&name) else { continue };
                if matches(pattern, &set.name) && !found.iter().any(|(known, _)| *known == set) {
                    found.push((set, call_as));
                }
            }
        }
    }
    found.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    Ok(found)
}

fn table(listed: &[StackSetOperations], all: bool) -> Table {
    let mut table = Table { heads: HEADS.to_vec(), keys: KEYS.to_vec(), rows: Vec::new(), texts: Vec::new() };
    for StackSetOperations { stack_set, call_as, operations } in listed {
        let shown: Vec<Option<&ListedOperation>> = match operations.as_slice() {
            [] => vec![None],
            operations if all => operations.iter().map(Some).collect(),
            [last, ..] => vec![Some(last)],
        };
        for operation in shown {
            table.rows.push(record(&stack_set.name, *call_as, operation));
            table.texts.push(line(&stack_set.name, operation));
        }
    }
    table
}

fn record(name: &str, call_as: CallAs, operation: Option<&ListedOperation>) -> Vec<Value> {
    let at = |millis: Option<i64>| millis.and_then(wording::rfc3339);
    vec![
        json!(name),
        json!(call_as.as_str()),
        json!(operation.map(|operation| operation.id.as_str())),
        json!(operation.and_then(|operation| operation.action.as_deref())),
        json!(operation.map(|operation| operation.status.as_str())),
        json!(operation.and_then(|operation| operation.failed)),
        json!(operation.and_then(|operation| at(operation.started_at))),
        json!(operation.and_then(|operation| at(operation.ended_at))),
    ]
}

fn line(name: &str, operation: Option<&ListedOperation>) -> Vec<String> {
    let at =
        |millis: Option<i64>| millis.and_then(wording::rfc3339).map_or_else(|| "-".to_owned(), |at| wording::time(&at));
    let Some(operation) = operation else {
        let mut line = vec![wording::plain(name), "no operation".to_owned()];
        line.resize(HEADS.len(), String::new());
        return line;
    };
    vec![
        wording::plain(name),
        wording::plain(&operation.id),
        wording::plain(operation.action.as_deref().unwrap_or("-")),
        wording::status(operation.status.as_str()),
        operation.failed.map_or_else(|| "-".to_owned(), wording::number),
        at(operation.started_at),
        at(operation.ended_at),
    ]
}
