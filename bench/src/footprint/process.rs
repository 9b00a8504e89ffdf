//! What the kernel says a process has used.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use std::{fs, io};

/// Clock ticks per second of `/proc/PID/stat`: a constant of Linux as programs see it.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process holds and has used so far.
#[derive(Clone, Debug)]
pub struct Snapshot {
    at: Instant,
    /// Resident memory, KiB.
    pub rss_kib: u64,
    /// Of that, pages of files: programs and libraries, KiB.
    pub file_kib: u64,
    /// The most it ever was, KiB.
    pub peak_kib: u64,
    /// The same with shared pages divided among who shares them, KiB.
    pub pss_kib: u64,
    /// Pages nobody else has and that were written to, KiB.
    pub private_dirty_kib: u64,
    /// Its threads, by id.
    pub threads: BTreeMap<u32, Thread>,
    ticks: u64,
}

/// What a thread has used so far.
#[derive(Clone, Debug)]
pub struct Thread {
    name: String,
    on_cpu: Duration,
    wakeups: u64,
}

/// What was used between two snapshots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Time between them.
    pub span: Duration,
    /// Processor time of all threads that still live.
    pub on_cpu: Duration,
    ticks: u64,
    wakeups: u64,
}

impl Used {
    /// What one thread and another have used in the same time.
    pub fn and(self, other: Self) -> Self {
        Self { on_cpu: self.on_cpu + other.on_cpu, wakeups: self.wakeups + other.wakeups, ..self }
    }

    /// Processor time, percent of one core.
    pub fn percent(&self) -> f64 {
        100.0 * self.on_cpu.as_secs_f64() / self.span.as_secs_f64()
    }

    /// The same by clock ticks, which are coarse.
    pub fn percent_by_ticks(&self) -> f64 {
        100.0 * self.ticks as f64 / TICKS_PER_SECOND / self.span.as_secs_f64()
    }

    /// How often it was woken, per second.
    pub fn wakeups(&self) -> f64 {
        self.wakeups as f64 / self.span.as_secs_f64()
    }
}

impl Snapshot {
    /// Of this process, now.
    pub fn of(pid: u32) -> io::Result<Self> {
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|id| Some((id, Thread::of(pid, id)?)))
            .collect();
        Ok(Self {
            at: Instant::now(),
            rss_kib: number(&status, "VmRSS:"),
            file_kib: number(&status, "RssFile:"),
            peak_kib: number(&status, "VmHWM:"),
            pss_kib: number(&smaps, "Pss:"),
            private_dirty_kib: number(&smaps, "Private_Dirty:"),
            threads,
            ticks: ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?),
        })
    }

    /// What was used since an earlier one.
    pub fn since(&self, earlier: &Self) -> Used {
        let span = self.at - earlier.at;
        let all = Used { span, ticks: self.ticks.saturating_sub(earlier.ticks), ..Used::default() };
        self.threads_since(earlier).fold(all, |all, (_, used)| all.and(used))
    }

    /// What each thread that still lives has used since an earlier one.
    pub fn threads_since(&self, earlier: &Self) -> impl Iterator<Item = (&str, Used)> {
        self.threads.iter().map(|(id, thread)| {
            let before = earlier.threads.get(id);
            let used = Used {
                span: self.at - earlier.at,
                on_cpu: thread.on_cpu.saturating_sub(before.map_or(Duration::ZERO, |before| before.on_cpu)),
                ticks: 0,
                wakeups: thread.wakeups.saturating_sub(before.map_or(0, |before| before.wakeups)),
            };
            (thread.name.as_str(), used)
        })
    }
}

impl Thread {
    /// `None` if it has ended meanwhile.
    fn of(pid: u32, id: u32) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/task/{id}/{file}")).ok();
        // Nanoseconds on a processor come first.
        let on_cpu = read("schedstat")?.split_whitespace().next()?.parse().ok()?;
        let name = read("comm")?.trim().to_owned();
        let wakeups = number(&read("status")?, "voluntary_ctxt_switches:");
        Some(Self { name, on_cpu: Duration::from_nanos(on_cpu), wakeups })
    }
}

/// The number that follows a key at the beginning of a line; 0 if there is none.
fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// `utime` and `stime`, the 14th and 15th field; the second one is a name in brackets and may hold blanks.
fn ticks(stat: &str) -> u64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_whatever_the_process_is_called() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 10 0 0 0 12 30 0 0 20 0 5 0 100 1 2";
        assert_eq!(ticks(stat), 42);
    }

    #[test]
    fn this_process_holds_memory_and_has_a_thread_that_ran() {
        let before = Snapshot::of(std::process::id()).expect("its own");
        let after = Snapshot::of(std::process::id()).expect("its own");
        assert!(after.rss_kib >= after.private_dirty_kib && after.pss_kib > 0);
        assert!(after.peak_kib >= after.rss_kib);
        assert!(after.threads.values().any(|thread| thread.on_cpu > Duration::ZERO));
        assert!(after.since(&before).percent() >= 0.0);
    }
}
