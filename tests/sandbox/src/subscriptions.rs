//! Subscriptions to topics: filter policies, and what each subscriber gets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::sns::Published;

/// A confirmed subscription to a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// The topic.
    pub topic_arn: String,
    /// The protocol, such as `email` or `sqs`.
    pub protocol: String,
    /// The address or ARN of the subscriber.
    pub endpoint: String,
    filter: Filter,
}

/// A message as a subscriber gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The protocol of the subscription.
    pub protocol: String,
    /// The endpoint of the subscription.
    pub endpoint: String,
    /// The subject.
    pub subject: Option<String>,
    /// The body for the protocol.
    pub body: String,
    /// The attributes: name to data type and value. The developer guide says that SNS delivers them only if the message
    /// has no JSON structure.
    pub attributes: BTreeMap<String, (String, String)>,
    /// The id of the message.
    pub message_id: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Filter {
    #[default]
    None,
    Body(Map<String, Value>),
    Attributes(Map<String, Value>),
}

impl Subscription {
    /// A subscription that gets every message.
    pub fn new(topic_arn: &str, protocol: &str, endpoint: &str) -> Self {
        Self {
            topic_arn: topic_arn.to_owned(),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            filter: Filter::None,
        }
    }

    /// Sets a filter policy with the scope `MessageBody`.
    ///
    /// It is evaluated on the body that the protocol gets, which must be a JSON object. The documentation does not say
    /// which body that is if the message has the JSON structure; `LocalStack` does the same.
    ///
    /// # Panics
    ///
    /// If SNS would refuse the policy, or if it has an operator that is not implemented here (`cidr`, `wildcard`).
    #[must_use]
    pub fn filter_body(mut self, policy: &Value) -> Self {
        self.filter = Filter::Body(checked(policy, true));
        self
    }

    /// Sets a filter policy with the scope `MessageAttributes`.
    ///
    /// # Panics
    ///
    /// If SNS would refuse the policy, or if it has an operator that is not implemented here (`cidr`, `wildcard`).
    #[must_use]
    pub fn filter_attributes(mut self, policy: &Value) -> Self {
        self.filter = Filter::Attributes(checked(policy, false));
        self
    }

    /// What the subscriber gets of a message, if anything.
    pub(crate) fn deliver(&self, message: &Published) -> Option<Delivery> {
        if self.topic_arn != message.topic_arn {
            return None;
        }
        let body = message.body(&self.protocol)?;
        let accepted = match &self.filter {
            Filter::None => true,
            Filter::Body(policy) => {
                serde_json::from_str(&body).is_ok_and(|body: Value| body.is_object() && matches(policy, &[&body]))
            }
            Filter::Attributes(policy) => matches(policy, &[&as_object(&message.attributes)]),
        };
        let plain = message.message_structure.is_none();
        accepted.then(|| Delivery {
            protocol: self.protocol.clone(),
            endpoint: self.endpoint.clone(),
            subject: message.subject.clone(),
            body,
            attributes: if plain { message.attributes.clone() } else { BTreeMap::new() },
            message_id: message.message_id.clone(),
        })
    }
}

/// The policy, if SNS would accept it.
///
/// See <https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>.
fn checked(policy: &Value, nested: bool) -> Map<String, Value> {
    let policy = policy.as_object().expect("a filter policy is a JSON object");
    assert!((1..=5).contains(&policy.len()), "a filter policy has one to five keys");
    let combinations = combinations(policy, 1, nested);
    assert!(combinations <= 150, "the filter policy is too complex: {combinations} combinations");
    policy.clone()
}

/// The number of combinations of values, as SNS counts it: a nested key counts as often as it is deep.
fn combinations(policy: &Map<String, Value>, depth: usize, nested: bool) -> usize {
    policy
        .iter()
        .map(|(key, rule)| match rule {
            Value::Array(alternatives) if key == "$or" => alternatives
                .iter()
                .map(|one| combinations(one.as_object().expect("$or has objects"), depth, nested))
                .sum(),
            Value::Array(conditions) if !conditions.is_empty() => {
                conditions.iter().for_each(check_condition);
                conditions.len() * depth
            }
            Value::Object(inner) if nested => combinations(inner, depth + 1, nested),
            _ => {
                panic!("the rule for {key} must be a list of conditions, or an object in a policy on the body: {rule}")
            }
        })
        .product()
}

fn check_condition(condition: &Value) {
    let Some(operators) = condition.as_object() else {
        assert!(!condition.is_array(), "a condition is not a list: {condition}");
        return;
    };
    let known = ["exists", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric"];
    let names: Vec<&str> = operators.keys().map(String::as_str).collect();
    assert!(names.len() == 1 && known.contains(&names[0]), "unknown operators: {condition}");
}

/// Whether all keys of the policy match. `values` are the objects at this level; there are several below an array.
fn matches(policy: &Map<String, Value>, values: &[&Value]) -> bool {
    policy.iter().all(|(key, rule)| {
        if let ("$or", Value::Array(alternatives)) = (key.as_str(), rule) {
            return alternatives.iter().filter_map(Value::as_object).any(|one| matches(one, values));
        }
        let mut found = Vec::new();
        for value in values {
            if let Some(member) = value.get(key) {
                flatten(member, &mut found);
            }
        }
        match rule {
            Value::Object(inner) => matches(inner, &found),
            Value::Array(conditions) => conditions.iter().any(|condition| holds(condition, &found)),
            _ => false,
        }
    })
}

/// Adds the value, or the elements if it is an array: SNS matches an array if it matches one of its elements.
fn flatten<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| flatten(element, found)),
        _ => found.push(value),
    }
}

