//! x
/// x
pub const FUNCTION_ARN: &str = "x";
