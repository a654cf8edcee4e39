//! What to leave out of a report that is larger than a message may be.
//!
//! Targets go first, fairly across all lists; then long texts are cut; then the smallest groups
//! and organizational units become a counted remainder. Counts never change.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{Message, words};
use crate::error::Error;
use crate::report::{GroupsOmitted, OrganizationalUnitsOmitted, Report, Target};

/// What a shortened report may hold, apart from targets.
#[derive(Clone, Copy)]
struct Shape {
    /// Groups in all causes together, and texts of cancelled targets.
    groups: usize,
    /// Characters of one text.
    text: usize,
    /// Organizational units.
    units: usize,
    /// Bytes of all retry commands together.
    commands: usize,
}

/// From the roomiest to the tightest; the first that leaves room for a target a group is taken.
const SHAPES: [Shape; 6] = [
    Shape { groups: 400, text: usize::MAX, units: 300, commands: 16_384 },
    Shape { groups: 400, text: 1_000, units: 300, commands: 16_384 },
    Shape { groups: 300, text: 300, units: 100, commands: 8_192 },
    Shape { groups: 100, text: 300, units: 50, commands: 4_096 },
    Shape { groups: 40, text: 200, units: 20, commands: 1_024 },
    Shape { groups: 5, text: 100, units: 5, commands: 0 },
];

/// A target takes at least this much in the three copies of the document, so that more than the
/// limit holds need not be tried.
const TARGET_BYTES: usize = 3 * 60;

/// The message with as much of the report as fits `limit` bytes.
pub(super) fn largest_that_fits(
    report: &Report,
    limit: usize,
    assemble: impl Fn(&Report) -> Result<Message, Error>,
) -> Result<Message, Error> {
    let most_targets = limit / TARGET_BYTES;
    let groups: usize = report.causes.iter().map(|cause| cause.groups.len()).sum();
    if targets_in(report) <= most_targets && groups <= SHAPES[0].groups {
        let whole = assemble(report)?;
        if whole.size() <= limit {
            return Ok(whole);
        }
    }
    let mut smallest = 0;
    for (step, shape) in SHAPES.iter().enumerate() {
        let frame = framed(report, *shape);
        let at_least = if step + 1 == SHAPES.len() { 0 } else { lists_in(&frame) };
        let mut best = assemble(&with_targets(&frame, at_least))?;
        smallest = best.size();
        if smallest > limit {
            continue;
        }
        let (mut fits, mut too_many) = (at_least, most_targets.min(targets_in(&frame)) + 1);
        while too_many > fits + 1 {
            let middle = fits.midpoint(too_many);
            let tried = assemble(&with_targets(&frame, middle))?;
            if tried.size() <= limit {
                (fits, best) = (middle, tried);
            } else {
                too_many = middle;
            }
        }
        return Ok(best);
    }
    Err(Error::Render(format!(
        "could not fit the report of operation {} into a message: {smallest} bytes, SNS takes {limit}",
        report.operation.id
    )))
}

fn lists(report: &Report) -> impl Iterator<Item = &Arc<[Target]>> {
    let groups = report.causes.iter().flat_map(|cause| &cause.groups).map(|group| &group.targets);
    groups.chain([&report.collateral.targets, &report.account_gate.ungated.targets])
}

fn lists_in(report: &Report) -> usize {
    lists(report).filter(|list| !list.is_empty()).count()
}

fn targets_in(report: &Report) -> usize {
    lists(report).map(|list| list.len()).sum()
}

