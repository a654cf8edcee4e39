//! The retry plan as a script.

use std::io::Write;
use std::process::{Command, Stdio};

use sandbox::{Row, demo};
use serde_json::Value;

use crate::support::{Run, account, aws, operation, rows, run, scenario};

/// Whether a POSIX shell can read a script; it runs nothing.
fn check(script: &str) {
    let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success(), "{script}");
}

/// The lines that are no comments.
fn commands(script: &str) -> Vec<Vec<String>> {
    let lines = script.lines().filter(|line| !line.starts_with('#') && !line.is_empty() && *line != "set -eu");
    lines.map(|line| shlex::split(line).unwrap()).collect()
}

#[test]
fn the_script_has_every_command_of_the_plan() {
    let loopback = aws(demo::scenario());
    let with = |arguments: &[&str]| Run::with(&loopback, arguments).done();
    let done = with(&["retry", demo::ARN, demo::OPERATION_ID]);
    assert_eq!(done.code, 1, "{}", done.err);
    check(&done.out);
    insta::assert_snapshot!(done.out);
    let document = with(&["report", demo::ARN, demo::OPERATION_ID, "--output", "json"]);
    let document: Value = serde_json::from_str(&document.out).unwrap();
    let plan = document["retry"]["plan"].as_array().unwrap();
    let expected: Vec<Vec<String>> = plan
        .iter()
        .flat_map(|entry| entry["commands"].as_array().unwrap())
        .map(|command| shlex::split(command.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(commands(&done.out), expected);
}

#[test]
fn commands_are_whole_however_many_accounts_there_are() {
    let rows = (0..15_000).map(|i| Row::failed(&account(i), "eu-west-1", "Rate exceeded")).collect();
    let done = run(&aws(scenario(operation("FAILED", rows))), &["retry", "baseline"]);
    check(&done.out);
    let commands = commands(&done.out);
    let accounts = commands.iter().flatten().filter(|word| word.starts_with("2000000")).count();
    assert_eq!((commands.len(), accounts), (8, 15_000));
}

#[test]
fn nothing_to_run_is_said() {
    let done = run(&aws(scenario(operation("SUCCEEDED", rows(3)))), &["retry", "baseline"]);
    assert_eq!(done.code, 0);
    check(&done.out);
    assert!(done.out.ends_with("# There is nothing to run.\n"), "{}", done.out);
}

#[test]
fn no_text_of_others_leaves_its_comment() {
    let reason = "You need $(reboot) \u{2028}`reboot`\nreboot\r\u{85}reboot is not authorized to perform: iam:PassRole";
    let rows = vec![Row::failed(&account(1), "eu-west-1", reason)];
    let done = run(&aws(scenario(operation("FAILED", rows).reason(reason))), &["retry", "baseline"]);
    check(&done.out);
    let commands = commands(&done.out);
    assert!(commands.iter().all(|words| words[0] == "aws"), "{}", done.out);
    assert_eq!(commands.len(), 1, "{}", done.out);
}
