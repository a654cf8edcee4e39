//! What a person sees on standard error while pages are read.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stackset_notifier::operation::{ResultStatus, TargetResult};
use stackset_notifier::render::wording::{count, number};

use crate::args::Terminal;

/// Whether progress is shown: on a terminal only.
pub fn is_shown(terminal: &Terminal) -> bool {
    !terminal.no_progress && !terminal.quiet && stderr().is_terminal()
}

/// One line that says how far reading is; nothing where it is not shown.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    started: Instant,
    pages: AtomicU64,
    rows: AtomicU64,
    failed: AtomicU64,
}

impl Progress {
    /// A line that says what is done first.
    pub fn new(terminal: &Terminal, what: &'static str) -> Self {
        let target = if is_shown(terminal) { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        if is_shown(terminal) {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let (pages, rows, failed) = Default::default();
        Self { bar, counts: Arc::new(Counts { started: Instant::now(), pages, rows, failed }) }
    }

    /// Shows another text.
    pub fn set_message(&self, what: String) {
        self.bar.set_message(what);
    }

    /// Counts a page; `retries` is how often AWS had to be asked again so far.
    pub fn page(&self, page: &[TargetResult], retries: u64) {
        let failed = page.iter().filter(|row| row.status == Some(ResultStatus::Failed)).count() as u64;
        let counts = &self.counts;
        let pages = counts.pages.fetch_add(1, Relaxed) + 1;
        let rows = counts.rows.fetch_add(page.len() as u64, Relaxed) + page.len() as u64;
        let failed = counts.failed.fetch_add(failed, Relaxed) + failed;
        let rate = u128::from(rows) * 1_000 / counts.started.elapsed().as_millis().max(1);
        let mut text = format!(
            "{}, {}, {} failed so far, {} a second",
            count(pages, "page", "pages"),
            count(rows, "result", "results"),
            number(failed),
            number(u64::try_from(rate).unwrap_or_default()),
        );
        if retries > 0 {
            text.push_str(&format!(", throttled or repeated {}", count(retries, "time", "times")));
        }
        self.bar.set_message(text);
    }

    /// Writes something else to standard error, with the line out of the way.
    pub fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
