//! Real reasons and the causes a person found in them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may fail on odd data, and print")]

use std::collections::BTreeMap;

use serde_json::Value;
use stackset_notifier::classify::{Code, GateMeaning, classify, classify_text, gate_meaning, mask};
use stackset_notifier::operation::{Gate, GateStatus, ResultStatus, TargetResult};

const CORPUS: &str = include_str!("corpus/reasons.jsonl");
/// Texts that came after the rules.
const SECOND: &str = include_str!("corpus/reasons-2.jsonl");
/// Texts of public repositories that the rules had not seen when they were first judged by them.
const HELD_OUT: &str = include_str!("corpus/held-out.jsonl");
/// `CODE|text`: more wordings of services, to see that a rule helps more than the line it was made for.
const WORDINGS: &str = include_str!("corpus/wordings.txt");
/// More real reasons, in the corpus's form.
const MORE: &str = include_str!("corpus/more-reasons.jsonl");
const KNOWN_MISSES: &str = include_str!("corpus/known-misses.md");
/// The category of texts that an account gate answered, and no row.
const GATE_TEXT: &str = "GATE_SKIPPED";

struct Line {
    text: String,
    field: String,
    status: Option<String>,
    gate_status: Option<String>,
    category: String,
}

fn corpus() -> Vec<Line> {
    parse(CORPUS)
}

fn parse(jsonl: &str) -> Vec<Line> {
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let get = |key: &str| value[key].as_str().map(str::to_owned);
        Line {
            text: get("text").unwrap(),
            field: get("field").unwrap(),
            status: get("status"),
            gate_status: get("gate_status"),
            category: get("category").unwrap(),
        }
    };
    jsonl.lines().map(line).collect()
}

fn wrapped(text: &str) -> String {
    format!("ResourceLogicalId:Thing, ResourceType:AWS::Some::Type, ResourceStatusReason:{text}.")
}

/// Prints the misses and asserts that they are few and documented.
fn judge(title: &str, lines: &[(String, String)]) {
    let mut misses: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for (text, category) in lines {
        let code = classify_text(text).code.as_str();
        if code != category {
            misses.entry((category.clone(), code)).or_default().push(text);
        }
    }
    let missed: usize = misses.values().map(Vec::len).sum();
    println!("{title}: {} of {} right", lines.len() - missed, lines.len());
    for ((wanted, got), texts) in &misses {
        println!("  {wanted} -> {got}: {}", texts.len());
        for text in texts {
            println!("    {text}");
        }
    }
    assert!(missed * 100 <= lines.len() * 3, "{title}: {missed} misses");
    for text in misses.values().flatten() {
        assert!(KNOWN_MISSES.contains(*text), "{title}: a miss that known-misses.md does not list: {text}");
    }
}

#[test]
fn reasons_as_they_stand() {
    let lines = corpus().into_iter().filter(|line| line.category != GATE_TEXT);
    judge("raw", &lines.map(|line| (line.text, line.category)).collect::<Vec<_>>());
}

#[test]
fn the_second_corpus_raw_and_wrapped() {
    let lines = || parse(SECOND).into_iter().filter(|line| line.category != GATE_TEXT);
    judge("second, raw", &lines().map(|line| (line.text, line.category)).collect::<Vec<_>>());
    let wrapped_ones = lines().filter(|line| line.field == "e").map(|line| (wrapped(&line.text), line.category));
    judge("second, wrapped", &wrapped_ones.collect::<Vec<_>>());
}

#[test]
fn texts_that_the_rules_had_not_seen() {
    judge("held out", &parse(HELD_OUT).into_iter().map(|line| (line.text, line.category)).collect::<Vec<_>>());
}

/// Reports classify the masked text, once for all texts that differ in ids only.
#[test]
fn masking_changes_no_code() {
    let lines = parse(CORPUS).into_iter().chain(parse(MORE));
    for text in lines.flat_map(|line| [wrapped(&line.text), line.text]) {
        assert_eq!(classify_text(&mask(&text)).code, classify_text(&text).code, "{text}");
    }
}

/// The shortest real text with the cause that says something, as a cell of a table.
fn example(code: Code) -> String {
    let lines = [CORPUS, SECOND, MORE, HELD_OUT].into_iter().flat_map(parse);
    let texts = lines.filter(|line| line.category == code.as_str() && line.text.len() > 20).map(|line| line.text);
    let shortest = texts.min_by_key(|text| (text.len(), text.clone())).unwrap_or_default();
    let text = shortest.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if text.is_empty() { String::new() } else { format!("`{}`", text.replace('`', "'")) }
}

