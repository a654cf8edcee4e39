//! The report of a StackSet operation at the terminal, in files and as a page.

pub mod page;
pub mod row;
