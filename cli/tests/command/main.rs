//! The command line, against the loopback AWS and saved files.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod aws_cli;
mod classify;
mod errors;
mod help;
mod list;
mod live;
mod outputs;
mod retry;
mod saved;
mod support;
mod watch;
