//! Follows an operation until it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use stackset_notifier::operation::{ListedOperation, Operation, OperationRef, ResultStatus};
use stackset_notifier::read::Next;
use stackset_notifier::render::wording;

use crate::args::{Terminal, Watch};
use crate::error::Error;
use crate::live::{Found, Live};
use crate::progress::is_shown;

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
pub async fn follow(live: &Live, args: &Watch) -> Result<Found, Error> {
    let set = live.stack_set(&args.stack_set)?;
    let found = match &args.operation {
        Some(id) => live.find(set, id).await?,
        None => {
            let (call_as, operations) = live.operations(&set).await?;
            let Some(operation) = to_follow(&operations) else {
                return Err(Error::Nothing(format!("could not watch stack set {set}: it has no operation")));
            };
            let operation = OperationRef { stack_set: set, operation_id: operation.id.clone() };
            Found { operation, call_as }
        }
    };
    let bars = Bars::new(&args.terminal);
    let pause = Duration::from_secs(args.every);
    loop {
        let described = describe(live, &found).await?;
        if described.status.is_terminal() {
            bars.finish();
            return Ok(found);
        }
        if bars.are_shown {
            bars.show(&described, &regions(live, &found, &described).await?);
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

async fn describe(live: &Live, found: &Found) -> Result<Operation, Error> {
    let described = live.reader().describe(&found.operation, found.call_as, live.later()).await;
    described.map(|(described, _)| described).map_err(|error| found.failed(error))
}

/// The Regions by CloudFormation's own count, or by the results where it does not count.
async fn regions(live: &Live, found: &Found, described: &Operation) -> Result<BTreeMap<String, Region>, Error> {
    let counted = described.totals.iter().flat_map(|totals| &totals.by_region);
    let counted: BTreeMap<String, Region> = counted
        .filter_map(|(name, counted)| {
            let (total, pending) = counted.targets.zip(counted.pending)?;
            let ended = total.saturating_sub(pending);
            Some((name.clone(), Region { total, ended, failed: counted.failed.unwrap_or(0) }))
        })
        .collect();
    if !counted.is_empty() {
        return Ok(counted);
    }
    let mut regions: BTreeMap<String, Region> = BTreeMap::new();
    let mut pages = live.reader().results(&found.operation, found.call_as, None);
    while let Next::Page(page) = pages.next(live.later()).await.map_err(|error| found.failed(error))? {
        for row in page {
            let region = regions.entry(row.region.unwrap_or_default()).or_default();
            region.total += 1;
            region.failed += u64::from(row.status == Some(ResultStatus::Failed));
            let is_open = matches!(row.status, Some(ResultStatus::Running | ResultStatus::Pending));
            region.ended += u64::from(!is_open);
        }
    }
    Ok(regions)
}

/// A bar for each Region, on a terminal.
struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    regions: std::cell::RefCell<BTreeMap<String, ProgressBar>>,
    are_shown: bool,
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
        Self { all, head, regions: Default::default(), are_shown }
    }

    fn show(&self, described: &Operation, regions: &BTreeMap<String, Region>) {
        let (total, ended) = regions.values().fold((0, 0), |(total, ended), of| (total + of.total, ended + of.ended));
        let status = wording::status(described.status.as_str());
        let (ended, total) = (wording::number(ended), wording::targets(total));
        self.head.set_message(format!("{status}, {ended} of {total} ended"));
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

    fn finish(&self) {
        self.head.finish_and_clear();
        self.regions.borrow().values().for_each(ProgressBar::finish_and_clear);
    }
}
