//! An example organization: one service-managed stack set, 500 accounts, and a day on which much fails.

use crate::{
    ids::uuid_from,
    operation::{Operation, Preferences, Targets},
    organizations::Organization,
    rows::Row,
    scenario::{Scenario, StackSet},
    stacks::{Stack, StackEvent},
    totals::Totals,
};

/// The stack set.
pub const ARN: &str =
    "arn:aws:cloudformation:us-east-1:111111111111:stackset/security-baseline:5c7d3c1e-8f0a-4b6e-9a55-2f1f6f0f7d21";
/// The operation with many causes: UPDATE, FAILED, 2,000 rows.
pub const OPERATION_ID: &str = "0b6f2f0c-4f57-4a3c-9d0e-6a1c8b7e3d10";
/// An operation whose 40 rows all succeeded.
pub const SUCCEEDED_ID: &str = "1d2a7be4-93c1-4e0b-8a6f-0c5e4f9b7a21";
/// An operation that succeeded within its tolerance, with 3 failed rows of 40.
pub const SUCCEEDED_WITH_FAILURES_ID: &str = "2e9c4d18-06fa-4b7d-b3e2-71d0a8c5f632";
/// An operation that somebody stopped after 14 of 40 rows.
pub const STOPPED_ID: &str = "3fa8b6c0-5d29-4c18-a7f4-92e1b3d6c843";
/// An operation that still runs.
pub const RUNNING_ID: &str = "4a1b5e7d-c8f3-4d96-8b0a-53c2d4e7f954";
/// An operation that failed in 28 of 40 accounts with texts that only name resources: the events of the stacks there have
/// the cause.
pub const ROLLED_UP_ID: &str = "5b2c6f8e-d9a4-4ea7-8c1b-64d3e5f8a065";
/// An operation whose totals count one stack instance more than it has results.
pub const TOTALS_DISAGREE_ID: &str = "6c3d7a9f-eab5-4fb8-9d2c-75e4f6a9b176";
/// The name of the role with which the events of the stacks in all accounts can be read.
pub const MEMBER_ROLE_NAME: &str = "stackset-notifier-read-events";
/// The topic.
pub const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:111111111111:stackset-notifications";
/// The function.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111111111111:function:stackset-notifier";

const NAME: &str = "security-baseline";
const UUID: &str = "5c7d3c1e-8f0a-4b6e-9a55-2f1f6f0f7d21";
const ACCOUNTS: usize = 500;
const REGIONS: [&str; 4] = ["us-east-1", "eu-central-1", "ap-southeast-2", "me-south-1"];
const REGULATED_OU: &str = "ou-4kx2-r8u2ke6w";
const OUS: [&str; 3] = ["ou-4kx2-9h3fq0ls", "ou-4kx2-b71mzt5d", "ou-4kx2-sn0dbx42"];
const EXECUTION_ROLE: &str = "stacksets-exec-49150fde14d44b6ce1a964ba67e522aa";
const NO_TOLERANCE_LEFT: &str = "Cancelled since failure tolerance has exceeded";
const ROLL_UP: &str =
    "The following resource(s) failed to create: [AuditRoles, AuditTopic]. . Rollback requested by user.";
const STOPPED: &str = "Cancelled since the operation was stopped";

