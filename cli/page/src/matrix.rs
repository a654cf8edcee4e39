//! The matrix of accounts by Regions: its data, its marks and its filters.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use askama::Error;
use serde::Serialize;
use stackset_notifier::classify::{Code, Owner};
use stackset_notifier::render::wording;
use stackset_notifier::report::{Report, SucceededFrom};

use super::retry_words;
use crate::row::Row;

/// Colours that the style sheet has for causes.
const COLOURS: usize = 7;

/// What the page shows of the rows.
pub(super) struct Matrix {
    /// The data of the script, safe within a script element.
    pub(super) json: String,
    pub(super) legend: Vec<MarkMeaning>,
    pub(super) causes: Vec<Choice>,
    pub(super) owners: Vec<Choice>,
    pub(super) statuses: Vec<Choice>,
    /// Whether there is any target.
    pub(super) has_rows: bool,
    /// Whether any cell is empty.
    pub(super) has_empty: bool,
    /// What it means that a cell is empty.
    pub(super) empty: &'static str,
    /// Which accounts the matrix does not list; empty where it lists all.
    pub(super) unlisted: &'static str,
}

/// What stands in a cell, and its class: no cause is shown by colour alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(super) struct Mark {
    pub(super) text: String,
    pub(super) class: String,
}

impl Mark {
    /// The mark of a cause by its number on the page: letters; colours come again with a pattern.
    pub(super) fn of_cause(number: usize) -> Self {
        let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or_default());
        let mut text: String = (number >= 26).then(|| letter(number / 26 - 1)).into_iter().collect();
        text.push(letter(number));
        let pattern = match number / COLOURS % 3 {
            0 => "",
            1 => " framed",
            _ => " dotted",
        };
        Self { text, class: format!("cause-{}{pattern}", number % COLOURS) }
    }

    fn of_status(status: &str) -> Self {
        let (text, class) = match status {
            "SUCCEEDED" => ("·", "succeeded"),
            "CANCELLED" => ("–", "cancelled"),
            "RUNNING" => ("»", "running"),
            "PENDING" => ("…", "pending"),
            _ => ("?", "other"),
        };
        Self { text: text.to_owned(), class: class.to_owned() }
    }
}

/// A line of the legend.
pub(super) struct MarkMeaning {
    pub(super) mark: Mark,
    pub(super) text: String,
    pub(super) targets: String,
}

/// An entry of a filter.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) targets: String,
}

#[derive(Serialize)]
struct Data<'a> {
    units: Vec<UnitData>,
    accounts: Vec<AccountData>,
    regions: Vec<String>,
    kinds: &'a [Kind],
    reasons: Vec<String>,
    /// Account, Region, kind, and reason, all by number; the reason may be missing.
    targets: Vec<(usize, usize, usize, Option<usize>)>,
    empty: &'static str,
}

#[derive(Serialize)]
struct UnitData {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Serialize)]
struct AccountData {
    id: Option<String>,
    name: Option<String>,
    unit: usize,
}

/// What targets have in common.
#[derive(Serialize)]
struct Kind {
    status: String,
    cause: Option<&'static str>,
    title: Option<&'static str>,
    step: Option<String>,
    owners: Vec<&'static str>,
    retry: &'static str,
    mark: Mark,
    ok: bool,
    #[serde(skip)]
    targets: u64,
}

/// Accounts by their organizational units: one that has moved between two is in both.
type AccountKey<'a> = (Option<&'a str>, Option<&'a str>);

