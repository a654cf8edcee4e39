//! A loopback AWS for tests, the demo and benchmarks.
//!
//! [`Aws`] is one HTTP server for all services that the notifier calls. It follows the public service models and refuses
//! what the real services refuse. [`Runtime`] is the Lambda Runtime API for one function. What they hold, and what goes
//! wrong, is data: a [`Scenario`] with its stack sets, operations, [`Row`]s and [`Fault`]s.
//!
//! | service | actions |
//! |---|---|
//! | CloudFormation | `ListStackSets`, `ListStackSetOperations`, `DescribeStackSetOperation`, `ListStackSetOperationResults`, `ListStackInstances`, `DescribeEvents`, `DescribeStackEvents` |
//! | STS | `AssumeRole`, `GetCallerIdentity` |
//! | Organizations | `DescribeAccount`, `DescribeOrganizationalUnit` |
//! | SNS | `Publish`, with subscriptions and their filter policies |
//! | DynamoDB | `UpdateItem`, `BatchGetItem` |
//!
//! ```
//! use sandbox::{Aws, Fault, FaultKind, Operation, Row, Scenario, StackSet};
//!
//! let set = StackSet::self_managed("baseline", "111111111111", "eu-central-1").operation(
//!     Operation::new("op-1").action("UPDATE").status("FAILED").rows(vec![
//!         Row::succeeded("222222222222", "eu-west-1"),
//!         Row::failed("333333333333", "eu-west-1", "Internal Failure")
//!             .gate("SKIPPED", "AWSCloudFormationStackSetAccountGate function not found"),
//!     ]),
//! );
//! let aws = Aws::start_in_thread(
//!     Scenario::new()
//!         .stack_set(set)
//!         .topic("arn:aws:sns:eu-central-1:111111111111:stackset-notifications")
//!         .fault(Fault::on("ListStackSetOperationResults", FaultKind::Throttling).page(1).once()),
//! );
//! assert!(aws.url().starts_with("http://127.0.0.1:"));
//! assert!(aws.published().is_empty());
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: an error of the loopback itself should end the test at once"
)]

mod aws;
mod call;
mod calls;
mod cloudformation;
pub mod demo;
mod describe;
mod dynamodb;
mod error;
mod expression;
mod faults;
mod http;
mod ids;
mod instances;
mod operation;
mod organizations;
mod pages;
mod rows;
mod runtime;
mod scenario;
mod service;
mod sessions;
mod sns;
mod stacks;
mod state;
mod subscriptions;
mod tls;
mod totals;
mod xml;

pub use crate::{
    aws::Aws,
    dynamodb::{Item, Table},
    faults::{Fault, FaultKind, Fired, When},
    instances::StackInstance,
    operation::{Drift, FailedCount, Operation, Preferences, Targets},
    organizations::{Account, Organization},
    rows::{Gate, Row, Rows},
    runtime::{Invocation, Outcome, Runtime},
    scenario::{Scenario, StackSet},
    sns::Published,
    stacks::{Stack, StackEvent},
    state::Request,
    subscriptions::{Delivery, Subscription},
    tls::{TlsFront, loopback_tls},
    totals::{Stage, Totals},
};
