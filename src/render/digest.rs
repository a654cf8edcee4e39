//! Digest -> message: what a sweep found, in the same renderings and limits as a report.

use serde_json::{Value, json};

use super::text::Page;
use super::{Attribute, Bodies, MESSAGE_LIMIT, Message, budget, chat, quoted, subject, words};
use crate::error::Error;
use crate::report::{self, Cause, Digest, Outcome, Report, SCHEMA_VERSION, StackSetDigest};

/// Bytes of the email, which is in the message twice.
const EMAIL: usize = 40_000;
/// An operation takes at least this much in the three copies of the document, so that more than the
/// limit holds need not be tried.
const OPERATION_BYTES: usize = 3 * 400;
/// Causes told of one operation.
const CAUSES_SHOWN: usize = 5;
/// Characters of one sample text.
const SAMPLE: usize = 200;
/// Characters of a paragraph of chat from which on it takes no further operation.
const PARAGRAPH: usize = 2_500;
/// Failures of the sweep that people are shown.
const FAILURES_SHOWN: usize = 10;
/// Different next steps in chat.
const STEPS_SHOWN: usize = 8;

/// The report with as much as a digest tells of it: causes with a sample each, no targets.
pub fn brief(report: &Report) -> Report {
    budget::brief(report)
}

/// Makes the message of a digest; operations that do not fit are left out and counted.
///
/// # Errors
/// [`Error::Render`] if not even a message without operations fits.
pub fn message(digest: &Digest) -> Result<Message, Error> {
    let subject = subject::cut(&headline_within(digest, subject::LIMIT));
    let (email, chat, sms) = (quoted(&email(digest))?, quoted(&notification(digest).to_string())?, quoted(&subject)?);
    let assemble = |operations: usize| {
        let document = quoted(&document(digest, operations).to_string())?;
        let body = Bodies::of(&email, &chat, &sms, &document).to_json()?;
        Ok::<_, Error>(Message { subject: subject.clone(), body, attributes: attributes(digest) })
    };
    let all = digest.operations().count();
    let most = MESSAGE_LIMIT / OPERATION_BYTES;
    if all <= most {
        let whole = assemble(all)?;
        if whole.size() <= MESSAGE_LIMIT {
            return Ok(whole);
        }
    }
    let (mut fits, mut too_many, mut best) = (0, all.min(most + 1), assemble(0)?);
    if best.size() > MESSAGE_LIMIT {
        return Err(Error::Render(format!(
            "could not fit the digest of {all} operations into a message: {} bytes, SNS takes {MESSAGE_LIMIT}",
            best.size()
        )));
    }
    while too_many > fits + 1 {
        let middle = fits.midpoint(too_many);
        let tried = assemble(middle)?;
        if tried.size() <= MESSAGE_LIMIT {
            (fits, best) = (middle, tried);
        } else {
            too_many = middle;
        }
    }
    Ok(best)
}

/// `DIGEST: 3 operations with problems in 2 stack sets, 5 targets failed, 1 still in progress`.
fn headline(digest: &Digest) -> String {
    headline_within(digest, usize::MAX)
}

/// The same in fewer words, the fullest form that has so many characters at most.
fn headline_within(digest: &Digest, most: usize) -> String {
    let counts = digest.counts();
    let operations = |n| words::count(n, "operation", "operations");
    let stack_sets = |n| words::count(n, "stack set", "stack sets");
    let (what, place, short) = match counts.with_problems {
        0 => {
            let all = operations(counts.operations);
            let place = format!(" in {}", stack_sets(digest.stack_sets.len() as u64));
            (all, format!("{place}, no problems"), ", no problems".to_owned())
        }
        n => {
            let place = format!(" with problems in {}", stack_sets(counts.stack_sets_with_problems));
            (operations(n), place, " with problems".to_owned())
        }
    };
    let failed = match counts.failed {
        0 => String::new(),
        n => format!(", {} failed", words::targets(n)),
    };
    let going = |rest: &str| match counts.in_progress {
        0 => String::new(),
        n => format!(", {} {rest}", words::number(n)),
    };
    let incomplete = if digest.sweep.finished { "" } else { " (incomplete)" };
    let forms = [
        format!("DIGEST: {what}{place}{failed}{}{incomplete}", going("still in progress")),
        format!("DIGEST: {what}{short}{failed}{}{incomplete}", going("in progress")),
        format!("DIGEST: {what}{short}{incomplete}"),
    ];
    let [.., barest] = &forms;
    forms.iter().find(|form| form.chars().count() <= most).unwrap_or(barest).clone()
}

