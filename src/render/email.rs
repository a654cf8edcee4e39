//! The email: plain text, made to be read on a phone in ten seconds.
//!
//! The first [`FIRST_SCREEN`] lines say what happened, how bad it is, where to click, who must act and what to do.
//! Details follow, commands come last.

use textwrap::WordSeparator;
use textwrap::core::{Word, display_width};
use unicode_linebreak::linebreaks;

use super::wording;
use crate::classify::Basis;
use crate::operation::{self, Totals};
use crate::report::{self, Cause, Group, Outcome, PlanEntry, Report, Severity, SucceededFrom, Tally, Target, When};

/// Columns, where nothing unbreakable forbids it.
const COLUMNS: usize = 78;
/// Lines within which a reader learns what to do.
const FIRST_SCREEN: usize = 25;
/// Lines of the whole email.
const LINES: usize = 150;
/// Lines after which no further cause is shown in detail, so that tables and commands have room.
const DETAIL_LINES: usize = 50;
/// Lines after which no table is shown, so that commands have room.
const TABLE_LINES: usize = 80;
/// Characters of one line: a longer one is broken by servers on its way (RFC 5321 says at most 998).
const LINE: usize = 900;
/// Distinct texts shown of one cause.
pub(super) const GROUPS_SHOWN: usize = 3;
/// Accounts listed for one set of Regions.
const ACCOUNTS_SHOWN: usize = 6;
/// Sets of Regions listed for one text.
const REGION_SETS_SHOWN: usize = 4;
/// Characters of one sample text.
const SAMPLE: usize = 300;
/// Stacks whose failed events a command shows: one for each text.
const STACKS_SHOWN: usize = 3;
/// Rows of the tables by Region and by organizational unit.
const TABLE_ROWS: usize = 10;
/// Columns of their names: four numbers of eleven columns stand beside them.
const NAME_COLUMNS: usize = COLUMNS - 4 * 11;

/// The body for `email`.
pub(super) fn email(report: &Report) -> String {
    let mut page = Page::default();
    headline(&mut page, report);
    warnings(&mut page, report);
    let are_named = what_to_do(&mut page, report);
    details(&mut page, report, are_named);
    collateral(&mut page, report);
    others(&mut page, report);
    gates(&mut page, report);
    tables(&mut page, report);
    lists(&mut page, report);
    stop(&mut page, report);
    let mut end = Page::default();
    footer(&mut end, report);
    let room = LINES.saturating_sub(page.lines() + end.lines() + 1);
    retry(&mut page, report, room);
    page.gap();
    page.0 + &end.0
}

