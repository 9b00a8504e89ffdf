//! Spans of time as people write them.

use std::time::Duration;

/// `500ms`, `30s`, `5m`, `1h`; a bare number is seconds.
///
/// # Errors
/// A text that says what was expected.
pub fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        other => return Err(format!("unknown unit {other:?}; expected e.g. 500ms, 30s, 5m or 1h")),
    };
    let number: u64 = number.parse().map_err(|_| "expected a number and a unit, e.g. 30s".to_owned())?;
    Ok(Duration::from_millis(number.saturating_mul(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, millis) in [("500ms", 500), ("30", 30_000), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "s", "5 s", "-1s", "1d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
