//! The page as a file; `tests/page/check` opens what these tests write in a browser.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use report_page::page;
use report_page::row::Row;
use serde_json::Value;
use stackset_notifier::classify::{RetryHelps, classify};
use stackset_notifier::operation::{
    CallAs, Operation, OperationRef, OperationStatus, Preferences, ResultStatus, StackSetRef, TargetResult,
    TargetTotals, Totals,
};
use stackset_notifier::report::{ExpectGate, Report, ReportBuilder, ReportContext, SucceededFrom};

const PRODUCTION: &str = "ou-a1b2-11112222";
const STAGING: &str = "ou-a1b2-33334444";
const SANDBOX: &str = "ou-a1b2-55556666";
const SECURITY: &str = "ou-a1b2-77778888";
const UNITS: [(&str, &str); 4] =
    [(PRODUCTION, "Production"), (STAGING, "Staging"), (SANDBOX, "Sandbox"), (SECURITY, "Security")];
const REGIONS: [&str; 5] = ["ap-southeast-2", "eu-central-1", "eu-west-1", "me-south-1", "us-east-1"];
const HACKED: &str = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>";

/// A report with all its rows.
struct Sample {
    report: Report,
    rows: Vec<Row>,
}

impl Sample {
    fn new(results: &[TargetResult], name: impl Fn(&str) -> Option<String>, described: &Operation) -> Self {
        let arn = "arn:aws:cloudformation:eu-central-1:111111111111:stackset/security-baseline:1b2c3d4e-5f60-7182";
        let operation = OperationRef {
            stack_set: StackSetRef::from_arn(arn).unwrap(),
            operation_id: "7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned(),
        };
        let mut builder = ReportBuilder::new();
        results.iter().cloned().for_each(|result| builder.add(result));
        let mut report = builder.build(&ReportContext {
            operation: &operation,
            call_as: CallAs::SelfAccount,
            reader_account: Some("222222222222"),
            described,
            expect_gate: ExpectGate::Auto,
            unread: None,
            now: Some(1_774_000_000_000 + 7 * 3_600_000),
        });
        let units = UNITS.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned()));
        report.names.organizational_units = units.collect();
        let rows = results.iter().map(|result| row(result, result.account.as_deref().and_then(&name))).collect();
        Self { report, rows }
    }

    fn page(&self) -> String {
        page(&self.report, &self.rows).unwrap()
    }
}

fn row(result: &TargetResult, account_name: Option<String>) -> Row {
    let cause = classify(result);
    Row {
        account: result.account.clone(),
        account_name,
        region: result.region.clone(),
        organizational_unit_id: result.organizational_unit_id.clone(),
        status: result.status.as_ref().map(|status| status.as_str().to_owned()),
        cause: cause.as_ref().map(|cause| cause.code.as_str()),
        owners: cause.iter().flat_map(|cause| cause.code.owners(false, &cause.named)).map(|o| o.as_str()).collect(),
        retry_helps: cause.as_ref().and_then(|cause| cause.code.retry_helps(&cause.named)).map(RetryHelps::as_str),
        reason: result.reason.clone(),
    }
}

fn described(status: &str, failed: u64) -> Operation {
    Operation {
        action: Some("UPDATE".to_owned()),
        status: OperationStatus::from(status),
        status_reason: None,
        failed_expected: Some(failed),
        totals: None,
        started_at: Some(1_774_000_000_000),
        ended_at: Some(1_774_000_822_400),
        organizational_units: UNITS.iter().map(|(id, _)| (*id).to_owned()).collect(),
        preferences: Preferences {
            failure_tolerance_percentage: Some(10),
            max_concurrent_percentage: Some(25),
            region_order: REGIONS.iter().map(|region| (*region).to_owned()).collect(),
            ..Preferences::default()
        },
        retain_stacks: None,
        drift: None,
    }
}

fn result(account: u64, region: &str, unit: &str, status: &str, reason: Option<&str>) -> TargetResult {
    let id = format!("{account:012}");
    TargetResult {
        reason: reason.map(|reason| reason.replace("ACCOUNT", &id).replace("REGION", region)),
        account: Some(id),
        region: Some(region.to_owned()),
        status: Some(ResultStatus::from(status)),
        organizational_unit_id: Some(unit.to_owned()),
        ..TargetResult::default()
    }
}

const ROLE: &str = "Account ACCOUNT should have 'stacksets-exec-1b2c3d4e' role with trust relationship to Role \
                    'aws-service-role/stacksets.cloudformation.amazonaws.com/AWSServiceRoleForCloudFormationStackSetsOrgAdmin'.";
