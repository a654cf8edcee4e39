//! What a person reads at a terminal.

use stackset_notifier::classify::RetryHelps;
use stackset_notifier::render::wording;
use stackset_notifier::report::{Cause, Group, Outcome, PlanEntry, Report, Severity, Target};
use textwrap::core::display_width;

use super::TextLayout;
use super::style::{BAD, BOLD, DIM, GOOD, HEAD, WARNING, link, styled};

/// Texts of one cause, unless every account is named.
const GROUPS: usize = 3;
/// Sets of Regions of one text, unless every account is named.
const REGION_SETS: usize = 3;
/// Accounts of one set of Regions, unless every account is named.
const ACCOUNTS: usize = 5;
/// Characters of one text.
const SAMPLE: usize = 400;
/// Characters of a command that is shown here; `retry` prints longer ones.
const COMMAND: usize = 1_000;

/// The whole report.
pub fn report(report: &Report, look: TextLayout) -> String {
    let mut page = Page { out: String::new(), look };
    headline(&mut page, report);
    causes(&mut page, report);
    others(&mut page, report);
    regions(&mut page, report);
    look_closer(&mut page, report);
    retry(&mut page, report);
    page.out
}

struct Page {
    out: String,
    look: TextLayout,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn head(&mut self, text: &str) {
        self.gap();
        self.line(&styled(HEAD, text));
    }

    /// A text folded at the columns, with `first` before the first line and as many spaces before the others.
    fn folded(&mut self, first: &str, text: &str) {
        self.lines_of(first, text).iter().for_each(|line| self.line(line));
    }

    fn dimmed(&mut self, first: &str, text: &str) {
        for line in self.lines_of(first, text) {
            let indent = line.len() - line.trim_start().len();
            let (indent, text) = line.split_at(indent);
            self.line(&format!("{indent}{}", styled(DIM, text)));
        }
    }

    fn lines_of(&self, first: &str, text: &str) -> Vec<String> {
        let indent = " ".repeat(display_width(first));
        let options = textwrap::Options::new(self.look.width)
            .initial_indent(first)
            .subsequent_indent(&indent)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        textwrap::wrap(&wording::plain(text), options).into_iter().map(|line| line.into_owned()).collect()
    }
}

/// What happened, how bad it is, since when, and where to click.
fn headline(page: &mut Page, report: &Report) {
    let style = match report.severity {
        Severity::Error => BAD,
        Severity::Warning => WARNING,
        Severity::Info => GOOD,
    };
    for line in page.lines_of("", &report.summary) {
        page.line(&styled(style, &line));
    }
    page.dimmed("", &operation_line(report));
    if let Some(url) = &report.operation.console_url {
        page.line(&styled(DIM, &link(&wording::plain(url))));
    }
    let drift = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty());
    let said = [
        report.completeness.missing.as_ref().map(|missing| format!("INCOMPLETE: {missing}.")),
        report.operation.status_reason.as_ref().map(|reason| format!("CloudFormation says: {reason}")),
        wording::compared(report),
        drift.map(|drift| format!("Drift: {drift}.")),
        wording::where_now(report),
        wording::next_in_progress(report).map(str::to_owned),
    ];
    page.gap();
    said.iter().flatten().for_each(|text| page.folded("", text));
}

