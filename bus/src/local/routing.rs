//! How exchanges choose queues. The rules are AMQP 0-9-1's, §3.1.3.

use crate::ExchangeKind;

/// An exchange and its bindings, in the order they were made.
#[derive(Clone, Debug)]
pub(super) struct ExchangeState {
    pub kind: ExchangeKind,
    bindings: Vec<(String, String)>,
}

impl ExchangeState {
    pub fn new(kind: ExchangeKind) -> Self {
        Self { kind, bindings: Vec::new() }
    }

    /// Binding twice changes nothing.
    pub fn bind(&mut self, key: &str, queue: &str) {
        if !self.bindings.iter().any(|(k, q)| k == key && q == queue) {
            self.bindings.push((key.into(), queue.into()));
        }
    }

    pub fn unbind_queue(&mut self, queue: &str) {
        self.bindings.retain(|(_, bound)| bound != queue);
    }

    /// The queues that take a message with this key; each once.
    pub fn route(&self, key: &str) -> Vec<String> {
        let mut queues: Vec<String> = Vec::new();
        for (pattern, queue) in &self.bindings {
            if self.matches(pattern, key) && !queues.contains(queue) {
                queues.push(queue.clone());
            }
        }
        queues
    }

    fn matches(&self, pattern: &str, key: &str) -> bool {
        match self.kind {
            ExchangeKind::Fanout => true,
            ExchangeKind::Direct => pattern == key,
            ExchangeKind::Topic => topic_matches(pattern, key),
        }
    }
}

/// Whether a dotted key fits a pattern in which `*` stands for one word and `#` for any number of words, none
/// included.
pub(super) fn topic_matches(pattern: &str, key: &str) -> bool {
    let words: Vec<&str> = if key.is_empty() { Vec::new() } else { key.split('.').collect() };
    // reached[i]: the pattern read so far can stand for the first i words.
    let mut reached = vec![false; words.len() + 1];
    reached[0] = true;
    for part in pattern.split('.').filter(|_| !pattern.is_empty()) {
        if part == "#" {
            let first = reached.iter().position(|&r| r).unwrap_or(reached.len());
            reached.iter_mut().skip(first).for_each(|r| *r = true);
            continue;
        }
        for i in (1..reached.len()).rev() {
            reached[i] = reached[i - 1] && (part == "*" || part == words[i - 1]);
        }
        reached[0] = false;
    }
    reached[words.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_patterns_take_what_amqp_says() {
        for (pattern, key, fits) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("#", "", true),
            ("#", "a.b", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", false),
            ("#.c", "a.b.c", true),
            ("#.c", "c", true),
            ("#.c", "a.b", false),
            ("a.#.c", "a.c", true),
            ("a.#.c", "a.b.b.c", true),
            ("a.#.c.*", "a.c.c.d", true),
            ("#.*", "", false),
            ("a.*.#", "a", false),
        ] {
            assert_eq!(topic_matches(pattern, key), fits, "{pattern:?} {key:?}");
        }
    }

    #[test]
    fn a_queue_bound_twice_gets_one_copy() {
        let mut exchange = ExchangeState::new(ExchangeKind::Topic);
        exchange.bind("a.*", "q");
        exchange.bind("#", "q");
        exchange.bind("#", "r");
        assert_eq!(exchange.route("a.b"), ["q", "r"]);
        exchange.unbind_queue("q");
        assert_eq!(exchange.route("a.b"), ["r"]);
    }
}