/// The organization, its stack set with seven operations, the stacks of one of them, and the topic.
pub fn scenario() -> Scenario {
    let set = StackSet::service_managed(NAME, "111111111111", "us-east-1")
        .uuid(UUID)
        .description("Guardrails that every account has")
        .operation(running())
        .operation(bad_day())
        .operation(stopped())
        .operation(small(SUCCEEDED_WITH_FAILURES_ID, "UPDATE", "SUCCEEDED").rows(three_failures()))
        .operation(small(SUCCEEDED_ID, "CREATE", "SUCCEEDED").rows(without_gates()))
        .operation(rolled_up())
        .operation(totals_disagree());
    let mut scenario = Scenario::new().topic(TOPIC_ARN).organization(organization());
    for target in rolled_up_targets().filter(|target| target.is_rolled_up()) {
        let stack_id = set.stack_id(&target.id(), target.region());
        scenario = target.stacks(&stack_id).into_iter().fold(scenario, Scenario::stack);
    }
    // Of these the events say nothing.
    for target in [Target::new(123, 0), Target::new(234, 2)] {
        let stack = Stack::new(&set.stack_id(&target.id(), target.region()));
        scenario = scenario.stack(stack.status("UPDATE_IN_PROGRESS", "User Initiated").began("2026-03-09T08:20"));
    }
    let accounts: Vec<String> = (0..ACCOUNTS).map(|account| Target::new(account, 0).id()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    scenario.stack_set(set).member_role(MEMBER_ROLE_NAME, &accounts)
}

fn organization() -> Organization {
    let units = [(OUS[0], "Workloads"), (OUS[1], "Platform"), (OUS[2], "Sandbox"), (REGULATED_OU, "Regulated")];
    let organization = units.into_iter().fold(Organization::new(), |all, (id, name)| all.organizational_unit(id, name));
    (0..ACCOUNTS).fold(organization, |all, account| {
        all.account(&Target::new(account, 0).id(), &format!("{}-{account:03}", ["shop", "data", "web"][account % 3]))
    })
}

/// The texts name a nested stack, whose events name a role that exists already.
fn rolled_up() -> Operation {
    let rows: Vec<Row> =
        rolled_up_targets().map(|target| target.row(target.is_rolled_up().then(|| Some(ROLL_UP.to_owned())))).collect();
    small(ROLLED_UP_ID, "CREATE", "FAILED")
        .times("2026-03-04T10:20:01.200Z", Some("2026-03-04T10:41:33.700Z"))
        .rows(rows)
        .totals_from_rows()
}

fn rolled_up_targets() -> impl Iterator<Item = Target> {
    (450..490).map(|account| Target::new(account, 0))
}

fn totals_disagree() -> Operation {
    let rows = first_forty(|target| target.row((target.account == 3).then(|| Some(target.throttled()))));
    let mut totals = Totals::of(&rows.clone().into());
    totals.stack_instances = Some(41);
    small(TOTALS_DISAGREE_ID, "UPDATE", "SUCCEEDED")
        .times("2026-03-05T08:00:00.000Z", Some("2026-03-05T08:12:10.010Z"))
        .rows(rows)
        .totals(totals)
}

fn bad_day() -> Operation {
    let count = ACCOUNTS * REGIONS.len();
    // AWS documents no order. The stride shares no factor with the count, so every row comes once.
    let rows: Vec<Row> = (0..count)
        .map(|step| (step * 1_237) % count)
        .map(|at| Target::new(at / REGIONS.len(), at % REGIONS.len()).on_the_bad_day())
        .collect();
    small(OPERATION_ID, "UPDATE", "FAILED")
        .times("2026-03-09T08:12:31.418Z", Some("2026-03-09T10:47:05.902Z"))
        .rows(rows)
}

fn small(id: &str, action: &str, status: &str) -> Operation {
    Operation::new(id)
        .action(action)
        .status(status)
        .preferences(Preferences {
            region_concurrency_type: Some("SEQUENTIAL".to_owned()),
            region_order: REGIONS.map(str::to_owned).to_vec(),
            failure_tolerance_percentage: Some(10),
            max_concurrent_percentage: Some(25),
            concurrency_mode: Some("SOFT_FAILURE_TOLERANCE".to_owned()),
            ..Preferences::default()
        })
        .targets(Targets {
            organizational_unit_ids: OUS.into_iter().chain([REGULATED_OU]).map(str::to_owned).collect(),
            ..Targets::default()
        })
}

fn three_failures() -> Vec<Row> {
    first_forty(|target| {
        let fails = target.region() == "eu-central-1" && [2, 5, 8].contains(&target.account);
        target.row(fails.then(|| Some(target.too_many_buckets())))
    })
}

fn stopped() -> Operation {
    let mut left = 14;
    let rows = first_forty(|target| {
        if left > 0 {
            left -= 1;
            return target.row(None);
        }
        Row::cancelled(&target.id(), target.region(), STOPPED).ou(target.ou())
    });
    small(STOPPED_ID, "UPDATE", "STOPPED")
        .times("2026-03-06T14:03:11.077Z", Some("2026-03-06T14:09:58.640Z"))
        .rows(rows)
}

fn running() -> Operation {
    let mut begun = 0;
    let rows = first_forty(|target| {
        begun += 1;
        match begun {
            1..=12 => target.row(None),
            13..=16 => Row::running(&target.id(), target.region()).ou(target.ou()),
            _ => Row::pending(&target.id(), target.region()).ou(target.ou()),
        }
    });
    small(RUNNING_ID, "UPDATE", "RUNNING").times("2026-03-09T11:02:44.310Z", None).rows(rows)
}

/// Accounts without a gate function, as in most organizations.
fn without_gates() -> Vec<Row> {
    first_forty(|target| Target { account: target.account + 20, ..target }.row(None))
}

/// Ten accounts, one Region after the other, as in a sequential operation.
fn first_forty(row: impl FnMut(Target) -> Row) -> Vec<Row> {
    (0..REGIONS.len()).flat_map(|region| (0..10).map(move |account| Target::new(account, region))).map(row).collect()
}

/// An account and a Region, by their numbers.
#[derive(Clone, Copy)]
struct Target {
    account: usize,
    region: usize,
}

impl Target {
    fn new(account: usize, region: usize) -> Self {
        Self { account, region }
    }

    fn id(self) -> String {
        format!("{}", 210_000_000_000 + self.account * 1_234_567)
    }

    fn region(self) -> &'static str {
        REGIONS[self.region]
    }

    fn ou(self) -> &'static str {
        match self.account {
            400..440 => REGULATED_OU,
            account => OUS[account % OUS.len()],
        }
    }

    /// An id that is different for each target, like real request ids.
    fn uuid(self, what: &str) -> String {
        uuid_from(&format!("{what} {} {}", self.account, self.region))
    }

    /// The row of a target that passed the gate: failed with a text, failed without one, or succeeded.
    fn row(self, failure: Option<Option<String>>) -> Row {
        let mut row = Row::new(&self.id(), self.region(), "SUCCEEDED").ou(self.ou());
        if let Some(reason) = failure {
            row.status = Some("FAILED".to_owned());
            row.status_reason = reason;
        }
        match self.account % 100 {
            0..4 => row.gate_passed(),
            4..10 => row.gate("SKIPPED", "AWSCloudFormationStackSetAccountGate function not found"),
            10..12 => row.gate("SKIPPED", NOT_INVOKABLE),
            _ => row.gate(
                "SKIPPED",
                &format!(
                    "Function not found: arn:aws:lambda:{}:{}:function:AWSCloudFormationStackSetAccountGate",
                    self.region(),
                    self.id()
                ),
            ),
        }
    }

    /// In the first three Regions the failures stay below the tolerance of 50; the fourth exceeds it.
    fn on_the_bad_day(self) -> Row {
        let middle_east = self.region() == "me-south-1";
        match self.account {
            180.. if middle_east => Row::cancelled(&self.id(), self.region(), NO_TOLERANCE_LEFT).ou(self.ou()),
            account if account % 50 == 7 => {
                let reason = self.role_not_assumable();
                let status = if account == 57 { "FAILED" } else { "SKIPPED" };
                Row::failed(&self.id(), self.region(), &reason).gate(status, &reason).ou(self.ou())
            }
            // The third reason to skip that the documentation of the account gate names.
            30 if self.region() == "us-east-1" => {
                self.row(None).gate("SKIPPED", "No action is necessary or possible for this account")
            }
            20 | 220 | 320 => Row::failed(&self.id(), self.region(), "AccountGate check failed")
                .gate("FAILED", "Change freeze until 2026-03-15")
                .ou(self.ou()),
            account if middle_east && account % 3 == 0 => {
                self.row(Some(Some(format!("STS is not activated in this region for account:{}.", self.id()))))
            }
            _ if middle_east => self.row(None),
            account => {
                let failure = self.failure(account);
                let row = self.row(failure.clone());
                // The gate could not be invoked either, but these rows failed for another reason.
                if (340..347).contains(&account) {
                    return row.gate("SKIPPED", NOT_INVOKABLE);
                }
                row
            }
        }
    }

    fn failure(self, account: usize) -> Option<Option<String>> {
        let region = self.region();
        let reason = match account {
            340..347 => self.not_authorized(),
            410..422 if region != "us-east-1" => self.denied_by_policy(),
            _ if account % 55 == 3 && region != "ap-southeast-2" => self.too_many_buckets(),
            260..265 if region == "us-east-1" => self.already_exists(),
            270..274 if region == "eu-central-1" => self.throttled(),
            123 if region == "us-east-1" => {
                "Baseline probe answered 17 where 23 was expected; see the vendor's manual, page 4.".to_owned()
            }
            234 if region == "ap-southeast-2" => return Some(None),
            _ => return None,
        };
        Some(Some(reason))
    }

    fn is_rolled_up(self) -> bool {
        self.account < 478
    }

    /// The stack of a target and the nested stack in it, with the events of their creation.
    fn stacks(self, stack_id: &str) -> [Stack; 2] {
        let (id, region) = (self.id(), self.region());
        let name = stack_id.split('/').nth(1).unwrap_or_default();
        let nested = format!("arn:aws:cloudformation:{region}:{id}:stack/{name}-AuditRoles/{}", self.uuid("nested"));
        let cause = format!(
            "Resource handler returned message: \"Resource of type 'AWS::IAM::Role' with identifier 'audit-reader' \
             already exists.\" (RequestToken: {}, HandlerErrorCode: AlreadyExists)",
            self.uuid("role")
        );
        let embedded = format!(
            "Embedded stack {nested} was not successfully created: The following resource(s) failed to create: \
             [AuditReader]. "
        );
        [
            Stack::new(stack_id)
                .status("CREATE_IN_PROGRESS", "User Initiated")
                .event(StackEvent::nested_stack("AuditRoles", &nested, &embedded))
                .event(StackEvent::cancelled("AuditTopic", "AWS::SNS::Topic"))
                .status("ROLLBACK_IN_PROGRESS", ROLL_UP),
            Stack::new(&nested)
                .status("CREATE_IN_PROGRESS", "User Initiated")
                .event(StackEvent::failed("AuditReader", "AWS::IAM::Role", &cause))
                .event(StackEvent::cancelled("AuditWriter", "AWS::IAM::Role"))
                .status("CREATE_FAILED", "The following resource(s) failed to create: [AuditReader]. "),
        ]
        .map(|stack| stack.began("2026-03-04T10:21"))
    }

    fn role_not_assumable(self) -> String {
        format!(
            "Account {} should have '{EXECUTION_ROLE}' role with trust relationship to Role \
             'aws-service-role/stacksets.cloudformation.amazonaws.com/AWSServiceRoleForCloudFormationStackSetsOrgAdmin'.",
            self.id()
        )
    }

    fn not_authorized(self) -> String {
        let (id, region) = (self.id(), self.region());
        let stack = self.uuid("stack");
        format!(
            "User: arn:aws:sts::{id}:assumed-role/{EXECUTION_ROLE}/{session} is not authorized to perform: \
             cloudformation:CreateStack on resource: \
             arn:aws:cloudformation:{region}:{id}:stack/StackSet-{NAME}-{stack}/*",
            session = self.uuid("session"),
        )
    }

    fn denied_by_policy(self) -> String {
        let (id, region) = (self.id(), self.region());
        format!(
            "ResourceLogicalId:AuditForwarder, ResourceType:AWS::Lambda::Function, ResourceStatusReason:Resource \
             handler returned message: \"User: arn:aws:sts::{id}:assumed-role/{EXECUTION_ROLE}/AWSCloudFormation is \
             not authorized to perform: lambda:CreateFunction on resource: \
             arn:aws:lambda:{region}:{id}:function:audit-forwarder with an explicit deny in a service control policy: \
             arn:aws:organizations::111111111111:policy/o-a1b2c3d4e5/service_control_policy/p-f6g7h8i9 (Service: \
             Lambda, Status Code: 403, Request ID: {request}) (SDK Attempt Count: 1)\" (RequestToken: {token}, \
             HandlerErrorCode: GeneralServiceException).",
            request = self.uuid("request"),
            token = self.uuid("token"),
        )
    }

    fn too_many_buckets(self) -> String {
        let request = self.uuid("request").replace('-', "").to_uppercase();
        format!(
            "ResourceLogicalId:ConfigBucket, ResourceType:AWS::S3::Bucket, ResourceStatusReason:You have attempted to \
             create more buckets than allowed (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets; \
             Request ID: {}; S3 Extended Request ID: {}=; Proxy: null).",
            &request[..16],
            &request[12..],
        )
    }

    fn already_exists(self) -> String {
        let (id, region) = (self.id(), self.region());
        format!(
            "ResourceLogicalId:AuditTrailLogs, ResourceType:AWS::Logs::LogGroup, ResourceStatusReason:\
             /security/audit-trail already exists in stack \
             arn:aws:cloudformation:{region}:{id}:stack/legacy-audit/{}.",
            self.uuid("legacy"),
        )
    }

    fn throttled(self) -> String {
        format!(
            "Unable to create alarms for scaling policy audit-forwarder due to reason: Rate exceeded (Service: \
             AmazonCloudWatch; Status Code: 400; Error Code: Throttling; Request ID: {}).",
            self.uuid("request"),
        )
    }
}

const NOT_INVOKABLE: &str = "Insufficient permissions to invoke AWSCloudFormationStackSetAccountGate";
