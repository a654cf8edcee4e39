//! XML -> CloudFormation's own counts of an operation.
//!
//! The SDK does not know these members of the answer and drops them. The rest of the answer is the SDK's.

use std::sync::{Arc, Mutex};

use aws_sdk_cloudformation::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_cloudformation::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudformation::error::BoxError;
use serde::Deserialize;

use crate::operation::{TargetTotals, Totals};
use crate::text::clean;

/// Reads the totals of one call of `DescribeStackSetOperation`.
#[derive(Debug, Clone, Default)]
pub(super) struct TotalsOfAnswer(Arc<Mutex<Option<Totals>>>);

impl TotalsOfAnswer {
    /// The totals of the last answer.
    pub(super) fn take(&self) -> Option<Totals> {
        self.0.lock().ok()?.take()
    }
}

impl Intercept for TotalsOfAnswer {
    fn name(&self) -> &'static str {
        "TotalsOfAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(mut totals) = self.0.lock() {
            *totals = context.response().body().bytes().and_then(totals_of);
        }
        Ok(())
    }
}

/// `None` where the answer has no totals, or not in the form that is documented: a report can do without them.
fn totals_of(answer: &[u8]) -> Option<Totals> {
    let answer: Answer = quick_xml::de::from_str(std::str::from_utf8(answer).ok()?).ok()?;
    let operation = answer.result.operation;
    let details = operation.status_details;
    let all = details.stages.deployment.into_totals();
    let by_region = operation.regional_status_details.entry.into_iter();
    let totals = Totals {
        accounts: number(details.total_accounts_count),
        all: TargetTotals { targets: number(details.total_stack_instances_count), ..all },
        by_region: by_region.map(|entry| (clean(&entry.key), entry.value.stages.deployment.into_totals())).collect(),
    };
    Some(totals).filter(|totals| *totals != Totals::default())
}

fn number(text: Option<String>) -> Option<u64> {
    text?.trim().parse::<u32>().ok().map(u64::from)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "DescribeStackSetOperationResult")]
    result: DescribedOperation,
}

#[derive(Deserialize)]
struct DescribedOperation {
    #[serde(rename = "StackSetOperation")]
    operation: Operation,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Operation {
    #[serde(default)]
    status_details: StatusDetails,
    #[serde(default)]
    regional_status_details: Regions,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct StatusDetails {
    stages: Stages,
    total_accounts_count: Option<String>,
    total_stack_instances_count: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Regions {
    entry: Vec<Region>,
}

#[derive(Deserialize)]
struct Region {
    key: String,
    #[serde(default)]
    value: RegionalDetails,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RegionalDetails {
    stages: Stages,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stages {
    #[serde(rename = "StackInstancesDeployment", alias = "RegionalStackInstancesDeployment")]
    deployment: Deployment,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Deployment {
    status: Option<String>,
    succeeded_stack_instances_count: Option<String>,
    failed_stack_instances_count: Option<String>,
    cancelled_stack_instances_count: Option<String>,
    skipped_stack_instances_count: Option<String>,
    pending_stack_instances_count: Option<String>,
    total_stack_instances_count: Option<String>,
}

impl Deployment {
    fn into_totals(self) -> TargetTotals {
        // A drift detection deploys nothing: what it counts here says nothing of its targets.
        if self.status.as_deref() == Some("NOT_APPLICABLE") {
            return TargetTotals::default();
        }
        TargetTotals {
            targets: number(self.total_stack_instances_count),
            succeeded: number(self.succeeded_stack_instances_count),
            failed: number(self.failed_stack_instances_count),
            cancelled: number(self.cancelled_stack_instances_count),
            skipped: number(self.skipped_stack_instances_count),
            pending: number(self.pending_stack_instances_count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals_in(operation: &str) -> Option<Totals> {
        let answer = format!(
            "<?xml version=\"1.0\"?>\n<DescribeStackSetOperationResponse><DescribeStackSetOperationResult>\
             <StackSetOperation>{operation}</StackSetOperation></DescribeStackSetOperationResult>\
             </DescribeStackSetOperationResponse>"
        );
        totals_of(answer.as_bytes())
    }

    #[test]
    fn a_text_that_is_no_number_is_missing() {
        for (text, targets) in [
            ("0", Some(0)),
            (" 7\n", Some(7)),
            ("2147483647", Some(2_147_483_647)),
            ("", None),
            ("-1", None),
            ("1.0", None),
            ("1,000", None),
            ("99999999999999999999", None),
            ("many", None),
        ] {
            let details = format!(
                "<StatusDetails><TotalStackInstancesCount>{text}</TotalStackInstancesCount>\
                 <TotalAccountsCount>3</TotalAccountsCount></StatusDetails>"
            );
            let totals = totals_in(&details).unwrap();
            assert_eq!((totals.all.targets, totals.accounts), (targets, Some(3)), "{text:?}");
        }
    }

    #[test]
    fn an_answer_in_another_form_has_no_totals() {
        for operation in [
            "",
            "<StatusDetails/>",
            "<StatusDetails>7</StatusDetails>",
            "<StatusDetails><Stages/></StatusDetails><RegionalStatusDetails/>",
            "<RegionalStatusDetails><entry><value/></entry></RegionalStatusDetails>",
            "<StatusDetails><TotalAccountsCount><a>1</a></TotalAccountsCount></StatusDetails>",
        ] {
            assert_eq!(totals_in(operation), None, "{operation}");
        }
        assert_eq!(totals_of(b"<html/>"), None);
        assert_eq!(totals_of(b"\xff"), None);
    }

    #[test]
    fn a_region_without_numbers_has_none() {
        let totals =
            totals_in("<RegionalStatusDetails><entry><key>eu-west-1</key><value/></entry></RegionalStatusDetails>");
        assert_eq!(totals.unwrap().by_region["eu-west-1"], TargetTotals::default());
    }
}
