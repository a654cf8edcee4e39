//! The command line -> what it asks for, and the exit code.

use std::io::{ErrorKind, Write};

use clap::CommandFactory;
use stackset_notifier::operation::OperationRef;
use stackset_notifier::render::wording;
use stackset_notifier::report::{Outcome, Report};
use tracing::info;

use crate::args::{self, Cli, Color, Command, Format, OperationArgs, Saved, Terminal};
use crate::client::configured_region;
use crate::error::Error;
use crate::live::{self, FoundOperation, Live};
use crate::output::{self, TextLayout};
use crate::progress::Progress;
use crate::rows::Rows;
use crate::{classify, log, ls, retry, saved, watch};

/// No target failed.
const NONE_FAILED: u8 = 0;
/// Targets failed or were cancelled.
const SOME_FAILED: u8 = 1;
/// Something is missing.
const INCOMPLETE: u8 = 3;

/// Runs a command and gives the exit code.
///
/// # Errors
/// [`Error`] that says what to try.
pub async fn run(cli: Cli) -> Result<u8, Error> {
    match cli.command {
        Command::Ls(args) => {
            log::init(&args.terminal);
            ls::run(&mut output::stdout(args.terminal.color), &args).await?;
            Ok(NONE_FAILED)
        }
        Command::Report(args) => report(&args).await,
        Command::Watch(args) => watch(&args).await,
        Command::Retry(args) => retry(&args).await,
        Command::Classify(args) => {
            classify::run(&mut output::stdout(args.terminal.color), &args.file, args.output)?;
            Ok(NONE_FAILED)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "stackset-report", &mut script);
            print(Color::Never, &script)?;
            Ok(NONE_FAILED)
        }
        Command::Man => {
            let mut page = Vec::new();
            let mut all = Cli::command();
            all.build();
            clap_mangen::Man::new(all.clone()).render(&mut page)?;
            for command in all.get_subcommands().filter(|command| !command.is_hide_set()) {
                clap_mangen::Man::new(command.clone()).render(&mut page)?;
            }
            print(Color::Never, &page)?;
            Ok(NONE_FAILED)
        }
    }
}

async fn report(args: &args::Report) -> Result<u8, Error> {
    log::init(&args.terminal);
    let format = args.output.format;
    // The page shows every target.
    let rows = Rows::new(args.all || format == Format::Html);
    let (report, rows) = if args.saved.results.is_some() {
        from_files(&args.which, &args.saved, &args.aws, rows, has_rows(format)).await?
    } else {
        let all = (args.all && has_rows(format)) || format == Format::Html;
        let live = Live::connect(&args.aws, args.which.stack_set.as_deref(), args.member_role.as_deref(), all).await?;
        let progress = Progress::new(&args.terminal, "looking for the operation");
        let found = find(&live, &args.which, &args.terminal, &progress).await.inspect_err(|_| progress.finish())?;
        live.report(found, rows, has_rows(format), progress).await?
    };
    write(&report, rows, format, args.accounts, args.terminal.color)
}

async fn watch(args: &args::Watch) -> Result<u8, Error> {
    log::init(&args.terminal);
    let format = args.output.format;
    let all = (args.all && has_rows(format)) || format == Format::Html;
    let live = Live::connect(&args.aws, Some(&args.stack_set), args.member_role.as_deref(), all).await?;
    let found = watch::follow(&live, args).await?;
    let progress = Progress::new(&args.terminal, "reading the results");
    let (report, rows) = live.report(found, Rows::new(all), has_rows(format), progress).await?;
    write(&report, rows, format, args.accounts, args.terminal.color)
}

async fn retry(args: &args::Retry) -> Result<u8, Error> {
    log::init(&args.terminal);
    if args.saved.results.is_some() && args.saved.describe.is_none() {
        return Err(Error::Usage(
            "could not plan a retry: the saved results do not say what the operation did\n  try: --describe FILE with \
             the saved output of describe-stack-set-operation"
                .to_owned(),
        ));
    }
    let report = if args.saved.results.is_some() {
        from_files(&args.which, &args.saved, &args.aws, Rows::default(), false).await?.0
    } else {
        let live =
            Live::connect(&args.aws, args.which.stack_set.as_deref(), args.member_role.as_deref(), false).await?;
        let progress = Progress::new(&args.terminal, "looking for the operation");
        let found = find(&live, &args.which, &args.terminal, &progress).await.inspect_err(|_| progress.finish())?;
        live.report(found, Rows::default(), false, progress).await?.0
    };
    unless_reader_has_gone(print(args.terminal.color, retry::script(&report).as_bytes()))?;
    Ok(exit_code(&report))
}