/// `2 operations, 5 targets failed`.
fn sums(set: &StackSetDigest) -> String {
    let sum = |of: fn(&Report) -> u64| set.operations.iter().map(of).sum::<u64>();
    let (failed, cancelled) = (sum(|report| report.counts.failed), sum(|report| report.counts.cancelled));
    let mut line = words::count(set.operations.len() as u64, "operation", "operations");
    for (n, word) in [(failed, "failed"), (cancelled, "cancelled")] {
        if n > 0 {
            line.push_str(&format!(", {} {word}", words::targets(n)));
        }
    }
    line
}

/// `FAILED: UPDATE, 3 of 40 targets failed`.
fn line_of(report: &Report) -> String {
    let action = report.operation.action.as_deref().map_or_else(|| "operation".to_owned(), words::plain);
    format!("{}: {action}, {}", report.outcome.as_str(), words::how_bad(report))
}

/// `INCOMPLETE: ...` where the sweep did not get around.
fn unfinished(digest: &Digest) -> Option<String> {
    let sweep = &digest.sweep;
    (!sweep.finished).then(|| {
        format!(
            "INCOMPLETE: {} of {} are done; the next sweeps go on elsewhere.",
            words::number(sweep.stack_sets_done),
            words::count(sweep.stack_sets, "stack set", "stack sets")
        )
    })
}

fn reach(cause: &Cause) -> String {
    format!(
        "{}: {}, {}, {}",
        cause.code,
        words::count(cause.accounts, "account", "accounts"),
        words::targets(cause.count),
        words::count(cause.regions, "Region", "Regions")
    )
}

fn sample(cause: &Cause) -> Option<String> {
    let group = cause.groups.first()?;
    let resource = words::resource(group).map(|resource| format!("{resource}: ")).unwrap_or_default();
    Some(words::shorten(&format!("{resource}{}", words::sample(group)), SAMPLE).into_owned())
}

fn email(digest: &Digest) -> String {
    let mut page = Page::default();
    page.folded("", &headline(digest));
    page.folded("", &swept(digest));
    if let Some(line) = unfinished(digest) {
        page.paragraph("", &line);
    }
    let mut told = 0;
    for (number, set) in digest.stack_sets.iter().enumerate() {
        let Some(first) = set.operations.first() else { continue };
        if page.len() > EMAIL {
            break;
        }
        let name = words::plain(&first.stack_set.name);
        page.paragraph("", &format!("{}. {name}: {}", number + 1, sums(set)));
        for report in &set.operations {
            if page.len() > EMAIL {
                break;
            }
            told += 1;
            one_operation(&mut page, report);
        }
        if let Some(url) = &first.operation.console_url {
            page.line(&format!("   {url}"));
        }
    }
    let more = digest.operations().count() - told;
    if more > 0 {
        page.paragraph("", &format!("and {}", words::count(more as u64, "more operation", "more operations")));
    }
    let failures = failures(digest);
    if !failures.is_empty() {
        page.gap();
        page.line("Not read or not told:");
        failures.iter().for_each(|failure| page.folded("  ", failure));
    }
    page.paragraph(
        "",
        "For targets, retry commands and all that is left out here, invoke the function with the stack set and the \
         operation: {\"stackSetName\": \"...\", \"operationId\": \"...\"}",
    );
    page.into_text()
}

/// `Sweep of 2026-11-20 10:00:00 UTC: 41 of 41 stack sets.`
fn swept(digest: &Digest) -> String {
    let at = report::rfc3339(digest.sweep.at).map(|at| format!(" of {}", words::time(&at))).unwrap_or_default();
    format!(
        "Sweep{at}: {} of {}.",
        words::number(digest.sweep.stack_sets_done),
        words::count(digest.sweep.stack_sets, "stack set", "stack sets")
    )
}