/// Makes the matrix; `codes` are the causes in the order of the page.
pub(super) fn matrix(report: &Report, rows: &[Row], codes: &[&'static str]) -> Result<Matrix, Error> {
    let (kinds, kind_of) = kinds(report, rows, codes);
    let mut problems: BTreeMap<AccountKey<'_>, u64> = BTreeMap::new();
    let mut unit_problems: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    let mut regions: BTreeSet<Option<&str>> = BTreeSet::new();
    for (row, kind) in rows.iter().zip(&kind_of) {
        let n = u64::from(kinds.get(*kind).is_some_and(|kind| !kind.ok));
        let unit = row.organizational_unit_id.as_deref();
        *problems.entry((unit, row.account.as_deref())).or_default() += n;
        *unit_problems.entry(unit).or_default() += n;
        regions.insert(row.region.as_deref());
    }
    let number_of_region: HashMap<Option<&str>, usize> = regions.iter().copied().zip(0..).collect();
    // What needs an eye comes first.
    let mut units: Vec<Option<&str>> = unit_problems.keys().copied().collect();
    units.sort_by_key(|unit| (Reverse(unit_problems.get(unit).copied()), *unit));
    let number_of_unit: HashMap<Option<&str>, usize> = units.iter().copied().zip(0..).collect();
    let unit_number = |unit: Option<&str>| number_of_unit.get(&unit).copied().unwrap_or_default();
    let mut accounts: Vec<(AccountKey<'_>, u64)> = problems.into_iter().collect();
    accounts.sort_by_key(|&((unit, account), n)| (unit_number(unit), Reverse(n), account));
    let number_of_account: HashMap<AccountKey<'_>, usize> = accounts.iter().map(|(key, _)| *key).zip(0..).collect();

    let mut names: HashMap<&str, &str> =
        report.names.accounts.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    names.extend(rows.iter().filter_map(|row| row.account.as_deref().zip(row.account_name.as_deref())));
    let clean = |text: Option<&str>| text.map(wording::plain);
    let mut reasons: Vec<String> = Vec::new();
    let mut number_of_reason: HashMap<&str, usize> = HashMap::new();
    let targets = rows.iter().zip(&kind_of).map(|(row, kind)| {
        let key = (row.organizational_unit_id.as_deref(), row.account.as_deref());
        let reason = row.reason.as_deref().map(|reason| {
            *number_of_reason.entry(reason).or_insert_with(|| {
                reasons.push(wording::plain(reason));
                reasons.len() - 1
            })
        });
        let number = |found: Option<&usize>| found.copied().unwrap_or_default();
        let region = number_of_region.get(&row.region.as_deref());
        (number(number_of_account.get(&key)), number(region), *kind, reason)
    });
    let targets: Vec<_> = targets.collect();
    let cells: HashSet<_> = targets.iter().map(|(account, region, ..)| (account, region)).collect();
    let has_empty = cells.len() < accounts.len() * regions.len();
    let (empty, unlisted) = meaning_of_empty(report, rows);
    let data = Data {
        units: units
            .iter()
            .map(|id| UnitData {
                id: clean(*id),
                name: id.and_then(|id| clean(report.names.organizational_units.get(id).map(String::as_str))),
            })
            .collect(),
        accounts: accounts
            .iter()
            .map(|((unit, id), _)| AccountData {
                id: clean(*id),
                name: clean(id.and_then(|id| names.get(id).copied())),
                unit: unit_number(*unit),
            })
            .collect(),
        regions: regions.iter().map(|region| clean(*region).unwrap_or_else(|| "(no Region)".to_owned())).collect(),
        kinds: &kinds,
        reasons,
        targets,
        empty,
    };
    let json = serde_json::to_string(&data).map_err(Error::custom)?;
    Ok(Matrix {
        json: escape_for_script(&json),
        legend: legend(&kinds),
        causes: choices(kinds.iter().flat_map(|kind| kind.cause.map(|cause| (cause, kind.targets)))),
        owners: choices(kinds.iter().flat_map(|kind| kind.owners.iter().map(|owner| (*owner, kind.targets)))),
        statuses: choices(kinds.iter().map(|kind| (kind.status.as_str(), kind.targets))),
        has_rows: !rows.is_empty(),
        has_empty,
        empty,
        unlisted,
    })
}

/// JSON has these characters in strings only. There is then no end of an element in it, and no line that only JSON
/// takes for one.
fn escape_for_script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            _ => out.push(char),
        }
    }
    out
}

/// What it means that a cell is empty, and which accounts are not listed.
fn meaning_of_empty(report: &Report, rows: &[Row]) -> (&'static str, &'static str) {
    let has_unlisted = report.completeness.succeeded_from == SucceededFrom::CloudFormation
        || (rows.len() as u64) < report.counts.total;
    if has_unlisted {
        ("succeeded or no target", "Accounts in which every target succeeded are not listed.")
    } else if report.completeness.missing.is_some() {
        ("no target, or its result was not read", "Accounts without results are not listed.")
    } else {
        ("no target", "")
    }
}

