//! Which phrases mean which cause. The first rule of a table that fits a text wins.
//!
//! A rule fits if each of its groups has a phrase in the text and none of `unless` is there. Case does not
//! matter. In the tables for words a phrase begins where a word of the text does, unless `*` stands before it,
//! and may go on in lower case (`permission` finds "permissions"); codes are found anywhere in a code.
//! Names are removed from the text before, and a Region reads `<region>`; a text from a resource's handler or
//! from a service begins with `[resource]`. The tables are searched in this order:
//!
//! 1. [`WORDS`]: phrases that name the cause, in the precedence of the taxonomy;
//! 2. [`CODES`]: error codes that name the cause;
//! 3. [`VAGUE_WORDS`]: phrases that services use for many things;
//! 4. [`WEAK_WORDS`]: phrases that are about as weak as a generic code;
//! 5. [`VAGUE_CODES`]: codes and HTTP statuses that services use for many things;
//! 6. [`OPAQUE_WORDS`]: texts that name no cause.
//!
//! Above a rule stands a real text that it decides. A phrase is what services write, never the name of a
//! customer's resource.

use super::cause::Code::{self, *};

/// One line of a table.
pub(super) struct Rule {
    pub(super) code: Code,
    /// Each group that is not empty needs one of its words in the text.
    pub(super) groups: [Words; 3],
    /// None of these may be in the text.
    pub(super) unless: Words,
}

type Words = &'static [&'static str];

impl Rule {
    /// And one of these too.
    const fn and(self, words: Words) -> Self {
        let [any, _, also] = self.groups;
        Self { groups: [any, words, also], ..self }
    }

    /// And one of these as the third.
    const fn also(self, words: Words) -> Self {
        let [any, and, _] = self.groups;
        Self { groups: [any, and, words], ..self }
    }

    /// But none of these.
    const fn unless(self, words: Words) -> Self {
        Self { unless: words, ..self }
    }
}

/// A rule that asks for one of `words`.
const fn any(code: Code, words: Words) -> Rule {
    Rule { code, groups: [words, &[], &[]], unless: &[] }
}

/// How services report that a thing is missing.
const ABSENT: &[&str] = &[
    "not found",
    "does not exist",
    "do not exist",
    "doesn't exist",
    "don't exist",
    "did not exist",
    "not exist",
    "could not be found",
    "couldn't be found",
    "cannot be found",
    "can't be found",
    "can not be found",
    "can't find",
    "cannot find",
    "could not find",
    "couldn't find",
    "unable to find",
    "not be located",
    "unable to locate",
    "cannot locate",
    "wasn't found",
    "isn't found",
    "nonexistent",
    "non-existent",
    "no longer exists",
    "no such",
    "nosuch",
];

/// What runtimes say of an exception in the code that they run.
const EXCEPTIONS: &[&str] = &[
    "'nonetype' object",
    "nonetype",
    "has no attribute",
    "exception when calling",
    "object has no attribute",
    "object is not subscriptable",
    "object is not iterable",
    "object is not callable",
    "cannot read property",
    "cannot read properties of",
    "cannot destructure property",
    "of undefined",
    "is not a function",
    "is not iterable",
    "is not defined",
    "keyerror",
    "indexerror",
    "typeerror",
    "attributeerror",
    "nameerror",
    "zerodivisionerror",
    "unboundlocalerror",
    "referenceerror",
    "list index out of range",
    "string index out of range",
    "index out of bounds",
    "array index out of",
    "indexoutofboundsexception",
    "nullpointerexception",
    "null pointer",
    "nil pointer dereference",
    "classcastexception",
    "illegalstateexception",
    "numberformatexception",
    "concurrentmodificationexception:",
    "stackoverflowerror",
    "outofmemoryerror",
    "cannot invoke \"",
    "because the return value of",
    "traceback (most recent call last)",
    "no module named",
    "cannot import name",
    "cannot find module",
    "unhandled exception",
    "uncaught exception",
    "panic: ",
    "runtime error",
    "runtimeerror",
    "unhandledpromiserejection",
    "json.decoder.jsondecodeerror",
    "unexpected keyword argument",
    "missing 1 required positional argument",
    "unsupported operand type",
    "must be str, not",
    "not all arguments converted",
];

/// How services refuse a deletion.
const NOT_DELETED: &[&str] = &[
    "cannot delete",
    "can't delete",
    "could not delete",
    "couldn't delete",
    "unable to delete",
    "cannot be deleted",
    "can't be deleted",
    "can not be deleted",
    "could not be deleted",
    "couldn't be deleted",
    "not be deleted",
    "failed to delete",
    "tried to delete",
    "trying to delete",
    "before deleting",
    "before you delete",
    "before you can delete",
    "before it can be deleted",
    "prevent deletion",
    "delete failed",
    "to delete the",
    "to be deleted",
    "cannot be removed",
    "can't be removed",
    "before detaching",
    "cannot remove",
    "unable to remove",
];

