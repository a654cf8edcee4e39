//! Failure reasons, one per line -> cause, owner, next step.

use std::io::{self, BufRead, Write};
use std::path::Path;

use serde_json::{Value, json};
use stackset_notifier::classify::{Owner, RetryHelps, classify_text};
use stackset_notifier::render::wording;
use stackset_notifier::text::clean;

use crate::args::ListFormat;
use crate::error::Error;
use crate::output::table::Table;

/// Keys of the list.
const KEYS: [&str; 5] = ["cause", "owners", "retryHelps", "nextStep", "text"];

/// Reads the texts and writes what is known of each.
///
/// # Errors
/// [`Error::File`] if they cannot be read, and that of the list.
pub fn run(out: &mut impl Write, file: &Path, format: ListFormat) -> Result<(), Error> {
    let input: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(io::BufReader::new(std::fs::File::open(file).map_err(|error| Error::file(file, &error))?))
    };
    let mut table = Table {
        heads: vec!["Cause", "Owner", "Next step", "Text"],
        keys: KEYS.to_vec(),
        rows: Vec::new(),
        texts: Vec::new(),
    };
    for line in input.split(b'\n') {
        let line = line.map_err(|error| Error::file(file, &error))?;
        let text = clean(&String::from_utf8_lossy(&line));
        if !text.is_empty() {
            add(&mut table, text);
        }
    }
    if format != ListFormat::Text {
        return table.write(out, format);
    }
    for row in &table.texts {
        if let [cause, owner, next_step, text] = row.as_slice() {
            writeln!(out, "{cause} ({owner})\n  {next_step}\n  > {text}")?;
        }
    }
    out.flush()?;
    Ok(())
}

fn add(table: &mut Table, text: String) {
    let cause = classify_text(&text);
    // Whether the stack set is self-managed is not known: most are not.
    let owners = cause.code.owners(false, &cause.named);
    let next_step = cause.code.next_step(&cause.named).with_names(&cause.named);
    let words: Vec<&str> = owners.iter().copied().map(Owner::as_str).collect();
    let helps = cause.code.retry_helps(&cause.named).map(RetryHelps::as_str);
    let code = cause.code.as_str();
    table.rows.push(vec![json!(code), json!(words), json!(helps), json!(next_step), Value::from(text.as_str())]);
    let owner = match owners {
        [] => wording::owner_name(None).to_owned(),
        owners => owners.iter().map(|owner| wording::owner_name(Some(*owner))).collect::<Vec<_>>().join(" or "),
    };
    table.texts.push(vec![code.to_owned(), owner, next_step, text]);
}
