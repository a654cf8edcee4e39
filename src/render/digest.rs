//! Digest -> message: one line an operation in the email, one entry an operation in the document.

use serde::Serialize;

use super::email::Page;
use super::{
    Attribute, HttpsBody, HumanBodies, MESSAGE_LIMIT, Message, causes_attribute, chat, subject, truncation, unwritten,
    wording,
};
use crate::classify::{Owner, RetryHelps};
use crate::error::Error;
use crate::report::{
    Cause, Completeness, Counts, Digest, DigestCounts, Failure, InProgress, Outcome, Report, SCHEMA_VERSION, Severity,
    StackSetSummary,
};

/// Characters of one text.
const TEXT: usize = 200;
/// Causes named in one operation's line.
const CAUSES_IN_LINE: usize = 3;
/// Failures of the sweep that a message has.
const FAILURES_SHOWN: usize = 10;
/// Different next steps in the email.
const STEPS_IN_EMAIL: usize = 10;
/// Different next steps in chat.
const STEPS_IN_CHAT: usize = 3;
/// Characters of the chat's description.
const CHAT: usize = 1_200;

/// A message, and how much of the digest it names.
#[derive(Debug)]
pub struct DigestMessage {
    /// The message.
    pub message: Message,
    /// How many operations it names, from the first; both the email and the document do.
    pub named: usize,
}

/// The report with as much of it as a digest has: causes with a sample each, no targets.
pub fn brief(report: &Report) -> Report {
    truncation::brief(report)
}

/// Makes the message of a digest with as many operations as fit.
///
/// # Errors
/// [`Error::Render`] if not even one operation fits.
pub fn message(digest: &Digest, https: HttpsBody) -> Result<DigestMessage, Error> {
    let all = digest.operations.len();
    let whole = of_first(digest, all, https)?;
    if whole.size() <= MESSAGE_LIMIT {
        return Ok(DigestMessage { message: whole, named: all });
    }
    let (mut fits, mut too_many) = (None, all);
    let mut least = 0;
    while too_many > least + 1 {
        let middle = least.midpoint(too_many);
        let tried = of_first(digest, middle, https)?;
        if tried.size() <= MESSAGE_LIMIT {
            (least, fits) = (middle, Some(tried));
        } else {
            too_many = middle;
        }
    }
    fits.map(|message| DigestMessage { message, named: least }).ok_or_else(|| {
        Error::Render(format!("could not fit one operation of {all} into a digest: SNS takes {MESSAGE_LIMIT} bytes"))
    })
}

fn of_first(digest: &Digest, operations: usize, https: HttpsBody) -> Result<Message, Error> {
    let digest = &digest.of_first(operations);
    let subject = subject::cut(&headline(digest));
    let chat = (https == HttpsBody::Chat).then(|| serde_json::to_string(&notification(digest)).map_err(unwritten));
    let chat = chat.transpose()?;
    let bodies =
        HumanBodies { sms: subject.clone(), subject, email: email(digest), chat, attributes: attributes(digest) };
    bodies.message(&serde_json::to_string(&document(digest)).map_err(unwritten)?)
}

/// `DIGEST: 3 operations with problems, 5 targets failed, 1 in progress`.
fn headline(digest: &Digest) -> String {
    let counts = digest.counts();
    let operations = |n| wording::count(n, "operation", "operations");
    let what = match counts.with_problems {
        0 => format!("{}, no problems", operations(counts.operations)),
        n => format!("{} with problems", operations(n)),
    };
    let mut line = format!("DIGEST: {what}");
    if counts.targets_failed > 0 {
        line.push_str(&format!(", {} failed", wording::targets(counts.targets_failed)));
    }
    if counts.in_progress > 0 {
        line.push_str(&format!(", {} in progress", wording::number(counts.in_progress)));
    }
    if !digest.sweep.finished {
        line.push_str(" (incomplete)");
    }
    line
}

/// `Sweep of 2026-11-20 10:00 UTC: 41 of 41 stack sets.`
fn swept(digest: &Digest) -> String {
    let at =
        crate::numbers::rfc3339(digest.sweep.at).map(|at| format!(" of {}", wording::time(&at))).unwrap_or_default();
    format!(
        "Sweep{at}: {} of {}.",
        wording::number(digest.sweep.stack_sets_done),
        wording::count(digest.sweep.stack_sets, "stack set", "stack sets")
    )
}

/// What the next sweep will report, if there is anything.
fn unfinished(digest: &Digest) -> Option<String> {
    if digest.operations_omitted > 0 {
        let more = wording::count(digest.operations_omitted, "more operation", "more operations");
        return Some(format!("There was no room for {more}; the next digest has them."));
    }
    (!digest.sweep.finished).then(|| "INCOMPLETE: the next sweep reports what this one did not reach.".to_owned())
}