/// Phrases that name the cause.
#[rustfmt::skip]
pub(super) static WORDS: &[Rule] = &[
    // --- 1. whole texts ---------------------------------------------------------------------------------
    // "Cancelled since failure tolerance has exceeded"
    any(FailureToleranceExceeded, &["failure tolerance"]).and(&["exceed", "cancel"]),
    // "Cancelled since the operation was stopped"
    any(OperationStopped, &["operation was stopped", "operation has been stopped", "operation is stopped",
        "operation is stopping", "operation stopped", "operation was cancelled by",
        "operation was canceled by", "operation cancelled by", "operation canceled by", "stopped by user",
        "stopped by the user", "cancelled by user", "canceled by user", "cancelled by the user",
        "canceled by the user", "user stopped the operation", "user requested to stop",
        "stopstacksetoperation", "stop request", "request to stop"])
        .unless(&["[resource]", "unexpectedly", "custom resource"]),
    // "SKIPPED_SUSPENDED_ACCOUNT", "the account is suspended"
    any(AccountSuspended, &["account_suspended", "suspended_account", "accountsuspended", "account suspended",
        "suspended account", "account is suspended", "account has been suspended", "account was suspended",
        "account is currently suspended", "account is closed", "account has been closed",
        "account was closed", "closed account", "account may be suspended", "account may have been suspended",
        "suspended or terminated", "suspended or closed", "account is in suspended", "pending_closure",
        "pending closure", "account closed", "accounts are suspended"]),
    // "Account 123456789012 is suspended"
    any(AccountSuspended, &["account"])
        .and(&["is suspended", "suspended state", "suspended status", "status suspended", "status: suspended",
            "status is suspended", "status of suspended", "been suspended"]),
    // "No updates are to be performed."
    any(NoChanges, &["no updates are to be performed", "no updates to be performed", "didn't contain changes",
        "did not contain changes", "no changes to deploy", "no updates were performed",
        "there are no changes to"]),
    // "Validation failed with 2 error(s)", "User initiated operation"
    any(CauseNotReported, &["validation failed with"]).and(&["error(s)"]),
    any(CauseNotReported, &["user initiated operation"]),
    // "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate": the target went on
    // without it
    any(CauseNotReported, &["*accountgate"])
        .and(&["insufficient permissions to invoke", "function not found"]),

    // --- 2. role assumption -----------------------------------------------------------------------------
    // "Account 1 should have 'X' role with trust relationship to CloudFormation service."
    any(AdministrationRoleNotAssumable, &["with trust relationship to cloudformation service",
        "with trust relationship to the cloudformation service"]),
    // "... add the AWS CloudFormation service to the trust relationship for the AWSControlTowerStackSetRole ..."
    any(AdministrationRoleNotAssumable, &["trust relationship"]).and(&["cloudformation service"])
        .unless(&["to role"]),
    any(AdministrationRoleNotAssumable, &["*stacksetadministrationrole", "administration role",
        "administrator role"])
        .and(&["cannot be assumed", "can't be assumed", "could not be assumed", "cannot assume",
            "unable to assume", "could not assume", "failed to assume", "does not exist", "cannot be found",
            "not found"])
        .unless(&["execution", "trust relationship to role"]),
    // "Account 1 should have 'X' role with trust relationship to Role 'Y'.", "DEFAULT_ROLE_CREATION_ERROR"
    any(ExecutionRoleNotAssumable, &["role with trust relationship to", "default_role_creation_error"]),
    // "User: arn:...:assumed-role/<administration role>/... is not authorized to perform: sts:AssumeRole on
    // ..."
    any(ExecutionRoleNotAssumable, &["not authorized to perform: sts:assumerole"])
        .and(&["user:", "arn:aws"]).unless(&["[resource]", "custom resource"]),
    // "Role arn:... is invalid or cannot be assumed"
    any(ExecutionRoleNotAssumable, &["is invalid or cannot be assumed", "*stacksetrole", "stack set",
        "stackset", "execution role", "*executionrole"])
        .and(&["cannot be assumed", "can't be assumed", "could not be assumed", "cannot assume",
            "unable to assume", "could not assume", "failed to assume"])
        .unless(&["[resource]", "custom resource", "lambda"]),

    // "AccountGate check failed"
    any(AccountGateFailed, &["*accountgate check failed", "account gate check failed", "*accountgate failed",
        "account gate failed", "account gate function failed", "account gate returned failed"]),

    // --- 3. organization policies -----------------------------------------------------------------------
    // "... with an explicit deny in a service control policy[: arn]"
    any(ScpExplicitDeny, &["service control policy", "resource control policy", "service control policies",
        "resource control policies"])
        .and(&["explicit deny", "explicitly den", "not authorized", "denied", "denies", "policy allows",
            "deny in"]),

    // --- 4. custom resources ----------------------------------------------------------------------------
    // "Received response status [FAILED] from custom resource. Message returned: ..."
    any(CustomResourceFailed, &["received response status", "did not receive a response"])
        .and(&["custom resource", "customresource"]),
    // "Custom Resource failed to stabilize in expected time. If you are using the Python cfn-response ..."
    any(CustomResourceFailed, &["from your custom resource", "from custom resource",
        "custom resource failed to stabilize", "customresource attribute error",
        "custom resource attribute error", "vendor response doesn't contain", "invalid physicalresourceid",
        "custom resource returned", "custom resource response", "did not respond",
        "response from custom resource"])
        .unless(&["target did not respond", "host did not respond"]),
    // "Failed to create resource. See the details in CloudWatch Log Stream: ..."
    any(CustomResourceFailed, &["see the details in cloudwatch log", "see details in cloudwatch log"]),

    // --- 5. hooks ---------------------------------------------------------------------------------------
    // "The following hook(s) failed: [A::B::Hook]"
    any(HookFailed, &["hook(s) failed", "hooks failed", "hook failed", "failed hook",
        "hook invocation failed", "hook execution failed", "hook returned failed", "hook evaluation",
        "non-compliant hook", "by hook"]),
    any(HookFailed, &["::hook"]).and(&["failed", "noncompliant", "non-compliant", "non_compliant"]),
    // Early validation reads like a hook and is none.
    any(ResourceAlreadyExists, &["earlyvalidation::resourceexistencecheck"]),
    any(TemplateInvalid, &["aws::earlyvalidation::"]),

    // "'NoneType' object has no attribute 'get'": an exception in a handler's own code. Whose code that is, the
    // resource's type says.
    any(ExtensionFailed, EXCEPTIONS),

    // --- 6. texts of services and of CloudFormation -----------------------------------------------------------
    // "Requires capabilities : [CAPABILITY_IAM]"
    any(InsufficientCapabilities, &["requires capabilit", "insufficientcapabilities", "require capabilities",
        "required capabilit", "must acknowledge"])
        .and(&["capabilit"]),

    // "You must enable organizations access to operate a service managed stack set"
    any(TrustedAccessNotEnabled, &["not a delegated administrator", "organizations access",
        "accounts in an aws organization", "account in an aws organization", "members of an organization",
        "organization access is not", "in unknown organization", "isn't a delegated administrator",
        "aws organizations is not in use", "awsorganizationsnotinuse", "not a member of an organization",
        "is not part of an organization", "not in an organization", "not a registered delegated",
        "only for enabled policy types", "policy type is not enabled", "must be the management account",
        "must be the master account", "organizations integration is not",
        "only the management account or delegated", "only management account or delegated"]),
    // "Trusted access for AWS Config is not enabled in the organization"
    any(TrustedAccessNotEnabled, &["trusted access", "service access", "sharing with aws organization",
        "organization sharing", "sharing within your organization", "delegated admin"])
        .and(&["not enabled", "isn't enabled", "not been enabled", "must enable", "must be enabled",
            "enable trusted", "is disabled", "must first", "need to enable", "not activated",
            "hasn't enabled", "has not enabled", "have not enabled", "haven't enabled", "not registered",
            "must be registered", "must register", "no delegated"])
        .unless(&["already"]),

    // "X is in UPDATE_IN_PROGRESS state and can not be updated.": the name of the state decides
    any(StackOperationInProgress, &["_in_progress state", "in_progress]", "in_progress status",
        "_in_progress and can"])
        .and(&["can not be", "cannot be", "can't be", "unable to", "not allowed"]),
    // "Stack:arn:aws:cloudformation:us-east-1:1:stack/x/y is in DELETE_FAILED state and can not be updated."
    any(StackNotUpdatable, &["rollback_complete", "rollback_failed", "create_failed", "delete_failed",
        "update_failed", "delete_complete", "import_rollback", "import_complete"])
        .and(&[" state", "status"])
        .also(&["can not be", "cannot be", "can't be", "not in a state", "cannot update", "unable to",
            "cannot delete", "must be deleted", "not allowed"]),
    any(StackNotUpdatable, &["inoperable"]).unless(&["[resource]"]),
    // "Instance x is currently creating - a final snapshot cannot be taken."
    any(StackOperationInProgress, &["can't currently", "cannot currently",
        "try again after approximately", "is currently creating", "is currently deleting", "is currently modifying",
        "is currently updating", "is currently being", "is still creating", "is still deleting",
        "currently in creating state"]),
    // "Another Operation on StackSet arn:... is in progress"
    any(StackOperationInProgress, &["another operation", "operationinprogress", "operation in progress",
        "operation is in progress", "update is in progress", "is currently in progress",
        "already in progress", "deployment in progress", "is being created", "is being updated",
        "is being modified", "is being deleted", "concurrent update", "concurrent modification",
        "concurrent operation", "concurrent request", "concurrently", "conflicting conditional operation",
        "is still in progress", "pending operation", "conflicting operation", "operation ongoing",
        "modification in progress", "pending modification", "another request", "another update",
        "is in progress", "in-progress"])
        .unless(&["custom resource", "with reason:", "number of", "limit", "failed to stabilize",
            "did not stabilize"]),

    // "Rate exceeded"
    any(Throttling, &["rate exceeded", "too many requests", "request limit exceeded", "requestlimitexceeded",
        "request throttled", "requests throttled", "were throttled", "was throttled", "been throttled",
        "is throttled", "being throttled", "request was denied due to", "reduce your request rate",
        "rate limit exceeded", "exceeded the rate", "slow down", "rate of requests", "request rate",
        "call rate", "api rate limit", "calls per second", "throttling error", "throttlingexception:",
        "due to throttling", "exceeded the maximum number of requests per"])
        .unless(&["burst"]),

    // "The role defined for the function cannot be assumed by Lambda."; "verify the trust policy" is
    // another problem
    any(ResourcePropertyInvalid, &["verify the trust policy", "check the trust policy"]),
    // "The role defined for the function cannot be assumed by Lambda."
    any(IamPropagationDelay, &["cannot be assumed by", "can't be assumed by", "not be assumed by",
        "unable to assume", "not able to assume", "could not assume", "couldn't assume", "cannot assume",
        "can't assume", "failed to assume", "authorized to assume the provided role",
        "is not authorized to assume", "not authorized to perform: sts:assumerole on service role",
        "is not authorized to perform: sts:assumerole on arn",
        "must allow aws eventbridge scheduler to assume", "to assume the role", "to assume the provided",
        "has permission to assume", "have permission to assume", "have permissions to assume",
        "able to assume"])
        .unless(&["user:"]),
    // "KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid principal"
    any(IamPropagationDelay, &["not refer to a valid principal", "invalid iam instance profile",
        "invalid instanceprofile", "invalid instance profile", "iaminstanceprofile.name is invalid",
        "iaminstanceprofile.arn is invalid", "service linked role. please verify",
        "security token included in the request is not yet", "role is not yet", "role is not ready",
        "role has not propagated", "iam propagation", "eventual consistency", "eventually consistent"]),

    // "...the KMS key is invalid for CreateGrant", "arn:...:key/x is pending deletion", "The specified KMS
    // key does not exist or ..."
    any(KmsKeyUnusable, &["kms key", "kms cmk", "customer master key", "arn:aws:kms", "kms_key", "kmskey",
        "encryption key", "customer managed key", "cmk", "kms validation"])
        .and(&["invalid for creategrant", "is disabled", "pending deletion", "pending import",
            "pending_deletion", "pendingdeletion", "not allowed to be used", "not accessible",
            "isn't accessible", "inaccessible", "is not enabled", "isn't enabled", "not usable", "unusable",
            "cannot access", "can't access", "unable to access", "unable to use", "cannot use",
            "cannot be used", "can't be used", "could not be accessed", "not authorized to use", "not valid",
            "is invalid", "not in a valid state", "invalid state", "not allowed to access",
            "does not have permission to the", "does not have access to the", "not have permissions to use",
            "does not have permission to use", "doesn't have permission to use", "permission to the kms key",
            "access to the kms key", "does not exist", "doesn't exist", "not found", "doesn't have access",
            "does not have access", "does not allow", "doesn't allow", "not grant",
            "not have the correct permissions", "not permit", "couldn't be used", "no permission"])
        .unless(&["not authorized to perform", "key policy will not allow", "no identity-based policy",
            "s3 bucket"]),
    any(KmsKeyUnusable, &["kmsinvalidstate", "kmsdisabled", "kmskeynotaccessible", "kmskeydisabled",
        "kms exception", "kms.disabled", "ciphertext refers to", "kmsaccessdenied", "kms.notfound",
        "kmskeyunusable", "kms.kmsinvalidstate"]),

    // "You are not authorized to use the requested service. Ensure that you have subscribed ..."
    any(AccountNotSubscribed, &["needs a subscription", "optinrequired", "subscriptionrequired",
        "not subscribed to this service", "ensure that you have subscribed",
        "request for accessing resources in this region is being validated", "being validated",
        "pending verification", "pendingverification", "being verified", "account must be verified",
        "verify your account", "aws-verification", "noticed an issue with your aws account", "accept terms", "accept the terms", "accepted the terms",
        "agree to the terms", "subscribe to this product", "subscription to this product", "not signed up",
        "sign up for", "has not signed up", "not been activated yet", "account is not activated",
        "account activation", "free tier", "free plan", "account is currently blocked", "not eligible for",
        "account is not verified", "account isn't verified", "complete the sign",
        "account has not been verified", "payment instrument", "payment method", "model access",
        "accepting the terms", "account is not signed"])
        .unless(&["sms sandbox", "certificate", "domain"]),
    any(AccountNotSubscribed, &["marketplace"]).and(&["subscri", "terms", "entitle"]),

    // "STS is not activated in this region for account:1.", "The security token included in the request is
    // invalid."
    any(RegionNotEnabled, &["sts is not activated", "regiondisabled",
        "security token included in the request is invalid", "validate the provided access credentials",
        "region is disabled", "region is not enabled", "region isn't enabled", "region not enabled",
        "region disabled", "disabled region", "not an enabled region", "opt-in region", "opt in region",
        "opt-in status", "has not opted in", "not opted in", "not opted-in", "opted into",
        "account is not enabled in region", "has not been enabled for the region", "enable the region",
        "region has not been enabled", "region is currently disabled", "not enabled for the region",
        "not enabled for this region", "enable this region", "<region> is not enabled",
        "<region> is disabled", "<region> is not opted", "<region> has not been enabled",
        "<region> region is not enabled", "not enabled in region <region>"])
        .unless(&["security hub", "hub is", "custom resource"]),
    any(RegionNotEnabled, &["region"])
        .and(&["is not enabled", "isn't enabled", "is disabled", "not been enabled", "is not opted"])
        .also(&["region <region>", "region '<region>", "region: <region>", "region [<region>", "this account",
            "your account", "the account", "for account"])
        .unless(&["bucket", "encryption", "hub", "detector", "macie", "service"]),

    // "This AWS account currently does not support creating load balancers."
    any(AccountNotSubscribed, &["aws account", "your account", "this account"])
        .and(&["does not support creating", "doesn't support creating", "currently does not support",
            "contact aws support", "contact aws customer support"])
        .unless(&["quota", "limit", "already"]),

    // "The requested instance class is not supported by global databases": the class exists, but not for this use
    any(ResourcePropertyInvalid, &["instance class", "instance type", "node type"])
        .and(&["not supported by", "not supported for", "not supported with", "not compatible with"])
        .unless(&["region", "zone", "[resource] unsupported"]),
    // "The Launch Configuration creation operation is not available in your account."
    any(ResourceTypeUnavailable, &["operation is not available in your account", "not available in your account",
        "not available for your account", "not available to new customers", "no longer available to new"]),
    // "Template format error: Unrecognized resource types: [A::B::C]", "... is not supported in your
    // requested Availability Zone"
    any(ResourceTypeUnavailable, &["unrecognized resource type", "unsupported resource type",
        "resource type is not supported", "resource type not supported", "unknown resource type",
        "resource types are not supported", "unrecognised resource type",
        "not supported in your requested availability zone", "not supported in this region",
        "not available in this region", "not supported in the region", "not available in the region",
        "not supported in region", "not available in region", "unsupported in this region",
        "unavailable in this region", "not yet supported in", "not yet available in",
        "not supported for this region", "not supported by this region", "not offered in",
        "unsupported region", "region is not supported", "region not supported", "region isn't supported",
        "this region does not support", "this region doesn't support", "does not support region",
        "not supported in aws region", "in this region is not supported", "only available in <region>",
        "only supported in <region>", "only be created in", "must be created in <region>",
        "must be in <region>", "must be in the <region>", "only available in the <region>",
        "only supported in the <region>", "not currently available in", "not currently supported in",
        "requested configuration is currently not supported", "not support the availability zone",
        "targeted availability zone", "you requested is currently unavailable",
        "not support availability zone", "support the availability zone of", "not available in <region>",
        "not supported in <region>", "unavailable in <region>", "not supported in the <region>",
        "not available in the <region>", "does not exist in <region>", "not supported for region",
        "not supported by region", "not supported in your region", "not available in your region",
        "isn't available in", "isn't supported in this", "isn't supported in the", "supported regions",
        "not supported in the current region", "not available in the current region",
        "available in the current region", "typenotfound", "not in the list of supported regions",
        "isn't supported in your", "supported in the aws region", "in the following regions",
        "not supported in partition"])
        .unless(&["certificate", "already"]),
    any(ResourceTypeUnavailable, &["availability zone"])
        .and(&["not supported", "unsupported", "not available", "no longer supported", "not offered",
            "does not support", "doesn't support"])
        .unless(&["at least"]),
    any(ResourceTypeUnavailable, &["instance type", "instance class", "instancetype", "node type",
        "resource type"])
        .and(&["not supported", "not available", "unsupported", "does not exist", "not found",
            "cannot be found", "isn't supported", "isn't available", "not registered"]),
    // "The Vpc Endpoint Service 'com.amazonaws.us-west-1.foo' does not exist (Service: Ec2, Status ..."
    any(ResourceTypeUnavailable, &["vpc endpoint service"])
        .and(&["does not exist", "not available", "not supported"]),

    // "S3 error: Access Denied", "Error occurred while GetObject. S3 Error Code: ...", "Uploaded file must be
    // a non-empty zip"
    any(ArtifactNotAccessible, &["s3 error:", "s3 error code:", "error occurred while getobject",
        "specified key does not exist", "templateurl must", "template url must",
        "templatebody or templateurl", "non-empty zip", "unzip uploaded", "could not unzip",
        "unable to unzip", "access has been denied by s3", "ecr image", "source image", "cannotpullcontainer",
        "image manifest", "pull image", "manifest for", "fetch the template", "get the template",
        "retrieve the template", "get template from", "retrieve template", "read the template",
        "not a valid s3 domain", "requested image not found", "repository does not exist or may require",
        "zip file", "code artifact", "unable to download", "failed to download", "could not download",
        "asset manifest"])
        .unless(&["not authorized to perform: ecr", "size must be", "smaller than", "larger than", "exceed"]),
    any(ArtifactNotAccessible, &["templateurl", "template url", "template from s3", "script location",
        "s3 object", "code location", "deployment package", "s3 key"])
        .and(&["access denied", "not accessible", "not found", "does not exist", "doesn't exist",
            "cannot access", "can't access", "unable to access", "couldn't be accessed", "forbidden",
            "cannot be accessed", "could not be accessed", "inaccessible", "unable to get", "unable to fetch",
            "could not be read", "permission", "could not access", "no such key"])
        .unless(&["not authorized to perform", "lifecycle"]),
    any(ArtifactNotAccessible, &["image"])
        .and(&["docker", "ecr", "registry", "repository", "image uri", "imageuri"])
        .also(&["not found", "does not exist", "doesn't exist", "not accessible", "no permission",
            "does not have permission"])
        .unless(&["not authorized to perform", "still contains", "cannot be deleted"]),

    // "The role '...' does not have BatchGetImage permission for the image: '...'", "validating the artifact bucket"
    any(ArtifactNotAccessible, &["batchgetimage", "getdownloadurlforlayer", "batchchecklayeravailability"])
        .and(&["permission", "not have", "denied", "image"])
        .unless(&["not authorized to perform"]),
    any(ArtifactNotAccessible, &["artifact bucket", "artifact store"]).and(&["error", "valid", "access", "denied"]),

    // "1 validation error detected: Value 'x' at 'name' failed to satisfy constraint: Member must ...":
    // before the word "maximum"
    any(ResourcePropertyInvalid, &["failed to satisfy constraint: member must",
        "failed to satisfy constraint: 'member must", "validation error detected",
        "validation errors detected"]),

    // "Template format error: Number of resources, 1093, is greater than maximum allowed, 500"
    any(ServiceQuotaExceeded, &["number of resources", "number of parameters", "number of mappings",
        "number of outputs"])
        .and(&["greater than", "maximum allowed", "exceeds", "more than"]),
    // "Template format error: ...", "Transform X failed with: ...", "Properties validation failed for
    // resource X with message: ..."
    any(TemplateInvalid, &["template format error", "template error", "template validation error",
        "properties validation failed", "validation failed for following resources",
        "unresolved resource dependencies", "circular dependenc", "template is invalid", "invalid template",
        "references undefined resource", "unresolved dependencies", "template syntax",
        "template may not exceed", "encountered unsupported property", "encountered unsupported properties",
        "templates containing transforms", "with templates containing", "not supported in service_managed",
        "not supported with service-managed", "not supported in stacksets", "not supported for stacksets",
        "not supported for stack sets", "not supported by stacksets", "does not support transforms",
        "stacksets does not support", "stacksets doesn't support", "do not support macros",
        "custom-named resource requires replacing", "no transform named", "unable to get mapping", "fn::",
        "must be defined in the template", "not a valid template", "template contains errors",
        "template contains no resources", "unresolved condition", "at least one resources member",
        "unresolved reference", "every default member", "unresolved parameters", "invalid logical id"])
        .unless(&["must have values", "should either have", "must be one of allowedvalues", "state machine",
            "policy document", "unable to fetch parameters", "buildspec", "launch template", "email",
            "invalid template resource property"]),
    // "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification ..."
    any(TemplateInvalid, &["transform", "macro"])
        .and(&["failed with", "failed without", "is not supported", "are not supported", "not supported in",
            "failed to", "is not authorized", "invalid serverless"])
        .unless(&["input transform", "text transform", "transform job"]),

    // "Parameters: [X] must have values", "Parameter 'X' must be one of AllowedValues"
    any(ParameterInvalid, &["must have values", "do not exist in the template",
        "does not exist in the template", "must be one of allowedvalues",
        "should either have input value or default value", "parameter validation failed: parameter value",
        "for parameter name", "parameters: [", "parameter: [", "parameteroverrides", "parameter overrides",
        "parameter override", "missing parameter values", "no value for parameter", "duplicate parameter",
        "template parameter", "stack parameter", "can only have organizationalunit as target"]),
    // "Parameter 'InstanceType' must match pattern [a-z]+"
    any(ParameterInvalid, &["parameter '"]).and(&["must match pattern"]),
    any(ParameterInvalid, &["parameter '", "parameter \"", "parameter ["])
        .and(&["must match pattern", "must be a number", "must be one of", "must contain at least",
            "must contain at most", "must be no", "no default", "must be specified in the stack",
            "failed to satisfy constraint: parameter", "must be a list", "must be a valid",
            "must not be less than", "must not be greater than", "must contain only"])
        .unless(&["[resource]"]),
    // "OrganizationalUnitIds are required": the targets are parameters of the operation
    any(ParameterInvalid, &["organizationalunitids", "organizationalunit as target", "deploymenttargets",
        "deployment targets"])
        .and(&["required", "must", "only", "cannot", "invalid", "should", "at least"])
        .unless(&["[resource]"]),
    any(ParameterInvalid, &["parameter "]).and(&["failed to satisfy constraint", "constraint description"])
        .unless(&["member must", "[resource]"]),

    // "must detach all policies first", "The bucket you tried to delete is not empty", "Export X cannot be
    // deleted as it is in use by Y"
    any(DeleteBlocked, &["termination protection", "terminationprotection", "deletion protection",
        "deletionprotection", "delete protection", "deletion_protection", "has a dependent object",
        "has dependent object", "dependencyviolation", "has dependencies and cannot", "has dependencies",
        "must detach all", "must delete login", "must delete policies", "must remove roles",
        "must remove users", "must delete access keys", "must delete all", "must remove all",
        "must first delete", "must first remove", "must be deleted first", "must delete the",
        "be empty before", "still contains", "is not empty", "isn't empty", "not empty.", "bucketnotempty",
        "final snapshot cannot be taken", "mapped public address", "because it is a replicated", "delete protected", "is protected",
        "in use by stack", "are in use by", "as it is in use by", "cannot be deleted while",
        "can't be deleted while", "before deleting", "before you delete", "is currently in use by",
        "is still in use", "non-required resource record sets", "still has", "still attached",
        "is referenced by", "being referenced by", "is being used by", "are being used by", "is used by"])
        .unless(&["already exists", "address is currently", "must not", "insufficientdelivery"]),
    // "Cannot delete a policy attached to entities. (Service: Iam, Status Code: 409)"
    any(DeleteBlocked, NOT_DELETED)
        .and(&["in use", "attached", "associated", "because", "contains", "exist", "until", "first", "while",
            "must ", "not empty", "depend", "referenced", "active", "has ", "have ", "with ", "is a ",
            "running", "currently", "in order", "default"])
        .unless(&["not authorized", "access denied", "accessdenied", "permission", "timed out", "stabilize",
            "not found", "does not exist", "failed to delete: [", "resource(s)"]),

    // "An internal error has occurred", "Unable to execute HTTP request: ... connect timed out"
    any(AwsInternalFailure, &["internal failure", "internal error", "internalfailure",
        "internal server error", "internal service error", "internal service exception",
        "internalservererror", "internal exception", "service unavailable", "service is unavailable",
        "serviceunavailable", "temporarily unavailable", "service is currently unavailable",
        "unable to execute http request", "unexpected error has occurred", "unexpected error occurred",
        "unknown error", "unexpected internal", "connection reset", "connect timed out", "read timed out",
        "connection timed out", "connection refused", "network failure", "gateway timeout", "bad gateway",
        "unknownhostexception", "internal aws", "an error occurred and the request cannot be processed",
        "service failure", "service encountered an", "server encountered an", "experiencing issues",
        "internal issue", "do not have sufficient", "insufficient capacity", "insufficientinstancecapacity",
        "no available capacity", "insufficient instance capacity", "insufficient free addresses in az",
        "request processing has failed", "downstream service", "remote host terminated", "broken pipe", "service exception occurred",
        "http 500", "http 503"])
        .unless(&["permission", "privilege", "sufficient access"]),


    // "Exceeded attempts to wait", "ECS Deployment Circuit Breaker was triggered", "Failed to receive 1
    // resource signal(s) ..."
    // "Failed to stabilize Vpc Link with id x Status Message NLB ARN is malformed."
    any(ResourcePropertyInvalid, &["is malformed", "arn is invalid", "is not a valid"])
        .and(&["failed to stabilize", "status message"]),
    any(ResourceNotStabilized, &["exceeded attempts to wait", "circuit breaker", "failed to stabilize",
        "not stabilize", "didn't stabilize", "resource signal", "signal(s)", "minsuccessfulinstancespercent",
        "timed out", "time out", "waitcondition", "wait condition", "failed to reach", "reached terminal",
        "did not reach", "didn't reach", "failed state", "failed status", "stabilization", "stabilisation",
        "is in status failed", "is in state failed", "state: failed", "status: failed", "state is failed",
        "status is failed", "failed health check", "failing health check", "health checks failed",
        "health check failed", "is unhealthy", "are unhealthy", "became unhealthy", "failed to join",
        "exceeded the maximum wait", "maximum retries", "max retries", "retries exhausted", "exceeded retr",
        "took too long", "taking too long", "not in the available state within", "failed to become",
        "did not become", "terminal state", "waiting for", "still in state", "retry attempts",
        "number of retries", "max attempts", "maximum attempts", "unstable state", "incompatible-",
        "in an error state", "in error state", "failed to start", "failed to launch",
        "unable to place a task", "could not be completed within", "launch failed", "failed to be ready",
        "alarms have been activated", "deployments have been stopped", "instances failed", "failure signal"])
        .unless(&["resource(s)", "already exist", "waiting for more than", "quota",
            "not authorized to perform"]),

    // "The maximum number of X has been reached", "Cannot exceed quota for PolicySize: 6144", "... more
    // buckets than allowed"
    any(ServiceQuotaExceeded, &["cannot exceed quota", "policy size", "limit exceeded",
        "more buckets than allowed", "unzipped size", "kb limit"]),
    // "You have exceeded the allowed number of AWS accounts. (Service: Organizations, Status Code: 400)"
    any(ServiceQuotaExceeded, &["limitexceeded", "limit has been exceeded", "limit was exceeded",
        "limit is exceeded", "limits exceeded", "exceeded limit", "quota", "maximum number of",
        "max number of", "maximum amount of", "exceeded the limit", "exceeds the limit", "exceed the limit",
        "exceeding the limit", "over the limit", "above the limit", "exceeded the maximum",
        "exceeds the maximum", "exceed the maximum", "exceeds maximum", "exceeded maximum", "exceed maximum",
        "exceeds max", "limit reached", "limit has been reached", "limit was reached", "limit is reached",
        "reached the limit", "reached its limit", "reached your limit", "reached the maximum",
        "reached its maximum", "account limit", "service limit", "exceeded the number of",
        "exceeded the allowed", "exceeds the allowed", "exceeded your", "exceeds your", "allowed number of",
        "number of allowed", "vcpu limit", "vcpu capacity", "below its minimum value of",
        "*unreservedconcurrentexecution", "size must be smaller", "available size", "size limit",
        "hit the limit", "greater than maximum allowed", "greater than the maximum allowed",
        "can have at most", "you have reached", "has reached the", "only create up to", "allowed limit",
        "more than allowed", "than allowed", "limit on the number", "you've reached", "no more addresses",
        "cannot have more than", "can't have more than", "request must be smaller than",
        "insufficient limits", "up to a maximum", "maximum of", "too many", "allowed maximum", "limit for",
        "already has 1", "already has 2", "already has 3", "already has 4", "already has 5", "already has 6",
        "already has 7", "already has 8", "already has 9"])
        .unless(&["must be between", "limit is invalid", "characters", "length", "more than one",
            "less than or equal to", "too many arguments", "too many values", "not be greater than"]),

    // "X already exists", "... has been taken in this account", "The requested bucket name is not available"
    any(ResourceAlreadyExists, &["already exist", "alreadyexists", "already been taken", "has been taken",
        "already taken", "is taken", "duplicate names", "alreadyowned", "bucket name is not available",
        "bucket namespace is shared", "already own", "already owned", "already in use", "already used",
        "already being used", "already associated", "already attached", "already registered",
        "already enabled", "already been enabled", "already subscribed", "already configured",
        "already has a ", "already has an ", "already have a ", "already have an ", "already defined",
        "already a member", "already a conflicting", "already a ", "already mapped", "already created",
        "already been created", "already deployed", "already present", "already managed", "already belongs",
        "already linked", "already set up", "already scheduled for deletion", "same name", "with the same",
        "name is not available", "is not unique", "must be unique", "not idempotent",
        "conflicts with another", "conflicts with an existing", "conflict with existing",
        "conflicts with existing", "conflicting with existing", "overlaps with existing",
        "overlaps with an existing", "conflicts with a", "only one detector", "name conflict",
        "have been already", "was already", "already in stack", "already exported", "duplicated item", "is a duplicate",
        "existed already", "exists already"])
        .unless(&["must already exist", "not already exist", "same variable name", "with the same region",
            "in the same", "cannot be deleted", "same template", "must have the same", "must be the same",
            "no longer exists in", "same number", "same type", "doesn't exist", "does not exist"]),

    // "Before you can proceed, you must enable a service-linked role to give Amazon ES permissions to ..."
    any(DependencyNotFound, &["enable a service-linked role", "create a service-linked role",
        "service-linked role does not exist", "service linked role does not exist"]),
    // "This functionality has been disabled by a Declarative Policy.", "You don't have the permissions that are required"
    any(AccessDenied, &["declarative policy", "disabled by a", "disabled by the", "disabled by your",
        "permissions that are required", "permission that is required", "prohibited by", "blocked by"])
        .unless(&["custom resource", "already"]),
    any(AccessDenied, &["does not have", "doesn't have", "do not have", "don't have", "not have"])
        .and(&["permission", "permissions"]),
    // "Resource does not exist or requester is not authorized ...": before missing things
    any(AccessDenied, &["not authorized to perform", "is not authorized", "are not authorized",
        "not authorized to", "not authorised", "requester is not authorized", "access denied", "accessdenied",
        "accessdeniedexception", "access is denied", "access was denied", "permission denied",
        "permissions denied", "does not have permission", "doesn't have permission", "do not have permission",
        "don't have permission", "not have permission", "not have the permission", "doesn't have the",
        "not have the required permission", "does not have the necessary", "does not have sufficient",
        "insufficient permission", "insufficient privilege", "insufficient access",
        "insufficient lake formation", "insufficient delivery policy", "insufficientdelivery",
        "lacks permission", "lacks the permission", "lack permission", "missing permission",
        "missing required permission", "required permission", "necessary permission", "sufficient permission",
        "correct permission", "explicit deny", "explicitly denied", "permissions boundary",
        "unauthorizedoperation", "unauthorized", "forbidden", "unable to write to bucket",
        "unable to write to the bucket", "must have permission", "must grant", "needs permission",
        "need permission", "requires permission", "requires the permission", "have permissions to",
        "has permission", "denied by", "not permitted to perform", "you are not allowed to",
        "is not allowed to perform", "not allowed to perform", "not allowed to call", "not allowed to assume",
        "bucket policy is detected", "incorrect s3 bucket policy", "incorrect kms key policy",
        "check the bucket policy", "check your bucket policy", "check your permissions", "check permissions",
        "check the function's permissions", "not have access", "doesn't have access", "no access to",
        "cannot access", "can't access", "couldn't access", "could not access", "unable to access",
        "have access to", "stack policy", "no permission", "permission to", "permissions to",
        "permissions on", "not granted", "does not grant", "doesn't grant", "policy does not allow",
        "policy allows the", "is denied", "been denied", "not been granted", "caller is not", "privileges",
        "unable to verify permissions", "validate the following destination configurations",
        "lake formation permission", "permissions are not", "does not allow the service", "only the owner",
        "not the owner", "cross-account pass role"])
        .unless(&["the permissions boundary is invalid", "unable to access the artifact", "permissions to be",
            "invalid permission", "valid permissions"]),

    // "Cannot find version 5.7.1 for mysql", "The requested engine version was not found or does not support ..."
    any(ResourcePropertyInvalid, &["cannot find version", "cannot find upgrade path"]),
    any(ResourcePropertyInvalid, &["engine version"]).and(&["not found", "not support", "not available"]),
    // "No export named X found", "Unable to fetch parameters [X] from parameter store", "AMI cannot be
    // described"
    // "... does not have an invitation from the requested master account", "Could not parse SecretString JSON"
    any(DependencyNotFound, &["not have an invitation", "no invitation", "secretstring json", "please enable the",
        "please enable ", "enable it first", "must be enabled first"]),
    any(DependencyNotFound, &["no export named", "unable to fetch parameters", "cannot be described",
        "can't find the specified", "could not deliver test message", "nosuchentity",
        "no configuration recorder", "not available to put", "recorder is not available",
        "channel is not available", "is not attachable", "not attached to any",
        "not subscribed to aws security hub", "not subscribed to", "is not registered", "not been registered",
        "not registered with", "must enable a service-linked role",
        "role arn must be set in account settings", "must be set in account settings", "must exist",
        "need to exist", "must first create", "must be created first", "must create", "first create",
        "has not been created", "hasn't been created", "not yet been created", "no matching",
        "is missing in the account", "has been deleted", "was deleted", "been deleted",
        "does not refer to an existing", "not an existing", "not refer to an existing",
        "is not a valid parent", "no default vpc", "no default subnet", "is not known", "could not resolve",
        "couldn't be resolved", "cannot resolve", "unable to resolve", "could not be resolved", "no such",
        "failed to find", "no value found", "not owned by", "unknown resource", "unknownresource",
        "is not a known", "macie is not enabled", "detector is not", "hub is not enabled", "is not enabled",
        "isn't enabled", "not been enabled", "couldn't retrieve the resource", "unable to retrieve",
        "failed to retrieve", "unable to describe"])
        .unless(&["property", "key does not exist in the"]),
    // "Cannot do operations on a non-existent table (Service: DynamoDb, Status Code: 400)"
    any(DependencyNotFound, ABSENT)
        .unless(&["for property", "does not exist in schema", "extraneous key", "required key",
            "property"]),

    // --- 8. texts that name no cause, whatever their codes
    // --------------------------------------------------
    // "The following resource(s) failed to create: [A, B].", "Resource creation cancelled"
    any(CauseNotReported, &["resource(s) failed to", "unexpectedly stopped or failed",
        "resource creation cancelled", "resource update cancelled", "resource deletion cancelled",
        "resource creation canceled", "resource update canceled", "resource deletion canceled"]),
];

