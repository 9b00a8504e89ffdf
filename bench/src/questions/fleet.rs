//! A fleet to ask about: written through the store itself, change by change, as a zone would have written it.

use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::Context;
use rollcall_model::hardware::{Cpu, Memory, Nic};
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::indicator::{INDICATORS, Severity};
use rollcall_model::packet::{Action, ChannelMessage, Quantiles, Summary};
use rollcall_model::{
    ActionId, Capability, CheckinId, GroupId, HardwareTopology, Health, HealthBits, InstanceId, Millis, Name, NodeId,
    NodeIdentifier, NodeState, Purpose, SessionEpoch, UnixMillis, ZoneId,
};
use rollcall_store::{Change, GroupKind, GroupRule, Store};

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

/// When it begins: 2026-11-20T08:00:00.000Z, the time the guide asks about.
const START: u64 = 1_795_161_600_000;
/// Kinds of servers.
const KINDS: u32 = 50;
/// Changes in one batch.
const BATCH: usize = 5_000;

fn at(milliseconds: u64) -> UnixMillis {
    UnixMillis(START + milliseconds)
}

fn name(text: &str) -> anyhow::Result<Name> {
    text.parse().with_context(|| text.to_owned())
}

fn rack(number: u32) -> GroupId {
    GroupId::derived_from(&format!("rack {number}"))
}

