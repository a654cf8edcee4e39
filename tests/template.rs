//! The template's environment against the settings that `config.rs` reads, both ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::json;
use stackset_notifier::config::Config;
use stackset_notifier::error::Error;

const TOPIC: (&str, &str) = ("TOPIC_ARN", "arn:aws:sns:eu-central-1:111111111111:alerts");
/// Set from resources of the template, not from a parameter of the same meaning.
const WIRED: &[&str] = &["TOPIC_ARN", "LEDGER_TABLE", "SWEEP_ENABLED"];
/// Set from parameters with a pattern, each of which has a test below.
const PATTERNS: &[&str] = &["STACK_SET_NAME_PATTERN", "MANAGEMENT_ACCOUNT_ID", "MEMBER_ROLE_NAME"];
/// Set from parameters with a pattern of whole numbers.
const NUMBERS: &[&str] = &["STUCK_AFTER_HOURS"];

fn text() -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("template.yaml")).unwrap()
}

/// The node under these keys; what `!Ref` and its like stand for is found under them too.
fn get<'a, 'b>(node: &'a Yaml<'b>, path: &[&str]) -> Option<&'a Yaml<'b>> {
    path.iter().try_fold(node, |node, key| untagged(node).as_mapping_get(key))
}

fn untagged<'a, 'b>(node: &'a Yaml<'b>) -> &'a Yaml<'b> {
    match node {
        Yaml::Tagged(_, inner) => inner,
        plain => plain,
    }
}

/// A scalar as CloudFormation hands it to the function.
fn word(node: &Yaml) -> String {
    let node = untagged(node);
    node.as_str()
        .map(str::to_owned)
        .or_else(|| node.as_integer().map(|number| number.to_string()))
        .unwrap_or_else(|| panic!("{node:?} is neither text nor a whole number"))
}

/// The function's variables, each with its value: a tag (`Ref`, `If`) and what is under it, or a text.
fn variables<'a, 'b>(template: &'a Yaml<'b>) -> Vec<(String, &'a Yaml<'b>)> {
    let path = ["Resources", "Function", "Properties", "Environment", "Variables"];
    let variables = get(template, &path).unwrap().as_mapping().unwrap();
    variables.iter().map(|(name, value)| (word(name), value)).collect()
}

/// The parameter that a variable is a `!Ref` to.
fn parameter(template: &Yaml, value: &Yaml) -> Option<String> {
    let name = match value {
        Yaml::Tagged(tag, inner) if tag.suffix == "Ref" => word(inner),
        _ => return None,
    };
    get(template, &["Parameters", &name]).map(|_| name)
}

/// The variables that the code asks for.
fn asked() -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    Config::from_lookup(|name| {
        asked.borrow_mut().insert(name.to_owned());
        Ok((name == TOPIC.0).then(|| TOPIC.1.to_owned()))
    })
    .unwrap();
    asked.into_inner()
}

