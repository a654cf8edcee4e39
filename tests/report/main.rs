//! Reports and messages of any rows: properties, limits, snapshots. Pure, no network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../support/schema.rs"]
mod schema;

mod cases;
mod chat;
mod digest;
mod folding;
mod make;
mod messages;
mod names;
mod properties;
mod retry;
mod rows;
mod scenarios;
