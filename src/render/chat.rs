//! The chat message: the custom notification of Amazon Q Developer in chat applications.
//!
//! A body outside its schema is dropped silently, so every field is kept within its limit
//! ([custom notifications](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html)).
//! One text serves Slack and Microsoft Teams: only basic markdown, `& < >` escaped.

use std::collections::BTreeMap;

use serde::Serialize;

use super::wording;
use crate::operation;
use crate::report::{Cause, Report, Target};

/// Characters of `content.title`.
pub(super) const TITLE: usize = 250;
/// Characters of `content.description`.
pub(super) const DESCRIPTION: usize = 8_000;
/// Characters of one of `content.nextSteps`.
pub(super) const NEXT_STEP: usize = 350;
/// Characters of one of `content.keywords`.
const KEYWORD: usize = 75;
/// Causes shown; a chat window is small.
const CAUSES_SHOWN: usize = 8;
/// Retry commands shown at most.
const COMMANDS_SHOWN: usize = 3;
/// Characters of retry commands too long for a step.
const COMMANDS_IN_TEXT: usize = 3_000;
/// Characters of the note on a retry.
const NOTE: usize = 1_500;
/// Unknown statuses named.
const STATUSES_SHOWN: usize = 5;
/// Accounts named of one cause.
const ACCOUNTS_SHOWN: usize = 5;
/// Characters of one sample text.
const SAMPLE: usize = 300;

/// The body for `https`.
pub(super) fn notification(report: &Report) -> Notification {
    let incomplete = if report.completeness.missing.is_none() { "" } else { " (incomplete)" };
    let (what, bad) = (wording::what(report), wording::how_bad(report));
    // The numbers stay whole, however long the names are.
    let numbers = escaped(&format!(", {bad}{incomplete}"), TITLE / 2);
    let title = escaped(&format!("{}: {what}", report.outcome.as_str()), TITLE - numbers.chars().count()) + &numbers;
    let commands = Commands::of(report);
    Notification::from(Parts {
        id: report.operation.id.clone(),
        title,
        description: description(report, commands),
        next_steps: next_steps(report, commands),
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
    /// Also names the thread.
    pub(super) id: String,
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
            id: parts.id.clone(),
            content: Content {
                text_type: "client-markdown",
                title: parts.title.clone(),
                description: parts.description,
                next_steps: parts.next_steps,
                keywords: parts.keywords,
            },
            metadata: Metadata {
                thread_id: parts.id,
                summary: parts.title,
                event_type: parts.event_type,
                related_resources: parts.resources,
                additional_context: parts.context,
            },
        }
    }
}

/// Blocks, whole ones only, as long as they fit; what is left out is counted.
fn description(report: &Report, commands: Commands) -> String {
    let mut blocks = Vec::new();
    blocks.extend(wording::where_now(report).map(|regions| escaped(&regions, SAMPLE)));
    blocks.extend(wording::stuck(report).map(|stuck| escape(&stuck)));
    if let Some(missing) = &report.completeness.missing {
        blocks.push(format!("*INCOMPLETE*: {}", escaped(missing, SAMPLE)));
    }
    if let Some(reason) = &report.operation.status_reason {
        blocks.push(format!("CloudFormation says: {}", escaped(reason, SAMPLE)));
    }
    blocks.extend(report.causes.iter().take(CAUSES_SHOWN).map(cause));
    let more = report.causes.len().saturating_sub(CAUSES_SHOWN);
    if more > 0 {
        blocks.push(format!(
            "and {}, see the email or the JSON report",
            wording::count(more as u64, "more cause", "more causes")
        ));
    }
    let cancelled = &report.collateral;
    if cancelled.count() > 0 {
        let mut text = format!("Cancelled: {}", wording::cancelled(cancelled));
        if let Some(sample) = cancelled.reasons.first().and_then(|reason| reason.sample.as_deref()) {
            text.push_str(&format!("\n{}", escaped(sample, SAMPLE)));
        }
        let hidden = cancelled.reasons.len().saturating_sub(1) as u64 + cancelled.reasons_omitted.groups;
        text.push_str(&and_more_texts(hidden));
        blocks.push(text);
    }
    if let Some(drift) = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty()) {
        blocks.push(format!("Drift: {}", escaped(&drift, SAMPLE)));
    }
    let skipped = report.account_gate.skipped.count;
    if skipped > 0 {
        blocks.push(format!("{} went on without an account gate's consent", wording::targets(skipped)));
    }
    let others = report.counts.other;
    if others > 0 {
        let statuses = &report.counts.other_statuses;
        let name = |(status, n): (&String, &u64)| format!("{} {}", wording::number(*n), wording::status(status));
        let names: Vec<String> = statuses.iter().take(STATUSES_SHOWN).map(name).collect();
        let more = statuses.len().saturating_sub(STATUSES_SHOWN) as u64;
        let rest = if more > 0 { format!(" and {} more statuses", wording::number(more)) } else { String::new() };
        blocks.push(format!(
            "{} with a status that is not known: {}{rest}",
            wording::targets(others),
            escaped(&names.join(", "), SAMPLE)
        ));
    }
    if let Some(note) = &report.retry.note {
        blocks.push(format!("On a retry: {}", escaped(note, NOTE)));
    }
    if commands.place == Place::Text {
        blocks.extend(commands.shown(report).map(|(label, command)| format!("{label}:\n{command}")));
    }
    if blocks.is_empty() {
        blocks
            .push(if report.problems().is_empty() { "Nothing to do." } else { "No target gives a reason." }.to_owned());
    }
    if let Some(again) = wording::again(report) {
        blocks.insert(0, again);
    }
    // Whatever must be left out, the way to the rest stays.
    let link = report.operation.console_url.as_deref().map(escape).filter(|link| link.len() <= DESCRIPTION / 2);
    let link = link.map_or_else(String::new, |link| format!("\n{link}"));
    let end = format!("\n\n{}{link}", escaped(&whereabouts(report), SAMPLE));
    join_within(&blocks, DESCRIPTION - end.chars().count()) + &end
}

