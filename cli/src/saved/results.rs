//! Pages of `list-stack-set-operation-results`, one after the other.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use stackset_notifier::operation::{Gate, GateStatus, ResultStatus, TargetResult, word};
use stackset_notifier::text::clean;

use super::input;
use crate::error::Error;

const COMMAND: &str = "list-stack-set-operation-results";

/// Gives each result to `on_row`. Whether the last page says that there are more.
///
/// A result that comes twice, as where a page was saved twice, counts once.
pub(super) fn parse(file: &Path, text: &[u8], on_row: impl FnMut(TargetResult)) -> Result<bool, Error> {
    let mut pages = Pages { on_row, known: HashMap::new(), has_more: false };
    let mut parser = serde_json::Deserializer::from_slice(text);
    let mut wrong = |error| input(file, COMMAND, &error);
    loop {
        PageSeed(&mut pages).deserialize(&mut parser).map_err(&mut wrong)?;
        if parser.end().is_ok() {
            return Ok(pages.has_more);
        }
    }
}

struct Pages<F> {
    on_row: F,
    /// Fingerprints of targets, and the status of each.
    known: HashMap<u64, ResultStatus>,
    has_more: bool,
}

impl<F: FnMut(TargetResult)> Pages<F> {
    fn add(&mut self, row: TargetResult) -> Result<(), String> {
        if let Some((account, region)) = row.target() {
            let mut hasher = DefaultHasher::new();
            // An account that moved between two organizational units is listed in each.
            (account, region, &row.organizational_unit_id).hash(&mut hasher);
            let status = row.status.clone().unwrap_or(ResultStatus::Other(String::new()));
            match self.known.entry(hasher.finish()) {
                Entry::Vacant(free) => drop(free.insert(status)),
                Entry::Occupied(known) if *known.get() == status => return Ok(()),
                Entry::Occupied(known) => {
                    return Err(format!(
                        "account {account} in {region} is {} here and {} before: the pages were saved at different times \
                         or are of different operations; save all pages of one operation again",
                        status.as_str(),
                        known.get().as_str()
                    ));
                }
            }
        }
        (self.on_row)(row);
        Ok(())
    }
}

struct PageSeed<'a, F>(&'a mut Pages<F>);

impl<'de, F: FnMut(TargetResult)> DeserializeSeed<'de> for PageSeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(TargetResult)> Visitor<'de> for PageSeed<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the whole output of {COMMAND}, without --query")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_rows = false;
        self.0.has_more = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "Summaries" => {
                    map.next_value_seed(RowsSeed(self.0))?;
                    has_rows = true;
                }
                "NextToken" => self.0.has_more = map.next_value::<Option<String>>()?.is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    if !has_rows && key.starts_with("StackSet") {
                        return Err(A::Error::custom(another(&key)));
                    }
                }
            }
        }
        if has_rows { Ok(()) } else { Err(A::Error::custom(another("no `Summaries` list"))) }
    }
}

/// That the file is another command's.
fn another(what: &str) -> String {
    let of = match what {
        "StackSetOperation" => "describe-stack-set-operation (for --describe)",
        "StackSet" => "describe-stack-set",
        "OperationId" => "list-stack-set-operations",
        "StackSetName" => "list-stack-sets",
        "StackInstanceStatus" => "list-stack-instances",
        "Regions" => "list-stack-set-auto-deployment-targets",
        "StackResourceDriftStatus" => "list-stack-instance-resource-drifts",
        what => return format!("this is not the output of {COMMAND}: it has {what}"),
    };
    format!("this is the output of {of}, not of {COMMAND}")
}

struct RowsSeed<'a, F>(&'a mut Pages<F>);

impl<'de, F: FnMut(TargetResult)> DeserializeSeed<'de> for RowsSeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(TargetResult)> Visitor<'de> for RowsSeed<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(RowSeed(self.0))?.is_some() {}
        Ok(())
    }
}

/// A member of `Summaries`. What is wrong with it is found out here, so that the error has its position.
struct RowSeed<'a, F>(&'a mut Pages<F>);

impl<'de, F: FnMut(TargetResult)> DeserializeSeed<'de> for RowSeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(TargetResult)> Visitor<'de> for RowSeed<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a result")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let row = RawRow::deserialize(MapAccessDeserializer::new(map))?;
        if let Some(key) = row.foreign_key() {
            return Err(A::Error::custom(another(key)));
        }
        if let Some(key) = row.missing_key() {
            return Err(A::Error::custom(another(&format!("a result without {key}"))));
        }
        self.0.add(row.into()).map_err(A::Error::custom)
    }
}

/// A member of `Summaries`; what other commands have there is known, too.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawRow {
    account: Option<String>,
    region: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    account_gate_result: Option<RawGate>,
    organizational_unit_id: Option<String>,
    operation_id: Option<IgnoredAny>,
    stack_set_name: Option<IgnoredAny>,
    stack_instance_status: Option<IgnoredAny>,
    regions: Option<IgnoredAny>,
    stack_resource_drift_status: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
struct RawGate {
    status: Option<String>,
    status_reason: Option<String>,
}

impl RawRow {
    /// What only other commands have there.
    fn foreign_key(&self) -> Option<&'static str> {
        let keys = [
            (self.operation_id, "OperationId"),
            (self.stack_set_name, "StackSetName"),
            (self.stack_instance_status, "StackInstanceStatus"),
            (self.regions, "Regions"),
            (self.stack_resource_drift_status, "StackResourceDriftStatus"),
        ];
        keys.into_iter().find_map(|(value, key)| value.map(|_| key))
    }

    /// What every result has, and this one lacks.
    fn missing_key(&self) -> Option<&'static str> {
        let keys = [(&self.account, "Account"), (&self.region, "Region"), (&self.status, "Status")];
        keys.into_iter().find_map(|(value, key)| value.as_deref().is_none_or(str::is_empty).then_some(key))
    }
}

impl From<RawRow> for TargetResult {
    fn from(raw: RawRow) -> Self {
        let filled = |text: Option<String>| text.map(|text| clean(&text)).filter(|text| !text.is_empty());
        Self {
            account: filled(raw.account),
            region: filled(raw.region),
            status: raw.status.map(|status| ResultStatus::from(word(&status).as_str())),
            reason: filled(raw.status_reason),
            gate: raw.account_gate_result.map(|gate| Gate {
                status: gate.status.map(|status| GateStatus::from(word(&status).as_str())),
                reason: filled(gate.status_reason),
            }),
            organizational_unit_id: filled(raw.organizational_unit_id),
        }
    }
}
