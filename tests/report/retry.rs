//! The retry plan: exactly the targets that failed or were cancelled, by what must come before, ready for a shell.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;
use stackset_notifier::operation::{CallAs, Operation, Preferences, TargetResult};
use stackset_notifier::render::{self, HttpsBody};
use stackset_notifier::report::{ExpectGate, PlanEntry, Report, When};

use crate::make::{
    cancelled, commands, described, document, failed, in_unit, named, report, report_as, row, with_gate,
};

const SUSPENDED: &str = "The account is suspended.";
const ROLE: &str = "Account 000000000001 should have 'Exec' role with trust relationship to Role 'Admin'.";

fn of(rows: &[TargetResult], described: &Operation) -> Report {
    report(rows, &named(), described, ExpectGate::Auto)
}

/// The words of a command as a shell would see them.
fn words(command: &str) -> Vec<String> {
    shlex::split(command).unwrap_or_else(|| panic!("no shell takes {command}"))
}

/// The values behind an option, up to the next one.
fn values<'a>(words: &'a [String], option: &str) -> Vec<&'a str> {
    let at = words.iter().position(|word| word == option).unwrap_or_else(|| panic!("{option} in {words:?}"));
    words.iter().skip(at + 1).take_while(|word| !word.starts_with("--")).map(String::as_str).collect()
}

/// The targets that the commands of an entry run; none twice.
fn runs(entry: &PlanEntry) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for command in &entry.commands {
        let words = words(command);
        let accounts: Vec<String> = if words.contains(&"--accounts".to_owned()) {
            values(&words, "--accounts").into_iter().map(str::to_owned).collect()
        } else {
            let value = values(&words, "--deployment-targets")[0].to_owned();
            let list =
                value.strip_prefix("Accounts=").unwrap().split(",OrganizationalUnitIds=").next().unwrap().to_owned();
            assert!(value.ends_with(",AccountFilterType=INTERSECTION"), "{value}");
            list.split(',').map(str::to_owned).collect()
        };
        for account in accounts {
            for region in values(&words, "--regions") {
                assert!(all.insert((account.clone(), region.to_owned())), "named twice: {account} {region}");
            }
        }
    }
    all
}

/// The targets of all entries, none of which is in two of them, but for those that only run again.
fn targets(report: &Report) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for entry in &report.retry.plan {
        let targets = runs(entry);
        assert_eq!(entry.targets + entry.also_runs, targets.len() as u64, "{entry:?}");
        let before = all.len() as u64;
        all.extend(targets);
        assert!(entry.also_runs > 0 || all.len() as u64 == before + entry.targets, "in two entries: {entry:?}");
    }
    all
}

fn expected(rows: &[TargetResult]) -> BTreeSet<(String, String)> {
    rows.iter()
        .filter(|row| row.status.as_ref().is_some_and(|s| matches!(s.as_str(), "FAILED" | "CANCELLED")))
        .map(|row| (row.account.clone().unwrap(), row.region.clone().unwrap()))
        .collect()
}

/// When, for what and for how many targets each entry is.
fn plan(report: &Report) -> Vec<(When, String, u64)> {
    let what =
        |entry: &PlanEntry| if entry.causes.is_empty() { "cancelled".to_owned() } else { entry.causes.join(" ") };
    report.retry.plan.iter().map(|entry| (entry.when, what(entry), entry.targets)).collect()
}

/// Sets of Regions that overlap, cross and repeat.
fn mixed() -> Vec<TargetResult> {
    vec![
        failed(1, "eu-west-1", "Rate exceeded"),
        failed(1, "us-east-1", "Rate exceeded"),
        cancelled(2, "us-east-1"),
        failed(2, "eu-west-1", "Access Denied"),
        failed(3, "eu-west-1", "Internal Failure"),
        cancelled(4, "ap-south-1"),
        row(4, "eu-west-1", "SUCCEEDED"),
        row(3, "us-east-1", "SUCCEEDED"),
    ]
}

