//! stub
mod cause;
use crate::operation::TargetResult;
pub use cause::{Cause, Code, Resource};
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateMeaning {
    /// x
    Passed,
    /// x
    Refused,
    /// x
    NotConfigured,
    /// x
    NotInvokable,
    /// x
    NoAction,
    /// x
    NotReached,
    /// x
    Absent,
    /// x
    Unrecognized,
}
/// x
pub fn classify(_r: &TargetResult) -> Option<Cause> {
    Some(Cause { code: Code::Unknown, resource: None, named: vec![] })
}
/// x
pub fn gate_meaning(_r: &TargetResult) -> GateMeaning {
    GateMeaning::Absent
}
/// x
pub fn mask(t: &str) -> String {
    t.to_owned()
}
