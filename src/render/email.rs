//! The email: plain text, made to be read on a phone in ten seconds.

use std::collections::BTreeMap;

use textwrap::WordSeparator;
use textwrap::core::{Word, display_width};
use unicode_linebreak::linebreaks;

use super::wording;
use crate::report::{Cause, Group, Report, Tally, Target};

/// Columns, where nothing unbreakable forbids it.
const COLUMNS: usize = 78;
/// Causes in full; of the rest, one text each.
const CAUSES_IN_FULL: usize = 10;
/// Distinct texts shown of one cause.
const GROUPS_SHOWN: usize = 3;
/// Accounts listed for one set of Regions.
const ACCOUNTS_SHOWN: usize = 12;
/// Sets of Regions listed for one text.
const REGION_SETS_SHOWN: usize = 4;
/// Characters of one sample text.
const SAMPLE: usize = 600;
/// Rows of the tables by Region and by organizational unit.
const TABLE_ROWS: usize = 15;
/// Columns of their names: four numbers of eleven columns stand beside them.
const NAME_COLUMNS: usize = COLUMNS - 4 * 11;
/// Bytes of retry commands; nobody pastes more.
const COMMANDS: usize = 16_384;

/// The body for `email` and `default`.
pub(super) fn email(report: &Report) -> String {
    let mut page = Page::default();
    headline(&mut page, report);
    if let Some(regions) = wording::where_now(report) {
        page.paragraph("", &regions);
    }
    if let Some(stuck) = wording::stuck(report) {
        page.paragraph("", &stuck);
    }
    if let Some(missing) = &report.completeness.missing {
        page.paragraph("", &format!("INCOMPLETE: {}.", wording::plain(missing)));
    }
    if let Some(reason) = &report.operation.status_reason {
        page.paragraph("", &format!("CloudFormation says: {}", wording::shorten(&wording::plain(reason), SAMPLE)));
    }
    who_must_act(&mut page, report);
    causes(&mut page, report);
    collateral(&mut page, report);
    others(&mut page, report);
    drift(&mut page, report);
    gates(&mut page, report);
    tables(&mut page, report);
    retry(&mut page, report);
    stop(&mut page, report);
    footer(&mut page, report);
    page.0
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
        let options = textwrap::Options::new(COLUMNS)
            .initial_indent(indent)
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

fn headline(page: &mut Page, report: &Report) {
    let counts = &report.counts;
    page.folded("", &format!("{}: {}", report.outcome.as_str(), wording::what(report)));
    page.folded("", &format!("{}.", wording::sentence(&wording::how_bad(report))));
    let named = [
        (counts.succeeded, "succeeded"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "running"),
        (counts.pending, "pending"),
    ];
    let mut shown: Vec<String> =
        named.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", wording::number(*n))).collect();
    shown.extend(
        counts.other_statuses.iter().map(|(status, n)| format!("{} {}", wording::number(*n), wording::status(status))),
    );
    if shown.len() > 1 {
        page.paragraph("  ", &shown.join(" | "));
    }
}

fn causes(page: &mut Page, report: &Report) {
    for (i, cause) in report.causes.iter().enumerate() {
        let head = format!("{}. {}{}: {}", i + 1, wording::probably(cause), cause.code, reach(cause));
        page.paragraph("", &head);
        page.folded("   ", &format!("Who can fix it: {}", wording::who_can_fix(cause)));
        if let Some(helps) = cause.retry_helps {
            page.folded("   ", &format!("Retry unchanged helps: {helps}"));
        }
        if let Some(step) = &cause.next_step {
            page.folded("   ", &format!("Next: {}", wording::shorten(&wording::plain(step), SAMPLE)));
        }
        let most = if i < CAUSES_IN_FULL { GROUPS_SHOWN } else { 1 };
        for group in cause.groups.iter().take(most) {
            one_group(page, group, cause.groups.len() > 1);
        }
        let hidden = cause.groups.len().saturating_sub(most) as u64 + cause.groups_omitted.groups;
        if hidden > 0 {
            let shown: u64 = cause.groups.iter().take(most).map(|group| group.count).sum();
            let rest = wording::targets(cause.count - shown);
            page.folded("   ", &format!("and {} with {rest}", wording::count(hidden, "more text", "more texts")));
        }
    }
}

fn reach(cause: &Cause) -> String {
    format!(
        "{}, {}, {}",
        wording::count(cause.accounts, "account", "accounts"),
        wording::targets(cause.count),
        wording::count(cause.regions, "Region", "Regions")
    )
}

/// Who must act on what, before the details.
fn who_must_act(page: &mut Page, report: &Report) {
    if report.causes.len() < 2 {
        return;
    }
    let mut by_owner: Vec<(&str, Vec<String>)> = Vec::new();
    for cause in &report.causes {
        let owner = wording::who_can_fix(cause);
        let what = format!("{} ({})", cause.code, wording::number(cause.count));
        match by_owner.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, list)) => list.push(what),
            None => by_owner.push((owner, vec![what])),
        }
    }
    page.gap();
    page.line("Who can fix it (targets):");
    for (owner, list) in by_owner {
        page.folded("  ", &format!("{owner}: {}", list.join(", ")));
    }
}

