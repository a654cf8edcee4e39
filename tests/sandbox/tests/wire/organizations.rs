//! Names and states of accounts, and names of organizational units.

use std::time::{Duration, Instant};

use sandbox::{Aws, Fault, FaultKind, Organization, Scenario};
use serde_json::{Value, json};

use crate::client::Signer;

const OU: &str = "ou-a1b2-c3d4e5f6";

fn aws() -> Aws {
    let organization = Organization::new()
        .account("222222222222", "payments (prod) & more")
        .account_in_state("333333333333", "old", "PENDING_CLOSURE")
        .account_with_status("444444444444", "older", "SUSPENDED")
        .organizational_unit(OU, "Workloads");
    Aws::start_in_thread(Scenario::new().organization(organization))
}

fn call(aws: &Aws, action: &str, request: &Value) -> (u16, Value) {
    let target = format!("AWSOrganizationsV20161128.{action}");
    Signer::function("us-east-1").call_json(aws, "organizations", &target, request)
}

fn account(aws: &Aws, id: &str) -> (u16, Value) {
    call(aws, "DescribeAccount", &json!({"AccountId": id}))
}

#[test]
fn accounts_have_names_and_states() {
    let aws = aws();
    let (status, document) = account(&aws, "222222222222");
    assert_eq!(status, 200);
    assert_eq!(
        document["Account"],
        json!({
            "Id": "222222222222",
            "Arn": "arn:aws:organizations::111111111111:account/o-a1b2c3d4e5/222222222222",
            "Email": "account-222222222222@example.com",
            "Name": "payments (prod) & more",
            "State": "ACTIVE",
            "Paths": ["o-a1b2c3d4e5/r-a1b2/222222222222/"],
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": 1_767_225_600.25,
        })
    );
    let states = |id: &str| {
        let document = account(&aws, id).1;
        (document["Account"]["State"].clone(), document["Account"]["Status"].clone())
    };
    assert_eq!(states("333333333333"), (json!("PENDING_CLOSURE"), Value::Null));
    assert_eq!(states("444444444444"), (Value::Null, json!("SUSPENDED")));
    let requests = aws.requests_of("DescribeAccount");
    let asked: Vec<_> = requests.iter().map(|request| request.param("AccountId").unwrap()).collect();
    assert_eq!(asked, ["222222222222", "333333333333", "444444444444"]);
    assert_eq!(requests[0].service, "organizations");
}

#[test]
fn organizational_units_have_names() {
    let aws = aws();
    let (status, document) = call(&aws, "DescribeOrganizationalUnit", &json!({"OrganizationalUnitId": OU}));
    assert_eq!(status, 200);
    assert_eq!(
        document["OrganizationalUnit"],
        json!({
            "Id": OU,
            "Arn": format!("arn:aws:organizations::111111111111:ou/o-a1b2c3d4e5/{OU}"),
            "Name": "Workloads",
            "Path": format!("o-a1b2c3d4e5/r-a1b2/{OU}/"),
        })
    );
}

#[test]
fn what_cannot_be_described_is_an_error_of_its_kind() {
    let aws = aws();
    let unit = |id: &str| call(&aws, "DescribeOrganizationalUnit", &json!({"OrganizationalUnitId": id}));
    for ((status, document), code) in [
        (account(&aws, "999999999999"), "AccountNotFoundException"),
        (account(&aws, "12"), "InvalidInputException"),
        (unit("ou-a1b2-99999999"), "OrganizationalUnitNotFoundException"),
        (unit("r-a1b2"), "InvalidInputException"),
        (call(&aws, "ListAccounts", &json!({})), "UnknownOperationException"),
    ] {
        assert_eq!((status, &document["__type"]), (400, &json!(code)), "{document}");
    }
    assert!(account(&aws, "999999999999").1["Message"].is_string());
    aws.with(|scenario| scenario.organization = None);
    assert_eq!(account(&aws, "222222222222").1["__type"], "AWSOrganizationsNotInUseException");
}

#[test]
fn calls_are_denied_throttled_and_slow() {
    let aws = aws();
    let message = "You don't have permissions to access this resource.";
    for (fault, status, code) in [
        (Fault::error("DescribeAccount", 400, "AccessDeniedException", message), 400, "AccessDeniedException"),
        (Fault::on("Describe*", FaultKind::Throttling), 400, "TooManyRequestsException"),
        (Fault::on("Describe*", FaultKind::InternalFailure), 500, "ServiceException"),
    ] {
        aws.with(|scenario| scenario.faults = vec![fault]);
        let (got, document) = account(&aws, "222222222222");
        assert_eq!((got, &document["__type"]), (status, &json!(code)), "{document}");
    }
    let slow = Duration::from_millis(60);
    let fault = Fault::on("DescribeAccount", FaultKind::Delay(slow)).with_param("AccountId", "222222222222");
    aws.with(|scenario| scenario.faults = vec![fault]);
    let began = Instant::now();
    assert_eq!(account(&aws, "222222222222").0, 200);
    assert!(began.elapsed() >= slow);
}