/// Status, cause, owners and whether a retry helps.
type KindKey<'a> = (Option<&'a str>, Option<&'a str>, &'a [&'a str], Option<&'a str>);

/// The kinds of targets, and the number of each row's kind.
fn kinds(report: &Report, rows: &[Row], codes: &[&'static str]) -> (Vec<Kind>, Vec<usize>) {
    let mut letters: Vec<&'static str> = codes.to_vec();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut known: HashMap<KindKey<'_>, usize> = HashMap::new();
    let kind_of = rows.iter().map(|row| {
        let key = (row.status.as_deref(), row.cause, row.owners.as_slice(), row.retry_helps);
        let number = *known.entry(key).or_insert_with(|| {
            kinds.push(kind(report, row, &mut letters));
            kinds.len() - 1
        });
        if let Some(kind) = kinds.get_mut(number) {
            kind.targets += 1;
        }
        number
    });
    let kind_of = kind_of.collect();
    (kinds, kind_of)
}

fn kind(report: &Report, row: &Row, letters: &mut Vec<&'static str>) -> Kind {
    let status = row.status.as_deref().unwrap_or_default();
    let failed_for = row.cause.filter(|_| matches!(status, "FAILED" | "RUNNING" | "PENDING"));
    let mark = match failed_for {
        Some(code) => {
            let number = letters.iter().position(|known| *known == code).unwrap_or_else(|| {
                letters.push(code);
                letters.len() - 1
            });
            Mark::of_cause(number)
        }
        None => Mark::of_status(status),
    };
    let reported = report.causes.iter().find(|cause| Some(cause.code) == row.cause);
    let code = Code::ALL.iter().find(|code| Some(code.as_str()) == row.cause);
    let step = code.map(|code| code.next_step::<&str>(&[]));
    let owner = |word: &&str| {
        let owners = [Owner::Platform, Owner::AccountOwner, Owner::ResourceOwner, Owner::Aws, Owner::Nobody];
        wording::owner_name(owners.into_iter().find(|owner| owner.as_str() == *word))
    };
    Kind {
        status: wording::status(status),
        cause: row.cause,
        title: reported.map(|cause| cause.title).or(step.map(|step| step.title)),
        step: step.and_then(|step| step.more).map(str::to_owned),
        owners: row.owners.iter().map(owner).collect(),
        retry: retry_words(row.retry_helps),
        mark,
        ok: status == "SUCCEEDED",
        targets: 0,
    }
}

fn legend(kinds: &[Kind]) -> Vec<MarkMeaning> {
    let mut by_mark: BTreeMap<&Mark, (String, u64)> = BTreeMap::new();
    for kind in kinds {
        let is_of_cause = kind.mark.class.starts_with("cause-");
        let text = kind.cause.filter(|_| is_of_cause).map_or_else(|| kind.status.clone(), str::to_owned);
        let (texts, targets) = by_mark.entry(&kind.mark).or_default();
        *targets += kind.targets;
        if texts.is_empty() {
            *texts = text;
        } else if !texts.split(", ").any(|known| known == text) {
            texts.push_str(", ");
            texts.push_str(&text);
        }
    }
    let mut legend: Vec<MarkMeaning> = by_mark
        .into_iter()
        .map(|(mark, (text, n))| MarkMeaning { mark: mark.clone(), text, targets: wording::number(n) })
        .collect();
    legend.sort_by_key(|meaning| (!meaning.mark.class.starts_with("cause-"), meaning.mark.text.len()));
    legend
}

/// The entries of a filter, most targets first.
fn choices<'a>(values: impl Iterator<Item = (&'a str, u64)>) -> Vec<Choice> {
    let mut targets: BTreeMap<&str, u64> = BTreeMap::new();
    for (value, n) in values {
        *targets.entry(value).or_default() += n;
    }
    let mut targets: Vec<_> = targets.into_iter().collect();
    targets.sort_by_key(|(_, n)| Reverse(*n));
    targets.into_iter().map(|(value, n)| Choice { value: value.to_owned(), targets: wording::number(n) }).collect()
}
