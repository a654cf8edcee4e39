//! What is new since the operation before.

use std::collections::{HashMap, HashSet};

use super::ReportBuilder;
use super::document::{Cause, ComparedWith, Target};
use crate::classify::Code;
use crate::numbers::rfc3339;
use crate::operation::{ListedOperation, Operation, TargetResult};

/// The targets that failed in the operation before.
#[derive(Debug)]
pub struct EarlierFailures {
    operation: ListedOperation,
    /// The code of each target's cause, by account and Region.
    codes: HashMap<String, HashMap<String, &'static str>>,
}

/// Whether an operation can be compared with an earlier one.
pub(crate) fn can_be_compared(operation: &Operation) -> bool {
    kind(operation.action.as_deref()).is_some()
}

/// Whether an operation can be compared with this earlier one: it did the same, and had ended before.
pub(crate) fn is_comparable(operation: &Operation, earlier: &ListedOperation) -> bool {
    let had_ended = earlier.ended_at.zip(operation.started_at).is_some_and(|(ended, started)| ended <= started);
    let did_the_same = kind(operation.action.as_deref()) == kind(earlier.action.as_deref());
    can_be_compared(operation) && did_the_same && had_ended && earlier.status.is_terminal()
}

/// What operations do that can be compared with each other.
fn kind(action: Option<&str>) -> Option<&'static str> {
    match action? {
        "CREATE" | "UPDATE" => Some("deploys"),
        "DELETE" => Some("deletes"),
        _ => None,
    }
}

impl EarlierFailures {
    /// The failed targets that were read of an operation.
    pub(crate) fn of(operation: ListedOperation, failed: ReportBuilder) -> Self {
        let mut codes: HashMap<String, HashMap<String, &'static str>> = HashMap::new();
        for ((code, ..), group) in failed.groups {
            for target in group.targets {
                if let (Some(account), Some(region)) = (target.account, target.region) {
                    codes.entry(account).or_default().insert(region, code.as_str());
                }
            }
        }
        Self { operation, codes }
    }

    fn code(&self, account: &str, region: &str) -> Option<&'static str> {
        self.codes.get(account)?.get(region).copied()
    }

    /// Whether the target of a result failed.
    pub(super) fn contains(&self, row: &TargetResult) -> bool {
        row.target().is_some_and(|(account, region)| self.code(account, region).is_some())
    }

    fn is_same(&self, target: &Target, code: &str) -> bool {
        let before = target.account().zip(target.region()).and_then(|(account, region)| self.code(account, region));
        // Of the operation before, only the text is known, and that is one for both.
        let is_suspended = code == Code::AccountSuspended.as_str();
        before == Some(code) || (is_suspended && before == Some(Code::ExecutionRoleNotAssumable.as_str()))
    }

    /// Counts what is new of each cause; targets that have not failed yet do not count.
    pub(super) fn compare(
        &self,
        causes: &mut [Cause],
        unsettled: &HashSet<Target>,
        fixed: Option<u64>,
    ) -> ComparedWith {
        let (mut newly_failed, mut still_failing) = (0, 0);
        for cause in causes {
            let targets = cause.groups.iter().flat_map(|group| {
                let code = group.evidence.as_ref().map_or(cause.code, |evidence| evidence.text_code);
                group.targets.iter().map(move |target| (target, code))
            });
            let failed = targets.filter(|(target, _)| !unsettled.contains(target));
            let (same, new): (Vec<_>, Vec<_>) = failed.partition(|(target, code)| self.is_same(target, code));
            let (same, new) = (same.len() as u64, new.len() as u64);
            cause.newly_failed = Some(new);
            newly_failed += new;
            still_failing += same;
        }
        ComparedWith {
            operation_id: self.operation.id.clone(),
            ended_at: self.operation.ended_at.and_then(rfc3339),
            newly_failed,
            still_failing,
            fixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::OperationStatus;

    #[test]
    fn what_did_the_same_and_had_ended_is_comparable() {
        let comparable = |action: Option<&str>, earlier: Option<&str>, status: &str, ended: Option<i64>| {
            let operation = Operation {
                action: action.map(str::to_owned),
                status: OperationStatus::Failed,
                failed_expected: None,
                totals: None,
                started_at: Some(10),
                ended_at: Some(20),
                organizational_units: Vec::new(),
                preferences: crate::operation::Preferences::default(),
                retain_stacks: None,
                drift: None,
                status_reason: None,
            };
            let earlier = ListedOperation {
                id: "op".to_owned(),
                action: earlier.map(str::to_owned),
                status: status.into(),
                started_at: Some(1),
                ended_at: ended,
            };
            is_comparable(&operation, &earlier)
        };
        for (action, earlier, expected) in [
            ("CREATE", "UPDATE", true),
            ("UPDATE", "CREATE", true),
            ("UPDATE", "UPDATE", true),
            ("DELETE", "DELETE", true),
            ("DELETE", "UPDATE", false),
            ("CREATE", "DELETE", false),
            ("DETECT_DRIFT", "DETECT_DRIFT", false),
            ("IMPORT", "IMPORT", false),
        ] {
            let found = comparable(Some(action), Some(earlier), "SUCCEEDED", Some(10));
            assert_eq!(found, expected, "{action} {earlier}");
        }
        assert!(!comparable(None, None, "SUCCEEDED", Some(5)));
        for (status, ended, expected) in [
            ("FAILED", Some(5), true),
            ("STOPPED", Some(5), true),
            ("RUNNING", Some(5), false),
            ("NEW", Some(5), false),
            ("FAILED", Some(11), false),
            ("FAILED", None, false),
        ] {
            assert_eq!(comparable(Some("UPDATE"), Some("UPDATE"), status, ended), expected, "{status} {ended:?}");
        }
    }
}
