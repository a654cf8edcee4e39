//! Finds the names in a text that the next step should mention.

use super::cause::Code::{self, *};
use super::mask::mask;

/// Where a name stands: after `after`, up to the first character of `until`.
struct Place {
    codes: &'static [Code],
    after: &'static str,
    until: &'static str,
    /// How many of them are wanted.
    most: usize,
}

const fn place(codes: &'static [Code], after: &'static str, until: &'static str) -> Place {
    Place { codes, after, until, most: 1 }
}

impl Place {
    const fn each(self) -> Self {
        Self { most: 5, ..self }
    }
}

const TOKEN: &str = " ,;\"()";
const ROLES: &[Code] = &[ExecutionRoleNotAssumable, AdministrationRoleNotAssumable];
const DENIED: &[Code] = &[AccessDenied, ScpExplicitDeny];
const STACKS: &[Code] = &[StackNotUpdatable, StackOperationInProgress, DeleteBlocked];
const LISTED: &[Code] = &[
    TemplateInvalid,
    ResourceTypeUnavailable,
    ParameterInvalid,
    InsufficientCapabilities,
    DependencyNotFound,
    HookFailed,
    CauseNotReported,
];
const QUOTED: &[Code] = &[
    ResourceAlreadyExists,
    DependencyNotFound,
    ResourcePropertyInvalid,
    ParameterInvalid,
    DeleteBlocked,
    ArtifactNotAccessible,
    ResourceNotStabilized,
];

#[rustfmt::skip]
static PLACES: &[Place] = &[
    // Account 1 should have 'X' role with trust relationship to Role 'Y'.
    place(ROLES, "should have '", "'"),
    place(ROLES, "to Role '", "'"),
    place(ROLES, "perform: sts:AssumeRole on resource: ", TOKEN),
    // User: ... is not authorized to perform: iam:GetRole on resource: role X with an explicit deny in a ... policy: arn:...
    place(DENIED, "authorized to perform: ", TOKEN),
    place(DENIED, "API: ", TOKEN),
    place(DENIED, "on resource: role ", TOKEN),
    place(DENIED, "on resource: user ", TOKEN),
    place(DENIED, "on resource: policy ", TOKEN),
    place(DENIED, "on resource: ", TOKEN),
    place(DENIED, "control policy: ", TOKEN),
    place(DENIED, "permissions boundary: ", TOKEN),
    place(DENIED, "s3 bucket: ", TOKEN),
    // Region me-south-1 is not enabled; in this region
    place(&[RegionNotEnabled], "egion ", " .,;'\"()"),
    place(&[KmsKeyUnusable], "arn:", " ,;\"'()"),
    place(&[KmsKeyUnusable], "key '", "'"),
    place(&[KmsKeyUnusable], "Arn '", "'"),
    // The maximum number of VPC endpoints has been reached.
    place(&[ServiceQuotaExceeded], "aximum number of ", ":.;,(").each(),
    place(&[ServiceQuotaExceeded], "quota for ", TOKEN),
    place(STACKS, "Stack:", TOKEN),
    place(STACKS, "Stack [", "]"),
    place(STACKS, "StackSet ", TOKEN),
    place(&[DeleteBlocked], "Export ", TOKEN),
    place(&[DeleteBlocked], "in use by ", TOKEN),
    place(&[DeleteBlocked], "resource ", TOKEN),
    place(&[CustomResourceFailed], "Log Stream: ", TOKEN),
    place(&[ResourceAlreadyExists], "in stack ", TOKEN),
    place(&[ResourceAlreadyExists], "role name ", TOKEN),
    place(&[ResourceAlreadyExists], "Stack [", "]"),
    place(&[DependencyNotFound], "No export named ", TOKEN),
    place(&[TemplateInvalid], "Transform ", TOKEN),
    place(&[TemplateInvalid], "undefined resource ", TOKEN),
    place(&[TemplateInvalid], "failed for resource ", TOKEN),
    place(LISTED, "[", "]"),
    place(QUOTED, " '", "'").each(),
];

/// Whether a place is a guess: quotes and brackets stand around names of all kinds.
fn guesses(place: &Place) -> bool {
    place.after.starts_with([' ', '['])
}

/// What follows the name of a thing that exists already or is missing.
const AFTER_NAME: &[(Code, &[&str])] = &[
    (ResourceAlreadyExists, &[" already exist"]),
    (DependencyNotFound, &[" does not exist", " cannot be found", " was not found", " not found"]),
];

