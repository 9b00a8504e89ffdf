//! Load that follows the hour of the day: laid over the readings of a machine.

use rollcall_model::threshold::Readings;
use rollcall_model::{Tick, indicator};

use crate::Behaviour;

/// What full swing adds at noon, by the indicator's name and in its unit.
const FULL: [(&str, f64); 5] = [
    ("cpu_temperature", 25.0),
    ("cpu_pressure", 20.0),
    ("run_queue", 0.6),
    ("memory_available", -30.0),
    ("nic_saturation", 30.0),
];

/// How far load is above its mean, −1 to 1, times the swing; noon is at a quarter of the first day.
#[must_use]
pub fn wave(behaviours: &[Behaviour], now: Tick) -> f64 {
    let of = |behaviour: &Behaviour| match behaviour {
        Behaviour::DiurnalLoad { day, swing } => {
            swing * (now.0 as f64 / day.0.max(1) as f64 * std::f64::consts::TAU).sin()
        }
        _ => 0.0,
    };
    behaviours.iter().map(of).sum()
}

/// Adds the load to readings. What is not measured stays so, nothing falls below nothing.
pub fn lay_over(wave: f64, readings: &mut Readings) {
    if wave == 0.0 {
        return;
    }
    for (name, full) in FULL {
        let bit = indicator::INDICATORS.iter().position(|one| one.name == name);
        if let Some(Some(reading)) = bit.and_then(|bit| readings.get_mut(bit)) {
            *reading = (*reading + full * wave).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    #[test]
    fn noon_is_busy_midnight_is_quiet_and_what_is_unmeasured_stays_so() {
        let day = [Behaviour::DiurnalLoad { day: Span::seconds(400), swing: 1.0 }];
        assert!((wave(&day, Tick(100_000)) - 1.0).abs() < 1e-9);
        assert!((wave(&day, Tick(300_000)) + 1.0).abs() < 1e-9);
        assert_eq!(wave(&[], Tick(100_000)), 0.0);
        let mut readings: Readings = [None; rollcall_model::health::INDICATORS];
        readings[0] = Some(50.0);
        readings[3] = Some(0.2);
        lay_over(1.0, &mut readings);
        assert_eq!((readings[0], readings[1]), (Some(75.0), None));
        lay_over(-2.0, &mut readings);
        assert_eq!((readings[0], readings[3]), (Some(25.0), Some(0.0)));
    }

    #[test]
    fn every_name_is_an_indicator() {
        for (name, _) in FULL {
            assert!(indicator::INDICATORS.iter().any(|one| one.name == name), "{name}");
        }
    }
}
