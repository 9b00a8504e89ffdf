//! How nodes say how free they are (A1 to A7): what a policy sets of it, and which values are no values at all.
//!
//! Whether what is set can work together — a budget that leaves something to send, a schedule without a jump — is found
//! out by `rollcall_placement::plan`, which also turns it into what senders and receivers go by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnworkableSettings;
use crate::AvailabilityKinds;
use crate::availability::AvailabilityKind;

/// Most points of a schedule.
const MOST_POINTS: usize = 48;

/// How the nodes of a zone say how free they are. For the whole zone: with another k in one group, the frequencies of its
/// nodes could not be compared with those of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AvailabilitySettings {
    /// Which kinds of message are sent; `off` sends none.
    pub kinds: SentKinds,
    /// The most messages that all nodes of one group together send in any second.
    pub messages_per_second: f64,
    /// How many nodes the largest group has, for which that is meant.
    pub nodes_per_group: u32,
    /// f_RA of a node that is full, 0.001 to 0.5: the slowest node speaks `min` times as often as the fastest.
    pub min: f64,
    /// What a full node says for `power`.
    pub full: FullNodes,
    /// Above which fraction of use a resource binds its node.
    pub thresholds: UsageThresholds,
    /// How much a period varies, as a fraction of it; 0.01 to 0.3.
    pub jitter: f64,
    /// How often a node repeats how large it is, seconds; 10 to 86400.
    pub capacity_period_s: u64,
    /// Capacity of the zone's largest node: the square root of its hardware threads times a quarter of its GiB of memory.
    /// `None`: every node counts as equally large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_units: Option<f64>,
    /// α over the day, for the kind `mixed`: times in ascending order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<SchedulePoint>,
    /// The time zone of the schedule, by its name in the IANA database.
    pub time_zone: String,
}

/// Which kinds of RA message are sent (A4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentKinds {
    /// None.
    #[default]
    Off,
    /// The freer, the more often.
    Balance,
    /// The fuller, the more often.
    Power,
    /// Both, as two kinds.
    Both,
    /// One kind that is a mix of both, by the schedule.
    Mixed,
}

impl SentKinds {
    /// The set of them.
    #[must_use]
    pub const fn set(self) -> AvailabilityKinds {
        let none = AvailabilityKinds::EMPTY;
        match self {
            Self::Off => none,
            Self::Balance => none.with(AvailabilityKind::Balance),
            Self::Power => none.with(AvailabilityKind::Power),
            Self::Both => none.with(AvailabilityKind::Balance).with(AvailabilityKind::Power),
            Self::Mixed => none.with(AvailabilityKind::Mixed),
        }
    }
}

/// What a full node says for `power`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FullNodes {
    /// It is the loudest of all: one sees who is full.
    #[default]
    Loud,
    /// It is as quiet as an empty one: nothing more fits on it.
    Quiet,
}

/// Above which fraction of use a resource binds its node; each above 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageThresholds {
    /// Memory and disk.
    pub storage: f64,
    /// Processor time.
    pub processing: f64,
    /// The network.
    pub communications: f64,
}

impl Default for UsageThresholds {
    fn default() -> Self {
        Self { storage: 0.9, processing: 0.9, communications: 0.9 }
    }
}

/// α at one time of the day; between two of them it goes smoothly from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchedulePoint {
    /// When, by the clock of the schedule's time zone.
    pub at: TimeOfDay,
    /// 1 is all balance, 0 is all power.
    pub alpha: f64,
}

/// A time of the day, written `09:00` or `09:00:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    second: u32,
}

impl TimeOfDay {
    /// Seconds since midnight, below 86400.
    #[must_use]
    pub const fn second(self) -> u32 {
        self.second
    }
}

/// A text that is no time of the day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time of the day: write hours and minutes from 00:00 to 23:59, for example 09:00")]
pub struct ParseTimeError(String);

impl FromStr for TimeOfDay {
    type Err = ParseTimeError;
    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        let wrong = || ParseTimeError(text.chars().take(20).collect());
        let two = |part: &str, below: u32| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u32>().ok().filter(|number| digits && *number < below).ok_or_else(wrong)
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (hours, minutes, seconds) = match parts[..] {
            [hours, minutes] => (hours, minutes, "00"),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(wrong()),
        };
        Ok(Self { second: two(hours, 24)? * 3_600 + two(minutes, 60)? * 60 + two(seconds, 60)? })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.second / 3_600, self.second / 60 % 60)?;
        if self.second.is_multiple_of(60) { Ok(()) } else { write!(f, ":{:02}", self.second % 60) }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = ParseTimeError;
    fn try_from(text: String) -> Result<Self, ParseTimeError> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl Default for AvailabilitySettings {
    /// Nothing is sent. As soon as a kind is set, one message per second and node of a group of 64 are allowed.
    fn default() -> Self {
        Self {
            kinds: SentKinds::Off,
            messages_per_second: 64.0,
            nodes_per_group: 64,
            min: 0.05,
            full: FullNodes::Loud,
            thresholds: UsageThresholds::default(),
            jitter: 0.05,
            capacity_period_s: 300,
            largest_units: None,
            schedule: Vec::new(),
            time_zone: "UTC".into(),
        }
    }
}

impl AvailabilitySettings {
    /// Whether every value lies within its bounds.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn check(&self) -> Result<(), UnworkableSettings> {
        let UsageThresholds { storage, processing, communications } = self.thresholds;
        let above_zero = f64::MIN_POSITIVE;
        within("messages_per_second", self.messages_per_second, 0.01, 1e6, "0.01 and 1000000")?;
        within("nodes_per_group", f64::from(self.nodes_per_group), 1.0, 1e5, "1 and 100000")?;
        within("min", self.min, 0.001, 0.5, "0.001 and 0.5")?;
        within("thresholds.storage", storage, above_zero, 1.0, "0 and 1, above 0")?;
        within("thresholds.processing", processing, above_zero, 1.0, "0 and 1, above 0")?;
        within("thresholds.communications", communications, above_zero, 1.0, "0 and 1, above 0")?;
        within("jitter", self.jitter, 0.01, 0.3, "0.01 and 0.3")?;
        within("capacity_period_s", self.capacity_period_s as f64, 10.0, 86_400.0, "10 and 86400")?;
        within("largest_units", self.largest_units.unwrap_or(1.0), 0.01, 1e6, "0.01 and 1000000")?;
        if self.schedule.len() > MOST_POINTS {
            let message = format!("it has {} points, at most {MOST_POINTS} can be", self.schedule.len());
            return Err(UnworkableSettings { key: "availability.schedule".into(), message });
        }
        for point in &self.schedule {
            within(&format!("schedule at {}: alpha", point.at), point.alpha, 0.0, 1.0, "0 and 1")?;
        }
        Ok(())
    }
}

/// Not a number is out of bounds too.
fn within(key: &str, value: f64, least: f64, most: f64, bounds: &str) -> Result<(), UnworkableSettings> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("{value} is out of bounds; it must lie between {bounds}");
    Err(UnworkableSettings { key: format!("availability.{key}"), message })
}
