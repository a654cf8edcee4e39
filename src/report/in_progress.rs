//! What an operation that has not ended works on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::document::InProgress;

/// RUNNING targets of a report that are named; more are only counted.
pub(super) const RUNNING_NAMED: usize = 100;

/// One Region's targets that are RUNNING.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningTargets {
    /// Region.
    pub region: Option<String>,
    /// Accounts, in order.
    pub accounts: Vec<String>,
    /// Targets that `accounts` does not name.
    pub accounts_omitted: u64,
}

impl InProgress {
    /// The same with at most so many Regions and accounts by name.
    pub(crate) fn shortened(&self, names: usize) -> Self {
        let regions: Vec<_> = self.regions.iter().take(names).cloned().collect();
        let mut room = names;
        // RUNNING targets are in some of `regions`, in the same order.
        let kept = self.targets.iter().filter(|at| regions.iter().any(|region| region.region == at.region));
        let targets = kept.map(|at| {
            let accounts: Vec<_> = at.accounts.iter().take(room).cloned().collect();
            room -= accounts.len();
            let omitted = (at.accounts.len() - accounts.len()) as u64;
            RunningTargets { region: at.region.clone(), accounts, accounts_omitted: at.accounts_omitted + omitted }
        });
        Self {
            targets: targets.collect(),
            regions_omitted: self.regions_omitted + (self.regions.len() - regions.len()) as u64,
            regions,
            stop_command: self.stop_command.clone(),
            ..*self
        }
    }
}

/// The RUNNING targets of each Region: those that were kept by name, and the number of the others.
pub(super) fn running_targets(
    kept: BTreeSet<(Option<String>, String)>,
    regions: &BTreeMap<Option<String>, (u64, u64)>,
) -> Vec<RunningTargets> {
    let mut named: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for (region, account) in kept {
        named.entry(region).or_default().push(account);
    }
    let running = regions.iter().filter(|(_, (running, _))| *running > 0);
    let targets = running.map(|(region, (running, _))| {
        let accounts = named.remove(region).unwrap_or_default();
        RunningTargets { region: region.clone(), accounts_omitted: running - accounts.len() as u64, accounts }
    });
    targets.collect()
}