#[test]
fn each_cause_has_its_entry_with_exactly_its_targets() {
    for action in ["CREATE", "UPDATE"] {
        let report = of(&mixed(), &described(action, "FAILED", None));
        assert_eq!(targets(&report), expected(&mixed()));
        let entry = |when, what: &str, targets| (when, what.to_owned(), targets);
        assert_eq!(
            plan(&report),
            [
                entry(When::Now, "THROTTLING", 2),
                entry(When::Now, "AWS_INTERNAL_FAILURE", 1),
                entry(When::AfterFix, "ACCESS_DENIED", 1),
                entry(When::AfterFix, "cancelled", 2),
            ]
        );
        let set = "aws cloudformation update-stack-instances --stack-set-name baseline:1b2c3d4e";
        let here = "--call-as SELF --region eu-central-1";
        assert_eq!(
            commands(&report),
            [
                format!("{set} --accounts 000000000001 --regions eu-west-1 us-east-1 {here}"),
                format!("{set} --accounts 000000000003 --regions eu-west-1 {here}"),
                format!("{set} --accounts 000000000002 --regions eu-west-1 {here}"),
                format!("{set} --accounts 000000000004 --regions ap-south-1 {here}"),
                format!("{set} --accounts 000000000002 --regions us-east-1 {here}"),
            ]
        );
    }
}

#[test]
fn service_managed_commands_cross_accounts_with_their_units() {
    let units = ["aaaaaaaa", "aaaaaaaa", "bbbbbbbb", "bbbbbbbb", "aaaaaaaa", "cccccccc", "cccccccc", "aaaaaaaa"];
    let rows: Vec<TargetResult> =
        mixed().into_iter().zip(units).map(|(row, unit)| in_unit(row, &format!("ou-ab12-{unit}"))).collect();
    let described = described("UPDATE", "FAILED", None);
    let report = report_as(CallAs::DelegatedAdmin, &rows, &named(), &described, ExpectGate::Auto);
    assert_eq!(targets(&report), expected(&rows));
    assert_eq!(
        words(&commands(&report)[0])[5..],
        [
            "--deployment-targets",
            "Accounts=000000000001,OrganizationalUnitIds=ou-ab12-aaaaaaaa,AccountFilterType=INTERSECTION",
            "--regions",
            "eu-west-1",
            "us-east-1",
            "--call-as",
            "DELEGATED_ADMIN",
            "--region",
            "eu-central-1",
        ]
    );
}

#[test]
fn a_deletion_keeps_or_drops_the_stacks_as_the_operation_did_and_never_guesses() {
    for (retain, flag) in [(true, "--retain-stacks"), (false, "--no-retain-stacks")] {
        let described = Operation { retain_stacks: Some(retain), ..described("DELETE", "FAILED", None) };
        let report = of(&mixed(), &described);
        assert_eq!(targets(&report), expected(&mixed()));
        for command in commands(&report) {
            assert!(command.starts_with("aws cloudformation delete-stack-instances "), "{command}");
            assert_eq!(
                words(&command).iter().filter(|word| word.contains("retain-stacks")).collect::<Vec<_>>(),
                [flag]
            );
        }
    }
    let report = of(&mixed(), &described("DELETE", "FAILED", None));
    assert!(report.retry.plan.is_empty());
    assert!(report.retry.note.unwrap().contains("does not say whether the stacks were to be retained"));
}

#[test]
fn the_operations_own_preferences_are_kept_and_its_region_order_is_cut() {
    let preferences = Preferences {
        region_concurrency_type: Some("SEQUENTIAL".to_owned()),
        region_order: ["us-east-1", "ap-south-1", "eu-west-1"].map(str::to_owned).to_vec(),
        failure_tolerance_count: Some(3),
        max_concurrent_count: Some(10),
        ..Preferences::default()
    };
    let described = Operation { preferences, ..described("UPDATE", "FAILED", None) };
    let report = of(&mixed(), &described);
    assert_eq!(targets(&report), expected(&mixed()));
    let kept: Vec<String> = commands(&report)
        .iter()
        .map(|command| values(&words(command), "--operation-preferences")[0].to_owned())
        .collect();
    let with = |order: &str, at_a_time: u64| {
        format!(
            "RegionConcurrencyType=SEQUENTIAL,RegionOrder={order},FailureToleranceCount=3,MaxConcurrentCount={at_a_time}"
        )
    };
    assert_eq!(
        kept,
        [
            with("us-east-1,eu-west-1", 5),
            with("eu-west-1", 10),
            with("eu-west-1", 10),
            with("ap-south-1", 10),
            with("us-east-1", 10),
        ],
        "only what was throttled runs with half the concurrency"
    );
}

