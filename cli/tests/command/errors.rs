//! What is wrong is said with what to try.

use std::fs;
use std::path::Path;

use sandbox::{Fault, Scenario};

use crate::support::{OPERATION, REGION, Run, aws, operation, rows, run, scenario};

#[test]
fn the_first_run_says_what_is_missing() {
    let done = Run::new(&["report"]).done();
    assert_eq!(done.code, 2);
    assert_eq!(
        done.err,
        "error: could not connect to AWS: no Region is configured\n  try: give --region, set AWS_REGION, or give the stack \
         set's ARN\n"
    );
    let done = Run::new(&["ls", "--region", REGION]).done();
    assert_eq!(done.code, 3);
    assert!(
        done.err.starts_with("error: could not connect to AWS: there are no credentials\n  try: give --profile, "),
        "{}",
        done.err
    );
    let done = Run::new(&["ls", "--region", REGION, "--profile", "nobody"]).done();
    assert_eq!(done.code, 3);
    assert!(done.err.contains("profile") && done.err.contains("nobody"), "{}", done.err);
    let done = Run::new(&["ls", "--region", REGION]).env("AWS_PROFILE", "nobody").done();
    assert!(done.err.contains("profile nobody") && done.err.contains("`aws configure list-profiles`"), "{}", done.err);
}

#[test]
fn an_expired_sign_in_says_how_to_sign_in_again() {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sso-home");
    fs::create_dir_all(home.join(".aws")).unwrap();
    let config = "[profile work]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = reader\nregion = \
                  eu-central-1\n[sso-session corp]\nsso_region = eu-central-1\nsso_start_url = \
                  https://example.awsapps.com/start\n";
    fs::write(home.join(".aws/config"), config).unwrap();
    let done = Run::new(&["ls", "--profile", "work"]).env("HOME", home.to_str().unwrap()).done();
    assert_eq!(done.code, 3);
    assert!(done.err.starts_with("error: could not get credentials of profile work: "), "{}", done.err);
    assert!(done.err.ends_with("\n  try: run `aws sso login --profile work`\n"), "{}", done.err);
}

#[test]
fn credentials_that_aws_does_not_take_are_named() {
    for (code, advice) in [
        ("ExpiredToken", "the credentials have expired"),
        ("InvalidClientTokenId", "AWS does not know these credentials"),
    ] {
        let scenario = scenario(operation("FAILED", rows(10)));
        let done =
            run(&aws(scenario.fault(Fault::error("GetCallerIdentity", 403, code, "no"))), &["report", "baseline"]);
        assert_eq!(done.code, 3);
        assert!(done.err.contains(code) && done.err.contains(advice), "{}", done.err);
    }
}

#[test]
fn what_is_not_found_or_refused_says_what_to_try() {
    let loopback = aws(scenario(operation("FAILED", rows(10))));
    let done = run(&loopback, &["report", "baselin"]);
    assert_eq!(done.code, 3);
    assert!(done.err.contains("try: `stackset-report ls` lists the stack sets in eu-central-1"), "{}", done.err);
    let done = run(&loopback, &["report", "baseline", "op-2"]);
    assert_eq!(done.code, 3);
    assert!(done.err.contains("OperationNotFoundException") && done.err.contains("ls --all"), "{}", done.err);
    let denied = scenario(operation("FAILED", rows(10)));
    let denied = denied.fault(Fault::error("DescribeStackSetOperation", 403, "AccessDenied", "not authorized"));
    let done = run(&aws(denied), &["report", "baseline", OPERATION]);
    assert_eq!(done.code, 3);
    assert!(done.err.contains("AccessDenied") && done.err.contains("cloudformation:ListStackSets"), "{}", done.err);
    assert!(!done.err.contains("function's role"), "{}", done.err);
    let done = run(&aws(Scenario::new()), &["report"]);
    assert_eq!(done.code, 3);
    assert!(done.err.contains("no stack set with an operation is visible in eu-central-1"), "{}", done.err);
}

#[test]
fn nobody_at_the_endpoint_is_an_error_of_its_own() {
    let done = Run::new(&["ls", "--endpoint-url", "http://127.0.0.1:9", "--region", REGION])
        .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_MAX_ATTEMPTS", "1")
        .done();
    assert_eq!(done.code, 3);
    assert!(done.err.contains("try: check the network, --region and --endpoint-url"), "{}", done.err);
}

#[test]
fn wrong_usage_exits_with_2() {
    let loopback = aws(scenario(operation("FAILED", rows(10))));
    for (arguments, text) in [
        (vec!["report", "-1"], "unexpected argument"),
        (vec!["report", "no_name"], "give its name (a letter, then letters, digits and hyphens)"),
        (vec!["report", "arn:aws:s3:::bucket"], "it is not the ARN of a stack set"),
        (vec!["report", "baseline", "no id"], "it is not an operation ID"),
        (vec!["report", "--output", "pdf"], "invalid value 'pdf'"),
        (vec!["report", "--describe", "x.json"], "--results"),
        (vec!["report", "-q", "-v"], "cannot be used with"),
        (vec!["ls", "--output", "html"], "invalid value 'html'"),
        (vec!["report", "--member-role", "a/b"], "could not read --member-role: it is \"a/b\""),
    ] {
        let done = run(&loopback, &arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {done:?}");
        assert!(done.err.contains(text), "{arguments:?}: {}", done.err);
    }
}
