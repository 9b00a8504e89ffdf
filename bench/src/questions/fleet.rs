//! A fleet to ask about: written through the store itself, change by change, as a zone would have written it, over the seven
//! days before it is written. The same in whatever database.

mod afterwards;
mod beginning;
mod nodes;
mod trust;

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, bail};
use rollcall_model::hardware::{Cpu, Memory, Nic};
use rollcall_model::{Capability, GroupId, HardwareTopology, Name, NodeId, UnixMillis};
use rollcall_store::{Change, Store};

/// How large.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Nodes.
    pub nodes: u32,
    /// Groups: racks, but for fifty combinations and two by rule.
    pub groups: u32,
    /// Changes of health.
    pub changes: u32,
}

/// Kinds of servers.
const KINDS: u32 = 50;
/// Changes in one batch.
const BATCH: usize = 5_000;
/// Milliseconds.
const HOUR: u64 = 3_600_000;
/// Milliseconds.
const DAY: u64 = 24 * HOUR;
/// The event that says that all of it is there.
const COMPLETE: &str = "bench_fleet_complete";

/// A fleet that is, or is to be, in a store.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    size: Size,
    racks: u32,
    /// Milliseconds since 1970.
    start: u64,
}

fn name(text: &str) -> anyhow::Result<Name> {
    text.parse().with_context(|| text.to_owned())
}

fn node_name(number: u32) -> anyhow::Result<Name> {
    name(&format!("node-{number}"))
}

fn rack(number: u32) -> GroupId {
    GroupId::derived_from(&format!("rack {number}"))
}

/// The node of this number.
#[must_use]
pub fn node(number: u32) -> NodeId {
    NodeId::derived_from(&format!("node {number}"))
}

fn capability(kind: u32) -> Capability {
    Capability::of(&hardware(kind), &[])
}

fn hardware(kind: u32) -> HardwareTopology {
    HardwareTopology {
        cpu: Cpu {
            vendor: Some(if kind.is_multiple_of(2) { "AuthenticAMD" } else { "GenuineIntel" }.into()),
            family: Some(25),
            model: Some(kind),
            cores: Some(32),
            threads: Some(64),
            flags: ["avx2", "avx512f", "sse4_2", "aes", "vmx"].map(str::to_owned).to_vec(),
            ..Cpu::default()
        },
        memory: Memory {
            total_bytes: Some(u64::from(1 + kind) << 34),
            technology: Some("DDR5".into()),
            ..Memory::default()
        },
        nics: vec![Nic { name: "eth0".into(), driver: Some("ice".into()), speed_mbps: Some(25_000), ..Nic::default() }],
        ..HardwareTopology::default()
    }
}

/// A number that looks as if it came by chance, and is the same every time.
fn chance(of: u64) -> u64 {
    let mut bits = of.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl Fleet {
    /// The fleet that is in the store, or one whose week ends now.
    ///
    /// # Errors
    /// When the store holds one that was not written to its end, or does not answer.
    pub async fn of(store: &Store, size: Size, now: UnixMillis) -> anyhow::Result<(Self, bool)> {
        let racks = size.groups.saturating_sub(KINDS + 2).max(1);
        let there = store.select("SELECT created_ms FROM zone", &[]).await?;
        let Some(start) = there.rows.first().and_then(|row| row[0].as_u64()) else {
            return Ok((Self { size, racks, start: now.0 - 7 * DAY }, false));
        };
        let complete =
            store.ask(&format!("SELECT 1 FROM v_events WHERE kind = '{COMPLETE}'"), Default::default()).await?;
        if complete.rows.is_empty() {
            bail!("the fleet in this database was not written to its end: remove it and begin anew");
        }
        Ok((Self { size, racks, start }, true))
    }

    /// Writes it into an empty store, saying how far it has come.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn write(&self, store: &Store) -> anyhow::Result<()> {
        let mut progress = Progress::new(store, self.size);
        progress.all(self.beginning()?).await?;
        for number in 1..=self.size.nodes {
            progress.all(self.arrival(number)?).await?;
        }
        for number in 0..self.size.changes {
            progress.add(self.changed(number)?).await?;
        }
        for number in 1..=self.size.nodes {
            progress.all(self.afterwards_of(number)?).await?;
        }
        progress.all(self.told()?).await?;
        progress.all(self.people()?).await?;
        progress.flush().await?;
        progress.all(self.seen_by_somebody(store).await?).await?;
        let (subject, message) = ("fleet".to_owned(), format!("{:?}", self.size));
        progress.add(Change::Noted { kind: COMPLETE, subject, message, at: self.at(7 * DAY) }).await?;
        progress.flush().await
    }

    /// A moment so many milliseconds after the beginning.
    fn at(&self, milliseconds: u64) -> UnixMillis {
        UnixMillis(self.start + milliseconds)
    }

    /// The rack of a node.
    fn rack_of(&self, number: u32) -> u32 {
        1 + number % self.racks
    }
}

/// Gathers changes into batches.
struct Progress<'a> {
    store: &'a Store,
    batch: Vec<Change>,
    done: usize,
    total: usize,
    began: Instant,
}

impl<'a> Progress<'a> {
    fn new(store: &'a Store, size: Size) -> Self {
        // What is written of each node: two changes when it comes, three of trust, a share of the rest.
        let total = 7 * size.nodes as usize + size.changes as usize;
        Self { store, batch: Vec::new(), done: 0, total, began: Instant::now() }
    }

    async fn add(&mut self, change: Change) -> anyhow::Result<()> {
        self.batch.push(change);
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn all(&mut self, changes: Vec<Change>) -> anyhow::Result<()> {
        for change in changes {
            self.add(change).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        self.store.commit(&self.batch).await?;
        self.done += self.batch.len();
        self.batch.clear();
        let percent = (100 * self.done / self.total.max(1)).min(100);
        write!(std::io::stderr(), "\r  {percent} % written after {:.0} s ", self.began.elapsed().as_secs_f64())?;
        Ok(())
    }
}
