//! The whole flow through the real SDK over HTTP, against the loopback AWS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../support/schema.rs"]
mod schema;

mod compare;
mod counted;
mod events;
mod events_of_stacks;
mod faults;
mod late;
mod ledger;
mod names;
mod notify;
mod read;
mod readme;
mod real_cases;
mod samples;
mod settle;
mod stacks;
mod stuck;
mod support;
mod sweep;
mod tls;
mod totals;
