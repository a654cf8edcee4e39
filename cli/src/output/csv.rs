//! Tables for a spreadsheet.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. Reasons and account names come from
//! others, so such a cell begins with an apostrophe, as a person would type it. Programs read jsonl, which has the texts
//! as they are.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::row::Row;

/// The header of [`rows`].
pub const HEADER: [&str; 9] =
    ["account", "accountName", "region", "organizationalUnitId", "status", "cause", "owners", "retryHelps", "reason"];

/// Writes one target a line, below the header.
///
/// # Errors
/// That of the writer.
pub fn rows(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(HEADER).map_err(io_error)?;
    for row in rows {
        let owners = row.owners.join(" ");
        let cells = [
            row.account.as_deref(),
            row.account_name.as_deref(),
            row.region.as_deref(),
            row.organizational_unit_id.as_deref(),
            row.status.as_deref(),
            row.cause,
            Some(owners.as_str()),
            row.retry_helps,
            row.reason.as_deref(),
        ];
        for cell in cells {
            csv.write_field(without_formula(cell.unwrap_or_default()).as_ref()).map_err(io_error)?;
        }
        csv.write_record(None::<&[u8]>).map_err(io_error)?;
    }
    csv.flush()
}

/// The writer's error itself, whose kind says whether the reader has gone.
pub(super) fn io_error(error: ::csv::Error) -> io::Error {
    let text = error.to_string();
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        _ => io::Error::other(text),
    }
}

/// A cell that is no formula.
pub fn without_formula(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}").into() } else { cell.into() }
}
