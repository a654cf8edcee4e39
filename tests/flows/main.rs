//! The whole flow through the real SDK over HTTP, against the loopback AWS.

mod events;
mod notify;
mod read;
mod samples;
mod support;