#[test]
fn cancelled_targets_come_last_and_wait_only_for_a_fix() {
    let throttled = [failed(1, "eu-west-1", "Rate exceeded"), cancelled(2, "eu-west-1")];
    let when = |rows: &[TargetResult], status: &str| {
        let last = plan(&of(rows, &described("UPDATE", status, None))).pop().unwrap();
        assert_eq!(last.1, "cancelled");
        last.0
    };
    assert_eq!(when(&throttled, "FAILED"), When::Now);
    let denied = [failed(1, "eu-west-1", "Access Denied"), cancelled(2, "eu-west-1")];
    assert_eq!(when(&denied, "FAILED"), When::AfterFix);
    assert_eq!(when(&denied, "STOPPED"), When::Now);
    assert_eq!(when(&denied, "RUNNING"), When::WhenEnded);
}

#[test]
fn an_operation_that_runs_is_waited_for() {
    let plan = plan(&of(&mixed(), &described("UPDATE", "RUNNING", None)));
    assert!(plan.len() == 4 && plan.iter().all(|entry| entry.0 == When::WhenEnded), "{plan:?}");
}

#[test]
fn a_stopped_operation_has_the_command_that_shows_who_stopped_it() {
    let report = of(&[cancelled(2, "eu-west-1")], &described("UPDATE", "STOPPED", None));
    assert_eq!(
        report.operation.stopped_by_command.as_deref(),
        Some(
            "aws cloudtrail lookup-events --lookup-attributes \
             AttributeKey=EventName,AttributeValue=StopStackSetOperation --start-time 2026-03-20T09:46:40Z --end-time \
             2026-03-20T10:00:22Z --query \"Events[?contains(CloudTrailEvent, 'op-1')].[EventTime,Username]\" --output text --region eu-central-1"
        )
    );
    assert_eq!(of(&[], &described("UPDATE", "FAILED", None)).operation.stopped_by_command, None);
    let bodies: Value = serde_json::from_str(&render::message(&report, HttpsBody::Chat).unwrap().body).unwrap();
    let (email, chat) = (bodies["email"].as_str().unwrap(), bodies["https"].as_str().unwrap());
    assert!(email.contains("\nTo see who stopped it:\n\naws cloudtrail lookup-events "), "{email}");
    assert!(email.contains("Now, if the operation is still wanted: 1 cancelled target."), "{email}");
    assert!(chat.contains("Find out who stopped it"), "{chat}");
}

#[test]
fn drift_is_detected_again_on_the_whole_set() {
    let report = of(&mixed(), &described("DETECT_DRIFT", "FAILED", None));
    assert_eq!(
        commands(&report),
        [
            "aws cloudformation detect-stack-set-drift --stack-set-name baseline:1b2c3d4e --call-as SELF --region eu-central-1"
        ]
    );
    let [entry] = &report.retry.plan[..] else { panic!("{:?}", report.retry.plan) };
    assert_eq!((entry.when, entry.targets, entry.cancelled, entry.also_runs), (When::AfterFix, 6, 2, 2));

    let rows = [mixed(), vec![failed(9, "eu-west-1", SUSPENDED)]].concat();
    let report = of(&rows, &described("DETECT_DRIFT", "FAILED", None));
    let [suspended, drift] = &report.retry.plan[..] else { panic!("{:?}", report.retry.plan) };
    assert!(suspended.commands[0].contains(" delete-stack-instances ") && suspended.targets == 1, "{suspended:?}");
    assert_eq!((drift.targets, drift.also_runs), (6, 3));
}

