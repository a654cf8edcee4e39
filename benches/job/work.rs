//! The operations that are read: their rows, their events, and the calls that the yardsticks make.

use sandbox::{Operation, Row, Rows, Scenario, StackSet};
use serde_json::{Value, json};

/// Rows of one page, as the API's largest page has.
const PAGE: usize = 100;
pub(crate) const NAME: &str = "security-baseline:5c7d3c1e-8f0a-4b6e-9a55-2f1f6f0f7d21";
const ADMINISTRATOR: &str = "111111111111";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:stackset-notifications";
const CORPUS: &str = include_str!("../../tests/corpus/reasons.jsonl");
const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-southeast-2", "me-south-1"];

/// Operations of each stack set that is swept.
pub(crate) const OPERATIONS_OF_A_SET: usize = 20;
/// One stack set in so many has an operation that is due.
const DUE_EVERY: usize = 100;
/// What the ids of those operations begin with.
pub(crate) const DUE: &str = "due-";

/// What an operation is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// 90 % succeeded, 6 % failed with many reasons, 4 % cancelled.
    Mixed,
    /// Every row failed, each with a text of its own.
    AllFailed,
    /// 99 % succeeded, 1 % failed.
    OnePercent,
    /// One page like those of `Mixed`.
    OnePage,
    /// As `Mixed`, each page after a wait.
    Slow,
}

impl Job {
    pub(crate) const ALL: [Self; 5] = [Self::Mixed, Self::AllFailed, Self::OnePercent, Self::OnePage, Self::Slow];

    fn operation_id(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::AllFailed => "all-failed",
            Self::OnePercent => "one-percent",
            Self::OnePage => "one-page",
            Self::Slow => "slow",
        }
    }

    /// The rows of the operation, where the largest has `targets`.
    pub(crate) fn rows(self, targets: usize) -> usize {
        match self {
            Self::Mixed | Self::AllFailed | Self::OnePercent | Self::Slow => targets,
            Self::OnePage => PAGE,
        }
    }

    pub(crate) fn pages(self, targets: usize) -> usize {
        self.rows(targets).div_ceil(PAGE)
    }

    fn status_of(self, row: usize) -> &'static str {
        match (self, row % 100) {
            (Self::AllFailed, _) | (Self::OnePercent, 50) => "FAILED",
            (Self::OnePercent, _) => "SUCCEEDED",
            // Spread over the page, as AWS documents no order.
            (_, at) if at % 16 == 3 && at < 96 => "FAILED",
            (_, at) if at % 25 == 7 => "CANCELLED",
            _ => "SUCCEEDED",
        }
    }

    /// The event that announces the operation's end.
    pub(crate) fn event(self) -> Value {
        json!({
            "version": "0", "id": "1f2e3d4c", "account": ADMINISTRATOR, "time": "2026-03-09T10:47:06Z", "region": REGION,
            "detail-type": "CloudFormation StackSet Operation Status Change",
            "source": "aws.cloudformation",
            "resources": [],
            "detail": {
                "stack-set-arn": format!("arn:aws:cloudformation:{REGION}:{ADMINISTRATOR}:stackset/{NAME}"),
                "stack-set-operation-id": self.operation_id(),
                "status-details": { "status": "FAILED" },
            },
        })
    }
}

/// The stack set and the operation that an event names.
pub(crate) fn named_by(event: &Value) -> (String, String) {
    let arn = event["detail"]["stack-set-arn"].as_str().unwrap();
    let (_, stack_set) = arn.split_once("stackset/").unwrap();
    (stack_set.to_owned(), event["detail"]["stack-set-operation-id"].as_str().unwrap().to_owned())
}

/// All operations, in the account that the benchmark reads.
pub(crate) fn scenario(targets: usize) -> Scenario {
    let (name, uuid) = NAME.split_once(':').unwrap();
    let texts: Vec<String> = CORPUS
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    let operation = |set: StackSet, job: Job| {
        let texts = texts.clone();
        let rows = Rows::generated(job.rows(targets), move |at| row(job, &texts, at));
        set.operation(Operation::new(job.operation_id()).action("UPDATE").status("FAILED").rows(rows))
    };
    let set = StackSet::service_managed(name, ADMINISTRATOR, REGION).uuid(uuid);
    Scenario::new().stack_set(Job::ALL.into_iter().fold(set, operation)).topic(TOPIC)
}

/// The stack sets that are swept, where the largest operation has `targets`.
pub(crate) fn swept_sets(targets: usize) -> usize {
    targets / 100
}

/// Those that the sweep is to report.
pub(crate) fn due(targets: usize) -> usize {
    swept_sets(targets).div_ceil(DUE_EVERY)
}

