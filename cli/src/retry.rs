//! The retry plan as a shell script with comments; nothing is run here.

use stackset_notifier::render::wording;
use stackset_notifier::report::Report;

/// Columns that comments are folded at.
const COLUMNS: usize = 100;

/// The script. Each command is on one line, whole.
pub fn script(report: &Report) -> String {
    let mut out = "#!/bin/sh\n".to_owned();
    comment(&mut out, &format!("{}.", report.summary));
    if !report.operation.id.is_empty() {
        comment(&mut out, &format!("Retry plan of operation {}.", report.operation.id));
    }
    if let Some(missing) = &report.completeness.missing {
        comment(&mut out, &format!("INCOMPLETE: {missing}."));
    }
    report.retry.notes.iter().for_each(|note| comment(&mut out, note));
    if report.retry.commands() == 0 {
        out.push('\n');
        comment(&mut out, "There is nothing to run.");
        return out;
    }
    out.push_str("set -eu\n");
    for entry in &report.retry.plan {
        out.push('\n');
        comment(&mut out, &format!("{}: {}.", wording::when(report, entry), wording::what_for(entry)));
        for code in &entry.causes {
            for cause in report.causes.iter().filter(|cause| cause.code == *code) {
                comment(&mut out, &format!("{code}, {}: {}", wording::owner(cause), cause.next_step));
            }
        }
        for command in &entry.commands {
            out.push_str(&wording::plain(command));
            out.push('\n');
        }
    }
    out
}

/// A text as comments: each of its lines begins with a hash sign.
fn comment(out: &mut String, text: &str) {
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent("# ")
        .subsequent_indent("# ")
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    for line in textwrap::wrap(&wording::plain(text), options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
