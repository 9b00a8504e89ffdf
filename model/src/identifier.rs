//! The node identifier (N1) and how it is verified (C3).
//!
//! A node id is not chosen: it is the digest of the machine's own evidence, which travels beside it, so
//! that a check-in service can compute it again. Evidence that names a system UUID or serial numbers
//! survives a new disk; only where firmware gives none does the operating system's machine-id count,
//! and then together with a network address, so that two clones of a disk differ.

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// Where the evidence comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// SMBIOS system UUID, board serial number.
    Firmware,
    /// `/etc/machine-id` and the lowest hardware address of a network interface.
    MachineId,
    /// A simulated node of `rollcall demo` or `rollcall sim`.
    Simulated,
}

/// Evidence of which machine this is. At least one field must be present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it comes from.
    pub source: EvidenceSource,
    /// SMBIOS type 1 UUID.
    pub product_uuid: Option<String>,
    /// SMBIOS type 2 serial number.
    pub board_serial: Option<String>,
    /// Processor signature, e.g. `AuthenticAMD-25-17-1`.
    pub cpu: Option<String>,
    /// `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// Lowest hardware address of a network device.
    pub mac: Option<String>,
}

/// A node id with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIdentifier {
    /// The id.
    pub node: NodeId,
    /// What it was derived from.
    pub evidence: Evidence,
}

/// Why an identifier is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// There is nothing to derive an id from.
    #[error(
        "no evidence of the machine's identity: firmware tells no UUID or serial number and there is no machine-id"
    )]
    NoEvidence,
    /// A field is longer than any firmware makes it.
    #[error("evidence field {0} is longer than 128 bytes")]
    TooLong(&'static str),
    /// A field has a control character, which could imitate another field.
    #[error("evidence field {0} has a control character in it")]
    Unprintable(&'static str),
    /// The id is not the one the evidence leads to.
    #[error("node id {claimed} does not follow from its evidence, which gives {derived}")]
    Mismatch {
        /// The id in the packet.
        claimed: NodeId,
        /// The id computed from the evidence.
        derived: NodeId,
    },
}

impl Evidence {
    /// The fields, trimmed; an empty one is as good as none.
    fn fields(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("product_uuid", self.product_uuid.as_deref()),
            ("board_serial", self.board_serial.as_deref()),
            ("cpu", self.cpu.as_deref()),
            ("machine_id", self.machine_id.as_deref()),
            ("mac", self.mac.as_deref()),
        ]
        .map(|(name, value)| (name, value.map(str::trim).filter(|value| !value.is_empty())))
    }

    /// The id this evidence leads to: SHA-256 of `rollcall node v1`, then a line `name=value` for each
    /// present field in the order of the struct, values trimmed and in lower case.
    ///
    /// # Errors
    /// When neither a UUID, a serial number nor a machine-id is present, or a field is absurdly long or not printable.
    pub fn derive(&self) -> Result<NodeId, IdentifierError> {
        let fields = self.fields();
        let identifies = |name: &str| matches!(name, "product_uuid" | "board_serial" | "machine_id");
        if !fields.iter().any(|(name, value)| identifies(name) && value.is_some()) {
            return Err(IdentifierError::NoEvidence);
        }
        let mut text = String::from("rollcall node v1");
        for (name, value) in fields {
            let Some(value) = value else { continue };
            if value.len() > 128 {
                return Err(IdentifierError::TooLong(name));
            }
            if value.chars().any(char::is_control) {
                return Err(IdentifierError::Unprintable(name));
            }
            text.push_str(&format!("\n{name}={}", value.to_lowercase()));
        }
        Ok(NodeId::derived_from(&text))
    }
}

impl NodeIdentifier {
    /// The identifier of a machine with this evidence.
    ///
    /// # Errors
    /// As [`Evidence::derive`].
    pub fn from_evidence(evidence: Evidence) -> Result<Self, IdentifierError> {
        Ok(Self { node: evidence.derive()?, evidence })
    }

    /// Computes the id again and compares.
    ///
    /// # Errors
    /// When the evidence is unusable or leads to another id.
    pub fn verify(&self) -> Result<(), IdentifierError> {
        let derived = self.evidence.derive()?;
        if derived == self.node { Ok(()) } else { Err(IdentifierError::Mismatch { claimed: self.node, derived }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        Evidence {
            source: EvidenceSource::Firmware,
            product_uuid: Some("4C4C4544-0042-3510-8052-B7C04F4B4D32".into()),
            board_serial: None,
            cpu: Some("GenuineIntel-6-106-6".into()),
            machine_id: None,
            mac: None,
        }
    }

    #[test]
    fn the_derivation_is_frozen_and_blind_to_case() {
        let identifier = NodeIdentifier::from_evidence(evidence()).unwrap();
        assert_eq!(identifier.node.to_string(), "0e800de7-074c-8d19-a0eb-d5ec4cce9a3e");
        let mut lower = evidence();
        lower.product_uuid = lower.product_uuid.map(|text| text.to_lowercase());
        assert_eq!(lower.derive(), Ok(identifier.node));
    }

    #[test]
    fn a_borrowed_id_is_found_out() {
        let other = Evidence { product_uuid: Some("another".into()), ..evidence() };
        let forged = NodeIdentifier { node: evidence().derive().unwrap(), evidence: other };
        assert!(matches!(forged.verify(), Err(IdentifierError::Mismatch { .. })));
    }

    #[test]
    fn a_cpu_alone_identifies_nothing_and_neither_does_an_empty_text() {
        for nothing in [None, Some(String::new()), Some("  ".into())] {
            let vague = Evidence { product_uuid: nothing, ..evidence() };
            assert_eq!(vague.derive(), Err(IdentifierError::NoEvidence));
        }
    }

    #[test]
    fn no_field_can_imitate_another() {
        let sly = Evidence { product_uuid: Some("a\nboard_serial=b".into()), ..evidence() };
        assert_eq!(sly.derive(), Err(IdentifierError::Unprintable("product_uuid")));
    }
}
