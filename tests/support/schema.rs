//! The JSON Schema of the document, as a check that every test can call.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

static REPORT: LazyLock<Validator> = LazyLock::new(|| strict(include_str!("../../docs/report.schema.json")));
static DIGEST: LazyLock<Validator> = LazyLock::new(|| strict(include_str!("../../docs/digest.schema.json")));

fn strict(text: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(text).unwrap();
    close(&mut schema);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The schema lets later versions add keys; what this version writes must all be described.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.contains_key("properties") && map.get("type") == Some(&json!("object")) {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// Fails unless the document is valid and holds no key that the schema does not describe.
pub(crate) fn check(document: &Value) {
    let is_digest = document["kind"] == "digest";
    let schema = if is_digest { &DIGEST } else { &REPORT };
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    if is_digest {
        let listed = document["operations"].as_array().unwrap().len() as u64;
        assert_eq!(number(&document["counts"]["operations"]), listed);
        document["operations"].as_array().unwrap().iter().for_each(in_progress);
    } else {
        sums(document);
        in_progress(document);
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn listed(holder: &Value) -> u64 {
    let accounts = |place: &Value| place["accounts"].as_array().unwrap().len() as u64;
    holder["targets"].as_array().unwrap().iter().map(accounts).sum::<u64>() + number(&holder["targetsOmitted"])
}

/// What must agree of an operation that has not ended, however its document was shortened.
fn in_progress(operation: &Value) {
    let progress = &operation["inProgress"];
    if progress.is_null() {
        return;
    }
    let running = |at: &&Value| number(&at["running"]) > 0;
    let regions: Vec<&Value> = progress["regions"].as_array().unwrap().iter().filter(running).collect();
    let targets = progress["targets"].as_array().unwrap();
    assert_eq!(regions.len(), targets.len());
    let mut named = 0;
    for (region, at) in regions.into_iter().zip(targets) {
        let accounts = at["accounts"].as_array().unwrap().len() as u64;
        assert_eq!(region["region"], at["region"]);
        assert_eq!(number(&region["running"]), accounts + number(&at["accountsOmitted"]));
        named += accounts;
    }
    assert!(named <= 100, "{named} accounts");
    let queued = &progress["queued"];
    if !queued.is_null() {
        let named = queued["operations"].as_array().unwrap().len() as u64;
        assert_eq!(number(&queued["count"]), named + number(&queued["operationsOmitted"]));
        assert!(named <= 50, "{named} operations");
    }
}

/// What must agree in every document, however it was shortened.
fn sums(document: &Value) {
    let counts = &document["counts"];
    let words = ["succeeded", "failed", "cancelled", "running", "pending", "other"];
    let total: u64 = words.iter().map(|word| number(&counts[*word])).sum();
    assert_eq!(total, number(&counts["total"]));
    let is_counted = document["completeness"]["succeededFrom"] == "CLOUDFORMATION";
    let read = if is_counted { total - number(&counts["succeeded"]) } else { total };
    assert_eq!(read, number(&document["completeness"]["resultsRead"]));
    let others: u64 = counts["otherStatuses"].as_object().unwrap().values().map(number).sum();
    assert_eq!(others, number(&counts["other"]));

    let mut explained = 0;
    for cause in document["causes"].as_array().unwrap() {
        let groups = cause["groups"].as_array().unwrap();
        for group in groups {
            assert_eq!(number(&group["count"]), listed(group));
        }
        let grouped: u64 = groups.iter().map(|group| number(&group["count"])).sum();
        assert_eq!(number(&cause["count"]), grouped + number(&cause["groupsOmitted"]["count"]));
        assert!(number(&cause["accounts"]) <= number(&cause["count"]));
        explained += number(&cause["count"]);
    }
    let failed = number(&counts["failed"]);
    let unsettled = number(&counts["running"]) + number(&counts["pending"]);
    assert!((failed..=failed + unsettled).contains(&explained), "causes of {explained} of {failed} failed");

    let collateral = &document["collateral"];
    let kinds = ["failureToleranceExceeded", "operationStopped", "other"];
    let cancelled: u64 = kinds.iter().map(|kind| number(&collateral[*kind])).sum();
    assert_eq!(cancelled, number(&counts["cancelled"]));
    assert_eq!(cancelled, listed(collateral));
    let reasons: u64 = collateral["reasons"].as_array().unwrap().iter().map(|reason| number(&reason["count"])).sum();
    assert_eq!(number(&collateral["other"]), reasons + number(&collateral["reasonsOmitted"]["count"]));

    let gate = &document["accountGate"];
    let meanings =
        ["passed", "refused", "notConfigured", "notInvokable", "noAction", "notReached", "absent", "unrecognized"];
    assert_eq!(read, meanings.iter().map(|meaning| number(&gate[*meaning])).sum::<u64>());
    assert_eq!(read, number(&gate["resultsCounted"]));
    assert_eq!(number(&gate["skipped"]["count"]), listed(&gate["skipped"]));

    for entry in document["retry"]["plan"].as_array().unwrap() {
        assert!(number(&entry["targets"]) > 0 && number(&entry["cancelled"]) <= number(&entry["targets"]));
        assert!(number(&entry["targets"]) + number(&entry["alsoRuns"]) <= total.max(1), "{entry} of {total}");
    }

    for (list, omitted) in [("byRegion", "byRegionOmitted"), ("byOrganizationalUnit", "byOrganizationalUnitOmitted")] {
        let rows = document[list].as_array().unwrap().iter().chain([&document[omitted]]);
        let sum: u64 = rows
            .map(|row| {
                let known = row["succeeded"].as_u64().unwrap_or(0);
                known + ["failed", "cancelled", "other"].map(|word| number(&row[word])).iter().sum::<u64>()
            })
            .sum();
        let is_by_unit = list == "byOrganizationalUnit";
        assert_eq!(sum, if is_by_unit { read } else { total }, "{list}");
    }
}
