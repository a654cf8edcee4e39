//! Tells why a CloudFormation StackSet operation failed, who can fix it and how to retry.
//!
//! # Flow
//!
//! An **event** names an operation; we **read** all its results, **classify** each one, fold them
//! into a **report**, **render** it for each kind of subscriber, and **publish** it.
//!
//! # Layout
//!
//! One file a step, in that order: [`event`], [`read`], [`classify`], [`report`], [`render`],
//! [`publish`]; [`handler`] is the sentence above, and [`gather`] reads and folds until all results are
//! there. [`ledger`] knows who was told already, and [`guard`] keeps the order in which nobody is told
//! twice and nothing is lost. [`sweep`] finds on a schedule what no event told. [`response`] says what was
//! done. [`operation`] holds our words for what CloudFormation tells, [`config`] every setting, [`error`]
//! what can go wrong, [`aws`] what the AWS clients share, `numbers` how numbers are written for people.
//! `event`, `classify`, `report` and `render` are pure: no AWS type, no clock, no environment.

pub mod aws;
pub mod classify;
pub mod config;
pub mod error;
pub mod event;
pub mod gather;
pub mod guard;
pub mod handler;
pub mod ledger;
mod numbers;
pub mod operation;
pub mod publish;
pub mod read;
pub mod render;
pub mod report;
pub mod response;
pub mod sweep;
