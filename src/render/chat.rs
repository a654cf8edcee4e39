//! The chat message: the custom notification of Amazon Q Developer in chat applications.
//!
//! A body outside its schema is dropped silently, so every field is kept within its limit
//! ([custom notifications](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html)).
//! One text serves Slack and Microsoft Teams: only basic markdown, `& < >` escaped.

use std::collections::BTreeMap;

use serde::Serialize;

use super::wording;
use crate::classify::Owner;
use crate::operation;
use crate::report::{Cause, Report, Target};

/// Characters of `content.title`.
pub(super) const TITLE: usize = 250;
/// Characters of `content.description`: the schema takes 8,000, a chat window shows far fewer.
pub(super) const DESCRIPTION: usize = 1_200;
/// Characters of one of `content.nextSteps`.
pub(super) const NEXT_STEP: usize = 350;
/// Steps shown.
const STEPS: usize = 3;
/// Characters of one of `content.keywords`.
const KEYWORD: usize = 75;
/// Accounts named of one cause.
const ACCOUNTS_SHOWN: usize = 3;
/// Characters of one line about the whole operation.
const SAMPLE: usize = 140;
/// Characters of one cause's sample: the most that leaves room for all causes.
const SAMPLES: [usize; 3] = [300, 140, 0];

/// The body for `https`.
pub(super) fn notification(report: &Report) -> Notification {
    // The numbers stay whole, however long the names are.
    let (what, numbers) = report.summary.split_once(": ").unwrap_or((&report.summary, ""));
    let numbers = escaped(&format!(": {numbers}"), TITLE / 2);
    // Both ends of a long name stay, and so does what happened.
    let room = TITLE - numbers.chars().count();
    let title = escaped(&wording::shorten_middle(what, room), room) + &numbers;
    let operation = report.operation.id.clone();
    Notification::from(Parts {
        id: report.read_at.map_or_else(|| operation.clone(), |at| format!("{operation}-{at}")),
        thread: operation,
        title,
        description: description(report),
        next_steps: next_steps(report),
        keywords: keywords(report),
        event_type: "StackSet operation",
        resources: vec![escape(&wording::plain(&report.stack_set.name))],
        context: context(report),
    })
}

/// A custom notification: its texts are escaped and within their limits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification {
    version: &'static str,
    source: &'static str,
    id: String,
    content: Content,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    text_type: &'static str,
    title: String,
    description: String,
    next_steps: Vec<String>,
    keywords: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    thread_id: String,
    summary: String,
    event_type: &'static str,
    related_resources: Vec<String>,
    additional_context: BTreeMap<&'static str, String>,
}

/// What differs between notifications.
pub(super) struct Parts {
    /// The message's own.
    pub(super) id: String,
    /// That of all messages about one operation.
    pub(super) thread: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) next_steps: Vec<String>,
    pub(super) keywords: Vec<String>,
    pub(super) event_type: &'static str,
    pub(super) resources: Vec<String>,
    pub(super) context: BTreeMap<&'static str, String>,
}

impl From<Parts> for Notification {
    fn from(parts: Parts) -> Self {
        Self {
            version: "1.0",
            source: "custom",
            id: parts.id,
            content: Content {
                text_type: "client-markdown",
                title: parts.title.clone(),
                description: parts.description,
                next_steps: parts.next_steps,
                keywords: parts.keywords,
            },
            metadata: Metadata {
                thread_id: parts.thread,
                summary: parts.title,
                event_type: parts.event_type,
                related_resources: parts.resources,
                additional_context: parts.context,
            },
        }
    }
}

/// The causes by owner, with a sample each if there is room, and a link to the console.
fn description(report: &Report) -> String {
    let link = report.operation.console_url.as_deref().filter(|link| link.chars().count() <= DESCRIPTION / 3);
    let link = link.map_or_else(String::new, |link| format!("\n[Open in CloudFormation]({})", escape(link)));
    let end = format!("{}{link}", escaped(&whereabouts(report), SAMPLE));
    let room = DESCRIPTION - end.chars().count() - 2;
    let before = before_causes(report);
    let after = after_causes(report);
    let of = |sample: usize| [before.clone(), causes(report, sample), after.clone()].concat();
    let whole = SAMPLES.iter().map(|&sample| of(sample).join("\n")).find(|text| text.chars().count() <= room);
    let text = whole.unwrap_or_else(|| join_within(&of(0), room));
    let text = if text.is_empty() { nothing(report).to_owned() } else { text };
    format!("{text}\n\n{end}")
}

fn nothing(report: &Report) -> &'static str {
    if report.problems().is_empty() { "Nothing to do." } else { "No target gives a reason." }
}