/// Where and when it was, and its id.
pub(super) fn operation_line(report: &Report) -> String {
    let (set, operation) = (&report.stack_set, &report.operation);
    let took = operation.duration_seconds.map(|seconds| format!(" after {}", wording::duration(seconds)));
    let ended =
        operation.ended_at.as_ref().map(|at| format!("ended {}{}", wording::time(at), took.unwrap_or_default()));
    let started = || operation.started_at.as_ref().map(|at| format!("started {}", wording::time(at)));
    let parts = [
        Some(format!("operation {}", operation.id)).filter(|_| !operation.id.is_empty()),
        set.account.as_ref().map(|account| format!("account {account}")),
        set.region.clone(),
        ended.or_else(started),
        Some(format!("{} read", wording::count(report.completeness.results_read, "result", "results"))),
    ];
    wording::sentence(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn causes(page: &mut Page, report: &Report) {
    for (owner, causes) in wording::by_owner(report) {
        let targets = causes.iter().map(|(_, cause)| cause.count).sum();
        page.head(&format!("{} ({})", owner.to_uppercase(), wording::targets(targets)));
        for (number, cause) in causes {
            one_cause(page, report, number, cause);
        }
    }
}

fn one_cause(page: &mut Page, report: &Report, number: usize, cause: &Cause) {
    let (title, targets) = (format!("{number:>2}. {}", cause.title), wording::targets(cause.count));
    let space = page.look.width.min(120).saturating_sub(display_width(&title) + targets.len()).max(2);
    page.gap();
    page.line(&format!("{}{}{targets}", styled(BOLD, &title), " ".repeat(space)));
    page.dimmed("    ", &format!("{}{}; {}", wording::probably(cause), cause.code, reach(cause)));
    let details = [wording::or_owner(cause).unwrap_or_default(), cause.details.as_str(), retry_helps(cause)];
    let details: Vec<&str> = details.into_iter().filter(|text| !text.is_empty()).collect();
    if !details.is_empty() {
        page.folded("    ", &details.join(" "));
    }
    let shown = if page.look.accounts { usize::MAX } else { GROUPS };
    for group in cause.groups.iter().take(shown) {
        one_group(page, report, group, cause.groups.len() > 1);
    }
    let hidden = cause.groups.len().saturating_sub(shown) as u64 + cause.groups_omitted.groups;
    if hidden > 0 {
        page.line(&format!("    and {} (--accounts shows them)", wording::count(hidden, "more text", "more texts")));
    }
}

/// `39 accounts, 16 Regions, 3 newly failed`.
pub(super) fn reach(cause: &Cause) -> String {
    let accounts = wording::count(cause.accounts, "account", "accounts");
    let regions = wording::count(cause.regions, "Region", "Regions");
    let new = cause.newly_failed.filter(|new| *new < cause.count).map(|new| format!(", {} new", wording::number(new)));
    format!("{accounts}, {regions}{}", new.unwrap_or_default())
}

fn retry_helps(cause: &Cause) -> &'static str {
    match cause.retry_helps {
        Some(RetryHelps::Yes) => "Retry now.",
        Some(RetryHelps::No) => "Fix it, then retry.",
        // The details say when.
        Some(RetryHelps::Sometimes) | None => "",
    }
}

fn one_group(page: &mut Page, report: &Report, group: &Group, is_one_of_many: bool) {
    let count = is_one_of_many.then(|| wording::targets(group.count));
    let head: Vec<String> = [count, wording::resource(group)].into_iter().flatten().collect();
    if !head.is_empty() {
        page.folded("    ", &format!("{}:", head.join(", ")));
    }
    page.folded("    > ", &wording::shorten(&wording::sample(group), SAMPLE));
    if let Some(read_in) = wording::read_in(group) {
        page.folded("      ", &read_in);
    }
    if let Some(reason) = &group.gate_reason {
        page.folded("      ", &format!("The gate said: {}", wording::shorten(&wording::plain(reason), SAMPLE)));
    }
    targets(page, report, &group.targets, group.count);
    for stack in group.stacks.first().iter().filter(|_| group.evidence.is_none()) {
        page.dimmed("      ", "To see why, in that account:");
        page.line(&format!("      {}", wording::plain(&stack.command)));
    }
}

/// `in eu-west-1, us-east-1: prod-payments (111122223333), ...`.
fn targets(page: &mut Page, report: &Report, targets: &[Target], count: u64) {
    let sets = wording::region_sets(targets, count);
    let (sets_shown, accounts_shown) =
        if page.look.accounts { (usize::MAX, usize::MAX) } else { (REGION_SETS, ACCOUNTS) };
    let mut listed = 0;
    for (regions, accounts) in sets.iter().take(sets_shown) {
        let shown: Vec<String> = accounts.iter().take(accounts_shown).map(|id| wording::account(report, id)).collect();
        let more = (accounts.len() - shown.len()) as u64;
        let more = Some(more).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {}", wording::count(more, "more account", "more accounts")));
        let line = format!("{}: {}{}", regions.join(", "), shown.join(", "), more.unwrap_or_default());
        listed += (accounts.len() * regions.len()) as u64;
        page.dimmed("      in ", &line);
    }
    let unlisted = count.saturating_sub(listed);
    if unlisted > 0 {
        page.dimmed("      ", &format!("and {}", wording::count(unlisted, "more target", "more targets")));
    }
}

fn others(page: &mut Page, report: &Report) {
    let cancelled = &report.collateral;
    page.gap();
    if cancelled.count() > 0 {
        page.folded("", &format!("Cancelled before they started: {}.", wording::cancelled(cancelled)));
    }
    if report.counts.other > 0 {
        page.folded("", &format!("Unknown status: {}.", wording::targets(report.counts.other)));
    }
    for reason in &report.other_reasons {
        let sample = reason.sample.as_deref().unwrap_or("(no reason given)");
        let text = format!("{} {}: {sample}", wording::targets(reason.count), wording::status(&reason.status));
        page.folded("    > ", &wording::shorten(&wording::plain(&text), SAMPLE));
    }
    let skipped = report.account_gate.skipped.count;
    if skipped > 0 {
        page.folded("", &format!("{} skipped their account gate.", wording::targets(skipped)));
    }
}

/// Regions with trouble, where there is more than one.
fn regions(page: &mut Page, report: &Report) {
    let trouble: Vec<_> = report.by_region.iter().filter(|region| region.tally.trouble() > 0).collect();
    if report.by_region.len() < 2 || trouble.is_empty() {
        return;
    }
    let name = |region: &Option<String>| wording::plain(region.as_deref().unwrap_or("(none)"));
    let width = trouble.iter().map(|of| display_width(&name(&of.region))).max().unwrap_or(0).max(6);
    page.gap();
    page.line(&styled(BOLD, &format!("{:<width$}{:>11}{:>11}{:>11}", "Region", "failed", "cancelled", "succeeded")));
    for of in trouble {
        let tally = &of.tally;
        let numbers = [tally.failed, tally.cancelled, tally.succeeded.unwrap_or(0)].map(wording::number);
        let [failed, cancelled, succeeded] = numbers;
        page.line(&format!("{:<width$}{failed:>11}{cancelled:>11}{succeeded:>11}", name(&of.region)));
    }
}

/// Commands that show what the report does not.
fn look_closer(page: &mut Page, report: &Report) {
    let operation = &report.operation;
    let drifted = operation.results_commands.iter().find(|listed| listed.status == Some("DRIFTED"));
    let commands = [
        ("To see who stopped it:", operation.stopped_by_command.as_ref()),
        ("To list what drifted:", drifted.map(|listed| &listed.command)),
        ("To stop the operation:", report.in_progress.as_ref().and_then(|progress| progress.stop_command.as_ref())),
    ];
    for (what, command) in commands.iter().filter_map(|(what, command)| Some((what, command.as_ref()?))) {
        page.gap();
        page.line(what);
        page.line(&format!("  {}", wording::plain(command)));
    }
}

fn retry(page: &mut Page, report: &Report) {
    if report.retry.plan.is_empty() && report.retry.notes.is_empty() {
        if report.outcome == Outcome::Succeeded && report.causes.is_empty() {
            page.gap();
            page.line("Nothing to do.");
        }
        return;
    }
    page.head("RETRY");
    for note in &report.retry.notes {
        page.folded("- ", note);
    }
    for entry in &report.retry.plan {
        page.gap();
        page.folded("", &format!("{}.", plan_head(report, entry)));
        for command in &entry.commands {
            if command.chars().count() > COMMAND {
                page.line("  (long command: run `stackset-report retry`)");
            } else {
                page.line(&format!("  {}", wording::plain(command)));
            }
        }
    }
}

/// `Now: 42 targets (THROTTLING)`.
pub(super) fn plan_head(report: &Report, entry: &PlanEntry) -> String {
    format!("{}: {}", wording::when(report, entry), wording::what_for(entry))
}
