use std::time::Duration;

use super::super::checker::Kind;
use super::super::schedule::Size;
use super::super::truth::{Alert, Change, Done};
use super::*;

fn timeline() -> Timeline {
    let schedule = Schedule {
        seed: 9,
        span: Duration::from_secs(60),
        size: Size { racks: 1, agents: 2 },
        spares: false,
        planned: vec![],
    };
    let done = |on, fault, from: i64, to: i64| Done { from: 1_000 + from, to: 1_000 + to, on, fault };
    let truth = Truth {
        began: 1_000,
        healed: 61_000,
        done: vec![
            done(Target::Agent(1), Fault::Kill, 5_000, 9_500),
            done(Target::Broker, Fault::Pause, 20_000, 21_000),
        ],
        ..Truth::default()
    };
    let change = |at, state: &str| Change {
        number: at,
        at,
        node: "sim-0001".into(),
        group: "rack-a".into(),
        state: state.into(),
        cause: "closed <here>".into(),
    };
    let alarm = Alert { kind: "mass_darkness".into(), node: None, group: "rack-a".into(), at: 31_000, open: false };
    // What came before the beginning is not drawn.
    let store =
        Store { changes: vec![change(10, "joining"), change(6_600, "down")], alerts: vec![alarm], ..Store::default() };
    let finding = Finding { kind: Kind::Lost, what: "token t & all".into() };
    Timeline::new(&schedule, &truth, &store, &[finding])
}

#[test]
fn as_text_it_tells_everything_in_order() {
    let expected = "\
seed 9, 60 s

     5.0 s  sim-0001    ── killed (4.5 s)
     5.6 s  sim-0001     ▸ down: closed <here>
     9.5 s  sim-0001       killed is over
    20.0 s  broker      ── paused (1.0 s)
    21.0 s  broker         paused is over
    30.0 s  rack-a       ▸ alarm: mass_darkness
    60.0 s  everybody   healed

1 findings
  lost: token t & all
";
    assert_eq!(timeline().text(), expected);
}

#[test]
fn the_picture_has_everybody_every_bar_and_every_mark_and_needs_nothing_else() {
    let svg = timeline().svg();
    for part in ["zone", "check-in", "broker", "database", "rack-a", "sim-0000", "sim-0001", "token t &amp; all"] {
        assert!(svg.contains(&format!(">{part}</text>")) || svg.contains(part), "{part}");
    }
    // One of each in the legend, and what happened.
    assert_eq!((svg.matches("class=\"kill\"").count(), svg.matches("class=\"pause\"").count()), (2, 2));
    assert_eq!((svg.matches("m-down\"").count(), svg.matches("m-alarm\"").count()), (2, 2));
    assert!(svg.contains("closed &lt;here&gt;") && svg.contains("prefers-color-scheme: dark"));
    for foreign in ["href", "url(", "<script", "@import"] {
        assert!(!svg.contains(foreign), "{foreign}");
    }
}