/// Whether the condition holds for one of the values.
fn holds(condition: &Value, values: &[&Value]) -> bool {
    match condition.as_object().and_then(|operators| operators.iter().next()) {
        None => values.iter().any(|value| is_equal(value, condition)),
        Some((operator, operand)) if operator == "exists" => *operand == Value::Bool(!values.is_empty()),
        Some((operator, operand)) => values.iter().any(|value| operation_holds(operator, operand, value)),
    }
}

fn operation_holds(operator: &str, operand: &Value, value: &Value) -> bool {
    let text = value.as_str();
    let wanted = operand.as_str().unwrap_or_default();
    match operator {
        "prefix" => text.is_some_and(|text| text.starts_with(wanted)),
        "suffix" => text.is_some_and(|text| text.ends_with(wanted)),
        "equals-ignore-case" => text.is_some_and(|text| text.to_lowercase() == wanted.to_lowercase()),
        "anything-but" => match operand {
            Value::Array(values) => !values.iter().any(|one| is_equal(one, value)),
            Value::Object(inner) => inner.iter().all(|(operator, operand)| !operation_holds(operator, operand, value)),
            _ => !is_equal(operand, value),
        },
        _ => operand.as_array().is_some_and(|comparisons| {
            comparisons.chunks(2).all(|pair| match (value.as_f64(), &pair[0], pair.get(1).and_then(Value::as_f64)) {
                (Some(number), Value::String(sign), Some(limit)) => match sign.as_str() {
                    "=" => number == limit,
                    ">" => number > limit,
                    ">=" => number >= limit,
                    "<" => number < limit,
                    "<=" => number <= limit,
                    _ => false,
                },
                _ => false,
            })
        }),
    }
}

/// Numbers are equal if their values are, however they are written.
fn is_equal(left: &Value, right: &Value) -> bool {
    left == right || left.as_f64().is_some_and(|number| Some(number) == right.as_f64())
}

/// Message attributes as an object; binary ones cannot be matched.
fn as_object(attributes: &BTreeMap<String, (String, String)>) -> Value {
    let value = |(data_type, value): &(String, String)| match data_type.split('.').next() {
        Some("Binary") => None,
        Some("Number") => serde_json::from_str(value).ok(),
        _ if data_type == "String.Array" => serde_json::from_str(value).ok(),
        _ => Some(Value::from(value.as_str())),
    };
    attributes.iter().filter_map(|(name, attribute)| Some((name.clone(), value(attribute)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{checked, matches};

    fn accepts(policy: &Value, body: &Value) -> bool {
        matches(&checked(policy, true), &[body])
    }

    #[test]
    fn a_policy_on_the_body_reaches_into_objects_and_arrays() {
        let body = json!({
            "severity": "ERROR",
            "stackSet": {"name": "baseline", "region": "eu-west-1"},
            "counts": {"failed": 12},
            "causes": [{"code": "THROTTLING"}, {"code": "SCP_DENIED", "tags": ["a", "b"]}],
            "retry": null,
        });
        for (policy, expected) in [
            (json!({"severity": ["WARNING", "ERROR"]}), true),
            (json!({"severity": ["error"]}), false),
            (json!({"stackSet": {"name": ["baseline"]}}), true),
            (json!({"stackSet": {"name": [{"prefix": "base"}], "region": [{"suffix": "-2"}]}}), false),
            (json!({"causes": {"code": ["SCP_DENIED"]}}), true),
            (json!({"causes": {"tags": ["b"]}}), true),
            (json!({"causes": {"code": ["UNKNOWN"]}}), false),
            (json!({"causes": {"code": [{"anything-but": ["THROTTLING"]}]}}), true),
            (json!({"causes": {"code": [{"anything-but": ["THROTTLING", "SCP_DENIED"]}]}}), false),
            (json!({"severity": [{"anything-but": {"prefix": "ERR"}}]}), false),
            (json!({"severity": [{"equals-ignore-case": "error"}]}), true),
            (json!({"counts": {"failed": [{"numeric": [">", 10, "<=", 12]}]}}), true),
            (json!({"counts": {"failed": [{"numeric": ["<", 10]}]}}), false),
            (json!({"counts": {"failed": [12.0]}}), true),
            (json!({"retry": [null]}), true),
            (json!({"gone": [{"exists": false}], "severity": [{"exists": true}]}), true),
            (json!({"severity": [{"exists": false}]}), false),
            (json!({"severity": ["ERROR"], "stackSet": {"name": ["other"]}}), false),
            (json!({"$or": [{"severity": ["INFO"]}, {"counts": {"failed": [12]}}]}), true),
        ] {
            assert_eq!(accepts(&policy, &body), expected, "{policy}");
        }
    }

    #[test]
    fn a_policy_that_sns_refuses_is_refused() {
        for policy in [
            json!([]),
            json!({}),
            json!({"a": []}),
            json!({"a": "b"}),
            json!({"a": [["b"]]}),
            json!({"a": [{"cidr": "10.0.0.0/8"}]}),
            json!({"a": ["1"], "b": ["1"], "c": ["1"], "d": ["1"], "e": ["1"], "f": ["1"]}),
            // Two levels deep: 2 * 9 times 9 combinations.
            json!({"a": {"b": [1, 2, 3, 4, 5, 6, 7, 8, 9]}, "c": [1, 2, 3, 4, 5, 6, 7, 8, 9]}),
        ] {
            assert!(std::panic::catch_unwind(|| checked(&policy, true)).is_err(), "{policy}");
        }
        let nested = json!({"a": {"b": ["c"]}});
        assert!(std::panic::catch_unwind(|| checked(&nested, false)).is_err(), "attributes are not nested");
    }
}
