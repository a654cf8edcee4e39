//! Names of accounts and organizational units, and the states of accounts.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::{Fault, FaultKind, Organization, Row, Scenario, StackSet};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::support::{MANAGEMENT, REGION, Stage, account, operation, stack_set};

const UNIT: &str = "ou-ab12-workloads";
const NEVER: &[(&str, &str)] = &[("ACCOUNT_NAMES", "never")];

fn no_role(account: &str) -> String {
    format!(
        "Account {account} should have 'AWSCloudFormationStackSetExecutionRole' role with trust relationship to Role \
         'AWSCloudFormationStackSetAdministrationRole'."
    )
}

fn without_role(n: usize, region: &str) -> Row {
    Row::failed(&account(n), region, &no_role(&account(n)))
}

fn throttled(n: usize) -> Row {
    Row::failed(&account(n), "eu-west-1", "Rate exceeded")
}

fn scenario(rows: Vec<Row>, organization: Organization) -> Scenario {
    Scenario::new().stack_set(stack_set().operation(operation("FAILED", rows))).organization(organization)
}

/// Two failed targets of one organizational unit.
fn in_unit() -> Scenario {
    let rows = (1..=2).map(|n| Row::failed(&account(n), "eu-west-1", "Internal Failure").ou(UNIT)).collect();
    let set = StackSet::service_managed("baseline", MANAGEMENT, REGION).operation(operation("FAILED", rows));
    Scenario::new().stack_set(set).organization(organization(2).organizational_unit(UNIT, "Workloads"))
}

/// Accounts 1 to `count`, named `account-1` and so on.
fn organization(count: usize) -> Organization {
    (1..=count).fold(Organization::new(), |all, n| all.account(&account(n), &format!("account-{n}")))
}

fn asked(stage: &Stage) -> usize {
    stage.aws.requests().iter().filter(|request| request.service == "organizations").count()
}

/// The WARN lines that are written while this is kept.
pub(crate) struct Warnings(
    Arc<Mutex<Vec<String>>>,
    #[expect(dead_code, reason = "it is kept")] tracing::subscriber::DefaultGuard,
);

struct Capture(Arc<Mutex<Vec<String>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::WARN && event.metadata().target().starts_with("stackset") {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }
    }
}

impl Warnings {
    pub(crate) fn new() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Capture(Arc::clone(&lines)));
        Self(lines, tracing::subscriber::set_default(subscriber))
    }

    /// The lines since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Groups as code, basis, sample and accounts.
fn groups(document: &Value) -> Vec<(String, String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for cause in document["causes"].as_array().unwrap() {
        for group in cause["groups"].as_array().unwrap() {
            let places = group["targets"].as_array().unwrap().iter();
            let mut accounts: Vec<String> =
                places.flat_map(|place| place["accounts"].as_array().unwrap()).map(text).collect();
            accounts.sort();
            all.push((text(&cause["code"]), text(&group["basis"]), text(&group["sample"]), accounts));
        }
    }
    all
}

#[tokio::test]
async fn names_are_in_the_document_and_are_asked_once() {
    let warnings = Warnings::new();
    let stage = Stage::new(in_unit()).await;
    let document = stage.report("FAILED").await;
    assert_eq!(
        document["names"],
        json!({
            "accounts": {account(1): "account-1", account(2): "account-2"},
            "organizationalUnits": {UNIT: "Workloads"},
        })
    );
    assert_eq!(asked(&stage), 3);
    stage.aws.forget();
    assert_eq!(stage.report("FAILED").await["names"], document["names"]);
    assert_eq!(asked(&stage), 0);
    assert_eq!(warnings.take(), [""; 0]);
}

#[tokio::test]
async fn what_needs_no_message_and_never_ask_nothing() {
    let quiet = operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")]);
    let stage = Stage::new(Scenario::new().stack_set(stack_set().operation(quiet)).organization(organization(1))).await;
    assert_eq!(stage.ended("SUCCEEDED").await.unwrap()["action"], "quiet");
    assert_eq!(asked(&stage), 0);

    let warnings = Warnings::new();
    let closed = organization(0).account_in_state(&account(1), "old", "CLOSED");
    let stage = Stage::with(scenario(vec![without_role(1, "eu-west-1")], closed), NEVER).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["names"], json!({"accounts": {}, "organizationalUnits": {}}));
    assert_eq!(document["causes"][0]["code"], "EXECUTION_ROLE_NOT_ASSUMABLE");
    assert_eq!((asked(&stage), warnings.take().len()), (0, 0));
}

