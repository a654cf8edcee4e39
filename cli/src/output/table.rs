//! Tables in each form.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};
use textwrap::core::display_width;

use super::style::{HEAD, styled};
use super::{csv, json, markdown};
use crate::args::ListFormat;
use crate::error::Error;

/// A table: what its columns are called, for people and for programs.
pub struct Table {
    /// Heads of the columns for people.
    pub heads: Vec<&'static str>,
    /// Keys of the columns for programs.
    pub keys: Vec<&'static str>,
    /// Cells for programs.
    pub rows: Vec<Vec<Value>>,
    /// Cells for people.
    pub texts: Vec<Vec<String>>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Record(Map<String, Value>);

impl Table {
    /// Writes it in a form.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, out: &mut impl Write, format: ListFormat) -> Result<(), Error> {
        match format {
            ListFormat::Text => self.text(out)?,
            ListFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &self.records()).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            ListFormat::Jsonl => json::lines(out, &self.records())?,
            ListFormat::Csv => self.csv(out)?,
            ListFormat::Markdown => out.write_all(markdown::table(&self.heads, &self.texts).as_bytes())?,
        }
        out.flush()?;
        Ok(())
    }

    fn records(&self) -> Vec<Record> {
        let record =
            |row: &Vec<Value>| Record(self.keys.iter().map(|key| (*key).to_owned()).zip(row.clone()).collect());
        self.rows.iter().map(record).collect()
    }

    fn csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut writer = ::csv::Writer::from_writer(out);
        writer.write_record(&self.keys).map_err(csv::io_error)?;
        for row in &self.rows {
            let cells = row.iter().map(|cell| match cell {
                Value::Null => String::new(),
                Value::String(text) => csv::without_formula(text).into_owned(),
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                other => other.to_string(),
            });
            writer.write_record(cells).map_err(csv::io_error)?;
        }
        writer.flush()
    }

    /// Columns side by side; the last is not padded.
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let width = |column: usize| {
            let cells = self.texts.iter().filter_map(|row| row.get(column)).map(|cell| display_width(cell));
            cells.chain(self.heads.get(column).map(|head| head.len())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &[&str]| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(display_width(cell)))));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        writeln!(out, "{}", styled(HEAD, &line(&self.heads)))?;
        for row in &self.texts {
            writeln!(out, "{}", line(&row.iter().map(String::as_str).collect::<Vec<_>>()))?;
        }
        Ok(())
    }
}