const SCP: &str = "ResourceLogicalId:Recorder, ResourceType:AWS::Config::ConfigurationRecorder, \
                   ResourceStatusReason:User: arn:aws:sts::ACCOUNT:assumed-role/stacksets-exec-1b2c3d4e/AWSCloudFormation is not \
                   authorized to perform: config:PutConfigurationRecorder with an explicit deny in a service control policy \
                   (Service: AmazonConfig; Status Code: 400; Error Code: AccessDeniedException; Request ID: \
                   5ed90669-e454-464d-9b2f-6523bc86f537; Proxy: null).";
const EXISTS: &str = "ResourceLogicalId:AuditRole, ResourceType:AWS::IAM::Role, ResourceStatusReason:Resource handler \
                      returned message: \"Resource of type 'AWS::IAM::Role' with identifier 'security-audit' already exists.\" \
                      (RequestToken: fb433b47-d4b7-2308-136f-4de408bff86f, HandlerErrorCode: AlreadyExists).";
const QUOTA: &str = "ResourceLogicalId:LogBucket, ResourceType:AWS::S3::Bucket, ResourceStatusReason:You have attempted to \
                     create more buckets than allowed (Service: Amazon S3; Status Code: 400; Error Code: TooManyBuckets; \
                     Request ID: F7F21C57BB580224; Proxy: null).";
const STS: &str = "STS is not activated in this region for account:ACCOUNT. Your account administrator can activate STS in \
                   this region using the IAM Console.";
const RATE: &str = "ResourceLogicalId:Rule, ResourceType:AWS::Config::ConfigRule, ResourceStatusReason:Rate exceeded \
                    (Service: AmazonConfig; Status Code: 400; Error Code: ThrottlingException; Request ID: \
                    0b1f8d1e-e454-464d-9b2f-6523bc86f537; Proxy: null).";
const CANCELLED: &str = "Cancelled since failure tolerance has exceeded";

/// 60 accounts in four organizational units and five Regions; the last Region is cancelled.
fn small() -> Sample {
    let workloads = ["payments", "ledger", "search", "web", "data-lake", "identity", "billing", "mobile", "reports"];
    let mut results = Vec::new();
    let mut names = std::collections::HashMap::new();
    for number in 0..60_u64 {
        let (unit, stage) = match number {
            0..24 => (PRODUCTION, "prod"),
            24..40 => (STAGING, "staging"),
            40..54 => (SANDBOX, "sandbox"),
            _ => (SECURITY, "security"),
        };
        let account = 412_345_000_000 + number * 7_919_313;
        let workload = workloads[number as usize % workloads.len()];
        if number % 19 != 7 {
            names.insert(
                format!("{account:012}"),
                format!("{stage}-{workload}{}", ["", "-eu", "-us"][number as usize / 27 % 3]),
            );
        }
        for region in REGIONS {
            let failure = match (number, region) {
                (41 | 44 | 52, _) => Some(ROLE),
                (0..=9, "ap-southeast-2") => Some(SCP),
                (26 | 33, "eu-central-1" | "eu-west-1") => Some(EXISTS),
                (12, "eu-west-1") => Some(QUOTA),
                (20 | 28 | 46 | 47 | 49 | 55, "me-south-1") => Some(STS),
                (15 | 31 | 38, "eu-central-1") => Some(RATE),
                _ => None,
            };
            let (status, reason) = match failure {
                Some(reason) => ("FAILED", Some(reason)),
                None if region == "us-east-1" && number % 5 != 0 => ("CANCELLED", Some(CANCELLED)),
                None => ("SUCCEEDED", None),
            };
            results.push(result(account, region, unit, status, reason));
        }
    }
    let failed = results.iter().filter(|result| result.status == Some(ResultStatus::Failed)).count() as u64;
    Sample::new(&results, |id| names.get(id).cloned(), &described("FAILED", failed))
}

/// 1,250 accounts in 16 Regions.
static LARGE: LazyLock<Sample> = LazyLock::new(|| {
    let mut results = Vec::new();
    for number in 0..1_250_u64 {
        for region in 0..16_u64 {
            let reason = match number * 31 + region * 17 {
                n if n % 11 == 0 => Some(ROLE),
                n if n % 13 == 0 => Some(SCP),
                n if n % 97 == 0 => Some(EXISTS),
                n if n % 101 == 0 => Some(QUOTA),
                n if n % 103 == 0 => Some(STS),
                n if n % 107 == 0 => Some(RATE),
                _ => None,
            };
            let status = if reason.is_some() { "FAILED" } else { "SUCCEEDED" };
            let unit = UNITS[number as usize % UNITS.len()].0;
            results.push(result(300_000_000_000 + number, &format!("eu-region-{region}"), unit, status, reason));
        }
    }
    let failed = results.iter().filter(|result| result.status == Some(ResultStatus::Failed)).count() as u64;
    Sample::new(&results, |id| Some(format!("workload-{}", &id[8..])), &described("FAILED", failed))
});