fn before_causes(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(wording::again(report));
    lines.extend(wording::compared(report));
    if let Some(missing) = &report.completeness.missing {
        lines.push(format!("*INCOMPLETE*: {}", escaped(missing, 2 * SAMPLE)));
    }
    if let Some(reason) = &report.operation.status_reason {
        lines.push(format!("CloudFormation says: {}", escaped(reason, SAMPLE)));
    }
    lines.extend(wording::where_now(report).map(|regions| escaped(&regions, 2 * SAMPLE)));
    lines.extend(wording::stuck(report).map(|reason| escape(&reason)));
    lines.extend(wording::next_in_progress(report).map(str::to_owned));
    lines
}

/// A line for each owner, and one for each cause, with its accounts and a text of at most `sample` characters.
fn causes(report: &Report, sample: usize) -> Vec<String> {
    let of_owner = |(owner, causes): wording::OfOwner<'_>| {
        let causes: Vec<String> = causes.into_iter().map(|(_, cause)| one_cause(report, cause, sample)).collect();
        std::iter::once(format!("*{owner}*")).chain(causes)
    };
    wording::by_owner(report).into_iter().flat_map(of_owner).collect()
}

/// `• Create or repair the execution role: 42 targets, 39 accounts (EXECUTION_ROLE_NOT_ASSUMABLE)`.
fn one_cause(report: &Report, cause: &Cause, sample: usize) -> String {
    let (targets, accounts) = (wording::targets(cause.count), wording::count(cause.accounts, "account", "accounts"));
    let mut text = format!("• {}: {targets}, {accounts} ({}{})", cause.title, wording::probably(cause), cause.code);
    if sample == 0 {
        return text;
    }
    let mut accounts: Vec<&str> = Vec::new();
    for account in cause.groups.iter().flat_map(|group| group.targets.iter()).filter_map(Target::account) {
        if accounts.len() < ACCOUNTS_SHOWN && !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    if !accounts.is_empty() {
        let names: Vec<String> = accounts.iter().map(|id| wording::account(report, id)).collect();
        let more = cause.accounts.saturating_sub(accounts.len() as u64);
        let rest = if more > 0 { format!(" and {} more", wording::number(more)) } else { String::new() };
        text.push_str(&format!("\n   in {}{rest}", escaped(&names.join(", "), SAMPLE)));
    }
    if let Some(group) = cause.groups.first() {
        let resource = wording::resource(group).map(|resource| format!("{resource}: ")).unwrap_or_default();
        let said = format!("{resource}{}", wording::sample(group));
        text.push_str(&format!("\n   {}", escaped(&said, sample)));
        if let Some(reason) = &group.gate_reason {
            text.push_str(&format!("\n   The gate said: {}", escaped(reason, sample)));
        }
    }
    text
}

fn after_causes(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let cancelled = &report.collateral;
    if cancelled.count() > 0 {
        lines.push(format!("Cancelled: {}", wording::cancelled(cancelled)));
    }
    let drift = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty());
    lines.extend(drift.map(|drift| format!("Drift: {}", escaped(&drift, SAMPLE))));
    let skipped = report.account_gate.skipped.count;
    if skipped > 0 {
        lines.push(format!("{} skipped their account gate", wording::targets(skipped)));
    }
    let others = report.counts.other;
    if others > 0 {
        let name = |(status, n): (&String, &u64)| format!("{} {}", wording::number(*n), wording::status(status));
        let names: Vec<String> = report.counts.other_statuses.iter().map(name).collect();
        lines.push(format!(
            "{} with a status that is not known: {}",
            wording::targets(others),
            escaped(&names.join(", "), SAMPLE)
        ));
    }
    lines
}

