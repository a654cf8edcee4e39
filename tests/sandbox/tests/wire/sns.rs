//! What SNS accepts and what it refuses.

use sandbox::{Aws, Published, Scenario};

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