#[test]
fn what_makes_no_sense_is_left_out() {
    let rows = [
        failed(1, "eu-west-1", "Rate exceeded"),
        failed(2, "eu-west-1", "Access Denied"),
        failed(3, "eu-west-1", SUSPENDED),
        failed(4, "eu-west-1", "No updates are to be performed."),
        cancelled(3, "us-east-1"),
    ];
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    let entry = |when, what: &str| (when, what.to_owned(), 1);
    assert_eq!(
        plan(&report),
        [entry(When::Now, "ACCOUNT_SUSPENDED"), entry(When::Now, "THROTTLING"), entry(When::AfterFix, "ACCESS_DENIED")]
    );
    let note = report.retry.note.unwrap();
    let wanted = "1 target without changes is left out. 1 target of suspended accounts is left out. Nobody can reach the \
                  stacks of suspended accounts: they are retained, and their stack instances deleted. Run one command \
                  after the other: a stack set takes one operation at a time. ";
    assert!(note.starts_with(wanted), "{note}");
}

#[test]
fn targets_that_cannot_be_named_are_counted() {
    let mut nameless = failed(1, "eu-west-1", "Rate exceeded");
    nameless.account = None;
    let unitless = failed(2, "eu-west-1", "Rate exceeded");
    let good = in_unit(failed(3, "eu-west-1", "Rate exceeded"), "ou-ab12-aaaaaaaa");
    let report = of(&[nameless, unitless, good], &described("UPDATE", "FAILED", None));
    assert_eq!(targets(&report).len(), 1);
    let note = report.retry.note.unwrap();
    assert!(note.contains("1 target without a valid account or Region is left out"), "{note}");
    assert!(note.contains("1 target without an organizational unit is left out"), "{note}");

    let mut nameless = failed(1, "eu-west-1", "Rate exceeded");
    (nameless.account, nameless.region) = (None, None);
    let report = of(&vec![nameless; 1_100], &described("UPDATE", "FAILED", None));
    assert!(report.retry.note.unwrap().contains("1,100 targets without a valid account or Region are left out"));
}

#[test]
fn nothing_to_retry_says_nothing() {
    let report = of(&[row(1, "eu-west-1", "SUCCEEDED")], &described("UPDATE", "SUCCEEDED", Some(0)));
    let document = document(&report);
    assert_eq!((&document["retry"]["plan"], &document["retry"]["note"]), (&Value::Array(vec![]), &Value::Null));
}

#[test]
fn odd_names_are_quoted() {
    let mut odd = named();
    odd.operation_id = "a b'c;$(touch x)\"".to_owned();
    odd.stack_set.name = "$HOME".to_owned();
    let report = report(&mixed(), &odd, &described("UPDATE", "FAILED", None), ExpectGate::Auto);
    let listed = words(&report.operation.results_commands[0].command);
    assert_eq!(values(&listed, "--operation-id"), [odd.operation_id.as_str()]);
    assert_eq!(values(&listed, "--stack-set-name"), ["$HOME:1b2c3d4e"]);
    for command in commands(&report) {
        assert_eq!(values(&words(&command), "--stack-set-name"), ["$HOME:1b2c3d4e"]);
    }
}

#[test]
fn a_target_that_has_not_failed_is_in_no_command() {
    let running =
        |account| TargetResult { reason: Some("Rate exceeded".to_owned()), ..row(account, "eu-west-1", "RUNNING") };
    let report = of(&[running(1), failed(2, "eu-west-1", "Rate exceeded")], &described("UPDATE", "FAILED", None));
    assert_eq!(report.causes[0].count, 2, "both name the cause");
    assert_eq!(targets(&report), expected(&[failed(2, "eu-west-1", "")]));
    assert!(of(&[running(1)], &described("UPDATE", "RUNNING", None)).retry.plan.is_empty());
}

#[test]
fn thousands_of_accounts_are_several_commands() {
    let rows: Vec<TargetResult> = (0..5_000).map(|i| failed(i, "eu-west-1", "Rate exceeded")).collect();
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    assert_eq!(commands(&report).len(), 3);
    assert_eq!(targets(&report), expected(&rows));
    assert!(report.retry.note.as_deref().unwrap().contains("Run one command after the other"));
}

/// Accounts 1 to 40 in four Regions; account n fails for `text` in all of them but the one of its number.
fn grid(text: &str) -> Vec<TargetResult> {
    let regions = ["ap-south-1", "eu-west-1", "us-east-1", "us-west-2"];
    let rows = (1..=40_u64).flat_map(|account| {
        regions.iter().enumerate().map(move |(i, region)| {
            let is_good = i as u64 == account % 5;
            if is_good { row(account, region, "SUCCEEDED") } else { failed(account, region, text) }
        })
    });
    rows.collect()
}

