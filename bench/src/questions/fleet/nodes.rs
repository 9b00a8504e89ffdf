//! Nodes come, and their health changes for a week.

use std::net::{IpAddr, Ipv4Addr};

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::indicator::INDICATORS;
use rollcall_model::{CheckinId, Health, HealthBits, InstanceId, NodeIdentifier, NodeState, SessionEpoch, UnixMillis};
use rollcall_store::Change;

use super::{DAY, Fleet, KINDS, capability, chance, hardware, node, node_name, rack};

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from(0x0A00_0000 + number).into()
}

/// What a third of the nodes cannot measure.
fn unmeasurable(number: u32) -> HealthBits {
    let bit = INDICATORS.len() - 1 - (number % 7) as usize % 3;
    if number % 3 == 1 { HealthBits::NONE.with(bit, true) } else { HealthBits::NONE }
}

impl Fleet {
    /// A node checks in, and is found in its rack.
    pub(super) fn arrival(&self, number: u32) -> anyhow::Result<Vec<Change>> {
        let (joined, placed) = (self.at(10_000 + u64::from(number)), self.at(11_000 + u64::from(number)));
        Ok(vec![
            self.joined(number, SessionEpoch(1), number % KINDS, joined)?,
            self.placed(number, self.rack_of(number), placed)?,
        ])
    }

    /// A check-in with hardware of this kind.
    pub(super) fn joined(&self, number: u32, epoch: SessionEpoch, kind: u32, at: UnixMillis) -> anyhow::Result<Change> {
        let capability = capability(kind);
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
            name: node_name(number)?,
            address: address(number),
            place: None,
            instance: InstanceId::derived_from(&format!("node {number} run {}", epoch.0)),
            epoch,
            group: capability.group_id(),
            capability,
            hardware: Box::new(hardware(kind)),
            reason: "same combination".into(),
            checkin: CheckinId::derived_from(&format!("checkin {}", 1 + number % 3)),
            at,
        })
    }

    /// A node is found in a rack.
    pub(super) fn placed(&self, number: u32, in_rack: u32, at: UnixMillis) -> anyhow::Result<Change> {
        Ok(Change::NodePlaced {
            node: node(number),
            name: node_name(number)?,
            address: address(number),
            group: rack(in_rack),
            at,
        })
    }

    /// Nodes take turns; most changes set a bit or clear it again, one in twenty is a death or a return. At the end about
    /// one node in thirty has something.
    pub(super) fn changed(&self, number: u32) -> anyhow::Result<Change> {
        let size = self.size;
        let (node_number, round) = (1 + number % size.nodes, number / size.nodes);
        let dice = chance(u64::from(node_number) << 8 | u64::from(round / 2));
        let is_last = u64::from(number) + u64::from(size.nodes) >= u64::from(size.changes);
        let is_bad = if is_last { dice.is_multiple_of(30) } else { round.is_multiple_of(2) };
        // A week, evenly.
        let moment = 100_000 + u64::from(number) * (7 * DAY - 200_000) / u64::from(size.changes);
        self.health(node_number, dice, is_bad, self.at(moment))
    }

    /// A node becomes better or worse.
    fn health(&self, number: u32, dice: u64, is_bad: bool, at: UnixMillis) -> anyhow::Result<Change> {
        let masked = unmeasurable(number);
        let bit = usize::try_from(dice / 64 % INDICATORS.len() as u64)?;
        let bit = if masked.get(bit) { bit - 3 } else { bit };
        let (state, bits, cause) = match (is_bad, dice / 4_096 % 20) {
            (true, 0) => (NodeState::Down, HealthBits::NONE, "connection closed"),
            (true, _) => (NodeState::Degraded, HealthBits::NONE.with(bit, true), "status"),
            (false, _) => (NodeState::Healthy, HealthBits::NONE, "status"),
        };
        Ok(Change::NodeChanged {
            node: node(number),
            group: rack(self.rack_of(number)),
            session: 1,
            // Grows with time, whoever asks for it.
            number: at.0,
            epoch: SessionEpoch(1),
            state,
            health: Health::new(bits, masked)?,
            cause: cause.into(),
            at,
        })
    }

    /// Something happens in the half hour before `now`, for those who ask about the last hour: some nodes that nothing else
    /// happened to get worse and better again.
    ///
    /// # Errors
    /// None that is expected.
    pub fn lately(&self, now: UnixMillis) -> anyhow::Result<Vec<Change>> {
        let some = (1..=self.size.nodes).filter(|number| number % 50 == 3).take(400);
        let both = some.enumerate().flat_map(|(place, number)| {
            let dice = chance(now.0 + u64::from(number)) | 1 << 12;
            let ago = 1_800_000 - 4_000 * place as u64;
            [(number, dice, true, ago), (number, dice, false, ago - 2_000)]
        });
        both.map(|(number, dice, is_bad, ago)| self.health(number, dice, is_bad, UnixMillis(now.0 - ago))).collect()
    }
}
