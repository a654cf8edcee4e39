//! Results as they come, and what the report says of each -> rows of a list.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use stackset_notifier::classify::{Owner, RetryHelps, classify};
use stackset_notifier::operation::{ResultStatus, TargetResult};
use stackset_notifier::report::{Cause, Report};

use crate::row::Row;

/// Rows by what they are of: results that are read again come again.
#[derive(Debug, Default)]
pub struct Rows {
    /// Whether targets that succeeded are kept.
    keeps_successes: bool,
    rows: Vec<Row>,
    /// Fingerprints of results, and where the row of each is.
    known: HashMap<u64, usize>,
}

impl Rows {
    /// None yet; of targets that succeeded rows are kept only with `keeps_successes`.
    pub fn new(keeps_successes: bool) -> Self {
        Self { keeps_successes, ..Self::default() }
    }

    /// Takes a result in of a target that has no other.
    pub fn add_once(&mut self, result: &TargetResult) {
        if result.status != Some(ResultStatus::Succeeded) || self.keeps_successes {
            self.rows.push(row(result));
        }
    }

    /// Takes a result in; what was known of its target before is forgotten.
    pub fn add(&mut self, result: &TargetResult) {
        let key = key(result);
        let known = self.known.get(&key).copied();
        if result.status == Some(ResultStatus::Succeeded) && !self.keeps_successes && known.is_none() {
            return;
        }
        match known.and_then(|at| self.rows.get_mut(at)) {
            Some(before) => *before = row(result),
            None => {
                self.known.insert(key, self.rows.len());
                self.rows.push(row(result));
            }
        }
    }

    /// Adds what the report says of each, in the order of accounts and Regions.
    pub fn join(self, report: &Report) -> Vec<Row> {
        let mut causes: HashMap<(&str, &str, Option<&str>), &Cause> = HashMap::new();
        for cause in &report.causes {
            for target in cause.groups.iter().flat_map(|group| group.targets.iter()) {
                if let (Some(account), Some(region)) = (target.account(), target.region()) {
                    causes.entry((account, region, target.organizational_unit_id())).or_insert(cause);
                }
            }
        }
        let succeeded = ResultStatus::Succeeded.as_str();
        let mut rows = self.rows;
        rows.retain(|row| self.keeps_successes || row.status.as_deref() != Some(succeeded));
        for row in &mut rows {
            let account = row.account.as_deref();
            row.account_name = account.and_then(|id| report.names.accounts.get(id)).cloned();
            let cause = match (account, row.region.as_deref()) {
                _ if !may_have_cause(row.status.as_deref()) => None,
                (Some(account), Some(region)) => {
                    causes.get(&(account, region, row.organizational_unit_id.as_deref())).copied()
                }
                // The owners may depend on more than the row: the report knows them.
                _ => report.causes.iter().find(|cause| Some(cause.code) == row.cause),
            };
            if let Some(cause) = cause {
                row.cause = Some(cause.code);
                row.owners = cause.owners.iter().copied().map(Owner::as_str).collect();
                row.retry_helps = cause.retry_helps.map(RetryHelps::as_str);
            }
        }
        rows.sort_unstable_by(|a, b| (&a.account, &a.region, a).cmp(&(&b.account, &b.region, b)));
        rows
    }
}

/// The same for results of one target. An account that moved between two organizational units is listed in each. What
/// lacks its account or Region is known by all that it says.
fn key(result: &TargetResult) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&result.account, &result.region, &result.organizational_unit_id).hash(&mut hasher);
    if result.target().is_none() {
        (result.status.as_ref().map(ResultStatus::as_str), &result.reason).hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether a target with this status failed, or may yet fail for what it names.
fn may_have_cause(status: Option<&str>) -> bool {
    [ResultStatus::Failed, ResultStatus::Running, ResultStatus::Pending].iter().any(|one| Some(one.as_str()) == status)
}

/// A row without what the report says. A failed one without its account or Region cannot be found in the report: its
/// cause is that of its own text.
fn row(result: &TargetResult) -> Row {
    let is_classified = result.status == Some(ResultStatus::Failed) && result.target().is_none();
    let cause = if is_classified { classify(result) } else { None };
    Row {
        account: result.account.clone(),
        account_name: None,
        region: result.region.clone(),
        organizational_unit_id: result.organizational_unit_id.clone(),
        status: result.status.as_ref().map(|status| status.as_str().to_owned()),
        cause: cause.as_ref().map(|cause| cause.code.as_str()),
        owners: cause.iter().flat_map(|cause| cause.code.owners(false, &cause.named)).map(|of| of.as_str()).collect(),
        retry_helps: cause.as_ref().and_then(|of| of.code.retry_helps(&of.named)).map(RetryHelps::as_str),
        reason: result.reason.clone(),
    }
}
