//! What holds whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_grouping::{Engine, Facts, Rule};
use rollcall_model::{GroupId, Millis, NodeId};

use crate::machines::{at, facts, group, hardware, health, node, rule};

const RULES: [&str; 5] = [
    "health.disk_space",
    "health.disk_space || metrics.cpu_temperature > 80.0",
    "metrics.cpu_temperature > 50.0 && cpu.cores >= 32",
    "!health.fan && nics.exists(n, n.speed_mbps > 2500)",
    "node.state == 'healthy' && policy > 2",
];
const NODES: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Update { node: u32, sick: bool, temperature: Option<u8>, fast: bool, policy: u64 },
    Rule { group: u32, rule: usize, enter: u64, leave: u64 },
    Remove(u32),
    Forget(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let update = (0..NODES, any::<bool>(), proptest::option::of(40_u8..99), any::<bool>(), 0_u64..5)
        .prop_map(|(node, sick, temperature, fast, policy)| Step::Update { node, sick, temperature, fast, policy });
    let set = (0_u32..3, 0..RULES.len(), 0_u64..4, 0_u64..4).prop_map(|(group, rule, enter, leave)| Step::Rule {
        group,
        rule,
        enter: enter * 700,
        leave: leave * 700,
    });
    prop_oneof![
        8 => update,
        2 => set,
        1 => (0_u32..3).prop_map(Step::Remove),
        1 => (0..NODES).prop_map(Step::Forget),
        6 => (0_u64..2_000).prop_map(Step::Wait),
    ]
}

fn made(number: u32, sick: bool, temperature: Option<u8>, fast: bool, policy: u64) -> Facts {
    let mut facts = facts(number);
    facts.policy = policy;
    facts.health = health(if sick { &["disk_space"] } else { &[] }, &[]);
    facts.set_metrics(&temperature.map(|value| ("cpu_temperature".to_owned(), f64::from(value))).into_iter().collect());
    let mut other = hardware();
    other.nics[1].speed_mbps = Some(if fast { 25_000 } else { 1_000 });
    facts.set_hardware(&other);
    facts
}

/// What the engine was told, kept in the simplest way there is.
#[derive(Default)]
struct Told {
    nodes: BTreeMap<NodeId, Facts>,
    rules: BTreeMap<GroupId, (Rule, u64, u64)>,
    /// Since when a verdict stands without a break: `(holds, since)`.
    since: BTreeMap<(GroupId, NodeId), (bool, u64)>,
    members: BTreeMap<(GroupId, NodeId), bool>,
}

impl Told {
    fn judge(&mut self, now: u64) {
        for (group, (rule, ..)) in &self.rules {
            for (node, facts) in &self.nodes {
                let verdict = match rule.evaluate(facts) {
                    rollcall_grouping::Verdict::Holds => true,
                    rollcall_grouping::Verdict::Fails => false,
                    rollcall_grouping::Verdict::Unknown => {
                        self.since.remove(&(*group, *node));
                        continue;
                    }
                };
                let since = self.since.entry((*group, *node)).or_insert((verdict, now));
                if since.0 != verdict {
                    *since = (verdict, now);
                }
            }
        }
    }

    /// Checks a move against the dwell and takes it.
    fn take(&mut self, now: u64, moved: &rollcall_grouping::Move) -> Result<(), TestCaseError> {
        let key = (moved.group, moved.node);
        let (holds, since) = self.since[&key];
        let (_, enter, leave) = &self.rules[&moved.group];
        let dwell = if moved.entered { *enter } else { *leave };
        prop_assert_eq!(holds, moved.entered);
        prop_assert!(now - since >= dwell, "{:?} after {} of {} ms", moved, now - since, dwell);
        let was = self.members.insert(key, moved.entered).unwrap_or(false);
        prop_assert_ne!(was, moved.entered, "nobody enters twice: {:?}", moved);
        Ok(())
    }
}