/// Which operation it was: `Account 111111111111, us-east-1, ended 2026-03-02 09:17:42 UTC, operation 2e9c...`.
fn whereabouts(report: &Report) -> String {
    let (set, operation) = (&report.stack_set, &report.operation);
    let ended = operation.ended_at.as_ref().map(|end| format!("ended {}", wording::time(end)));
    let started = || operation.started_at.as_ref().map(|start| format!("started {}", wording::time(start)));
    let parts = [
        set.account.as_ref().map(|account| format!("account {account}")),
        set.region.clone(),
        ended.or_else(started),
        Some(format!("operation {}", operation.id)),
    ];
    wording::sentence(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn cause(cause: &Cause) -> String {
    let mut text = format!(
        "*{}*: {}, {}, {}",
        format_args!("{}{}", wording::probably(cause), cause.code),
        wording::count(cause.accounts, "account", "accounts"),
        wording::targets(cause.count),
        wording::count(cause.regions, "Region", "Regions"),
    );
    text.push_str(&format!("\nWho can fix it: {}", escape(wording::who_can_fix(cause))));
    if let Some(group) = cause.groups.first() {
        let resource = wording::resource(group).map(|resource| format!("{resource}: ")).unwrap_or_default();
        text.push_str(&format!("\n{}", escaped(&format!("{resource}{}", wording::sample(group)), SAMPLE)));
        if let Some(reason) = &group.gate_reason {
            text.push_str(&format!("\nThe gate said: {}", escaped(reason, SAMPLE)));
        }
    }
    let hidden = cause.groups.len().saturating_sub(1) as u64 + cause.groups_omitted.groups;
    text.push_str(&and_more_texts(hidden));
    let mut accounts: Vec<&str> = Vec::new();
    for account in cause.groups.iter().flat_map(|group| group.targets.iter()).filter_map(Target::account) {
        if accounts.len() == ACCOUNTS_SHOWN {
            break;
        }
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    if !accounts.is_empty() {
        let more = cause.accounts.saturating_sub(accounts.len() as u64);
        let rest = if more > 0 { format!(" and {} more", wording::number(more)) } else { String::new() };
        text.push_str(&format!("\nAccounts: {}{rest}", escape(&wording::plain(&accounts.join(", ")))));
    }
    text
}

fn and_more_texts(hidden: u64) -> String {
    if hidden == 0 { String::new() } else { format!("\nand {}", wording::count(hidden, "more text", "more texts")) }
}

/// Which retry commands are shown, the first ones, and where: a command that is not whole would
/// retry the wrong targets, and a few of many would be taken for all of them. So all are shown, or
/// all that are for now, or none.
#[derive(Debug, Clone, Copy)]
struct Commands {
    place: Place,
    first: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Steps,
    Text,
    Elsewhere,
}

impl Commands {
    fn of(report: &Report) -> Self {
        let retry = &report.retry;
        let all = if retry.commands_omitted == 0 { retry.commands.len() } else { 0 };
        let ready = usize::try_from(retry.commands_ready).unwrap_or(usize::MAX);
        let lengths: Vec<usize> =
            labelled(report).map(|(label, command)| label.len() + 2 + command.chars().count()).collect();
        let choices = [all, ready].into_iter().filter(|first| (1..=COMMANDS_SHOWN).contains(first));
        let places = choices.filter_map(|first| Some(Self { place: Place::of(lengths.get(..first)?)?, first }));
        places.into_iter().next().unwrap_or(Self { place: Place::Elsewhere, first: 0 })
    }

    /// The commands that are shown, each with when to run it.
    fn shown(self, report: &Report) -> impl Iterator<Item = (String, String)> {
        labelled(report).take(self.first)
    }

    /// How many are not.
    fn hidden(self, report: &Report) -> u64 {
        report.retry.commands.len() as u64 + report.retry.commands_omitted - self.first as u64
    }
}

impl Place {
    /// Where commands of these lengths fit together.
    fn of(lengths: &[usize]) -> Option<Self> {
        if lengths.iter().all(|length| *length <= NEXT_STEP) {
            Some(Self::Steps)
        } else if lengths.iter().sum::<usize>() <= COMMANDS_IN_TEXT {
            Some(Self::Text)
        } else {
            None
        }
    }
}

/// The retry commands, each with when to run it.
fn labelled(report: &Report) -> impl Iterator<Item = (String, String)> {
    report.retry.commands.iter().enumerate().map(|(i, command)| {
        let label = if (i as u64) < report.retry.commands_ready { wording::NOW } else { wording::later(report) };
        (wording::sentence(label), escape(command))
    })
}

fn next_steps(report: &Report, commands: Commands) -> Vec<String> {
    let mut steps: Vec<String> = report
        .causes
        .iter()
        .filter_map(|cause| cause.next_step.as_ref().map(|step| format!("{}: {step}", cause.code)))
        .map(|step| escaped(&step, NEXT_STEP))
        .collect();
    let more = steps.len().saturating_sub(CAUSES_SHOWN) as u64;
    if more > 0 {
        steps.truncate(CAUSES_SHOWN);
        let are = wording::count(more, "more next step is", "more next steps are");
        steps.push(format!("{are} in the email and in the JSON report"));
    }
    match commands.place {
        Place::Steps => {
            steps.extend(commands.shown(report).map(|(label, command)| format!("{label}: {command}")));
        }
        Place::Text => {
            steps.push(format!("The retry {} above", if commands.first == 1 { "command is" } else { "commands are" }))
        }
        Place::Elsewhere => {}
    }
    let hidden = commands.hidden(report);
    if hidden > 0 {
        let are = match commands.first {
            0 => wording::count(hidden, "retry command is", "retry commands are"),
            _ => wording::count(hidden, "other retry command is", "other retry commands are"),
        };
        steps.push(format!("{are} in the email and in the JSON report, as far as there is room"));
    }
    if let Some(command) = report.in_progress.as_ref().and_then(|progress| progress.stop_command.as_ref()) {
        let step = format!("To stop it: {}", escape(command));
        steps.extend(Some(step).filter(|step| step.chars().count() <= NEXT_STEP));
    }
    // Where not everything is shown, what lists it is.
    if more > 0 || hidden > 0 || !report.completeness.complete {
        let listing = report.operation.results_commands.iter().map(|listed| escape(&listed.command));
        steps.extend(listing.filter(|command| command.chars().count() <= NEXT_STEP));
    }
    steps
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

/// The blocks with an empty line between them, in at most `max` characters: all, or those that fit.
pub(super) fn join_within(blocks: &[String], max: usize) -> String {
    const LEFT_OUT: usize = 60;
    let whole = blocks.join("\n\n");
    if whole.chars().count() <= max {
        return whole;
    }
    let (mut kept, mut room) = (Vec::new(), max.saturating_sub(LEFT_OUT));
    for block in blocks {
        // With the empty line before the next.
        let needed = block.chars().count() + 2;
        if needed <= room {
            room -= needed;
            kept.push(block.as_str());
        }
    }
    let left = (blocks.len() - kept.len()) as u64;
    let note = format!("{} left out for size", wording::count(left, "paragraph is", "paragraphs are"));
    kept.push(&note);
    kept.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let blocks: Vec<String> = (0..5).map(|i| i.to_string().repeat(100)).collect();
        assert_eq!(join_within(&blocks, 508), blocks.join("\n\n"));
        let short = join_within(&blocks, 507);
        assert_eq!(short, format!("{}\n\n1 paragraph is left out for size", blocks[..4].join("\n\n")));
        assert_eq!(join_within(&blocks[..1], 100), blocks[0]);
        assert!(join_within(&blocks, 100).contains("5 paragraphs are left out"));
        // One that does not fit keeps out no other.
        let with_a_long_one = [&["x".repeat(500)], &blocks[..2]].concat();
        assert_eq!(
            join_within(&with_a_long_one, 500),
            format!("{}\n\n1 paragraph is left out for size", blocks[..2].join("\n\n"))
        );
    }

    #[test]
    fn escaping_counts_towards_the_limit() {
        assert_eq!(escaped("a < b & *c*", 99), "a &lt; b &amp; \u{2217}c\u{2217}");
        for max in [5, 17, 40] {
            assert!(escaped(&"<&> ".repeat(40), max).chars().count() <= max);
        }
    }
}
