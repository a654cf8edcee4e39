//! The known causes, and what a person can do about each.

use serde::Serialize;

use crate::numbers::number;

/// Who can fix a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Owner {
    /// The team that owns the stack set.
    Platform,
    /// Whoever owns the target account.
    AccountOwner,
    /// Whoever owns a key, a function, an extension or another resource.
    ResourceOwner,
    /// AWS itself.
    Aws,
    /// Nobody needs to fix anything.
    Nobody,
}

impl Owner {
    /// The document's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "PLATFORM",
            Self::AccountOwner => "ACCOUNT_OWNER",
            Self::ResourceOwner => "RESOURCE_OWNER",
            Self::Aws => "AWS",
            Self::Nobody => "NOBODY",
        }
    }
}

/// Whether retrying unchanged helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetryHelps {
    /// It does.
    Yes,
    /// Something must be fixed first.
    No,
    /// It depends on what the text does not say.
    Sometimes,
}

impl RetryHelps {
    /// The document's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "YES",
            Self::No => "NO",
            Self::Sometimes => "SOMETIMES",
        }
    }
}

/// Declares the codes, with their words and their advice, in one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal {
        fix: $fix:expr $(, self_managed: $own:expr)?;
        retry: $retry:expr;
        step: $step:literal $(, $more:literal)?;
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
                        step: NextStep { title: $step, more: None $(.or(Some($more)))? },
                    },)+
                }
            }
        }
    };
}

/// What a person can do about a cause.
struct Advice {
    /// Who can fix it, the likeliest first; empty where there is nobody to name.
    fix: &'static [Owner],
    /// Who can fix it instead where the stack set is self-managed.
    self_managed: Option<&'static [Owner]>,
    /// Whether retrying unchanged helps.
    retry: Option<RetryHelps>,
    step: NextStep,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextStep {
    /// In a few words, without a full stop.
    pub title: &'static str,
    /// What else to know, in sentences.
    pub more: Option<&'static str>,
}

impl NextStep {
    /// The whole step in sentences, with at most three of these names.
    pub fn with_names<S: AsRef<str>>(self, names: &[S]) -> String {
        let more = self.more.map(|more| format!(" {more}")).unwrap_or_default();
        let names = Some(shown(names)).filter(|names| !names.is_empty()).map(|names| format!(" ({names})"));
        format!("{}{}.{more}", self.title, names.unwrap_or_default())
    }

