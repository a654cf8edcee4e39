//! The sandbox as its clients see it, over plain HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod calls;
mod client;
mod cloudformation;
mod demo;
mod dynamodb;
mod faults;
mod instances;
mod organizations;
mod runtime;
mod sns;
mod stacks;
mod totals;