/// Markup in everything that comes from outside.
fn hostile() -> Sample {
    let texts = [
        HACKED,
        "\" onmouseover=\"window.hacked=1\" x=\"",
        "'><svg onload=window.hacked=1>",
        "<!--<script>window.hacked=1",
        "javascript:window.hacked=1",
        "]]>&lt;script&gt;&amp;\u{2028}\u{2029}\u{202e}\u{0}\\",
        "{{7*7}}{% raw %}${window.hacked=1}",
    ];
    let mut results = Vec::new();
    for (number, text) in (0_u64..).zip(texts) {
        for region in ["eu-west-1", text] {
            let mut result = result(number, region, PRODUCTION, "FAILED", Some(text));
            result.organizational_unit_id = Some(format!("{text}{}", number % 2));
            results.push(result);
        }
        results.push(result(number, "us-east-1", PRODUCTION, text, Some(text)));
        results.push(result(number, "us-west-2", PRODUCTION, "CANCELLED", Some(text)));
    }
    results.push(TargetResult {
        account: Some(HACKED.to_owned()),
        ..result(9, "eu-west-1", HACKED, "FAILED", Some(HACKED))
    });
    results.push(TargetResult::default());
    let mut described = described("FAILED", 99);
    described.status_reason = Some(HACKED.to_owned());
    described.action = Some(HACKED.to_owned());
    let mut sample = Sample::new(&results, |id| Some(format!("{HACKED}{id}")), &described);
    let names = results.iter().filter_map(|result| result.organizational_unit_id.clone());
    sample.report.names.organizational_units = names.map(|id| (id, HACKED.to_owned())).collect();
    sample
}

/// Only what did not succeed is listed: CloudFormation counted the rest.
fn failures_only() -> Sample {
    let mut sample = small();
    sample.rows.retain(|row| row.status.as_deref() != Some("SUCCEEDED"));
    sample.report.completeness.succeeded_from = SucceededFrom::CloudFormation;
    sample
}

fn in_progress() -> Sample {
    let mut described = described("RUNNING", 1);
    described.ended_at = None;
    described.totals = Some(Totals {
        all: TargetTotals { targets: Some(4), pending: Some(2), ..TargetTotals::default() },
        ..Totals::default()
    });
    let results = [
        result(1, "eu-west-1", PRODUCTION, "FAILED", Some(RATE)),
        result(2, "eu-west-1", PRODUCTION, "SUCCEEDED", None),
        result(3, "eu-west-1", PRODUCTION, "RUNNING", None),
        result(4, "us-east-1", PRODUCTION, "PENDING", None),
    ];
    Sample::new(&results, |_| None, &described)
}

/// What stands between a start and the next end.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

fn data(page: &str) -> Value {
    serde_json::from_str(between(page, "<script type=\"application/json\" id=\"data\">", "</script>")).unwrap()
}

/// The rows of a page's data: account, Region, unit, status, cause, reason.
fn rows_of(data: &Value) -> BTreeSet<[Option<&str>; 6]> {
    let at = |list: &str, n: &Value| &data[list][n.as_u64().unwrap() as usize];
    let rows = data["targets"].as_array().unwrap().iter().map(|target| {
        let (account, kind) = (at("accounts", &target[0]), at("kinds", &target[2]));
        let reason = (!target[3].is_null()).then(|| at("reasons", &target[3]).as_str().unwrap());
        [
            account["id"].as_str(),
            at("regions", &target[1]).as_str(),
            at("units", &account["unit"])["id"].as_str(),
            kind["status"].as_str(),
            kind["cause"].as_str(),
            reason,
        ]
    });
    rows.collect()
}

#[test]
fn pages_to_look_at() {
    let nothing = Sample::new(&[], |_| None, &described("SUCCEEDED", 0));
    for (name, sample) in [
        ("small", &small()),
        ("large", &LARGE),
        ("hostile", &hostile()),
        ("failures-only", &failures_only()),
        ("in-progress", &in_progress()),
        ("empty", &nothing),
    ] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}.html"));
        std::fs::write(path, sample.page()).unwrap();
    }
}

