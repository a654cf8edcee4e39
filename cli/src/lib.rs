//! The report of a StackSet operation at the terminal, in files and as a page.
//!
//! [`args`] is the command line and [`run`] does what it says. [`live`] reads AWS, through a [`client`], and [`saved`]
//! reads files of the AWS CLI; both give the library's report, and [`rows`] with one target each. [`output`]
//! writes them, the page by [`report_page`]. [`ls`], [`watch`], [`retry`] and [`classify`] are the other commands, [`progress`] is what a person sees
//! meanwhile, and [`error`] what can go wrong.

pub use report_page::{row, rows};

pub mod args;
pub mod classify;
pub mod client;
pub mod error;
pub mod live;
mod log;
pub mod ls;
pub mod output;
pub mod progress;
pub mod retry;
pub mod run;
pub mod saved;
pub mod watch;
