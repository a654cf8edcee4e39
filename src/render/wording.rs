//! How numbers, times, names and AWS's free texts are written for people.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use crate::classify::{Basis, Owner};
pub use crate::numbers::{count, number, rfc3339};
use crate::operation::Drift;
pub use crate::report::duration;
use crate::report::{Cause, Collateral, Group, Outcome, PlanEntry, RegionInProgress, Report, Target, When};
use crate::text::clean;

/// Regions named of an operation that has not ended.
const REGIONS_SHOWN: usize = 20;
/// Accounts named of the running ones in a Region.
const RUNNING_SHOWN: usize = 3;
/// Characters of an account's name.
const NAME: usize = 40;

/// `1 target`, `2,000 targets`.
pub fn targets(n: u64) -> String {
    count(n, "target", "targets")
}

/// That the same may have been published before, if so.
pub fn again(report: &Report) -> Option<String> {
    let attempt = report.attempt.filter(|attempt| *attempt > 1)?;
    Some(format!("This is attempt {attempt}: an earlier one was cut off, and may have sent the same message."))
}

/// What is new since the operation before: `18 of the 22 failures are the same as last time; 3 targets that failed last
/// time succeeded now.`
pub fn compared(report: &Report) -> Option<String> {
    let compared = report.compared_with.as_ref()?;
    let (same, all) = (compared.still_failing, compared.still_failing + compared.newly_failed);
    let failures = match (same, all) {
        (_, 0) => None,
        (0, 1) => Some("the failure is new".to_owned()),
        (0, _) => Some(format!("all {} failures are new", number(all))),
        (1, 1) => Some("the failure is the same as last time".to_owned()),
        (1, _) => Some(format!("1 of the {} failures is the same as last time", number(all))),
        _ if same == all => Some(format!("all {} failures are the same as last time", number(all))),
        _ => Some(format!("{} of the {} failures are the same as last time", number(same), number(all))),
    };
    let fixed = compared.fixed.filter(|fixed| *fixed > 0);
    let fixed = fixed.map(|fixed| format!("{} that failed last time succeeded now", targets(fixed)));
    let parts: Vec<String> = [failures, fixed].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{}.", sentence(&parts.join("; "))))
}

/// `2026-11-23T10:00:42Z` -> `2026-11-23 10:00 UTC`.
pub fn time(rfc3339: &str) -> String {
    let minutes = rfc3339.get(..16).unwrap_or(rfc3339);
    format!("{} UTC", minutes.replace('T', " "))
}

/// A text of AWS's or a user's on one line, without what nobody can see.
pub fn plain(text: &str) -> String {
    clean(text)
}

/// At most `max` characters, cut at a word where one is near, ending in an ellipsis.
pub fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(max) else {
        return Cow::Borrowed(text);
    };
    let room = text.char_indices().nth(max.saturating_sub(1)).map_or(end, |(at, _)| at);
    let cut = &text[..room];
    let at_word = cut.rfind(char::is_whitespace).filter(|at| *at > room * 3 / 4).unwrap_or(room);
    Cow::Owned(format!("{}…", text[..at_word].trim_end()))
}