#[test]
fn one_command_stands_in_place_of_many_where_the_operation_was_a_full_grid() {
    let rows = grid("Access Denied");
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    let [entry] = &report.retry.plan[..] else { panic!("{:?}", report.retry.plan) };
    assert_eq!((entry.targets, entry.also_runs, entry.commands.len()), (128, 32, 1));
    assert_eq!(runs(entry).len(), 160);

    // Not where one target of the grid was not in the operation: the command would name what is not there.
    let exact = of(&rows[1..], &described("UPDATE", "FAILED", None));
    assert_eq!((exact.retry.plan[0].commands.len(), exact.retry.plan[0].also_runs), (6, 0));
    // And never for a deletion.
    let deleted = Operation { retain_stacks: Some(true), ..described("DELETE", "FAILED", None) };
    let exact = of(&rows, &deleted);
    assert_eq!((exact.retry.plan[0].commands.len(), exact.retry.plan[0].also_runs), (5, 0));
}

prop_compose! {
    fn any_row()(
        account in 1..12_u64,
        region in prop::sample::select(&["ap-south-1", "eu-west-1", "us-east-1", "us-west-2"][..]),
        what in prop::sample::select(&["ok", "ok", "ok", "cancelled", "Rate exceeded", "Access Denied", "Internal Failure", SUSPENDED, ROLE][..]),
    ) -> TargetResult {
        match what {
            "ok" => row(account, region, "SUCCEEDED"),
            "cancelled" => cancelled(account, region),
            text => failed(account, region, text),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// The model: each failed or cancelled target of an account that is not suspended is in the entry of its cause;
    /// what an entry's commands run beyond that is what it says.
    #[test]
    fn the_commands_of_each_entry_cover_its_targets(
        rows in prop::collection::vec(any_row(), 0..60),
        is_grid in any::<bool>(),
        has_units in any::<bool>(),
        action in prop::sample::select(&["CREATE", "UPDATE", "DELETE"][..]),
    ) {
        let mut by_target: BTreeMap<(String, String), TargetResult> = BTreeMap::new();
        for row in rows {
            by_target.insert((row.account.clone().unwrap(), row.region.clone().unwrap()), row);
        }
        if is_grid {
            for account in 1..12 {
                for region in ["ap-south-1", "eu-west-1", "us-east-1", "us-west-2"] {
                    by_target.entry((format!("{account:012}"), region.to_owned())).or_insert(row(account, region, "SUCCEEDED"));
                }
            }
        }
        let in_its_unit = |row: TargetResult| if has_units {
            let unit = format!("ou-ab12-1111111{}", row.account.as_deref().unwrap().len() % 3);
            in_unit(row, &unit)
        } else { row };
        let rows: Vec<TargetResult> = by_target.into_values().map(in_its_unit).collect();
        let described = Operation { retain_stacks: Some(false), ..described(action, "FAILED", None) };
        let report = of(&rows, &described);
        let suspended: BTreeSet<&str> = rows.iter().filter(|row| row.reason.as_deref() == Some(SUSPENDED)).map(|row| row.account.as_deref().unwrap()).collect();
        let mut wanted: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.status.as_ref().unwrap().as_str() != "SUCCEEDED") {
            let code = stackset_notifier::classify::classify(row).unwrap().code.as_str();
            let account = row.account.as_deref().unwrap();
            if suspended.contains(account) && code != "ACCOUNT_SUSPENDED" {
                continue;
            }
            let what = if row.status.as_ref().unwrap().as_str() == "CANCELLED" { "" } else { code };
            wanted.entry(what.to_owned()).or_default().insert((account.to_owned(), row.region.clone().unwrap()));
        }
        let operation: BTreeSet<(String, String)> = rows.iter().map(|row| (row.account.clone().unwrap(), row.region.clone().unwrap())).collect();
        prop_assert_eq!(report.retry.plan.len(), wanted.len());
        for entry in &report.retry.plan {
            let targets = &wanted[entry.causes.first().copied().unwrap_or_default()];
            let runs = runs(entry);
            prop_assert_eq!(entry.targets, targets.len() as u64);
            prop_assert_eq!(entry.cancelled, if entry.causes.is_empty() { entry.targets } else { 0 });
            prop_assert!(runs.is_superset(targets), "{:?}", entry);
            prop_assert_eq!(entry.also_runs, (runs.len() - targets.len()) as u64);
            prop_assert!(runs.is_subset(&operation), "runs what was not in the operation: {:?}", entry);
            prop_assert!(entry.also_runs == 0 || (is_grid && action != "DELETE" && entry.commands.len() == 1));
        }
    }
}

/// The organizational unit of each account.
fn units_of(rows: &[TargetResult]) -> BTreeMap<String, BTreeSet<String>> {
    let mut units: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        units.entry(row.account.clone().unwrap()).or_default().extend(row.organizational_unit_id.clone());
    }
    units
}

