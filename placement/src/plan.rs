//! From what a policy says to what senders and receivers go by: the same k, l, min and schedule for all, computed by each
//! for itself from the same few numbers.

use rollcall_model::policy::{AvailabilitySettings, FullNodes, SentKinds};
use rollcall_model::{Millis, UnixMillis};

use crate::beat::{BeatConfig, BeatError};
use crate::budget::{Budget, BudgetError, Kinds};
use crate::capacity::Capacity;
use crate::day::Day;
pub use crate::day::TimeZoneError;
use crate::metric::{Full, ThresholdError, Thresholds};
use crate::schedule::{Point, Schedule, ScheduleError};
use crate::sender::SendingPolicy;

/// What senders and receivers of a zone go by.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// k, l, min, kinds, thresholds and beat.
    pub sending: SendingPolicy,
    /// α over the day; 1 all day where nothing mixed is sent.
    pub schedule: Schedule,
    /// The time zone of the schedule.
    pub time_zone: String,
    /// How often a node repeats how large it is.
    pub capacity_period: Millis,
    /// The capacity that counts as a share of 1; `None`: every node's does.
    pub largest: Option<Capacity>,
    /// The most messages that a group sends in any second,
    pub messages_per_second: f64,
    /// as long as it has no more nodes than this.
    pub nodes_per_group: u32,
    day: Day,
}

/// A policy that cannot work.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The budget leaves nothing useful, or `min` makes the slowest too slow.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A threshold.
    #[error(transparent)]
    Thresholds(#[from] ThresholdError),
    /// Jitter.
    #[error(transparent)]
    Beat(#[from] BeatError),
    /// The schedule, where the mixed kind is sent.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The time zone.
    #[error(transparent)]
    TimeZone(#[from] TimeZoneError),
    /// The largest node's capacity.
    #[error("{0} is no capacity: it must be a number above 0")]
    Largest(f64),
}

impl PlanError {
    /// The key of the policy's table that is at fault.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Budget(_) => "messages_per_second",
            Self::Thresholds(_) => "thresholds",
            Self::Beat(_) => "jitter",
            Self::Schedule(_) => "schedule",
            Self::TimeZone(_) => "time_zone",
            Self::Largest(_) => "largest_units",
        }
    }
}

/// What senders and receivers go by; `None` where the policy has nodes say nothing.
///
/// # Errors
/// The policy cannot work, with the reason. It is then refused as a whole, also where nothing would be sent.
pub fn plan(settings: &AvailabilitySettings) -> Result<Option<Plan>, PlanError> {
    let kinds = match settings.kinds {
        // What is switched off is checked as if it were to be switched on, as far as that can be said.
        SentKinds::Off | SentKinds::Both => Kinds::Both,
        SentKinds::Balance => Kinds::Balance,
        SentKinds::Power => Kinds::Power,
        SentKinds::Mixed => Kinds::Mixed,
    };
    let budget = Budget {
        messages_per_second: settings.messages_per_second,
        nodes: settings.nodes_per_group,
        kinds,
        capacity_period: settings.capacity_period_s as f64,
    };
    let used = settings.thresholds;
    let sending = SendingPolicy {
        rates: budget.rates(settings.min)?,
        kinds,
        thresholds: Thresholds::new(used.storage, used.processing, used.communications)?,
        full: match settings.full {
            FullNodes::Loud => Full::Loud,
            FullNodes::Quiet => Full::Quiet,
        },
        beat: BeatConfig { jitter: settings.jitter, ..BeatConfig::default() }.checked()?,
    };
    let points: Vec<Point> =
        settings.schedule.iter().map(|point| Point { second: point.at.second(), alpha: point.alpha }).collect();
    let schedule = match (kinds, points.is_empty()) {
        (Kinds::Balance | Kinds::Power | Kinds::Both, true) => Schedule::constant(1.0)?,
        _ => Schedule::new(points)?,
    };
    let plan = Plan {
        sending,
        schedule,
        time_zone: settings.time_zone.clone(),
        capacity_period: Millis(settings.capacity_period_s.saturating_mul(1_000)),
        largest: settings
            .largest_units
            .map(|units| Capacity::new(units).ok_or(PlanError::Largest(units)))
            .transpose()?,
        messages_per_second: settings.messages_per_second,
        nodes_per_group: settings.nodes_per_group,
        day: Day::of(&settings.time_zone)?,
    };
    Ok((settings.kinds != SentKinds::Off).then_some(plan))
}

impl Plan {
    /// α now.
    #[must_use]
    pub fn alpha(&self, now: UnixMillis) -> f64 {
        self.schedule.alpha(self.day.second(now))
    }

