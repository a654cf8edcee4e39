//! What an operation that has not ended works on, and what waits behind it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::numbers::rfc3339;
use crate::operation::ListedOperation;

/// RUNNING targets of a report that are named; more are only counted.
pub(super) const RUNNING_NAMED: usize = 100;
/// QUEUED operations of a report that are named; more are only counted.
const QUEUED_NAMED: usize = 50;

/// How far an operation is that has not ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InProgress {
    /// Seconds from its start until its results were read.
    pub seconds: Option<u64>,
    /// Regions with targets that have not ended.
    pub regions: Vec<RegionInProgress>,
    /// Regions left out for size; `counts` has their targets.
    pub regions_omitted: u64,
    /// Which targets are RUNNING, for each of `regions` that has any.
    pub targets: Vec<RunningTargets>,
    /// What waits behind it, where a sweep has listed the stack set's operations; `null` elsewhere.
    pub queued: Option<Queued>,
    /// `STUCK_AFTER_HOURS`, where the operation is reported because it takes longer.
    pub stuck_after_hours: Option<u64>,
    /// AWS CLI command that stops the operation; `null` once it is stopping, and where there was
    /// no room for it.
    pub stop_command: Option<String>,
}

/// One Region's targets that have not ended.
#[derive(Debug, Clone, Serialize)]
pub struct RegionInProgress {
    /// Region.
    pub region: Option<String>,
    /// RUNNING.
    pub running: u64,
    /// PENDING.
    pub pending: u64,
}

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

/// Operations of the same stack set that are QUEUED.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// How many.
    pub count: u64,
    /// The oldest of them, oldest first.
    pub operations: Vec<QueuedOperation>,
    /// Operations that `operations` does not name.
    pub operations_omitted: u64,
}

/// An operation that is QUEUED.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedOperation {
    /// Operation id.
    pub id: String,
    /// When it was requested, RFC 3339 UTC.
    pub started_at: Option<String>,
}

impl Queued {
    /// Names the first of these operations and counts all.
    pub fn of(operations: &[ListedOperation]) -> Self {
        let named = operations.iter().take(QUEUED_NAMED).map(|operation| QueuedOperation {
            id: operation.id.clone(),
            started_at: operation.started_at.and_then(rfc3339),
        });
        let named: Vec<QueuedOperation> = named.collect();
        let count = operations.len() as u64;
        Self { count, operations_omitted: count - named.len() as u64, operations: named }
    }

    fn shortened(&self, names: usize) -> Self {
        let operations: Vec<_> = self.operations.iter().take(names).cloned().collect();
        Self { count: self.count, operations_omitted: self.count - operations.len() as u64, operations }
    }
}

impl InProgress {
    /// The same with at most so many Regions, accounts and QUEUED operations by name.
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
            queued: self.queued.as_ref().map(|queued| queued.shortened(names)),
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