/// The commands of every kind with the request that each must become, for `tests/cli/check.py`.
#[test]
fn commands_for_the_aws_cli() {
    let units = |rows: Vec<TargetResult>| -> Vec<TargetResult> {
        rows.into_iter()
            .zip(["ou-abcd-1a2b3c4d", "ou-abcd-5e6f7a8b"].into_iter().cycle())
            .map(|(row, unit)| in_unit(row, unit))
            .collect()
    };
    let preferences = Preferences {
        region_concurrency_type: Some("PARALLEL".to_owned()),
        region_order: ["us-east-1", "ap-south-1", "eu-west-1"].map(str::to_owned).to_vec(),
        failure_tolerance_percentage: Some(10),
        max_concurrent_count: Some(5),
        concurrency_mode: Some("SOFT_FAILURE_TOLERANCE".to_owned()),
        ..Preferences::default()
    };
    let described =
        |action, status, failed| Operation { preferences: preferences.clone(), ..described(action, status, failed) };
    let deleted = |retain| Operation { retain_stacks: Some(retain), ..described("DELETE", "FAILED", None) };
    let mut all = Vec::new();
    let mut suspended = mixed();
    suspended.push(failed(7, "eu-west-1", SUSPENDED));
    for rows in [suspended.clone(), units(suspended), grid("Access Denied"), units(grid("Access Denied"))] {
        for described in [
            described("CREATE", "FAILED", None),
            described("UPDATE", "FAILED", None),
            deleted(true),
            deleted(false),
            described("DETECT_DRIFT", "FAILED", None),
        ] {
            for call_as in [CallAs::SelfAccount, CallAs::DelegatedAdmin] {
                let report = report_as(call_as, &rows, &named(), &described, ExpectGate::Auto);
                let running = Operation { status: "RUNNING".into(), ..described.clone() };
                let going_on = report_as(call_as, &rows, &named(), &running, ExpectGate::Auto);
                let ended = Operation { status: "STOPPED".into(), ..described.clone() };
                let stopped = report_as(call_as, &rows, &named(), &ended, ExpectGate::Auto);
                let of = |entry: &PlanEntry| -> Vec<String> {
                    if described.action.as_deref() == Some("DETECT_DRIFT") {
                        return Vec::new();
                    }
                    runs(entry).into_iter().map(|(account, region)| format!("{account} {region}")).collect()
                };
                let plan: Vec<Value> = report.retry.plan.iter().map(|entry| {
                    serde_json::json!({"causes": entry.causes, "commands": entry.commands, "targets": of(entry)})
                }).collect();
                all.push(serde_json::json!({
                    "action": described.action,
                    "retainStacks": described.retain_stacks,
                    "callAs": call_as.as_str(),
                    "serviceManaged": rows[0].organizational_unit_id.is_some(),
                    "plan": plan,
                    "resultsCommands": report.operation.results_commands,
                    "stopCommand": going_on.in_progress.unwrap().stop_command,
                    "stoppedByCommand": stopped.operation.stopped_by_command,
                    "units": units_of(&rows),
                }));
            }
        }
    }
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("retry-commands.json");
    std::fs::write(path, serde_json::to_string_pretty(&all).unwrap()).unwrap();
    assert_eq!(all.len(), 40);
}