/// Fails when the page differs from the table in `src/classify/cause.rs`; with `README_UPDATE` set,
/// it writes it.
#[test]
fn the_page_of_causes_is_the_table() {
    const HEAD: &str = "\
# Causes

Every failed target of a report has one of these causes. A target is an account in a Region.

The outcome is the operation's status in CloudFormation, but for two words of ours: SUCCEEDED_WITH_FAILURES is an operation
that CloudFormation calls SUCCEEDED, because it stayed within its failure tolerance, though targets failed or were
cancelled; IN_PROGRESS is one that has not ended.

\"Retry helps\" means a retry without any change. Where it says nothing, nobody can know, or nothing is to be fixed.

A cause that only a generic error code or weak words name is a guess: its basis is `ERROR_CODE`, and messages say
\"probably\".

| cause | who can fix it | retry helps | next step | an example |
|---|---|---|---|---|
";
    let mut page = HEAD.to_owned();
    for code in Code::ALL {
        const NAMELESS: &[&str] = &[];
        let owners = |self_managed| -> String {
            let owners = code.owners(self_managed, NAMELESS).iter();
            owners.map(|owner| format!("`{}`", owner.as_str())).collect::<Vec<_>>().join(", ")
        };
        let (who, own) = (owners(false), owners(true));
        let who = if who == own { who } else { format!("{who}; with self-managed roles {own}") };
        let helps = code.retry_helps(NAMELESS).map(|helps| format!("`{}`", helps.as_str())).unwrap_or_default();
        let next = code.next_step(NAMELESS).with_names(NAMELESS);
        let example = example(*code);
        let line = format!("| `{}` | {who} | {helps} | {next} | {example} |\n", code.as_str());
        page.push_str(&line.replace("|  |", "| |"));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/causes.md");
    if std::env::var_os("README_UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap_or_default() == page, "run README_UPDATE=1 cargo test the_page");
}

#[test]
fn unknown_texts_have_no_cause() {
    for text in [
        "Baseline probe answered 17 where 23 was expected; see the vendor's manual, page 4.",
        "The gateway cannot reach its upstream.",
        "Widget 7 must be painted before noon",
        "Zephyr",
        "\u{4e00}\u{4e8c}\u{4e09}",
    ] {
        let code = classify_text(text).code;
        assert!(matches!(code, Code::Unknown | Code::CauseNotReported), "{text}: {}", code.as_str());
    }
}

#[test]
fn more_reasons() {
    let lines = parse(MORE).into_iter().filter(|line| line.category != GATE_TEXT);
    judge("more", &lines.map(|line| (line.text, line.category)).collect::<Vec<_>>());
    let lines = parse(MORE).into_iter().filter(|line| line.field == "e");
    judge("more, wrapped", &lines.map(|line| (wrapped(&line.text), line.category)).collect::<Vec<_>>());
}

#[test]
fn resource_reasons_as_a_result_carries_them() {
    let lines = corpus().into_iter().filter(|line| line.field == "e");
    judge("wrapped", &lines.map(|line| (wrapped(&line.text), line.category)).collect::<Vec<_>>());
}

#[test]
fn other_wordings_of_services() {
    let line = |line: &str| line.split_once('|').map(|(code, text)| (text.to_owned(), code.to_owned()));
    judge("wordings", &WORDINGS.lines().filter_map(line).collect::<Vec<_>>());
}

#[test]
fn wrapping_names_the_resource_and_changes_no_code() {
    for line in corpus().into_iter().filter(|line| line.field == "e") {
        let (raw, whole) = (classify_text(&line.text), classify_text(&wrapped(&line.text)));
        assert_eq!((raw.code, &raw.named), (whole.code, &whole.named), "{}", line.text);
        assert_eq!(whole.resource.unwrap().logical_id, "Thing");
    }
}

#[test]
fn rows_get_the_cause_of_their_text() {
    for line in corpus() {
        let row = TargetResult {
            status: line.status.as_deref().map(ResultStatus::from),
            reason: Some(line.text.clone()),
            gate: line.gate_status.as_deref().map(|status| Gate {
                status: Some(GateStatus::from(status)),
                reason: Some("Function not found: AWSCloudFormationStackSetAccountGate".to_owned()),
            }),
            ..TargetResult::default()
        };
        let wanted = (row.status != Some(ResultStatus::Succeeded)).then(|| classify_text(&line.text));
        assert_eq!(classify(&row), wanted, "{}", line.text);
    }
}

#[test]
fn gate_texts_have_their_meaning() {
    for line in corpus().into_iter().filter(|line| line.category == GATE_TEXT) {
        let row = TargetResult {
            gate: Some(Gate {
                status: line.gate_status.as_deref().map(GateStatus::from),
                reason: Some(line.text.clone()),
            }),
            ..TargetResult::default()
        };
        let wanted =
            if line.text.contains("not found") { GateMeaning::NotConfigured } else { GateMeaning::NotInvokable };
        assert_eq!(gate_meaning(&row), wanted, "{}", line.text);
    }
}

#[test]
fn every_category_is_a_code() {
    for line in corpus().into_iter().filter(|line| line.category != GATE_TEXT) {
        assert!(Code::ALL.iter().any(|code| code.as_str() == line.category), "{}", line.category);
    }
}
