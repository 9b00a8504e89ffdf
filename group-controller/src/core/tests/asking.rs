//! What silent nodes are asked, and how many of them at a time.

use super::*;

/// What is asked, of how many, at each moment: of so many nodes this many fall silent at 1 s.
fn asked(nodes: u32, silent: u32, until: u64) -> Vec<(u64, bool, usize)> {
    let mut group = group(nodes);
    let mut asked = Vec::new();
    for ms in (1_100..=until).step_by(100) {
        for number in silent..nodes {
            let sequence = u32::try_from(ms / 100).unwrap();
            group.step(at(ms), Event::Status(status(number, sequence, 0)));
        }
        let effects = group.step(at(ms), Event::Tick);
        for light in [true, false] {
            let is_one = |packet: &Packet| matches!(packet, Packet::PresenceRequest(it) if it.sign_of_life == light);
            let count = packets(&effects).iter().filter(|packet| is_one(packet)).count();
            asked.extend((count > 0).then_some((ms, light, count)));
        }
    }
    asked
}

#[test]
fn a_silent_node_is_asked_for_a_sign_of_life_and_when_it_is_down_where_it_is() {
    assert_eq!(asked(10, 2, 20_000), [(2_800, true, 2), (4_600, false, 2)]);
}

#[test]
fn where_many_are_late_few_are_asked_at_a_time() {
    let asked = asked(200, 50, 5_500);
    assert!(asked.iter().all(|(.., count)| *count <= 32), "{asked:?}");
    assert!(asked.iter().any(|(_, light, _)| *light) && asked.iter().any(|(_, light, _)| !*light), "{asked:?}");
}