    /// What the step says beyond its title, in sentences.
    pub(crate) fn details<S: AsRef<str>>(self, names: &[S]) -> String {
        let names =
            Some(shown(names)).filter(|names| !names.is_empty()).map(|names| format!("Named in the texts: {names}."));
        names.into_iter().chain(self.more.map(str::to_owned)).collect::<Vec<_>>().join(" ")
    }
}

const PLATFORM: &[Owner] = &[Owner::Platform];
const ACCOUNT_OWNER: &[Owner] = &[Owner::AccountOwner];
const RESOURCE_OWNER: &[Owner] = &[Owner::ResourceOwner];
const NOBODY: &[Owner] = &[Owner::Nobody];
const YES: Option<RetryHelps> = Some(RetryHelps::Yes);
const NO: Option<RetryHelps> = Some(RetryHelps::No);
const SOMETIMES: Option<RetryHelps> = Some(RetryHelps::Sometimes);

codes! {
    /// Execution role missing in the target, or it does not trust the administration role.
    ExecutionRoleNotAssumable = "EXECUTION_ROLE_NOT_ASSUMABLE" {
        fix: PLATFORM, self_managed: ACCOUNT_OWNER;
        retry: SOMETIMES;
        step: "Create or repair the execution role and its trust",
            "Check first that the account is ACTIVE: a suspended one gives the same text. A retry alone helps only just after the role was made.";
    }
    /// The administration role does not trust CloudFormation.
    AdministrationRoleNotAssumable = "ADMINISTRATION_ROLE_NOT_ASSUMABLE" {
        fix: PLATFORM;
        retry: NO;
        step: "Repair the administration role's trust in CloudFormation",
            "Until then every target fails.";
    }
    /// A service or resource control policy denies.
    ScpExplicitDeny = "SCP_EXPLICIT_DENY" {
        fix: PLATFORM;
        retry: NO;
        step: "Exempt the execution role in the policy that denies",
            "It is a service or resource control policy of the organization.";
    }
    /// Any other policy denies, or none allows.
    AccessDenied = "ACCESS_DENIED" {
        fix: &[Owner::Platform, Owner::AccountOwner];
        retry: NO;
        step: "Grant the denied action",
            "Look at identity policies, the permissions boundary and the resource's own policy.";
    }
    /// Target account suspended or closed.
    AccountSuspended = "ACCOUNT_SUSPENDED" {
        fix: PLATFORM;
        retry: NO;
        step: "Delete the stack instances, retaining their stacks",
            "The account is suspended or closed.";
    }
    /// Opt-in Region off, or its STS endpoint inactive.
    RegionNotEnabled = "REGION_NOT_ENABLED" {
        fix: ACCOUNT_OWNER;
        retry: NO;
        step: "Enable the Region or its STS endpoint",
            "Dropping the Region from the targets helps too.";
    }
    /// Sign-up, verification or marketplace terms are outstanding.
    AccountNotSubscribed = "ACCOUNT_NOT_SUBSCRIBED" {
        fix: &[Owner::AccountOwner, Owner::Aws];
        retry: SOMETIMES;
        step: "Finish the account's sign-up or accept the terms",
            "While AWS verifies the account, retry after a few hours.";
    }
    /// Type or configuration not offered in that Region.
    ResourceTypeUnavailable = "RESOURCE_TYPE_UNAVAILABLE" {
        fix: PLATFORM;
        retry: NO;
        step: "Drop the Region, or fix the resource type",
            "Making the resource conditional helps too. A typo in the type gives the same text.";
    }
    /// Name or per-account singleton taken.
    ResourceAlreadyExists = "RESOURCE_ALREADY_EXISTS" {
        fix: &[Owner::AccountOwner, Owner::Platform];
        retry: NO;
        step: "Import, rename or delete what exists already";
    }
    /// A quota or hard size limit is reached.
    ServiceQuotaExceeded = "SERVICE_QUOTA_EXCEEDED" {
        fix: ACCOUNT_OWNER;
        retry: NO;
        step: "Raise the quota, or free some of what it counts";
    }
    /// Too many requests.
    Throttling = "THROTTLING" {
        fix: NOBODY;
        retry: YES;
        step: "Retry with less concurrency";
    }
    /// A new role is not visible yet.
    IamPropagationDelay = "IAM_PROPAGATION_DELAY" {
        fix: NOBODY;
        retry: YES;
        step: "Retry once",
            "A new role was not visible yet. If it repeats, treat it as a problem of the role's trust or permissions.";
    }
    /// The stack is in a final bad state.
    StackNotUpdatable = "STACK_NOT_UPDATABLE" {
        fix: ACCOUNT_OWNER;
        retry: NO;
        step: "Delete the stack, or continue its update rollback";
    }
    /// Another operation is at work.
    StackOperationInProgress = "STACK_OPERATION_IN_PROGRESS" {
        fix: NOBODY;
        retry: YES;
        step: "Wait for the other operation, then retry";
    }
    /// Template or transform invalid, or not supported by StackSets.
    TemplateInvalid = "TEMPLATE_INVALID" {
        fix: PLATFORM;
        retry: NO;
        step: "Fix the template",
            "Every target fails until then.";
    }
    /// Parameter missing, unknown or of the wrong type.
    ParameterInvalid = "PARAMETER_INVALID" {
        fix: PLATFORM;
        retry: NO;
        step: "Fix the parameters or their overrides";
    }
    /// A capability was not acknowledged.
    InsufficientCapabilities = "INSUFFICIENT_CAPABILITIES" {
        fix: PLATFORM;
        retry: NO;
        step: "Pass the capability that the template needs";
    }
    /// The service rejects a property.
    ResourcePropertyInvalid = "RESOURCE_PROPERTY_INVALID" {
        fix: PLATFORM;
        retry: NO;
        step: "Fix the property that the service rejects";
    }
    /// Something that the template refers to is absent.
    DependencyNotFound = "DEPENDENCY_NOT_FOUND" {
        fix: &[Owner::Platform, Owner::AccountOwner];
        retry: NO;
        step: "Create what is missing, or fix the reference";
    }
    /// Template, code archive or image missing or denied.
    ArtifactNotAccessible = "ARTIFACT_NOT_ACCESSIBLE" {
        fix: PLATFORM;
        retry: NO;
        step: "Publish and share the template, archive or image",
            "Publish it in this Region, and share its bucket or repository with the organization.";
    }
    /// KMS key disabled, pending deletion or not usable by the service.
    KmsKeyUnusable = "KMS_KEY_UNUSABLE" {
        fix: RESOURCE_OWNER;
        retry: NO;
        step: "Enable the KMS key, or let its policy admit the service";
    }
    /// A custom resource sent FAILED or never answered.
    CustomResourceFailed = "CUSTOM_RESOURCE_FAILED" {
        fix: RESOURCE_OWNER;
        retry: SOMETIMES;
        step: "Read the log of the custom resource's function";
    }
    /// The code of a resource type, module or macro that is not AWS's own threw an exception.
    ExtensionFailed = "EXTENSION_FAILED" {
        fix: RESOURCE_OWNER;
        retry: NO;
        step: "Update the extension, or pin a version that works",
            "Report it to its publisher.";
    }
    /// A CloudFormation Hook or proactive control refused.
    HookFailed = "HOOK_FAILED" {
        fix: PLATFORM;
        retry: NO;
        step: "Change the template so that it meets the control";
    }
    /// The account gate refused.
    AccountGateFailed = "ACCOUNT_GATE_FAILED" {
        fix: ACCOUNT_OWNER;
        retry: SOMETIMES;
        step: "Read the log of the account gate's function",
            "The log is in that account and Region. Retry once the gate's condition clears.";
    }
    /// Something stands in the way of a deletion.
    DeleteBlocked = "DELETE_BLOCKED" {
        fix: ACCOUNT_OWNER;
        retry: NO;
        step: "Clear what blocks the deletion, or retain the stacks";
    }
    /// Timed out or never became stable.
    ResourceNotStabilized = "RESOURCE_NOT_STABILIZED" {
        fix: ACCOUNT_OWNER;
        retry: SOMETIMES;
        step: "Read the resource's own events",
            "A retry helps if it was only slow.";
    }
    /// Trusted access or a delegated administrator is missing.
    TrustedAccessNotEnabled = "TRUSTED_ACCESS_NOT_ENABLED" {
        fix: PLATFORM;
        retry: NO;
        step: "Activate trusted access, or register the administrator",
            "Both belong to AWS Organizations: trusted access for the service, and its delegated administrator.";
    }
    /// A failure inside AWS.
    AwsInternalFailure = "AWS_INTERNAL_FAILURE" {
        fix: &[Owner::Aws];
        retry: YES;
        step: "Retry once",
            "AWS failed. If it repeats, ask AWS Support.";
    }
    /// Cancelled because other targets failed.
    FailureToleranceExceeded = "FAILURE_TOLERANCE_EXCEEDED" {
        fix: NOBODY;
        retry: SOMETIMES;
        step: "Look at the failed targets of the same operation",
            "Retry after they are fixed.";
    }
    /// Cancelled because the operation was stopped.
    OperationStopped = "OPERATION_STOPPED" {
        fix: NOBODY;
        retry: YES;
        step: "Run the operation again if it is wanted";
    }
    /// Nothing to update.
    NoChanges = "NO_CHANGES" {
        fix: &[];
        retry: None;
        step: "Do nothing",
            "The stack is already as wanted.";
    }
    /// The text names no cause, or there is none.
    CauseNotReported = "CAUSE_NOT_REPORTED" {
        fix: &[];
        retry: None;
        step: "Read the stack's events in that account";
    }
    /// A text that no rule knows.
    Unknown = "UNKNOWN" {
        fix: &[];
        retry: None;
        step: "Read the text of the failed targets";
    }
}

/// At most so many names go into one sentence.
const NAMES_SHOWN: usize = 3;

impl Code {
    /// Who can fix it, the likeliest first; empty where nobody can know, or nothing needs to be fixed.
    ///
    /// With `self_managed` permissions each account creates its execution role itself. `names` are those
    /// of [`Cause::named`].
    pub fn owners<S: AsRef<str>>(self, self_managed: bool, names: &[S]) -> &'static [Owner] {
        let advice = self.advice();
        match self.is_owned_by(names) {
            Some(_) => PLATFORM,
            None => advice.self_managed.filter(|_| self_managed).unwrap_or(advice.fix),
        }
    }

