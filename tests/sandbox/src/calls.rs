//! Writes a file of the AWS calls that were made, with which the permissions in the template are compared.

use std::{
    collections::BTreeSet,
    env,
    fs::OpenOptions,
    io::Write,
    sync::{Mutex, PoisonError},
};

use crate::call::Call;

/// The environment variable that names the file; without it nothing is written.
const FILE: &str = "SANDBOX_CALLS";

/// The parameters that name the resource of a call.
const RESOURCES: [&str; 6] = ["StackSetName", "StackName", "RoleArn", "TopicArn", "AccountId", "OrganizationalUnitId"];

static WRITTEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Adds a line for a call unless this process has written it already: package under test, service, action (service and
/// action are the name of the IAM action), `CallAs` or the assumed role that signed the call, Region, and the resource.
pub(crate) fn note(call: &Call, role: Option<&str>) {
    let Some(file) = env::var_os(FILE) else { return };
    // Cargo sets it for tests: it separates the tests of this package from those of the notifier.
    let package = env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "-".to_owned());
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.replace(char::is_whitespace, "_") };
    let (service, action) = (or_dash(&call.service), or_dash(&call.action));
    let call_as = or_dash(role.or(call.param("CallAs")).unwrap_or_default());
    let resource = or_dash(RESOURCES.iter().find_map(|name| call.param(name)).unwrap_or_default());
    let line = format!("{package} {service} {action} {call_as} {} {resource}\n", or_dash(&call.region));
    if !WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        return;
    }
    // One short write at the end of the file: those of other processes do not mix with it.
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(&file)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("could not add to {FILE} {}: {error}", file.display()));
}
