//! Log lines as Lambda wants them.
//!
//! With the format JSON every line is an object with an RFC 3339 `timestamp` and a `level`: Lambda
//! takes a line without them for INFO and may filter it away
//! ([advanced logging controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html)).
//! Every line of an invocation carries its request id, whatever the level.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value};
use stackset_notifier::config::{LogFormat, Logging};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::{Event, Level, Subscriber, field};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// One invocation at a time runs in a Lambda process, so one request id is enough.
static REQUEST_ID: Mutex<String> = Mutex::new(String::new());

/// Starts logging; called once.
pub(super) fn init(logging: Logging) {
    let lines = Lines { format: logging.format };
    let most = match logging.level.as_str() {
        "TRACE" => Level::TRACE,
        "DEBUG" => Level::DEBUG,
        "WARN" => Level::WARN,
        "ERROR" | "FATAL" => Level::ERROR,
        _ => Level::INFO,
    };
    let own = env!("CARGO_CRATE_NAME");
    let wanted = filter_fn(move |meta| {
        // Libraries trace whole requests and events, which must stay out of the log.
        let limit = if meta.target().starts_with(own) { Level::TRACE } else { Level::INFO };
        *meta.level() <= most && *meta.level() <= limit
    });
    tracing_subscriber::registry().with(lines.with_filter(wanted)).init();
    // The default hook writes lines without a timestamp, a level and a request id.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let cause = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(kind = "Panic", place, "could not go on: {cause}");
    }));
}

/// Puts this request id on every line from now on.
pub(super) fn request(id: &str) {
    let mut current = REQUEST_ID.lock().unwrap_or_else(PoisonError::into_inner);
    id.clone_into(&mut current);
}

/// Writes events as lines.
struct Lines {
    format: LogFormat,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // The runtime logs a handler's error by its debug form; we have said it better by then.
        let message = fields.0.get("message").and_then(Value::as_str).unwrap_or_default();
        if event.metadata().target().starts_with("lambda_runtime") && message.starts_with("Diagnostic {") {
            return;
        }
        let level = event.metadata().level();
        let id = request_id();
        let line = match self.format {
            LogFormat::Json => {
                let mut line = Map::new();
                line.insert("timestamp".to_owned(), timestamp().into());
                line.insert("level".to_owned(), level.as_str().into());
                if !id.is_empty() {
                    line.insert("requestId".to_owned(), id.into());
                }
                line.extend(fields.0);
                Value::Object(line).to_string()
            }
            LogFormat::Text => {
                let mut line = format!("{level:>5} {id}");
                for (name, value) in fields.0 {
                    // Writing to a String cannot fail.
                    let _ = match name.as_str() {
                        "message" => write!(line, " {}", value.as_str().unwrap_or_default()),
                        _ => write!(line, " {name}={value}"),
                    };
                }
                line
            }
        };
        write(&line);
    }
}

/// An event's fields, each as what it is.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl field::Visit for Fields {
    fn record_debug(&mut self, field: &field::Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &field::Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &field::Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &field::Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

pub(super) fn request_id() -> String {
    REQUEST_ID.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(super) fn timestamp() -> String {
    OffsetDateTime::from(SystemTime::now()).format(&Rfc3339).unwrap_or_default()
}

/// One line at once; a log that cannot be written must not stop the function.
pub(super) fn write(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;

    /// Set where this test's own process is to panic.
    const TO_PANIC: &str = "TEST_PANICS";

    #[test]
    fn a_panic_is_a_line_of_the_log() {
        if std::env::var_os(TO_PANIC).is_some() {
            init(Logging { level: "FATAL".to_owned(), format: LogFormat::Json, function_name: String::new() });
            request("r-1");
            panic!("no way out");
        }
        let own = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "log::tests::a_panic_is_a_line_of_the_log", "--nocapture"])
            .env(TO_PANIC, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&own.stdout);
        let line: Value =
            said.lines().find_map(|line| line.find('{').and_then(|at| serde_json::from_str(&line[at..]).ok())).unwrap();
        assert_eq!(line["message"], "could not go on: no way out");
        assert_eq!((&line["level"], &line["requestId"]), (&json!("ERROR"), &json!("r-1")));
        assert!(line["place"].as_str().unwrap().starts_with("src/log.rs:"), "{line}");
        OffsetDateTime::parse(line["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();
    }
}
