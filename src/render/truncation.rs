//! What to leave out of a report that is larger than a message may be.
//!
//! Targets go first, the skipped ones before the others, fairly across all lists; then long texts
//! are cut; then the smallest groups and organizational units become a counted remainder. Counts
//! never change.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use super::wording;
use crate::error::Error;
use crate::report::{
    AccountGate, Cause, Collateral, Counts, Evidence, Group, GroupsOmitted, InProgress, OperationSummary, OtherReason,
    Reason, Report, Resource, StackEvents, TalliesOmitted, Tally, Target,
};

/// What a shortened report may hold, apart from targets.
#[derive(Clone, Copy)]
struct Shape {
    /// Groups in all causes together, and texts of cancelled targets.
    groups: usize,
    /// Characters of one text.
    text: usize,
    /// Organizational units, Regions, unknown statuses.
    names: usize,
    /// Bytes of all retry commands together.
    commands: usize,
}

impl Shape {
    /// From the roomiest to the tightest: first texts get shorter, then groups fewer, a little at a
    /// time, so that no more is left out than must be.
    fn all() -> Vec<Self> {
        let roomiest = Self { groups: GROUPS, text: 8_192, names: 300, commands: 65_536 };
        let mut shapes = vec![roomiest];
        shapes.extend(shorter(1_500, 200).map(|text| Self { text, ..roomiest }));
        shapes.extend(shorter(GROUPS, 10).map(|groups| Self {
            groups,
            text: 200,
            names: roomiest.names * groups / GROUPS,
            commands: roomiest.commands * groups / GROUPS,
        }));
        shapes
    }
}

/// What even a report that is all long names can be cut to.
const TIGHTEST: Shape = Shape { groups: 5, text: 100, names: 5, commands: 0 };

/// Groups that any message has room for.
const GROUPS: usize = 400;

/// From one number down to another, a fifteenth at a time.
fn shorter(from: usize, to: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), |n| Some(n - n.div_ceil(15))).take_while(move |&n| n >= to)
}

/// A target takes at least this much in the document, so that more than the limit holds need not be tried.
const TARGET_BYTES: usize = 15;

/// As much of the report as fits `limit` bytes, by the size that a message with it has.
pub(super) fn largest_that_fits(
    report: &Report,
    limit: usize,
    size: impl Fn(&Report) -> Result<usize, Error>,
) -> Result<Cow<'_, Report>, Error> {
    let most_targets = limit / TARGET_BYTES;
    let groups: usize = report.causes.iter().map(|cause| cause.groups.len()).sum();
    if targets_in(report) <= most_targets && groups <= GROUPS && size(report)? <= limit {
        return Ok(Cow::Borrowed(report));
    }
    // The roomiest shape that fits with a target in each list, or the tightest without any.
    let mut shapes = Shape::all();
    let frame = framed(report, TIGHTEST);
    let mut roomiest = Found { targets: 0, size: size(&with_targets(&frame, 0))?, frame };
    if roomiest.size > limit {
        return Err(Error::Render(format!(
            "could not fit the report of operation {} into a message: {} bytes, SNS takes {limit}",
            report.operation.id, roomiest.size
        )));
    }
    // Most often nothing but targets must go: the roomiest is tried first.
    let mut middle = 0;
    while !shapes.is_empty() {
        let frame = framed(report, shapes[middle]);
        let targets = lists_in(&frame);
        let size = size(&with_targets(&frame, targets))?;
        if size <= limit {
            roomiest = Found { targets, size, frame };
            shapes.truncate(middle);
        } else {
            shapes.drain(..=middle);
        }
        middle = shapes.len() / 2;
    }
    let Found { targets: mut fits, size: mut best, frame } = roomiest;
    let mut too_many = most_targets.min(targets_in(&frame)) + 1;
    // Targets take about the same room each, so the size of one try shows where to try next.
    let mut each = TARGET_BYTES + TARGET_BYTES / 2;
    while too_many > fits + 1 {
        let guess = fits + (limit - best) / each;
        let tried_with = guess.clamp(fits + 1, too_many - 1);
        let tried = size(&with_targets(&frame, tried_with))?;
        if let Some(more) = tried.checked_sub(best).filter(|more| *more > 0) {
            each = more.div_ceil(tried_with - fits);
        }
        if tried <= limit {
            (fits, best) = (tried_with, tried);
        } else {
            too_many = tried_with;
        }
    }
    Ok(Cow::Owned(with_targets(&frame, fits)))
}

/// A shortened report that fits, with so many targets.
struct Found {
    targets: usize,
    /// Of the message with it.
    size: usize,
    frame: Report,
}

/// The report in one shape after the other; without a target only in the tightest.
pub(super) fn shorter_ones(report: &Report) -> impl Iterator<Item = Report> {
    let shapes = Shape::all().into_iter().step_by(8).map(|shape| framed(report, shape));
    shapes.chain(std::iter::once_with(|| with_targets(&framed(report, TIGHTEST), 0)))
}

