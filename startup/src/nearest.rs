//! "Did you mean …?"

/// The candidate most like `word`, if any is like enough to be meant.
///
/// Case and the difference between `-` and `_` do not count.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    candidates
        .into_iter()
        .map(|candidate| (likeness(&word, &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Typing errors, or the same word with an ending such as a unit (`period` for `period_seconds`).
fn likeness(word: &str, candidate: &str) -> f64 {
    let typed = strsim::normalized_damerau_levenshtein(word, candidate);
    let begins = candidate.strip_prefix(word).is_some_and(|rest| word.len() >= 3 || rest.starts_with('_'));
    if begins && !word.is_empty() { typed.max(0.7) } else { typed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_word_and_a_stranger_finds_none() {
        let table = [
            ("brokr", Some("broker")),
            ("Broker", Some("broker")),
            ("keep-alive", Some("keep_alive_ms")),
            ("intrefaces", Some("interfaces")),
            ("colour", None),
            ("ca", Some("ca_file")),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, ["broker", "keep_alive_ms", "interfaces", "ca_file"]), expected, "{word}");
        }
    }
}