/// Stack sets whose operations ended long ago, but for a few.
pub(crate) fn swept(targets: usize) -> Scenario {
    let operation = |id: String, status: &str, ended: &str| {
        let row = Row::new("210000000000", REGIONS[0], status);
        let row = if status == "FAILED" { row.reason("Internal Failure") } else { row };
        Operation::new(&id).action("UPDATE").status(status).times("2026-02-01T00:00:00Z", Some(ended)).rows(vec![row])
    };
    let stack_set = |n: usize| {
        let old = |m| operation(format!("old-{n}-{m}"), "SUCCEEDED", "2026-02-01T01:00:00Z");
        let last = match n % DUE_EVERY {
            0 => operation(format!("{DUE}{n}"), "FAILED", "2026-03-09T10:30:00Z"),
            _ => old(OPERATIONS_OF_A_SET),
        };
        let set = StackSet::self_managed(&format!("set-{n:04}"), ADMINISTRATOR, REGION);
        (1..OPERATIONS_OF_A_SET).map(old).chain([last]).fold(set, StackSet::operation)
    };
    (0..swept_sets(targets)).map(stack_set).fold(Scenario::new(), Scenario::stack_set)
}

/// The event that a schedule sends.
pub(crate) fn scheduled() -> Value {
    json!({
        "version": "0", "id": "6a8f5e48", "account": ADMINISTRATOR, "time": "2026-03-09T11:00:00Z", "region": REGION,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "resources": [format!("arn:aws:scheduler:{REGION}:{ADMINISTRATOR}:schedule/default/sweep")],
        "detail": "{}",
    })
}

/// One row; those that failed say why in one of the corpus's texts, with ids of their own.
fn row(job: Job, texts: &[String], at: usize) -> Row {
    let account = format!("{:012}", 210_000_000_000 + at / REGIONS.len() * 1_237);
    let region = REGIONS[at % REGIONS.len()];
    let unit = format!("ou-4kx2-{:08x}", at / 400);
    let status = job.status_of(at);
    let row = Row::new(&account, region, status).ou(&unit);
    if status == "CANCELLED" {
        return row.reason("Cancelled since failure tolerance has exceeded");
    }
    let row = row.gate(
        "SKIPPED",
        &format!("Function not found: arn:aws:lambda:{region}:{account}:function:AWSCloudFormationStackSetAccountGate"),
    );
    if status == "SUCCEEDED" {
        return row;
    }
    // The texts take turns among the failed rows.
    let nth = match job {
        Job::AllFailed => at,
        Job::OnePercent => at / 100,
        _ => at / 100 * 6 + at % 100 / 16,
    };
    let text = &texts[nth % texts.len()];
    row.reason(&format!("{text} (Account: {account}, Request ID: {at:08x}-0000-4000-8000-{at:012x})"))
}

fn form(action: &str, parameters: &str) -> String {
    format!("Action={action}&Version=2010-05-15{parameters}")
}

fn of_operation(operation: &str) -> String {
    format!("&StackSetName={}&OperationId={operation}&CallAs=SELF", NAME.replace(':', "%3A"))
}

pub(crate) fn describe_form(job: Job) -> String {
    form("DescribeStackSetOperation", &of_operation(job.operation_id()))
}

pub(crate) fn page_form(job: Job, token: &str) -> String {
    page_form_of(job.operation_id(), token)
}

/// The first page where `token` is empty.
pub(crate) fn page_form_of(operation: &str, token: &str) -> String {
    let page = format!("{}&MaxResults={PAGE}{}", of_operation(operation), next(token));
    form("ListStackSetOperationResults", &page)
}

fn next(token: &str) -> String {
    match token {
        "" => String::new(),
        token => format!("&NextToken={}", token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")),
    }
}

/// A page of the stack sets; the first where `token` is empty.
pub(crate) fn stack_sets_form(token: &str) -> String {
    form("ListStackSets", &format!("&Status=ACTIVE&CallAs=SELF&MaxResults={PAGE}{}", next(token)))
}

/// The operations of a stack set, all on one page.
pub(crate) fn operations_form(stack_set: &str) -> String {
    form("ListStackSetOperations", &format!("&StackSetName={stack_set}&CallAs=SELF&MaxResults={PAGE}"))
}

/// What is asked of an operation that is due.
pub(crate) fn due_forms(stack_set: &str, operation: &str) -> [String; 2] {
    let named = format!("&StackSetName={stack_set}&OperationId={operation}&CallAs=SELF");
    [
        form("DescribeStackSetOperation", &named),
        form("ListStackSetOperationResults", &format!("{named}&MaxResults={PAGE}")),
    ]
}

pub(crate) fn publish_form() -> String {
    let topic = TOPIC.replace(':', "%3A");
    format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message=done")
}