/// The report as one of many in a digest: without targets, tables and commands.
pub(super) fn brief(report: &Report) -> Report {
    with_targets(&framed(report, Shape { groups: 1, text: 300, names: 20, commands: 0 }), 0)
}

/// The lists of failed and of cancelled targets.
fn trouble(report: &Report) -> impl Iterator<Item = &Arc<[Target]>> {
    let groups = report.causes.iter().flat_map(|cause| &cause.groups).map(|group| &group.targets);
    groups.chain([&report.collateral.targets])
}

fn lists_in(report: &Report) -> usize {
    trouble(report).filter(|list| !list.is_empty()).count()
}

fn targets_in(report: &Report) -> usize {
    trouble(report).map(|list| list.len()).sum::<usize>() + report.account_gate.skipped.targets.len()
}

/// The report in a shape, with all its targets still (they are shared, not copied).
fn framed(report: &Report, shape: Shape) -> Report {
    let mut sizes: Vec<u64> = report.causes.iter().flat_map(|cause| &cause.groups).map(|group| group.count).collect();
    sizes.sort_unstable_by_key(|&size| Reverse(size));
    // Groups of at least this size stay, and so many of the next smaller size.
    let (least, mut ties) = match sizes.get(shape.groups) {
        Some(&size) => (size + 1, shape.groups - sizes.partition_point(|&s| s > size)),
        None => (0, 0),
    };
    let causes = report
        .causes
        .iter()
        .map(|cause| {
            let mut omitted = GroupsOmitted::default();
            let mut groups = Vec::new();
            for group in &cause.groups {
                let tie = group.count + 1 == least && ties > 0;
                // Every cause keeps its largest group, however small.
                if group.count >= least || tie || groups.is_empty() {
                    ties -= usize::from(tie);
                    groups.push(short_group(group, shape.text));
                } else {
                    omitted.groups += 1;
                    omitted.count += group.count;
                }
            }
            Cause {
                groups,
                groups_omitted: omitted,
                next_step: wording::shorten(&cause.next_step, shape.text).into_owned(),
                details: wording::shorten(&cause.details, shape.text).into_owned(),
                ..*cause
            }
        })
        .collect();
    let (reasons, reasons_omitted) = first(&report.collateral.reasons, shape.groups, |reason| reason.count);
    let (other_reasons, other_reasons_omitted) = first(&report.other_reasons, shape.groups, |reason| reason.count);
    let (gate_reasons, gate_reasons_omitted) = first(&report.account_gate.reasons, shape.groups, |reason| reason.count);
    let (by_region, by_region_omitted) = most_trouble(&report.by_region, shape.names, |row| row.tally);
    let (by_organizational_unit, by_organizational_unit_omitted) =
        most_trouble(&report.by_organizational_unit, shape.names, |row| row.tally);
    let mut counts = report.counts.clone();
    shorten_statuses(&mut counts, &shape);
    let mut frame = Report {
        causes,
        counts,
        other_reasons: other_reasons.iter().map(|reason| short_reason(reason, shape.text)).collect(),
        other_reasons_omitted,
        collateral: Collateral {
            reasons: reasons
                .iter()
                .map(|reason| Reason {
                    pattern: cut(&reason.pattern, shape.text),
                    sample: cut(&reason.sample, shape.text),
                    count: reason.count,
                })
                .collect(),
            reasons_omitted,
            targets: Arc::clone(&report.collateral.targets),
            ..report.collateral
        },
        operation: OperationSummary {
            status_reason: cut(&report.operation.status_reason, shape.text),
            ..report.operation.clone()
        },
        by_region,
        by_region_omitted,
        by_organizational_unit,
        by_organizational_unit_omitted,
        stack_set: report.stack_set.clone(),
        completeness: report.completeness.clone(),
        account_gate: AccountGate {
            reasons: gate_reasons.iter().map(|reason| short_reason(reason, shape.text)).collect(),
            reasons_omitted: gate_reasons_omitted,
            skipped: report.account_gate.skipped.clone(),
            ..report.account_gate
        },
        drift: report.drift.clone(),
        in_progress: report.in_progress.as_ref().map(|progress| {
            let stop_command = progress.stop_command.clone().filter(|command| command.len() <= shape.commands);
            InProgress { stop_command, ..progress.shortened(shape.names) }
        }),
        retry: report.retry.clone(),
        names: report.names.clone(),
        summary: wording::shorten(&report.summary, shape.text.max(250)).into_owned(),
        severity: report.severity,
        compared_with: report.compared_with.clone(),
        stack_events: report
            .stack_events
            .as_ref()
            .map(|events| StackEvents { reason: cut(&events.reason, shape.text), ..*events }),
        schema_version: report.schema_version,
        outcome: report.outcome,
        attempt: report.attempt,
        read_at: report.read_at,
    };
    shorten_commands(&mut frame, shape.commands);
    frame
}