/// Error codes that name the cause where the words do not.
#[rustfmt::skip]
pub(super) static CODES: &[Rule] = &[
    any(InsufficientCapabilities, &["insufficientcapabilities"]),
    // "null (Service: AWSElasticBeanstalk; Status Code: 504; Error Code: 504 GATEWAY_TIMEOUT)"
    any(AwsInternalFailure, &["gateway_timeout", "gatewaytimeout"]),
    any(TrustedAccessNotEnabled, &["organizationsnotinuse", "trustedaccess", "accessnotenabledexception",
        "notorganizationmanagement", "notdelegatedadmin", "noavailableorganization",
        "organizationalconfigurationnot", "insufficientdependencyservice"]),
    any(AccountNotSubscribed, &["optinrequired", "subscriptionrequired", "pendingverification", "notsignedup",
        "blocked "]),
    any(RegionNotEnabled, &["regiondisabled", "unrecognizedclient", "invalidclienttokenid", "authfailure"]),
    any(ResourceTypeUnavailable, &["typenotfound", "unsupportedregion", "unsupportedavailabilityzone",
        "unsupportedoperationinregion"]),
    any(Throttling, &["throttl", "toomanyrequests", "requestlimitexceeded", "slowdown", "ratelimit",
        "rateexceeded", "provisionedthroughputexceeded", "priorrequestnotcomplete", "bandwidthlimit",
        "requestthrottled", "limitexceededrate", "ec2throttled"]),
    any(KmsKeyUnusable, &["kmsinvalidstate", "kmsdisabled", "kmskeynotaccessible", "kmsnotfound",
        "kmsaccessdenied", "kmsinvalidkeyusage", "kmskeydisabled", "kms.disabled", "incorrectkey",
        "keyunavailable", "kmskeystate", "disabledexception"]),
    any(ServiceQuotaExceeded, &["limitexceeded", "quotaexceeded", "servicequota", "toomany", "maxnumberof",
        "maximumnumberof", "limitsexceeded", "instancelimit", "limitexceed", "toolarge", "servicelimit",
        "codestorageexceeded", "exceedslimit", "vcpulimit", "quota"]),
    // "Resource handler returned message: "null" (RequestToken: ..., HandlerErrorCode: AlreadyExists)"
    any(ResourceAlreadyExists, &["alreadyexist", "alreadyowned", "alreadyassociated", "duplicate",
        "alreadyinuse", "alreadyregistered", "alreadyenabled", "alreadysubscribed", "alreadyattached",
        "invalidsubnet.conflict", "idempotentparametermismatch", "resourceexists", "nameexists",
        "alreadyhas"]),
    any(DeleteBlocked, &["dependencyviolation", "deleteconflict", "bucketnotempty", "notempty",
        "deletionprotection", "resourceinuse", "groupinuse", "hasdependencies",
        "operationnotpermitted.deletion", "terminationprotection", "inusebyexport"]),
    any(CustomResourceFailed, &["customresource"]),
    // "... (Service: AWSSecretsManager; Status Code: 400; Error Code: ResourceNotFoundException)"
    any(DependencyNotFound, &["notfound", "nosuch", "nonexist", "doesnotexist", "unknownresource",
        "resourceunavailable", "noavailable", "notexist", "norunning", "missingdependency", "unknownsnapshot",
        "unknownvolume"]),
    // "... permissions error performing a tagging operation, ..." (HandlerErrorCode: UnauthorizedTaggingOperation)
    any(AccessDenied, &["accessdenied", "unauthorized", "notauthorized", "authorizationerror", "forbidden",
        "insufficientdelivery", "insufficientpermission", "insufficientprivilege",
        "insufficients3bucketpolicy", "insufficientsnstopic", "organizationaccessdenied",
        "invalidcredentials", "insufficientencryptionpolicy", "authorizationexception"]),
    // "... "An error occurred during function initialization" (HandlerErrorCode: NotStabilized)"
    any(ResourceNotStabilized, &["notstabilized", "timeout", "timedout", "circuitbreaker"]),
    any(StackOperationInProgress, &["operationinprogress", "concurrentmodification", "concurrentoperation",
        "operationaborted", "concurrentupdate", "concurrentaccess", "resourcenotready",
        "conflictingoperation"]),
    any(NoChanges, &["noupdates"]),
];

