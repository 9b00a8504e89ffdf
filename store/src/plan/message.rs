//! What events say to people, and short texts about hardware.

use rollcall_model::indicator::INDICATORS;
use rollcall_model::{HardwareTopology, Name, NodeState, SessionEpoch};

use crate::row::BitState;

/// An indicator that is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub bit: usize,
    /// `None` at the first report.
    pub was: Option<BitState>,
    pub now: BitState,
}

/// More differences than this are counted, not listed.
const LISTED: usize = 6;

/// `node web-3 healthy → down: connection closed`, `node web-3: disk_space set (was clear)`.
pub(super) fn changed(
    name: &Name,
    (from, to): (NodeState, NodeState),
    cause: &str,
    differences: &[Difference],
) -> String {
    let head = if from == to { format!("node {name}") } else { format!("node {name} {from} → {to}") };
    let bits = listed(differences);
    // Bits are their own cause; a state that does not follow from bits needs the one given.
    let follows_from_bits = matches!(to, NodeState::Healthy | NodeState::Degraded) && !bits.is_empty();
    let cause = (!follows_from_bits && !cause.is_empty()).then(|| cause.to_owned());
    let tail: Vec<String> = cause.into_iter().chain(bits).collect();
    if tail.is_empty() { head } else { format!("{head}: {}", tail.join("; ")) }
}

/// At the first report only what is set is worth a word.
fn listed(differences: &[Difference]) -> Vec<String> {
    let worth: Vec<&Difference> = differences.iter().filter(|it| it.was.is_some() || it.now == BitState::Set).collect();
    let mut texts: Vec<String> = worth.iter().take(LISTED).map(|it| said(it)).collect();
    if worth.len() > LISTED {
        texts.push(format!("{} more indicators changed", worth.len() - LISTED));
    }
    texts
}

fn said(difference: &Difference) -> String {
    let name = INDICATORS[difference.bit].name;
    match difference.was {
        Some(was) => format!("{name} {} (was {})", difference.now.as_str(), was.as_str()),
        None => format!("{name} {}", difference.now.as_str()),
    }
}

/// Names of the indicators that became this; at the first report only those set.
pub(super) fn names(differences: &[Difference], state: BitState) -> Vec<&'static str> {
    differences
        .iter()
        .filter(|it| it.now == state && (it.was.is_some() || state == BitState::Set))
        .map(|it| INDICATORS[it.bit].name)
        .collect()
}

/// `node web-3 joined amd-25-17.ixgbe-10g.0a1b2c3d, epoch 4: same combination`.
pub(super) fn joined(name: &Name, group: &str, epoch: SessionEpoch, reason: &str, rebuilt: bool) -> String {
    let hardware = if rebuilt { "; its hardware changed" } else { "" };
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("node {name} joined {group}, epoch {epoch}{reason}{hardware}")
}

/// The processor in a few words; `None` where nothing is known.
pub(super) fn cpu(hardware: &HardwareTopology) -> Option<String> {
    let cpu = &hardware.cpu;
    cpu.name.clone().or_else(|| {
        let numbers = cpu.family.map(|family| match cpu.model {
            Some(model) => format!(" family {family} model {model}"),
            None => format!(" family {family}"),
        });
        cpu.vendor.as_ref().map(|vendor| format!("{vendor}{}", numbers.unwrap_or_default()))
    })
}

/// `eth0 ixgbe 10G, eth1 igb`; empty where there is none.
pub(super) fn nics(hardware: &HardwareTopology) -> String {
    let texts: Vec<String> = hardware
        .nics
        .iter()
        .map(|nic| {
            let driver = nic.driver.as_ref().map(|driver| format!(" {driver}")).unwrap_or_default();
            let speed = match nic.speed_mbps {
                Some(mbps) if mbps >= 1_000 => format!(" {}G", f64::from(mbps) / 1_000.0),
                Some(mbps) => format!(" {mbps}M"),
                None => String::new(),
            };
            format!("{}{driver}{speed}", nic.name)
        })
        .collect();
    texts.join(", ")
}
