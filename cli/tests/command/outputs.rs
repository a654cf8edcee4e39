//! The forms of a report.

use std::fs::File;
use std::process::Stdio;

use sandbox::{Row, demo};

use crate::support::{Output, Run, account, aws, operation, run, scenario};

fn demo(arguments: &[&str], columns: &str) -> Output {
    let loopback = aws(demo::scenario());
    Run::with(&loopback, &["report", demo::ARN, demo::OPERATION_ID]).arguments(arguments).env("COLUMNS", columns).done()
}

#[test]
fn text_is_folded_at_the_columns() {
    for columns in ["80", "200"] {
        let done = demo(&[], columns);
        assert_eq!(done.code, 1, "{}", done.err);
        let width: usize = columns.parse().unwrap();
        let is_one_word_or_command = |line: &str| {
            let line = line.trim_start().trim_start_matches("> ");
            !line.contains(' ') || line.starts_with("aws ")
        };
        let long = done.out.lines().find(|line| !is_one_word_or_command(line) && line.chars().count() > width);
        assert_eq!(long, None);
        assert!(!done.out.contains('\u{1b}'), "colours in a pipe");
        insta::assert_snapshot!(format!("text_{columns}"), done.out);
    }
}

#[test]
fn every_account_is_named_where_that_is_asked_for() {
    let short = demo(&[], "80").out;
    let long = demo(&["--accounts"], "80").out;
    assert!(short.contains("more accounts") && !long.contains("more accounts"), "{long}");
}

#[test]
fn other_outcomes_have_their_texts() {
    for (name, id) in [
        ("succeeded", demo::SUCCEEDED_ID),
        ("stopped", demo::STOPPED_ID),
        ("rolled_up", demo::ROLLED_UP_ID),
        ("totals_disagree", demo::TOTALS_DISAGREE_ID),
    ] {
        let done = run(&aws(demo::scenario()), &["report", demo::ARN, id]);
        insta::assert_snapshot!(format!("text_{name}"), format!("exit code {}\n{}", done.code, done.out));
    }
}

#[test]
fn markdown_is_for_a_ticket() {
    insta::assert_snapshot!(demo(&["--output", "markdown"], "80").out);
}

#[test]
fn csv_has_the_causes() {
    let done = run(&aws(demo::scenario()), &["report", demo::ARN, demo::SUCCEEDED_WITH_FAILURES_ID, "--output", "csv"]);
    insta::assert_snapshot!(done.out);
}

#[test]
fn html_is_a_page() {
    let done = demo(&["--output", "html"], "80");
    assert!(done.code == 1 && done.out.contains("security-baseline"), "{done:?}");
}

#[test]
fn colours_and_links_are_for_terminals_unless_they_are_asked_for() {
    let colored = demo(&["--color", "always"], "80").out;
    assert!(colored.contains("\u{1b}[1m\u{1b}[31m") && colored.contains("\u{1b}]8;;https://"), "{colored:?}");
    let arguments = ["report", demo::ARN, demo::OPERATION_ID];
    let loopback = aws(demo::scenario());
    let with = |name: &str, value: &str| Run::with(&loopback, &arguments).env(name, value).done().out;
    assert!(!with("NO_COLOR", "1").contains('\u{1b}'));
    assert!(!with("TERM", "xterm-256color").contains('\u{1b}'));
    assert!(!demo(&["--color", "never"], "80").out.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_exit_code() {
    let rows = (0..3_000).map(|i| Row::failed(&account(i), "eu-west-1", "Internal Failure")).collect();
    let loopback = aws(scenario(operation("FAILED", rows)));
    for output in ["text", "json", "jsonl", "csv", "markdown", "html"] {
        let mut command = Run::with(&loopback, &["report", "baseline", "--output", output]).into_command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!((done.status.code(), &*String::from_utf8_lossy(&done.stderr)), (Some(1), ""), "{output}");
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let loopback = aws(scenario(operation("FAILED", vec![Row::failed(&account(1), "eu-west-1", "Rate exceeded")])));
    for arguments in [&["retry", "baseline"][..], &["report", "baseline"], &["completions", "bash"], &["man"]] {
        // It exists on Linux only.
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let is_local = matches!(arguments, ["completions", ..] | ["man"]);
        let run = if is_local { Run::new(arguments) } else { Run::with(&loopback, arguments) };
        let done = run.into_command().stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(3), "{arguments:?}: {said}");
        assert!(said.contains("could not write the output: "), "{arguments:?}: {said}");
    }
}

/// A reason that tries to leave where it stands.
const HOSTILE: &str = "=HYPERLINK(\"http://evil\") \u{1b}[31mred\u{1b}]8;;http://evil\u{7}\u{9b}31m \u{202e}<script>alert(1)</script> \
                       [x](http://evil) `code` *bold* |cell| @everyone\n## head\r\n- item";

#[test]
fn no_reason_leaves_its_place() {
    let rows = vec![
        Row::failed(&account(1), "eu-west-1", HOSTILE),
        Row::new(&account(2), "eu-west-1", "WEIRD\u{1b}[2J").reason(HOSTILE),
    ];
    let loopback = aws(scenario(operation("FAILED", rows).reason(HOSTILE)));
    for format in ["text", "csv", "jsonl", "json", "markdown", "html"] {
        for color in ["always", "never"] {
            let done = run(&loopback, &["report", "baseline", "--output", format, "--color", color]);
            assert!(!done.out.contains("\u{1b}[31mred") && !done.out.contains("\u{1b}]8;;http://evil"), "{format}");
            assert!(!done.out.contains("\u{1b}[2J") && !done.out.contains('\u{9b}'), "{format}");
            assert!(!done.out.contains('\u{202e}') && !done.out.contains('\u{7}'), "{format}");
        }
    }
    let csv = run(&loopback, &["report", "baseline", "--output", "csv"]).out;
    assert!(csv.contains(",\"'=HYPERLINK(\"\"http://evil\"\")"), "{csv}");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let jsonl = run(&loopback, &["report", "baseline", "--output", "jsonl"]).out;
    assert!(jsonl.contains("\"reason\":\"=HYPERLINK("), "{jsonl}");
    let markdown = run(&loopback, &["report", "baseline", "--output", "markdown"]).out;
    let said = markdown.lines().find(|line| line.starts_with("CloudFormation says:")).unwrap();
    assert!(said.contains("&lt;script&gt;") && said.contains("\\[x\\](") && said.contains("\\|cell\\|"), "{said}");
    assert!(said.contains("&#64;everyone") && said.contains("\\`code\\` \\*bold\\*"), "{said}");
    assert!(!markdown.lines().any(|line| line.starts_with("## head") || line.starts_with("- item")), "{markdown}");
}
