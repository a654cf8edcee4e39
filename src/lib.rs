//! Reports why a CloudFormation StackSet operation failed, who can fix it and how to retry.
//!
//! # Flow
//!
//! An **event** names an operation; we **read** all its results, **classify** each one, build a
//! **report**, **render** it for each kind of subscriber, and **publish** it.
//!
//! # Layout
//!
//! One file a step, in that order: [`event`], [`read`], [`classify`], [`report`], [`render`],
//! [`publish`]. [`handler`] decides what an invocation is for, and [`notifier`] is the sentence above for
//! one operation; [`reporter`] is the part of it that reads the operation and builds its report. [`organization`] knows what accounts are called and which of them are suspended.
//! [`ledger`] knows what was reported already. [`sweep`] finds on a schedule what no event reported, and
//! hands it to the notifier. [`response`] is what an invocation answers, and [`time_budget`] shares out its
//! time. [`operation`] holds our words for what CloudFormation says, [`config`] every setting, [`error`]
//! what can go wrong, [`aws`] what the AWS clients share, `numbers` how numbers are written for people,
//! [`text`] what a text from outside may be. `event`, `classify`, `report` and `render` are pure: no AWS
//! type, no clock, no environment.

pub mod aws;
pub mod classify;
pub mod config;
pub mod error;
pub mod event;
pub mod handler;
pub mod ledger;
pub mod notifier;
mod numbers;
pub mod operation;
pub mod organization;
pub mod publish;
pub mod read;
pub mod render;
pub mod report;
pub mod reporter;
pub mod response;
pub mod sweep;
pub mod text;
pub mod time_budget;