/// Text under construction; every block is followed by an empty line.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    pub(super) fn gap(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    /// Text folded at the columns, with `indent` before every line.
    pub(super) fn folded(&mut self, indent: &str, text: &str) {
        self.hanging(indent, indent, text);
    }

    /// Text folded at the columns, with `first` before the first line and `indent` before the others.
    fn hanging(&mut self, first: &str, indent: &str, text: &str) {
        let options = textwrap::Options::new(COLUMNS)
            .initial_indent(first)
            .subsequent_indent(indent)
            .word_separator(WordSeparator::Custom(words_of))
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        let text = wording::plain(text);
        for (number, line) in textwrap::wrap(&text, options).iter().enumerate() {
            // No line of a foreign text begins like a header, or is the dot that ends an email.
            if number > 0 && indent.is_empty() && begins_like_a_header(line) {
                self.0.push(' ');
            }
            self.line(line);
        }
    }

    pub(super) fn paragraph(&mut self, indent: &str, text: &str) {
        self.gap();
        self.folded(indent, text);
    }

    fn lines(&self) -> usize {
        self.0.lines().count()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn begins_like_a_header(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    line == "." || (is_name && line.contains(':'))
}

/// Words as they may be folded: at spaces, and between the wide characters of scripts that are
/// written without them. An id or ARN broken at a hyphen can no longer be copied, so those hold.
fn words_of(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    Box::new(WordSeparator::AsciiSpace.find_words(line).flat_map(|whole| {
        let mut rest = whole.word;
        let breaks = linebreaks(whole.word).map(|(at, _)| at).filter(|&at| between_wide(whole.word, at));
        let mut parts: Vec<Word<'_>> = breaks
            .filter_map(|at| {
                let (part, after) = rest.split_at_checked(at - (whole.word.len() - rest.len()))?;
                rest = after;
                Some(Word::from(part))
            })
            .collect();
        parts.push(Word { whitespace: whole.whitespace, ..Word::from(rest) });
        parts
    }))
}

fn between_wide(word: &str, at: usize) -> bool {
    let is_wide = |c: Option<char>| c.is_some_and(|c| display_width(c.encode_utf8(&mut [0; 4])) > 1);
    let parts = word.split_at_checked(at).filter(|(before, after)| !before.is_empty() && !after.is_empty());
    parts.is_some_and(|(before, after)| is_wide(before.chars().next_back()) || is_wide(after.chars().next()))
}

/// What happened, how bad it is, since when, and where to click.
fn headline(page: &mut Page, report: &Report) {
    page.folded("", &format!("{}.", what_happened(report)));
    page.folded("", &format!("{}.", wording::sentence(&numbers(report))));
    if let Some(compared) = wording::compared(report) {
        page.folded("", &compared);
    }
    if let Some(drift) = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty()) {
        page.folded("", &format!("Drift: {drift}."));
    }
    let operation = &report.operation;
    let seconds = operation.duration_seconds.or(report.in_progress.as_ref().and_then(|progress| progress.seconds));
    let took = |word: &str| seconds.map(|seconds| format!(" {word} {}", report::duration(seconds))).unwrap_or_default();
    let is_queued = operation.status.as_deref() == Some("QUEUED");
    match (&operation.ended_at, &operation.started_at) {
        (None, Some(start)) if is_queued => {
            let ago = seconds.map(|seconds| format!(", {} ago", report::duration(seconds))).unwrap_or_default();
            page.line(&format!("Requested {}{ago}.", wording::time(start)));
        }
        (Some(end), _) => page.line(&format!("Ended {}{}.", wording::time(end), took("after"))),
        (None, Some(start)) => page.line(&format!("Started {}{}.", wording::time(start), took("and has run for"))),
        (None, None) => {}
    }
    operation.console_url.iter().for_each(|url| page.line(url));
}

/// `UPDATE of security-baseline failed in eu-central-1`.
fn what_happened(report: &Report) -> String {
    let action = report.operation.action.as_deref().filter(|action| operation::is_word(action)).unwrap_or("Operation");
    let place = report.stack_set.region.as_deref().map(|region| format!(" in {}", wording::plain(region)));
    let status = report.operation.status.as_deref().filter(|status| operation::is_word(status));
    let how = match report.outcome {
        Outcome::Failed => "failed".to_owned(),
        Outcome::Stopped => "was stopped".to_owned(),
        Outcome::Succeeded if report.drift.as_ref().is_some_and(|drift| drift.drifted > Some(0)) => {
            "found drift".to_owned()
        }
        Outcome::Succeeded | Outcome::SucceededWithFailures => "succeeded".to_owned(),
        Outcome::InProgress => {
            status.map_or_else(|| "has not ended".to_owned(), |status| format!("is {}", status.to_lowercase()))
        }
    };
    let but = if report.outcome == Outcome::SucceededWithFailures { ", but not for every target" } else { "" };
    format!("{action} of {} {how}{}{but}", wording::plain(&report.stack_set.name), place.unwrap_or_default())
}

/// `107 of 2,000 targets failed, 91 were cancelled, 1,802 succeeded`.
fn numbers(report: &Report) -> String {
    let counts = &report.best_counts();
    let mut parts = Vec::new();
    let totals = report.operation.totals.as_ref().filter(|_| report.in_progress.is_some());
    let to_go = totals.and_then(Totals::to_go);
    if let Some((pending, total)) = to_go {
        parts.push(format!("{} of {} to go", wording::number(pending), wording::targets(total)));
    }
    let expected = report.completeness.failed_expected.filter(|&expected| expected > report.counts.failed);
    if let Some(expected) = expected {
        parts.push(format!("{} failed, {} listed", wording::targets(expected), wording::number(report.counts.failed)));
    }
    let shown = [
        (if expected.is_none() { counts.failed } else { 0 }, "failed", "failed"),
        (counts.cancelled, "was cancelled", "were cancelled"),
        (counts.succeeded, "succeeded", "succeeded"),
        (counts.running, "is running", "are running"),
        (if counts.running == 0 && to_go.is_some() { 0 } else { counts.pending }, "is pending", "are pending"),
    ];
    let shown = shown.into_iter().map(|(n, one, many)| (n, if n == 1 { one } else { many }.to_owned()));
    let others = counts.other_statuses.iter().map(|(status, n)| (*n, wording::status(status)));
    for (n, word) in shown.chain(others).filter(|(n, _)| *n > 0) {
        parts.push(match (parts.is_empty(), n == counts.total) {
            (true, true) if n > 1 => format!("all {} {word}", wording::targets(n)),
            (true, _) => format!("{} of {} {word}", wording::number(n), wording::targets(counts.total)),
            (false, _) => format!("{} {word}", wording::number(n)),
        });
    }
    if parts.is_empty() { "no targets".to_owned() } else { parts.join(", ") }
}