/// The node of this number.
#[must_use]
pub fn node(number: u32) -> NodeId {
    NodeId::derived_from(&format!("node {number}"))
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

/// Writes a fleet into an empty store, saying how far it has come.
///
/// # Errors
/// When the store refuses.
pub async fn write(store: &Store, size: Size) -> anyhow::Result<()> {
    let racks = size.groups.saturating_sub(KINDS + 2).max(1);
    let mut progress = Progress::new(store, size);
    progress.all(beginning(racks)?).await?;
    for number in 1..=size.nodes {
        progress.add(joined(number)?).await?;
        progress.add(placed(number, 1 + number % racks)?).await?;
    }
    for number in 0..size.changes {
        progress.add(changed(number, size, racks)?).await?;
    }
    progress.all(afterwards(size, racks)?).await?;
    progress.flush().await
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
        let total = 2 * size.nodes as usize + size.changes as usize;
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

fn beginning(racks: u32) -> anyhow::Result<Vec<Change>> {
    let mut changes = vec![Change::ZoneStarted {
        zone: ZoneId::derived_from("bench"),
        name: name("bench")?,
        generation: 1,
        at: at(0),
    }];
    for number in 1..=racks {
        changes.push(Change::GroupJoined {
            group: rack(number),
            name: name(&format!("rack-{number}"))?,
            place: name(&format!("row-{}", number / 20))?,
            addresses: vec![Ipv4Addr::from(0x0A00_0000 + (number << 8)).into()],
            instance: InstanceId::derived_from(&format!("run {number}")),
            session: 1,
            channels: Vec::new(),
            at: at(0),
        });
    }
    for kind in 0..KINDS {
        let capability = Capability::of(&hardware(kind), &[]);
        changes.push(Change::GroupCreated {
            group: capability.group_id(),
            kind: GroupKind::Logical,
            name: capability.group_name(),
            capability: Some(capability),
            origin: "check-in",
            at: at(0),
        });
    }
    for group in ["hot", "quarantine"] {
        changes.push(Change::RuleGroupSet {
            group: GroupId::derived_from(group),
            kind: GroupKind::Health,
            name: name(group)?,
            rule: GroupRule {
                rule: "health.cpu_temperature".into(),
                enter_dwell: Millis(5_000),
                leave_dwell: Millis(30_000),
            },
            origin: "default".into(),
            at: at(0),
        });
    }
    for version in 1..=3 {
        changes.push(Change::PolicySet {
            version,
            document: format!("# version {version}\n"),
            by: "ada".into(),
            comment: String::new(),
            at: at(version),
        });
    }
    Ok(changes)
}

fn joined(number: u32) -> anyhow::Result<Change> {
    let hardware = hardware(number % KINDS);
    let capability = Capability::of(&hardware, &[]);
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: None,
        board_serial: Some(format!("serial-{number}")),
        cpu: None,
        machine_id: None,
        mac: None,
    };
    Ok(Change::NodeJoined {
        identifier: NodeIdentifier { node: node(number), evidence },
        name: name(&format!("node-{number}"))?,
        address: Ipv4Addr::from(0x0A00_0000 + number).into(),
        place: None,
        instance: InstanceId::derived_from(&format!("node {number} run 1")),
        epoch: SessionEpoch(1),
        group: capability.group_id(),
        capability,
        hardware: Box::new(hardware),
        reason: "same combination".into(),
        checkin: CheckinId::derived_from("checkin"),
        at: at(10_000),
    })
}

fn placed(number: u32, in_rack: u32) -> anyhow::Result<Change> {
    Ok(Change::NodePlaced {
        node: node(number),
        name: name(&format!("node-{number}"))?,
        address: Ipv4Addr::from(0x0A00_0000 + number).into(),
        group: rack(in_rack),
        at: at(11_000),
    })
}

/// Nodes take turns; most changes set a bit or clear it again, one in twenty is a death or a return. At the end about
/// one node in thirty has something.
fn changed(number: u32, size: Size, racks: u32) -> anyhow::Result<Change> {
    let (node_number, round) = (1 + number % size.nodes, number / size.nodes);
    let dice = chance(u64::from(node_number) << 8 | u64::from(round / 2));
    let is_last = u64::from(number) + u64::from(size.nodes) >= u64::from(size.changes);
    let is_bad = if is_last { dice.is_multiple_of(30) } else { round.is_multiple_of(2) };
    let bit = usize::try_from(dice / 64 % INDICATORS.len() as u64)?;
    let (state, bits, cause) = match (is_bad, dice / 4_096 % 20) {
        (true, 0) => (NodeState::Down, HealthBits::NONE, "connection closed"),
        (true, _) => (NodeState::Degraded, HealthBits::NONE.with(bit, true), "status"),
        (false, _) => (NodeState::Healthy, HealthBits::NONE, "status"),
    };
    let masked =
        if node_number.is_multiple_of(3) { HealthBits::NONE.with(23 - bit % 3, bit < 20) } else { HealthBits::NONE };
    let health = Health::new(bits, masked).unwrap_or_else(|_| Health::unmeasured());
    // A week, evenly.
    let moment = 100_000 + u64::from(number) * (7 * 24 * 3_600_000) / u64::from(size.changes);
    Ok(Change::NodeChanged {
        node: node(node_number),
        group: rack(1 + node_number % racks),
        session: 1,
        number: u64::from(number) + 1,
        epoch: SessionEpoch(1),
        state,
        health,
        cause: cause.into(),
        at: at(moment),
    })
}

/// Members by rule, obedience, orders, messages, summaries.
fn afterwards(size: Size, racks: u32) -> anyhow::Result<Vec<Change>> {
    let nodes: Vec<u32> = (1..=size.nodes).collect();
    let mut changes: Vec<Change> = nodes
        .chunks(1_000)
        .map(|some| Change::PolicyApplied {
            nodes: some.iter().filter(|number| *number % 500 != 0).map(|number| node(*number)).collect(),
            version: 3,
            at: at(20_000),
        })
        .collect();
    for number in (1..=size.nodes).step_by(25) {
        let (node, group) = (node(number), GroupId::derived_from("hot"));
        changes.push(Change::NodeEntered { node, group, reason: "cpu_temperature is set".into(), at: at(30_000) });
        if !number.is_multiple_of(4) {
            changes.push(Change::NodeLeft { node, group, reason: "cool again".into(), at: at(90_000) });
        }
    }
    for number in 1..=(size.nodes / 50).max(1) {
        changes.push(Change::ActionOrdered {
            action_id: ActionId::derived_from(&format!("order {number}")),
            node: node(number),
            action: Action::RestartService { service: "nginx.service".into() },
            by: "ada".into(),
            automatic: false,
            deadline: at(60_000),
            time_limit_ms: 90_000,
            at: at(40_000 + u64::from(number)),
        });
        let message = ChannelMessage {
            channel: Purpose::new("security")?,
            what: "join_refused".into(),
            subject: format!("node-{number}"),
            severity: Severity::Warning,
            message: "token expired".into(),
            detail: serde_json::json!({ "address": "10.0.0.9" }),
            at: at(50_000 + u64::from(number)),
        };
        changes.push(Change::ChannelMessage { message, from: "zone.inbox".into() });
    }
    for period in 0..30 {
        for number in 1..=racks {
            let quantiles = Quantiles { count: 12, min: 41.0, p50: 55.0, p90: 70.5, p99: 88.0, max: 91.25 };
            let summary = Summary {
                group: rack(number),
                session: 1,
                states: [(NodeState::Healthy, 50), (NodeState::Degraded, 2)].into(),
                bits: [("fan".to_owned(), 2)].into(),
                statuses: 4_711,
                refused: std::collections::BTreeMap::default(),
                metrics: [("cpu_temperature".to_owned(), quantiles)].into(),
                period_ms: Millis(10_000),
            };
            changes.push(Change::Analytics { summary: Box::new(summary), at: at(100_000 + 10_000 * period) });
        }
    }
    Ok(changes)
}
