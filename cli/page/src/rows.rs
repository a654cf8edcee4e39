//! Results as they come, and what the report says of each -> rows of a list.

use std::collections::HashMap;

use stackset_notifier::classify::{Owner, RetryHelps};
use stackset_notifier::operation::{ResultStatus, TargetResult};
use stackset_notifier::report::{Cause, Report};

use crate::row::Row;

/// Rows by what they are of: results that are read again come again.
#[derive(Debug, Default)]
pub struct Rows {
    /// Whether targets that succeeded are kept.
    keeps_successes: bool,
    rows: Vec<Row>,
    known: HashMap<(String, String), usize>,
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
        let target = result.target().map(|(account, region)| (account.to_owned(), region.to_owned()));
        let known = target.as_ref().and_then(|target| self.known.get(target)).copied();
        if result.status == Some(ResultStatus::Succeeded) && !self.keeps_successes && known.is_none() {
            return;
        }
        match known.and_then(|at| self.rows.get_mut(at)) {
            Some(before) => *before = row(result),
            None => {
                self.known.extend(target.map(|target| (target, self.rows.len())));
                self.rows.push(row(result));
            }
        }
    }

    /// Adds what the report says of each, in the order of accounts and Regions.
    pub fn join(self, report: &Report) -> Vec<Row> {
        let mut causes: HashMap<(Option<&str>, Option<&str>), &Cause> = HashMap::new();
        for cause in &report.causes {
            for target in cause.groups.iter().flat_map(|group| group.targets.iter()) {
                causes.entry((target.account(), target.region())).or_insert(cause);
            }
        }
        let succeeded = ResultStatus::Succeeded.as_str();
        let mut rows = self.rows;
        rows.retain(|row| self.keeps_successes || row.status.as_deref() != Some(succeeded));
        for row in &mut rows {
            let account = row.account.as_deref();
            row.account_name = account.and_then(|id| report.names.accounts.get(id)).cloned();
            let cause = causes.get(&(account, row.region.as_deref()));
            // A target that was cancelled has none; another row of it may have one.
            if let Some(cause) = cause.filter(|_| row.status.as_deref() != Some(ResultStatus::Cancelled.as_str())) {
                row.cause = Some(cause.code);
                row.owners = cause.owners.iter().copied().map(Owner::as_str).collect();
                row.retry_helps = cause.retry_helps.map(RetryHelps::as_str);
            }
        }
        rows.sort_unstable_by(|a, b| (&a.account, &a.region, a).cmp(&(&b.account, &b.region, b)));
        rows
    }
}

/// A row without what the report says.
fn row(result: &TargetResult) -> Row {
    Row {
        account: result.account.clone(),
        account_name: None,
        region: result.region.clone(),
        organizational_unit_id: result.organizational_unit_id.clone(),
        status: result.status.as_ref().map(|status| status.as_str().to_owned()),
        cause: None,
        owners: Vec::new(),
        retry_helps: None,
        reason: result.reason.clone(),
    }
}
