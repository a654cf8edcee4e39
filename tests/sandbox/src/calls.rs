//! Which AWS calls were made, kept beyond the process: the permissions in the template are compared with them.

use std::{
    collections::BTreeSet,
    env,
    fs::OpenOptions,
    io::Write,
    sync::{Mutex, PoisonError},
};

use crate::query::Call;

/// Names the file that calls are added to; nothing is kept without it.
const FILE: &str = "SANDBOX_CALLS";

static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Adds a line for a call that this process has not made before: package under test, service, action, capacity,
/// Region, and the stack set or the topic.
pub(crate) fn note(call: &Call) {
    let Some(file) = env::var_os(FILE) else { return };
    // Cargo sets it for tests, and so tells our own tests from those of the notifier.
    let package = env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "-".to_owned());
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.replace(char::is_whitespace, "_") };
    let (service, action) = (or_none(&call.service), or_none(&call.action));
    let call_as = or_none(call.param("CallAs").unwrap_or_default());
    let resource = or_none(call.param("StackSetName").or_else(|| call.param("TopicArn")).unwrap_or_default());
    let line = format!("{package} {service} {action} {call_as} {} {resource}\n", or_none(&call.region));
    if !KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
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
