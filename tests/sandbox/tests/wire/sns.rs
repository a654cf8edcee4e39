//! What SNS accepts and what it refuses.

use std::time::{Duration, Instant};

use sandbox::{Aws, Fault, FaultKind, Published, Scenario, Subscription};
use serde_json::{Value, json};

use crate::client::{Response, call};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:stackset-notifications";

fn aws() -> Aws {
    Aws::start_in_thread(Scenario::new().topic(TOPIC))
}

fn publish(aws: &Aws, more: &[(&str, &str)]) -> Response {
    let mut params = vec![("TopicArn", TOPIC)];
    params.extend_from_slice(more);
    call(aws, "Publish", &params)
}

#[test]
fn a_message_is_kept_with_everything_that_was_sent() {
    let aws = aws();
    let answer = publish(
        &aws,
        &[
            ("Message", r#"{"default":"d","email":"e","sqs":5,"carrier-pigeon":"p"}"#),
            ("MessageStructure", "json"),
            ("Subject", "StackSet baseline: 3 of 40 failed"),
            ("MessageAttributes.entry.1.Name", "status"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "FAILED"),
            ("MessageAttributes.entry.2.Name", "causes"),
            ("MessageAttributes.entry.2.Value.DataType", "String.Array"),
            ("MessageAttributes.entry.2.Value.StringValue", r#"["A"]"#),
        ],
    );
    assert_eq!(answer.status, 200);
    let published = aws.published();
    assert_eq!(published.len(), 1);
    let message = &published[0];
    assert_eq!(answer.one("MessageId"), Some(&*message.message_id));
    assert_eq!(message.topic_arn, TOPIC);
    assert_eq!(message.subject.as_deref(), Some("StackSet baseline: 3 of 40 failed"));
    assert_eq!(message.attributes["status"], ("String".to_owned(), "FAILED".to_owned()));
    assert_eq!(message.attributes["causes"].1, r#"["A"]"#);
    let bodies = ["email", "sqs", "https", "carrier-pigeon"].map(|protocol| message.body(protocol));
    assert_eq!(bodies.map(|body| body.unwrap()), ["e", "d", "d", "d"], "a number and an unknown protocol are ignored");
    assert_eq!(aws.requests()[0].service, "sns");
}

#[test]
fn a_plain_message_is_the_same_for_everyone() {
    let aws = aws();
    publish(&aws, &[("Message", r#"{"default":"d"}"#)]);
    let message: Published = aws.published().remove(0);
    assert_eq!(message.body("email").as_deref(), Some(r#"{"default":"d"}"#));
}

#[test]
fn limits_are_exact() {
    let aws = aws();
    let attribute = [
        ("MessageAttributes.entry.1.Name", "n"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "v"),
    ];
    let with = |message: &str| {
        let mut params = vec![("Message", message)];
        params.extend(attribute);
        publish(&aws, &params)
    };
    // "n", "String" and "v" are eight bytes; "é" is two.
    let fits = "é".repeat((262_144 - 8) / 2);
    assert_eq!(with(&fits).status, 200);
    assert_eq!(with(&format!("{fits}x")).error(), (400, "InvalidParameter", "Invalid parameter: Message too long"));
    let subject = |subject: &str| publish(&aws, &[("Message", "m"), ("Subject", subject)]);
    assert_eq!(subject(&"é".repeat(99)).status, 200);
    for bad in [&*"x".repeat(100), "", " x", "a\nb", "a\u{7}b"] {
        assert_eq!(subject(bad).error(), (400, "InvalidParameter", "Invalid parameter: Subject"), "{bad:?}");
    }
    assert_eq!(aws.published().len(), 2);
}

#[test]
fn bad_messages_are_refused() {
    let aws = aws();
    let json = ("MessageStructure", "json");
    for (params, code, message) in [
        (vec![("Message", "{"), json], "InvalidParameter", "failed to parse"),
        (vec![("Message", "[]"), json], "InvalidParameter", "failed to parse"),
        (vec![("Message", r#"{"sqs":"x"}"#), json], "InvalidParameter", "No default entry"),
        (vec![("Message", r#"{"default":1}"#), json], "InvalidParameter", "No default entry"),
        (vec![("Message", "m"), ("MessageStructure", "xml")], "InvalidParameter", "Message Structure"),
        (vec![("Message", "")], "InvalidParameter", "Empty message"),
        (
            vec![
                ("Message", "m"),
                ("MessageAttributes.entry.1.Name", "a"),
                ("MessageAttributes.entry.1.Value.DataType", "String.Array"),
                ("MessageAttributes.entry.1.Value.StringValue", "A,B"),
            ],
            "ParameterValueInvalid",
            "JSON array",
        ),
        (
            vec![
                ("Message", "m"),
                ("MessageAttributes.entry.1.Name", "a"),
                ("MessageAttributes.entry.1.Value.DataType", "String"),
                ("MessageAttributes.entry.1.Value.StringValue", ""),
            ],
            "ParameterValueInvalid",
            "non-empty",
        ),
    ] {
        let answer = publish(&aws, &params);
        let (status, got, text) = answer.error();
        assert_eq!((status, got), (400, code), "{params:?}");
        assert!(text.contains(message), "{params:?}: {text}");
    }
    let missing = "arn:aws:sns:us-east-1:111111111111:nobody";
    let answer = call(&aws, "Publish", &[("TopicArn", missing), ("Message", "m")]);
    assert_eq!(answer.error(), (404, "NotFound", "Topic does not exist"));
    let elsewhere = TOPIC.replace("us-east-1", "eu-west-1");
    let answer = call(&aws, "Publish", &[("TopicArn", &elsewhere), ("Message", "m")]);
    assert_eq!(answer.error().2, "Invalid parameter: TopicArn");
    assert!(aws.published().is_empty());
}

/// A JSON message with a document for most protocols and a text for email, and attributes.
fn publish_report(aws: &Aws, document: &Value) -> Response {
    let message = json!({"default": document.to_string(), "email": "text for people"}).to_string();
    let attribute = [
        ("MessageAttributes.entry.1.Name", "status"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "FAILED"),
    ];
    publish(aws, &[&[("Message", &*message), ("MessageStructure", "json")], &attribute[..]].concat())
}

#[test]
fn subscribers_get_the_body_of_their_protocol_if_their_filter_lets_it_through() {
    let aws = aws();
    let on_body = |endpoint: &str, policy: Value| Subscription::new(TOPIC, "sqs", endpoint).filter_body(&policy);
    aws.with(|scenario| {
        scenario.subscriptions = vec![
            Subscription::new(TOPIC, "sqs", "all"),
            on_body("severity", json!({"severity": ["ERROR", "CRITICAL"]})),
            on_body("outcome", json!({"outcome": ["FAILED"]})),
            on_body("name", json!({"stackSet": {"name": [{"prefix": "base"}]}})),
            on_body("cause", json!({"causes": {"code": ["SCP_DENIED"]}})),
            Subscription::new(TOPIC, "sqs", "attribute").filter_attributes(&json!({"status": ["FAILED"]})),
            Subscription::new("arn:aws:sns:us-east-1:111111111111:other", "sqs", "other topic"),
            Subscription::new(TOPIC, "email", "person@example.com"),
            Subscription::new(TOPIC, "email", "nobody@example.com").filter_body(&json!({"severity": ["ERROR"]})),
        ];
    });
    let document = |severity: &str, name: &str, codes: &[&str]| {
        let causes: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
        json!({"severity": severity, "outcome": "FAILED", "stackSet": {"name": name}, "causes": causes})
    };
    let got = |protocol: &str| {
        let deliveries = aws.delivered(protocol);
        aws.forget();
        deliveries.into_iter().map(|delivery| delivery.endpoint).collect::<Vec<_>>()
    };
    publish_report(&aws, &document("ERROR", "baseline", &["THROTTLING", "SCP_DENIED"]));
    assert_eq!(got("sqs"), ["all", "severity", "outcome", "name", "cause", "attribute"]);
    publish_report(&aws, &document("WARNING", "other", &["THROTTLING"]));
    let deliveries = aws.delivered("sqs");
    assert_eq!(serde_json::from_str::<Value>(&deliveries[0].body).unwrap()["severity"], "WARNING");
    assert!(deliveries[0].attributes.is_empty(), "attributes are not delivered with the JSON structure");
    assert_eq!(aws.delivered("email")[0].body, "text for people");
    assert_eq!(got("sqs"), ["all", "outcome", "attribute"]);

    // A body that is not JSON matches no policy on the body; a plain message is the same for all protocols.
    publish_report(&aws, &document("ERROR", "baseline", &[]));
    assert_eq!(got("email"), ["person@example.com"]);
    publish(&aws, &[("Message", r#"{"severity":"ERROR"}"#)]);
    assert_eq!(got("email"), ["person@example.com", "nobody@example.com"]);
}

#[test]
fn attributes_are_delivered_with_a_plain_message() {
    let aws = aws();
    aws.with(|scenario| scenario.subscriptions.push(Subscription::new(TOPIC, "lambda", "function")));
    let attribute = [
        ("MessageAttributes.entry.1.Name", "status"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "FAILED"),
    ];
    publish(&aws, &[&[("Message", "m"), ("Subject", "s")], &attribute[..]].concat());
    let delivery = aws.delivered("lambda").remove(0);
    assert_eq!((delivery.subject.as_deref(), delivery.body.as_str()), (Some("s"), "m"));
    assert_eq!(delivery.attributes["status"], ("String".to_owned(), "FAILED".to_owned()));
    assert_eq!(delivery.message_id, aws.published()[0].message_id);
}

#[test]
fn a_slow_topic_has_the_message_before_it_answers() {
    let slow = Duration::from_millis(80);
    let aws = aws();
    aws.with(|scenario| scenario.faults.push(Fault::on("Publish", FaultKind::Delay(slow))));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| publish(&aws, &[("Message", "m")]));
        while aws.published().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(answer.join().unwrap().status, 200);
    });
    assert!(began.elapsed() >= slow);
}