fn one_operation(page: &mut Page, report: &Report) {
    page.folded("   ", &line_of(report));
    if let Some(regions) = words::where_now(report) {
        page.folded("     ", &regions);
    }
    if let Some(reason) = report.completeness.reason.as_ref().filter(|_| report.in_progress.is_none()) {
        page.folded("     ", &format!("INCOMPLETE: {}.", words::plain(reason)));
    }
    for cause in report.causes.iter().take(CAUSES_SHOWN) {
        page.folded("     ", &reach(cause));
        if let Some(sample) = sample(cause) {
            page.folded("       > ", &sample);
        }
        page.folded("       ", &format!("Who can fix it: {}", words::who_can_fix(cause)));
        if let Some(step) = &cause.next_step {
            page.folded("       ", &format!("Next: {}", words::shorten(&words::plain(step), SAMPLE)));
        }
    }
    let more = report.causes.len().saturating_sub(CAUSES_SHOWN) as u64;
    if more > 0 {
        page.line(&format!("     and {}", words::count(more, "more cause", "more causes")));
    }
    if report.collateral.count() > 0 {
        page.folded("     ", &format!("{} cancelled, never begun", words::targets(report.collateral.count())));
    }
    if let Some(again) = words::again(report) {
        page.folded("     ", &again);
    }
    let ended = report.operation.ended_at.as_ref().map(|end| format!(", ended {}", words::time(end)));
    page.folded("     ", &format!("Operation: {}{}", words::plain(&report.operation.id), ended.unwrap_or_default()));
}

/// A paragraph of chat: a stack set and its first operations, each with its causes.
///
/// It is kept or left out as a whole, so it is so short that several fit.
fn set_in_chat(set: &StackSetDigest, first: &Report) -> String {
    let mut text = format!("*{}*: {}", chat::escaped(&first.stack_set.name, SAMPLE), sums(set));
    for (told, report) in set.operations.iter().enumerate() {
        let operation = one_in_chat(report);
        if told > 0 && text.chars().count() + operation.chars().count() > PARAGRAPH {
            let more = (set.operations.len() - told) as u64;
            text.push_str(&format!("\nand {}", words::count(more, "more operation", "more operations")));
            break;
        }
        text.push('\n');
        text.push_str(&operation);
    }
    text
}

fn one_in_chat(report: &Report) -> String {
    let mut lines = vec![chat::escaped(&line_of(report), SAMPLE)];
    lines.extend(words::again(report));
    lines.extend(words::where_now(report).map(|regions| chat::escaped(&regions, SAMPLE)));
    for cause in report.causes.iter().take(CAUSES_SHOWN) {
        lines.push(chat::escape(&reach(cause)));
        lines.extend(sample(cause).map(|sample| chat::escaped(&sample, SAMPLE)));
    }
    let more = report.causes.len().saturating_sub(CAUSES_SHOWN) as u64;
    if more > 0 {
        lines.push(format!("and {}", words::count(more, "more cause", "more causes")));
    }
    lines.join("\n")
}

fn failures(digest: &Digest) -> Vec<String> {
    let all = digest.failures.len() as u64 + digest.failures_omitted;
    let mut lines: Vec<String> =
        digest.failures.iter().take(FAILURES_SHOWN).map(|failure| short(&failure.error)).collect();
    let more = all - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {}, see the function's log", words::count(more, "more failure", "more failures")));
    }
    lines
}

fn short(text: &str) -> String {
    words::shorten(&words::plain(text), SAMPLE).into_owned()
}

/// The chat notification; see [`chat`] for its limits.
fn notification(digest: &Digest) -> Value {
    let at = report::rfc3339(digest.sweep.at).unwrap_or_default();
    let mut blocks = vec![chat::escape(&swept(digest))];
    blocks.extend(unfinished(digest).map(|line| chat::escape(&line)));
    let sets = digest.stack_sets.iter().filter_map(|set| Some(set_in_chat(set, set.operations.first()?)));
    blocks.extend(sets);
    blocks.extend(failures(digest).iter().map(|failure| chat::escaped(failure, SAMPLE)));
    let mut steps: Vec<String> = Vec::new();
    for cause in digest.operations().flat_map(|report| &report.causes) {
        let step = cause.next_step.as_ref().map(|step| format!("{}: {step}", cause.code));
        steps.extend(step.map(|step| chat::escaped(&step, chat::NEXT_STEP)).filter(|step| !steps.contains(step)));
    }
    steps.truncate(STEPS_SHOWN);
    let outcome = digest.outcome().map(Outcome::as_str);
    chat::envelope(&chat::Notification {
        id: &format!("sweep-{at}"),
        title: &chat::escaped(&headline(digest), chat::TITLE),
        description: &chat::join_within(&blocks, chat::DESCRIPTION),
        next_steps: steps,
        keywords: outcome.into_iter().chain(codes(digest)).map(str::to_owned).collect(),
        event_type: "StackSet sweep",
        resources: digest
            .stack_sets
            .iter()
            .filter_map(|set| set.operations.first())
            .map(|report| chat::escaped(&report.stack_set.name, SAMPLE))
            .take(STEPS_SHOWN)
            .collect(),
        context: json!({"sweptAt": at}),
    })
}

