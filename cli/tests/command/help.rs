//! Each help fits a screen.

use std::fs;
use std::path::Path;

use clap::Parser;
use stackset_report::args::Cli;

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
    assert!(done.out.contains(".TH stackset-report-watch 1") && done.out.contains("Polling interval"), "{}", done.out);
}

/// Every command of the documentation is one that the command line knows.
#[test]
fn the_documentation_has_commands_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    pages.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut known = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(page).unwrap();
        let lines = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next()).flat_map(str::lines);
        for line in lines.filter(|line| line.starts_with("stackset-report ")) {
            let command = line.split(" > ").next().unwrap();
            let parsed = Cli::try_parse_from(shlex::split(command).unwrap());
            assert!(parsed.is_ok(), "{}: {line}: {}", page.display(), parsed.unwrap_err());
            known += 1;
        }
    }
    assert!(known > 1, "{known} commands");
}
