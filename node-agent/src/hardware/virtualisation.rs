//! Which hypervisor carries this machine.

use super::tree::Tree;

/// What firmware texts of virtual machines hold, and the hypervisor that gives them.
const FIRMWARE: [(&str, &str); 13] = [
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("xen", "xen"),
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("rhev", "kvm"),
    ("openstack", "kvm"),
    ("google compute engine", "kvm"),
    ("amazon ec2", "kvm"),
    ("virtual machine", "microsoft"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
];

/// What the kernel's clock sources are called under a hypervisor that offers one.
const CLOCKS: [(&str, &str); 3] = [("kvm-clock", "kvm"), ("hyperv", "microsoft"), ("xen", "xen")];

/// `none` on bare metal, the hypervisor's name under one, `other` under one that does not say its name;
/// `None` when nothing tells.
pub(super) fn read(tree: &Tree, flags: &[String]) -> Option<String> {
    if let Some(kind) = tree.line("sys/hypervisor/type") {
        return Some(kind.to_lowercase());
    }
    let flagged = flags.iter().any(|flag| flag == "hypervisor");
    // x86 processors tell whether there is a hypervisor; others do not, and their flags have no `fpu`.
    if !flagged && flags.iter().any(|flag| flag == "fpu") {
        return Some("none".into());
    }
    let firmware = firmware(tree);
    let clocks = tree.text("sys/devices/system/clocksource/clocksource0/available_clocksource");
    let known = firmware.as_deref().and_then(|text| named(text, &FIRMWARE));
    let known = known.or_else(|| clocks.as_deref().and_then(|text| named(text, &CLOCKS)));
    match known {
        Some(name) => Some(name.into()),
        None if flagged => Some("other".into()),
        None => firmware.map(|_| "none".into()),
    }
}

fn firmware(tree: &Tree) -> Option<String> {
    let fields = ["sys_vendor", "product_name", "product_version", "bios_vendor"];
    let said: Vec<String> = fields.iter().filter_map(|field| tree.line(&format!("sys/class/dmi/id/{field}"))).collect();
    (!said.is_empty()).then(|| said.join("\n").to_lowercase())
}

fn named(text: &str, table: &[(&str, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(word, _)| text.contains(word)).map(|(_, name)| *name)
}
