//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stackset_notifier::operation::CallAs;

/// Why a CloudFormation StackSet operation failed, who can fix it and how to retry
#[derive(Debug, Parser)]
#[command(
    name = "stackset-report",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  stackset-report ls                 all stack sets and their last operations
  stackset-report report             the last operation that had problems
  stackset-report report baseline    the last one of this stack set
  stackset-report report --results saved.json --output csv

Exit codes: 0 no target failed, 1 targets failed or were cancelled,
            2 wrong usage or input, 3 incomplete, or AWS refused"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List stack sets, their last operations and how many targets failed
    Ls(Ls),
    /// Report an operation; by default the last one that had problems
    Report(Report),
    /// Follow an operation until it ends, then report it
    Watch(Watch),
    /// Print the retry plan as a shell script; nothing is run
    Retry(Retry),
    /// Name the cause, owner and next step of failure texts, one a line
    Classify(Classify),
    /// Print the completions of a shell
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    #[command(hide = true)]
    Man,
}

/// `stackset-report ls`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  stackset-report ls
  stackset-report ls 'security-*' --all --output csv")]
pub struct Ls {
    /// Stack sets by name; * stands for any text
    #[arg(default_value = "*", hide_default_value = true)]
    pub pattern: String,
    /// Every operation, not only the last of each stack set
    #[arg(short, long)]
    pub all: bool,
    /// text, json, jsonl, csv or markdown
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub output: Format,
    /// Where AWS is, and who asks.
    #[command(flatten)]
    pub aws: Aws,
    /// What the terminal shows.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report report`.
#[derive(Debug, Args)]
#[command(
    override_usage = "stackset-report report [OPTIONS] [STACK_SET [OPERATION]]",
    after_help = "\
STACK_SET is a name, name:id or ARN. Examples:
  stackset-report report baseline --output html > page.html
  stackset-report report --results saved.json --all --output csv"
)]
pub struct Report {
    /// Which operation.
    #[command(flatten)]
    pub which: Which,
    /// Lists also have the targets that succeeded
    #[arg(short, long)]
    pub all: bool,
    /// Text names every account
    #[arg(long)]
    pub accounts: bool,
    /// Form of the report.
    #[command(flatten)]
    pub output: Output,
    /// Saved results.
    #[command(flatten)]
    pub saved: Saved,
    /// Where AWS is, and who asks.
    #[command(flatten)]
    pub aws: Aws,
    /// What the terminal shows.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report watch`.
#[derive(Debug, Args)]
#[command(
    override_usage = "stackset-report watch [OPTIONS] STACK_SET [OPERATION]",
    after_help = "\
STACK_SET is a name, name:id or ARN. Without OPERATION, it is what runs now.
Examples:
  stackset-report watch baseline
  stackset-report watch baseline --output markdown > ticket.md"
)]
pub struct Watch {
    /// Stack set: name, name:id or ARN
    #[arg(hide = true)]
    pub stack_set: String,
    /// Operation; without one, what the stack set works on, or its last operation
    #[arg(hide = true)]
    pub operation: Option<String>,
    /// Seconds between two looks, 10 by default
    #[arg(long, value_name = "SECONDS", default_value_t = 10, hide_default_value = true, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
    /// Lists also have the targets that succeeded
    #[arg(short, long)]
    pub all: bool,
    /// Text names every account
    #[arg(long)]
    pub accounts: bool,
    /// Form of the report.
    #[command(flatten)]
    pub output: Output,
    /// Where AWS is, and who asks.
    #[command(flatten)]
    pub aws: Aws,
    /// What the terminal shows.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report retry`.
#[derive(Debug, Args)]
#[command(
    override_usage = "stackset-report retry [OPTIONS] [STACK_SET [OPERATION]]",
    after_help = "\
STACK_SET is a name, name:id or ARN. Examples:
  stackset-report retry baseline > retry.sh     then read it, and run what helps
  stackset-report retry --results saved.json --describe operation.json"
)]
pub struct Retry {
    /// Which operation.
    #[command(flatten)]
    pub which: Which,
    /// Saved results.
    #[command(flatten)]
    pub saved: Saved,
    /// Where AWS is, and who asks.
    #[command(flatten)]
    pub aws: Aws,
    /// What the terminal shows.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackset-report classify reasons.txt
  pbpaste | stackset-report classify --output csv")]
pub struct Classify {
    /// File of failure texts, one a line; - is standard input
    #[arg(default_value = "-", hide_default_value = true)]
    pub file: PathBuf,
    /// text, json, jsonl, csv or markdown
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub output: Format,
    /// What the terminal shows.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// Which operation.
#[derive(Debug, Default, Clone, Args)]
pub struct Which {
    /// Stack set: name, name:id or ARN
    #[arg(hide = true)]
    pub stack_set: Option<String>,
    /// Operation; without one, the last that had problems
    #[arg(hide = true)]
    pub operation: Option<String>,
}

/// Form of the report.
#[derive(Debug, Default, Args)]
pub struct Output {
    /// text, json, jsonl, csv, markdown or html
    #[arg(
        short = 'o',
        long = "output",
        id = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub format: Format,
}

/// Forms of an output.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people at a terminal.
    #[default]
    Text,
    /// The function's document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A table for a spreadsheet.
    Csv,
    /// For a ticket or a pull request.
    Markdown,
    /// A page to look at.
    Html,
}

/// Saved results.
#[derive(Debug, Default, Args)]
pub struct Saved {
    /// Saved list-stack-set-operation-results; - is stdin
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Saved describe-stack-set-operation, for the retry
    #[arg(long, value_name = "FILE", requires = "results")]
    pub describe: Option<PathBuf>,
}

/// Where AWS is, and who asks.
#[derive(Debug, Default, Clone, Args)]
pub struct Aws {
    /// Profile of the AWS CLI
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region of the stack set
    #[arg(long)]
    pub region: Option<String>,
    /// self, delegated-admin or auto
    #[arg(
        long,
        value_name = "WHO",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub call_as: CallAsArg,
    /// Endpoint of all services
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// In which capacity stack sets are read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CallAsArg {
    /// As the account itself, then as delegated administrator where the stack set is not found.
    #[default]
    Auto,
    /// As the account itself.
    #[value(name = "self")]
    SelfAccount,
    /// As delegated administrator.
    DelegatedAdmin,
}

impl CallAsArg {
    /// The capacities to try, in this order.
    pub fn to_try(self) -> &'static [CallAs] {
        match self {
            Self::Auto => &[CallAs::SelfAccount, CallAs::DelegatedAdmin],
            Self::SelfAccount => &[CallAs::SelfAccount],
            Self::DelegatedAdmin => &[CallAs::DelegatedAdmin],
        }
    }
}

/// What the terminal shows.
#[derive(Debug, Default, Clone, Args)]
pub struct Terminal {
    /// Colour and links: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: Color,
    /// No progress on standard error
    #[arg(long)]
    pub no_progress: bool,
    /// Only the report and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say more on standard error; -vv even more
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
}

/// When there are colours.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
