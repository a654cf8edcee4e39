//! DynamoDB's results and errors, worded like those of the real one.

use sandbox::{Aws, Fault, FaultKind, Scenario};
use serde_json::{Value, json};

use crate::client::Signer;

fn aws() -> Aws {
    Aws::start_in_thread(Scenario::new().table("ledger", "id"))
}

/// Calls an action: the status and the document.
fn call(aws: &Aws, action: &str, request: &Value) -> (u16, Value) {
    Signer::function("us-east-1").call_json(aws, "dynamodb", &format!("DynamoDB_20120810.{action}"), request)
}

/// Sets `n` where there is no item, or one with a smaller `n`.
fn raise(n: &str) -> Value {
    json!({
        "TableName": "ledger", "Key": {"id": {"S": "a"}},
        "UpdateExpression": "SET n = :n ADD times :one",
        "ConditionExpression": "attribute_not_exists(id) OR n < :n",
        "ExpressionAttributeValues": {":n": {"N": n}, ":one": {"N": "1"}},
        "ReturnValues": "UPDATED_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    })
}

#[test]
fn a_conditional_update_happens_or_shows_the_item_that_prevents_it() {
    let aws = aws();
    let updated = |n: &str, times: &str| json!({"Attributes": {"n": {"N": n}, "times": {"N": times}}});
    assert_eq!(call(&aws, "UpdateItem", &raise("9")), (200, updated("9", "1")));
    // They are compared as numbers; as strings, 10 would be less than 9.
    assert_eq!(call(&aws, "UpdateItem", &raise("10")), (200, updated("10", "2")));
    assert_eq!(
        call(&aws, "UpdateItem", &raise("10")),
        (
            400,
            json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": {"id": {"S": "a"}, "n": {"N": "10"}, "times": {"N": "2"}},
            })
        )
    );
    let asked = json!({"RequestItems": {"ledger": {"Keys": [{"id": {"S": "b"}}, {"id": {"S": "a"}}],
        "ProjectionExpression": "id, #t", "ExpressionAttributeNames": {"#t": "times"}}}});
    assert_eq!(
        call(&aws, "BatchGetItem", &asked).1,
        json!({"Responses": {"ledger": [{"id": {"S": "a"}, "times": {"N": "2"}}]}, "UnprocessedKeys": {}})
    );
}

#[test]
fn invalid_requests_are_refused() {
    let aws = aws();
    let with = |name: &str, value: Value| {
        let mut request = raise("1");
        request[name] = value;
        request
    };
    for (action, request, code) in [
        ("UpdateItem", with("TableName", json!("unknown")), "ResourceNotFoundException"),
        ("UpdateItem", with("Key", json!({"id": {"N": "1"}})), "ValidationException"),
        ("UpdateItem", with("UpdateExpression", json!("SET id = :n ADD times :one")), "ValidationException"),
        ("UpdateItem", with("UpdateExpression", json!("SET status = :n ADD times :one")), "ValidationException"),
        ("UpdateItem", with("ExpressionAttributeNames", json!({"#unused": "n"})), "ValidationException"),
        (
            "BatchGetItem",
            json!({"RequestItems": {"ledger": {"Keys": [{"id": {"S": "a"}}, {"id": {"S": "a"}}]}}}),
            "ValidationException",
        ),
        ("BatchGetItem", json!({"RequestItems": {}}), "ValidationException"),
        ("DropEverything", json!({}), "UnknownOperationException"),
    ] {
        let (status, document) = call(&aws, action, &request);
        assert_eq!(status, 400, "{request}");
        assert!(document["__type"].as_str().unwrap().ends_with(&format!("#{code}")), "{request}: {document}");
    }
    assert!(aws.with(|scenario| scenario.tables[0].items.is_empty()));
}

#[test]
fn faults_are_answered_in_json() {
    let aws = aws();
    for (kind, status, code) in [
        (FaultKind::Throttling, 400, "ThrottlingException"),
        (FaultKind::InternalFailure, 500, "InternalServerError"),
        (FaultKind::ServiceUnavailable, 503, "ServiceUnavailable"),
    ] {
        aws.with(|scenario| scenario.faults = vec![Fault::on("UpdateItem", kind)]);
        let (got, document) = call(&aws, "UpdateItem", &raise("1"));
        assert_eq!((got, document["__type"].as_str().unwrap().rsplit('#').next()), (status, Some(code)));
    }
    assert!(aws.with(|scenario| scenario.tables[0].items.is_empty()));
}