/// Whether an output has a row for each target.
fn has_rows(format: Format) -> bool {
    matches!(format, Format::Jsonl | Format::Csv | Format::Html)
}

async fn from_files(
    which: &OperationArgs,
    saved: &Saved,
    aws: &args::Aws,
    mut rows: Rows,
    keeps_rows: bool,
) -> Result<(Report, Rows), Error> {
    let region = configured_region(aws).await;
    let on_row = |row: &_| {
        if keeps_rows {
            rows.add_once(row);
        }
    };
    let report = saved::report(which, saved, region, aws.call_as, on_row)?;
    Ok((report, rows))
}

/// The operation that the arguments name, or the last one that had problems.
async fn find(
    live: &Live,
    which: &OperationArgs,
    terminal: &Terminal,
    progress: &Progress,
) -> Result<FoundOperation, Error> {
    let (set, operation) = match (&which.stack_set, &which.operation) {
        (Some(set), Some(operation)) => return live.find(live.stack_set(set)?, operation).await,
        (Some(set), None) => {
            let set = live.stack_set(set)?;
            let (call_as, operations) = live.operations(&set).await?;
            let last = live::last_with_problems(&operations).cloned();
            (set.clone(), last.map(|operation| (set, call_as, operation)))
        }
        (None, _) => {
            let listed = ls::stack_sets(live, "*", progress).await?;
            let of_set = |one: ls::StackSetOperations| {
                let last = live::last_with_problems(&one.operations)?.clone();
                Some((one.stack_set, one.call_as, last))
            };
            let mut last: Vec<_> = listed.into_iter().filter_map(of_set).collect();
            // Whatever had problems comes after what had none.
            last.sort_by_key(|(_, _, operation)| (live::has_problems(operation), operation.started_at));
            let last = last.pop();
            let Some((set, ..)) = &last else {
                return Err(Error::NothingToReport(format!(
                    "could not report anything: no stack set with an operation is visible in {}\n  try: another \
                     --region, --profile or --call-as",
                    live.identity.region
                )));
            };
            (set.clone(), last)
        }
    };
    let Some((stack_set, call_as, operation)) = operation else {
        return Err(Error::NothingToReport(format!("could not report stack set {set}: it has no operation")));
    };
    if !terminal.quiet && which.stack_set.is_none() {
        let what = if live::has_problems(&operation) { "the last one that had problems" } else { "none had problems" };
        let (name, id) = (wording::plain(&stack_set.name), wording::plain(&operation.id));
        progress.suspend(|| {
            let _ = writeln!(std::io::stderr(), "stack set {name}, operation {id}: {what}");
        });
    }
    info!(stack_set = stack_set.name, operation = operation.id, call_as = call_as.as_str(), "operation found");
    Ok(FoundOperation { operation: OperationRef { stack_set, operation_id: operation.id }, call_as })
}

fn write(report: &Report, rows: Rows, format: Format, accounts: bool, color: Color) -> Result<u8, Error> {
    let mut out = output::stdout(color);
    let look = TextLayout::of_stdout(accounts);
    unless_reader_has_gone(output::report(&mut out, format, report, |report| rows.join(report), look))?;
    Ok(exit_code(report))
}

/// Writes the whole output; what is not flushed would be lost without an error.
fn print(color: Color, text: &[u8]) -> Result<(), Error> {
    let mut out = output::stdout(color);
    out.write_all(text)?;
    out.flush()?;
    Ok(())
}

/// `head` closes its input when it has enough: the exit code is then still the report's.
fn unless_reader_has_gone(written: Result<(), Error>) -> Result<(), Error> {
    match written {
        Err(Error::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn exit_code(report: &Report) -> u8 {
    let failed = report.counts.failed.max(report.completeness.failed_expected.unwrap_or(0));
    if !report.completeness.complete || report.counts.other > 0 {
        INCOMPLETE
    } else if failed + report.counts.cancelled > 0 || matches!(report.outcome, Outcome::Failed | Outcome::Stopped) {
        SOME_FAILED
    } else {
        NONE_FAILED
    }
}
