use proptest::prelude::*;

use super::*;

fn rates() -> impl Strategy<Value = Rates> {
    (0.5..100.0_f64, 0.5..100.0_f64, 0.01..0.5_f64).prop_map(|(k, l, min)| Rates::new(k, l, min).expect("possible"))
}

fn solutions(recovered: Recovered) -> Vec<f64> {
    match recovered {
        Recovered::Impossible => Vec::new(),
        Recovered::One(f) => vec![f],
        Recovered::Two(low, high) => vec![low, high],
    }
}

proptest! {
    #[test]
    fn frequencies_lie_in_their_ranges_and_are_never_zero(rates in rates(), f in 0.0..=1.0_f64, alpha in 0.0..=1.0_f64) {
        for kind in Kind::ALL {
            let v = rates.of(kind, alpha, f);
            prop_assert!(v > 0.0 && v >= rates.slowest(kind) * 0.999_999 && v <= rates.fastest(kind) * 1.000_001);
        }
    }

    #[test]
    fn balance_rises_and_power_falls_with_availability(rates in rates(), f in 0.0..=1.0_f64, more in 0.0..=1.0_f64) {
        let freer = f + (1.0 - f) * more;
        prop_assert!(rates.balance(freer) >= rates.balance(f));
        prop_assert!(rates.power(freer) <= rates.power(f));
    }

    #[test]
    fn every_frequency_is_recovered(rates in rates(), share in 0.0..=1.0_f64, alpha in 0.0..=1.0_f64) {
        let f = rates.min() + (1.0 - rates.min()) * share;
        for kind in Kind::ALL {
            let found = solutions(rates.recover(kind, alpha, rates.of(kind, alpha, f)));
            prop_assert!(found.iter().any(|g| (g - f).abs() < 0.02 * f), "{kind:?} {f} among {found:?}");
            for g in found {
                let (again, v) = (rates.of(kind, alpha, g), rates.of(kind, alpha, f));
                prop_assert!((again - v).abs() < 0.03 * v, "{g} gives {again}, not {v}");
            }
        }
    }
}

#[test]
fn the_mixed_kind_says_when_two_availabilities_sound_the_same() {
    let rates = Rates::new(1.0, 1.0, 0.1).expect("possible");
    // 0.5·f + 0.05/f is lowest, 0.316, at f = 0.316, and takes the value 0.35 on either side of it.
    let Recovered::Two(low, high) = rates.recover(Kind::Mixed, 0.5, 0.35) else { panic!("two solutions") };
    assert!((low - 0.2).abs() < 1e-9 && (high - 0.5).abs() < 1e-9, "{low} {high}");
    assert_eq!(rates.recover(Kind::Mixed, 0.5, 0.2), Recovered::Impossible);
}

#[test]
fn frequencies_that_nobody_can_have_are_impossible() {
    let rates = Rates::new(2.0, 1.0, 0.05).expect("possible");
    for (kind, v) in [(Kind::Balance, 2.1), (Kind::Balance, 0.05), (Kind::Power, 1.1), (Kind::Power, 0.01)] {
        assert_eq!(rates.recover(kind, 1.0, v), Recovered::Impossible, "{kind:?} {v}");
    }
    for v in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(rates.recover(Kind::Mixed, 0.5, v), Recovered::Impossible);
    }
}

#[test]
fn constants_that_cannot_work_are_refused_with_the_reason() {
    assert!(Rates::new(0.0, 1.0, 0.1).expect_err("refused").to_string().starts_with("k is 0"));
    assert!(Rates::new(1.0, f64::NAN, 0.1).expect_err("refused").to_string().starts_with("l is NaN"));
    assert!(Rates::new(1.0, 1.0, 0.0).expect_err("refused").to_string().contains("undefined"));
    let slow = Rates::new(0.01, 1.0, 0.01).expect_err("refused").to_string();
    assert!(slow.contains("once in 10000 s") && slow.contains("raise k"), "{slow}");
}
