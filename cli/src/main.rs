//! `stackset-report`: the report of a StackSet operation at the terminal.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use stackset_notifier::render::wording;
use stackset_report::args::Cli;
use stackset_report::error::Error;
use stackset_report::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run::run(Cli::parse()).await {
        Ok(code) => code.into(),
        // `head` closes its input when it has enough.
        Err(Error::Write(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            for line in format!("error: {error}").lines() {
                // What AWS or a file says must not steer the terminal.
                let indent = if line.starts_with("  ") { "  " } else { "" };
                let _ = writeln!(io::stderr(), "{indent}{}", wording::plain(line));
            }
            error.exit_code().into()
        }
    }
}
