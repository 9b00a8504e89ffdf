//! How a state looks: never by colour alone. Each has a letter of style sheets, a mark, and its word.

use super::bits::CRITICAL;

/// How a state looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Class in the style sheets: colour, shape and pattern.
    pub class: &'static str,
    /// Stands in a cell of the map.
    pub mark: &'static str,
    /// The word of the design, or what it says in more detail.
    pub word: &'static str,
}

const HEALTHY: Look = Look { class: "h", mark: "", word: "healthy" };
const WARNING: Look = Look { class: "w", mark: "!", word: "degraded" };
const CRITICALLY: Look = Look { class: "c", mark: "‼", word: "degraded, critically" };
const SUSPECT: Look = Look { class: "s", mark: "?", word: "suspect" };
const DOWN: Look = Look { class: "d", mark: "✕", word: "down" };
const UNKNOWN: Look = Look { class: "u", mark: "–", word: "unknown" };
const JOINING: Look = Look { class: "j", mark: "+", word: "joining" };
const LEFT: Look = Look { class: "l", mark: "○", word: "left" };

/// Every look, worst first, as the legend shows them.
pub(super) const LOOKS: [Look; 8] = [DOWN, UNKNOWN, SUSPECT, CRITICALLY, WARNING, JOINING, LEFT, HEALTHY];

/// How a node in this state with these bits looks.
pub(super) fn look(state: &str, bits: u32) -> Look {
    match state {
        "healthy" => HEALTHY,
        "degraded" if bits & CRITICAL != 0 => CRITICALLY,
        "degraded" => WARNING,
        "suspect" => SUSPECT,
        "down" => DOWN,
        "joining" => JOINING,
        "left" => LEFT,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::NodeState;

    use super::*;

    #[test]
    fn every_state_has_a_class_a_mark_and_a_word_of_its_own() {
        for state in NodeState::ALL {
            assert_eq!(look(state.as_str(), 0).word, state.as_str());
        }
        assert_eq!(look("degraded", 1).class, "c", "a processor too hot is critical");
        assert_eq!(look("degraded", 2).class, "w");
        let mut words: Vec<&str> = LOOKS.iter().map(|look| look.word).filter(|word| *word != CRITICALLY.word).collect();
        words.dedup();
        assert_eq!(words, NodeState::WORST_FIRST.map(NodeState::as_str), "the legend has the order of all");
        let mut marks: Vec<_> = LOOKS.iter().map(|look| look.mark).collect();
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), LOOKS.len());
    }
}