#[test]
fn everything_the_report_speaks_of_can_be_listed() {
    let listed = |rows: &[TargetResult], expected: Option<u64>| {
        let report = report(rows, &named(), &described("UPDATE", "SUCCEEDED", expected), ExpectGate::Always);
        let commands = report.operation.results_commands;
        for listed in &commands {
            let words = words(&listed.command);
            assert_eq!(words[..3], ["aws", "cloudformation", "list-stack-set-operation-results"]);
            let filter = words.iter().find(|word| word.starts_with("Name=OPERATION_RESULT_STATUS"));
            let wanted = listed.status.map(|status| format!("Name=OPERATION_RESULT_STATUS,Values={status}"));
            assert_eq!(filter, wanted.as_ref());
        }
        commands.into_iter().map(|listed| listed.status).collect::<Vec<_>>()
    };
    let passed = with_gate(row(9, "eu-west-1", "SUCCEEDED"), "SUCCEEDED", "");
    let gone_on =
        "Function not found: arn:aws:lambda:eu-west-1:000000000008:function:AWSCloudFormationStackSetAccountGate";
    let skipped = with_gate(row(8, "eu-west-1", "SUCCEEDED"), "SKIPPED", gone_on);
    let refused = with_gate(failed(1, "eu-west-1", "x"), "FAILED", "no");
    assert_eq!(listed(&[refused.clone(), passed.clone()], Some(1)), [Some("FAILED")]);
    assert_eq!(listed(&[cancelled(1, "eu-west-1")], None), [Some("CANCELLED")]);
    assert_eq!(listed(&[refused, cancelled(2, "eu-west-1")], None), [Some("FAILED"), Some("CANCELLED")]);
    assert_eq!(listed(std::slice::from_ref(&passed), Some(3)), [Some("FAILED")], "counted, though not listed yet");
    assert_eq!(listed(&[passed, skipped], Some(0)), [None]);
    assert_eq!(listed(&[row(1, "eu-west-1", "ODD"), cancelled(2, "eu-west-1")], None), [Some("CANCELLED"), None]);
}

#[test]
fn a_suspended_account_comes_back_by_no_other_row() {
    let rows = [
        failed(1, "eu-west-1", SUSPENDED),
        cancelled(1, "us-east-1"),
        TargetResult { reason: Some("SKIPPED_SUSPENDED_ACCOUNT".to_owned()), ..row(2, "us-east-1", "CANCELLED") },
        cancelled(3, "us-east-1"),
    ];
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    let entry = |what: &str| (When::Now, what.to_owned(), 1);
    assert_eq!(plan(&report), [entry("ACCOUNT_SUSPENDED"), entry("cancelled")]);
    assert!(report.retry.note.unwrap().contains("2 targets of suspended accounts are left out"));
}

#[test]
fn a_target_listed_twice_is_retried_when_it_failed() {
    let running = TargetResult { reason: Some("Rate exceeded".to_owned()), ..row(1, "eu-west-1", "RUNNING") };
    let rows = [running, failed(1, "eu-west-1", "Rate exceeded")];
    assert_eq!(targets(&of(&rows, &described("UPDATE", "FAILED", None))).len(), 1);
}

#[test]
fn stack_instances_of_suspended_accounts_are_deleted_and_their_stacks_retained() {
    let rows = [failed(1, "eu-west-1", SUSPENDED), failed(1, "us-east-1", SUSPENDED), failed(2, "eu-west-1", "x")];
    let deleted = |retain| Operation { retain_stacks: retain, ..described("DELETE", "FAILED", None) };
    for described in [described("UPDATE", "FAILED", None), deleted(Some(true)), deleted(Some(false)), deleted(None)] {
        let report = of(&rows, &described);
        let commands = commands(&report);
        assert!(commands[0].starts_with(
            "aws cloudformation delete-stack-instances --stack-set-name baseline:1b2c3d4e --accounts 000000000001 \
             --regions eu-west-1 us-east-1 --retain-stacks"
        ));
        assert_eq!(report.retry.plan[0].when, When::Now, "it is the fix itself");
        assert!(report.retry.note.unwrap().contains("they are retained, and their stack instances deleted"));
    }
}

