//! The file of calls, with which the permissions in the template are compared.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

#[test]
fn calls_are_written_with_their_iam_actions() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("calls.txt");
    let _ = fs::remove_file(&file);
    // The variable is read by the whole process, so these tests run in one of their own.
    let run = Command::new(env::current_exe().unwrap())
        .args(["--exact", "organizations::organizational_units_have_names"])
        .args(["stacks::events_come_newest_first_and_lead_to_the_nested_stack", "instances::instances_come_in_pages"])
        .env("SANDBOX_CALLS", &file)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let text = fs::read_to_string(&file).unwrap();
    // Package, service, action, CallAs or the role that signed, Region and resource.
    let calls: BTreeSet<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(calls.len(), text.lines().count(), "each call once");
    assert!(calls.iter().all(|call| call.len() == 6 && call[0] == "sandbox"), "{text}");
    let kinds: BTreeSet<String> =
        calls.iter().map(|call| format!("{}:{} {} {}", call[1], call[2], call[3], call[4])).collect();
    assert_eq!(
        kinds.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "cloudformation:DescribeEvents role/read-stack-events eu-west-1",
            "cloudformation:DescribeStackEvents role/read-stack-events eu-west-1",
            "cloudformation:ListStackInstances - us-east-1",
            "organizations:DescribeOrganizationalUnit - us-east-1",
            "sts:AssumeRole - eu-west-1",
        ]
    );
    let resources: BTreeSet<&str> = calls.iter().map(|call| call[5]).collect();
    for resource in ["baseline", "ou-a1b2-c3d4e5f6", "arn:aws:iam::222222222222:role/read-stack-events"] {
        assert!(resources.contains(resource), "{resources:?}");
    }
}