/// Phrases that services use for many things, mostly for a property that they reject.
#[rustfmt::skip]
pub(super) static VAGUE_WORDS: &[Rule] = &[
    any(ResourceNotStabilized, &["timeout"])
        .and(&["exceeded", "reached", "expired", "occurred", "waiting", "error"]),
    // "S3 limit of 100 buckets/account"
    any(ServiceQuotaExceeded, &["limit of", "limit is", "limited to", "would exceed", "will exceed",
        "maximum allowed", "no more than"])
        .unless(&["characters", "length", "must be between", "value limit"]),
    // "Property BucketName cannot be empty."
    any(ResourcePropertyInvalid, &["invalid", "not valid", "isn't valid", "malformed", "illegal",
        "value of property", "must specify", "must contain", "must include", "must provide",
        "must use", "must start", "must set", "should not", "should contain", "not supported", "unsupported",
        "isn't supported", "aren't supported", "no longer supported", "not support", "doesn't support",
        "deprecated", "cannot be specified", "can't be specified", "cannot specify", "can't specify",
        "cannot be empty", "can't be empty", "cannot be null", "cannot contain", "can't contain",
        "cannot be set", "cannot be greater", "cannot be less", "cannot be both", "not updatable",
        "syntax error", "syntax errors", "parse error", "validation failed", "validation error",
        "failed validation", "does not match", "doesn't match", "do not match", "is required", "are required",
        "required property", "required field", "missing required", "mutually exclusive", "out of range",
        "out-of-range", "too long", "too short", "longer than", "incompatible", "not compatible",
        "contains one or more errors", "violates", "constraint", "extraneous key", "subschema", "immutable",
        "failed to parse", "cannot parse", "unable to parse", "could not parse", "bad request",
        "not an allowed", "only supports", "only support", "does not allow", "not of type", "required key"]),
];

