//! The command line, against the loopback AWS and saved files.

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
