//! Follows an operation until it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use stackset_notifier::operation::{ListedOperation, Operation, OperationRef, TargetTotals};
use stackset_notifier::render::wording;

use tracing::warn;

use crate::args::{Terminal, Watch};
use crate::error::Error;
use crate::live::{FoundOperation, Live};
use crate::progress::is_shown;

/// Descriptions that may fail one after the other.
const ATTEMPTS: u32 = 5;

/// Targets of one Region.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Region {
    total: u64,
    failed: u64,
    ended: u64,
}

/// Finds the operation to follow and waits for its end.
///
/// # Errors
/// [`Error::Read`] if it is not found, or can no longer be read.
pub async fn follow(live: &Live, args: &Watch) -> Result<FoundOperation, Error> {
    let set = live.stack_set(&args.stack_set)?;
    let found = match &args.operation {
        Some(id) => live.find(set, id).await?,
        None => {
            let (call_as, operations) = live.operations(&set).await?;
            let Some(operation) = to_follow(&operations) else {
                return Err(Error::NothingToReport(format!("could not watch stack set {set}: it has no operation")));
            };
            let operation = OperationRef { stack_set: set, operation_id: operation.id.clone() };
            FoundOperation { operation, call_as }
        }
    };
    let bars = Bars::new(&args.terminal);
    let pause = Duration::from_secs(args.every);
    // Nothing is tried again before the first answer.
    let mut failures = ATTEMPTS;
    loop {
        match describe(live, &found).await {
            Ok(described) if described.status.is_terminal() => return Ok(found),
            Ok(described) => {
                failures = 0;
                bars.show(&described, &regions(&described));
            }
            Err(error) => {
                failures += 1;
                if failures >= ATTEMPTS {
                    return Err(error);
                }
                warn!(%error, "the operation is described again");
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// What the stack set works on; else what waits longest, or the last operation.
fn to_follow(operations: &[ListedOperation]) -> Option<&ListedOperation> {
    let is = |word: &'static str| move |operation: &&ListedOperation| operation.status.as_str() == word;
    let running = operations.iter().find(is("RUNNING")).or_else(|| operations.iter().find(is("STOPPING")));
    running.or_else(|| operations.iter().rev().find(is("QUEUED"))).or_else(|| operations.first())
}

async fn describe(live: &Live, found: &FoundOperation) -> Result<Operation, Error> {
    let described = live.reader().describe(&found.operation, found.call_as, live.deadline()).await;
    described.map(|(described, _)| described).map_err(|error| found.failed(error))
}

/// The Regions by CloudFormation's own count; none where it does not count.
fn regions(described: &Operation) -> BTreeMap<String, Region> {
    let counted = described.totals.iter().flat_map(|totals| &totals.by_region);
    let region = |(name, counted): (&String, &TargetTotals)| {
        let (total, pending) = counted.targets.zip(counted.pending)?;
        let ended = total.saturating_sub(pending);
        Some((name.clone(), Region { total, ended, failed: counted.failed.unwrap_or(0) }))
    };
    counted.filter_map(region).collect()
}

/// A bar for each Region, on a terminal.
struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    regions: std::cell::RefCell<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    fn new(terminal: &Terminal) -> Self {
        let are_shown = is_shown(terminal);
        let target = if are_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let all = MultiProgress::with_draw_target(target);
        let head = all.add(ProgressBar::new_spinner().with_message("describing the operation"));
        if are_shown {
            head.enable_steady_tick(Duration::from_millis(120));
        }
        Self { all, head, regions: Default::default() }
    }

    fn show(&self, described: &Operation, regions: &BTreeMap<String, Region>) {
        let (total, ended) = regions.values().fold((0, 0), |(total, ended), of| (total + of.total, ended + of.ended));
        let status = wording::status(described.status.as_str());
        let (ended, total) = (wording::number(ended), wording::targets(total));
        let counted = if regions.is_empty() { String::new() } else { format!(", {ended} of {total} ended") };
        self.head.set_message(format!("{status}{counted}"));
        let width = regions.keys().map(String::len).max().unwrap_or(0);
        for (name, of) in regions {
            let mut bars = self.regions.borrow_mut();
            let bar = bars.entry(name.clone()).or_insert_with(|| {
                let bar = self.all.add(ProgressBar::new(of.total));
                if let Ok(style) = ProgressStyle::with_template("  {prefix} [{bar:30}] {pos}/{len} {msg}") {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar
            });
            bar.set_prefix(format!("{:<width$}", wording::plain(name)));
            bar.set_length(of.total);
            bar.set_position(of.ended);
            bar.set_message(if of.failed > 0 {
                format!("{} failed", wording::number(of.failed))
            } else {
                String::new()
            });
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.head.finish_and_clear();
        self.regions.borrow().values().for_each(ProgressBar::finish_and_clear);
    }
}