/// Words so weak that what they name is a guess. They count only in texts of a service or of a resource's
/// handler: elsewhere they can mean anything, and no cause is better than a wrong one.
#[rustfmt::skip]
pub(super) static WEAK_WORDS: &[Rule] = &[
    any(ResourcePropertyInvalid, &["should be", "should have", "shouldn't", "cannot be", "can't be", "can only",
        "may only", "may not", "not allowed", "not permitted", "parsing", "mismatch", "is missing", "missing ",
        "not specified", "unrecognized", "unknown ", "unexpected", "only one of", "at least one", "between",
        "greater than", "less than", "too large", "exceeds", "incorrect", "one or more errors",
        "will not allow you", "no principal", "prohibited", "not a number", "expected", "not apply", "has no ",
        "overlap", "different networks", "requires ", "require ", "does not cover", "doesn't cover",
        "is ambiguous", "conflicting", "does not belong", "doesn't belong", "same variable name",
        "cannot find version", "only allow", "either ", "combination", "in conjunction", "wrong", "improper",
        "not configured", "does not satisfy", "doesn't meet", "does not meet", "not meet", "not satisfy",
        "format", "must ", "cannot ", "can't "])
        .and(&["[resource]"]),
];

/// Codes that services use for many things, and HTTP statuses.
#[rustfmt::skip]
pub(super) static VAGUE_CODES: &[Rule] = &[
    // "The parameter MasterUserPassword is not a valid password because it is shorter than 8 ..."
    any(ResourcePropertyInvalid, &["invalidrequest", "validationexception", "validationerror",
        "invalidparameter", "invalidinput", "badrequest", "malformed", "invalidargument", "invalidproperty",
        "notupdatable", "invalidtype", "invalidpolicy", "invalid", "missingparameter", "unsupported",
        "typeconfiguration"]),
    any(Throttling, &["status:429"]),
    any(AwsInternalFailure, &["status:500", "status:502", "status:503", "status:504"]),
    any(AccessDenied, &["status:403", "status:401"]),
    // "No cluster found for name: okj-exchange-stage. (Service: Eks, Status Code: 404)"
    any(DependencyNotFound, &["status:404"]),
    any(StackOperationInProgress, &["resourceconflict"]),
    any(AwsInternalFailure, &["serviceinternalerror", "internalfailure", "internalerror", "internalserver",
        "internalservice", "serviceunavailable", "networkfailure", "servicefailure", "serviceexception"])
        .unless(&["status:4", "generalserviceexception"]),
    any(ResourcePropertyInvalid, &["status:400"]),
];

/// Texts that name no cause.
#[rustfmt::skip]
pub(super) static OPAQUE_WORDS: &[Rule] = &[
    // "The following resource(s) failed to create: [A, B].", "Resource creation cancelled"
    any(CauseNotReported, &["resource(s) failed to", "resources failed to", "resource creation cancelled",
        "resource update cancelled", "resource deletion cancelled", "resource creation canceled",
        "resource update canceled", "creation cancelled", "error occurred during operation",
        "unexpectedly stopped or failed", "rollback requested by user", "rollback requested",
        "was not successfully", "failed to get stack status", "unknown reason", "an error occurred",
        "see the stack events", "check the stack events", "failed to create stack", "stack creation failed",
        "failed to create", "failed to update", "failed to delete", "operation failed", "failed to deploy",
        "resource handler returned", "rollback initiated", "no reason", "stack set operation",
        "stackset operation", "generalserviceexception", "rolled back"]),
];
