//! DynamoDB over JSON: conditional updates and batched reads of tables with one text as their key.
//!
//! Everything happens under the server's one lock, so a conditional update is atomic as the real one is.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::{
    expression::{Condition, Names, Update},
    faults::FaultKind,
    query::{Call, Refusal},
    scenario::Scenario,
};

/// An item, in DynamoDB's own JSON: name to `{"S": "text"}` or `{"N": "1"}`.
pub type Item = Map<String, Value>;

const MAX_KEYS: usize = 100;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The attribute, a text, that is its key.
    pub key: String,
    /// The items by their key.
    pub items: BTreeMap<String, Item>,
}

/// An answer, or an error with more than a message.
#[derive(Debug)]
pub(crate) struct Failure {
    refusal: Refusal,
    item: Option<Item>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, item: None }
    }
}

impl Failure {
    pub(crate) fn status(&self) -> u16 {
        self.refusal.status
    }

    pub(crate) fn to_json(&self) -> String {
        let mut document = json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{}", self.refusal.code),
            "message": self.refusal.message,
        });
        if let Some(item) = &self.item {
            document["Item"] = Value::Object(item.clone());
        }
        document.to_string()
    }
}

/// Carries the call out.
pub(crate) fn answer(scenario: &mut Scenario, call: &Call, fault: Option<&FaultKind>) -> Result<String, Failure> {
    let answer = match call.action.as_str() {
        "UpdateItem" => update_item(scenario, &call.json)?,
        "BatchGetItem" => batch_get_item(scenario, &call.json, fault)?,
        _ => return Err(Refusal::new(400, "UnknownOperationException", "").into()),
    };
    Ok(answer.to_string())
}

/// The error that a fault amounts to, if it is one.
pub(crate) fn refusal(fault: &FaultKind) -> Option<Failure> {
    let refusal = match fault {
        FaultKind::Error { status, code, message } => Refusal::new(*status, code, message),
        FaultKind::Throttling => {
            Refusal::new(400, "ThrottlingException", "Rate of requests exceeds the allowed throughput.")
        }
        FaultKind::InternalFailure => Refusal::new(500, "InternalServerError", "Internal server error"),
        FaultKind::ServiceUnavailable => {
            Refusal::new(503, "ServiceUnavailable", "The service is currently unavailable")
        }
        _ => return None,
    };
    Some(refusal.into())
}

fn update_item(scenario: &mut Scenario, request: &Value) -> Result<Value, Failure> {
    let table = table(scenario, request["TableName"].as_str().unwrap_or_default())?;
    let key = key_of(table, &request["Key"])?;
    let names = Names::new(request)?;
    let condition = request["ConditionExpression"].as_str().map(|text| Condition::parse(text, &names)).transpose()?;
    let update = Update::parse(request["UpdateExpression"].as_str().unwrap_or_default(), &names)?;
    names.all_used()?;
    if update.touches(&table.key) {
        let text = format!(
            "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of the key",
            table.key
        );
        return Err(validation(&text).into());
    }

    let old = table.items.get(&key);
    if let Some(condition) = condition
        && !condition.holds(old.unwrap_or(&Item::new()))
    {
        let wants = request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
        return Err(Failure {
            refusal: Refusal::new(400, "ConditionalCheckFailedException", "The conditional request failed"),
            item: old.filter(|_| wants).cloned(),
        });
    }
    let mut new = old.cloned().unwrap_or_default();
    new.insert(table.key.clone(), json!({"S": key}));
    update.apply(&mut new)?;
    let picked = |item: &Item| -> Item {
        item.iter()
            .filter(|(name, _)| update.touches(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let attributes = match request["ReturnValues"].as_str().unwrap_or("NONE") {
        "NONE" => None,
        "ALL_OLD" => old.cloned(),
        "UPDATED_OLD" => old.map(picked),
        "ALL_NEW" => Some(new.clone()),
        "UPDATED_NEW" => Some(picked(&new)),
        other => return Err(validation(&format!("ReturnValues has no value {other}")).into()),
    };
    table.items.insert(key, new);
    Ok(attributes.map_or_else(|| json!({}), |attributes| json!({"Attributes": attributes})))
}

fn batch_get_item(scenario: &mut Scenario, request: &Value, fault: Option<&FaultKind>) -> Result<Value, Failure> {
    let asked = request["RequestItems"].as_object().cloned().unwrap_or_default();
    let count: usize = asked.values().map(|one| one["Keys"].as_array().map_or(0, Vec::len)).sum();
    if !(1..=MAX_KEYS).contains(&count) {
        return Err(validation("Too many items requested for the BatchGetItem call").into());
    }
    let (mut responses, mut unprocessed) = (Map::new(), Map::new());
    for (name, wanted) in asked {
        let table = table(scenario, &name)?;
        let names = Names::new(&wanted)?;
        let projection = wanted["ProjectionExpression"].as_str().map(|text| names.list(text)).transpose()?;
        names.all_used()?;
        let all = wanted["Keys"].as_array().cloned().unwrap_or_default();
        let keys = all.iter().map(|key| key_of(table, key)).collect::<Result<Vec<String>, Refusal>>()?;
        if keys.iter().collect::<HashSet<_>>().len() < keys.len() {
            return Err(validation("Provided list of item keys contains duplicates").into());
        }
        let served = match fault {
            Some(FaultKind::Unprocessed) => keys.len() / 2,
            _ => keys.len(),
        };
        let found: Vec<Item> = keys[..served]
            .iter()
            .filter_map(|key| table.items.get(key))
            .map(|item| match &projection {
                None => item.clone(),
                Some(wanted) => {
                    wanted.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
                }
            })
            .collect();
        if served < keys.len() {
            let mut left = wanted.clone();
            left["Keys"] = Value::Array(all[served..].to_vec());
            unprocessed.insert(name.clone(), left);
        }
        responses.insert(name, json!(found));
    }
    Ok(json!({"Responses": responses, "UnprocessedKeys": unprocessed}))
}

fn table<'a>(scenario: &'a mut Scenario, name: &str) -> Result<&'a mut Table, Refusal> {
    scenario
        .tables
        .iter_mut()
        .find(|table| table.name == name)
        .ok_or_else(|| Refusal::new(400, "ResourceNotFoundException", "Requested resource not found"))
}

fn key_of(table: &Table, key: &Value) -> Result<String, Refusal> {
    match (key[&table.key]["S"].as_str(), key.as_object().map_or(0, Map::len)) {
        (Some(text), 1) if !text.is_empty() && text.len() <= 2048 => Ok(text.to_owned()),
        _ => Err(validation("The provided key element does not match the schema")),
    }
}

pub(crate) fn validation(message: &str) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}
