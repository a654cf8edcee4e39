//! AWS Organizations: `DescribeAccount` and `DescribeOrganizationalUnit`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{call::Call, error::ServiceError, scenario::Scenario, state::Output};

const ORGANIZATION_ID: &str = "o-a1b2c3d4e5";
const ROOT_ID: &str = "r-a1b2";

/// An organization: its accounts and organizational units by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    /// The accounts.
    pub accounts: BTreeMap<String, Account>,
    /// The names of the organizational units.
    pub organizational_units: BTreeMap<String, String>,
}

/// An account of an organization; a `None` is left out of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// `PENDING_ACTIVATION`, `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE` or `CLOSED`.
    pub state: Option<String>,
    /// `ACTIVE`, `SUSPENDED` or `PENDING_CLOSURE`; AWS has retired this member in favor of the state.
    pub status: Option<String>,
}

impl Organization {
    /// An organization without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an active account.
    #[must_use]
    pub fn account(self, id: &str, name: &str) -> Self {
        self.account_in_state(id, name, "ACTIVE")
    }

    /// Adds an account in this state, such as `SUSPENDED`; without the retired status.
    #[must_use]
    pub fn account_in_state(mut self, id: &str, name: &str, state: &str) -> Self {
        let account = Account { name: name.to_owned(), state: Some(state.to_owned()), status: None };
        self.accounts.insert(id.to_owned(), account);
        self
    }

    /// Adds an account with the retired status and without a state, as older answers have it.
    #[must_use]
    pub fn account_with_status(mut self, id: &str, name: &str, status: &str) -> Self {
        let account = Account { name: name.to_owned(), state: None, status: Some(status.to_owned()) };
        self.accounts.insert(id.to_owned(), account);
        self
    }

    /// Adds an organizational unit.
    #[must_use]
    pub fn organizational_unit(mut self, id: &str, name: &str) -> Self {
        self.organizational_units.insert(id.to_owned(), name.to_owned());
        self
    }
}

pub(crate) fn describe_account(scenario: &Scenario, call: &Call) -> Result<Output, ServiceError> {
    let id = call.param("AccountId").unwrap_or_default();
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_pattern());
    }
    let account = organization(scenario)?.accounts.get(id).ok_or_else(|| {
        let message = "You specified an account that doesn't exist.";
        ServiceError::new(400, "AccountNotFoundException", message)
    })?;
    let mut document = json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{}:account/{ORGANIZATION_ID}/{id}", scenario.account),
        "Email": format!("account-{id}@example.com"),
        "Name": account.name,
        "Paths": [format!("{ORGANIZATION_ID}/{ROOT_ID}/{id}/")],
        "JoinedMethod": "CREATED",
        // Seconds since 1970, as the JSON protocols write times.
        "JoinedTimestamp": 1_767_225_600.25,
    });
    for (name, value) in [("State", &account.state), ("Status", &account.status)] {
        if let Some(value) = value {
            document[name] = Value::from(value.as_str());
        }
    }
    Ok(Output::new(json!({"Account": document}).to_string()))
}

pub(crate) fn describe_organizational_unit(scenario: &Scenario, call: &Call) -> Result<Output, ServiceError> {
    let id = call.param("OrganizationalUnitId").unwrap_or_default();
    if !is_organizational_unit(id) {
        return Err(invalid_pattern());
    }
    let name = organization(scenario)?.organizational_units.get(id).ok_or_else(|| {
        let message = "You specified an organizational unit that doesn't exist.";
        ServiceError::new(400, "OrganizationalUnitNotFoundException", message)
    })?;
    let document = json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{}:ou/{ORGANIZATION_ID}/{id}", scenario.account),
        "Name": name,
        "Path": format!("{ORGANIZATION_ID}/{ROOT_ID}/{id}/"),
    });
    Ok(Output::new(json!({"OrganizationalUnit": document}).to_string()))
}

fn organization(scenario: &Scenario) -> Result<&Organization, ServiceError> {
    scenario.organization.as_ref().ok_or_else(|| {
        let message = "Your account is not a member of an organization.";
        ServiceError::new(400, "AWSOrganizationsNotInUseException", message)
    })
}

/// Whether the id has the pattern of the service model, `^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$`; a root has not.
fn is_organizational_unit(id: &str) -> bool {
    let is_part = |part: Option<&str>, least: usize| {
        part.is_some_and(|part| {
            (least..=32).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        })
    };
    let mut parts = id.split('-');
    parts.next() == Some("ou") && is_part(parts.next(), 4) && is_part(parts.next(), 8) && parts.next().is_none()
}

fn invalid_pattern() -> ServiceError {
    let message = "You provided a value that does not match the required pattern.";
    ServiceError::new(400, "InvalidInputException", message).with("Reason", json!("INVALID_PATTERN"))
}
