//! The main job against a loopback AWS: an event in, and what each kind of subscriber gets.
//!
//! `cargo run --example demo [-- <event file>]`
#![allow(clippy::print_stdout, reason = "a demo talks to a person at a terminal")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use aws_sdk_cloudformation::config::{Credentials, Region};
use sandbox::{Aws, Published, demo};
use serde_json::Value;
use stackset_notifier::aws;
use stackset_notifier::config::Config;
use stackset_notifier::handler::Notifier;

const DEFAULT_EVENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events/operation-failed.json");
/// Where the bodies are kept whole.
const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/demo");
/// Lines of a long body that are shown.
const LINES_SHOWN: usize = 60;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| DEFAULT_EVENT.to_owned());
    match run(&path).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(path: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("could not read the event file {path}: {error}"))?;
    let event: Value = serde_json::from_str(&text)
        .map_err(|error| format!("could not read the event file {path} as JSON: {error}"))?;

    let loopback = Aws::start_in_thread(demo::scenario());
    let sdk = aws::loader()
        .endpoint_url(loopback.url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("demo", "demo", None, None, "demo"))
        .load()
        .await;
    let config = Config::from_lookup(|name| Ok((name == "TOPIC_ARN").then(|| demo::TOPIC_ARN.to_owned())))?;
    let reply = Notifier::new(config, &sdk).handle(&event, demo::FUNCTION_ARN).await?;

    let pages = loopback.requests_of("ListStackSetOperationResults").len();
    title("What happened");
    println!("event file     {path}");
    println!("pages read     {pages}");
    println!("messages sent  {}", loopback.published().len());
    for message in loopback.published() {
        show(&message)?;
    }
    title("Reply of the function");
    println!("{}", serde_json::to_string_pretty(&reply)?);
    Ok(())
}

fn show(message: &Published) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(OUTPUT)?;
    title("Subject of the mail");
    println!("{}", message.subject.as_deref().unwrap_or_default());
    body("Mail (email, default)", "mail.txt", &message.body("email").unwrap_or_default(), usize::MAX)?;
    body("Chat, Slack or Teams (https)", "chat.json", &pretty(message, "https")?, usize::MAX)?;
    body("Queue or function (sqs, lambda, http)", "report.json", &pretty(message, "sqs")?, LINES_SHOWN)
}

fn pretty(message: &Published, protocol: &str) -> Result<String, Box<dyn Error>> {
    let value: Value = serde_json::from_str(&message.body(protocol).unwrap_or_default())?;
    Ok(serde_json::to_string_pretty(&value)?)
}

fn body(name: &str, file: &str, text: &str, lines: usize) -> Result<(), Box<dyn Error>> {
    let path = Path::new(OUTPUT).join(file);
    fs::write(&path, text)?;
    title(name);
    for line in text.lines().take(lines) {
        println!("{line}");
    }
    let more = text.lines().count().saturating_sub(lines);
    if more > 0 {
        println!("... {more} more lines");
    }
    println!("\n(whole in {})", Path::new("target/demo").join(file).display());
    Ok(())
}

fn title(text: &str) {
    println!("\n=== {text} {}\n", "=".repeat(72_usize.saturating_sub(text.chars().count())));
}
