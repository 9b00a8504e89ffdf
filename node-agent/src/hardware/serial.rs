//! Serial numbers of boards and cases, and what firmware holds in their place.

/// Serial numbers that are none, in lower case.
const PLACEHOLDER_SERIALS: [&str; 28] = [
    "none",
    "n/a",
    "null",
    "empty",
    "invalid",
    "undefined",
    "unknown",
    "default",
    "default string",
    "not specified",
    "not available",
    "not applicable",
    "not provided",
    "not present",
    "no serial",
    "o.e.m.",
    "oem",
    "oem default string000",
    "to be filled by o.e.m.",
    "to be filled by o.e.m",
    "to be filled by oem",
    "serial number",
    "system serial number",
    "board serial number",
    "base board serial number",
    "chassis serial number",
    "type2 - board serial number",
    "mb-1234567890",
];

/// How many different letters and digits a text has.
pub(crate) fn distinct(text: &str) -> usize {
    let mut seen: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len()
}

/// Whether a text of the firmware is what was there before anybody filled it in.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    distinct(&lower) <= 1 || PLACEHOLDER_SERIALS.contains(&lower.as_str())
}

/// Whether a text of the firmware is a serial number, rather than what was never filled in.
pub(crate) fn is_real_serial(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    let counted_up = lower.len() >= 3 && ["0123456789", "1234567890"].iter().any(|digits| digits.starts_with(&lower));
    lower.len() >= 3 && !counted_up && !is_placeholder(text)
}
