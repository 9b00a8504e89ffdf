//! The capability identifier (C4): canonical text of the characteristics that matter, and its digest.
//!
//! Canonical form, version 1: `v1;cpu=<vendor>-<family>-<model>;mem=<technology>;nic=<driver>-<speed>`,
//! followed by further configured attributes in alphabetical order. Values are lower case
//! `[a-z0-9.+_-]`; everything else becomes `-`. What is not known is `unknown`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{GroupId, HardwareTopology, Name};

/// Version of the canonical form.
pub const CAPABILITY_VERSION: u8 = 1;

/// A further characteristic a zone may take into the identifier, after `cpu`, `mem` and `nic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// `acc`: PCI ids of accelerators, sorted, joined by `+`.
    Accelerators,
    /// `ram`: memory in GiB, rounded to the nearest power of two.
    MemorySize,
    /// `storage`: `rotating`, `solid` or `mixed`.
    StorageKind,
    /// `thr`: number of hardware threads.
    Threads,
    /// `virt`: hypervisor, or `none`.
    Virtualisation,
}

/// Each attribute by its key in the canonical text.
const ATTRIBUTES: [(&str, Attribute); 5] = [
    ("acc", Attribute::Accelerators),
    ("ram", Attribute::MemorySize),
    ("storage", Attribute::StorageKind),
    ("thr", Attribute::Threads),
    ("virt", Attribute::Virtualisation),
];

/// A capability identifier: canonical text. Equal texts mean interchangeable nodes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(Arc<str>);

/// A text that is not a capability identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a capability identifier: expected v1;cpu=…;mem=…;nic=… in lower case")]
pub struct ParseCapabilityError(String);

/// The first 12 bytes of a capability's digest; 24 hexadecimal digits in JSON. Tells other hardware, proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CapabilityDigest(pub [u8; 12]);

/// A text that is no capability digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a capability digest has 24 hexadecimal digits")]
pub struct ParseDigestError;

impl TryFrom<String> for CapabilityDigest {
    type Error = ParseDigestError;
    fn try_from(text: String) -> Result<Self, ParseDigestError> {
        let mut bytes = [0; 12];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| ParseDigestError)?;
        Ok(Self(bytes))
    }
}

impl From<CapabilityDigest> for String {
    fn from(digest: CapabilityDigest) -> Self {
        hex::encode(digest.0)
    }
}

