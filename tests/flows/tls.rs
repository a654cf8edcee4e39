//! HTTPS: whom the function trusts.

use std::fs;
use std::path::PathBuf;

use sandbox::{Aws, Row, Scenario, TlsFront};
use stackset_notifier::aws;
use stackset_notifier::config::SdkSettings;

use crate::support::{Stage, TOPIC, account, operation, sdk_settings, stack_set};

async fn fronted() -> (Aws, TlsFront) {
    let rows = vec![Row::failed(&account(1), "eu-west-1", "Internal Failure")];
    let aws =
        Aws::start(Scenario::new().stack_set(stack_set().operation(operation("FAILED", rows))).topic(TOPIC)).await;
    let front = TlsFront::before(&aws.url()).await;
    (aws, front)
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_named_authority_is_trusted_and_one_connection_serves_all_calls() {
    let (aws, front) = fronted().await;
    let bundle = file("authority.pem", &format!("One of ours\n{}", front.authority()));
    let stage = Stage::within(aws, SdkSettings { ca_bundle: Some(bundle), ..sdk_settings(&front.url()) });
    let document = stage.report("FAILED").await;
    assert_eq!(document["counts"]["failed"], 1);
    let cloudformation = ["DescribeStackSetOperation", "ListStackSetOperations", "ListStackSetOperationResults"];
    assert_eq!(stage.actions(), [&cloudformation[..], &["Publish"]].concat());
    // The next call may begin before the connection of the last one is back.
    assert!(front.connections() <= 2, "{}", front.connections());
}

/// Another attempt would be refused, too.
#[tokio::test]
async fn an_unknown_authority_is_refused_at_once() {
    let (aws, front) = fronted().await;
    let stage = Stage::within(aws, sdk_settings(&front.url()));
    let error = stage.ended("FAILED").await.unwrap_err();
    assert_eq!(error.kind(), "ReadError");
    assert!(error.to_string().ends_with("invalid peer certificate: UnknownIssuer"), "{error}");
    assert_eq!(front.connections(), 1);
    assert_eq!(stage.actions(), [""; 0]);
}

/// The chain is right, but it is somebody else's.
#[tokio::test]
async fn a_certificate_for_another_name_is_refused_at_once() {
    let (aws, _) = fronted().await;
    let front = TlsFront::named(&aws.url(), "elsewhere.test").await;
    let bundle = file("authority-of-another.pem", front.authority());
    let stage = Stage::within(aws, SdkSettings { ca_bundle: Some(bundle), ..sdk_settings(&front.url()) });
    let error = stage.ended("FAILED").await.unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate: certificate not valid for name"), "{error}");
    assert_eq!((front.connections(), stage.actions().len()), (1, 0));
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let read = |bundle: PathBuf| {
        aws::shared(&SdkSettings { ca_bundle: Some(bundle), ..sdk_settings("https://127.0.0.1:1") })
            .unwrap_err()
            .to_string()
    };
    let missing = read(PathBuf::from("/nowhere/ca.pem"));
    let wanted = "could not read the certificates in /nowhere/ca.pem, by AWS_CA_BUNDLE: ";
    assert!(missing.starts_with(wanted) && missing.contains("No such file"), "{missing}");
    let none = read(file("no-authority.pem", "# nobody yet\n"));
    assert!(none.ends_with("no-authority.pem, by AWS_CA_BUNDLE: there is none that can be used"), "{none}");
    let broken = read(file("broken-authority.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    assert!(broken.contains("broken-authority.pem, by AWS_CA_BUNDLE: "), "{broken}");
}
