//! The known causes, and what a person can do about each.

use serde::Serialize;

use crate::numbers::number;

/// Declares the codes, with their words and their advice, in one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal {
        fix: $fix:literal $(/ self_managed: $own:literal)?,
        retry: $retry:expr,
        next: $next:literal $(,)?
    })+) => {
        /// Why a target did not get its stack: the vocabulary of reports, chat keywords and metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code, in the order of the taxonomy.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The public word for the code, as reports and metrics carry it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn advice(self) -> Advice {
                match self {
                    $(Self::$variant => Advice {
                        fix: $fix,
                        self_managed: None $(.or(Some($own)))?,
                        retry: $retry,
                        next: $next,
                    },)+
                }
            }
        }
    };
}

/// What a person can do about a cause.
struct Advice {
    /// Who can fix it; empty where there is nobody to name.
    fix: &'static str,
    /// Who can fix it instead where the stack set is self-managed.
    self_managed: Option<&'static str>,
    /// Whether retrying unchanged helps.
    retry: Option<&'static str>,
    /// What to do next; `{}` is where the named things go.
    next: &'static str,
}

const YES: Option<&str> = Some("yes");
const NO: Option<&str> = Some("no");
const SOMETIMES: Option<&str> = Some("sometimes");

codes! {
    /// Execution role missing in the target, or it does not trust the administration role.
    ExecutionRoleNotAssumable = "EXECUTION_ROLE_NOT_ASSUMABLE" {
        fix: "platform team" / self_managed: "account owner",
        retry: SOMETIMES,
        next: "Check that the account is ACTIVE (a suspended one gives the same text), then create or \
               repair the execution role and its trust{}. Retrying helps only just after the role was made.",
    }
    /// The administration role does not trust CloudFormation.
    AdministrationRoleNotAssumable = "ADMINISTRATION_ROLE_NOT_ASSUMABLE" {
        fix: "platform team",
        retry: NO,
        next: "Repair the administration role and its trust in CloudFormation{}; it breaks every target.",
    }
    /// A service or resource control policy denies.
    ScpExplicitDeny = "SCP_EXPLICIT_DENY" {
        fix: "platform team",
        retry: NO,
        next: "Exempt the execution role in the service or resource control policy that denies{}.",
    }
    /// Any other policy denies, or none allows.
    AccessDenied = "ACCESS_DENIED" {
        fix: "platform team, or the account owner for a permissions boundary",
        retry: NO,
        next: "Grant the denied action on its resource{}; look at identity policies, the permissions \
               boundary and the resource's own policy.",
    }
    /// Target account suspended or closed.
    AccountSuspended = "ACCOUNT_SUSPENDED" {
        fix: "platform team",
        retry: NO,
        next: "Delete the stack instances of the suspended account, retaining their stacks{}.",
    }
    /// Opt-in Region off, or its STS endpoint inactive.
    RegionNotEnabled = "REGION_NOT_ENABLED" {
        fix: "account owner",
        retry: NO,
        next: "Enable the Region or its STS endpoint in the account{}, or drop it from the targets.",
    }
    /// Sign-up, verification or marketplace terms are outstanding.
    AccountNotSubscribed = "ACCOUNT_NOT_SUBSCRIBED" {
        fix: "account owner, or AWS while it verifies the account",
        retry: SOMETIMES,
        next: "Finish the account's sign-up or accept the terms{}. While AWS verifies the account, retry \
               after a few hours.",
    }
    /// Type or configuration not offered in that Region.
    ResourceTypeUnavailable = "RESOURCE_TYPE_UNAVAILABLE" {
        fix: "platform team",
        retry: NO,
        next: "Drop the Region, make the resource conditional, or fix its type{}; a typo reads the same.",
    }
    /// Name or per-account singleton taken.
    ResourceAlreadyExists = "RESOURCE_ALREADY_EXISTS" {
        fix: "account owner, or the platform team if a stack owns it",
        retry: NO,
        next: "Import, rename or delete what exists already{}.",
    }
    /// A quota or hard size limit is reached.
    ServiceQuotaExceeded = "SERVICE_QUOTA_EXCEEDED" {
        fix: "account owner",
        retry: NO,
        next: "Raise the quota or free some of what it counts{}.",
    }
    /// Too many requests.
    Throttling = "THROTTLING" {
        fix: "nobody needs to",
        retry: YES,
        next: "Retry with less concurrency.",
    }
    /// A new role is not visible yet.
    IamPropagationDelay = "IAM_PROPAGATION_DELAY" {
        fix: "nobody needs to",
        retry: YES,
        next: "Retry once; if it repeats, treat it as a problem of the role's trust or permissions{}.",
    }
    /// The stack is in a final bad state.
    StackNotUpdatable = "STACK_NOT_UPDATABLE" {
        fix: "account owner",
        retry: NO,
        next: "Delete the stack, or continue its update rollback{}.",
    }
    /// Another operation is at work.
    StackOperationInProgress = "STACK_OPERATION_IN_PROGRESS" {
        fix: "nobody needs to",
        retry: YES,
        next: "Wait until the other operation has ended{}, then retry.",
    }
    /// Template or transform invalid, or not supported by StackSets.
    TemplateInvalid = "TEMPLATE_INVALID" {
        fix: "platform team",
        retry: NO,
        next: "Fix the template{}; expect every target to fail until then.",
    }
    /// Parameter missing, unknown or of the wrong type.
    ParameterInvalid = "PARAMETER_INVALID" {
        fix: "platform team",
        retry: NO,
        next: "Fix the parameters or their overrides{}.",
    }
    /// A capability was not acknowledged.
    InsufficientCapabilities = "INSUFFICIENT_CAPABILITIES" {
        fix: "platform team",
        retry: NO,
        next: "Pass the capability that the template needs{}.",
    }
    /// The service rejects a property.
    ResourcePropertyInvalid = "RESOURCE_PROPERTY_INVALID" {
        fix: "platform team",
        retry: NO,
        next: "Fix the property that the service rejects{}.",
    }
    /// Something that the template refers to is absent.
    DependencyNotFound = "DEPENDENCY_NOT_FOUND" {
        fix: "platform team or account owner",
        retry: NO,
        next: "Create what is missing first{}, or fix the reference to it.",
    }
    /// Template, code archive or image missing or denied.
    ArtifactNotAccessible = "ARTIFACT_NOT_ACCESSIBLE" {
        fix: "platform team",
        retry: NO,
        next: "Publish the template, archive or image for this Region and share its bucket or repository \
               with the organization{}.",
    }
    /// KMS key disabled, pending deletion or not usable by the service.
    KmsKeyUnusable = "KMS_KEY_UNUSABLE" {
        fix: "key owner",
        retry: NO,
        next: "Enable the KMS key or let its policy admit the service{}.",
    }
    /// A custom resource sent FAILED or never answered.
    CustomResourceFailed = "CUSTOM_RESOURCE_FAILED" {
        fix: "owner of the custom resource's function",
        retry: SOMETIMES,
        next: "Read the log of the custom resource's function{}.",
    }
    /// The code of a resource type, module or macro that is not AWS's own threw an exception.
    ExtensionFailed = "EXTENSION_FAILED" {
        fix: "publisher of the extension",
        retry: NO,
        next: "Update the extension's version, or pin one that works{}; report it to its publisher.",
    }
    /// A CloudFormation Hook or proactive control refused.
    HookFailed = "HOOK_FAILED" {
        fix: "platform team",
        retry: NO,
        next: "Change the template so that it meets the control{}.",
    }
    /// The account gate refused.
    AccountGateFailed = "ACCOUNT_GATE_FAILED" {
        fix: "account owner",
        retry: SOMETIMES,
        next: "Read the log of the account gate's function in that account and Region. Retry once its \
               condition clears.",
    }
    /// Something stands in the way of a deletion.
    DeleteBlocked = "DELETE_BLOCKED" {
        fix: "account owner",
        retry: NO,
        next: "Clear what blocks the deletion{}, or retain the stacks.",
    }
    /// Timed out or never became stable.
    ResourceNotStabilized = "RESOURCE_NOT_STABILIZED" {
        fix: "account owner",
        retry: SOMETIMES,
        next: "Read the resource's own events{}; a retry helps if it was only slow.",
    }
    /// Trusted access or a delegated administrator is missing.
    TrustedAccessNotEnabled = "TRUSTED_ACCESS_NOT_ENABLED" {
        fix: "platform team",
        retry: NO,
        next: "Activate trusted access with AWS Organizations for the service{}, or register the delegated \
               administrator.",
    }
    /// A failure inside AWS.
    AwsInternalFailure = "AWS_INTERNAL_FAILURE" {
        fix: "AWS",
        retry: YES,
        next: "Retry once; if it repeats, ask AWS Support.",
    }
    /// Cancelled because other targets failed.
    FailureToleranceExceeded = "FAILURE_TOLERANCE_EXCEEDED" {
        fix: "nobody needs to",
        retry: SOMETIMES,
        next: "Look at the failed targets of the same operation. Retry after they are fixed.",
    }
    /// Cancelled because the operation was stopped.
    OperationStopped = "OPERATION_STOPPED" {
        fix: "nobody needs to",
        retry: YES,
        next: "Run the operation again if it is wanted.",
    }
    /// Nothing to update.
    NoChanges = "NO_CHANGES" {
        fix: "",
        retry: None,
        next: "Nothing needs to be done; the stack is already as wanted.",
    }
    /// The text names no cause, or there is none.
    CauseNotReported = "CAUSE_NOT_REPORTED" {
        fix: "",
        retry: None,
        next: "Read the stack's events in that account{}.",
    }
    /// A text that no rule knows.
    Unknown = "UNKNOWN" {
        fix: "",
        retry: None,
        next: "Read the text of the failed targets.",
    }
}