/// The report in a shape, with all its targets still (they are shared, not copied).
fn framed(report: &Report, shape: Shape) -> Report {
    let mut frame = report.clone();
    let mut sizes: Vec<u64> = frame.causes.iter().flat_map(|cause| &cause.groups).map(|group| group.count).collect();
    sizes.sort_unstable_by_key(|&size| Reverse(size));
    // Every cause keeps its largest group, however small.
    let (keep_from, mut ties) = match sizes.get(shape.groups) {
        Some(&size) => (size + 1, shape.groups - sizes.partition_point(|&s| s > size)),
        None => (0, 0),
    };
    for cause in &mut frame.causes {
        let mut omitted = GroupsOmitted::default();
        let mut first = true;
        cause.groups.retain(|group| {
            let tie = group.count + 1 == keep_from && ties > 0;
            let keep = group.count >= keep_from || tie || first;
            if tie && !first {
                ties -= 1;
            }
            first = false;
            if !keep {
                omitted.groups += 1;
                omitted.count += group.count;
            }
            keep
        });
        cause.groups_omitted = omitted;
        for group in &mut cause.groups {
            cut(&mut group.pattern, shape.text);
            cut(&mut group.sample, shape.text);
        }
        cut(&mut cause.next_step, shape.text);
    }
    let reasons = &mut frame.collateral.reasons;
    for gone in reasons.drain(shape.groups.min(reasons.len())..) {
        frame.collateral.reasons_omitted.groups += 1;
        frame.collateral.reasons_omitted.count += gone.count;
    }
    for reason in &mut frame.collateral.reasons {
        cut(&mut reason.pattern, shape.text);
        cut(&mut reason.sample, shape.text);
    }
    cut(&mut frame.operation.status_reason, shape.text);
    shorten_units(&mut frame, shape.units);
    shorten_commands(&mut frame, shape.commands);
    frame
}

fn cut(text: &mut Option<String>, max: usize) {
    if let Some(long) = text.as_ref().filter(|text| text.len() > max) {
        *text = Some(words::shorten(long, max).into_owned());
    }
}

/// Keeps the units with most trouble.
fn shorten_units(frame: &mut Report, keep: usize) {
    if frame.by_organizational_unit.len() <= keep {
        return;
    }
    let mut units = std::mem::take(&mut frame.by_organizational_unit);
    units.sort_by_key(|unit| Reverse(unit.failed + unit.cancelled));
    let mut gone = OrganizationalUnitsOmitted::default();
    for unit in units.drain(keep..) {
        gone.units += 1;
        gone.succeeded += unit.succeeded;
        gone.failed += unit.failed;
        gone.cancelled += unit.cancelled;
        gone.other += unit.other;
    }
    units.sort_by(|a, b| a.organizational_unit_id.cmp(&b.organizational_unit_id));
    frame.by_organizational_unit = units;
    frame.by_organizational_unit_omitted = gone;
}

/// Keeps whole commands only: half a command would retry the wrong targets.
fn shorten_commands(frame: &mut Report, bytes: usize) {
    let mut room = bytes;
    let before = frame.retry.commands.len();
    frame.retry.commands.retain(|command| {
        let fits = command.len() <= room;
        if fits {
            room -= command.len();
        }
        fits
    });
    let gone = before - frame.retry.commands.len();
    if gone > 0 {
        let left_out = format!("{} left out for size", words::count(gone as u64, "command is", "commands are"));
        let note = frame.retry.note.take();
        frame.retry.note = Some(note.map_or(left_out.clone(), |note| format!("{note}; {left_out}")));
        frame.retry.commands_omitted = gone as u64;
    }
}

/// The report with at most `total` targets, the same share for every list until it is exhausted.
fn with_targets(frame: &Report, total: usize) -> Report {
    let mut sizes: Vec<usize> = lists(frame).map(|list| list.len()).collect();
    sizes.sort_unstable();
    let (mut left, mut share) = (total, 0);
    let mut lists_left = sizes.len();
    for size in sizes {
        share = left / lists_left.max(1);
        if size > share {
            break;
        }
        left -= size;
        lists_left -= 1;
        share = usize::MAX;
    }
    let mut extra = if share == usize::MAX { 0 } else { left - share * lists_left };
    let mut shorten = |list: &mut Arc<[Target]>, omitted: &mut u64| {
        if list.len() > share {
            let keep = share + usize::from(extra > 0);
            extra = extra.saturating_sub(1);
            *omitted += (list.len() - keep) as u64;
            *list = list[..keep].into();
        }
    };
    let mut short = frame.clone();
    for group in short.causes.iter_mut().flat_map(|cause| &mut cause.groups) {
        shorten(&mut group.targets, &mut group.targets_omitted);
    }
    shorten(&mut short.collateral.targets, &mut short.collateral.targets_omitted);
    shorten(&mut short.account_gate.ungated.targets, &mut short.account_gate.ungated.targets_omitted);
    short
}
