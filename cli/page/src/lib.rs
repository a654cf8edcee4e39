//! The report as one self-contained HTML page.
//!
//! Summary, causes and commands are in the markup, which needs no script. The script draws the matrix of accounts by
//! Regions from JSON, and sets every text as text. The page loads nothing, and its policy admits no style or script but
//! its own.

mod matrix;
pub mod row;
pub mod rows;

pub use askama::Error;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use stackset_notifier::classify::{Basis, RetryHelps};
use stackset_notifier::render::wording;
use stackset_notifier::report::{Cause, Group, Outcome, Report, Severity, When};

use crate::row::Row;
use matrix::{Mark, Matrix};

const STYLE: &str = include_str!("../templates/page.css");
const SCRIPT: &str = include_str!("../templates/page.js");
/// Distinct texts shown of one cause.
const GROUPS_SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    report: &'a Report,
    matrix: Matrix,
    policy: String,
    style: &'static str,
    script: &'static str,
    severity: &'static str,
    headline: &'a str,
    numbers: String,
    facts: Vec<String>,
    console_url: Option<&'a str>,
    bar: Vec<Segment>,
    warning: Option<String>,
    remarks: Vec<String>,
    nothing_to_do: bool,
    to_run: Vec<String>,
    owners: Vec<OwnerCauses<'a>>,
    entries: Vec<Entry<'a>>,
}

/// A part of the bar that shows the counts, in thousandths.
struct Segment {
    class: &'static str,
    from: u64,
    width: u64,
}

struct OwnerCauses<'a> {
    name: &'static str,
    causes: Vec<CauseView<'a>>,
}

struct CauseView<'a> {
    mark: Mark,
    cause: &'a Cause,
    targets: String,
    reach: String,
    guess: &'static str,
    retry: &'static str,
    sample: String,
    steps: Vec<String>,
    texts: Vec<TextView<'a>>,
    more: Option<String>,
}

/// One of the distinct texts of a cause.
struct TextView<'a> {
    head: String,
    sample: String,
    remarks: Vec<String>,
    stacks: Vec<(String, &'a str)>,
}

/// Commands that belong together.
struct Entry<'a> {
    when: String,
    what: String,
    commands: Vec<&'a str>,
}

/// Renders the page of a report and all its targets.
///
/// # Errors
/// If the template cannot be rendered.
pub fn page(report: &Report, rows: &[Row]) -> Result<String, Error> {
    let by_owner = wording::by_owner(report);
    let codes: Vec<&'static str> =
        by_owner.iter().flat_map(|(_, causes)| causes.iter().map(|(_, cause)| cause.code)).collect();
    let matrix = matrix::matrix(report, rows, &codes)?;
    let owners = by_owner.into_iter().map(|(name, causes)| OwnerCauses {
        name,
        causes: causes.into_iter().map(|(number, cause)| cause_view(cause, Mark::of_cause(number - 1))).collect(),
    });
    let (headline, numbers) = report.summary.split_once(": ").unwrap_or((&report.summary, ""));
    Page {
        report,
        matrix,
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        severity: match report.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        },
        headline,
        numbers: wording::sentence(numbers),
        facts: facts(report),
        console_url: report.operation.console_url.as_deref().filter(|url| url.starts_with("https://")),
        bar: bar(report),
        warning: warning(report),
        remarks: remarks(report),
        nothing_to_do: report.severity == Severity::Info && report.causes.is_empty(),
        to_run: to_run(report),
        owners: owners.collect(),
        entries: entries(report),
    }
    .render()
}

/// Admits the page's own style and script by their hashes, and nothing else.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// When and where.
fn facts(report: &Report) -> Vec<String> {
    let operation = &report.operation;
    let seconds = operation.duration_seconds.or(report.in_progress.as_ref().and_then(|progress| progress.seconds));
    let took =
        |word: &str| seconds.map(|seconds| format!(" {word} {}", wording::duration(seconds))).unwrap_or_default();
    let time = match (&operation.ended_at, &operation.started_at) {
        (Some(end), _) => Some(format!("Ended {}{}", wording::time(end), took("after"))),
        (None, Some(start)) => Some(format!("Started {}{}", wording::time(start), took("and has run for"))),
        (None, None) => None,
    };
    let set = &report.stack_set;
    let account = set.account.as_deref().map(|account| format!("Account {}", wording::plain(account)));
    let region = set.region.as_deref().map(wording::plain);
    let place: Vec<String> = [account, region].into_iter().flatten().collect();
    let place = Some(place.join(", ")).filter(|place| !place.is_empty());
    let id = Some(wording::plain(&operation.id)).filter(|id| !id.is_empty()).map(|id| format!("Operation {id}"));
    [time, place, id].into_iter().flatten().collect()
}

fn bar(report: &Report) -> Vec<Segment> {
    let counts = &report.counts;
    let parts = [
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.other, "other"),
        (counts.running + counts.pending, "pending"),
        (counts.succeeded, "succeeded"),
    ];
    let mut before = 0;
    let mut segments = Vec::new();
    for (n, class) in parts.into_iter().filter(|(n, _)| *n > 0) {
        let at = |n: u64| n * 1_000 / counts.total.max(1);
        // A few of many are seen too.
        let (from, to) = (at(before), at(before + n).max(at(before) + 4));
        segments.push(Segment { class, from, width: to - from });
        before += n;
    }
    segments
}

