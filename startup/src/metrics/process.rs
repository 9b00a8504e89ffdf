//! What the kernel counts of this process, under the names that Prometheus' client libraries give it.

use std::fs;

/// Clock ticks a second in `/proc`: a constant of Linux as programs see it.
const TICKS_PER_SECOND: f64 = 100.0;

/// Figures of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Processor time in user and kernel, seconds.
    pub cpu_seconds: f64,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open files, sockets among them.
    pub open_files: u64,
    /// When it was started, seconds since 1970.
    pub started_seconds: f64,
}

impl Process {
    /// Of this process, now; zeros where `/proc` is not there.
    #[must_use]
    pub fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
        Self { open_files, ..parse(&text("/proc/self/stat"), &text("/proc/self/status"), &text("/proc/stat")) }
    }
}

/// From proc(5)'s `stat` and `status` of a process, and the system's `stat`.
fn parse(stat: &str, status: &str, system: &str) -> Process {
    // The name before the last parenthesis may hold anything; the fields behind it are counted from 3.
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    let line = |text: &str, key: &str| {
        let found =
            text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<u64>().ok());
        found.unwrap_or_default()
    };
    let booted = line(system, "btime");
    Process {
        cpu_seconds: (ticks(14) + ticks(15)) / TICKS_PER_SECOND,
        resident_bytes: line(status, "VmRSS:") * 1_024,
        threads: line(status, "Threads:"),
        open_files: 0,
        started_seconds: booted as f64 + ticks(22) / TICKS_PER_SECOND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read_whatever_a_program_is_called() {
        let stat = "77 (a ) b) S 1 77 77 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 9 0 12345 3000000 700 0";
        let status = "Name:\ta ) b\nVmRSS:\t    2048 kB\nThreads:\t9\n";
        let read = parse(stat, status, "cpu 1 2 3\nbtime 1700000000\n");
        let expected = Process {
            cpu_seconds: 3.0,
            resident_bytes: 2 * 1024 * 1024,
            threads: 9,
            open_files: 0,
            started_seconds: 1_700_000_123.45,
        };
        assert_eq!(read, expected);
        assert_eq!(parse("", "", ""), Process::default());
    }

    #[test]
    fn this_process_has_memory_threads_and_files_and_was_started_in_the_past() {
        let read = Process::read();
        assert!(read.resident_bytes > 1_000_000 && read.threads > 0 && read.open_files > 2, "{read:?}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(read.started_seconds > 1_600_000_000.0 && read.started_seconds < now + 2.0, "{read:?}");
    }
}
