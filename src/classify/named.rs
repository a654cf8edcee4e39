//! Finds what a text names and the next step should name too.

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
    place(&[RegionNotEnabled], "Region ", TOKEN),
    place(&[RegionNotEnabled], "region ", " .,;'\"()"),
    place(&[KmsKeyUnusable], "arn:aws:kms:", TOKEN),
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
    place(&[ResourceAlreadyExists, StackNotUpdatable], "Stack [", "]"),
    place(&[DependencyNotFound], "No export named ", TOKEN),
    place(&[TemplateInvalid], "Transform ", TOKEN),
    place(&[TemplateInvalid], "undefined resource ", TOKEN),
    place(&[TemplateInvalid], "failed for resource ", TOKEN),
    place(LISTED, "[", "]"),
    place(QUOTED, " '", "'").each(),
];

/// What `words` names, in the order of the table, each once.
pub(super) fn named(code: Code, words: &str) -> Vec<String> {
    let mut names = Vec::new();
    for place in PLACES.iter().filter(|place| place.codes.contains(&code)) {
        if place.after.starts_with([' ', '[']) && !names.is_empty() {
            // Brackets and quotes are a guess, for texts that no better place knows.
            continue;
        }
        for name in found(place, words.strip_prefix(super::structure::FROM_RESOURCE).unwrap_or(words)) {
            let name = if code == CustomResourceFailed { name.to_owned() } else { mask(name) };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn found<'a>(place: &'static Place, words: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = words;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once(place.after)?;
            let end = after.find(|c| place.until.contains(c)).unwrap_or(after.len());
            let (name, next) = after.split_at_checked(end)?;
            // The closing quote belongs to this name and opens no other.
            rest = next.strip_prefix(|c| place.until.contains(c)).unwrap_or(next);
            let name = name.trim_matches([' ', '.', ',', ':', ';', '\'', '"', '*']);
            if (2..=200).contains(&name.len()) {
                return Some(name);
            }
        }
    })
    .take(place.most)
}
