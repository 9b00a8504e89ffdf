//! From a node subscription to a plan: which logical group, why, by which version of the table. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use rollcall_model::packet::{GroupTable, NodeSubscription};
use rollcall_model::{Capability, GroupId, Name};

/// A plan without a choice left: the zone saves it, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Derived from the hardware.
    pub capability: Capability,
    /// The logical group.
    pub group: GroupId,
    /// Its name, if it is to be created.
    pub group_name: Name,
    /// Version of the table that was used.
    pub table_version: u64,
    /// Whether the table has the combination; only such nodes are served while the zone is away (C7).
    pub known: bool,
    /// Why, for people.
    pub reason: String,
}

/// Why a node is not let in (C2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another check-in service is responsible, or none.
    #[error(
        "address {address} is outside the ranges of this check-in service ({ranges}): ask the service of that range"
    )]
    OutOfRange {
        /// The node's address.
        address: IpAddr,
        /// What this service is responsible for.
        ranges: String,
    },
    /// The identifier does not follow from its evidence.
    #[error("the node identifier is not believed: {0}")]
    BadIdentifier(#[from] rollcall_model::identifier::IdentifierError),
    /// No machine is made like that.
    #[error("the hardware is not believed: {0}")]
    BadHardware(#[from] rollcall_model::hardware::ImpossibleTopology),
    /// The zone's policy makes no group of its own accord.
    #[error("no logical group exists for {0}, and the zone's policy creates none: add it to the zone's logical groups")]
    UnknownCombination(Capability),
    /// The group table has not come yet.
    #[error("this check-in service has no group table from its zone yet: ask again in a moment")]
    NotReady,
}

impl Refusal {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "out_of_range",
            Self::BadIdentifier(_) => "bad_identifier",
            Self::BadHardware(_) => "bad_hardware",
            Self::UnknownCombination(_) => "unknown_combination",
            Self::NotReady => "not_ready",
        }
    }
}

/// Verifies a subscription and finds its group (C3–C5).
///
/// # Errors
/// See [`Refusal`]; the first thing that is wrong, cheapest first.
pub fn assign(ranges: &[IpNet], table: Option<&GroupTable>, subscription: &NodeSubscription) -> Result<Plan, Refusal> {
    let address = subscription.address;
    if !ranges.iter().any(|range| range.contains(&address)) {
        let ranges = ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Refusal::OutOfRange { address, ranges });
    }
    subscription.identifier.verify()?;
    subscription.hardware.check()?;
    let table = table.ok_or(Refusal::NotReady)?;
    let capability = Capability::of(&subscription.hardware, &table.attributes);
    let known = table.entries.iter().find(|entry| entry.capability == capability);
    let (group, group_name, reason) = match known {
        Some(entry) => (
            entry.group,
            entry.name.clone(),
            format!("hardware is {capability}, group table version {}", table.version),
        ),
        // The zone makes the group, or holds the combination until somebody approves it: it answers either way.
        None if table.create_unknown || table.hold_unknown => {
            (capability.group_id(), capability.group_name(), format!("hardware is {capability}, first of its kind"))
        }
        None => return Err(Refusal::UnknownCombination(capability)),
    };
    Ok(Plan { group, group_name, table_version: table.version, known: known.is_some(), reason, capability })
}

#[cfg(test)]
mod tests {
    use rollcall_model::hardware::Cpu;
    use rollcall_model::identifier::{Evidence, EvidenceSource};
    use rollcall_model::packet::TableEntry;
    use rollcall_model::{HardwareTopology, InstanceId, NodeIdentifier, SessionEpoch, ZoneId};

    use super::*;

    fn subscription(address: &str) -> NodeSubscription {
        let evidence = Evidence {
            source: EvidenceSource::Simulated,
            product_uuid: Some("u".into()),
            board_serial: None,
            cpu: None,
            machine_id: None,
            mac: None,
        };
        NodeSubscription {
            identifier: NodeIdentifier::from_evidence(evidence).unwrap(),
            instance: InstanceId::derived_from("run"),
            name: Name::new("n1").unwrap(),
            address: address.parse().unwrap(),
            place: None,
            hardware: HardwareTopology {
                cpu: Cpu { vendor: Some("AuthenticAMD".into()), ..Cpu::default() },
                ..HardwareTopology::default()
            },
            epoch: SessionEpoch::default(),
        }
    }

    fn table(create_unknown: bool, entries: Vec<TableEntry>) -> GroupTable {
        GroupTable {
            zone: ZoneId::derived_from("z"),
            version: 7,
            attributes: vec![],
            entries,
            create_unknown,
            hold_unknown: false,
            controllers: vec![],
        }
    }

    fn ranges() -> Vec<IpNet> {
        vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()]
    }

    #[test]
    fn a_known_combination_gets_its_pre_generated_group() {
        let capability = Capability::of(&subscription("10.1.2.3").hardware, &[]);
        let name = Name::new("epyc").unwrap();
        let entry = TableEntry { capability: capability.clone(), group: capability.group_id(), name: name.clone() };
        let plan = assign(&ranges(), Some(&table(false, vec![entry])), &subscription("10.1.2.3")).unwrap();
        assert_eq!((plan.group, plan.group_name, plan.table_version), (capability.group_id(), name, 7));
        assert!(plan.known);
    }

    #[test]
    fn an_unknown_combination_follows_the_zones_policy() {
        let plan = assign(&ranges(), Some(&table(true, vec![])), &subscription("fd00::1")).unwrap();
        assert_eq!((plan.group, plan.known), (plan.capability.group_id(), false));
        let hold = GroupTable { hold_unknown: true, ..table(false, vec![]) };
        let held = assign(&ranges(), Some(&hold), &subscription("fd00::1")).unwrap();
        assert!(!held.known, "the zone decides");
        let refusal = assign(&ranges(), Some(&table(false, vec![])), &subscription("fd00::1")).unwrap_err();
        assert_eq!(refusal.reason(), "unknown_combination");
    }

    #[test]
    fn refusals_name_what_was_wrong() {
        let table = table(true, vec![]);
        let out = assign(&ranges(), Some(&table), &subscription("192.0.2.1")).unwrap_err();
        assert!(out.to_string().contains("192.0.2.1 is outside") && out.to_string().contains("10.1.0.0/16, fd00::/8"));
        let mut forged = subscription("10.1.0.1");
        forged.identifier.node = rollcall_model::NodeId::derived_from("other");
        assert_eq!(assign(&ranges(), Some(&table), &forged).unwrap_err().reason(), "bad_identifier");
        let mut odd = subscription("10.1.0.1");
        odd.hardware.cpu.threads = Some(0);
        assert_eq!(assign(&ranges(), Some(&table), &odd).unwrap_err().reason(), "bad_hardware");
        assert_eq!(assign(&ranges(), None, &subscription("10.1.0.1")).unwrap_err(), Refusal::NotReady);
    }
}