/// 60 accounts whose role is missing, 60 with other causes, 20 organizational units.
#[tokio::test]
async fn a_message_asks_about_50_accounts_and_15_units_5_at_a_time() {
    let unit = |n: usize| format!("ou-ab12-unit{:04}", n % 20);
    let mut rows: Vec<Row> = (1..=60).map(|n| without_role(n, "eu-west-1").ou(&unit(n))).collect();
    rows.extend((61..=120).map(|n| throttled(n).ou(&unit(n))));
    let set = StackSet::service_managed("baseline", MANAGEMENT, REGION).operation(operation("FAILED", rows));
    let organization = (0..20).fold(organization(120), |all, n| all.organizational_unit(&unit(n), "unit"));
    let slow = Fault::on("Describe*", FaultKind::Delay(Duration::from_millis(20)));
    let stage = Stage::new(Scenario::new().stack_set(set).organization(organization).fault(slow)).await;
    let document = stage.report("FAILED").await;
    assert_eq!(stage.aws.requests_of("DescribeAccount").len(), 50);
    assert_eq!(stage.aws.requests_of("DescribeOrganizationalUnit").len(), 15);
    assert_eq!(document["names"]["organizationalUnits"].as_object().unwrap().len(), 15);
    assert_eq!(stage.aws.most_at_once(), 5);
}

#[tokio::test]
async fn each_cause_has_names_before_any_has_more() {
    let texts = ["Internal Failure", "Rate exceeded", "Insufficient permissions", "Resource already exists"];
    let mut rows = Vec::new();
    for (cause, text) in texts.iter().enumerate() {
        rows.extend((0..20).map(|n| Row::failed(&account(100 * cause + n), "eu-west-1", text)));
    }
    let organization = (0..400).fold(Organization::new(), |all, n| all.account(&account(n), "name"));
    let stage = Stage::new(scenario(rows, organization)).await;
    let document = stage.report("FAILED").await;
    let named = document["names"]["accounts"].as_object().unwrap();
    assert_eq!(named.len(), 24);
    for cause in 0..texts.len() {
        assert!((0..6).all(|n| named.contains_key(&account(100 * cause + n))), "{named:?}");
    }
    // Of five at a time, four may overtake the twelfth.
    let first = &stage.aws.requests_of("DescribeAccount")[..16];
    for id in (0..4).flat_map(|cause| (0..3).map(move |n| account(100 * cause + n))) {
        assert!(first.iter().any(|request| request.param("AccountId") == Some(&id)), "{id} in {first:?}");
    }
}

/// Nothing that the organization does keeps a message back, and one line says why there are no names.
#[tokio::test]
async fn without_an_answer_the_message_has_ids() {
    let warnings = Warnings::new();
    let denied = Fault::error("Describe*", 400, "AccessDeniedException", "You don't have permissions to access this.")
        .without_param("StackSetName");
    let throttled = Fault::on("DescribeAccount", FaultKind::Throttling);
    let down = Fault::on("DescribeAccount", FaultKind::InternalFailure);
    for (fault, text, asks_again) in [
        (Some(denied), "AccessDeniedException: You don't have permissions to access this.", false),
        (None, "AWSOrganizationsNotInUseException: Your account is not a member of an organization.", false),
        (Some(throttled), "TooManyRequestsException: ", true),
        (Some(down), "ServiceException: ", true),
    ] {
        let mut scenario = scenario((1..=9).map(|n| without_role(n, "eu-west-1")).collect(), organization(9));
        if fault.is_none() {
            scenario.organization = None;
        }
        scenario.faults.extend(fault);
        let stage = Stage::new(scenario).await;
        let document = stage.report("FAILED").await;
        assert_eq!(document["names"], json!({"accounts": {}, "organizationalUnits": {}}), "{text}");
        assert_eq!(document["causes"][0]["code"], "EXECUTION_ROLE_NOT_ASSUMABLE");
        let lines = warnings.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("could not look up ") && lines[0].contains(text), "{lines:?}");
        let attempts = if asks_again { 8 } else { 1 };
        assert!((1..=5 * attempts).contains(&asked(&stage)), "{text}: {}", asked(&stage));

        // The next invocation says it again, whether it asks or knows.
        stage.aws.forget();
        stage.report("FAILED").await;
        assert_eq!(warnings.take().len(), 1, "{text}");
        assert_eq!(asked(&stage) > 0, asks_again, "{text}");
    }
}

