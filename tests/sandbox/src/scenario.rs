//! What the loopback AWS holds.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    dynamodb::Table, faults::Fault, ids::uuid_from, instances::StackInstance, operation::Operation,
    organizations::Organization, stacks::Stack, subscriptions::Subscription,
};

/// Everything that the loopback AWS holds, seen from one account.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The account of the function, whose credentials sign its calls.
    pub account: String,
    /// The stack sets, of all Regions.
    pub stack_sets: Vec<StackSet>,
    /// The stacks, of all accounts and Regions.
    pub stacks: Vec<Stack>,
    /// How many events `DescribeEvents` and `DescribeStackEvents` give in a page.
    pub events_per_page: usize,
    /// The ARNs of the roles that the function can assume. They may read the events of the stacks of their account.
    pub roles: Vec<String>,
    /// The ARNs of the topics that exist.
    pub topics: Vec<String>,
    /// The subscriptions to the topics.
    pub subscriptions: Vec<Subscription>,
    /// The organization of the function's account, if it belongs to one.
    pub organization: Option<Organization>,
    /// The tables that exist.
    pub tables: Vec<Table>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// How long every response takes.
    pub latency: Option<Duration>,
    /// Whether the caller is registered as a delegated administrator.
    pub delegated_admin_registered: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            account: "111111111111".to_owned(),
            stack_sets: Vec::new(),
            stacks: Vec::new(),
            events_per_page: 100,
            roles: Vec::new(),
            topics: Vec::new(),
            subscriptions: Vec::new(),
            organization: None,
            tables: Vec::new(),
            faults: Vec::new(),
            latency: None,
            delegated_admin_registered: true,
        }
    }
}

impl Scenario {
    /// An account without stack sets or topics.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stack set.
    #[must_use]
    pub fn stack_set(mut self, stack_set: StackSet) -> Self {
        self.stack_sets.push(stack_set);
        self
    }

    /// Sets the account of the function, which is 111111111111 by default.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = account.to_owned();
        self
    }

    /// Adds a stack.
    #[must_use]
    pub fn stack(mut self, stack: Stack) -> Self {
        self.stacks.push(stack);
        self
    }

    /// Adds a role of this name in each of the accounts, which the function can assume; in other accounts it is denied.
    #[must_use]
    pub fn member_role(mut self, name: &str, accounts: &[&str]) -> Self {
        self.roles.extend(accounts.iter().map(|account| format!("arn:aws:iam::{account}:role/{name}")));
        self
    }

    /// Adds a topic.
    #[must_use]
    pub fn topic(mut self, arn: &str) -> Self {
        self.topics.push(arn.to_owned());
        self
    }

    /// Adds a subscription.
    #[must_use]
    pub fn subscription(mut self, subscription: Subscription) -> Self {
        self.subscriptions.push(subscription);
        self
    }

    /// Sets the organization.
    #[must_use]
    pub fn organization(mut self, organization: Organization) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Adds an empty table whose key is this attribute, a string.
    #[must_use]
    pub fn table(mut self, name: &str, key: &str) -> Self {
        self.tables.push(Table { name: name.to_owned(), key: key.to_owned(), items: BTreeMap::new() });
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Lets every response take this long.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }

    /// The stack set with this name, to change it.
    pub fn stack_set_mut(&mut self, name: &str) -> Option<&mut StackSet> {
        self.stack_sets.iter_mut().find(|set| set.name == name)
    }

    /// The operation with this id, to change it.
    pub fn operation_mut(&mut self, id: &str) -> Option<&mut Operation> {
        self.stack_sets.iter_mut().flat_map(|set| &mut set.operations).find(|operation| operation.id == id)
    }
}

