//! Runs the binary as a person would.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandbox::{Aws, Operation, Row, Scenario, StackSet};

pub(crate) const MANAGEMENT: &str = "111111111111";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const OPERATION: &str = "op-1";

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// One run of the binary.
pub(crate) struct Run {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Run {
    /// Without any configuration; the metadata service refuses connections.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackset-report"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
            .stdin(Stdio::null());
        Self { command, input: None }
    }

    /// With credentials and a loopback AWS.
    pub(crate) fn with(aws: &Aws, arguments: &[&str]) -> Self {
        let url = aws.url();
        Self::new(arguments)
            .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", REGION)
            .arguments(&["--endpoint-url", &url])
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = Some(text.into());
        self
    }

    /// To be run otherwise; without its input.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    pub(crate) fn done(mut self) -> Output {
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let input = self.input.take();
        let stdin = child.stdin.take();
        let writer = std::thread::spawn(move || {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // It need not be read to its end.
                let _ = stdin.write_all(&input);
            }
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Output { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs with a loopback AWS.
pub(crate) fn run(aws: &Aws, arguments: &[&str]) -> Output {
    Run::with(aws, arguments).done()
}

pub(crate) fn aws(scenario: Scenario) -> Aws {
    Aws::start_in_thread(scenario)
}

pub(crate) fn stack_set() -> StackSet {
    StackSet::self_managed("baseline", MANAGEMENT, REGION)
}

pub(crate) fn operation(status: &str, rows: Vec<Row>) -> Operation {
    Operation::new(OPERATION).action("UPDATE").status(status).rows(rows)
}

/// One stack set with one operation.
pub(crate) fn scenario(operation: Operation) -> Scenario {
    Scenario::new().stack_set(stack_set().operation(operation))
}

/// An account id for a number.
pub(crate) fn account(n: usize) -> String {
    format!("{:012}", 200_000_000_000 + n)
}

/// So many rows, every tenth failed.
pub(crate) fn rows(count: usize) -> Vec<Row> {
    (0..count)
        .map(|i| match i % 10 {
            3 => Row::failed(&account(i), "eu-west-1", "Internal Failure"),
            _ => Row::succeeded(&account(i), "eu-west-1"),
        })
        .collect()
}

/// A new file with this text.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stackset-report");
    fs::create_dir_all(&directory).unwrap();
    let path: PathBuf = directory.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