fn read(settings: &[(&str, &str)]) -> Result<Config, Error> {
    Config::from_lookup(|name| {
        Ok(settings.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    })
}

/// A configuration as text: two are the same when they read the same.
fn shown(settings: &[(&str, &str)]) -> String {
    format!("{:?}", read(settings).unwrap())
}

#[test]
fn the_template_sets_no_variable_that_the_code_does_not_read() {
    let text = text();
    let documents = Yaml::load_from_str(&text).unwrap();
    let set: BTreeSet<String> = variables(&documents[0]).into_iter().map(|(name, _)| name).collect();
    let asked = asked();
    assert!(set.is_subset(&asked), "{:?}", set.difference(&asked));
}

#[test]
fn defaults_and_allowed_values_are_those_of_the_code() {
    let text = text();
    let documents = Yaml::load_from_str(&text).unwrap();
    for (name, value) in variables(&documents[0]) {
        let Some(parameter) = parameter(&documents[0], value) else {
            // A value that is written out is the code's default.
            if !WIRED.contains(&name.as_str()) {
                assert_eq!(shown(&[TOPIC]), shown(&[TOPIC, (&name, &word(value))]), "{name}");
            }
            continue;
        };
        let definition = get(&documents[0], &["Parameters", &parameter]).unwrap();
        let own = |key: &str| get(definition, &[key]).map(word);
        let with = |value: &str| read(&[TOPIC, (&name, value)]);

        let default = own("Default").unwrap_or_else(|| panic!("{parameter} has no default"));
        assert_eq!(shown(&[TOPIC]), shown(&[TOPIC, (&name, &default)]), "default of {parameter}");

        if let Some(values) = get(definition, &["AllowedValues"]) {
            let values: Vec<String> = values.as_sequence().unwrap().iter().map(word).collect();
            for value in &values {
                with(value).unwrap_or_else(|error| panic!("{parameter} allows {value}: {error}"));
            }
            // The refusal names all words that the code knows.
            let error = with("no such word").unwrap_err().to_string();
            assert!(error.ends_with(&format!(", allowed are {}", values.join(", "))), "{parameter}: {error}");
        } else if NUMBERS.contains(&name.as_str()) {
            // A Number would take 1.5 and 24.0, which the code refuses.
            assert_eq!(own("Type").unwrap(), "String", "{parameter}");
            let schema = json!({"pattern": own("AllowedPattern").unwrap()});
            let taken = |value: &str| jsonschema::is_valid(&schema, &json!(value));
            let mut numbers = Vec::new();
            for number in 0..=1_000 {
                let value = number.to_string();
                assert_eq!(taken(&value), with(&value).is_ok(), "{parameter} {value}");
                numbers.extend(taken(&value).then_some(number));
            }
            for value in
                ["", " ", "1.5", "24.0", "1.", ".5", "-1", "+1", "1e1", "01", "1 ", " 1", "1\n", "1,000", "one", "١"]
            {
                assert!(!taken(value), "{parameter} {value:?}");
            }
            let (least, most) = (numbers.first().unwrap(), numbers.last().unwrap());
            let said = format!("must be a whole number from {least} to {most}");
            assert_eq!(own("ConstraintDescription").unwrap(), said, "{parameter}");
        } else {
            assert!(own("AllowedPattern").is_some(), "{parameter} has neither words nor a pattern");
            assert!(PATTERNS.contains(&name.as_str()), "{parameter} is expected something of");
        }
    }
}

#[test]
fn parameters_with_a_pattern_take_what_the_code_takes() {
    let text = text();
    let documents = Yaml::load_from_str(&text).unwrap();
    for (parameter, name, good, bad) in [
        (
            "StackSetNamePattern",
            "STACK_SET_NAME_PATTERN",
            vec!["*", "prod-*", "a*b*c", "baseline"],
            vec!["a b", "a:b", "a_b"],
        ),
        ("ManagementAccountId", "MANAGEMENT_ACCOUNT_ID", vec!["", "999999999999"], vec!["1234", "o-1234567890"]),
        (
            "MemberRoleName",
            "MEMBER_ROLE_NAME",
            vec!["", "stackset-notifier", "a+b=c,d.e@f_g-h"],
            vec!["*", "path/role", "a b", "arn:aws:iam::111111111111:role/x"],
        ),
    ] {
        let pattern = word(get(&documents[0], &["Parameters", parameter, "AllowedPattern"]).unwrap());
        let schema = json!({"pattern": pattern});
        for (value, taken) in good.iter().map(|value| (value, true)).chain(bad.iter().map(|value| (value, false))) {
            assert_eq!(jsonschema::is_valid(&schema, &json!(value)), taken, "{name}={value} by the template");
            assert_eq!(read(&[TOPIC, (name, value)]).is_ok(), taken, "{name}={value} by the code");
        }
    }
}

#[test]
fn the_template_takes_the_topics_that_the_code_takes() {
    let text = text();
    let documents = Yaml::load_from_str(&text).unwrap();
    let pattern = word(get(&documents[0], &["Parameters", "TopicArn", "AllowedPattern"]).unwrap());
    let schema = json!({"pattern": pattern});
    for (arn, taken) in [
        (TOPIC.1, true),
        ("arn:aws-cn:sns:cn-north-1:111111111111:alerts", true),
        ("arn:aws-us-gov:sns:us-gov-west-1:111111111111:alerts", true),
        ("arn:aws:sns:eu-central-1:111111111111:alerts.fifo", false),
        ("arn:aws:sqs:eu-central-1:111111111111:alerts", false),
        ("arn:aws:sns:eu-central-1:111111111111:alerts:1b2c", false),
        ("alerts", false),
    ] {
        assert_eq!(jsonschema::is_valid(&schema, &json!(arn)), taken, "{arn} by the template");
        assert_eq!(read(&[("TOPIC_ARN", arn)]).is_ok(), taken, "{arn} by the code");
    }
}

/// A row of the table in docs/settings.md.
struct Row {
    parameter: Option<String>,
    variable: Option<String>,
    /// Empty for "none".
    default: String,
    allowed: String,
}

fn settings_table() -> Vec<Row> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let document = fs::read_to_string(path).unwrap();
    let rows = document.lines().filter(|line| line.starts_with("| `") || line.starts_with("| | `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [parameter, variable, default, allowed, meaning] = cells[..] else { panic!("not five cells: {row}") };
        assert!(meaning.ends_with('.'), "{row}");
        let name = |cell: &str| Some(cell.trim_matches('`').to_owned()).filter(|name| !name.is_empty());
        // What the template makes of it stands after a semicolon.
        let default = default.split(';').next().unwrap_or_default().trim_matches('`');
        let default = if default == "none" { String::new() } else { default.to_owned() };
        Row { parameter: name(parameter), variable: name(variable), default, allowed: allowed.to_owned() }
    })
    .collect()
}

