//! The table itself.

use rollcall_model::Name;

use super::lists::{ACCELERATOR, NIC, STORAGE};
use super::{Fact, Family, Item, Kind, Seen};
use crate::Facts;

const GIB: u64 = 1 << 30;

const fn fact(name: &'static str, kind: Kind, see: for<'a> fn(&'a Facts) -> Seen<'a>, meaning: &'static str) -> Fact {
    Fact { name, kind, meaning, see }
}

fn text(value: Option<&String>) -> Seen<'_> {
    Seen::or_null(value, |text| Seen::text(text))
}

fn name(value: Option<&Name>) -> Seen<'_> {
    Seen::or_null(value, |name| Seen::text(name.as_str()))
}

/// To the nearest GiB: the kernel keeps some of what is built in for itself.
fn gib(bytes: u64) -> Seen<'static> {
    Seen::count(bytes.saturating_add(GIB / 2) / GIB)
}

fn nics(facts: &Facts) -> Seen<'_> {
    Seen::Entries(facts.topology().nics.iter().map(Item::Nic).collect())
}

fn storage(facts: &Facts) -> Seen<'_> {
    Seen::Entries(facts.topology().storage.iter().map(Item::Storage).collect())
}

fn accelerators(facts: &Facts) -> Seen<'_> {
    Seen::Entries(facts.topology().accelerators.iter().map(Item::Accelerator).collect())
}

pub(super) const FACTS: &[Fact] = &[
    fact("node.id", Kind::Text, |f| Seen::spelled(f.node.id), "Node id."),
    fact("node.name", Kind::Text, |f| Seen::text(f.node.name.as_str()), "Host name."),
    fact("node.address", Kind::Text, |f| Seen::spelled(f.node.address), "Address it is reached at."),
    fact("node.place", Kind::Text, |f| name(f.node.place.as_ref()), "Place, where one is known."),
    fact(
        "node.state",
        Kind::Text,
        |f| Seen::text(f.node.state.as_str()),
        "State: `joining`, `healthy`, `degraded`, `suspect`, `down`, `unknown` or `left`.",
    ),
    fact("node.epoch", Kind::Int, |f| Seen::count(f.node.epoch.0), "Session epoch; 0 before it has checked in."),
    fact("group", Kind::Text, |f| name(f.group.as_ref()), "Name of its physical group."),
    fact(
        "capability",
        Kind::Text,
        |f| Seen::or_null(f.capability.as_ref(), |capability| Seen::text(capability.as_str())),
        "Capability identifier, `v1;cpu=…;mem=…;nic=…`.",
    ),
    fact("policy", Kind::Int, |f| Seen::count(f.policy), "Version of the policy it obeys; 0 for none."),
    fact("cpu.vendor", Kind::Text, |f| text(f.topology().cpu.vendor.as_ref()), "Vendor, e.g. `AuthenticAMD`."),
    fact("cpu.family", Kind::Int, |f| Seen::or_null(f.topology().cpu.family, Seen::count), "Display family."),
    fact("cpu.model", Kind::Int, |f| Seen::or_null(f.topology().cpu.model, Seen::count), "Display model."),
    fact("cpu.stepping", Kind::Int, |f| Seen::or_null(f.topology().cpu.stepping, Seen::count), "Stepping."),
    fact("cpu.name", Kind::Text, |f| text(f.topology().cpu.name.as_ref()), "Marketing name."),
    fact("cpu.sockets", Kind::Int, |f| Seen::or_null(f.topology().cpu.sockets, Seen::count), "Processor packages."),
    fact("cpu.cores", Kind::Int, |f| Seen::or_null(f.topology().cpu.cores, Seen::count), "Cores, all packages."),
    fact("cpu.threads", Kind::Int, |f| Seen::or_null(f.topology().cpu.threads, Seen::count), "Hardware threads."),
    fact("cpu.max_mhz", Kind::Int, |f| Seen::or_null(f.topology().cpu.max_mhz, Seen::count), "Highest frequency, MHz."),
    fact("cpu.flags", Kind::Texts, |f| Seen::Texts(f.flags()), "Feature flags, e.g. `avx2`."),
    fact("memory.bytes", Kind::Int, |f| Seen::or_null(f.topology().memory.total_bytes, Seen::count), "Usable bytes."),
    fact(
        "memory.gib",
        Kind::Int,
        |f| Seen::or_null(f.topology().memory.total_bytes, gib),
        "The same, to the nearest GiB.",
    ),
    fact(
        "memory.technology",
        Kind::Text,
        |f| text(f.topology().memory.technology.as_ref()),
        "Of the modules, e.g. `DDR5`.",
    ),
    fact(
        "memory.ecc",
        Kind::Bool,
        |f| Seen::or_null(f.topology().memory.ecc, Seen::Bool),
        "Whether errors are corrected.",
    ),
    fact("nics", Kind::Entries(NIC), nics, "Network interfaces that are devices, by name."),
    fact("storage", Kind::Entries(STORAGE), storage, "Block devices, by name."),
    fact("accelerators", Kind::Entries(ACCELERATOR), accelerators, "Accelerators, by bus address."),
    fact(
        "virtualisation",
        Kind::Text,
        |f| text(f.topology().virtualisation.as_ref()),
        "Hypervisor; `none` on bare metal.",
    ),
    fact("kernel", Kind::Text, |f| text(f.topology().kernel.as_ref()), "Kernel release."),
    fact("chassis.vendor", Kind::Text, |f| text(f.topology().chassis.vendor.as_ref()), "Maker of the machine."),
    fact("chassis.product", Kind::Text, |f| text(f.topology().chassis.product.as_ref()), "Its product name."),
    fact("chassis.serial", Kind::Text, |f| text(f.topology().chassis.serial.as_ref()), "Serial number of the case."),
];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        head: "health",
        kind: Kind::Bool,
        meaning: "Whether the indicator is outside its threshold; `false` too where it cannot be measured.",
        see: |facts, bit| Seen::Bool(facts.health.bits().get(bit)),
    },
    Family {
        head: "measured",
        kind: Kind::Bool,
        meaning: "Whether this node can measure the indicator.",
        see: |facts, bit| Seen::Bool(!facts.health.mask().get(bit)),
    },
    Family {
        head: "metrics",
        kind: Kind::Double,
        meaning: "Reading of the indicator at the node's last change, in its unit; absent where there is none.",
        see: |facts, bit| Seen::or_null(facts.reading(bit), Seen::Double),
    },
];