/// The distinct causes, in the digest's order.
fn codes(digest: &Digest) -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = Vec::new();
    for cause in digest.operations().flat_map(|report| &report.causes) {
        if !codes.contains(&cause.code) {
            codes.push(cause.code);
        }
    }
    codes
}

fn attributes(digest: &Digest) -> Vec<Attribute> {
    let text = |name, value: &str| Attribute { name, data_type: "String", value: value.to_owned() };
    let mut list = vec![text("schemaVersion", SCHEMA_VERSION), text("kind", "digest")];
    list.extend(digest.outcome().map(|outcome| text("outcome", outcome.as_str())));
    let codes = codes(digest);
    if !codes.is_empty() {
        list.push(Attribute { name: "causes", data_type: "String.Array", value: json!(codes).to_string() });
    }
    list
}

/// The JSON document, with so many operations from the first; `docs/digest.schema.json` describes it.
fn document(digest: &Digest, operations: usize) -> Value {
    let counts = digest.counts();
    let mut room = operations;
    let mut stack_sets = Vec::new();
    let mut omitted = 0;
    for set in &digest.stack_sets {
        let shown = set.operations.len().min(room);
        room -= shown;
        omitted += (set.operations.len() - shown) as u64;
        if let Some(first) = set.operations.first().filter(|_| shown > 0) {
            let operations: Vec<Value> = set.operations.iter().take(shown).map(operation).collect();
            stack_sets.push(json!({"stackSet": first.stack_set, "operations": operations}));
        }
    }
    let failures: Vec<Value> = digest
        .failures
        .iter()
        .take(FAILURES_SHOWN)
        .map(|failure| {
            json!({
                "stackSet": failure.stack_set,
                "operationId": failure.operation_id,
                "kind": failure.kind,
                "error": words::shorten(&failure.error, 1_000),
            })
        })
        .collect();
    json!({
        "schemaVersion": SCHEMA_VERSION,
        "kind": "digest",
        "outcome": digest.outcome().map(Outcome::as_str),
        "sweep": {
            "at": report::rfc3339(digest.sweep.at),
            "finished": digest.sweep.finished,
            "stackSets": digest.sweep.stack_sets,
            "stackSetsDone": digest.sweep.stack_sets_done,
        },
        "counts": {
            "operations": counts.operations,
            "withProblems": counts.with_problems,
            "inProgress": counts.in_progress,
            "targetsFailed": counts.failed,
            "targetsCancelled": counts.cancelled,
        },
        "failuresOmitted": digest.failures_omitted + (digest.failures.len() - failures.len()) as u64,
        "stackSets": stack_sets,
        "operationsOmitted": omitted,
        "failures": failures,
    })
}

fn operation(report: &Report) -> Value {
    let told = &report.operation;
    let causes: Vec<Value> = report
        .causes
        .iter()
        .map(|cause| {
            json!({
                "code": cause.code, "count": cause.count, "accounts": cause.accounts, "regions": cause.regions,
                "whoCanFix": cause.who_can_fix, "retryHelps": cause.retry_helps, "nextStep": cause.next_step,
                "sample": cause.groups.first().and_then(|group| group.sample.as_ref()),
            })
        })
        .collect();
    json!({
        "id": told.id, "action": told.action, "status": told.status, "outcome": report.outcome,
        "startedAt": told.started_at, "endedAt": told.ended_at, "durationSeconds": told.duration_seconds,
        "consoleUrl": told.console_url, "problems": report.problems(), "completeness": report.completeness,
        "counts": report.counts, "causes": causes, "inProgress": report.in_progress, "attempt": report.attempt,
    })
}
