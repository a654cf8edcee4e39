//! Sends an event through the function, with a loopback AWS: prints the email and the chat notification, and writes the
//! page.
//!
//! `cargo run --example demo [-- EVENT_FILE]`

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use report_page::rows::Rows;
use sandbox::{Aws, Published, Scenario, demo};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::{Config, ReadResults, SdkSettings};
use stackset_notifier::event::{FunctionIdentity, ReportRequest, Trigger};
use stackset_notifier::handler::{self, Invocation};
use stackset_notifier::notifier::Notifier;
use stackset_notifier::operation::{OperationRef, StackSetRef};
use stackset_notifier::reporter::Reporter;
use stackset_notifier::time_budget::TimeBudget;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

const DEFAULT_EVENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events/operation-failed.json");
/// Where the bodies of the last message are written.
const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/demo");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| DEFAULT_EVENT.to_owned());
    let mut out = io::stdout().lock();
    match run(&path, &mut out).await {
        Ok(()) => ExitCode::SUCCESS,
        // `head` closes its input when it has enough.
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

    // The files of an earlier run would look like those of this one.
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
    let config = Config::from_lookup(|name| {
        let value = match name {
            "TOPIC_ARN" => demo::TOPIC_ARN,
            "MEMBER_ROLE_NAME" => demo::MEMBER_ROLE_NAME,
            _ => return Ok(None),
        };
        Ok(Some(value.to_owned()))
    })?;
    let deadline = Instant::now() + Duration::from_secs(300);
    let invocation = Invocation { function_arn: demo::FUNCTION_ARN, deadline };
    let mut settings = config.report.clone();
    let response = handler::handle(&Notifier::new(config, &sdk), &event, &invocation).await?;

    let messages = loopback.published();
    for message in &messages {
        show(out, message)?;
    }
    let Some(last) = messages.last() else {
        let response = serde_json::to_string_pretty(&response)?;
        return Ok(writeln!(out, "No message was sent. The function's response:\n\n{response}")?);
    };
    writeln!(out, "{}\n", "-".repeat(78))?;
    writeln!(out, "Whole bodies: target/demo/email.txt, chat.json, report.json")?;
    let document: Value = serde_json::from_str(&last.body("sqs").unwrap_or_default())?;
    // A digest is about many operations.
    if let (Some(id), Some(stack_set)) = (document["operation"]["id"].as_str(), document["stackSet"]["id"].as_str()) {
        settings.read_results = ReadResults::All;
        let page = page(Reporter::new(settings, &sdk), id, stack_set).await?;
        fs::write(Path::new(OUTPUT).join("page.html"), page)?;
        writeln!(out, "Every target:  target/demo/page.html, for a browser")?;
    }
    Ok(())
}

/// The page of an operation, as `stackset-report report --output html` makes it.
async fn page(reporter: Reporter, operation_id: &str, stack_set_id: &str) -> Result<String, Box<dyn Error>> {
    let rows = Arc::new(Mutex::new(Rows::new(true)));
    let sink = Arc::clone(&rows);
    let reporter = reporter.on_page(move |page| {
        let mut rows = sink.lock().unwrap_or_else(PoisonError::into_inner);
        page.iter().for_each(|row| rows.add(row));
    });
    let stack_set = StackSetRef { id: Some(stack_set_id.to_owned()), ..StackSetRef::from_arn(demo::ARN)? };
    let request = ReportRequest {
        operation: OperationRef { stack_set, operation_id: operation_id.to_owned() },
        call_as: None,
        trigger: Trigger::Manual,
        event_status: None,
        queued: Arc::default(),
    };
    let identity = FunctionIdentity::from_function_arn(demo::FUNCTION_ARN);
    let budget = TimeBudget::until(Instant::now() + Duration::from_secs(300));
    let report = reporter.report(request, &identity, budget).await?;
    let rows = std::mem::take(&mut *rows.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(report_page::page(&report, &rows.join(&report))?)
}

/// Moves all times so that the event is now: a sweep compares the times of the operations with the clock.
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
    let email = message.body("email").unwrap_or_default();
    let chat = as_shown(&message.chat().unwrap_or_default());
    writeln!(out, "Subject: {}\n\n{email}\n", message.subject.as_deref().unwrap_or_default())?;
    writeln!(out, "{}\n\n{chat}\n", "--- In Slack or Microsoft Teams ".to_owned() + &"-".repeat(46))?;

    let directory = Path::new(OUTPUT);
    fs::create_dir_all(directory)?;
    fs::write(directory.join("email.txt"), email)?;
    fs::write(directory.join("chat.json"), pretty(message, "https")?)?;
    fs::write(directory.join("report.json"), pretty(message, "sqs")?)?;
    Ok(())
}

/// Chat's markdown and its escapes as a reader sees them.
fn as_shown(chat: &str) -> String {
    let bold = |line: &str| match line.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')) {
        Some(title) if io::stdout().is_terminal() => format!("\u{1b}[1m{title}\u{1b}[0m"),
        Some(title) => title.to_owned(),
        None => line.to_owned(),
    };
    let lines: Vec<String> = chat.lines().map(bold).collect();
    lines
        .join("\n")
        .replace("[Open in CloudFormation](", "Open in CloudFormation (")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn pretty(message: &Published, protocol: &str) -> Result<String, Box<dyn Error>> {
    let value: Value = serde_json::from_str(&message.body(protocol).unwrap_or_default())?;
    Ok(serde_json::to_string_pretty(&value)?)
}