    /// Whether retrying unchanged helps; `None` where nobody can know.
    pub fn retry_helps<S: AsRef<str>>(self, names: &[S]) -> Option<RetryHelps> {
        if self.is_owned_by(names) == Some(StackOwner::StackSet) { SOMETIMES } else { self.advice().retry }
    }

    /// What to do next about a text that names these things.
    pub fn next_step<S: AsRef<str>>(self, names: &[S]) -> NextStep {
        match self.is_owned_by(names) {
            Some(StackOwner::StackSet) => OWNED_BY_A_STACK_SET,
            Some(StackOwner::Stack) => OWNED_BY_A_STACK,
            None => self.advice().step,
        }
    }

    /// What owns the resource that exists already, where a name shows it.
    fn is_owned_by<S: AsRef<str>>(self, names: &[S]) -> Option<StackOwner> {
        let any =
            |part: &str| self == Self::ResourceAlreadyExists && names.iter().any(|name| name.as_ref().contains(part));
        // A stack set names its stacks `StackSet-<name>-<uuid>`.
        if any(":stack/StackSet-") { Some(StackOwner::StackSet) } else { any(":stack/").then_some(StackOwner::Stack) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StackOwner {
    Stack,
    StackSet,
}

const OWNED_BY_A_STACK: NextStep = NextStep {
    title: "Keep the resource in one of the two stacks",
    more: Some("Another stack owns it: do not import or delete it while that stack has it."),
};
const OWNED_BY_A_STACK_SET: NextStep = NextStep {
    title: "Leave the resource to the other stack set, or wait",
    more: Some(
        "The stack of another stack set owns it: if that one is about to delete it, wait and retry; if not, keep it in \
         one of the two stack sets. Do not import or delete it in the account.",
    ),
};

/// `a, b, c and 2 more`.
fn shown<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(shown.len()) {
        0 => String::new(),
        n => format!(" and {} more", number(n as u64)),
    };
    format!("{}{more}", shown.join(", "))
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
    /// The events of the target's stack.
    StackEvents,
    /// The state of the account, which the text does not know.
    AccountState,
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

    const NAMELESS: &[&str] = &[];

    #[test]
    fn words_are_unique_and_every_code_has_advice() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert_eq!(words.len(), 34);
        for code in Code::ALL {
            let NextStep { title, more } = code.next_step(NAMELESS);
            assert!(!title.ends_with('.') && title.len() <= 58, "{title}");
            assert!(more.is_none_or(|more| more.ends_with('.') && !more.contains("  ")), "{more:?}");
            let is_nobodys = code.owners(true, NAMELESS).is_empty();
            assert_eq!(is_nobodys, code.retry_helps(NAMELESS).is_none(), "{}", code.as_str());
        }
    }

    #[test]
    fn next_step_names_a_few_things() {
        let step = |code: Code, names: &[&str]| code.next_step(names).with_names(names);
        assert_eq!(step(Code::StackNotUpdatable, &["a"]), "Delete the stack, or continue its update rollback (a).");
        assert_eq!(
            step(Code::TemplateInvalid, &["a", "b", "c", "d", "e"]),
            "Fix the template (a, b, c and 2 more). Every target fails until then."
        );
        assert_eq!(step(Code::Throttling, &[]), "Retry with less concurrency.");
    }

    #[test]
    fn self_managed_roles_are_the_account_owners() {
        let code = Code::ExecutionRoleNotAssumable;
        assert_eq!((code.owners(true, NAMELESS), code.owners(false, NAMELESS)), (ACCOUNT_OWNER, PLATFORM));
        assert_eq!(Code::Throttling.owners(true, NAMELESS), NOBODY);
    }

    #[test]
    fn a_resource_of_another_stack_is_the_platform_teams() {
        let of_a_set = ["arn:aws:cloudformation:us-east-1:300000000001:stack/StackSet-roles-1/2"];
        let code = Code::ResourceAlreadyExists;
        assert_eq!((code.owners(false, &of_a_set), code.retry_helps(&of_a_set)), (PLATFORM, SOMETIMES));
        let of_a_stack = ["arn:aws:cloudformation:us-east-1:300000000001:stack/roles/2"];
        assert_eq!((code.owners(false, &of_a_stack), code.retry_helps(&of_a_stack)), (PLATFORM, NO));
        assert_eq!(code.next_step(&of_a_stack), OWNED_BY_A_STACK);
    }
}