/// At most so many names go into one sentence.
const NAMES_SHOWN: usize = 3;

impl Code {
    /// Who can fix it. With `self_managed` permissions each account creates its execution role itself.
    ///
    /// `None` where nobody can know, or nothing needs to be fixed.
    pub fn who_can_fix(self, self_managed: bool) -> Option<&'static str> {
        let advice = self.advice();
        let who = advice.self_managed.filter(|_| self_managed).unwrap_or(advice.fix);
        Some(who).filter(|who| !who.is_empty())
    }

    /// Whether retrying unchanged helps: `yes`, `no` or `sometimes`; `None` where nobody can know.
    pub fn retry_helps(self) -> Option<&'static str> {
        self.advice().retry
    }

    /// What to do next, naming `names` (as in [`Cause::named`]) where the sentence has room for them.
    pub fn next_step<S: AsRef<str>>(self, names: &[S]) -> String {
        let next = match self {
            Self::ResourceAlreadyExists if is_of_a_stack_set(names) => OWNED_BY_A_STACK_SET,
            Self::ResourceAlreadyExists if names.iter().any(|name| name.as_ref().contains(STACK)) => OWNED_BY_A_STACK,
            _ => self.advice().next,
        };
        next.replacen("{}", &parenthesis(names), 1)
    }

    /// The same as [`Code::retry_helps`], for a text that names these things.
    pub fn retry_helps_with<S: AsRef<str>>(self, names: &[S]) -> Option<&'static str> {
        let waits = self == Self::ResourceAlreadyExists && is_of_a_stack_set(names);
        if waits { SOMETIMES } else { self.retry_helps() }
    }
}

