//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stackset_notifier::operation::CallAs;

/// Help of a command with many options: its arguments stand below its usage, so that all fits a screen.
const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n{positionals}\n\nOptions:\n{options}{after-help}";

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
  stackset-report report baseline    its last operation that had problems
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
    /// Name the cause, owner and next step of failure reasons, one per line
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
    pub output: ListFormat,
    /// AWS connection.
    #[command(flatten)]
    pub aws: Aws,
    /// Terminal output.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report report`.
#[derive(Debug, Args)]
#[command(
    override_usage = "stackset-report report [OPTIONS] [STACK_SET [OPERATION]]",
    help_template = TEMPLATE,
    after_help = "Example: stackset-report report baseline --output html > page.html"
)]
pub struct Report {
    /// Which operation.
    #[command(flatten)]
    pub which: OperationArgs,
    /// Include succeeded targets (jsonl, csv)
    #[arg(short, long)]
    pub all: bool,
    /// List every account (text)
    #[arg(long)]
    pub accounts: bool,
    /// Form of the report.
    #[command(flatten)]
    pub output: Output,
    /// Saved results.
    #[command(flatten)]
    pub saved: Saved,
    /// Role in target accounts that may read stack events
    #[arg(long, value_name = "NAME")]
    pub member_role: Option<String>,
    /// AWS connection.
    #[command(flatten)]
    pub aws: Aws,
    /// Terminal output.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report watch`.
#[derive(Debug, Args)]
#[command(
    override_usage = "stackset-report watch [OPTIONS] STACK_SET [OPERATION]",
    help_template = TEMPLATE,
    after_help = "Example: stackset-report watch baseline --output markdown > ticket.md"
)]
pub struct Watch {
    /// Name, name:id or ARN
    pub stack_set: String,
    /// ID; default: the one running now, or else the last
    pub operation: Option<String>,
    /// Polling interval in seconds (default 10)
    #[arg(long, value_name = "SECONDS", default_value_t = 10, hide_default_value = true, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
    /// Include succeeded targets (jsonl, csv)
    #[arg(short, long)]
    pub all: bool,
    /// List every account (text)
    #[arg(long)]
    pub accounts: bool,
    /// Form of the report.
    #[command(flatten)]
    pub output: Output,
    /// Role in target accounts that may read stack events
    #[arg(long, value_name = "NAME")]
    pub member_role: Option<String>,
    /// AWS connection.
    #[command(flatten)]
    pub aws: Aws,
    /// Terminal output.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// `stackset-report retry`.
#[derive(Debug, Args)]
#[command(
    override_usage = "stackset-report retry [OPTIONS] [STACK_SET [OPERATION]]",
    help_template = TEMPLATE,
    after_help = "\
Examples:
  stackset-report retry baseline > retry.sh   review it, run what you need
  stackset-report retry --results saved.json --describe operation.json"
)]
pub struct Retry {
    /// Which operation.
    #[command(flatten)]
    pub which: OperationArgs,
    /// Saved results.
    #[command(flatten)]
    pub saved: Saved,
    /// Role in target accounts that may read stack events
    #[arg(long, value_name = "NAME")]
    pub member_role: Option<String>,
    /// AWS connection.
    #[command(flatten)]
    pub aws: Aws,
    /// Terminal output.
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
    /// File of failure reasons, one per line; - is standard input
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
    pub output: ListFormat,
    /// Terminal output.
    #[command(flatten)]
    pub terminal: Terminal,
}

/// Which operation.
#[derive(Debug, Default, Clone, Args)]
pub struct OperationArgs {
    /// Name, name:id or ARN
    pub stack_set: Option<String>,
    /// ID; default: the last one that had problems
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
    /// One JSON object per line.
    Jsonl,
    /// A table for a spreadsheet.
    Csv,
    /// For a ticket or a pull request.
    Markdown,
    /// A page to look at.
    Html,
}

/// Forms of a list.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people at a terminal.
    #[default]
    Text,
    /// One JSON array.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// A table for a spreadsheet.
    Csv,
    /// For a ticket or a pull request.
    Markdown,
}

/// Saved results.
#[derive(Debug, Default, Args)]
pub struct Saved {
    /// Saved list-stack-set-operation-results; - is stdin
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Saved describe-stack-set-operation (for retry plan)
    #[arg(long, value_name = "FILE", requires = "results")]
    pub describe: Option<PathBuf>,
}

/// AWS connection.
#[derive(Debug, Default, Clone, Args)]
pub struct Aws {
    /// Profile of the AWS CLI
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region of the stack set
    #[arg(long)]
    pub region: Option<String>,
    /// self, delegated-admin or auto (tries both; default)
    #[arg(
        long,
        value_name = "WHO",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub call_as: CallAsArg,
    /// Use this endpoint for all AWS services
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// The `CallAs` value.
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

/// Terminal output.
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
    /// Show more log messages; -vv even more
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
