//! α over the day: from saving power by night to balancing by day, without a jump (A4; US 9,049,193, FIG. 15).

/// Seconds in a day.
pub const DAY: u32 = 86_400;
/// The shortest ramp between two values of α, in seconds: a faster one would be the jump that a schedule is there to avoid.
pub const SHORTEST_RAMP: u32 = 60;

/// A point of the day and α there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since local midnight, below [`DAY`].
    pub second: u32,
    /// 1 is all balance, 0 is all power.
    pub alpha: f64,
}

/// A schedule that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// No point.
    #[error("the schedule has no points: give at least one, for example α = 1 at 00:00")]
    Empty,
    /// A time that no day has.
    #[error("{0} seconds after midnight is no time of day: a day has 86400 seconds, counted from 0")]
    Second(u32),
    /// α outside [0, 1].
    #[error("α is {alpha} at {}: it must be between 0 (all power) and 1 (all balance)", clock(*second))]
    Alpha {
        /// Where.
        second: u32,
        /// As given.
        alpha: f64,
    },
    /// Out of order, or twice.
    #[error("{} comes after {}: points go up through the day, each time once", clock(*second), clock(*before))]
    Order {
        /// The earlier in the list.
        before: u32,
        /// The later in the list.
        second: u32,
    },
    /// A ramp that is a jump.
    #[error(
        "α changes within {seconds} s from {}: let it take at least 60 s, or the whole fleet changes its mind at once",
        clock(*from)
    )]
    Jump {
        /// Where the ramp starts.
        from: u32,
        /// How long it is.
        seconds: u32,
    },
}

fn clock(second: u32) -> String {
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// α(t), periodic over the day; between two points it goes smoothly from one's value to the next's.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    points: Vec<Point>,
}

impl Schedule {
    /// From points in the order of the day. The last one leads over midnight to the first.
    ///
    /// # Errors
    /// Points that cannot work, with the reason.
    pub fn new(points: Vec<Point>) -> Result<Self, ScheduleError> {
        if points.is_empty() {
            return Err(ScheduleError::Empty);
        }
        for point in &points {
            if point.second >= DAY {
                return Err(ScheduleError::Second(point.second));
            }
            if !(0.0..=1.0).contains(&point.alpha) {
                return Err(ScheduleError::Alpha { second: point.second, alpha: point.alpha });
            }
        }
        if let Some(pair) = points.windows(2).find(|pair| pair[0].second >= pair[1].second) {
            return Err(ScheduleError::Order { before: pair[0].second, second: pair[1].second });
        }
        let schedule = Self { points };
        for index in 0..schedule.points.len() {
            let (from, to, seconds) = schedule.ramp(index);
            if (from.alpha - to.alpha).abs() > f64::EPSILON && seconds < SHORTEST_RAMP {
                return Err(ScheduleError::Jump { from: from.second, seconds });
            }
        }
        Ok(schedule)
    }

    /// The same α all day.
    ///
    /// # Errors
    /// α is outside [0, 1].
    pub fn constant(alpha: f64) -> Result<Self, ScheduleError> {
        Self::new(vec![Point { second: 0, alpha }])
    }

    /// α at a local time of day, in seconds since midnight; times outside a day wrap. Continuous, in [0, 1].
    #[must_use]
    pub fn alpha(&self, second_of_day: f64) -> f64 {
        let second = if second_of_day.is_finite() { second_of_day.rem_euclid(f64::from(DAY)) } else { 0.0 };
        let after = self.points.partition_point(|point| f64::from(point.second) <= second);
        // Before the first point of the day the ramp of the last one is still under way.
        let (from, to, length) = self.ramp((after + self.points.len() - 1) % self.points.len());
        let gone = (second - f64::from(from.second)).rem_euclid(f64::from(DAY));
        from.alpha + (to.alpha - from.alpha) * smoothstep(gone / f64::from(length))
    }

    /// From a point to the next, and how long it takes.
    fn ramp(&self, index: usize) -> (Point, Point, u32) {
        let (from, to) = (self.points[index], self.points[(index + 1) % self.points.len()]);
        let seconds = (to.second + DAY - from.second) % DAY;
        (from, to, if seconds == 0 { DAY } else { seconds })
    }
}

/// 3x² − 2x³ on [0, 1]: starts and ends level.
fn smoothstep(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hour: u32, minute: u32, alpha: f64) -> Point {
        Point { second: hour * 3600 + minute * 60, alpha }
    }

    fn of_figure_15() -> Schedule {
        Schedule::new(vec![at(6, 30, 0.0), at(9, 0, 1.0), at(16, 0, 1.0), at(20, 0, 0.0)]).expect("possible")
    }

    #[test]
    fn figure_15_balances_by_day_and_saves_by_night() {
        let schedule = of_figure_15();
        for (hour, alpha) in [(0.0, 0.0), (3.0, 0.0), (6.5, 0.0), (9.0, 1.0), (12.0, 1.0), (16.0, 1.0), (22.0, 0.0)] {
            assert!((schedule.alpha(hour * 3600.0) - alpha).abs() < 1e-9, "{hour} h");
        }
        assert!((schedule.alpha(18.0 * 3600.0) - 0.5).abs() < 1e-9, "half-way down");
    }

    #[test]
    fn it_is_smooth_over_the_whole_day_and_midnight() {
        let schedule = Schedule::new(vec![at(1, 0, 1.0), at(23, 0, 0.0)]).expect("possible");
        let steepest = (0..=u64::from(DAY))
            .map(|second| (schedule.alpha(second as f64) - schedule.alpha(second as f64 + 1.0)).abs())
            .fold(0.0, f64::max);
        assert!(steepest <= 1.5 / 7200.0 + 1e-9, "a smoothstep's slope is at most 1.5 times the mean's: {steepest}");
        assert!((schedule.alpha(0.0) - 0.5).abs() < 1e-9, "half-way over midnight");
    }

    #[test]
    fn schedules_that_cannot_work_are_refused_with_the_reason() {
        let refused = |points: Vec<Point>| Schedule::new(points).expect_err("refused").to_string();
        assert!(refused(vec![]).contains("no points"));
        assert!(refused(vec![Point { second: DAY, alpha: 1.0 }]).contains("no time of day"));
        assert!(refused(vec![at(9, 0, 1.5)]).contains("at 09:00:00"));
        assert!(refused(vec![at(9, 0, f64::NAN)]).contains("NaN"));
        assert!(refused(vec![at(9, 0, 1.0), at(8, 0, 0.0)]).contains("08:00:00 comes after 09:00:00"));
        let jump = refused(vec![at(9, 0, 1.0), Point { second: 9 * 3600 + 5, alpha: 0.0 }]);
        assert!(jump.contains("within 5 s"), "{jump}");
    }

    proptest! {
        #[test]
        fn alpha_is_a_share_and_periodic(second in -1e6..1e6_f64) {
            let schedule = of_figure_15();
            let alpha = schedule.alpha(second);
            prop_assert!((0.0..=1.0).contains(&alpha));
            prop_assert!((schedule.alpha(second + f64::from(DAY)) - alpha).abs() < 1e-6);
        }
    }
}
