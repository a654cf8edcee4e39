//! The stacks behind targets whose texts do not say what went wrong.

use std::collections::HashMap;

use super::document::{Group, GroupStack, Report, Target, console, percent_encode};
use super::retry::quote;
use crate::classify;
use crate::operation;

/// Stacks of one group, and of a report: one shows what the others show.
const PER_GROUP: usize = 3;
const PER_REPORT: usize = 20;

impl Report {
    /// The targets whose stacks may say more: a few of each group whose texts do not say what went wrong.
    pub fn targets_to_look_up(&self) -> Vec<Target> {
        let groups = self.causes.iter().flat_map(|cause| cause.groups.iter().map(|group| (cause.code, group)));
        groups.flat_map(|(code, group)| first_targets(code, group)).take(PER_REPORT).cloned().collect()
    }

    /// Takes in the ids of stacks that were found.
    pub fn add_stacks(&mut self, found: &HashMap<Target, String>) {
        for cause in &mut self.causes {
            for group in &mut cause.groups {
                let stacks = first_targets(cause.code, group)
                    .filter_map(|target| GroupStack::of(target, found.get(target)?))
                    .collect();
                group.stacks = stacks;
            }
        }
    }
}

/// None if the texts say what went wrong.
fn first_targets<'a>(code: &str, group: &'a Group) -> impl Iterator<Item = &'a Target> {
    let is_wanted = classify::is_in_stack_events(code, group.sample.as_deref());
    let wanted = if is_wanted { &group.targets[..] } else { &[] };
    wanted.iter().filter(|target| target.is_addressable()).take(PER_GROUP)
}

impl GroupStack {
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
