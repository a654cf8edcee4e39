//! What the library says while it works, on standard error.

use std::io::stderr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::Terminal;

/// Shows errors; with `-q` nothing, with `-v` also warnings and what is done, with `-vv` even more.
///
/// Most warnings are about what a report does without, such as names that may not be looked up.
pub(crate) fn init(terminal: &Terminal) {
    let level = match (terminal.quiet, terminal.verbose) {
        (true, _) => LevelFilter::OFF,
        (false, 0) => LevelFilter::ERROR,
        (false, 1) => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).without_time().with_target(false).with_ansi(false);
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(Targets::new().with_target("stackset", level)).with(lines).try_init();
}
