//! `stackset-report`: the report of a StackSet operation at the terminal.

fn main() {}