/// Where and when it was: `Account 111111111111, us-east-1, ended 2026-03-02 09:17 UTC`.
fn whereabouts(report: &Report) -> String {
    let (set, operation) = (&report.stack_set, &report.operation);
    let ended = operation.ended_at.as_ref().map(|end| format!("ended {}", wording::time(end)));
    let started = || operation.started_at.as_ref().map(|start| format!("started {}", wording::time(start)));
    let parts =
        [set.account.as_ref().map(|account| format!("account {account}")), set.region.clone(), ended.or_else(started)];
    wording::sentence(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// At most three things to do.
fn next_steps(report: &Report) -> Vec<String> {
    let mut steps = Vec::new();
    if report.operation.stopped_by_command.is_some() {
        steps.push("Find out who stopped it: the email has the command".to_owned());
    }
    // What nobody needs to fix is a retry, which comes next.
    let to_fix = report.causes.iter().filter(|cause| !matches!(cause.owners, [Owner::Nobody | Owner::Aws]));
    let fixes = to_fix.map(|cause| format!("{}: {}", wording::owner(cause), cause.next_step));
    steps.extend(fixes.take(STEPS - 1 - steps.len().min(1)).map(|step| escaped(&step, NEXT_STEP)));
    steps.extend(retry_step(report));
    if let Some(command) = report.in_progress.as_ref().and_then(|progress| progress.stop_command.as_ref()) {
        steps.push(format!("To stop it: {}", escape(command)));
    }
    if report.drift.as_ref().is_some_and(|drift| drift.drifted > Some(0)) {
        steps.push("List what drifted: the email has the command".to_owned());
    } else if report.completeness.missing.is_some() {
        steps.push("List the targets: the email has the command".to_owned());
    }
    steps.retain(|step| step.chars().count() <= NEXT_STEP);
    steps.truncate(STEPS);
    steps
}

/// The one command that retries, or where the commands are.
fn retry_step(report: &Report) -> Option<String> {
    let commands = report.retry.commands();
    let first = report.retry.plan.iter().find_map(|entry| Some((entry, entry.commands.first()?)));
    let whole = first
        .filter(|_| commands == 1)
        .map(|(entry, command)| format!("{}: {}", wording::when(report, entry), escape(command)));
    let elsewhere = || {
        let are = if commands == 1 { "command is" } else { "commands are" };
        Some(format!("Retry: the {are} in the email")).filter(|_| commands > 0)
    };
    whole.filter(|step| step.chars().count() <= NEXT_STEP).or_else(elsewhere)
}

fn keywords(report: &Report) -> Vec<String> {
    std::iter::once(report.outcome.as_str())
        .chain(report.causes.iter().map(|cause| cause.code))
        .map(|word| wording::shorten(word, KEYWORD).into_owned())
        .collect()
}

fn context(report: &Report) -> BTreeMap<&'static str, String> {
    [
        ("account", &report.stack_set.account),
        ("region", &report.stack_set.region),
        ("action", &report.operation.action.clone().filter(|action| operation::is_word(action))),
        ("endedAt", &report.operation.ended_at),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value.clone()?)))
    .collect()
}

/// A text in which nothing has a meaning of its own in a chat's markdown: no link, no code, no mention of
/// everybody.
pub(super) fn escape(text: &str) -> String {
    let mut text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text = text.replace("](", "] (").replace('`', "'");
    for everybody in ["here", "channel", "everyone", "all"] {
        text = text.replace(&format!("@{everybody}"), &format!("\u{ff20}{everybody}"));
    }
    text
}

/// A foreign text on one line, escaped, at most `max` characters after escaping.
///
/// Two asterisks, as policies and ARNs have them, would make what is between them bold and vanish
/// themselves; an asterisk operator looks the same and means nothing to a chat. Links, code and mentions
/// of everybody cannot come from a foreign text either.
pub(super) fn escaped(text: &str, max: usize) -> String {
    let line = wording::plain(text).replace('*', "\u{2217}");
    let mut room = max;
    loop {
        let text = escape(&wording::shorten(&line, room));
        let over = text.chars().count().saturating_sub(max);
        if over == 0 || room == 0 {
            return text;
        }
        room = room.saturating_sub(over.div_ceil(5).max(1));
    }
}

/// The lines in at most `max` characters: all, or the first ones and how many are left out.
pub(super) fn join_within(lines: &[String], max: usize) -> String {
    const LEFT_OUT: usize = 40;
    let whole = lines.join("\n");
    if whole.chars().count() <= max {
        return whole;
    }
    let mut room = max.saturating_sub(LEFT_OUT);
    let fits = |line: &&String| {
        let left = room.checked_sub(line.chars().count() + 1);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let kept: Vec<&str> = lines.iter().take_while(fits).map(String::as_str).collect();
    let left = (lines.len() - kept.len()) as u64;
    format!("{}\nand {} in the email", kept.join("\n"), wording::count(left, "more line", "more lines"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let lines: Vec<String> = (0..5).map(|i| i.to_string().repeat(100)).collect();
        assert_eq!(join_within(&lines, 504), lines.join("\n"));
        let short = join_within(&lines, 503);
        assert_eq!(short, format!("{}\nand 1 more line in the email", lines[..4].join("\n")));
        assert!(join_within(&lines, 110).ends_with("and 5 more lines in the email"));
    }

    #[test]
    fn escaping_counts_towards_the_limit() {
        assert_eq!(escaped("a < b & *c*", 99), "a &lt; b &amp; \u{2217}c\u{2217}");
        for max in [5, 17, 40] {
            assert!(escaped(&"<&> ".repeat(40), max).chars().count() <= max);
        }
    }
}