/// At most `max` characters, cut in the middle: the ends of a name differ most.
pub fn shorten_middle(text: &str, max: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= max {
        return Cow::Borrowed(text);
    }
    let keep = max.saturating_sub(1);
    let head: String = text.chars().take(keep.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - keep / 2).collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// A group's sample, or what the events of a stack say in its place, on one line. What helps nobody who reads it is left
/// out: the resource's name that CloudFormation puts before it (it is shown apart), ids of requests, attempts of an SDK.
pub fn sample(group: &Group) -> String {
    let said = |text: &str| {
        let reason = group.resource.as_ref().and_then(|_| text.split_once("ResourceStatusReason:"));
        without_noise(&plain(reason.map_or(text, |(_, said)| said)))
    };
    match (&group.excerpt, &group.evidence, &group.sample) {
        (Some(excerpt), ..) => format!("… {} …", said(excerpt)),
        (None, Some(evidence), _) => without_noise(&plain(&evidence.reason)),
        (None, None, Some(text)) => said(text),
        (None, None, None) => "(no reason given)".to_owned(),
    }
}

/// Parts of an error's text that only AWS Support asks for. They stand between `(Service: ...)`'s separators, so one
/// goes with the separator before it.
const NOISE: [&str; 7] = [
    "Request ID:",
    "RequestId:",
    "RequestToken:",
    "S3 Extended Request ID:",
    "Extended Request ID:",
    "SDK Attempt Count:",
    "Proxy: null",
];

fn without_noise(text: &str) -> String {
    let text = text.replace("Resource handler returned message: ", "");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(end) = rest.find([',', ';', '(', ')']).map(|at| at + 1) {
        let (part, after) = rest.split_at(end);
        let (words, separator) = part.split_at(part.len() - 1);
        let is_noise = NOISE.iter().any(|noise| words.trim_start().starts_with(noise));
        if is_noise {
            let open = out.trim_end();
            if separator == ")" {
                // The parenthesis closes here, and goes if nothing else was in it.
                let kept = open.strip_suffix([',', ';']).unwrap_or(open).len();
                out.truncate(kept);
                match out.strip_suffix('(').map(|before| before.trim_end().len()) {
                    Some(before) => out.truncate(before),
                    None => out.push(')'),
                }
            }
        } else {
            let follows_open = out.ends_with('(');
            out.push_str(if follows_open { part.trim_start() } else { part });
        }
        rest = after;
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// The resource that failed: `ConfigBucket (AWS::S3::Bucket)`.
pub fn resource(group: &Group) -> Option<String> {
    group.resource.as_ref().map(|resource| plain(&format!("{} ({})", resource.logical_id, resource.r#type)))
}

/// What a drift detection found: `7 drifted, 33 in sync, of 40 stack instances`.
pub fn drift(drift: &Drift) -> String {
    let parts = [
        (drift.drifted, "drifted"),
        (drift.in_sync, "in sync"),
        (drift.in_progress, "still being checked"),
        (drift.failed, "could not be checked"),
    ];
    let counted = parts.iter().filter_map(|(n, word)| n.filter(|n| *n > 0).map(|n| format!("{} {word}", number(n))));
    let counted: Vec<String> = counted.collect();
    let total = drift.total.map(|n| format!("of {}", count(n, "stack instance", "stack instances")));
    let status = drift.status.as_deref().filter(|_| counted.is_empty()).map(plain);
    let counted = Some(counted.join(", ")).filter(|counted| !counted.is_empty()).or(status);
    [counted, total].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Why targets were cancelled: `120 targets because the failure tolerance was exceeded`.
pub fn cancelled(collateral: &Collateral) -> String {
    let why = [
        (collateral.failure_tolerance_exceeded, "because the failure tolerance was exceeded"),
        (collateral.operation_stopped, "because somebody stopped the operation"),
        (collateral.other, "for another reason"),
    ];
    let parts = why.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}", targets(*n)));
    parts.collect::<Vec<_>>().join(", ")
}

/// `probably ` before a cause that only a generic code or weak words name.
pub fn probably(cause: &Cause) -> &'static str {
    let is_weak = |group: &Group| {
        group.basis == Basis::ErrorCode || group.evidence.as_ref().is_some_and(|evidence| evidence.is_guess)
    };
    let is_guess = !cause.groups.is_empty() && cause.groups.iter().all(is_weak);
    if is_guess { "probably " } else { "" }
}

/// Of how many stacks the events were read that name the cause of a group.
pub fn read_in(group: &Group) -> Option<String> {
    let sampled = number(group.evidence.as_ref()?.sampled);
    let accounts: HashSet<&str> = group.targets.iter().filter_map(Target::account).collect();
    let is_one_each = accounts.len() as u64 == group.count;
    let all = if is_one_each { count(group.count, "account", "accounts") } else { targets(group.count) };
    Some(format!("Found in the events of the stack, read in {sampled} of {all}."))
}

/// Who most likely can fix a cause.
pub fn owner(cause: &Cause) -> &'static str {
    owner_name(cause.owners.first().copied())
}

/// An owner as people call it.
pub fn owner_name(owner: Option<Owner>) -> &'static str {
    match owner {
        Some(Owner::Platform) => "Platform team",
        Some(Owner::AccountOwner) => "Account owners",
        Some(Owner::ResourceOwner) => "Owners of the resource",
        Some(Owner::Aws) => "On AWS's side",
        Some(Owner::Nobody) => "No fix needed",
        None => "Owner not known",
    }
}

/// Causes of one owner, each with its number.
pub type OfOwner<'a> = (&'static str, Vec<(usize, &'a Cause)>);

/// The causes as they are numbered: by the likelier owner, in the order of the first cause of each.
pub fn by_owner(report: &Report) -> Vec<OfOwner<'_>> {
    let mut by_owner: Vec<(&str, Vec<&Cause>)> = Vec::new();
    for cause in &report.causes {
        let owner = owner(cause);
        match by_owner.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, causes)) => causes.push(cause),
            None => by_owner.push((owner, vec![cause])),
        }
    }
    let mut number = 0;
    let mut count = |cause| {
        number += 1;
        (number, cause)
    };
    by_owner.into_iter().map(|(owner, causes)| (owner, causes.into_iter().map(&mut count).collect())).collect()
}

