//! A report, or a table -> the form that was asked for.

pub mod csv;
pub mod json;
pub mod markdown;
mod style;
pub mod table;
pub mod text;

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use stackset_notifier::render;
use stackset_notifier::report::Report;

use crate::args::{Color, Format};
use crate::error::Error;
use crate::row::Row;

/// Columns where standard output is no terminal and `COLUMNS` is not set.
const COLUMNS: usize = 80;
/// Fewest columns that texts are folded at.
const LEAST: usize = 40;

/// How a text is shown.
#[derive(Debug, Clone, Copy)]
pub struct TextLayout {
    /// Columns.
    pub width: usize,
    /// Whether every account is named.
    pub accounts: bool,
}

impl TextLayout {
    /// For standard output.
    pub fn of_stdout(accounts: bool) -> Self {
        let set = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || {
            let size = terminal_size::terminal_size_of(io::stdout()).filter(|_| io::stdout().is_terminal());
            size.map(|(width, _)| usize::from(width.0))
        };
        Self { width: terminal().or(set).unwrap_or(COLUMNS).max(LEAST), accounts }
    }
}

/// Standard output; colours and links go where they are not wanted.
pub fn stdout(color: Color) -> impl Write {
    let choice = match color {
        Color::Auto => AutoStream::choice(&io::stdout()),
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    io::BufWriter::with_capacity(64 * 1024, AutoStream::new(io::stdout(), choice))
}

/// Writes a report and the rows of its list.
///
/// # Errors
/// [`Error::Write`], or [`Error::Library`] or [`Error::Page`] where the document or the page cannot be made.
pub fn report(
    out: &mut impl Write,
    format: Format,
    report: &Report,
    rows: impl FnOnce(&Report) -> Vec<Row>,
    look: TextLayout,
) -> Result<(), Error> {
    match format {
        Format::Text => out.write_all(text::report(report, look).as_bytes())?,
        Format::Json => writeln!(out, "{}", render::document(report)?)?,
        Format::Jsonl => json::lines(out, &rows(report))?,
        Format::Csv => csv::rows(out, &rows(report))?,
        Format::Markdown => out.write_all(markdown::report(report).as_bytes())?,
        Format::Html => out.write_all(report_page::page(report, &rows(report)).map_err(Error::Page)?.as_bytes())?,
    }
    out.flush()?;
    Ok(())
}