/// What a reader must know before believing the numbers.
fn warning(report: &Report) -> Option<String> {
    let missing = report.completeness.missing.as_deref()?;
    Some(format!("Incomplete: {}.", wording::plain(missing)))
}

/// What else there is to say of the whole operation.
fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    let reason = report.operation.status_reason.as_deref();
    remarks.extend(reason.map(|reason| format!("CloudFormation says: {}", wording::plain(reason))));
    remarks.extend(wording::where_now(report));
    remarks.extend(wording::stuck(report));
    remarks.extend(wording::next_in_progress(report).map(str::to_owned));
    remarks.extend(wording::compared(report));
    let drift = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty());
    remarks.extend(drift.map(|drift| format!("Drift: {drift}.")));
    if report.collateral.count() > 0 {
        remarks.push(format!("Cancelled before they started: {}.", wording::cancelled(&report.collateral)));
    }
    if report.account_gate.skipped.count > 0 {
        remarks.push(format!("{} skipped their account gate.", wording::targets(report.account_gate.skipped.count)));
    }
    remarks
}

/// What the commands are for, in a line for each time to run them.
fn to_run(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (when, text) in [
        (When::Now, if report.outcome == Outcome::Stopped { "Now, if it is still wanted" } else { "Now" }),
        (When::AfterFix, "Once the causes are fixed"),
        (When::WhenEnded, "Once the operation has ended"),
    ] {
        let entries = || report.retry.plan.iter().filter(|entry| entry.when == when);
        let targets: u64 = entries().map(|entry| entry.targets).sum();
        let commands: u64 = entries().map(|entry| entry.commands.len() as u64).sum();
        if commands > 0 {
            let commands = wording::count(commands, "command", "commands");
            lines.push(format!("{text}: {commands} for {}", wording::targets(targets)));
        }
    }
    lines
}

fn cause_view(cause: &Cause, mark: Mark) -> CauseView<'_> {
    let hidden = cause.groups.len().saturating_sub(GROUPS_SHOWN) as u64 + cause.groups_omitted.groups;
    let steps = [cause.details.clone(), wording::or_owner(cause).unwrap_or_default().to_owned()];
    CauseView {
        mark,
        cause,
        targets: wording::targets(cause.count),
        reach: format!(
            "{}, {}",
            wording::count(cause.accounts, "account", "accounts"),
            wording::count(cause.regions, "Region", "Regions")
        ),
        guess: wording::probably(cause),
        retry: retry_words(cause.retry_helps.map(RetryHelps::as_str)),
        sample: cause.groups.first().map(wording::sample).unwrap_or_default(),
        steps: steps.iter().map(|step| wording::plain(step)).filter(|step| !step.is_empty()).collect(),
        texts: cause.groups.iter().take(GROUPS_SHOWN).map(text_view).collect(),
        more: (hidden > 0)
            .then(|| format!("and {}, in the table below", wording::count(hidden, "more text", "more texts"))),
    }
}

/// Whether a retry helps, in words; the document's word in.
fn retry_words(helps: Option<&str>) -> &'static str {
    match helps {
        Some("YES") => "Retry now",
        Some("NO") => "Fix it, then retry",
        Some(_) => "A retry helps sometimes",
        None => "",
    }
}

fn text_view(group: &Group) -> TextView<'_> {
    let head = [Some(wording::targets(group.count)), wording::resource(group)];
    let state = (group.basis == Basis::AccountState)
        .then(|| "AWS Organizations says that the account is suspended or closed.".to_owned());
    let gate = group.gate_reason.as_deref().map(|reason| format!("The gate said: {}", wording::plain(reason)));
    TextView {
        head: head.into_iter().flatten().collect::<Vec<_>>().join(", "),
        sample: wording::sample(group),
        remarks: [state, wording::read_in(group), gate].into_iter().flatten().collect(),
        stacks: group
            .stacks
            .iter()
            .filter_map(|stack| {
                let url = stack.console_url.as_deref().filter(|url| url.starts_with("https://"))?;
                Some((format!("Stack events in {}, {}", stack.account, stack.region), url))
            })
            .collect(),
    }
}

fn entries(report: &Report) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = report
        .retry
        .plan
        .iter()
        .map(|entry| Entry {
            when: wording::when(report, entry),
            what: wording::what_for(entry),
            commands: entry.commands.iter().map(String::as_str).collect(),
        })
        .collect();
    let drifted = report.operation.results_commands.iter().find(|command| command.status == Some("DRIFTED"));
    let others = [
        ("To list what drifted", drifted.map(|command| &command.command)),
        ("To find out who stopped it", report.operation.stopped_by_command.as_ref()),
        ("To stop it", report.in_progress.as_ref().and_then(|progress| progress.stop_command.as_ref())),
    ];
    entries.extend(others.into_iter().filter_map(|(when, command)| {
        Some(Entry { when: when.to_owned(), what: String::new(), commands: vec![command?] })
    }));
    entries
}