impl fmt::Debug for CapabilityDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl TryFrom<String> for Capability {
    type Error = ParseCapabilityError;
    fn try_from(text: String) -> Result<Self, ParseCapabilityError> {
        let fields: Vec<&str> = text.split(';').collect();
        let keys: Option<Vec<&str>> =
            fields.iter().skip(1).map(|field| field.split_once('=').map(|(key, _)| key)).collect();
        let canonical = |value: &str| !value.is_empty() && value.chars().all(is_canonical);
        let good = text.len() <= 512
            && fields[0] == "v1"
            && fields
                .iter()
                .skip(1)
                .all(|field| field.split_once('=').is_some_and(|(k, v)| canonical(k) && canonical(v)))
            && keys
                .is_some_and(|keys| keys.starts_with(&["cpu", "mem", "nic"]) && keys[3..].is_sorted_by(|a, b| a < b));
        if good { Ok(Self(text.into())) } else { Err(ParseCapabilityError(text.chars().take(80).collect())) }
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> String {
        Self::from(&*capability.0)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

const fn is_canonical(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '.' | '+' | '_' | '-')
}

fn canonical(text: &str) -> String {
    let mapped: String = text
        .trim()
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if is_canonical(c) { c } else { '-' })
        .take(64)
        .collect();
    if mapped.is_empty() { "unknown".into() } else { mapped }
}

fn or_unknown(value: Option<String>) -> String {
    value.map_or_else(|| "unknown".into(), |text| canonical(&text))
}

impl Capability {
    /// The capability of a topology, with the zone's further attributes.
    #[must_use]
    pub fn of(topology: &HardwareTopology, attributes: &[Attribute]) -> Self {
        let mut text = format!(
            "v{CAPABILITY_VERSION};cpu={};mem={};nic={}",
            cpu(topology),
            or_unknown(topology.memory.technology.clone()),
            nic(topology)
        );
        let mut sorted = attributes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        for attribute in sorted {
            let (key, value) = further(topology, attribute);
            text.push_str(&format!(";{key}={value}"));
        }
        Self(text.into())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The further characteristics in it: whoever has other hardware and goes by the same gets a capability to compare.
    #[must_use]
    pub fn attributes(&self) -> Vec<Attribute> {
        let keys = self.0.split(';').filter_map(|field| Some(field.split_once('=')?.0));
        keys.filter_map(|key| ATTRIBUTES.into_iter().find(|(word, _)| *word == key)).map(|(_, it)| it).collect()
    }

    /// SHA-256 of the canonical text; its first 12 bytes travel sealed in the status packet.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The part of the digest that travels.
    #[must_use]
    pub fn short_digest(&self) -> CapabilityDigest {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = self.digest();
        CapabilityDigest([a, b, c, d, e, f, g, h, i, j, k, l])
    }

    /// The id of the logical group of this capability. Derived, so that two check-in services that meet
    /// an unknown combination at once create the same group.
    #[must_use]
    pub fn group_id(&self) -> GroupId {
        GroupId::derived_from(&format!("rollcall logical group {}", self.0))
    }

    /// A name for the group of this capability: CPU and NIC, and eight digits of the digest.
    #[must_use]
    pub fn group_name(&self) -> Name {
        let field = |key: &str| {
            self.0
                .split(';')
                .find_map(|field| field.strip_prefix(key))
                .unwrap_or("unknown")
                .chars()
                .take(20)
                .collect::<String>()
        };
        let digest = hex::encode(&self.digest()[..4]);
        Name::nearest(&format!("{}.{}.{digest}", field("cpu="), field("nic=")).replace('+', "-"), "group")
    }
}

fn cpu(topology: &HardwareTopology) -> String {
    let cpu = &topology.cpu;
    let vendor = match cpu.vendor.as_deref() {
        Some("GenuineIntel") => "intel".into(),
        Some("AuthenticAMD") => "amd".into(),
        other => or_unknown(other.map(str::to_owned)),
    };
    match (cpu.family, cpu.model) {
        (Some(family), Some(model)) => format!("{vendor}-{family}-{model}"),
        (Some(family), None) => format!("{vendor}-{family}"),
        _ => vendor,
    }
}

/// The fastest interface names the type; an unknown speed ranks below any known one.
fn nic(topology: &HardwareTopology) -> String {
    let best = topology.nics.iter().max_by(|a, b| (a.speed_mbps, &b.name).cmp(&(b.speed_mbps, &a.name)));
    match best {
        None => "none".into(),
        Some(nic) => {
            let driver = or_unknown(nic.driver.clone());
            match nic.speed_mbps {
                Some(speed) if speed >= 1_000 => format!("{driver}-{}g", speed / 1_000),
                Some(speed) => format!("{driver}-{speed}m"),
                None => driver,
            }
        }
    }
}

fn further(topology: &HardwareTopology, attribute: Attribute) -> (&'static str, String) {
    match attribute {
        Attribute::Accelerators => {
            let mut ids: Vec<String> = topology.accelerators.iter().map(|a| canonical(&a.pci_id)).collect();
            ids.sort_unstable();
            ("acc", if ids.is_empty() { "none".into() } else { canonical(&ids.join("+")) })
        }
        Attribute::MemorySize => {
            let gib =
                topology.memory.total_bytes.map(|bytes| (bytes as f64 / f64::from(1 << 30)).log2().round().exp2());
            ("ram", gib.map_or_else(|| "unknown".into(), |gib| format!("{gib}g")))
        }
        Attribute::StorageKind => {
            let spinning: Vec<bool> = topology.storage.iter().filter_map(|device| device.rotational).collect();
            let kind = match (spinning.contains(&true), spinning.contains(&false)) {
                (true, true) => "mixed",
                (true, false) => "rotating",
                (false, true) => "solid",
                (false, false) => "unknown",
            };
            ("storage", kind.into())
        }
        Attribute::Threads => ("thr", or_unknown(topology.cpu.threads.map(|n| n.to_string()))),
        Attribute::Virtualisation => ("virt", or_unknown(topology.virtualisation.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{Cpu, Memory, Nic};

    fn machine() -> HardwareTopology {
        HardwareTopology {
            cpu: Cpu {
                vendor: Some("AuthenticAMD".into()),
                family: Some(25),
                model: Some(17),
                threads: Some(64),
                ..Cpu::default()
            },
            memory: Memory { technology: Some("DDR5".into()), total_bytes: Some(250 << 30), ..Memory::default() },
            nics: vec![
                Nic {
                    name: "eth1".into(),
                    driver: Some("mlx5_core".into()),
                    speed_mbps: Some(25_000),
                    ..Nic::default()
                },
                Nic { name: "eth0".into(), driver: Some("igb".into()), speed_mbps: Some(1_000), ..Nic::default() },
            ],
            ..HardwareTopology::default()
        }
    }

    #[test]
    fn the_canonical_text_is_frozen() {
        assert_eq!(Capability::of(&machine(), &[]).as_str(), "v1;cpu=amd-25-17;mem=ddr5;nic=mlx5_core-25g");
        let all = [
            Attribute::Virtualisation,
            Attribute::Threads,
            Attribute::MemorySize,
            Attribute::Accelerators,
            Attribute::StorageKind,
        ];
        assert_eq!(
            Capability::of(&machine(), &all).as_str(),
            "v1;cpu=amd-25-17;mem=ddr5;nic=mlx5_core-25g;acc=none;ram=256g;storage=unknown;thr=64;virt=unknown"
        );
        let nothing = Capability::of(&HardwareTopology::default(), &[]);
        assert_eq!(nothing.as_str(), "v1;cpu=unknown;mem=unknown;nic=none");
        assert_eq!(nothing.group_id().to_string(), "08690dae-de45-89a9-adb1-493e52742e15");
    }

    #[test]
    fn the_attributes_are_read_back_from_the_text() {
        let all = ATTRIBUTES.map(|(_, attribute)| attribute);
        for attributes in [&[][..], &all[1..2], &all[2..], &all] {
            assert_eq!(Capability::of(&machine(), attributes).attributes(), attributes);
        }
    }

    #[test]
    fn the_order_of_interfaces_does_not_matter() {
        let mut other = machine();
        other.nics.reverse();
        assert_eq!(Capability::of(&machine(), &[]), Capability::of(&other, &[]));
    }

    #[test]
    fn a_name_can_always_be_made() {
        assert!(Capability::of(&machine(), &[]).group_name().as_str().starts_with("amd-25-17.mlx5_core-25g."));
    }

    #[test]
    fn only_canonical_texts_are_taken() {
        for good in ["v1;cpu=a;mem=b;nic=c", "v1;cpu=a;mem=b;nic=c;acc=none;thr=4"] {
            assert!(Capability::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "v2;cpu=a;mem=b;nic=c",
            "v1;cpu=A;mem=b;nic=c",
            "v1;mem=b;cpu=a;nic=c",
            "v1;cpu=a;mem=b;nic=c;thr=4;acc=x",
            "v1;cpu=;mem=b;nic=c",
        ] {
            assert!(Capability::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let odd = HardwareTopology { virtualisation: Some("Weird; =Hyper\nvisor".into()), ..machine() };
        let capability = Capability::of(&odd, &[Attribute::Virtualisation]);
        assert_eq!(Capability::try_from(capability.as_str().to_owned()), Ok(capability));
    }
}