/// Who else may have to fix it.
pub fn or_owner(cause: &Cause) -> Option<&'static str> {
    Some(match cause.owners.get(1)? {
        Owner::Platform => "The platform team may have to do it.",
        Owner::AccountOwner => "The account owner may have to do it.",
        Owner::ResourceOwner => "The owner of the resource may have to do it.",
        Owner::Aws => "It may be AWS who has to do it.",
        Owner::Nobody => return None,
    })
}

/// An account with its name, if that is known: `prod-payments (111122223333)`.
pub fn account(report: &Report, id: &str) -> String {
    named(report.names.accounts.get(id), id)
}

/// An organizational unit with its name, if that is known.
pub fn unit(report: &Report, id: &str) -> String {
    named(report.names.organizational_units.get(id), id)
}

fn named(name: Option<&String>, id: &str) -> String {
    let id = plain(id);
    name.map_or_else(|| id.clone(), |name| format!("{} ({id})", shorten(&plain(name), NAME)))
}

/// When the commands of a plan's entry help, or what they are for: `Now`, `Once it is fixed`.
pub fn when(report: &Report, entry: &PlanEntry) -> String {
    let when = match entry.when {
        When::WhenEnded if entry.purpose.is_some() => ", once the operation has ended",
        _ if entry.purpose.is_some() => "",
        When::Now if report.outcome == Outcome::Stopped => "Now, if the operation is still wanted",
        When::Now => "Now",
        When::AfterFix if entry.causes.is_empty() => "Last, once the causes are fixed",
        When::AfterFix => "Once it is fixed",
        When::WhenEnded => "Once the operation has ended",
    };
    format!("{}{when}", entry.purpose.unwrap_or_default())
}

/// What a plan's entry is for: `42 targets (ACCESS_DENIED)`, `91 cancelled targets`.
pub fn what_for(entry: &PlanEntry) -> String {
    let mut what = match entry.causes.as_slice() {
        [] => count(entry.targets, "cancelled target", "cancelled targets"),
        causes => format!("{} ({})", targets(entry.targets), causes.join(", ")),
    };
    if entry.also_runs > 0 {
        let others = count(entry.also_runs, "other target runs", "other targets run");
        what.push_str(&format!("; {others} again too, without a change where they succeeded"));
    }
    what
}

/// Why an operation that has not ended is reported, and what waits behind it.
pub fn stuck(report: &Report) -> Option<String> {
    let progress = report.in_progress.as_ref()?;
    let reason = progress.stuck_after_hours.map(|hours| {
        format!("Reported because it takes more than {} (STUCK_AFTER_HOURS).", count(hours, "hour", "hours"))
    });
    let queued = progress.queued.as_ref().filter(|queued| queued.count > 0);
    let queued = queued
        .map(|queued| format!("{} behind it in the queue.", count(queued.count, "operation waits", "operations wait")));
    let sentences: Vec<String> = [reason, queued].into_iter().flatten().collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// What to do about an operation that has not ended.
pub fn next_in_progress(report: &Report) -> Option<&'static str> {
    report.in_progress.as_ref()?;
    Some(match report.operation.status.as_deref() {
        Some("QUEUED") => "Check whether another operation on the stack set is under way.",
        _ => "Look at the stacks in the Region where it is now: a stack that hangs there holds up the rest.",
    })
}

/// The first letter as at a sentence's start.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

/// A status as CloudFormation names it.
pub fn status(name: &str) -> String {
    let name = plain(name);
    if name.is_empty() { "without a status".to_owned() } else { name }
}