/// A closed account gives the text of a missing role; nobody can delete a stack there.
#[test]
fn a_deletion_in_an_account_that_may_be_closed_has_its_command() {
    let with = |retain: Option<bool>| {
        let described = Operation { retain_stacks: retain, ..described("DELETE", "FAILED", None) };
        let report = of(&[failed(1, "eu-west-1", ROLE)], &described);
        (commands(&report).join("\n"), report.retry.note.unwrap())
    };
    let (command, note) = with(Some(false));
    assert!(command.contains(" --no-retain-stacks"), "{command}");
    assert!(note.contains("is closed, run its command with --retain-stacks in place of --no-retain-stacks"), "{note}");
    let (command, note) = with(None);
    assert!(command.contains(" --retain-stacks"), "{command}");
    assert!(note.contains("only if the account is closed: it retains the stacks"), "{note}");
    let described = described("DELETE", "FAILED", None);
    let message = render::message(&of(&[failed(1, "eu-west-1", ROLE)], &described), HttpsBody::Chat).unwrap();
    assert!(
        message.body.contains("Only if the account is closed: 1 target (EXECUTION_ROLE_NOT_ASSUMABLE)."),
        "{}",
        message.body
    );
}

#[test]
fn what_was_throttled_is_retried_with_half_the_concurrency() {
    let with = |preferences: Preferences, text: &str, accounts: u64| {
        let rows: Vec<TargetResult> = (0..accounts).map(|i| failed(i, "eu-west-1", text)).collect();
        let described = Operation { preferences, ..described("UPDATE", "FAILED", None) };
        values(&words(&commands(&of(&rows, &described))[0]), "--operation-preferences")[0].to_owned()
    };
    let count = |n| Preferences { max_concurrent_count: Some(n), ..Preferences::default() };
    let percentage = |n| Preferences { max_concurrent_percentage: Some(n), ..Preferences::default() };
    assert_eq!(with(count(10), "Rate exceeded", 4), "MaxConcurrentCount=5");
    assert_eq!(with(count(1), "Rate exceeded", 4), "MaxConcurrentCount=1");
    assert_eq!(with(count(10), "Access Denied", 4), "MaxConcurrentCount=10");
    assert_eq!(with(percentage(100), "Rate exceeded", 4), "MaxConcurrentPercentage=50");
    // Ten per cent of four are none at a time.
    assert_eq!(with(percentage(10), "Access Denied", 4), "MaxConcurrentCount=1");
    assert_eq!(with(percentage(10), "Access Denied", 10), "MaxConcurrentPercentage=10");
}

#[test]
fn a_tolerance_of_zero_is_said() {
    let note = |tolerance| {
        let preferences = Preferences { failure_tolerance_count: tolerance, ..Preferences::default() };
        let described = Operation { preferences, ..described("UPDATE", "FAILED", None) };
        of(&mixed(), &described).retry.note.unwrap()
    };
    let said = "The failure tolerance is 0, so that a retry stops in a Region at its first failure";
    assert!(note(None).contains(said) && note(Some(0)).contains(said) && !note(Some(3)).contains(said));
}

#[test]
fn an_import_has_no_command_and_says_so() {
    let rows = [mixed(), vec![failed(9, "eu-west-1", SUSPENDED)]].concat();
    let report = of(&rows, &described("IMPORT", "FAILED", None));
    assert!(report.retry.plan.is_empty());
    assert!(report.retry.note.unwrap().contains("No command is known for the action IMPORT"));
}

#[test]
fn what_is_no_account_region_or_unit_is_in_no_command() {
    let mut odd_account = failed(1, "eu-west-1", "Rate exceeded");
    odd_account.account = Some("$(id)".to_owned());
    let odd_region = failed(2, "eu-west-1; rm", "Rate exceeded");
    let odd_unit = in_unit(failed(3, "eu-west-1", "Rate exceeded"), "ou-x,Accounts=1");
    let good = in_unit(failed(4, "eu-west-1", "Rate exceeded"), "ou-ab12-aaaaaaaa");
    let report = of(&[odd_account, odd_region, odd_unit, good], &described("UPDATE", "FAILED", None));
    let named: Vec<String> = targets(&report).into_iter().map(|(account, _)| account).collect();
    assert_eq!(named, ["000000000004"]);
    let note = report.retry.note.unwrap();
    assert!(note.contains("2 targets without a valid account or Region are left out"), "{note}");
    assert!(note.contains("1 target without an organizational unit is left out"), "{note}");
}
