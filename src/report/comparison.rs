//! What is new since the operation before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ReportBuilder;
use super::document::{Cause, ComparedWith, Target};
use crate::classify::Code;
use crate::numbers::rfc3339;
use crate::operation::{ListedOperation, Operation, TargetResult};

/// The targets that failed in the operation before.
#[derive(Debug)]
pub struct EarlierFailures {
    operation: ListedOperation,
    /// The cause of each target, by account and Region.
    causes: HashMap<String, HashMap<String, EarlierCause>>,
}

/// The cause of a failed target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EarlierCause {
    code: &'static str,
    /// The masked text where the code says nothing of the cause: then the same text is the same cause.
    text: Option<String>,
}

impl EarlierCause {
    fn of(code: &'static str, pattern: Option<&str>) -> Self {
        let is_named = ![Code::Unknown, Code::CauseNotReported].map(Code::as_str).contains(&code);
        Self { code, text: pattern.filter(|_| !is_named).map(str::to_owned) }
    }
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
        let mut causes: HashMap<String, HashMap<String, EarlierCause>> = HashMap::new();
        for ((code, pattern, ..), group) in failed.groups {
            let cause = EarlierCause::of(code.as_str(), pattern.as_deref());
            for target in group.targets {
                if let (Some(account), Some(region)) = (target.account, target.region) {
                    causes.entry(account).or_default().insert(region, cause.clone());
                }
            }
        }
        Self { operation, causes }
    }

    fn cause(&self, account: &str, region: &str) -> Option<&EarlierCause> {
        self.causes.get(account)?.get(region)
    }

    /// Whether the target of a result failed.
    pub(super) fn contains(&self, row: &TargetResult) -> bool {
        row.target().is_some_and(|(account, region)| self.cause(account, region).is_some())
    }

    fn is_same(&self, target: &Target, cause: &EarlierCause) -> bool {
        let before = target.account().zip(target.region()).and_then(|(account, region)| self.cause(account, region));
        // Of the operation before, only the text is known, and that is one for both.
        let is_suspended = cause.code == Code::AccountSuspended.as_str();
        before.is_some_and(|before| {
            before == cause || (is_suspended && before.code == Code::ExecutionRoleNotAssumable.as_str())
        })
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
                let cause = Arc::new(EarlierCause::of(code, group.pattern.as_deref()));
                group.targets.iter().map(move |target| (target, Arc::clone(&cause)))
            });
            let failed = targets.filter(|(target, _)| !unsettled.contains(target));
            let (same, new): (Vec<_>, Vec<_>) = failed.partition(|(target, cause)| self.is_same(target, cause));
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
                failed: None,
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