/// What a reader must know before believing the numbers.
fn warnings(page: &mut Page, report: &Report) {
    if let Some(again) = wording::again(report) {
        page.paragraph("", &again);
    }
    if let Some(missing) = &report.completeness.missing {
        page.paragraph("", &format!("INCOMPLETE: {}.", wording::shorten(&wording::plain(missing), SAMPLE)));
    }
    if let Some(reason) = &report.operation.status_reason {
        page.paragraph("", &format!("CloudFormation says: {}", wording::shorten(&wording::plain(reason), SAMPLE)));
    }
    if let Some(regions) = wording::where_now(report) {
        page.paragraph("", &regions);
    }
    if let Some(reason) = wording::stuck(report) {
        page.paragraph("", &reason);
    }
}

/// Who must act, and what to do. Whether it names the code of each cause.
fn what_to_do(page: &mut Page, report: &Report) -> bool {
    page.gap();
    if report.severity == Severity::Info && report.causes.is_empty() {
        page.line("Nothing to do.");
        return false;
    }
    let retry = how_to_retry(report);
    let mut also: Vec<String> = Vec::new();
    also.extend(wording::next_in_progress(report).map(str::to_owned));
    if report.outcome == Outcome::Stopped {
        also.push("Find out who stopped it: a command below shows it.".to_owned());
    }
    if report.drift.as_ref().and_then(|drift| drift.drifted).is_some_and(|drifted| drifted > 0) {
        also.push("List what drifted: a command below does it.".to_owned());
    }
    if report.account_gate.skipped.count > 0 {
        let skipped = wording::targets(report.account_gate.skipped.count);
        also.push(format!("Look at the account gates: {skipped} skipped theirs."));
    }
    if report.counts.other > 0 {
        also.push("Look at the targets whose status is not known, below.".to_owned());
    }
    if report.causes.is_empty() && retry.is_none() && also.is_empty() && report.completeness.missing.is_some() {
        also.push("List the targets: a command below does it.".to_owned());
    }
    if report.causes.is_empty() && retry.is_none() && also.is_empty() {
        return false;
    }
    page.line("WHAT TO DO");
    let room = FIRST_SCREEN.saturating_sub(page.lines() + usize::from(retry.is_some()) * 3);
    let whole = report.causes.len() * 3 + wording::by_owner(report).len() * 2;
    let are_named = whole <= room.max(5);
    for by_owner in items(report, are_named, if are_named { whole } else { room.max(6) }) {
        if are_named || page.0.ends_with("DO\n") {
            page.gap();
        }
        by_owner.iter().for_each(|line| page.line(line));
    }
    if let Some(retry) = retry {
        page.paragraph("", &retry);
    }
    if !also.is_empty() {
        page.gap();
        also.iter().for_each(|line| page.folded("", line));
    }
    are_named
}

/// The causes by owner, each with its number: in three lines with its code, or in one. Each owner has one at least;
/// there are as many more as `room` lines hold.
fn items(report: &Report, are_named: bool, room: usize) -> Vec<Vec<String>> {
    let by_owner = wording::by_owner(report);
    // A heading stands before the first of each; two lines are for what is hidden.
    let mut more = room.saturating_sub(2 * by_owner.len() + 3);
    let mut hidden = 0_u64;
    let mut blocks = Vec::new();
    for (owner, causes) in by_owner {
        let mut block = vec![owner.to_owned()];
        for (i, (number, cause)) in causes.into_iter().enumerate() {
            if i > 0 && !are_named {
                if more == 0 {
                    hidden += 1;
                    continue;
                }
                more -= 1;
            }
            block.push(title(cause, number));
            if are_named {
                block.push(format!("   {}", reach(report, cause).0));
                block.push(format!("   {}{}", wording::probably(cause), cause.code));
            }
        }
        blocks.push(block);
    }
    if hidden > 0 {
        blocks.push(vec![format!("and {}, below.", wording::count(hidden, "more cause", "more causes"))]);
    }
    blocks
}

