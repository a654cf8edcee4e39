//! The main job against a loopback AWS: an event in, and what each kind of subscriber gets.
//!
//! `cargo run --example demo [-- <event file>]`

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use sandbox::{Aws, Published, Scenario, demo};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::{Config, SdkSettings};
use stackset_notifier::handler::{Invocation, Notifier};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

const DEFAULT_EVENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events/operation-failed.json");
/// Where the bodies are kept whole.
const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/demo");
/// Lines of a long body that are shown.
const LINES_SHOWN: usize = 60;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| DEFAULT_EVENT.to_owned());
    let mut out = io::stdout().lock();
    match run(&path, &mut out).await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough, `head` for one.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn run(path: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("could not read the event file {path}: {error}"))?;
    let mut event: Value = serde_json::from_str(&text)
        .map_err(|error| format!("could not read the event file {path} as JSON: {error}"))?;

    // What an earlier event left there would be taken for this one's.
    let _ = fs::remove_dir_all(OUTPUT);
    let mut scenario = demo::scenario();
    if event["detail-type"] == "Scheduled Event" {
        move_to_now(&mut scenario, &mut event)?;
    }
    let loopback = Aws::start_in_thread(scenario);
    let sdk_settings =
        SdkSettings { region: "us-east-1".to_owned(), endpoint: Some(loopback.url()), ..SdkSettings::default() };
    let credentials = Credentials::new("demo", "demo", None, None, "demo");
    let sdk = aws::shared(&sdk_settings)?
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let config = Config::from_lookup(|name| Ok((name == "TOPIC_ARN").then(|| demo::TOPIC_ARN.to_owned())))?;
    let deadline = Instant::now() + Duration::from_secs(300);
    let invocation = Invocation { function_arn: demo::FUNCTION_ARN, deadline };
    let reply = Notifier::new(config, &sdk).handle(&event, &invocation).await?;

    let pages = loopback.requests_of("ListStackSetOperationResults").len();
    title(out, "What happened")?;
    writeln!(out, "event file     {path}")?;
    writeln!(out, "pages read     {pages}")?;
    writeln!(out, "messages sent  {}", loopback.published().len())?;
    for message in loopback.published() {
        show(out, &message)?;
    }
    title(out, "Response of the function")?;
    writeln!(out, "{}", serde_json::to_string_pretty(&reply)?)?;
    Ok(())
}

/// A sweep tells how long an operation has been going on: at the time of the event, not months later.
fn move_to_now(scenario: &mut Scenario, event: &mut Value) -> Result<(), Box<dyn Error>> {
    let parse = |time: &str| OffsetDateTime::parse(time, &Rfc3339);
    let by = OffsetDateTime::from(SystemTime::now()) - parse(event["time"].as_str().unwrap_or_default())?;
    let moved = |time: &str| -> Result<String, Box<dyn Error>> { Ok((parse(time)? + by).format(&Rfc3339)?) };
    event["time"] = moved(event["time"].as_str().unwrap_or_default())?.into();
    for operation in scenario.stack_sets.iter_mut().flat_map(|set| &mut set.operations) {
        for time in [&mut operation.created, &mut operation.ended].into_iter().flatten() {
            *time = moved(time)?;
        }
    }
    Ok(())
}

fn show(out: &mut impl Write, message: &Published) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(OUTPUT)?;
    title(out, "Subject of the mail")?;
    writeln!(out, "{}", message.subject.as_deref().unwrap_or_default())?;
    body(out, "Mail (email, default)", "mail.txt", &message.body("email").unwrap_or_default(), usize::MAX)?;
    fs::write(Path::new(OUTPUT).join("chat.json"), pretty(message, "https")?)?;
    let chat = message.chat().unwrap_or_default();
    body(out, "Chat, Slack or Teams (https; the JSON is in chat.json)", "chat.txt", &chat, usize::MAX)?;
    body(out, "Queue or function (sqs, lambda, http)", "report.json", &pretty(message, "sqs")?, LINES_SHOWN)
}

fn pretty(message: &Published, protocol: &str) -> Result<String, Box<dyn Error>> {
    let value: Value = serde_json::from_str(&message.body(protocol).unwrap_or_default())?;
    Ok(serde_json::to_string_pretty(&value)?)
}

fn body(out: &mut impl Write, name: &str, file: &str, text: &str, lines: usize) -> Result<(), Box<dyn Error>> {
    let path = Path::new(OUTPUT).join(file);
    fs::write(&path, text)?;
    title(out, name)?;
    for line in text.lines().take(lines) {
        writeln!(out, "{line}")?;
    }
    let more = text.lines().count().saturating_sub(lines);
    if more > 0 {
        writeln!(out, "... {more} more lines")?;
    }
    writeln!(out, "\n(whole in {})", Path::new("target/demo").join(file).display())?;
    Ok(())
}

fn title(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n=== {text} {}\n", "=".repeat(72_usize.saturating_sub(text.chars().count())))
}