#[tokio::test]
async fn an_organization_that_does_not_answer_takes_5_seconds() {
    let warnings = Warnings::new();
    let rows = vec![without_role(1, "eu-west-1"), throttled(2), throttled(3)];
    let hang = Fault::on("DescribeAccount", FaultKind::Hang).with_param("AccountId", &account(3));
    let stage = Stage::new(scenario(rows, organization(3)).fault(hang)).await;
    let started = Instant::now();
    let document = stage.report("FAILED").await;
    assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&started.elapsed()), "{:?}", started.elapsed());
    // What was answered is there.
    assert_eq!(document["names"]["accounts"], json!({account(1): "account-1", account(2): "account-2"}));
    let late = "could not look up all names in AWS Organizations: the time for it ran out";
    assert_eq!(warnings.take(), [late]);

    // Less time is less: the message still goes out.
    let hang = Fault::on("DescribeAccount", FaultKind::Hang);
    let scenario = scenario(vec![without_role(1, "eu-west-1")], organization(1)).fault(hang);
    let stage = Stage::new(scenario).await.time(Duration::from_secs(2));
    let started = Instant::now();
    stage.report("FAILED").await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(warnings.take(), [late]);
}

#[tokio::test]
async fn an_account_that_is_not_in_the_organization_keeps_its_id() {
    let warnings = Warnings::new();
    let stage = Stage::new(scenario(vec![throttled(1), throttled(2), throttled(3)], organization(1))).await;
    assert_eq!(stage.report("FAILED").await["names"]["accounts"], json!({account(1): "account-1"}));
    let lines = warnings.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("AccountNotFoundException: You specified an account that doesn't exist."), "{lines:?}");
    assert_eq!(asked(&stage), 3);
    stage.aws.forget();
    stage.report("FAILED").await;
    assert_eq!(asked(&stage), 0);
}

#[tokio::test]
async fn a_suspended_account_is_the_cause_where_its_role_cannot_be_assumed() {
    // The first target in order is of a suspended account; account 4 is asked for nothing but its name.
    let rows = vec![
        without_role(1, "eu-west-1"),
        without_role(1, "us-east-1"),
        without_role(2, "eu-west-1"),
        without_role(3, "us-east-1"),
        throttled(4),
    ];
    let organization = organization(2)
        .account_in_state(&account(1), "old payments", "SUSPENDED")
        .account_in_state(&account(3), "older", "PENDING_CLOSURE")
        .account_in_state(&account(4), "oldest", "CLOSED");
    let mut documents = Vec::new();
    for turned in [false, true] {
        let mut rows = rows.clone();
        if turned {
            rows.reverse();
        }
        let stage = Stage::new(scenario(rows, organization.clone())).await;
        documents.push(stage.report("FAILED").await);
    }
    assert_eq!(documents[0], documents[1]);
    let found = groups(&documents[0]);
    let group = |code: &str| found.iter().find(|group| group.0 == code).unwrap();
    let (_, basis, sample, accounts) = group("ACCOUNT_SUSPENDED");
    assert_eq!((basis.as_str(), sample), ("ACCOUNT_STATE", &no_role(&account(1))));
    assert_eq!(accounts, &[account(1), account(1), account(3)]);
    let (_, basis, sample, accounts) = group("EXECUTION_ROLE_NOT_ASSUMABLE");
    assert_eq!((basis.as_str(), sample), ("TEXT", &no_role(&account(2))));
    assert_eq!(accounts, &[account(2)]);
    assert_eq!(group("THROTTLING").3, [account(4)]);
    let commands = documents[0]["retry"].to_string();
    let all = commands.split("aws cloudformation ");
    let deletions: Vec<&str> = all.filter(|command| command.starts_with("delete-stack-instances")).collect();
    assert!(!deletions.is_empty() && deletions.iter().all(|command| command.contains("--retain-stacks")));
    let deletions = deletions.concat();
    for (n, is_deleted) in [(1, true), (2, false), (3, true), (4, false)] {
        assert_eq!(deletions.contains(&account(n)), is_deleted, "{deletions}");
    }
}