fn short_group(group: &Group, text: usize) -> Group {
    let name = |name: &str| wording::shorten(name, text).into_owned();
    Group {
        pattern: cut(&group.pattern, text),
        sample: cut(&group.sample, text),
        gate_reason: cut(&group.gate_reason, text),
        excerpt: cut(&group.excerpt, text),
        resource: group
            .resource
            .as_ref()
            .map(|resource| Resource { logical_id: name(&resource.logical_id), r#type: name(&resource.r#type) }),
        evidence: group.evidence.as_ref().map(|evidence| Evidence {
            logical_id: cut(&evidence.logical_id, text),
            r#type: cut(&evidence.r#type, text),
            reason: name(&evidence.reason),
            ..evidence.clone()
        }),
        stacks: if text > TIGHTEST.text { group.stacks.clone() } else { Vec::new() },
        targets: Arc::clone(&group.targets),
        ..*group
    }
}

fn short_reason(reason: &OtherReason, text: usize) -> OtherReason {
    OtherReason {
        status: wording::shorten(&reason.status, text).into_owned(),
        pattern: cut(&reason.pattern, text),
        sample: cut(&reason.sample, text),
        count: reason.count,
    }
}

fn cut(text: &Option<String>, max: usize) -> Option<String> {
    text.as_ref().map(|text| wording::shorten(text, max).into_owned())
}

/// The first so many of a list that is ordered by size, and what the rest holds.
fn first<T>(list: &[T], keep: usize, count: impl Fn(&T) -> u64) -> (&[T], GroupsOmitted) {
    let (kept, gone) = list.split_at(keep.min(list.len()));
    (kept, GroupsOmitted { groups: gone.len() as u64, count: gone.iter().map(count).sum() })
}

/// Keeps the Regions or units with most trouble, in their order.
fn most_trouble<T: Clone>(all: &[T], keep: usize, tally: impl Fn(&T) -> Tally) -> (Vec<T>, TalliesOmitted) {
    let mut by_trouble: Vec<usize> = (0..all.len()).collect();
    by_trouble.sort_by_key(|&i| Reverse(all.get(i).map(|row| tally(row).trouble())));
    let kept: HashSet<usize> = by_trouble.into_iter().take(keep).collect();
    let mut gone = TalliesOmitted::default();
    let mut list = Vec::with_capacity(kept.len());
    for (i, row) in all.iter().enumerate() {
        if kept.contains(&i) {
            list.push(row.clone());
        } else {
            gone.names += 1;
            gone.tally += tally(row);
        }
    }
    (list, gone)
}

/// Statuses that are not known are few, unless something is very wrong; their sum stays exact.
fn shorten_statuses(counts: &mut Counts, shape: &Shape) {
    let mut all: Vec<(String, u64)> = std::mem::take(&mut counts.other_statuses).into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (i, (status, count)) in all.into_iter().enumerate() {
        let name =
            if i < shape.names { wording::shorten(&status, shape.text).into_owned() } else { "(others)".to_owned() };
        *counts.other_statuses.entry(name).or_default() += count;
    }
}

/// Keeps whole commands only: half a command would retry the wrong targets.
fn shorten_commands(frame: &mut Report, bytes: usize) {
    let mut room = bytes;
    for entry in &mut frame.retry.plan {
        let before = entry.commands.len();
        entry.commands.retain(|command| {
            let left = room.checked_sub(command.len());
            room = left.unwrap_or(room);
            left.is_some()
        });
        frame.retry.omitted += (before - entry.commands.len()) as u64;
    }
}

/// The report with at most `total` targets: the same share for every list until it is exhausted.
/// Targets with a skipped gate, which nobody waits for, get what failed and cancelled ones leave.
fn with_targets(frame: &Report, total: usize) -> Report {
    let skipped = frame.account_gate.skipped.targets.len();
    let mut sizes: Vec<usize> = trouble(frame).map(|list| list.len()).collect();
    let for_skipped = total.saturating_sub(sizes.iter().sum()).min(skipped);
    sizes.sort_unstable();
    let mut left = total - for_skipped;
    let mut lists_left = sizes.len();
    let mut share = usize::MAX;
    for size in sizes {
        let even = left / lists_left.max(1);
        if size > even {
            share = even;
            break;
        }
        left -= size;
        lists_left -= 1;
    }
    let mut extra = if share == usize::MAX { 0 } else { left - share * lists_left };
    let mut shorten = |list: &mut Arc<[Target]>, omitted: &mut u64| {
        if list.len() > share {
            let keep = share + usize::from(extra > 0);
            extra = extra.saturating_sub(1);
            cut_list(list, omitted, keep);
        }
    };
    let mut short = frame.clone();
    for group in short.causes.iter_mut().flat_map(|cause| &mut cause.groups) {
        shorten(&mut group.targets, &mut group.targets_omitted);
    }
    shorten(&mut short.collateral.targets, &mut short.collateral.targets_omitted);
    let gate = &mut short.account_gate.skipped;
    cut_list(&mut gate.targets, &mut gate.targets_omitted, for_skipped);
    short
}

fn cut_list(list: &mut Arc<[Target]>, omitted: &mut u64, keep: usize) {
    if let Some(kept) = list.get(..keep).filter(|kept| kept.len() < list.len()) {
        *omitted += (list.len() - kept.len()) as u64;
        *list = kept.into();
    }
}