/// `1. Create or repair the execution role and its trust        42 targets`.
fn title(cause: &Cause, number: usize) -> String {
    let (title, targets) = (format!("{number}. {}", cause.title), wording::targets(cause.count));
    let width = COLUMNS - targets.len();
    format!("{title:<width$}{targets}")
}

/// How far a cause reaches: `39 accounts, 16 Regions: prod-payments (111122223333), ...`, and whether this names
/// every target.
fn reach(report: &Report, cause: &Cause) -> (String, bool) {
    let targets = || cause.groups.iter().flat_map(|group| group.targets.iter());
    let first_region = targets().next().and_then(Target::region).filter(|_| cause.regions == 1);
    let regions = match first_region {
        Some(region) => wording::plain(region),
        None => wording::count(cause.regions, "Region", "Regions"),
    };
    let mut line = format!("{}, {regions}", wording::count(cause.accounts, "account", "accounts"));
    let mut accounts: Vec<&str> = Vec::new();
    for account in targets().filter_map(Target::account) {
        if accounts.last() != Some(&account) && !accounts.contains(&account) {
            accounts.push(account);
        }
        if accounts.len() > 3 {
            break;
        }
    }
    let mut named = 0;
    for id in accounts.iter().take(3) {
        let part = format!("{} {}", if named == 0 { ":" } else { "," }, wording::account(report, id));
        if display_width(&line) + display_width(&part) > COLUMNS - 3 - 5 {
            break;
        }
        line.push_str(&part);
        named += 1;
    }
    let is_all = named as u64 == cause.accounts;
    if named > 0 && !is_all {
        line.push_str(", ...");
    }
    (line, is_all && first_region.is_some())
}

/// What the commands at the end are for.
fn how_to_retry(report: &Report) -> Option<String> {
    let plan = &report.retry.plan;
    let commands = report.retry.commands();
    if commands == 0 {
        return report.retry.note.as_ref().map(|note| format!("No command retries this. {}", wording::plain(note)));
    }
    let of = |when: When, cancelled: bool| -> u64 {
        let entries = plan.iter().filter(|entry| entry.when == when && entry.causes.is_empty() == cancelled);
        entries.map(|entry| entry.targets).sum()
    };
    let (targets, cancelled) = (("target", "targets"), ("cancelled target", "cancelled targets"));
    let parts: Vec<String> = [
        (of(When::Now, false), targets, "now"),
        (of(When::Now, true), cancelled, "now"),
        (of(When::AfterFix, false), targets, "after the fix"),
        (of(When::AfterFix, true), cancelled, "last"),
        (of(When::WhenEnded, false), targets, "once the operation has ended"),
        (of(When::WhenEnded, true), cancelled, "once it has ended"),
    ]
    .into_iter()
    .filter(|(n, ..)| *n > 0)
    .map(|(n, (one, many), when)| format!("{} {when}", wording::count(n, one, many)))
    .collect();
    let the_commands = if commands == 1 { "the command" } else { "the commands" };
    Some(format!("Run {the_commands} at the end of this email, for {}.", parts.join("; for ")))
}

/// What the first screen had no room for: the texts, the things that they name, the accounts.
fn details(page: &mut Page, report: &Report, are_named: bool) {
    let by_owner = wording::by_owner(report);
    let causes: Vec<(usize, &Cause)> = by_owner.into_iter().flat_map(|(_, causes)| causes).collect();
    if causes.is_empty() {
        return;
    }
    page.gap();
    page.line("DETAILS");
    for (shown, (number, cause)) in causes.iter().enumerate() {
        if shown > 0 && page.lines() > DETAIL_LINES {
            page.gap();
            for (number, cause) in &causes[shown..] {
                let targets = wording::targets(cause.count);
                page.folded("", &format!("{number}. {}: {} ({targets})", cause.code, cause.title));
            }
            page.paragraph("", "The JSON document of this message has their texts.");
            break;
        }
        one_cause(page, report, *number, cause, are_named);
    }
}