fn one_group(page: &mut Page, group: &Group, one_of_many: bool) {
    let count = one_of_many.then(|| wording::targets(group.count));
    let head: Vec<String> = [count, wording::resource(group)].into_iter().flatten().collect();
    if !head.is_empty() {
        page.folded("   ", &format!("{}:", head.join(", ")));
    }
    page.folded("   > ", &wording::shorten(&wording::sample(group), SAMPLE));
    if let Some(reason) = &group.gate_reason {
        page.folded("   ", &format!("The gate said: {}", wording::shorten(&wording::plain(reason), SAMPLE)));
    }
    fold_targets(page, &group.targets, group.count);
}

/// Accounts by the set of Regions they failed in, largest set of accounts first.
fn fold_targets(page: &mut Page, targets: &[Target], count: u64) {
    const UNNAMED: &str = "(not named)";
    let targets = whole_accounts(targets, count);
    let mut accounts_of: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    let mut regions: Vec<&str> = Vec::new();
    // They come in the order of their accounts, and of the Regions of each.
    for of_account in targets.chunk_by(|one, two| one.account() == two.account()) {
        regions.clear();
        regions.extend(of_account.iter().map(|target| target.region().unwrap_or(UNNAMED)));
        regions.dedup();
        let account = of_account.first().and_then(|target| target.account()).unwrap_or(UNNAMED);
        match accounts_of.get_mut(regions.as_slice()) {
            Some(accounts) => accounts.push(account),
            None => drop(accounts_of.insert(regions.clone(), vec![account])),
        }
    }
    let mut sets: Vec<_> = accounts_of.into_iter().collect();
    sets.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    let mut listed = 0;
    for (regions, accounts) in sets.iter().take(REGION_SETS_SHOWN) {
        let shown = &accounts[..accounts.len().min(ACCOUNTS_SHOWN)];
        let mut line = format!("{}: {}", regions.join(", "), shown.join(" "));
        let more = accounts.len() - shown.len();
        if more > 0 {
            line.push_str(&format!(" and {}", wording::count(more as u64, "more account", "more accounts")));
        }
        listed += accounts.len() * regions.len();
        page.folded("     ", &wording::plain(&line));
    }
    let unlisted = count.saturating_sub(listed as u64);
    if unlisted > 0 {
        page.line(&format!("     and {}", wording::count(unlisted, "more target", "more targets")));
    }
}

/// Where the list was cut for size, the last account's Regions may not all be there: it goes too.
fn whole_accounts(targets: &[Target], count: u64) -> &[Target] {
    match targets.last() {
        Some(last) if (targets.len() as u64) < count => {
            let whole = targets.partition_point(|target| target.account() < last.account());
            targets.get(..whole).filter(|whole| !whole.is_empty()).unwrap_or(targets)
        }
        _ => targets,
    }
}