/// Words as the table lists them.
fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What the code allows, in the table's form, by its refusal of a value that nothing allows.
fn allowed_by_code(variable: &str) -> String {
    let error = read(&[TOPIC, (variable, "no/such value")]).unwrap_err().to_string();
    let (_, allowed) = error.rsplit_once(", allowed ").unwrap();
    match allowed.split_once(' ').unwrap() {
        ("is", text) => text.to_owned(),
        (_, numbers) if numbers.contains(" from ") => numbers.rsplit(" from ").next().unwrap().to_owned(),
        (_, words) => listed(words.split(", ")),
    }
}

#[test]
fn the_settings_table_has_every_variable_and_every_parameter_once() {
    let text = text();
    let documents = Yaml::load_from_str(&text).unwrap();
    let rows = settings_table();
    let variables_in_table: Vec<String> = rows.iter().filter_map(|row| row.variable.clone()).collect();
    assert_eq!(variables_in_table.iter().cloned().collect::<BTreeSet<_>>(), asked());
    assert_eq!(variables_in_table.len(), asked().len(), "a variable stands twice");
    // In the template's order.
    let parameters = get(&documents[0], &["Parameters"]).unwrap().as_mapping().unwrap();
    let parameters: Vec<String> = parameters.iter().map(|(name, _)| word(name)).collect();
    assert_eq!(rows.iter().filter_map(|row| row.parameter.clone()).collect::<Vec<_>>(), parameters);

    // Side by side are what the template connects; a variable that it does not set has no parameter.
    for row in &rows {
        let Some(variable) = &row.variable else { continue };
        let set = variables(&documents[0]).into_iter().find(|(name, _)| name == variable);
        let by = set.and_then(|(_, value)| parameter(&documents[0], value));
        match variable.as_str() {
            "TOPIC_ARN" => assert_eq!(row.parameter.as_deref(), Some("TopicArn")),
            _ => assert_eq!(row.parameter, by, "{variable}"),
        }
    }
}

#[test]
fn the_settings_table_has_the_defaults_and_allowed_values_of_the_code_and_the_template() {
    let text = text();
    let documents = Yaml::load_from_str(&text).unwrap();
    for row in settings_table() {
        let is_number = row.allowed.split_once(" to ").is_some_and(|(least, _)| least.parse::<u64>().is_ok());
        // Only a free text can be unset.
        assert!(!row.default.is_empty() || !(is_number || row.allowed.starts_with('`')), "{:?}", row.variable);
        if let Some(variable) = row.variable.as_deref().filter(|variable| *variable != TOPIC.0) {
            assert_eq!(shown(&[TOPIC]), shown(&[TOPIC, (variable, &row.default)]), "default of {variable}");
            if row.parameter.is_none() || row.allowed.starts_with('`') || NUMBERS.contains(&variable) {
                assert_eq!(row.allowed, allowed_by_code(variable), "{variable}");
            }
        }
        let Some(parameter) = row.parameter else { continue };
        let definition = get(&documents[0], &["Parameters", &parameter]).unwrap();
        assert_eq!(row.default, word(get(definition, &["Default"]).unwrap()), "default of {parameter}");
        // Better than the pattern, and another test holds it to that.
        let said = word(get(definition, &["ConstraintDescription"]).unwrap());
        let said = said.trim_start_matches("must be ").trim_start_matches("empty or ");
        let said = said.trim_start_matches("empty, ").trim_start_matches("a whole number from ");
        match get(definition, &["AllowedValues"]).filter(|_| row.allowed.starts_with('`')) {
            Some(values) => {
                let values: Vec<String> = values.as_sequence().unwrap().iter().map(word).collect();
                assert_eq!(row.allowed, listed(values.iter().map(String::as_str)), "{parameter}");
            }
            None => assert_eq!(row.allowed.replace('`', ""), said, "{parameter}"),
        }
    }
    // Without a topic the function does not start.
    assert!(read(&[]).is_err());
}