/// `FAILED baseline, UPDATE op-1: 3 of 40 targets failed (ACCESS_DENIED 2, THROTTLING 1)`.
fn line(report: &Report) -> String {
    let action = report.operation.action.as_deref().map_or_else(|| "operation".to_owned(), wording::plain);
    let is_stuck = report.in_progress.as_ref().is_some_and(|progress| progress.stuck_after_hours.is_some());
    let mut line = format!(
        "{} {}, {action} {}: {}",
        if is_stuck { "STUCK" } else { report.outcome.as_str() },
        wording::plain(&report.stack_set.name),
        wording::plain(&report.operation.id),
        report.how_bad()
    );
    let mut causes: Vec<String> = report
        .causes
        .iter()
        .take(CAUSES_IN_LINE)
        .map(|cause| format!("{}{} {}", wording::probably(cause), cause.code, wording::number(cause.count)))
        .collect();
    let more = report.causes.len().saturating_sub(CAUSES_IN_LINE);
    if more > 0 {
        causes.push(wording::count(more as u64, "more cause", "more causes"));
    }
    if !causes.is_empty() {
        line.push_str(&format!(" ({})", causes.join(", ")));
    }
    let queued =
        report.in_progress.as_ref().and_then(|progress| progress.queued.as_ref()).map_or(0, |queued| queued.count);
    if queued > 0 {
        line.push_str(&format!(", {} behind it", wording::count(queued, "operation waits", "operations wait")));
    }
    if !report.completeness.complete && report.in_progress.is_none() {
        line.push_str(", incomplete");
    }
    if let Some(attempt) = report.attempt.filter(|attempt| *attempt > 1) {
        line.push_str(&format!(", attempt {attempt}"));
    }
    line
}

/// The first of each cause's next steps, most failed targets first.
fn next_steps(digest: &Digest, most: usize) -> Vec<(&'static str, &str)> {
    let mut steps: Vec<(&'static str, &str)> = Vec::new();
    for cause in digest.operations.iter().flat_map(|report| &report.causes) {
        if steps.len() < most && !steps.iter().any(|(code, _)| *code == cause.code) {
            steps.push((cause.code, &cause.next_step));
        }
    }
    steps
}

fn failures(digest: &Digest) -> Vec<String> {
    let text = |failure: &Failure| wording::shorten(&wording::plain(&failure.error), TEXT).into_owned();
    let mut lines: Vec<String> = digest.failures.iter().take(FAILURES_SHOWN).map(text).collect();
    let more = digest.failures.len() as u64 + digest.failures_omitted - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {}, see the function's log", wording::count(more, "more failure", "more failures")));
    }
    lines
}

fn email(digest: &Digest) -> String {
    let mut page = Page::default();
    page.folded("", &headline(digest));
    page.folded("", &swept(digest));
    if let Some(line) = unfinished(digest) {
        page.folded("", &line);
    }
    page.gap();
    digest.operations.iter().for_each(|report| page.line(&line(report)));
    let steps = next_steps(digest, STEPS_IN_EMAIL);
    if !steps.is_empty() {
        page.gap();
        page.line("WHAT TO DO");
        for (code, step) in steps {
            page.folded("", &format!("{code}: {}", wording::plain(step)));
        }
    }
    let failures = failures(digest);
    if !failures.is_empty() {
        page.gap();
        page.line("NOT READ OR NOT REPORTED");
        failures.iter().for_each(|failure| page.folded("", failure));
    }
    page.paragraph(
        "",
        "For the whole report of an operation, invoke the function with its stack set and its id: \
         {\"stackSetName\": \"...\", \"operationId\": \"...\"}",
    );
    page.into_text()
}

/// The chat notification: as many operations as fit, and how many others the email has.
fn notification(digest: &Digest) -> chat::Notification {
    let at = crate::numbers::rfc3339(digest.sweep.at).unwrap_or_default();
    let mut description = chat::escape(&swept(digest));
    let tail = |hidden: usize| match hidden {
        0 => String::new(),
        n => format!("\nand {} in the email", wording::count(n as u64, "more operation", "more operations")),
    };
    for (shown, report) in digest.operations.iter().enumerate() {
        let line = format!("\n{}", chat::escaped(&line(report), TEXT));
        let rest = tail(digest.operations.len() - shown);
        if description.chars().count() + line.chars().count() + rest.chars().count() > CHAT {
            description.push_str(&rest);
            break;
        }
        description.push_str(&line);
    }
    let steps = next_steps(digest, STEPS_IN_CHAT)
        .into_iter()
        .map(|(code, step)| chat::escaped(&format!("{code}: {step}"), chat::NEXT_STEP))
        .collect();
    let outcome = digest.outcome().map(Outcome::as_str);
    chat::Notification::from(chat::Parts {
        id: format!("sweep-{at}-{}", digest.operations.iter().filter_map(|report| report.read_at).max().unwrap_or(0)),
        thread: format!("sweep-{at}"),
        title: chat::escaped(&headline(digest), chat::TITLE),
        description,
        next_steps: steps,
        keywords: outcome.into_iter().chain(codes(digest)).map(str::to_owned).collect(),
        event_type: "StackSet sweep",
        resources: Vec::new(),
        context: [("sweptAt", at)].into(),
    })
}

