//! Properties of scripts.

use proptest::prelude::*;

use super::*;
use crate::Span;
use crate::arrivals::{Arrival, Curve};
use crate::behaviour::{Behaviour, Churn};

fn everything(nodes: u32, racks: u32, seed: u64) -> Scenario {
    let s = Span::seconds;
    Scenario {
        seed,
        nodes,
        racks,
        lasting: s(120),
        arrival: Arrival { curve: Curve::Poisson, over: s(20), waves: 3 },
        churn: Churn { leave_per_hour: 10.0, die_per_hour: 10.0, back_after: s(5) },
        behaviour: vec![
            Behaviour::RandomFaults { per_node_and_hour: 1.0 },
            Behaviour::OverheatingRack { rack: 1, at: s(30), lasting: s(20), over: s(5) },
            Behaviour::BadFirmware { generation: None, share: 0.5, at: s(40), over: s(10), down: s(5), lasting: s(20) },
            Behaviour::Flapping { nodes: 1, every: s(4), at: s(30), lasting: s(60) },
            Behaviour::MassRestart { racks: vec![racks], at: s(90), over: s(1), down: s(5) },
            Behaviour::Deaths { nodes: 1, at: s(50), over: s(0), back_after: None },
            Behaviour::DiurnalLoad { day: s(60), swing: 0.5 },
        ],
        ..Scenario::default()
    }
}

proptest! {
    #[test]
    fn lives_follow_each_other_and_the_script_follows_from_the_scenario(nodes in 1_u32..60, racks in 1_u32..5, seed: u64) {
        prop_assume!(racks <= nodes);
        let scenario = everything(nodes, racks, seed);
        prop_assert_eq!(scenario.complaint(), None);
        let script = Script::of(&scenario);
        prop_assert_eq!(&script, &Script::of(&scenario));
        prop_assert_eq!(script.parts.len(), nodes as usize);
        for part in &script.parts {
            prop_assert!(part.rack < racks);
            prop_assert!(!part.lives.is_empty());
            prop_assert!(part.lives[0].from <= script.arrived);
            for pair in part.lives.windows(2) {
                let (end, _) = pair[0].end.expect("a life before another one ends");
                prop_assert!(pair[0].from < end && end < pair[1].from);
            }
            prop_assert!(part.ailments.is_sorted_by_key(|ailing| ailing.from));
            prop_assert!(part.ailments.iter().all(|ailing| ailing.from < script.end));
        }
    }
}

#[test]
fn every_rack_gets_its_part_of_the_nodes() {
    let script = Script::of(&everything(10, 3, 1));
    let of = |rack| script.parts.iter().filter(|part| part.rack == rack).count();
    assert_eq!((of(0), of(1), of(2)), (4, 3, 3));
}

#[test]
fn behaviours_befall_whom_they_should() {
    let quiet = Scenario { churn: Churn::default(), ..everything(20, 2, 3) };
    let with = |behaviour| Script::of(&Scenario { behaviour: vec![behaviour], ..quiet.clone() });
    let s = Span::seconds;
    let hot = with(Behaviour::OverheatingRack { rack: 2, at: s(30), lasting: s(20), over: s(9) });
    let ailing: Vec<u32> = hot.parts.iter().filter(|part| !part.ailments.is_empty()).map(|part| part.rack).collect();
    assert_eq!(ailing, [1; 10]);
    assert_eq!(hot.parts[19].ailments[0].from, 39_000, "the last of the rack");
    let restart = with(Behaviour::MassRestart { racks: vec![], at: s(60), over: s(0), down: s(5) });
    assert_eq!((restart.present(59_000), restart.present(61_000), restart.present(66_000)), (20, 0, 20));
    let deaths = with(Behaviour::Deaths { nodes: 5, at: s(60), over: s(4), back_after: None });
    assert_eq!((deaths.endings(Ending::Died), deaths.present(100_000)), (5, 15));
    let flapping = with(Behaviour::Flapping { nodes: 2, every: s(4), at: s(30), lasting: s(40) });
    let counts: Vec<usize> = flapping.parts.iter().map(|part| part.ailments.len()).filter(|count| *count > 0).collect();
    assert_eq!(counts, [10, 10]);
}

#[test]
fn churn_goes_on_at_its_rate_and_whoever_went_comes_back() {
    let churn = Churn { leave_per_hour: 0.0, die_per_hour: 6.0, back_after: Span::seconds(5) };
    let scenario = Scenario { churn, behaviour: vec![], lasting: Span::seconds(3_600), ..everything(50, 2, 9) };
    let script = Script::of(&scenario);
    let deaths = script.endings(Ending::Died);
    assert!((230..370).contains(&deaths), "300 were meant: {deaths}");
    assert!(script.present(script.end - 1) >= 45);
}