/// Where an operation is that has not ended: `Now in eu-west-1 (4 running, 6 pending). Pending: us-east-1 (10).`
pub fn where_now(report: &Report) -> Option<String> {
    let progress = report.in_progress.as_ref()?;
    let regions = &progress.regions;
    let name = |at: &RegionInProgress| plain(at.region.as_deref().unwrap_or("(no Region)"));
    let (begun, waiting): (Vec<_>, Vec<_>) = regions.iter().partition(|at| at.running > 0);
    let list = |head: &str, regions: &[&RegionInProgress], show: &dyn Fn(&RegionInProgress) -> String| {
        let shown: Vec<String> = regions.iter().take(REGIONS_SHOWN).map(|at| show(at)).collect();
        let more = (regions.len() - shown.len()) as u64;
        let rest = if more > 0 { format!(" and {} more", number(more)) } else { String::new() };
        (!shown.is_empty()).then(|| format!("{head} {}{rest}.", shown.join(", ")))
    };
    let now = list("Now in", &begun, &|at| {
        let pending = if at.pending > 0 { format!(", {} pending", number(at.pending)) } else { String::new() };
        let accounts = progress.targets.iter().find(|targets| targets.region == at.region);
        let accounts: Vec<String> = accounts
            .map(|targets| targets.accounts.iter().take(RUNNING_SHOWN).map(|id| account(report, id)).collect())
            .unwrap_or_default();
        let more = if at.running > accounts.len() as u64 { ", ..." } else { "" };
        let accounts = if accounts.is_empty() { String::new() } else { format!(": {}{more}", accounts.join(", ")) };
        format!("{} ({} running{accounts}{pending})", name(at), number(at.running))
    });
    let later = list("Pending:", &waiting, &|at| format!("{} ({})", name(at), number(at.pending)));
    let omitted = progress.regions_omitted;
    let rest = (omitted > 0).then(|| format!("{} left out for size.", count(omitted, "Region is", "Regions are")));
    let parts: Vec<String> = [now, later, rest].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Regions, and the accounts that failed in all of these.
pub type RegionSet<'a> = (Vec<&'a str>, Vec<&'a str>);

/// Accounts by the set of Regions they failed in, largest set of accounts first.
pub fn region_sets(targets: &[Target], count: u64) -> Vec<RegionSet<'_>> {
    const UNNAMED: &str = "(not named)";
    let targets = whole_accounts(targets, count);
    let mut accounts_of: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    let mut regions: Vec<&str> = Vec::new();
    // They come in the order of their accounts, and of the Regions of each.
    for of_account in targets.chunk_by(|one, two| one.account() == two.account()) {
        regions.clear();
        regions.extend(of_account.iter().map(|target| target.region().unwrap_or(UNNAMED)));
        regions.dedup();
        let account = of_account.first().and_then(|target| target.account()).unwrap_or(UNNAMED);
        match accounts_of.get_mut(regions.as_slice()) {
            Some(accounts) => accounts.push(account),
            None => drop(accounts_of.insert(regions.clone(), vec![account])),
        }
    }
    let mut sets: Vec<_> = accounts_of.into_iter().collect();
    sets.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    sets
}

/// Where the list was cut for size, the last account's Regions may not all be there: it goes too.
fn whole_accounts(targets: &[Target], count: u64) -> &[Target] {
    match targets.last() {
        Some(last) if (targets.len() as u64) < count => {
            let whole = targets.partition_point(|target| target.account() < last.account());
            targets.get(..whole).filter(|whole| !whole.is_empty()).unwrap_or(targets)
        }
        _ => targets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_support_asks_for_is_left_out() {
        for (text, wanted) in [
            (
                "Too many (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets; Request ID: 1A8D; S3 Extended \
                 Request ID: 44=; Proxy: null).",
                "Too many (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets).",
            ),
            (
                "Resource handler returned message: \"No (Service: Iam, Status Code: 404, Request ID: 1-2) (SDK Attempt \
                 Count: 1)\" (RequestToken: 3-4, HandlerErrorCode: NotFound)",
                "\"No (Service: Iam, Status Code: 404)\" (HandlerErrorCode: NotFound)",
            ),
            ("a (b), c", "a (b), c"),
        ] {
            assert_eq!(without_noise(text), wanted);
        }
    }

    #[test]
    fn texts_stay_on_one_line_and_within_their_length() {
        assert_eq!(plain("a\r\n\tb\0c \u{202e}d"), "a b c \u{fffd}d");
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("one two three four", 16), "one two three…");
        assert_eq!(shorten("żółwżółwżółw", 5), "żółw…");
        assert_eq!(shorten_middle("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten_middle("日本語日本語", 4), "日本…語");
    }
}