/// The distinct causes, in the digest's order.
fn codes(digest: &Digest) -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = Vec::new();
    for cause in digest.operations.iter().flat_map(|report| &report.causes) {
        if !codes.contains(&cause.code) {
            codes.push(cause.code);
        }
    }
    codes
}

fn attributes(digest: &Digest) -> Vec<Attribute> {
    let text = |name, value: &str| Attribute { name, data_type: "String", value: value.to_owned() };
    let mut list = vec![
        text("schemaVersion", SCHEMA_VERSION),
        text("kind", "digest"),
        text("severity", digest.severity().as_str()),
    ];
    list.extend(digest.outcome().map(|outcome| text("outcome", outcome.as_str())));
    let codes = codes(digest);
    if !codes.is_empty() {
        list.push(causes_attribute(&codes));
    }
    list
}

/// The JSON document; `docs/digest.schema.json` describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: &'static str,
    kind: &'static str,
    severity: Severity,
    outcome: Option<Outcome>,
    sweep: Sweep,
    counts: DigestCounts,
    operations: Vec<Operation<'a>>,
    operations_omitted: u64,
    failures: Vec<Failure>,
    failures_omitted: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sweep {
    at: Option<String>,
    finished: bool,
    stack_sets: u64,
    stack_sets_done: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation<'a> {
    severity: Severity,
    summary: &'a str,
    stack_set: &'a StackSetSummary,
    id: &'a str,
    action: &'a Option<String>,
    status: &'a Option<String>,
    outcome: Outcome,
    started_at: &'a Option<String>,
    ended_at: &'a Option<String>,
    duration_seconds: Option<u64>,
    console_url: &'a Option<String>,
    problems: Vec<String>,
    completeness: &'a Completeness,
    counts: &'a Counts,
    causes: Vec<OneCause<'a>>,
    in_progress: &'a Option<InProgress>,
    attempt: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OneCause<'a> {
    code: &'static str,
    count: u64,
    accounts: u64,
    regions: u64,
    owners: &'static [Owner],
    retry_helps: Option<RetryHelps>,
    next_step: &'a str,
    sample: Option<&'a String>,
}

fn document(digest: &Digest) -> Document<'_> {
    let failures = digest
        .failures
        .iter()
        .take(FAILURES_SHOWN)
        .map(|failure| Failure { error: wording::shorten(&failure.error, 1_000).into_owned(), ..failure.clone() });
    let failures: Vec<Failure> = failures.collect();
    Document {
        schema_version: SCHEMA_VERSION,
        kind: "digest",
        severity: digest.severity(),
        outcome: digest.outcome(),
        sweep: Sweep {
            at: crate::numbers::rfc3339(digest.sweep.at),
            finished: digest.sweep.finished,
            stack_sets: digest.sweep.stack_sets,
            stack_sets_done: digest.sweep.stack_sets_done,
        },
        counts: digest.counts(),
        operations: digest.operations.iter().map(operation).collect(),
        operations_omitted: digest.operations_omitted,
        failures_omitted: digest.failures_omitted + (digest.failures.len() - failures.len()) as u64,
        failures,
    }
}

fn operation(report: &Report) -> Operation<'_> {
    let operation = &report.operation;
    Operation {
        severity: report.severity,
        summary: &report.summary,
        stack_set: &report.stack_set,
        id: &operation.id,
        action: &operation.action,
        status: &operation.status,
        outcome: report.outcome,
        started_at: &operation.started_at,
        ended_at: &operation.ended_at,
        duration_seconds: operation.duration_seconds,
        console_url: &operation.console_url,
        problems: report.problems(),
        completeness: &report.completeness,
        counts: &report.counts,
        causes: report.causes.iter().map(one_cause).collect(),
        in_progress: &report.in_progress,
        attempt: report.attempt,
    }
}

fn one_cause(cause: &Cause) -> OneCause<'_> {
    OneCause {
        code: cause.code,
        count: cause.count,
        accounts: cause.accounts,
        regions: cause.regions,
        owners: cause.owners,
        retry_helps: cause.retry_helps,
        next_step: &cause.next_step,
        sample: cause.groups.first().and_then(|group| group.sample.as_ref()),
    }
}