fn play(engine: &mut Engine, told: &mut Told, now: &mut u64, step: &Step) -> Result<(), TestCaseError> {
    let mut moves = Vec::new();
    match *step {
        Step::Update { node: number, sick, temperature, fast, policy } => {
            let facts = made(number, sick, temperature, fast, policy);
            told.nodes.insert(node(number), facts.clone());
            told.judge(*now);
            moves = engine.update(at(*now), node(number), facts);
        }
        Step::Rule { group: number, rule: which, enter, leave } => {
            let of = group(number);
            let new = rule(RULES[which]);
            if told.rules.get(&of).is_none_or(|(old, ..)| *old != new) {
                told.since.retain(|(group, _), _| *group != of);
            }
            told.rules.insert(of, (new.clone(), enter, leave));
            told.judge(*now);
            moves = engine.set_rule(at(*now), of, new, Millis(enter), Millis(leave));
        }
        Step::Remove(number) => {
            let of = group(number);
            engine.remove(of);
            told.rules.remove(&of);
            told.since.retain(|(group, _), _| *group != of);
            told.members.retain(|(group, _), _| *group != of);
        }
        Step::Forget(number) => {
            engine.forget(node(number));
            told.nodes.remove(&node(number));
            told.since.retain(|(_, of), _| *of != node(number));
            told.members.retain(|(_, of), _| *of != node(number));
        }
        Step::Wait(span) => {
            let until = *now + span;
            while let Some(due) = engine.next_deadline().filter(|due| due.0 <= until) {
                prop_assert!(due.0 >= *now, "nothing is due in the past");
                *now = due.0;
                let due = engine.tick(at(*now));
                prop_assert!(!due.is_empty(), "a deadline moves somebody");
                due.iter().try_for_each(|moved| told.take(*now, moved))?;
            }
            *now = until;
        }
    }
    moves.iter().try_for_each(|moved| told.take(*now, moved))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_move_without_its_dwell_and_the_end_is_as_if_evaluated_from_scratch(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let (mut engine, mut told, mut now) = (Engine::default(), Told::default(), 0);
        for step in steps {
            play(&mut engine, &mut told, &mut now, &step)?;
        }
        play(&mut engine, &mut told, &mut now, &Step::Wait(10_000))?;
        prop_assert_eq!(engine.next_deadline(), None);
        for (of, (rule, ..)) in &told.rules {
            let mut scratch = Engine::default();
            for (node, facts) in &told.nodes {
                scratch.update(at(0), *node, facts.clone());
            }
            scratch.set_rule(at(0), *of, rule.clone(), Millis(0), Millis(0));
            let undecided: Vec<NodeId> = engine.matching(rule).unknown.into_iter().map(|(node, _)| node).collect();
            for number in 0..NODES {
                let one = node(number);
                let is_in = engine.members(*of).any(|member| member == one);
                let kept = told.members.get(&(*of, one)).copied().unwrap_or(false);
                prop_assert_eq!(is_in, kept, "the moves tell who is in");
                if !undecided.contains(&one) {
                    prop_assert_eq!(is_in, scratch.members(*of).any(|member| member == one));
                }
            }
        }
    }

    #[test]
    fn hostile_texts_never_panic(text in "\\PC{0,200}") {
        let _ = Rule::compile(&text).map(|rule| rule.evaluate(&facts(1)));
    }

    #[test]
    fn hostile_texts_of_rule_words_never_panic_and_what_is_taken_is_decided(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 1..40)
    ) {
        if let Ok(rule) = Rule::compile(&words.concat()) {
            let _ = (rule.evaluate(&facts(1)), rule.why_unknown(&facts(1)), rule.seen(&facts(1)));
        }
    }

    #[test]
    fn conditions_of_every_kind_are_taken_and_evaluated(text in condition()) {
        let rule = Rule::compile(&text);
        prop_assert!(rule.is_ok(), "{}: {}", text, rule.unwrap_err());
        let _ = rule.map(|rule| rule.evaluate(&facts(1)));
    }
}

const WORDS: &[&str] = &[
    "cpu",
    ".",
    "cores",
    "cpu.cores",
    "nics",
    ".exists(",
    ".all(",
    ".map(",
    ".filter(",
    "n",
    ",",
    "n.name",
    ")",
    "(",
    "[",
    "]",
    "{",
    "}",
    "?",
    ":",
    "&&",
    "||",
    "!",
    "-",
    "==",
    "!=",
    "<",
    ">=",
    " in ",
    "'a'",
    "\"",
    "'",
    "1",
    "1.5",
    "2u",
    "9223372036854775807",
    "null",
    "true",
    "has(",
    "size(",
    "int(",
    "double(",
    "metrics.fan",
    "health.fan",
    "kernel",
    ".startsWith(",
    "+",
    "*",
    "/",
    "%",
    "\n",
    "//",
    "\\",
    "@result",
    "b'x'",
    "r'",
    "cpu.flags",
    "0",
    "storage[0]",
    "ä",
    "😀",
];

/// Texts that are rules.
fn condition() -> impl Strategy<Value = String> {
    let number = proptest::sample::select(vec![
        "cpu.cores",
        "policy",
        "memory.gib",
        "size(nics)",
        "nics[0].speed_mbps",
        "7",
        "-3",
        "int(metrics.fan)",
        "size(kernel)",
    ]);
    let text =
        proptest::sample::select(vec!["kernel", "node.name", "'a'", "storage[0].name", "chassis.serial", "\"ä\""]);
    let compare = proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let count = proptest::sample::select(vec!["+", "-", "*", "/", "%"]);
    let leaf = prop_oneof![
        (number.clone(), count, number.clone(), compare.clone(), number.clone())
            .prop_map(|(a, by, b, is, c)| format!("{a} {by} {b} {is} {c}")),
        (text.clone(), compare, text.clone()).prop_map(|(a, is, b)| format!("{a} {is} {b}")),
        (text.clone(), text).prop_map(|(a, b)| format!("{a}.startsWith({b})")),
        Just("health.disk_space".to_owned()),
        Just("'avx2' in cpu.flags".to_owned()),
        Just("has(metrics.fan)".to_owned()),
        number.prop_map(|number| format!("nics.exists(n, n.speed_mbps >= {number})")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) == ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}
