//! What goes over the nodes' sockets to the broker, as the kernel counts it; told by `ss` of iproute2.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use tokio::process::Command;

/// Bytes of an IPv4 header and a TCP header with timestamps.
const HEADERS: u64 = 52;

/// What went over one socket so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes to the broker, headers included.
    pub up: u64,
    /// Bytes from it, headers included.
    pub down: u64,
}

/// The sockets of this process to a broker.
#[derive(Debug)]
pub struct Sockets {
    port: u16,
    /// Sockets that are not the nodes'.
    others: BTreeSet<String>,
    /// By the local address: what each had when it was last seen. Sockets that end keep what they had.
    seen: BTreeMap<String, Traffic>,
}

impl Sockets {
    /// To the broker at this port. What is open now does not belong to nodes.
    pub async fn watch(port: u16) -> Option<Self> {
        let others = look(port).await?.into_keys().collect();
        Some(Self { port, others, seen: BTreeMap::new() })
    }

    /// What went over all of them so far; and how many there are. `None` where it cannot be told.
    pub async fn total(&mut self) -> Option<(Traffic, usize)> {
        let mut now = look(self.port).await?;
        now.retain(|local, _| !self.others.contains(local));
        let open = now.len();
        self.seen.extend(now);
        let sum = |of: fn(&Traffic) -> u64| self.seen.values().map(of).sum();
        Some((Traffic { up: sum(|it| it.up), down: sum(|it| it.down) }, open))
    }
}

async fn look(port: u16) -> Option<BTreeMap<String, Traffic>> {
    let (filter, own) = (format!("dport = :{port}"), format!("pid={},", std::process::id()));
    let asked =
        Command::new("ss").args(["-tinpHO", "state", "established", &filter]).stdin(Stdio::null()).output().await;
    let asked = asked.ok().filter(|asked| asked.status.success())?;
    Some(parse(&String::from_utf8_lossy(&asked.stdout), &own))
}

/// A socket a line; those of this process only.
fn parse(text: &str, own: &str) -> BTreeMap<String, Traffic> {
    let mut sockets = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains(own)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |key: &str| {
            let value = words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
            value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0)
        };
        // Without the column of the state: two lengths of queues, then the local address.
        if let Some(local) = words.get(2) {
            let traffic = Traffic {
                up: number("bytes_sent") + number("segs_out") * HEADERS,
                down: number("bytes_received") + number("segs_in") * HEADERS,
            };
            sockets.insert((*local).to_owned(), traffic);
        }
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_headers_are_summed_for_the_own_sockets_only() {
        let text = "0      0      127.0.0.1:40000 127.0.0.1:5672 users:((\"rollcall\",pid=7,fd=9)) cubic wscale:7,7 rto:204 \
                    bytes_sent:1000 bytes_acked:1001 bytes_received:500 segs_out:10 segs_in:20 data_segs_out:5\n\
                    0      0      127.0.0.1:40002 127.0.0.1:5672 users:((\"rollcall\",pid=77,fd=9)) cubic bytes_sent:9\n";
        let sockets = parse(text, "pid=7,");
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets["127.0.0.1:40000"], Traffic { up: 1_000 + 520, down: 500 + 1_040 });
    }
}
