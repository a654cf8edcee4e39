//! One target a row, as lists and tables have it.

use serde::Serialize;

/// One target of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Account id.
    pub account: Option<String>,
    /// What AWS Organizations calls the account, where that was looked up.
    pub account_name: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Organizational unit; `None` for targets of none.
    pub organizational_unit_id: Option<String>,
    /// Status of the target.
    pub status: Option<String>,
    /// Code of the cause; `None` where the target did not fail.
    pub cause: Option<&'static str>,
    /// Who can fix it, the likeliest first.
    pub owners: Vec<&'static str>,
    /// Whether a retry helps: `YES`, `NO` or `SOMETIMES`; `None` where the target did not fail.
    pub retry_helps: Option<&'static str>,
    /// What CloudFormation says of the target.
    pub reason: Option<String>,
}
