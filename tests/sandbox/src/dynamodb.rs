//! DynamoDB: conditional updates and batched reads of tables whose key is one string.
//!
//! The server handles one call at a time, so a conditional update is atomic like the real one.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::{
    error::ServiceError,
    expression::{Condition, Names, Update},
    faults::FaultKind,
    scenario::Scenario,
    state::Output,
};

/// An item in DynamoDB's JSON: name to `{"S": "text"}` or `{"N": "1"}`.
pub type Item = Map<String, Value>;

const MAX_KEYS: usize = 100;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The name of its key attribute, a string.
    pub key: String,
    /// The items by key.
    pub items: BTreeMap<String, Item>,
}

pub(crate) fn update_item(scenario: &mut Scenario, request: &Value) -> Result<Output, ServiceError> {
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
        return Err(validation(&text));
    }

    let old = table.items.get(&key);
    if let Some(condition) = condition
        && !condition.holds(old.unwrap_or(&Item::new()))
    {
        let error = ServiceError::new(400, "ConditionalCheckFailedException", "The conditional request failed");
        let wanted = request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
        return Err(match old.filter(|_| wanted) {
            Some(item) => error.with("Item", Value::Object(item.clone())),
            None => error,
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
        other => return Err(validation(&format!("ReturnValues has no value {other}"))),
    };
    table.items.insert(key, new);
    let document = attributes.map_or_else(|| json!({}), |attributes| json!({"Attributes": attributes}));
    Ok(Output::new(document.to_string()))
}

pub(crate) fn batch_get_item(
    scenario: &mut Scenario,
    request: &Value,
    fault: Option<&FaultKind>,
) -> Result<Output, ServiceError> {
    let asked = request["RequestItems"].as_object().cloned().unwrap_or_default();
    let count: usize = asked.values().map(|one| one["Keys"].as_array().map_or(0, Vec::len)).sum();
    if !(1..=MAX_KEYS).contains(&count) {
        return Err(validation("Too many items requested for the BatchGetItem call"));
    }
    let (mut responses, mut unprocessed) = (Map::new(), Map::new());
    for (name, wanted) in asked {
        let table = table(scenario, &name)?;
        let names = Names::new(&wanted)?;
        let projection = wanted["ProjectionExpression"].as_str().map(|text| names.list(text)).transpose()?;
        names.all_used()?;
        let all = wanted["Keys"].as_array().cloned().unwrap_or_default();
        let keys = all.iter().map(|key| key_of(table, key)).collect::<Result<Vec<String>, ServiceError>>()?;
        if keys.iter().collect::<HashSet<_>>().len() < keys.len() {
            return Err(validation("Provided list of item keys contains duplicates"));
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
    Ok(Output::new(json!({"Responses": responses, "UnprocessedKeys": unprocessed}).to_string()))
}

fn table<'a>(scenario: &'a mut Scenario, name: &str) -> Result<&'a mut Table, ServiceError> {
    scenario
        .tables
        .iter_mut()
        .find(|table| table.name == name)
        .ok_or_else(|| ServiceError::new(400, "ResourceNotFoundException", "Requested resource not found"))
}

fn key_of(table: &Table, key: &Value) -> Result<String, ServiceError> {
    match (key[&table.key]["S"].as_str(), key.as_object().map_or(0, Map::len)) {
        (Some(text), 1) if !text.is_empty() && text.len() <= 2048 => Ok(text.to_owned()),
        _ => Err(validation("The provided key element does not match the schema")),
    }
}

pub(crate) fn validation(message: &str) -> ServiceError {
    ServiceError::new(400, "ValidationException", message)
}
