//! What the agents' own logs say was confirmed to them, or done by them. Pure, but for the logs being read by whoever calls.

use super::truth::{Confirmed, Word};

/// What one agent wrote down, in its order.
#[must_use]
pub fn of(node: &str, log: &str) -> Vec<Confirmed> {
    log.lines().filter_map(|line| Some(Confirmed { at: when(line)?, what: word(node, line)? })).collect()
}

fn word(node: &str, line: &str) -> Option<Word> {
    let node = node.to_owned();
    if let Some((_, after)) = line.split_once("(epoch ") {
        return Some(Word::Joined(node, after.split_once(')')?.0.parse().ok()?));
    }
    let action = field(line, "action=")?;
    if line.contains(" begins ") {
        return Some(Word::Begun(node, action));
    }
    Some(Word::Ended(node, action, field(line, "state=")?))
}

fn field(line: &str, name: &str) -> Option<String> {
    let (_, after) = line.split_once(&format!(" {name}"))?;
    after.split(' ').next().map(str::to_owned)
}

/// Milliseconds since 1970 of a line's `2026-11-27T02:03:18.143520Z`.
fn when(line: &str) -> Option<i64> {
    let stamp = line.split(' ').next()?;
    let at: jiff::Timestamp = stamp.parse().ok()?;
    Some(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_and_actions_are_read_from_the_log_and_nothing_else() {
        let log = "2026-11-27T02:03:19.997844Z  INFO rollcall::step: sim-0000 is in logical group arm-8 (epoch 3) step=\"node_assigned\" ms=9\n\
                   2026-11-27T02:03:20.5Z  INFO rollcall_node_agent::actions: action identify begins action=abc-1 automatic=false\n\
                   2026-11-27T02:03:20.6Z  INFO rollcall_node_agent::core::actions: action done: nothing happened action=abc-1 state=done\n\
                   2026-11-27T02:03:21Z  WARN rollcall_bus: not connected to the broker: no echo\n\
                   half a line action=";
        let words: Vec<Word> = of("n", log).into_iter().map(|confirmed| confirmed.what).collect();
        let expected = [
            Word::Joined("n".into(), 3),
            Word::Begun("n".into(), "abc-1".into()),
            Word::Ended("n".into(), "abc-1".into(), "done".into()),
        ];
        assert_eq!(words, expected);
        assert_eq!(of("n", log)[1].at % 60_000, 20_500);
    }
}