    /// What a node's metric is multiplied by (A7): its part of the largest node's capacity, in (0, 1]. Where the largest is
    /// known and a node's own is not, the node counts as one unit.
    #[must_use]
    pub fn share(&self, own: Option<Capacity>) -> f64 {
        let Some(largest) = self.largest else { return 1.0 };
        (own.map_or(1.0, Capacity::units) / largest.units()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::policy::SchedulePoint;

    use super::*;
    use crate::frequency::Kind;

    fn settings(kinds: SentKinds) -> AvailabilitySettings {
        AvailabilitySettings { kinds, ..AvailabilitySettings::default() }
    }

    fn schedule(points: &[(&str, f64)]) -> Vec<SchedulePoint> {
        points.iter().map(|(at, alpha)| SchedulePoint { at: at.parse().expect("a time"), alpha: *alpha }).collect()
    }

    #[test]
    fn what_is_off_says_nothing_and_what_is_on_keeps_to_its_budget() {
        assert_eq!(plan(&settings(SentKinds::Off)), Ok(None));
        for kinds in [SentKinds::Balance, SentKinds::Power, SentKinds::Both] {
            let plan = plan(&settings(kinds)).expect("possible").expect("on");
            let sent: rollcall_model::AvailabilityKinds = plan.sending.kinds.kinds().iter().copied().collect();
            assert_eq!(sent, kinds.set());
            let most: f64 = plan.sending.kinds.kinds().iter().map(|kind| plan.sending.rates.fastest(*kind)).sum();
            assert!(most * 64.0 < 128.0, "{kinds:?}: {most}");
            assert_eq!(plan.alpha(UnixMillis(0)), 1.0);
        }
    }

    #[test]
    fn a_mix_follows_the_clock_of_its_time_zone() {
        let day = [("06:00", 0.0), ("08:00", 1.0), ("18:00", 1.0), ("20:00", 0.0)];
        let berlin = AvailabilitySettings {
            schedule: schedule(&day),
            time_zone: "Europe/Berlin".into(),
            ..settings(SentKinds::Mixed)
        };
        let plan = plan(&berlin).expect("possible").expect("on");
        // 2026-01-15, in winter: 06:00 UTC is 07:00 in Berlin.
        let midnight = 1_768_435_200_000_u64;
        for (utc, alpha) in [(5, 0.0), (6, 0.5), (7, 1.0), (12, 1.0), (18, 0.5), (23, 0.0)] {
            let now = UnixMillis(midnight + utc * 3_600_000);
            assert!((plan.alpha(now) - alpha).abs() < 1e-9, "{utc} h: {}", plan.alpha(now));
        }
        assert!(plan.sending.rates.slowest(Kind::Mixed) > 0.0);
    }

    #[test]
    fn a_node_counts_by_its_part_of_the_largest() {
        let of = |largest_units| {
            plan(&AvailabilitySettings { largest_units, ..settings(SentKinds::Both) }).expect("possible").expect("on")
        };
        let units = |units| Capacity::new(units);
        let (alike, unlike) = (of(None), of(Some(16.0)));
        assert_eq!((alike.share(units(4.0)), alike.share(None)), (1.0, 1.0));
        assert_eq!((unlike.share(units(4.0)), unlike.share(units(32.0)), unlike.share(None)), (0.25, 1.0, 0.0625));
    }

    #[test]
    fn what_cannot_work_is_refused_with_key_and_reason_also_while_it_is_off() {
        let base = || settings(SentKinds::Mixed);
        let jump = schedule(&[("09:00", 1.0), ("09:00:10", 0.0)]);
        let table = [
            ("messages_per_second", "capacity messages", AvailabilitySettings { messages_per_second: 0.1, ..base() }),
            ("messages_per_second", "usable", AvailabilitySettings { messages_per_second: 2.0, min: 0.001, ..base() }),
            ("schedule", "no points", base()),
            ("schedule", "within 10 s", AvailabilitySettings { schedule: jump.clone(), ..base() }),
            ("schedule", "within 10 s", AvailabilitySettings { schedule: jump, ..settings(SentKinds::Off) }),
            (
                "time_zone",
                "Mars/Olympus",
                AvailabilitySettings { time_zone: "Mars/Olympus".into(), ..settings(SentKinds::Both) },
            ),
            ("jitter", "0.5", AvailabilitySettings { jitter: 0.9, ..base() }),
            ("largest_units", "above 0", AvailabilitySettings { largest_units: Some(0.0), ..settings(SentKinds::Off) }),
        ];
        for (key, reason, settings) in table {
            let error = plan(&settings).expect_err(key);
            assert_eq!(error.key(), key, "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