fn one_cause(page: &mut Page, report: &Report, number: usize, cause: &Cause, is_named: bool) {
    page.gap();
    let mut indent = format!("{number}. ");
    if !is_named {
        page.folded("", &format!("{indent}{}{}", wording::probably(cause), cause.code));
        indent = "   ".to_owned();
    }
    let details = wording::plain(&cause.details);
    let details = [wording::or_owner(cause).unwrap_or_default(), &wording::shorten(&details, SAMPLE)].join(" ");
    if !details.trim().is_empty() {
        page.hanging(&indent, "   ", details.trim());
        indent = "   ".to_owned();
    }
    let is_all = is_named && cause.groups.len() == 1 && reach(report, cause).1;
    for group in cause.groups.iter().take(GROUPS_SHOWN) {
        one_group(page, &indent, group, cause.groups.len() > 1);
        indent = "   ".to_owned();
        if !is_all {
            fold_targets(page, report, &group.targets, group.count);
        }
    }
    let hidden = cause.groups.len().saturating_sub(GROUPS_SHOWN) as u64 + cause.groups_omitted.groups;
    if hidden > 0 {
        let shown: u64 = cause.groups.iter().take(GROUPS_SHOWN).map(|group| group.count).sum();
        let rest = wording::targets(cause.count - shown);
        page.folded("   ", &format!("and {} with {rest}", wording::count(hidden, "more text", "more texts")));
    }
}

fn one_group(page: &mut Page, indent: &str, group: &Group, one_of_many: bool) {
    let count = one_of_many.then(|| wording::targets(group.count));
    let head: Vec<String> = [count, wording::resource(group)].into_iter().flatten().collect();
    let mut indent = indent;
    if !head.is_empty() {
        page.hanging(indent, "   ", &format!("{}:", head.join(", ")));
        indent = "   ";
    }
    if group.basis == Basis::AccountState {
        page.hanging(indent, "   ", "AWS Organizations says that the account is suspended or closed. The text:");
        indent = "   ";
    }
    page.hanging(&format!("{indent}> "), "   > ", &wording::shorten(&wording::sample(group), SAMPLE));
    if let Some(read_in) = wording::read_in(group) {
        page.folded("   ", &read_in);
    }
    if let Some(reason) = &group.gate_reason {
        page.folded("   ", &format!("The gate said: {}", wording::shorten(&wording::plain(reason), SAMPLE)));
    }
}

/// The accounts that the details of a group name, in their order.
pub(super) fn accounts_shown(group: &Group) -> Vec<&str> {
    let sets = wording::region_sets(&group.targets, group.count);
    sets.into_iter()
        .take(REGION_SETS_SHOWN)
        .flat_map(|(_, accounts)| accounts.into_iter().take(ACCOUNTS_SHOWN))
        .collect()
}

fn fold_targets(page: &mut Page, report: &Report, targets: &[Target], count: u64) {
    let sets = wording::region_sets(targets, count);
    let mut listed = 0;
    for (regions, accounts) in sets.iter().take(REGION_SETS_SHOWN) {
        let shown = &accounts[..accounts.len().min(ACCOUNTS_SHOWN)];
        let shown: Vec<String> = shown.iter().map(|id| wording::account(report, id)).collect();
        let mut line = format!("{}: {}", regions.join(", "), shown.join(", "));
        let more = accounts.len() - shown.len();
        if more > 0 {
            line.push_str(&format!(" and {}", wording::count(more as u64, "more account", "more accounts")));
        }
        listed += accounts.len() * regions.len();
        page.hanging("   in ", "      ", &wording::plain(&line));
    }
    let unlisted = count.saturating_sub(listed as u64);
    if unlisted > 0 {
        page.line(&format!("   and {}", wording::count(unlisted, "more target", "more targets")));
    }
}

fn collateral(page: &mut Page, report: &Report) {
    let cancelled = &report.collateral;
    if cancelled.count() == 0 {
        return;
    }
    page.paragraph("", &format!("Cancelled before they started: {}.", wording::cancelled(cancelled)));
    for reason in cancelled.reasons.iter().take(GROUPS_SHOWN) {
        one_text(page, None, reason.sample.as_deref(), reason.count);
    }
    let hidden = cancelled.reasons.len().saturating_sub(GROUPS_SHOWN) as u64 + cancelled.reasons_omitted.groups;
    and_more_texts(page, hidden);
}

