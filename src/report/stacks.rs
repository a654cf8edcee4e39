//! The stacks behind targets whose texts do not say what went wrong.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::builder::{GroupBuilder, GroupKey, ReportBuilder};
use super::document::{GroupStack, Target, console, percent_encode};
use super::retry::quote;
use crate::classify;
use crate::operation;

/// Stacks of one group, and of a report: one shows what the others show.
const PER_GROUP: usize = 3;
const PER_REPORT: usize = 20;

impl ReportBuilder {
    /// The targets whose stacks may say more: a few of each group whose texts do not say what went wrong, those of the
    /// largest groups first.
    pub fn targets_to_look_up(&self) -> Vec<Target> {
        let mut groups: Vec<(&GroupKey, &GroupBuilder)> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|&(key, group)| (Reverse(group.targets.len()), key));
        groups.into_iter().flat_map(|(key, group)| targets_to_look_up(key, group)).take(PER_REPORT).cloned().collect()
    }

    /// Takes in the ids of stacks that were found.
    pub fn add_stacks(&mut self, found: &HashMap<Target, Option<String>>) {
        for (key, group) in &mut self.groups {
            let targets = targets_to_look_up(key, group).into_iter();
            let stacks = targets.filter_map(|target| GroupStack::of(target, found.get(target)?.as_deref()?)).collect();
            group.stacks = stacks;
        }
    }

    /// All stacks that were found, in the order of their ids.
    pub fn stacks(&self) -> Vec<GroupStack> {
        let mut stacks: Vec<GroupStack> = self.groups.values().flat_map(|group| &group.stacks).cloned().collect();
        stacks.sort_unstable_by(|one, two| one.stack_id.cmp(&two.stack_id));
        stacks
    }
}

/// None if the texts say what went wrong; else a few, of as many accounts as there are.
fn targets_to_look_up<'a>((code, ..): &GroupKey, group: &'a GroupBuilder) -> Vec<&'a Target> {
    let reason = group.sample.as_ref().and_then(|sample| sample.text.as_deref());
    if !classify::is_in_stack_events(code.as_str(), reason) {
        return Vec::new();
    }
    let mut targets: Vec<&Target> = group.targets.iter().filter(|target| target.is_addressable()).collect();
    targets.sort_unstable();
    let (mut wanted, mut others): (Vec<&Target>, Vec<&Target>) = Default::default();
    for of_account in targets.chunk_by(|one, two| one.account() == two.account()) {
        let (first, rest) = of_account.split_at(1);
        wanted.extend(first);
        others.extend(rest.iter().take(PER_GROUP));
        if wanted.len() == PER_GROUP {
            break;
        }
    }
    wanted.extend(others);
    wanted.truncate(PER_GROUP);
    wanted
}

impl GroupStack {
    pub(super) fn is_of(&self, target: &Target) -> bool {
        target.account() == Some(&self.account) && target.region() == Some(&self.region)
    }

    /// `None` for an id that is not the ARN of a stack of this target.
    fn of(target: &Target, stack_id: &str) -> Option<Self> {
        let (account, region) = (target.account()?, target.region()?);
        let mut parts = stack_id.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (prefix, partition, service) = (next(), next(), next());
        let is_here = prefix == "arn" && service == "cloudformation" && next() == region && next() == account;
        let (name, id) = next().strip_prefix("stack/")?.split_once('/')?;
        if !is_here || !operation::is_id(name) || !operation::is_id(id) {
            return None;
        }
        let console_url = console(partition, region).map(|mut url| {
            url.push_str("#/stacks/events?stackId=");
            percent_encode(&mut url, stack_id);
            url
        });
        let command = format!(
            "aws cloudformation describe-events --stack-name {} --filters FailedEvents=true --region {region}",
            quote(stack_id)
        );
        let (account, region, stack_id) = (account.to_owned(), region.to_owned(), stack_id.to_owned());
        Some(Self { account, region, stack_id, console_url, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:cloudformation:eu-west-1:222222222222:stack/StackSet-baseline-1b2c/8f083a20-2c23";

    fn stack(arn: &str) -> Option<GroupStack> {
        let (account, region) = (Some("222222222222".to_owned()), Some("eu-west-1".to_owned()));
        GroupStack::of(&Target { account, region, organizational_unit_id: None }, arn)
    }

    #[test]
    fn a_stack_has_its_link_and_its_command() {
        let found = stack(ARN).unwrap();
        assert_eq!(
            found.console_url.unwrap(),
            "https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/events?stackId=\
             arn%3Aaws%3Acloudformation%3Aeu-west-1%3A222222222222%3Astack%2FStackSet-baseline-1b2c%2F8f083a20-2c23"
        );
        let command = "aws cloudformation describe-events --stack-name \
            arn:aws:cloudformation:eu-west-1:222222222222:stack/StackSet-baseline-1b2c/8f083a20-2c23 \
            --filters FailedEvents=true --region eu-west-1";
        assert_eq!(found.command, command);
        let other = stack(&ARN.replace("arn:aws:", "arn:aws-us-gov:")).unwrap();
        assert!(other.console_url.unwrap().starts_with("https://eu-west-1.console.amazonaws-us-gov.com/"));
        assert_eq!(stack(&ARN.replace("arn:aws:", "arn:aws-new:")).unwrap().console_url, None);
    }

    #[test]
    fn an_id_of_another_stack_is_none() {
        for (from, to) in [
            (ARN, ""),
            (ARN, "arn:aws:cloudformation"),
            ("222222222222", "333333333333"),
            ("eu-west-1", "us-east-1"),
            (":stack/", ":stackset/"),
            ("/8f083a20-2c23", ""),
            ("StackSet-", "$(id)"),
            ("8f083a20", "8f083a20/x"),
        ] {
            assert_eq!(stack(&ARN.replace(from, to)), None, "{to}");
        }
    }
}