fn collateral(page: &mut Page, report: &Report) {
    let cancelled = &report.collateral;
    if cancelled.count() == 0 {
        return;
    }
    page.paragraph("", &format!("Cancelled, never begun: {}.", wording::cancelled(cancelled)));
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
    page.paragraph("", &format!("A status that is not known: {}.", wording::targets(report.counts.other)));
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

fn drift(page: &mut Page, report: &Report) {
    let drift = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty());
    if let Some(drift) = drift {
        page.paragraph("", &format!("Drift: {drift}."));
    }
}

fn gates(page: &mut Page, report: &Report) {
    let gate = &report.account_gate;
    let says = [
        (gate.refused, "refused"),
        (gate.no_action, "answered that no action was necessary or possible"),
        (gate.unrecognized, "gave an answer that is not known"),
        (gate.skipped.count, "went on without a gate's consent"),
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
    page.paragraph(
        "",
        &format!("Account gate, in targets: {} passed, {}.", wording::number(gate.passed), parts.join(", ")),
    );
    // Beside failures the list would be noise; the document has it.
    if gate.skipped.count > 0 && report.counts.failed + report.counts.cancelled == 0 {
        fold_targets(page, &gate.skipped.targets, gate.skipped.count);
    }
}

fn tables(page: &mut Page, report: &Report) {
    let regions = report.by_region.iter().map(|row| Row::new(row.region.as_deref(), row.tally)).collect();
    table(page, "By Region", regions, report.by_region_omitted.names);
    let units =
        report.by_organizational_unit.iter().map(|row| Row::new(row.organizational_unit_id.as_deref(), row.tally));
    table(page, "By organizational unit", units.collect(), report.by_organizational_unit_omitted.names);
}

struct Row {
    name: String,
    tally: Tally,
}

impl Row {
    fn new(name: Option<&str>, tally: Tally) -> Self {
        let mut name = wording::plain(name.unwrap_or("(none)"));
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

/// A table only where it says something: more than one row, with trouble that is uneven.
fn table(page: &mut Page, title: &str, mut rows: Vec<Row>, omitted: u64) {
    let share = |a: &Row, b: &Row| u128::from(a.tally.trouble()) * u128::from(b.tally.total());
    let uneven = rows.windows(2).any(|pair| matches!(pair, [a, b] if share(a, b) != share(b, a)));
    if !uneven {
        return;
    }
    rows.sort_by(|a, b| b.tally.trouble().cmp(&a.tally.trouble()).then_with(|| a.name.cmp(&b.name)));
    let width = rows.iter().map(|row| display_width(&row.name)).max().unwrap_or(0).max(title.len());
    let padded = |name: &str| format!("{name}{}", " ".repeat(width - display_width(name)));
    let columns: [Column; 4] = [
        ("succeeded", |tally| tally.succeeded),
        ("failed", |tally| tally.failed),
        ("cancelled", |tally| tally.cancelled),
        ("other", |tally| tally.other),
    ];
    let used: Vec<_> = columns.iter().filter(|(_, of)| rows.iter().any(|row| of(&row.tally) > 0)).collect();
    page.gap();
    let heads: String = used.iter().map(|(head, _)| format!("{head:>11}")).collect();
    page.line(&format!("{}{heads}", padded(title)));
    for row in rows.iter().take(TABLE_ROWS) {
        let cells: String = used.iter().map(|(_, of)| format!("{:>11}", wording::number(of(&row.tally)))).collect();
        page.line(&format!("{}{cells}", padded(&row.name)));
    }
    let more = rows.len().saturating_sub(TABLE_ROWS) as u64 + omitted;
    if more > 0 {
        page.line(&format!("and {} more", wording::number(more)));
    }
}

fn retry(page: &mut Page, report: &Report) {
    let retry = &report.retry;
    if retry.commands.is_empty() && retry.note.is_none() {
        return;
    }
    let all = retry.commands.len() as u64 + retry.commands_omitted;
    let ready = usize::try_from(retry.commands_ready).unwrap_or(usize::MAX);
    let head = match report.operation.action.as_deref() {
        _ if all == 0 => "There is no command to retry with.".to_owned(),
        Some("DETECT_DRIFT") => "To check the stack set again".to_owned(),
        _ if report.counts.cancelled == 0 => "To retry what failed".to_owned(),
        _ if report.counts.failed == 0 => "To retry what was cancelled".to_owned(),
        _ => "To retry what failed or was cancelled".to_owned(),
    };
    let label = |i: usize| if i < ready { wording::NOW } else { wording::later(report) };
    let mixed = ready > 0 && ready < retry.commands.len();
    page.paragraph(
        "",
        &match (all, mixed) {
            (0, _) => head,
            (_, true) => format!("{head}:"),
            (_, false) => format!("{head}, {}:", label(0)),
        },
    );
    if let Some(note) = &retry.note {
        page.folded("", &format!("Note: {note}."));
    }
    let mut room = COMMANDS;
    let fits = |command: &&String| {
        let left = room.checked_sub(command.len());
        room = left.unwrap_or_default();
        left.is_some()
    };
    // The first ones, without a gap: they are for most targets.
    let shown: Vec<&String> = retry.commands.iter().take_while(fits).collect();
    for (i, command) in shown.iter().enumerate() {
        if mixed && (i == 0 || i == ready) {
            page.paragraph("", &format!("{}:", wording::sentence(label(i))));
        }
        page.gap();
        // Never folded: a line break would break the command.
        page.line(command);
    }
    let hidden = all - shown.len() as u64;
    if hidden > 0 {
        let are = if hidden == 1 { "is" } else { "are" };
        page.paragraph(
            "",
            &format!(
                "{} of {} {are} not in this email, for want of room; the JSON report may have more of them.",
                wording::number(hidden),
                wording::count(all, "command", "commands")
            ),
        );
    }
}

fn stop(page: &mut Page, report: &Report) {
    if let Some(command) = report.in_progress.as_ref().and_then(|progress| progress.stop_command.as_ref()) {
        page.paragraph("", "To stop it:");
        page.gap();
        page.line(command);
    }
}

fn footer(page: &mut Page, report: &Report) {
    let operation = &report.operation;
    page.gap();
    if let Some(url) = &operation.console_url {
        page.line(&format!("Stack set: {url}"));
    }
    page.folded("", &format!("Operation: {}", wording::plain(&operation.id)));
    let set = &report.stack_set;
    let place: Vec<String> = [("account", &set.account), ("Region", &set.region)]
        .iter()
        .filter_map(|(word, value)| value.as_ref().map(|value| format!("{word} {}", wording::plain(value))))
        .collect();
    if !place.is_empty() {
        page.folded("", &format!("Administered in: {}", place.join(", ")));
    }
    match (&operation.started_at, &operation.ended_at) {
        (Some(start), Some(end)) => {
            let took =
                operation.duration_seconds.map_or_else(String::new, |s| format!(", took {}", wording::duration(s)));
            page.folded("", &format!("Ended: {}{took} (started {})", wording::time(end), wording::time(start)));
        }
        (Some(start), None) => page.folded("", &format!("Started: {}", wording::time(start))),
        (None, Some(end)) => page.folded("", &format!("Ended: {}", wording::time(end))),
        (None, None) => {}
    }
    let completeness = &report.completeness;
    let whole = match (&completeness.missing, completeness.complete, completeness.failed_expected) {
        (Some(_), ..) => ", INCOMPLETE",
        (None, false, _) => "; the operation has not ended",
        (None, true, Some(_)) => ", complete; the number of failures agrees with CloudFormation's own",
        (None, true, None) => ", complete",
    };
    page.folded("", &format!("Read: {}{whole}.", wording::count(completeness.results_read, "result", "results")));
    if let Some(again) = wording::again(report) {
        page.folded("", &again);
    }
    if !report.problems().is_empty() {
        for listed in &operation.results_commands {
            let status = listed.status.map_or_else(String::new, |status| format!("{status} "));
            page.paragraph("", &format!("Every {status}target is listed by:"));
            // On a line of its own, so that a phone copies the command and nothing else.
            page.line(&listed.command);
        }
    }
}