#[tokio::test]
async fn states_count_as_aws_documents_them() {
    let of = |state: &str| Organization::new().account_in_state(&account(1), "name", state);
    let with_status = |status: &str| Organization::new().account_with_status(&account(1), "name", status);
    let mut both = of("ACTIVE");
    both.accounts.get_mut(&account(1)).unwrap().status = Some("SUSPENDED".to_owned());
    for (organization, code) in [
        (of("SUSPENDED"), "ACCOUNT_SUSPENDED"),
        (of("PENDING_CLOSURE"), "ACCOUNT_SUSPENDED"),
        (of("CLOSED"), "ACCOUNT_SUSPENDED"),
        (of("ACTIVE"), "EXECUTION_ROLE_NOT_ASSUMABLE"),
        (of("PENDING_ACTIVATION"), "EXECUTION_ROLE_NOT_ASSUMABLE"),
        (of("HIBERNATING"), "EXECUTION_ROLE_NOT_ASSUMABLE"),
        // The retired member, where there is no other.
        (with_status("SUSPENDED"), "ACCOUNT_SUSPENDED"),
        (with_status("ACTIVE"), "EXECUTION_ROLE_NOT_ASSUMABLE"),
        (both, "EXECUTION_ROLE_NOT_ASSUMABLE"),
    ] {
        let shown = format!("{organization:?}");
        let stage = Stage::new(scenario(vec![without_role(1, "eu-west-1")], organization)).await;
        let document = stage.report("FAILED").await;
        assert_eq!(document["causes"][0]["code"], code, "{shown}");
        assert_eq!(document["causes"].as_array().unwrap().len(), 1);
        assert_eq!(document["names"]["accounts"], json!({account(1): "name"}));
        assert_eq!(asked(&stage), 1);
    }
}

#[tokio::test]
async fn hostile_names_are_cleaned() {
    let organization = Organization::new()
        .account(&account(1), "prod\r\n\u{202e}evil\u{200b} <script>")
        .account(&account(2), " \u{200b}\t");
    let stage = Stage::new(scenario(vec![throttled(1), throttled(2)], organization)).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["names"]["accounts"], json!({account(1): "prod \u{fffd}evil <script>"}));
}

/// The digest of a sweep is one message, whatever the number of its operations.
#[tokio::test]
async fn a_digest_asks_for_one_message() {
    let mut set = stack_set();
    for n in 0..4 {
        let rows = (0..20).map(|m| without_role(20 * n + m, "eu-west-1")).collect();
        let times = ("2026-11-20T09:00:00Z", Some("2026-11-20T09:30:00Z"));
        set = set.operation(operation("FAILED", rows).id(&format!("op-{n}")).times(times.0, times.1));
    }
    let organization = (0..80).fold(Organization::new(), |all, n| all.account_in_state(&account(n), "old", "CLOSED"));
    let scenario = Scenario::new().stack_set(set).organization(organization).table("reports", "id");
    let stage = Stage::with(scenario, &[("LEDGER_TABLE", "reports"), ("SWEEP_MODE", "digest")]).await;
    let event = json!({"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.scheduler", "account": MANAGEMENT, "time": "2026-11-20T10:00:00Z", "region": REGION,
        "resources": ["arn:aws:scheduler:eu-central-1:111111111111:schedule/default/sweep"], "detail": "{}"});
    stage.response(&event).await.unwrap();
    assert_eq!(asked(&stage), 50);
    let document: Value = serde_json::from_str(&stage.published().body("sqs").unwrap()).unwrap();
    let codes = document["operations"].to_string();
    assert!(codes.contains("ACCOUNT_SUSPENDED"), "{codes}");
}