/// Words that are no names, although they stand where a name is expected.
const NO_NAMES: &[&str] = &["role", "user", "policy", "for", "is", "in", "stack", "arn", "the", "resource", "on"];

/// What `words` names, in the order of the table, each once.
pub(super) fn named(code: Code, words: &str) -> Vec<String> {
    let words = words.strip_prefix(super::structure::FROM_RESOURCE).unwrap_or(words);
    let mut names: Vec<String> = Vec::new();
    for place in PLACES.iter().filter(|place| place.codes.contains(&code)) {
        if guesses(place) && !names.is_empty() {
            continue;
        }
        for name in found(place, words) {
            // "in this region" names none.
            if code == RegionNotEnabled && mask(name) == name {
                continue;
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    if names.is_empty() {
        names.extend(name_before(code, words).map(str::to_owned));
    }
    names
}

fn found<'a>(place: &'static Place, words: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = words;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find(place.after)?;
            let after = rest.get(at + place.after.len()..)?;
            let start = after.trim_start_matches('"');
            let end = start.find(|c| place.until.contains(c)).unwrap_or(start.len());
            let (name, next) = start.split_at_checked(end)?;
            // The character that ends this name, such as a closing quote, does not begin another.
            let found = if place.after.starts_with("arn:") { rest.get(at..rest.len() - next.len())? } else { name };
            rest = next.strip_prefix(|c| place.until.contains(c)).unwrap_or(next);
            let found = found.split(" has ").next().and_then(|name| name.split(" is ").next()).unwrap_or(found);
            if let Some(name) = name_in(found) {
                return Some(name);
            }
        }
    })
    .take(place.most)
}

/// A longer one is no name.
const NAME_LENGTH: usize = 300;

/// The name in what was found, if it is one.
fn name_in(found: &str) -> Option<&str> {
    let name = found.trim_matches([' ', '.', ',', ':', ';', '\'', '"', '[', ']']);
    let is_name = name.len() <= NAME_LENGTH && name.contains(char::is_alphanumeric) && !NO_NAMES.contains(&name);
    is_name.then_some(name)
}

/// The word before ` already exists` and the like, if it looks like a name and not like a noun.
fn name_before(code: Code, words: &str) -> Option<&str> {
    let (_, phrases) = AFTER_NAME.iter().find(|(of, _)| *of == code)?;
    let before = phrases.iter().find_map(|phrase| words.split_once(phrase)).map(|(before, _)| before)?;
    let name = name_in(before.rsplit(' ').next()?)?;
    name.contains(|c: char| !c.is_ascii_lowercase()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_services_put_them() {
        for (code, words, wanted) in [
            (
                AccessDenied,
                "X is not authorized to perform: iam:GetRole on resource: role Y because",
                &["iam:GetRole", "Y"][..],
            ),
            (
                AccessDenied,
                "not authorized to perform: s3:Get on resource: \"arn:aws:s3:::b/*\" with",
                &["s3:Get", "arn:aws:s3:::b/*"],
            ),
            (AccessDenied, "API: s3:PutBucketPolicy Access Denied", &["s3:PutBucketPolicy"]),
            (ServiceQuotaExceeded, "The maximum number of VPC endpoints has been reached.", &["VPC endpoints"]),
            (ServiceQuotaExceeded, "Cannot exceed quota for PolicySize: 6144", &["PolicySize"]),
            (
                KmsKeyUnusable,
                "arn:aws:kms:eu-west-1:123456789012:key/a is disabled",
                &["arn:aws:kms:eu-west-1:123456789012:key/a"],
            ),
            (ResourceAlreadyExists, "A policy called MyPolicy already exists. No", &["MyPolicy"]),
            (ResourceAlreadyExists, "a detector already exists", &[]),
            (DependencyNotFound, "No export named 'A' found", &["A"]),
            (DependencyNotFound, "Unable to fetch parameters [/a/b] from", &["/a/b"]),
            (DeleteBlocked, "Export A cannot be deleted as it is in use by B and C", &["A", "B"]),
            (HookFailed, "The following hook(s) failed: [A::B::Hook]", &["A::B::Hook"]),
            (RegionNotEnabled, "Region me-south-1 is not enabled", &["me-south-1"]),
            (RegionNotEnabled, "STS is not activated in this region for account:1", &[]),
            (ParameterInvalid, "Parameters: [A, B] must have values", &["A, B"]),
            (StackNotUpdatable, "Stack:arn:aws:x is in", &["arn:aws:x"]),
            (Throttling, "Rate exceeded for 'x'", &[]),
        ] {
            assert_eq!(named(code, words), wanted, "{words}");
        }
    }
}
