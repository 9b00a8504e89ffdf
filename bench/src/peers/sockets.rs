//! What goes over a process's sockets to a port, as the kernel counts it; told by `ss` of iproute2.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::report::median;

/// Bytes of an IPv4 header, and of a TCP header with timestamps.
pub const HEADERS: u64 = 20 + 32;
/// After a report, until acknowledgements are over: TCP delays its own by 40 ms.
const SETTLE: Duration = Duration::from_millis(100);

/// What went over some sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that TCP carried to the other end.
    pub up: u64,
    /// Segments to it, acknowledgements included.
    pub segments_up: u64,
    /// Bytes from it.
    pub down: u64,
    /// Segments from it.
    pub segments_down: u64,
}

impl Traffic {
    /// Bytes to the other end, headers included.
    pub const fn sent(&self) -> u64 {
        self.up + self.segments_up * HEADERS
    }

    /// Bytes from it, headers included.
    pub const fn received(&self) -> u64 {
        self.down + self.segments_down * HEADERS
    }

    /// What has come since an earlier moment.
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            up: self.up.saturating_sub(earlier.up),
            segments_up: self.segments_up.saturating_sub(earlier.segments_up),
            down: self.down.saturating_sub(earlier.down),
            segments_down: self.segments_down.saturating_sub(earlier.segments_down),
        }
    }

    /// In words.
    pub fn in_words(&self) -> String {
        let Self { up, segments_up, down, segments_down } = self;
        format!("TCP carries {up} B in {segments_up} segments, and {down} B in {segments_down} back")
    }
}

/// What went over all sockets that a process has to a port so far.
pub async fn look(pid: u32, port: u16) -> anyhow::Result<Traffic> {
    let filter = format!("dport = :{port}");
    let asked =
        Command::new("ss").args(["-tinpHO", "state", "established", &filter]).stdin(Stdio::null()).output().await;
    let asked = asked.context("cannot start ss of Debian's iproute2")?;
    ensure!(asked.status.success(), "ss says: {}", String::from_utf8_lossy(&asked.stderr).trim());
    parse(&String::from_utf8_lossy(&asked.stdout), pid)
        .with_context(|| format!("process {pid} has no socket to {port}"))
}

/// What one report costs: the medians of so many, sent one at a time. A median leaves out what else is said now and then.
pub async fn each(
    pid: u32,
    port: u16,
    reports: usize,
    mut report: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Traffic> {
    let mut seen = Vec::new();
    for _ in 0..reports {
        let before = look(pid, port).await?;
        report().await?;
        tokio::time::sleep(SETTLE).await;
        seen.push(look(pid, port).await?.since(&before));
    }
    let middle = |of: fn(&Traffic) -> u64| median(&seen.iter().map(|one| of(one) as f64).collect::<Vec<f64>>()) as u64;
    Ok(Traffic {
        up: middle(|one| one.up),
        segments_up: middle(|one| one.segments_up),
        down: middle(|one| one.down),
        segments_down: middle(|one| one.segments_down),
    })
}

/// A socket a line. `None` without any of the process.
fn parse(text: &str, pid: u32) -> Option<Traffic> {
    let owner = format!("pid={pid},");
    let sockets = text.lines().filter(|line| line.contains(&owner)).map(|line| {
        let number = |key: &str| {
            let value = line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
            value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0)
        };
        Traffic {
            up: number("bytes_sent"),
            segments_up: number("segs_out"),
            down: number("bytes_received"),
            segments_down: number("segs_in"),
        }
    });
    sockets.reduce(|all, one| Traffic {
        up: all.up + one.up,
        segments_up: all.segments_up + one.segments_up,
        down: all.down + one.down,
        segments_down: all.segments_down + one.segments_down,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0 0 127.0.0.1:40000 127.0.0.1:5672 users:((\"python\",pid=7,fd=9)) cubic rto:204 \
                        bytes_sent:1000 bytes_acked:1001 bytes_received:500 segs_out:10 segs_in:20 data_segs_out:5\n\
                        0 0 127.0.0.1:40001 127.0.0.1:5672 users:((\"python\",pid=7,fd=10)) bytes_sent:1 segs_out:1\n\
                        0 0 127.0.0.1:40002 127.0.0.1:5672 users:((\"other\",pid=77,fd=9)) cubic bytes_sent:9\n";

    #[test]
    fn all_sockets_of_one_process_are_added() {
        let all = parse(TEXT, 7).expect("two sockets");
        assert_eq!(all, Traffic { up: 1_001, segments_up: 11, down: 500, segments_down: 20 });
        assert_eq!((all.sent(), all.received()), (1_001 + 11 * 52, 500 + 20 * 52));
        assert_eq!(parse(TEXT, 70), None);
    }
}