/// A stack set; like a real one, it exists in one Region only.
#[derive(Clone, Debug)]
pub struct StackSet {
    /// The name.
    pub name: String,
    /// The unique part of its id; by default it is made from the name.
    pub uuid: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account that owns it; the management account if it is service-managed.
    pub account: String,
    /// The administration Region.
    pub region: String,
    /// `ACTIVE` or `DELETED`.
    pub status: String,
    /// The description.
    pub description: Option<String>,
    /// `SELF_MANAGED` or `SERVICE_MANAGED`.
    pub permission_model: Option<String>,
    /// Automatic deployment: whether it is enabled, and whether stacks are kept when an account leaves.
    pub auto_deployment: Option<(bool, bool)>,
    /// `DRIFTED`, `IN_SYNC` or `NOT_CHECKED`.
    pub drift_status: Option<String>,
    /// When drift was last checked.
    pub last_drift_check: Option<String>,
    /// Whether managed execution is active: operations that do not conflict then run at the same time.
    pub managed_execution: Option<bool>,
    /// Whether it can be read; otherwise every call about it is answered with `StackSetNotFoundException`.
    pub readable: bool,
    /// The values of `CallAs` with which the caller can see it.
    pub visible_to: Vec<String>,
    /// Its stack instances; `None` derives them from the rows of its operations.
    pub instances: Option<Vec<StackInstance>>,
    /// Its operations, in the order in which `ListStackSetOperations` lists them.
    pub operations: Vec<Operation>,
}

impl StackSet {
    /// A stack set with self-managed permissions, visible with `CallAs=SELF`.
    pub fn self_managed(name: &str, account: &str, region: &str) -> Self {
        Self {
            name: name.to_owned(),
            uuid: uuid_from(name),
            partition: partition_of(region).to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            status: "ACTIVE".to_owned(),
            description: None,
            permission_model: Some("SELF_MANAGED".to_owned()),
            auto_deployment: None,
            drift_status: Some("NOT_CHECKED".to_owned()),
            last_drift_check: None,
            managed_execution: None,
            readable: true,
            visible_to: vec!["SELF".to_owned()],
            instances: None,
            operations: Vec::new(),
        }
    }

    /// A stack set with service-managed permissions, as the management account sees it (`CallAs=SELF`).
    pub fn service_managed(name: &str, management_account: &str, region: &str) -> Self {
        Self {
            permission_model: Some("SERVICE_MANAGED".to_owned()),
            auto_deployment: Some((true, false)),
            ..Self::self_managed(name, management_account, region)
        }
    }

    /// Makes it visible with `CallAs=DELEGATED_ADMIN` only, as a delegated administrator sees it.
    #[must_use]
    pub fn seen_by_delegated_admin(self) -> Self {
        self.visible_to(&["DELEGATED_ADMIN"])
    }

    /// Hides it from the caller, as a stack set of another account: a delegated administrator cannot see the self-managed
    /// stack sets of the management account.
    #[must_use]
    pub fn of_another_account(self) -> Self {
        self.visible_to(&[])
    }

    /// Sets the values of `CallAs` with which the caller can see it.
    #[must_use]
    pub fn visible_to(mut self, call_as: &[&str]) -> Self {
        self.visible_to = call_as.iter().map(|&value| value.to_owned()).collect();
        self
    }

    /// Sets the unique part of its id.
    #[must_use]
    pub fn uuid(mut self, uuid: &str) -> Self {
        self.uuid = uuid.to_owned();
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    /// Marks it as deleted: it is still listed, and found by its id, but not by its bare name.
    #[must_use]
    pub fn deleted(mut self) -> Self {
        self.status = "DELETED".to_owned();
        self
    }

    /// Marks it as deleted for good: it is still listed, but every call about it is answered with
    /// `StackSetNotFoundException`.
    #[must_use]
    pub fn gone(mut self) -> Self {
        self.readable = false;
        self.deleted()
    }

    /// Sets the stack instances, which otherwise are derived from the rows of its operations: each target as the first
    /// listed operation left it, with the stack of [`StackSet::stack_id`].
    #[must_use]
    pub fn instances(mut self, instances: Vec<StackInstance>) -> Self {
        self.instances = Some(instances);
        self
    }

    /// Adds an operation.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// `name:uuid`.
    pub fn id(&self) -> String {
        format!("{}:{}", self.name, self.uuid)
    }

    /// The ARN of the stack in a target account and Region.
    pub fn stack_id(&self, account: &str, region: &str) -> String {
        let (partition, name) = (&self.partition, &self.name);
        let seed = format!("{} {account} {region}", self.id());
        let (set, stack) = (uuid_from(&format!("stack name {seed}")), uuid_from(&format!("stack {seed}")));
        format!("arn:{partition}:cloudformation:{region}:{account}:stack/StackSet-{name}-{set}/{stack}")
    }

    /// The ARN that events carry.
    pub fn arn(&self) -> String {
        format!("arn:{}:cloudformation:{}:{}:stackset/{}", self.partition, self.region, self.account, self.id())
    }
}

fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}
