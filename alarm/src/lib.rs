//! A timer that wakes its process once.
//!
//! tokio keeps its timers in a wheel of wheels: one that is a second ahead wakes its thread two or three times, to be moved
//! from wheel to wheel. Where thousands of timers run that is what makes them cheap; for a process that sleeps nearly
//! always it is most of what it does. Such a program calls [`spare_wakeups`] once, and its alarms are then the kernel's
//! (`timerfd_create(2)`), each with a file descriptor of its own. What need not be done at its very moment ([`roughly`]) is
//! then done when the process is awake anyway. Everybody else's alarms are tokio's.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// Whether alarms are the kernel's.
static SPARING: AtomicBool = AtomicBool::new(false);

/// Tells those who are in no hurry that some alarm of the kernel's went off.
static RANG: Notify = Notify::const_new();

/// From now on this process's alarms wake it once each. For programs with few of them.
pub fn spare_wakeups() {
    SPARING.store(true, Ordering::Relaxed);
}

/// A timer. To be made and waited for inside a tokio runtime.
#[derive(Debug)]
pub struct Alarm(Option<Kernel>);

#[derive(Debug)]
struct Kernel {
    timer: AsyncFd<OwnedFd>,
    set_for: Option<Instant>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

impl Alarm {
    /// An alarm that is set for nothing. The kernel's if this process spares its wake-ups and the kernel gives one.
    #[must_use]
    pub fn new() -> Self {
        let wanted = SPARING.load(Ordering::Relaxed);
        Self(wanted.then(Kernel::new).flatten())
    }

    /// Waits until then; `None` is never. May be cancelled, and asked for another moment.
    pub async fn at(&mut self, moment: Option<Instant>) {
        match (&mut self.0, moment) {
            (Some(kernel), moment) => kernel.at(moment).await,
            (None, Some(moment)) => tokio::time::sleep_until(moment.into()).await,
            (None, None) => pending().await,
        }
    }
}

/// Waits for a while, and then until another alarm goes off, but for no longer than `slack`. Where alarms are tokio's it is
/// always that long.
pub async fn roughly(span: Duration, slack: Duration) {
    let (mut alarm, due) = (Alarm::new(), Instant::now() + span);
    if alarm.0.is_none() {
        return alarm.at(Some(due + slack)).await;
    }
    loop {
        tokio::select! {
            () = alarm.at(Some(due + slack)) => return,
            () = RANG.notified() => if Instant::now() >= due { return },
        }
    }
}

impl Kernel {
    fn new() -> Option<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC).ok()?;
        #[expect(deprecated, reason = "its successor needs an unsafe block; an OwnedFd is open as long as it lives")]
        let timer = AsyncFd::new(timer).ok()?;
        Some(Self { timer, set_for: None })
    }

    /// Sets the timer, unless it is set so already; nothing if the moment is over.
    fn set(&mut self, moment: Option<Instant>, now: Instant) -> bool {
        let ahead = moment.map_or(Duration::ZERO, |moment| moment.saturating_duration_since(now));
        if moment.is_some() && ahead.is_zero() {
            return false;
        }
        if self.set_for != moment {
            // Zero switches it off.
            let none = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec::try_from(ahead).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
            let times = Itimerspec { it_interval: none, it_value: value };
            // It fails for times that are none, and these are some.
            let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times);
            self.set_for = moment;
        }
        true
    }

    async fn at(&mut self, moment: Option<Instant>) {
        while self.set(moment, Instant::now()) {
            let Ok(mut ready) = self.timer.readable().await else {
                // The runtime ends, and with it whoever waits here.
                return pending().await;
            };
            let mut count = [0; 8];
            // How often it went off does not matter, nor whether for this moment or another one: time is looked at.
            if ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut count)?)).is_ok() {
                self.set_for = None;
                RANG.notify_waiters();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn kernel() -> Alarm {
        Alarm(Some(Kernel::new().expect("the kernel has timers")))
    }

    #[tokio::test]
    async fn the_kernels_alarm_goes_off_when_it_is_set_for_and_again_for_another_moment() {
        let mut alarm = kernel();
        for millis in [30, 0, 20] {
            let moment = Instant::now() + Duration::from_millis(millis);
            timeout(Duration::from_secs(20), alarm.at(Some(moment))).await.expect("it goes off");
            assert!(Instant::now() >= moment);
        }
    }

    #[tokio::test]
    async fn an_alarm_that_nobody_waited_for_to_the_end_can_be_set_anew_earlier_later_and_never() {
        let mut alarm = kernel();
        let begun = Instant::now();
        let soon = begun + Duration::from_millis(20);
        assert!(timeout(Duration::from_millis(1), alarm.at(Some(begun + Duration::from_secs(60)))).await.is_err());
        timeout(Duration::from_secs(20), alarm.at(Some(soon))).await.expect("the earlier one");
        let later = Instant::now() + Duration::from_millis(30);
        let early = timeout(Duration::from_millis(1), alarm.at(Some(later - Duration::from_millis(25)))).await;
        assert!(early.is_err() || Instant::now() >= later - Duration::from_millis(25));
        // What was set before goes off meanwhile and wakes nobody too early.
        timeout(Duration::from_secs(20), alarm.at(Some(later))).await.expect("the later one");
        assert!(Instant::now() >= later);
        assert!(timeout(Duration::from_millis(30), alarm.at(None)).await.is_err(), "never");
    }

    #[tokio::test]
    async fn who_is_in_no_hurry_is_woken_together_with_others_and_when_there_are_none_after_the_slack() {
        spare_wakeups();
        let begun = Instant::now();
        let (span, slack) = (Duration::from_millis(50), Duration::from_secs(60));
        let mut alarm = kernel();
        let moments = [20, 80].map(|millis| begun + Duration::from_millis(millis));
        let another = async {
            for moment in moments {
                alarm.at(Some(moment)).await;
            }
        };
        let both = async { tokio::join!(roughly(span, slack), another) };
        timeout(Duration::from_secs(20), both).await.expect("woken by the second one");
        assert!(begun.elapsed() >= span && Instant::now() >= moments[1]);
        let begun = Instant::now();
        timeout(Duration::from_secs(20), roughly(span, span)).await.expect("woken by nobody else");
        assert!(begun.elapsed() >= span);
    }

    #[tokio::test(start_paused = true)]
    async fn otherwise_alarms_are_tokios() {
        let mut alarm = Alarm(None);
        let moment = tokio::time::Instant::now() + Duration::from_secs(3_600);
        alarm.at(Some(moment.into_std())).await;
        assert!(tokio::time::Instant::now() >= moment);
        assert!(timeout(Duration::from_secs(3_600), alarm.at(None)).await.is_err(), "never");
    }
}
