//! Each help fits a screen.

use crate::support::Run;

#[test]
fn each_help_fits_a_screen() {
    for command in ["", "ls", "report", "watch", "retry", "classify"] {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let done = Run::new(&arguments).done();
        assert_eq!(done.code, 0);
        assert!(done.out.lines().count() <= 24, "{} lines: {}", done.out.lines().count(), done.out);
        assert!(done.out.lines().all(|line| line.chars().count() <= 80), "{}", done.out);
        insta::assert_snapshot!(format!("help_{command}"), done.out);
    }
}

#[test]
fn without_a_command_there_is_help() {
    let done = Run::new(&[]).done();
    assert_eq!(done.code, 2);
    assert!(done.err.contains("Usage: stackset-report <COMMAND>"), "{}", done.err);
}

#[test]
fn shells_get_completions_and_man_a_page() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = Run::new(&["completions", shell]).done();
        assert!(done.code == 0 && done.out.contains("call-as"), "{shell}: {done:?}");
    }
    let done = Run::new(&["man"]).done();
    assert!(done.out.contains(".TH stackset-report 1") && done.out.contains("Exit codes"), "{}", done.out);
}