#[test]
fn it_is_one_file_that_loads_nothing() {
    for sample in [small(), hostile(), in_progress()] {
        let page = sample.page();
        for attribute in ["src=\"", "srcset=", "@import", "url(", "<link", "<iframe", "<base"] {
            assert!(!page.contains(attribute), "{attribute}");
        }
        let links: BTreeSet<&str> = page.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
        let console = "https://eu-central-1.console.aws.amazon.com/cloudformation/home?region=eu-central-1";
        assert!(links.iter().all(|link| link.starts_with('#') || link.starts_with(console)), "{links:?}");
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
        assert!(policy.starts_with("default-src &#39;none&#39;;"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    }
}

#[test]
fn it_says_what_happened_and_what_to_do() {
    let page = small().page();
    let report = small().report;
    assert!(page.contains("<h1>UPDATE of security-baseline failed</h1>"));
    for cause in &report.causes {
        assert!(page.contains(&format!("<span class=\"title\">{}</span>", cause.title)), "{}", cause.code);
        assert!(page.contains(&format!("<code>{}</code>", cause.code)), "{}", cause.code);
    }
    let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code).collect();
    assert_eq!(
        codes,
        [
            "SCP_EXPLICIT_DENY",
            "REGION_NOT_ENABLED",
            "EXECUTION_ROLE_NOT_ASSUMABLE",
            "THROTTLING",
            "RESOURCE_ALREADY_EXISTS",
            "SERVICE_QUOTA_EXCEEDED"
        ]
    );
    let commands: usize = report.retry.plan.iter().map(|entry| entry.commands.len()).sum();
    assert_eq!((page.matches("<pre ").count(), commands > 6), (commands, true));
}

#[test]
fn every_row_is_in_it() {
    for sample in [&small(), &LARGE, &failures_only()] {
        let page = sample.page();
        let data = data(&page);
        let wanted: BTreeSet<[Option<&str>; 6]> = sample
            .rows
            .iter()
            .map(|row| {
                [&row.account, &row.region, &row.organizational_unit_id, &row.status]
                    .map(Option::as_deref)
                    .into_iter()
                    .chain([row.cause, row.reason.as_deref()])
                    .collect::<Vec<_>>()
                    .try_into()
                    .unwrap()
            })
            .collect();
        assert_eq!(data["targets"].as_array().unwrap().len(), sample.rows.len());
        assert!(rows_of(&data) == wanted);
    }
}

#[test]
fn hostile_texts_stay_texts() {
    let page = hostile().page();
    let raw = between(&page, "<script type=\"application/json\" id=\"data\">", "</script>");
    assert!(!raw.contains(['<', '>', '&']));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    for markup in
        ["<img", "<svg onload", "<!--", "\" onmouseover", "href=\"javascript", "\u{2028}", "\u{2029}", "\u{202e}"]
    {
        assert!(!page.replace(raw, "").contains(markup), "{markup}");
    }
    let data = data(&page);
    assert_eq!(data["targets"].as_array().unwrap().len(), hostile().rows.len());
    assert!(data["reasons"].as_array().unwrap().iter().any(|reason| reason == HACKED));
}

#[test]
fn an_empty_cell_says_what_is_known() {
    for (sample, empty) in [
        (in_progress(), "no target"),
        (failures_only(), "succeeded or no target"),
        (hostile(), "no target, or its result was not read"),
    ] {
        let page = sample.page();
        assert_eq!(data(&page)["empty"], empty);
        assert!(page.contains(&format!("<span class=\"mark\"></span> {empty}</li>")));
    }
    assert!(failures_only().page().contains("Accounts in which every target succeeded are not listed."));
}

#[test]
fn the_missing_comes_first() {
    let page = hostile().page();
    let (warning, todo) = (page.find("Incomplete: ").unwrap(), page.find("What to do").unwrap());
    assert!(warning < todo);
    assert!(!small().page().contains("Incomplete: "));
}

#[test]
fn each_cause_has_a_mark_of_its_own() {
    let data = data(&small().page());
    let marks: BTreeSet<(&str, &str)> = data["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| (kind["mark"]["text"].as_str().unwrap(), kind["mark"]["class"].as_str().unwrap()))
        .collect();
    assert_eq!(marks.len(), 8, "{marks:?}");
    let texts: BTreeSet<&str> = marks.iter().map(|(text, _)| *text).collect();
    assert_eq!(texts, BTreeSet::from(["A", "B", "C", "D", "E", "F", "·", "–"]));
}

#[test]
fn twenty_thousand_targets_fit() {
    let page = LARGE.page();
    assert_eq!(data(&page)["targets"].as_array().unwrap().len(), 20_000);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}