fn others(page: &mut Page, report: &Report) {
    if report.counts.other == 0 {
        return;
    }
    page.paragraph("", &format!("Unknown status: {}.", wording::targets(report.counts.other)));
    for reason in report.other_reasons.iter().take(GROUPS_SHOWN) {
        one_text(page, Some(&reason.status), reason.sample.as_deref(), reason.count);
    }
    let hidden = report.other_reasons.len().saturating_sub(GROUPS_SHOWN) as u64 + report.other_reasons_omitted.groups;
    and_more_texts(page, hidden);
}

fn one_text(page: &mut Page, status: Option<&str>, sample: Option<&str>, count: u64) {
    let status = status.map(|status| format!(" {}", wording::plain(status))).unwrap_or_default();
    let sample = sample.map_or_else(|| "(no reason given)".to_owned(), wording::plain);
    page.folded("   > ", &format!("{}{status}: {}", wording::targets(count), wording::shorten(&sample, SAMPLE)));
}

fn and_more_texts(page: &mut Page, hidden: u64) {
    if hidden > 0 {
        page.line(&format!("   and {}", wording::count(hidden, "more text", "more texts")));
    }
}

fn gates(page: &mut Page, report: &Report) {
    let gate = &report.account_gate;
    let says = [
        (gate.refused, "refused"),
        (gate.no_action, "answered that no action was necessary or possible"),
        (gate.unrecognized, "gave an answer that is not known"),
        (gate.skipped.count, "skipped"),
    ];
    if says.iter().all(|(n, _)| *n == 0) {
        return;
    }
    // The rest, so that the numbers add up.
    let without = if gate.skipped.count > 0 { 0 } else { gate.not_configured + gate.not_invokable };
    let rest = [(without, "without a gate"), (gate.absent + gate.not_reached, "never asked")];
    let parts: Vec<String> = says
        .iter()
        .chain(&rest)
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", wording::number(*n)))
        .collect();
    // Those of targets that succeeded were not read.
    let passed = match report.completeness.succeeded_from {
        SucceededFrom::Results => format!("{} passed, ", wording::number(gate.passed)),
        SucceededFrom::CloudFormation => String::new(),
    };
    page.paragraph("", &format!("Account gates of the targets: {passed}{}.", parts.join(", ")));
    // Beside failures the list would be noise; the document has it.
    if gate.skipped.count > 0 && report.counts.failed + report.counts.cancelled == 0 {
        fold_targets(page, report, &gate.skipped.targets, gate.skipped.count);
    }
}

fn tables(page: &mut Page, report: &Report) {
    let regions = report.by_region.iter().map(|row| Row::new(row.region.as_deref().map(wording::plain), row.tally));
    table(page, "By Region", regions.collect(), report.by_region_omitted.names);
    let units = report
        .by_organizational_unit
        .iter()
        .map(|row| Row::new(row.organizational_unit_id.as_deref().map(|id| wording::unit(report, id)), row.tally));
    table(page, "By organizational unit", units.collect(), report.by_organizational_unit_omitted.names);
}

struct Row {
    name: String,
    tally: Tally,
}

impl Row {
    fn new(name: Option<String>, tally: Tally) -> Self {
        let mut name = name.unwrap_or_else(|| "(none)".to_owned());
        if begins_like_a_header(&name) {
            name.insert(0, ' ');
        }
        // Wide characters take two columns each.
        let most = if display_width(&name) == name.chars().count() { NAME_COLUMNS } else { NAME_COLUMNS / 2 };
        Self { name: wording::shorten_middle(&name, most).into_owned(), tally }
    }
}

