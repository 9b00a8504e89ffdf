//! What processes use, by what the kernel counts.

use std::fs;
use std::time::Instant;

/// Clock ticks of `/proc/*/stat` a second, on every Linux there is.
const TICKS: f64 = 100.0;
/// Bytes of a page of memory on all machines simulations run on.
const PAGE: f64 = 4_096.0;

/// Some processes that count as one.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What they are called together.
    pub name: String,
    pids: Vec<u32>,
    before: Option<(Instant, f64)>,
}

impl Watched {
    /// Not yet looked at.
    #[must_use]
    pub fn new(name: &str, pids: Vec<u32>) -> Self {
        Self { name: name.into(), pids, before: None }
    }

    /// Percent of a core since the last look, and MiB now.
    pub fn look(&mut self) -> (f64, f64) {
        let used: Vec<(f64, f64)> = self.pids.iter().filter_map(|pid| used(*pid)).collect();
        let (seconds, mib) = used.iter().fold((0.0, 0.0), |(cpu, memory), (more, held)| (cpu + more, memory + held));
        let now = Instant::now();
        let percent = self.before.map_or(0.0, |(at, before)| {
            // A process that ended takes its past with it.
            100.0 * (seconds - before).max(0.0) / now.duration_since(at).as_secs_f64().max(0.001)
        });
        self.before = Some((now, seconds));
        (percent, mib)
    }
}

/// Seconds on a processor so far, and MiB resident; `None` once it has ended.
fn used(pid: u32) -> Option<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse(&stat)
}

/// `utime`, `stime` and `rss`: the 14th, 15th and 24th field; the second is a name in brackets and may hold blanks.
fn parse(stat: &str) -> Option<(f64, f64)> {
    let fields: Vec<f64> =
        stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    Some(((fields.get(11)? + fields.get(12)?) / TICKS, fields.get(21)? * PAGE / 1_048_576.0))
}

/// The machine: model of its processor, cores, MiB of memory.
#[must_use]
pub fn machine() -> (String, usize, u64) {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        Some(text.lines().find(|line| line.starts_with(key))?.split_once(':')?.1.trim().to_owned())
    };
    let cpu = line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let kib = line("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    (cpu, std::thread::available_parallelism().map_or(0, usize::from), kib.unwrap_or(0) / 1_024)
}

/// How many tasks wanted to run, averaged over the last minute.
#[must_use]
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_and_memory_are_read_whatever_the_process_is_called() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 10 0 0 0 120 30 0 0 20 0 5 0 100 9999 512 3";
        assert_eq!(parse(stat), Some((1.5, 2.0)));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_and_one_that_is_gone() {
        let mut watched = Watched::new("both", vec![std::process::id(), u32::MAX]);
        assert_eq!(watched.look().0, 0.0);
        let (percent, mib) = watched.look();
        assert!(percent >= 0.0 && mib > 1.0, "{percent} {mib}");
    }
}
