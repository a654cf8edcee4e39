//! Which accounts and organizational units people read about in a report.

use std::cmp::Reverse;

use super::email;
use crate::operation::{is_account_id, is_organizational_unit_id};
use crate::report::{Cause, Report};

/// Accounts whose names one message has at most.
const ACCOUNTS: usize = 50;
/// Organizational units whose names one message has at most.
const ORGANIZATIONAL_UNITS: usize = 15;
/// Accounts of each cause that come before those that only the details name.
const FIRST: usize = 3;

/// The ids of the accounts and of the organizational units that bodies show, in the order of their weight.
pub fn names_wanted(report: &Report) -> (Vec<String>, Vec<String>) {
    let mut accounts: Vec<String> = Vec::new();
    let first = report.causes.iter().flat_map(|cause| first_accounts(cause, FIRST));
    let groups = report.causes.iter().flat_map(|cause| cause.groups.iter().take(email::GROUPS_SHOWN));
    for id in first.chain(groups.flat_map(email::accounts_shown)).filter(|id| is_account_id(id)) {
        if !accounts.iter().any(|known| known == id) {
            accounts.push(id.to_owned());
        }
    }
    let running = report.in_progress.iter().flat_map(|progress| &progress.targets);
    for id in running.flat_map(|targets| targets.accounts.iter().take(FIRST)).filter(|id| is_account_id(id)) {
        if !accounts.contains(id) {
            accounts.push(id.clone());
        }
    }
    accounts.truncate(ACCOUNTS);
    let mut units: Vec<(u64, &str)> = report
        .by_organizational_unit
        .iter()
        .filter_map(|unit| Some((unit.tally.trouble(), unit.organizational_unit_id.as_deref()?)))
        .filter(|(trouble, id)| *trouble > 0 && is_organizational_unit_id(id) && id.starts_with("ou-"))
        .collect();
    units.sort_by_key(|(trouble, id)| (Reverse(*trouble), *id));
    units.truncate(ORGANIZATIONAL_UNITS);
    (accounts, units.into_iter().map(|(_, id)| id.to_owned()).collect())
}

/// The first distinct accounts of a cause's groups.
fn first_accounts(cause: &Cause, most: usize) -> Vec<&str> {
    let mut first: Vec<&str> = Vec::new();
    let targets = cause.groups.iter().flat_map(|group| group.targets.iter());
    for id in targets.filter_map(|target| target.account()).filter(|id| is_account_id(id)) {
        if first.len() == most {
            break;
        }
        if !first.contains(&id) {
            first.push(id);
        }
    }
    first
}
