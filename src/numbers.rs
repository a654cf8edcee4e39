//! How numbers and times are written.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `2000` -> `2,000`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 target`, `2,000 targets`; `plural` is the whole plural word.
pub fn count(n: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", number(n), if n == 1 { singular } else { plural })
}

/// RFC 3339 UTC, to the second; `None` for a time that no calendar holds.
pub fn rfc3339(epoch_millis: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(epoch_millis.div_euclid(1_000)).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 7, 999, 1_000, 1_234_567].map(number), ["0", "7", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1, 2_000].map(|n| count(n, "target", "targets")), ["0 targets", "1 target", "2,000 targets"]);
    }
}
