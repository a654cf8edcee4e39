//! What the events of stacks say -> the groups of their targets get the cause that was found.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::builder::{Finding, GroupBuilder, GroupKey, ReportBuilder, Sample};
use super::document::{Evidence, GroupStack, Target};
use crate::classify::{self, Basis, Code};
use crate::numbers::rfc3339;
use crate::operation::FailedEvent;

impl Finding {
    pub(super) fn evidence(self) -> Evidence {
        Evidence {
            account: self.target.account.unwrap_or_default(),
            region: self.target.region.unwrap_or_default(),
            stack_id: self.event.stack_id,
            logical_id: self.event.logical_id,
            r#type: self.event.resource_type,
            reason: self.event.reason,
            at: self.event.at.and_then(rfc3339),
            sampled: self.sampled,
            is_guess: self.is_guess,
            text_code: self.text_code.as_str(),
        }
    }
}

/// A cause, and the masked text of one that is not known: two such texts are two causes.
type FoundCause = (Code, Option<String>);

impl ReportBuilder {
    /// Takes in what the events of stacks say, by the ids of the stacks; `None` for events that name no cause.
    ///
    /// A group gets the cause on which all its targets that were read agree. Where they disagree, these targets leave
    /// it by the cause that was found.
    pub fn add_stack_events(&mut self, read: &BTreeMap<String, Option<FailedEvent>>) {
        let is_read = |group: &GroupBuilder| group.stacks.iter().any(|stack| read.contains_key(&stack.stack_id));
        let read_groups = self.groups.iter().filter(|(_, group)| is_read(group)).map(|(key, _)| key.clone());
        let mut keys: Vec<GroupKey> = read_groups.collect();
        keys.sort_unstable();
        for key in keys {
            let Some(mut group) = self.groups.remove(&key) else { continue };
            let sampled = group.stacks.iter().filter(|stack| read.contains_key(&stack.stack_id)).count();
            let mut by_cause: BTreeMap<FoundCause, Vec<Finding>> = BTreeMap::new();
            for stack in &group.stacks {
                let Some(Some(event)) = read.get(&stack.stack_id) else { continue };
                let target = group.targets.iter().find(|target| stack.is_of(target));
                let Some((target, (cause, is_guess))) = target.zip(found_cause(key.0, event)) else { continue };
                let finding =
                    Finding { target: target.clone(), event: event.clone(), sampled: 0, is_guess, text_code: key.0 };
                by_cause.entry(cause).or_default().push(finding);
            }
            let agree = by_cause.len() == 1 && by_cause.values().all(|findings| findings.len() == sampled);
            for ((code, _), findings) in by_cause {
                let found_for: HashSet<Target> = findings.iter().map(|finding| finding.target.clone()).collect();
                let moved = if agree { std::mem::take(&mut group) } else { group.split_off(&found_for) };
                self.add_found(&key, code, findings, moved);
            }
            if !group.targets.is_empty() {
                self.groups.insert(key, group);
            }
        }
    }

    /// Adds targets with the cause that was found for them, or for some of them.
    fn add_found(&mut self, key: &GroupKey, code: Code, findings: Vec<Finding>, moved: GroupBuilder) {
        let sampled = findings.len() as u64;
        let Some(finding) = findings.into_iter().min_by(|one, two| one.target.cmp(&two.target)) else { return };
        let (_, pattern, gate, _) = key.clone();
        let said = Arc::from(classify::mask(&classify::event_text(&finding.event)));
        let group = self.groups.entry((code, pattern, gate, Some(said))).or_default();
        group.basis = Basis::StackEvents;
        let earlier = group.finding.as_ref().map_or(0, |finding| finding.sampled);
        group.finding.get_or_insert(finding).sampled = earlier + sampled;
        Sample::keep_first(&mut group.sample, moved.sample);
        group.stacks.extend(moved.stacks);
        group.targets.extend(moved.targets);
    }
}

impl GroupBuilder {
    /// Takes these targets out, with what belongs to them.
    fn split_off(&mut self, targets: &HashSet<Target>) -> Self {
        let (moved, kept): (Vec<Target>, Vec<Target>) =
            std::mem::take(&mut self.targets).into_iter().partition(|target| targets.contains(target));
        let is_moved = |stack: &GroupStack| moved.iter().any(|target| stack.is_of(target));
        let (moved_stacks, kept_stacks) = std::mem::take(&mut self.stacks).into_iter().partition(is_moved);
        let sample = self.sample.as_ref().and_then(|sample| sample.of_first(&moved));
        self.sample = self.sample.as_ref().and_then(|sample| sample.of_first(&kept));
        (self.targets, self.stacks) = (kept, kept_stacks);
        Self { basis: self.basis, sample, targets: moved, stacks: moved_stacks, finding: None }
    }
}

/// The cause that an event names, and whether it is a guess; `None` if that says no more than what is known.
fn found_cause(known: Code, event: &FailedEvent) -> Option<(FoundCause, bool)> {
    let cause = classify::cause_of_event(event)?;
    let is_unknown = cause.code == Code::Unknown;
    if is_unknown && !matches!(known, Code::CauseNotReported | Code::Unknown) {
        return None;
    }
    let text = is_unknown.then(|| classify::mask(&classify::event_text(event)));
    Some(((cause.code, text), cause.basis == Basis::ErrorCode))
}
