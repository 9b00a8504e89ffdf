use super::*;
use crate::hardware::fake::Fake;

fn look_at(machine: &Fake) -> Evidence {
    let identifier = read(machine.root()).unwrap();
    assert_eq!(identifier.verify(), Ok(()));
    assert_eq!(read(machine.root()).unwrap(), identifier, "a second look sees the same machine");
    identifier.evidence
}

fn node(machine: &Fake) -> rollcall_model::NodeId {
    read(machine.root()).unwrap().node
}

const MACHINE_ID: &str = "3d1219c7c4c5404aaa1f6d2a48adfda4\n";
const REAL_UUID: &str = "4C4C4544-0042-3510-8052-B7C04F4B4D32\n";

fn cloned_disk() -> Fake {
    Fake::new().with("etc/machine-id", MACHINE_ID)
}

#[test]
fn firmware_outweighs_everything_a_disk_carries() {
    let machine = cloned_disk()
        .with(UUID, REAL_UUID)
        .with(SERIALS[0], ".ABC1234.CN7016342B00AB.\n")
        .with("proc/cpuinfo", "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\nstepping\t: 6\n")
        .with_interface("eth0", "3c:ec:ef:00:00:01", true);
    let evidence = look_at(&machine);
    assert_eq!(evidence.source, EvidenceSource::Firmware);
    assert_eq!(evidence.product_uuid.as_deref(), Some("4c4c4544-0042-3510-8052-b7c04f4b4d32"));
    assert_eq!(evidence.board_serial.as_deref(), Some(".ABC1234.CN7016342B00AB."));
    assert_eq!(evidence.cpu.as_deref(), Some("GenuineIntel-6-106-6"));
    assert_eq!((evidence.machine_id, evidence.mac), (None, None));
}

#[test]
fn the_tables_name_the_same_machine_as_the_kernel_does() {
    let raw = [0x44, 0x45, 0x4c, 0x4c, 0x42, 0, 0x10, 0x35, 0x80, 0x52, 0xb7, 0xc0, 0x4f, 0x4b, 0x4d, 0x32];
    let tables = Fake::new().with_tables(&[crate::hardware::fake::system_information(raw)]);
    assert_eq!(node(&tables), node(&Fake::new().with(UUID, REAL_UUID)));
}

#[test]
fn placeholders_of_firmware_vendors_identify_nothing() {
    for uuid in [
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
        "03000200-0400-0500-0006-000700080009",
        "Not Settable",
        "",
    ] {
        for serial in ["To be filled by O.E.M.", "Default string", "Not Specified", "0123456789", "..........", "0000"]
        {
            let machine = cloned_disk().with(UUID, uuid).with(SERIALS[0], serial).with_interface(
                "eth0",
                "3c:ec:ef:00:00:01",
                true,
            );
            assert_eq!(look_at(&machine).source, EvidenceSource::MachineId, "{uuid:?} {serial:?}");
        }
    }
}

#[test]
fn copies_of_one_disk_are_told_apart_by_their_network_cards() {
    let one = cloned_disk().with_interface("eth0", "3c:ec:ef:00:00:01", true);
    let other = cloned_disk().with_interface("eth0", "3c:ec:ef:00:00:02", true);
    assert_ne!(node(&one), node(&other));
}

#[test]
fn the_lowest_address_of_a_real_card_counts_and_made_up_ones_only_when_there_is_no_other() {
    let lo = || cloned_disk().with_interface("lo", "00:00:00:00:00:00", false);
    let virtual_only = lo()
        .with_interface("docker0", "02:42:00:00:00:01", false)
        .with(&format!("{NET}/docker0/bridge/bridge_id"), "8000\n")
        .with_interface("veth1", "0a:00:00:00:00:01", false)
        .with(&format!("{NET}/veth1/addr_assign_type"), "1\n")
        .with_interface("veth2", "ee:00:00:00:00:02", false)
        .with(&format!("{NET}/veth2/addr_assign_type"), "3\n");
    assert_eq!(look_at(&virtual_only).mac.as_deref(), Some("ee:00:00:00:00:02"));
    let local = virtual_only.with_interface("eth3", "f2:00:00:00:00:03", true);
    assert_eq!(look_at(&local).mac.as_deref(), Some("f2:00:00:00:00:03"));
    let real =
        local.with_interface("eth1", "3c:ec:ef:00:00:09", true).with_interface("eth2", "3C:EC:EF:00:00:01", true);
    assert_eq!(look_at(&real).mac.as_deref(), Some("3c:ec:ef:00:00:01"));
}

#[test]
fn joining_a_bond_does_not_change_who_a_machine_is() {
    let alone = cloned_disk().with_interface("eth0", "3c:ec:ef:00:00:09", true);
    let bonded = cloned_disk()
        .with_interface("eth0", "3c:ec:ef:00:00:01", true)
        .with(&format!("{NET}/eth0/bonding_slave/perm_hwaddr"), "3c:ec:ef:00:00:09\n");
    assert_eq!(node(&bonded), node(&alone));
}

#[test]
fn containers_of_one_host_are_different_nodes() {
    let host = || Fake::new().with(UUID, REAL_UUID).with(".dockerenv", "");
    let one = host().with_interface("eth0", "02:42:ac:11:00:02", false);
    let other = host().with_interface("eth0", "02:42:ac:11:00:03", false);
    assert_ne!(node(&one), node(&other));
}

#[test]
fn who_finds_nothing_is_told_where_was_looked_and_what_to_do() {
    let machine = Fake::new()
        .with(UUID, "03000200-0400-0500-0006-000700080009\n")
        .with("etc/machine-id", "uninitialized\n")
        .with_interface("eth0", "3c:ec:ef:00:00:01", true);
    let message = read(machine.root()).unwrap_err().to_string();
    for part in [
        "/sys/class/dmi/id/product_uuid holds the placeholder \"03000200-0400-0500-0006-000700080009\"",
        "/etc/machine-id holds the placeholder \"uninitialized\"",
        "/var/lib/dbus/machine-id is not there",
        "as root",
        "systemd-machine-id-setup",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let message = read(cloned_disk().root()).unwrap_err().to_string();
    assert!(message.contains("no network interface"), "{message}");
}

#[test]
fn this_machine_identifies_itself_or_says_why_not() {
    match read(Path::new("/")) {
        Ok(identifier) => assert_eq!(identifier.verify(), Ok(())),
        Err(error) => assert!(error.to_string().contains("/sys/class/dmi/id/product_uuid"), "{error}"),
    }
}