/// A column's head and its number in a row.
type Column = (&'static str, fn(&Tally) -> u64);

/// A table only where something failed, and where it says something: more than one row, with trouble that is uneven; and only the rows with
/// trouble.
fn table(page: &mut Page, title: &str, mut rows: Vec<Row>, omitted: u64) {
    if page.lines() > TABLE_LINES {
        return;
    }
    let share = |a: &Row, b: &Row| u128::from(a.tally.trouble()) * u128::from(b.tally.total());
    let is_uneven = |a: &Row, b: &Row| a.tally.succeeded.is_none() || share(a, b) != share(b, a);
    let uneven = rows.windows(2).any(|pair| matches!(pair, [a, b] if is_uneven(a, b)));
    if !uneven || rows.iter().all(|row| row.tally.failed == 0) {
        return;
    }
    rows.sort_by(|a, b| b.tally.trouble().cmp(&a.tally.trouble()).then_with(|| a.name.cmp(&b.name)));
    let width = rows.iter().map(|row| display_width(&row.name)).max().unwrap_or(0).max(title.len());
    let padded = |name: &str| format!("{name}{}", " ".repeat(width - display_width(name)));
    let columns: [Column; 4] = [
        ("succeeded", |tally| tally.succeeded.unwrap_or(0)),
        ("failed", |tally| tally.failed),
        ("cancelled", |tally| tally.cancelled),
        ("other", |tally| tally.other),
    ];
    let used: Vec<_> = columns.iter().filter(|(_, of)| rows.iter().any(|row| of(&row.tally) > 0)).collect();
    page.gap();
    let heads: String = used.iter().map(|(head, _)| format!("{head:>11}")).collect();
    page.line(&format!("{}{heads}", padded(title)));
    rows.retain(|row| row.tally.trouble() + row.tally.other > 0);
    for row in rows.iter().take(TABLE_ROWS) {
        let cells: String = used.iter().map(|(_, of)| format!("{:>11}", wording::number(of(&row.tally)))).collect();
        page.line(&format!("{}{cells}", padded(&row.name)));
    }
    let more = rows.len().saturating_sub(TABLE_ROWS) as u64 + omitted;
    if more > 0 {
        page.line(&format!("and {} more", wording::number(more)));
    }
}

/// The commands, as many as `room` lines hold.
fn retry(page: &mut Page, report: &Report, room: usize) {
    let retry = &report.retry;
    if retry.commands() == 0 {
        return;
    }
    let before = page.lines();
    page.gap();
    page.line("COMMANDS TO RETRY");
    page.gap();
    retry.notes.iter().for_each(|note| page.hanging("- ", "  ", note));
    let mut hidden: Vec<&PlanEntry> = Vec::new();
    for entry in &retry.plan {
        let mut has_head = false;
        for command in &entry.commands {
            let lines = folded_command(command);
            // With what stands before it, and the lines that count what is hidden.
            let needed = lines.len() + 1 + if has_head { 0 } else { 3 } + 8;
            if !hidden.is_empty() || page.lines() - before + needed > room || lines.iter().any(|line| line.len() > LINE)
            {
                hidden.push(entry);
                continue;
            }
            if !has_head {
                entry_head(page, report, entry);
                has_head = true;
            }
            page.gap();
            lines.iter().for_each(|line| page.line(line));
        }
    }
    let more = hidden.len() as u64 + retry.omitted;
    if more > 0 {
        hidden.dedup();
        let mut what: Vec<String> = hidden.iter().take(HIDDEN_NAMED).map(|entry| wording::what_for(entry)).collect();
        if hidden.len() > HIDDEN_NAMED {
            what.push("others".to_owned());
        }
        let what = if what.is_empty() { String::new() } else { format!(" for {}", what.join(", ")) };
        let more = wording::count(more, "more command", "more commands");
        page.paragraph("", &format!("There is no room for {more}{what}. The command line prints all of them:"));
        page.gap();
        let (set, operation) = (&report.stack_set, &report.operation);
        let id = set.id.as_ref().map_or_else(String::new, |id| format!(":{id}"));
        let region = set.region.as_ref().map_or_else(String::new, |region| format!(" --region {region}"));
        let command = format!("stackset-report retry {}{id} {}{region}", set.name, operation.id);
        page.line(&wording::plain(&command));
    }
}

/// Entries of the plan that are named where their commands have no room.
const HIDDEN_NAMED: usize = 4;

fn entry_head(page: &mut Page, report: &Report, entry: &PlanEntry) {
    page.paragraph("", &format!("{}: {}.", wording::when(report, entry), wording::what_for(entry)));
}

/// A command on lines of at most [`LINE`] characters that a shell reads as one: broken between words with a backslash,
/// and within a quoted list after a comma.
fn folded_command(command: &str) -> Vec<String> {
    // So early that the next word or item still fits.
    const FULL: usize = LINE - 150;
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut is_quoted = false;
    for char in command.chars() {
        is_quoted ^= char == '\'';
        if line.len() < FULL || !matches!(char, ' ' | ',') || is_quoted != (char == ',') {
            line.push(char);
        } else if char == ' ' {
            line.push_str(" \\");
            lines.push(std::mem::take(&mut line));
        } else {
            line.push_str(",'\\");
            lines.push(std::mem::replace(&mut line, "'".to_owned()));
        }
    }
    lines.push(line);
    lines
}

/// Commands that list what the numbers stand for.
fn lists(page: &mut Page, report: &Report) {
    if report.problems().is_empty() {
        return;
    }
    page.gap();
    page.line("COMMANDS TO LOOK CLOSER");
    let groups = report.causes.iter().flat_map(|cause| &cause.groups);
    let unexplained = groups.filter(|group| group.evidence.is_none());
    for stack in unexplained.flat_map(|group| group.stacks.first()).take(STACKS_SHOWN) {
        let account = wording::account(report, &stack.account);
        page.paragraph("", &format!("To see why, in account {account}, {}:", wording::plain(&stack.region)));
        page.gap();
        folded_command(&stack.command).iter().for_each(|line| page.line(line));
    }
    let operation = &report.operation;
    for listed in &operation.results_commands {
        let status = listed.status.map_or_else(String::new, |status| format!("{status} "));
        page.paragraph("", &format!("To list every {status}target:"));
        page.gap();
        // On lines of its own, so that a phone copies the command and nothing else.
        folded_command(&listed.command).iter().for_each(|line| page.line(line));
    }
    if let Some(command) = &operation.stopped_by_command {
        page.paragraph("", "To see who stopped it:");
        page.gap();
        page.line(command);
    }
}

fn stop(page: &mut Page, report: &Report) {
    if let Some(command) = report.in_progress.as_ref().and_then(|progress| progress.stop_command.as_ref()) {
        page.paragraph("", "To stop the operation:");
        page.gap();
        page.line(command);
    }
}

/// What a search or a support case asks for.
fn footer(page: &mut Page, report: &Report) {
    page.gap();
    let set = &report.stack_set;
    let account = set.account.as_ref().map(|account| format!(" in account {}", wording::plain(account)));
    page.folded("", &format!("Operation {}{}.", wording::plain(&report.operation.id), account.unwrap_or_default()));
    let completeness = &report.completeness;
    let whole = match (&completeness.missing, completeness.complete, completeness.failed_expected) {
        (Some(_), ..) => ", not all of them.",
        _ if completeness.succeeded_from == SucceededFrom::CloudFormation => {
            ". CloudFormation counts all other targets as succeeded."
        }
        (None, false, _) => "; the operation has not ended.",
        (None, true, Some(_)) => ", all of them. CloudFormation's own count of failed targets agrees.",
        (None, true, None) => ", all of them.",
    };
    page.folded("", &format!("Read {}{whole}", wording::count(completeness.results_read, "result", "results")));
    if let Some(events) = report.stack_events.as_ref().filter(|events| events.errors > 0) {
        let reason = events.reason.as_deref().unwrap_or_default();
        let reason = wording::shorten(&wording::plain(reason), SAMPLE).into_owned();
        let stacks = wording::count(events.errors, "stack", "stacks");
        page.folded("", &format!("Could not read the events of {stacks}: {reason}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_command_is_the_same_to_a_shell() {
        let accounts: Vec<String> = (0..2_000).map(|i| format!("{:012}", 300_000_000_000_u64 + i)).collect();
        for command in [
            format!(
                "aws x --deployment-targets 'Accounts={},OrganizationalUnitIds=ou-1' --regions a b",
                accounts.join(",")
            ),
            format!("aws x --accounts {} --regions a b --preferences 'A=1,B=2'", accounts.join(" ")),
            "aws x --accounts 1".to_owned(),
        ] {
            let lines = folded_command(&command);
            assert!(lines.iter().all(|line| line.len() <= LINE));
            assert_eq!(lines.len() > 1, command.len() > LINE);
            assert_eq!(shlex::split(&lines.join("\n")), shlex::split(&command));
        }
    }
}