/// In the ARN of a stack.
const STACK: &str = ":stack/";
const OWNED_BY_A_STACK: &str =
    "A stack owns it{}: keep it in one of the two stacks. Do not import or delete it while that stack has it.";
const OWNED_BY_A_STACK_SET: &str = "The stack of another stack set owns it{}: if that one is about to delete it, wait \
                                    and retry; if not, keep it in one of the two stack sets. Do not import or delete \
                                    it in the account.";

/// Whether the stack of a stack set is among the names: `StackSet-<name>-<uuid>`.
fn is_of_a_stack_set<S: AsRef<str>>(names: &[S]) -> bool {
    names.iter().any(|name| name.as_ref().contains(":stack/StackSet-"))
}

/// ` (a, b, c and 2 more)`, or nothing without names.
fn parenthesis<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(shown.len()) {
        0 => String::new(),
        n => format!(" and {} more", number(n as u64)),
    };
    format!(" ({}{more})", shown.join(", "))
}

/// The resource that a result names: the first that failed in the stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Logical id in the template.
    pub logical_id: String,
    /// Type, such as `AWS::IAM::Role`.
    pub resource_type: String,
}

/// What named a cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Basis {
    /// The words of the text.
    Text,
    /// A generic error code, or words that are about as weak: the cause is a guess.
    ErrorCode,
    /// Nothing names a cause.
    #[default]
    None,
}

/// Why one target failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Which cause.
    pub code: Code,
    /// What named it.
    pub basis: Basis,
    /// The resource that the text is about, if it names one.
    pub resource: Option<Resource>,
    /// Names in the text that the next step should mention, as they stand there: role, action, policy,
    /// quota, export ...
    pub named: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_every_code_has_advice() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert_eq!(words.len(), 34);
        for code in Code::ALL {
            let step = code.next_step::<&str>(&[]);
            assert!(step.ends_with('.') && !step.contains("{}") && !step.contains("  "), "{step}");
            assert_eq!(code.who_can_fix(true).is_none(), code.retry_helps().is_none(), "{}", code.as_str());
            assert!(matches!(code.retry_helps(), None | Some("yes" | "no" | "sometimes")));
        }
    }

    #[test]
    fn next_step_names_a_few_things() {
        assert_eq!(Code::StackNotUpdatable.next_step(&["a"]), "Delete the stack, or continue its update rollback (a).");
        assert_eq!(
            Code::TemplateInvalid.next_step(&["a", "b", "c", "d", "e"]),
            "Fix the template (a, b, c and 2 more); expect every target to fail until then."
        );
        assert_eq!(Code::Throttling.next_step(&["a"]), "Retry with less concurrency.");
        assert_eq!(Code::HookFailed.next_step(&["{}"]).matches("{}").count(), 1);
    }

    #[test]
    fn self_managed_roles_are_the_account_owners() {
        let code = Code::ExecutionRoleNotAssumable;
        assert_eq!((code.who_can_fix(true), code.who_can_fix(false)), (Some("account owner"), Some("platform team")));
        assert_eq!(Code::Throttling.who_can_fix(true), Some("nobody needs to"));
    }
}
