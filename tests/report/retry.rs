//! The retry commands: exactly the targets that failed or were cancelled, ready for a shell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stackset_notifier::operation::{CallAs, Operation, Preferences, TargetResult};
use stackset_notifier::report::{ExpectGate, Report};

use crate::make::{cancelled, described, document, failed, in_unit, named, report, report_as, row, with_gate};

const SUSPENDED: &str = "The account is suspended.";

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

/// All targets that the commands try again; those that drop a suspended account's stack instances do not.
fn targets(report: &Report) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    let is_delete = report.operation.action.as_deref() == Some("DELETE");
    for command in &report.retry.commands {
        let words = words(command);
        if !is_delete && words.contains(&"--retain-stacks".to_owned()) {
            continue;
        }
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

fn expected(rows: &[TargetResult]) -> BTreeSet<(String, String)> {
    rows.iter()
        .filter(|row| row.status.as_ref().is_some_and(|s| matches!(s.as_str(), "FAILED" | "CANCELLED")))
        .map(|row| (row.account.clone().unwrap(), row.region.clone().unwrap()))
        .collect()
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
fn self_managed_commands_name_exactly_the_failed_and_cancelled_targets() {
    for action in ["CREATE", "UPDATE"] {
        let report = of(&mixed(), &described(action, "FAILED", None));
        assert_eq!(targets(&report), expected(&mixed()));
        let set = "aws cloudformation update-stack-instances --stack-set-name baseline:1b2c3d4e";
        let here = "--call-as SELF --region eu-central-1";
        assert_eq!(
            report.retry.commands,
            [
                format!("{set} --accounts 000000000001 --regions eu-west-1 us-east-1 {here}"),
                format!("{set} --accounts 000000000003 --regions eu-west-1 {here}"),
                format!("{set} --accounts 000000000002 --regions eu-west-1 us-east-1 {here}"),
                format!("{set} --accounts 000000000004 --regions ap-south-1 {here}"),
            ]
        );
        assert_eq!(report.retry.commands_ready, 2, "what a retry helps at once comes first");
    }
}

#[test]
fn service_managed_commands_cross_accounts_with_their_units() {
    let rows: Vec<TargetResult> = mixed()
        .into_iter()
        .zip([
            "ou-ab12-aaaaaaaa",
            "ou-ab12-aaaaaaaa",
            "ou-ab12-bbbbbbbb",
            "ou-ab12-bbbbbbbb",
            "ou-ab12-aaaaaaaa",
            "ou-ab12-cccccccc",
            "ou-ab12-cccccccc",
            "ou-ab12-aaaaaaaa",
        ])
        .map(|(row, unit)| in_unit(row, unit))
        .collect();
    let described = described("UPDATE", "FAILED", None);
    let report = report_as(CallAs::DelegatedAdmin, &rows, &named(), &described, ExpectGate::Auto);
    assert_eq!(targets(&report), expected(&rows));
    assert_eq!(
        words(&report.retry.commands[0])[5..],
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
        for command in &report.retry.commands {
            assert!(command.starts_with("aws cloudformation delete-stack-instances "), "{command}");
            assert_eq!(words(command).iter().filter(|word| word.contains("retain-stacks")).collect::<Vec<_>>(), [flag]);
        }
    }
    let report = of(&mixed(), &described("DELETE", "FAILED", None));
    assert!(report.retry.commands.is_empty());
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
    let kept: Vec<String> = report
        .retry
        .commands
        .iter()
        .map(|command| values(&words(command), "--operation-preferences")[0].to_owned())
        .collect();
    let with = |order: &str| {
        format!("RegionConcurrencyType=SEQUENTIAL,RegionOrder={order},FailureToleranceCount=3,MaxConcurrentCount=5")
    };
    assert_eq!(kept, [with("us-east-1,eu-west-1"), with("eu-west-1"), with("us-east-1,eu-west-1"), with("ap-south-1")]);
}

#[test]
fn without_a_fix_to_wait_for_everything_is_ready() {
    let rows = [failed(1, "eu-west-1", "Rate exceeded"), cancelled(2, "eu-west-1")];
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    assert_eq!((report.retry.commands.len(), report.retry.commands_ready), (1, 1));
}

#[test]
fn what_somebody_stopped_is_not_for_now() {
    let rows = [failed(1, "eu-west-1", "Rate exceeded"), cancelled(2, "eu-west-1")];
    for action in ["UPDATE", "DETECT_DRIFT"] {
        let report = of(&rows, &described(action, "STOPPED", None));
        assert_eq!((report.retry.commands.len(), report.retry.commands_ready), (1, 0));
        let note = report.retry.note.as_deref().unwrap();
        assert!(
            note.starts_with("somebody stopped the operation; find out why first (CloudTrail: StopStackSetOperation)"),
            "{note}"
        );
        let message = stackset_notifier::render::message(&report).unwrap();
        let bodies: Value = serde_json::from_str(&message.body).unwrap();
        let (email, chat) = (bodies["email"].as_str().unwrap(), bodies["https"].as_str().unwrap());
        assert!(email.contains(", once it is known why it was stopped:\n") && !email.contains("now:"), "{email}");
        assert!(chat.contains("Once it is known why it was stopped: aws ") && !chat.contains("Now:"), "{chat}");
    }
}

#[test]
fn the_note_says_what_each_cause_needs_and_what_comes_along() {
    let mut rows: Vec<TargetResult> = (0..1_200).map(|i| cancelled(1_000 + i, "us-east-1")).collect();
    rows.extend((0..2).map(|i| failed(i, "eu-west-1", "Access Denied")));
    rows.extend((10..13).map(|i| failed(i, "eu-west-1", "Resource did not stabilize")));
    rows.push(failed(20, "eu-west-1", "nobody knows this"));
    rows.push(failed(30, "eu-west-1", "Rate exceeded"));
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    let note = report.retry.note.unwrap();
    assert!(
        note.starts_with(
            "fix first, a retry alone does not help: ACCESS_DENIED (2); look first, a retry may help: \
             RESOURCE_NOT_STABILIZED (3); whether a retry helps is not known: UNKNOWN (1); 1,200 cancelled targets \
             come with them; run one command after the other"
        ),
        "{note}"
    );
    let rows = [failed(1, "eu-west-1", "Rate exceeded"), cancelled(2, "eu-west-1")];
    let note = of(&rows, &described("UPDATE", "FAILED", None)).retry.note.unwrap();
    assert!(note.starts_with("a retry runs the stack set's present template"), "nobody is waited for: {note}");
}

#[test]
fn drift_is_detected_again_on_the_whole_set() {
    let report = of(&mixed(), &described("DETECT_DRIFT", "FAILED", None));
    assert_eq!(
        report.retry.commands,
        [
            "aws cloudformation detect-stack-set-drift --stack-set-name baseline:1b2c3d4e --call-as SELF --region eu-central-1"
        ]
    );
}

#[test]
fn what_a_retry_cannot_help_is_listed_and_named_and_what_makes_no_sense_is_left_out() {
    let rows = [
        failed(1, "eu-west-1", "Rate exceeded"),
        failed(2, "eu-west-1", "Access Denied"),
        failed(3, "eu-west-1", SUSPENDED),
        failed(4, "eu-west-1", "No updates are to be performed."),
    ];
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    let named: Vec<String> = targets(&report).into_iter().map(|(account, _)| account).collect();
    assert_eq!(named, ["000000000001", "000000000002"]);
    let note = report.retry.note.unwrap();
    let wanted = "fix first, a retry alone does not help: ACCESS_DENIED (1); 1 target without changes is left out; 1 \
                  target of suspended accounts is left out; the last commands delete the stack instances of suspended \
                  accounts and retain their stacks; run one command after the other: a stack set takes one operation \
                  at a time; ";
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
}

#[test]
fn an_operation_that_runs_is_waited_for() {
    let report = of(&mixed(), &described("UPDATE", "RUNNING", None));
    assert!(report.retry.note.unwrap().contains("wait until the operation has ended"));
}

#[test]
fn nothing_to_retry_says_nothing() {
    let report = of(&[row(1, "eu-west-1", "SUCCEEDED")], &described("UPDATE", "SUCCEEDED", Some(0)));
    let document = document(&report);
    assert_eq!((&document["retry"]["commands"], &document["retry"]["note"]), (&Value::Array(vec![]), &Value::Null));
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
    for command in &report.retry.commands {
        assert_eq!(values(&words(command), "--stack-set-name"), ["$HOME:1b2c3d4e"]);
    }
}

#[test]
fn a_target_that_has_not_failed_is_in_no_command() {
    let running =
        |account| TargetResult { reason: Some("Rate exceeded".to_owned()), ..row(account, "eu-west-1", "RUNNING") };
    let report = of(&[running(1), failed(2, "eu-west-1", "Rate exceeded")], &described("UPDATE", "FAILED", None));
    assert_eq!(report.causes[0].count, 2, "both name the cause");
    assert_eq!(targets(&report), expected(&[failed(2, "eu-west-1", "")]));
    assert!(of(&[running(1)], &described("UPDATE", "RUNNING", None)).retry.commands.is_empty());
}

#[test]
fn thousands_of_accounts_are_several_commands_that_a_message_holds() {
    let rows: Vec<TargetResult> = (0..1_000).map(|i| failed(i, "eu-west-1", "Rate exceeded")).collect();
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    assert_eq!(report.retry.commands.len(), 5);
    assert_eq!(targets(&report), expected(&rows));
    assert!(report.retry.note.as_deref().unwrap().contains("one command after the other"));
    let message = stackset_notifier::render::message(&report).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    for command in &report.retry.commands {
        assert!(bodies["email"].as_str().unwrap().contains(command.as_str()));
    }
}

#[test]
fn nameless_targets_are_counted_one_by_one() {
    let mut nameless = failed(1, "eu-west-1", "Rate exceeded");
    (nameless.account, nameless.region) = (None, None);
    let report = of(&vec![nameless; 5], &described("UPDATE", "FAILED", None));
    assert!(report.retry.note.unwrap().contains("5 targets without a valid account or Region are left out"));
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
    for rows in [mixed(), units(mixed())] {
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
                let targets: Vec<String> = if described.action.as_deref() == Some("DETECT_DRIFT") {
                    Vec::new()
                } else {
                    targets(&report).into_iter().map(|(account, region)| format!("{account} {region}")).collect()
                };
                all.push(serde_json::json!({
                    "action": described.action,
                    "retainStacks": described.retain_stacks,
                    "callAs": call_as.as_str(),
                    "serviceManaged": rows[0].organizational_unit_id.is_some(),
                    "commands": report.retry.commands,
                    "resultsCommands": report.operation.results_commands,
                    "stopCommand": going_on.in_progress.unwrap().stop_command,
                    "targets": targets,
                    "units": units_of(&rows),
                }));
            }
        }
    }
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("retry-commands.json");
    std::fs::write(path, serde_json::to_string_pretty(&all).unwrap()).unwrap();
    assert_eq!(all.len(), 20);
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
fn notes_set_thousands_apart() {
    let mut rows: Vec<TargetResult> = (0..1_500).map(|i| failed(i, "eu-west-1", "Access Denied")).collect();
    rows.extend((2_000..3_200).map(|i| failed(i, "eu-west-1", SUSPENDED)));
    let mut nameless = failed(1, "eu-west-1", "Rate exceeded");
    nameless.region = None;
    rows.extend(vec![nameless; 1_100]);
    let note = of(&rows, &described("UPDATE", "FAILED", None)).retry.note.unwrap();
    let wanted = "fix first, a retry alone does not help: ACCESS_DENIED (1,500); 1,200 targets of suspended accounts are left out; \
         1,100 targets without a valid account or Region are left out; the last commands delete the stack \
         instances of suspended accounts and retain their stacks; run one command after the other: a stack set takes one \
         operation at a time; ";
    assert!(note.starts_with(wanted), "{note}");
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
    let named: Vec<String> = targets(&report).into_iter().map(|(account, _)| account).collect();
    assert_eq!(named, ["000000000003"]);
    assert!(report.retry.note.unwrap().contains("3 targets of suspended accounts are left out"));
}

#[test]
fn a_target_listed_twice_is_retried_when_it_failed() {
    let running = TargetResult { reason: Some("Rate exceeded".to_owned()), ..row(1, "eu-west-1", "RUNNING") };
    let rows = [running, failed(1, "eu-west-1", "Rate exceeded")];
    assert_eq!(targets(&of(&rows, &described("UPDATE", "FAILED", None))).len(), 1);
}

/// The commands that delete stack instances and keep the stacks.
fn retaining(report: &Report) -> Vec<String> {
    report.retry.commands.iter().filter(|command| command.contains(" --retain-stacks")).cloned().collect()
}

#[test]
fn stack_instances_of_suspended_accounts_are_deleted_and_their_stacks_retained() {
    let rows = [failed(1, "eu-west-1", SUSPENDED), failed(1, "us-east-1", SUSPENDED), failed(2, "eu-west-1", "x")];
    let report = of(&rows, &described("UPDATE", "FAILED", None));
    let [command] = &retaining(&report)[..] else { panic!("{:?}", report.retry.commands) };
    assert!(command.starts_with(
        "aws cloudformation delete-stack-instances --stack-set-name baseline:1b2c3d4e --accounts 000000000001 --regions \
         eu-west-1 us-east-1 --retain-stacks"
    ));
    assert!(report.retry.note.unwrap().contains("delete the stack instances of suspended accounts and retain their"));
}

/// A closed account gives the text of a missing role; nobody can delete a stack there.
#[test]
fn a_deletion_in_an_account_that_may_be_closed_has_its_command() {
    let role = "Account 000000000001 should have 'Exec' role with trust relationship to Role 'Admin'.";
    let described = Operation { retain_stacks: Some(false), ..described("DELETE", "FAILED", None) };
    let report = of(&[failed(1, "eu-west-1", role)], &described);
    assert_eq!(retaining(&report).len(), 1, "{:?}", report.retry.commands);
    assert!(report.retry.note.unwrap().contains("if the account is closed, run the last commands instead"));
}

#[test]
fn what_was_throttled_is_retried_with_half_the_concurrency() {
    let with = |preferences: Preferences, text: &str, accounts: u64| {
        let rows: Vec<TargetResult> = (0..accounts).map(|i| failed(i, "eu-west-1", text)).collect();
        let described = Operation { preferences, ..described("UPDATE", "FAILED", None) };
        values(&words(&of(&rows, &described).retry.commands[0]), "--operation-preferences")[0].to_owned()
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
    let said = "the failure tolerance is 0, so that a retry stops in a Region at its first failure";
    assert!(note(None).contains(said) && note(Some(0)).contains(said) && !note(Some(3)).contains(said));
}

#[test]
fn an_import_has_no_command_and_says_so() {
    let report = of(&mixed(), &described("IMPORT", "FAILED", None));
    assert!(report.retry.commands.is_empty());
    assert!(report.retry.note.unwrap().contains("no command is known for the action IMPORT"));
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
