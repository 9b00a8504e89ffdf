//! Tables of readings and bits, and properties of switching while readings come.

use proptest::prelude::*;

use super::*;
use crate::Millis;

fn one(threshold: Threshold) -> Evaluator {
    let mut thresholds = crate::indicator::INDICATORS.map(|indicator| indicator.threshold);
    thresholds[0] = threshold;
    Evaluator::new(thresholds)
}

fn reading(value: f64) -> Readings {
    let mut readings = [None; INDICATORS];
    readings[0] = Some(value);
    readings
}

#[test]
fn a_bit_follows_with_hysteresis_and_dwell() {
    let threshold = Threshold { limit: 90.0, clear: 80.0, side: Side::Above, dwell: Millis(2_000) };
    // (second, reading, bit afterwards)
    let table = [
        (0, 95.0, false),
        (1, 95.0, false),
        (2, 95.0, true),
        (3, 85.0, true),
        (4, 79.0, true),
        (5, 85.0, true),
        (6, 79.0, true),
        (8, 79.0, false),
        (9, 91.0, false),
        (10, 89.0, false),
        (11, 91.0, false),
        (13, 91.0, true),
    ];
    let mut evaluator = one(threshold);
    for (second, value, expected) in table {
        let health = evaluator.evaluate(Tick(second * 1_000), &reading(value));
        assert_eq!(health.bits().get(0), expected, "at {second} s, {value}");
        assert_eq!(health.mask(), HealthBits::all().with(0, false));
    }
}

#[test]
fn an_indicator_that_can_no_longer_be_measured_is_masked_not_healthy() {
    let mut evaluator = one(Threshold { limit: 1.0, clear: 1.0, side: Side::Above, dwell: Millis(0) });
    assert!(evaluator.evaluate(Tick(0), &reading(2.0)).bits().get(0));
    for gone in [[None; INDICATORS], reading(f64::NAN)] {
        let health = evaluator.evaluate(Tick(1), &gone);
        assert!(!health.bits().get(0));
        assert!(health.mask().get(0));
    }
}

#[test]
fn below_is_the_mirror_of_above() {
    let mut evaluator = one(Threshold { limit: 5.0, clear: 8.0, side: Side::Below, dwell: Millis(0) });
    for (value, expected) in [(9.0, false), (5.0, false), (4.9, true), (7.9, true), (8.0, false)] {
        assert_eq!(evaluator.evaluate(Tick(0), &reading(value)).bits().get(0), expected, "{value}");
    }
}

#[test]
fn other_limits_are_obeyed_at_the_next_reading_and_bits_stay_until_then() {
    let warm = Threshold { limit: 90.0, clear: 80.0, side: Side::Above, dwell: Millis(0) };
    let mut evaluator = one(warm);
    assert!(evaluator.evaluate(Tick(0), &reading(91.0)).bits().get(0));
    let mut thresholds = *evaluator.thresholds();
    thresholds[0] = Threshold { limit: 99.0, clear: 95.0, ..warm };
    evaluator.set_thresholds(thresholds);
    assert!(evaluator.health().bits().get(0), "nothing was read since");
    assert!(!evaluator.evaluate(Tick(1), &reading(91.0)).bits().get(0));
    thresholds[0] = Threshold { limit: 85.0, clear: 80.0, ..warm };
    evaluator.set_thresholds(thresholds);
    assert!(evaluator.evaluate(Tick(2), &reading(91.0)).bits().get(0));
}

#[test]
fn a_dwell_under_way_is_not_counted_against_other_limits() {
    let threshold = Threshold { limit: 90.0, clear: 80.0, side: Side::Above, dwell: Millis(2_000) };
    let mut evaluator = one(threshold);
    evaluator.evaluate(Tick(0), &reading(95.0));
    let mut thresholds = *evaluator.thresholds();
    thresholds[0] = Threshold { limit: 94.0, ..threshold };
    evaluator.set_thresholds(thresholds);
    assert!(!evaluator.evaluate(Tick(2_000), &reading(95.0)).bits().get(0), "above 94 for no time yet");
    assert!(evaluator.evaluate(Tick(4_000), &reading(95.0)).bits().get(0));
}

#[test]
fn an_indicator_switched_off_is_masked_and_comes_back_with_the_next_reading() {
    let mut evaluator = one(Threshold { limit: 1.0, clear: 1.0, side: Side::Above, dwell: Millis(0) });
    assert!(evaluator.evaluate(Tick(0), &reading(2.0)).bits().get(0));
    evaluator.set_disabled(HealthBits::NONE.with(0, true));
    for health in [evaluator.health(), evaluator.evaluate(Tick(1), &reading(2.0))] {
        assert!(!health.bits().get(0));
        assert!(health.mask().get(0));
    }
    evaluator.set_disabled(HealthBits::NONE);
    assert!(evaluator.health().mask().get(0), "nothing was read since");
    let health = evaluator.evaluate(Tick(2), &reading(2.0));
    assert_eq!((health.bits().get(0), health.mask().get(0)), (true, false));
}

fn some_reading() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![1 => Just(None), 8 => (-10.0..110.0_f64).prop_map(Some)]
}

fn sometimes_readings() -> impl Strategy<Value = (u64, Vec<Option<f64>>, u32, bool)> {
    (0..3_000_u64, prop::collection::vec(some_reading(), INDICATORS), 0_u32..1 << 24, any::<bool>())
}

proptest! {
    #[test]
    fn switching_to_the_same_settings_changes_nothing(
        steps in prop::collection::vec(sometimes_readings(), 1..60),
        disabled in 0_u32..1 << 24,
    ) {
        let disabled = HealthBits::from_number(disabled).unwrap();
        let (mut left_alone, mut switched) = (Evaluator::with_defaults(), Evaluator::with_defaults());
        left_alone.set_disabled(disabled);
        switched.set_disabled(disabled);
        let mut now = Tick(0);
        for (after, values, _, switch) in steps {
            now = now + Millis(after);
            let readings: Readings = values.try_into().unwrap();
            if switch {
                switched.set_thresholds(*switched.thresholds());
                switched.set_disabled(disabled);
            }
            prop_assert_eq!(left_alone.health(), switched.health());
            prop_assert_eq!(left_alone.evaluate(now, &readings), switched.evaluate(now, &readings));
        }
    }

    #[test]
    fn what_is_switched_off_is_masked_and_never_set(steps in prop::collection::vec(sometimes_readings(), 1..60)) {
        let mut evaluator = Evaluator::with_defaults();
        let mut now = Tick(0);
        for (after, values, disabled, switch) in steps {
            now = now + Millis(after);
            if switch {
                evaluator.set_disabled(HealthBits::from_number(disabled).unwrap());
            }
            let readings: Readings = values.try_into().unwrap();
            evaluator.evaluate(now, &readings);
            let health = evaluator.health();
            prop_assert_eq!(health.mask().and(evaluator.disabled), evaluator.disabled);
            prop_assert!(health.bits().and(evaluator.disabled).is_empty());
        }
    }
}
