//! For a ticket or a pull request.

use stackset_notifier::render::wording;
use stackset_notifier::report::{Cause, Report};

use super::text;

/// Characters of one text.
const SAMPLE: usize = 400;

/// The whole report.
pub fn report(report: &Report) -> String {
    let mut out = format!("## {}\n\n{}", escape(&report.summary), escape(&text::operation_line(report)));
    if let Some(url) = &report.operation.console_url {
        out.push_str(&format!(" ([console](<{}>))", wording::plain(url).replace(['<', '>'], "")));
    }
    out.push_str(".\n");
    let drift = report.drift.as_ref().map(wording::drift).filter(|drift| !drift.is_empty());
    let cancelled = Some(&report.collateral).filter(|cancelled| cancelled.count() > 0).map(wording::cancelled);
    let said = [
        report.completeness.missing.as_ref().map(|missing| format!("**Incomplete:** {}.", escape(missing))),
        report.operation.status_reason.as_ref().map(|reason| format!("CloudFormation says: {}", escape(reason))),
        wording::compared(report).map(|text| escape(&text)),
        drift.map(|drift| format!("Drift: {}.", escape(&drift))),
        wording::where_now(report).map(|text| escape(&text)),
        cancelled.map(|cancelled| format!("Cancelled before they started: {}.", escape(&cancelled))),
    ];
    said.iter().flatten().for_each(|text| out.push_str(&format!("\n{text}\n")));
    causes(&mut out, report);
    retry(&mut out, report);
    out
}

fn causes(out: &mut String, report: &Report) {
    let by_owner = wording::by_owner(report);
    if by_owner.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = by_owner
        .iter()
        .flat_map(|(owner, causes)| causes.iter().map(move |(_, cause)| (owner, *cause)))
        .map(|(owner, cause)| {
            vec![(*owner).to_owned(), cause.code.to_owned(), wording::number(cause.count), cause.next_step.clone()]
        })
        .collect();
    out.push('\n');
    out.push_str(&table(&["Owner", "Cause", "Targets", "Next step"], &rows));
    out.push_str("\n<details><summary>Texts and accounts</summary>\n");
    for (_, cause) in by_owner.into_iter().flat_map(|(_, causes)| causes) {
        one_cause(out, report, cause);
    }
    out.push_str("\n</details>\n");
}

fn one_cause(out: &mut String, report: &Report, cause: &Cause) {
    out.push_str(&format!("\n**{}**, {}\n", escape(cause.code), text::reach(cause)));
    for group in &cause.groups {
        let sample = wording::sample(group);
        out.push_str(&format!("\n- {}: {}\n", wording::targets(group.count), code(&wording::shorten(&sample, SAMPLE))));
        for (regions, accounts) in wording::region_sets(&group.targets, group.count) {
            let names: Vec<String> = accounts.iter().map(|id| wording::account(report, id)).collect();
            out.push_str(&format!("  - {}: {}\n", escape(&regions.join(", ")), escape(&names.join(", "))));
        }
    }
}

fn retry(out: &mut String, report: &Report) {
    if report.retry.plan.is_empty() && report.retry.notes.is_empty() {
        return;
    }
    out.push_str("\n### Retry\n\n");
    for note in &report.retry.notes {
        out.push_str(&format!("- {}\n", escape(note)));
    }
    for entry in &report.retry.plan {
        out.push_str(&format!("\n{}:\n\n```sh\n", escape(&text::plan_head(report, entry))));
        entry.commands.iter().for_each(|command| out.push_str(&format!("{}\n", wording::plain(command))));
        out.push_str("```\n");
    }
}

/// A table; its cells are plain texts.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&heads.iter().map(|head| escape(head)).collect::<Vec<_>>());
    out.push_str(&line(&vec!["---".to_owned(); heads.len()]));
    for row in rows {
        out.push_str(&line(&row.iter().map(|cell| escape(cell)).collect::<Vec<_>>()));
    }
    out
}

/// A text on one line in which nothing is markdown or HTML, and nobody is mentioned.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for char in wording::plain(text).chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '#' if before == ' ' || before == '(' => out.push_str("&#35;"),
            // Within a word it is none: codes stay as they are.
            '_' if before.is_alphanumeric() => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(char);
            }
            char => out.push(char),
        }
        before = char;
    }
    out
}

/// A text as code; backticks end it nowhere.
fn code(text: &str) -> String {
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}
