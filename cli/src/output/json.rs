//! JSON, one object a line.

use std::io::{self, Write};

use serde::Serialize;

/// Writes each row as a line.
///
/// # Errors
/// That of the writer.
pub fn lines(out: &mut impl Write, rows: &[impl Serialize]) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
