//! Who signs the calls: the function itself, or a role that it has assumed with STS `AssumeRole`.

use std::collections::HashMap;

use crate::{
    call::Call,
    error::ServiceError,
    ids,
    scenario::Scenario,
    state::{Output, State},
    xml,
};

/// The credentials end long after any test.
const EXPIRATION: &str = "2099-12-31T23:59:59Z";

/// Who signed a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The function, with credentials of its own account.
    Function,
    /// A session of a role.
    Session(Session),
}

/// The session of a role that was assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    role: String,
    name: String,
    token: String,
}

/// The sessions by their access keys.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<String, Session>);

impl Sessions {
    /// Who signed the call. The access key decides; that of a session is valid with its session token only.
    ///
    /// The signature is not checked: that would test the SDK.
    pub(crate) fn caller(&self, call: &Call) -> Result<Caller, ServiceError> {
        match self.0.get(&call.access_key) {
            None => Ok(Caller::Function),
            Some(session) if session.token == call.session_token => Ok(Caller::Session(session.clone())),
            Some(_) => {
                let message = "The security token included in the request is invalid.";
                Err(ServiceError::new(403, "InvalidClientTokenId", message))
            }
        }
    }

    /// The role behind an access key, as `role/NAME`.
    pub(crate) fn role(&self, access_key: &str) -> Option<&str> {
        self.0.get(access_key).and_then(|session| session.role.split(':').nth(5))
    }
}

impl Caller {
    /// The account of the credentials.
    pub(crate) fn account<'a>(&'a self, scenario: &'a Scenario) -> &'a str {
        match self {
            Self::Function => &scenario.account,
            Self::Session(session) => account_of(&session.role),
        }
    }

    /// Refuses sessions: the roles of the scenario may do nothing but read the events of stacks.
    pub(crate) fn must_be_function(&self, scenario: &Scenario, call: &Call) -> Result<(), ServiceError> {
        match self {
            Self::Function => Ok(()),
            Self::Session(_) => Err(self.denied(scenario, call, "*")),
        }
    }

    pub(crate) fn denied(&self, scenario: &Scenario, call: &Call, resource: &str) -> ServiceError {
        let (role, session) = match self {
            Self::Function => ("stackset-notifier", "stackset-notifier"),
            Self::Session(session) => (name_of(&session.role), session.name.as_str()),
        };
        let message = format!(
            "User: arn:aws:sts::{}:assumed-role/{role}/{session} is not authorized to perform: {}:{} on resource: \
             {resource}",
            self.account(scenario),
            call.service,
            call.action,
        );
        ServiceError::new(403, "AccessDenied", &message)
    }
}

/// `AssumeRole`: a new session of a role that exists and trusts the function.
pub(crate) fn assume_role(state: &mut State, call: &Call, caller: &Caller) -> Result<Output, ServiceError> {
    let role = call.required("RoleArn")?;
    if !(20..=2048).contains(&role.len()) {
        return Err(ServiceError::constraint(role, "roleArn", "have length between 20 and 2048"));
    }
    let name = call.required("RoleSessionName")?;
    let legal = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    if !(2..=64).contains(&name.len()) || !name.chars().all(legal) {
        let constraint = r"satisfy regular expression pattern: [\w+=,.@-]*";
        return Err(ServiceError::constraint(name, "roleSessionName", constraint));
    }
    if let Some(seconds) = call.param("DurationSeconds")
        && !seconds.parse().is_ok_and(|seconds: u32| (900..=43_200).contains(&seconds))
    {
        return Err(ServiceError::constraint(seconds, "durationSeconds", "have value between 900 and 43200"));
    }
    // STS does not say whether the role is missing or does not trust the caller.
    if *caller != Caller::Function || !state.scenario.roles.iter().any(|known| known == role) {
        return Err(caller.denied(&state.scenario, call, role));
    }
    let number = state.sessions.0.len();
    let access_key = format!("ASIA{:016X}", ids::mix(role, number as u64));
    let token = ids::token(ids::mix(&access_key, 0));
    let mut body = String::new();
    xml::nested(&mut body, "Credentials", |out| {
        xml::element(out, "AccessKeyId", &access_key);
        xml::element(out, "SecretAccessKey", &ids::token(ids::mix(&access_key, 1))[..40]);
        xml::element(out, "SessionToken", &token);
        xml::element(out, "Expiration", EXPIRATION);
    });
    xml::nested(&mut body, "AssumedRoleUser", |out| {
        let (account, role_name) = (account_of(role), name_of(role));
        xml::element(out, "AssumedRoleId", &format!("AROA{:016X}:{name}", ids::mix(role, 0)));
        xml::element(out, "Arn", &format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"));
    });
    state.sessions.0.insert(access_key, Session { role: role.to_owned(), name: name.to_owned(), token });
    Ok(Output::new(body))
}

/// `GetCallerIdentity`, which nobody can be denied.
pub(crate) fn caller_identity(scenario: &Scenario, caller: &Caller) -> Output {
    let (partition, role, session) = match caller {
        Caller::Function => ("aws", "stackset-notifier", "stackset-notifier"),
        Caller::Session(session) => {
            (session.role.split(':').nth(1).unwrap_or("aws"), name_of(&session.role), session.name.as_str())
        }
    };
    let account = caller.account(scenario);
    let mut body = String::new();
    xml::element(&mut body, "Arn", &format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}"));
    xml::element(&mut body, "UserId", &format!("AROA{:016X}:{session}", ids::mix(role, 0)));
    xml::element(&mut body, "Account", account);
    Output::new(body)
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
