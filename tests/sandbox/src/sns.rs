//! SNS `Publish`, with the checks of the real one.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    call::Call,
    error::ServiceError,
    ids,
    state::{Output, State},
    xml,
};

const MAX_BYTES: usize = 262_144;

const PROTOCOLS: [&str; 15] = [
    "email",
    "email-json",
    "http",
    "https",
    "sqs",
    "lambda",
    "sms",
    "firehose",
    "application",
    "ADM",
    "APNS",
    "APNS_SANDBOX",
    "BAIDU",
    "GCM",
    "WNS",
];

/// A message that a topic has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic_arn: String,
    /// The subject.
    pub subject: Option<String>,
    /// The message as it was sent.
    pub message: String,
    /// `json`, or nothing.
    pub message_structure: Option<String>,
    /// The attributes: name to data type and value.
    pub attributes: BTreeMap<String, (String, String)>,
    /// The id that the publisher got.
    pub message_id: String,
}

impl Published {
    /// What a subscriber with this protocol gets.
    ///
    /// With the JSON structure that is the value for the protocol, or else the `default`. Like SNS, this ignores values
    /// other than strings and keys that are not protocols.
    pub fn body(&self, protocol: &str) -> Option<String> {
        if self.message_structure.as_deref() != Some("json") {
            return Some(self.message.clone());
        }
        let bodies: Value = serde_json::from_str(&self.message).ok()?;
        let own = PROTOCOLS.contains(&protocol).then(|| bodies.get(protocol).and_then(Value::as_str)).flatten();
        own.or_else(|| bodies.get("default").and_then(Value::as_str)).map(str::to_owned)
    }

    /// The chat notification as text: title, description, next steps and keywords.
    pub fn chat(&self) -> Option<String> {
        let notification: Value = serde_json::from_str(&self.body("https")?).ok()?;
        let content = &notification["content"];
        let list = |field: &str, between: &str| -> Option<String> {
            let items: Vec<&str> = content[field].as_array()?.iter().filter_map(Value::as_str).collect();
            (!items.is_empty()).then(|| items.join(between))
        };
        let parts = [
            content["title"].as_str().map(str::to_owned),
            content["description"].as_str().map(str::to_owned),
            list("nextSteps", "\n- ").map(|steps| format!("Next steps:\n- {steps}")),
            list("keywords", ", ").map(|words| format!("Keywords: {words}")),
        ];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))
    }
}

pub(crate) fn publish(state: &mut State, call: &Call) -> Result<Output, ServiceError> {
    let topic_arn = check_topic(state, call)?;
    let message = match call.param("Message") {
        None | Some("") => return Err(invalid("Empty message")),
        Some(message) => message,
    };
    let attributes = attributes(call)?;
    let size: usize =
        attributes.iter().map(|(name, (data_type, value))| name.len() + data_type.len() + value.len()).sum();
    if message.len() + size > MAX_BYTES {
        return Err(invalid("Message too long"));
    }
    let subject = call.param("Subject");
    if subject.is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    let message_structure = call.param("MessageStructure");
    match message_structure {
        None | Some("") => {}
        Some("json") => check_bodies(message)?,
        Some(_) => {
            return Err(invalid("Message Structure - Invalid message structure parameter"));
        }
    }
    let message_id = ids::uuid_from(&format!("message {}", state.published.len()));
    let message = Published {
        topic_arn,
        subject: subject.map(str::to_owned),
        message: message.to_owned(),
        message_structure: message_structure.map(str::to_owned),
        attributes,
        message_id: message_id.clone(),
    };
    let deliveries = state.scenario.subscriptions.iter().filter_map(|subscription| subscription.deliver(&message));
    state.deliveries.extend(deliveries);
    state.published.push(message);
    let mut result = String::new();
    xml::element(&mut result, "MessageId", &message_id);
    Ok(Output::new(result))
}

fn check_topic(state: &State, call: &Call) -> Result<String, ServiceError> {
    let Some(arn) = call.param("TopicArn").or_else(|| call.param("TargetArn")) else {
        return Err(invalid("TopicArn or TargetArn Reason: no value for required parameter"));
    };
    // Topics are regional: an endpoint does not know those of another Region.
    let parts: Vec<&str> = arn.split(':').collect();
    if parts.len() != 6 || parts[0] != "arn" || parts[2] != "sns" || parts[3] != call.region {
        return Err(invalid("TopicArn"));
    }
    if !state.scenario.topics.iter().any(|topic| topic == arn) {
        return Err(ServiceError::new(404, "NotFound", "Topic does not exist"));
    }
    if arn.ends_with(".fifo") && call.param("MessageGroupId").is_none() {
        return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
    }
    Ok(arn.to_owned())
}

fn is_subject(subject: &str) -> bool {
    (1..100).contains(&subject.chars().count())
        && !subject.starts_with(char::is_whitespace)
        && !subject.chars().any(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'))
}

fn check_bodies(message: &str) -> Result<(), ServiceError> {
    let Ok(Value::Object(bodies)) = serde_json::from_str(message) else {
        return Err(invalid("Message Structure - JSON message body failed to parse"));
    };
    match bodies.get("default") {
        Some(Value::String(_)) => Ok(()),
        _ => Err(invalid("Message Structure - No default entry in JSON message body")),
    }
}

fn attributes(call: &Call) -> Result<BTreeMap<String, (String, String)>, ServiceError> {
    let mut attributes = BTreeMap::new();
    for number in 1.. {
        let prefix = format!("MessageAttributes.entry.{number}");
        let Some(name) = call.param(&format!("{prefix}.Name")) else {
            break;
        };
        let data_type = call.param(&format!("{prefix}.Value.DataType")).unwrap_or_default();
        let member = match data_type.split('.').next() {
            Some("Binary") => "BinaryValue",
            _ => "StringValue",
        };
        let value = call.param(&format!("{prefix}.Value.{member}")).unwrap_or_default();
        check_attribute(name, data_type, value)?;
        attributes.insert(name.to_owned(), (data_type.to_owned(), value.to_owned()));
    }
    Ok(attributes)
}

fn check_attribute(name: &str, data_type: &str, value: &str) -> Result<(), ServiceError> {
    let refuse = |reason: &str| {
        let message = format!("The message attribute '{name}' {reason}.");
        Err(ServiceError::new(400, "ParameterValueInvalid", &message))
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(legal) {
        return refuse("has an invalid name");
    }
    if value.is_empty() {
        return refuse("must contain non-empty message attribute value");
    }
    match data_type {
        "String.Array" => match serde_json::from_str(value) {
            Ok(Value::Array(_)) => Ok(()),
            _ => refuse("has an invalid message attribute value: a String.Array is a JSON array"),
        },
        "Number" if value.parse::<f64>().is_err() => refuse("has an invalid message attribute value: not a number"),
        _ => match data_type.split('.').next() {
            Some("String" | "Number" | "Binary") => Ok(()),
            _ => refuse("has an invalid message attribute type"),
        },
    }
}

fn invalid(what: &str) -> ServiceError {
    ServiceError::new(400, "InvalidParameter", &format!("Invalid parameter: {what}"))
}
