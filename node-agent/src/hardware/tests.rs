use proptest::prelude::*;

use super::fake::{Fake, chassis, memory_array, memory_module, system_information};
use super::*;

const XEON: &str = "\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 106
model name\t: Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz
stepping\t: 6
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu vme avx512f aes vme

";

/// Two sockets with one core of two threads each, as documents of the kernel lay it out.
fn server() -> Fake {
    Fake::new()
        .with("proc/cpuinfo", XEON.repeat(4))
        .with("proc/meminfo", "MemTotal:       263843880 kB\nMemFree:         1024 kB\n")
        .with("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n")
        .with_cpu(0, 0, "0,2", "0,2")
        .with_cpu(1, 1, "1,3", "1,3")
        .with_cpu(2, 0, "0,2", "0,2")
        .with_cpu(3, 1, "1,3", "1,3")
        .with_all("sys/devices/system/node/node0", &[("cpulist", "0,2"), ("distance", "10 21")])
        .with("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       131886348 kB\n")
        .with_tables(&[
            system_information([
                0x44, 0x45, 0x4c, 0x4c, 0x42, 0, 0x10, 0x35, 0x80, 0x52, 0xb7, 0xc0, 0x4f, 0x4b, 0x4d, 0x32,
            ]),
            memory_array(6),
            memory_module("A1", 32_767, 0x1a, 2_933),
            memory_module("A2", 65_536, 0x1a, 2_933),
            memory_module("A3", 0, 2, 0),
        ])
        .with_interface("eth1", "3c:ec:ef:00:00:01", true)
        .with_all("sys/class/net/eth1", &[("speed", "10000")])
        .with_interface("eth2", "3c:ec:ef:00:00:02", true)
        .with_all("sys/class/net/eth2", &[("speed", "-1")])
        .with_interface("lo", "00:00:00:00:00:00", false)
        .with("sys/class/net/bonding_masters", "bond0\n")
        .with_all(
            "sys/block/sda",
            &[
                ("size", "7501476528"),
                ("device/model", "SAMSUNG MZ7L33T8"),
                ("device/rev", "104Q\n"),
                ("queue/rotational", "0"),
            ],
        )
        .with_all("sys/block/loop0", &[("size", "8")])
        .with_all("sys/block/dm-0", &[("size", "8")])
        .with_all(
            "sys/bus/pci/devices/0000:3b:00.0",
            &[("class", "0x030200"), ("vendor", "0x10de"), ("device", "0x2330")],
        )
        .with_all(
            "sys/bus/pci/devices/0000:00:1f.0",
            &[("class", "0x060100"), ("vendor", "0x8086"), ("device", "0xa1c1")],
        )
        .with_all("sys/class/dmi/id", &[("sys_vendor", "Dell Inc."), ("product_name", "PowerEdge R650")])
}

#[test]
fn a_server_is_read_as_it_is() {
    let machine = server();
    let topology = read(machine.root());
    topology.check().unwrap();
    let cpu = &topology.cpu;
    assert_eq!(cpu.vendor.as_deref(), Some("GenuineIntel"));
    assert_eq!((cpu.family, cpu.model, cpu.stepping), (Some(6), Some(106), Some(6)));
    assert_eq!((cpu.sockets, cpu.cores, cpu.threads, cpu.max_mhz), (Some(2), Some(2), Some(4), Some(3_100)));
    assert_eq!(cpu.flags, ["aes", "avx512f", "fpu", "vme"]);
    let caches: Vec<_> = cpu.caches.iter().map(|c| (c.level, c.kind.as_str(), c.size_bytes, c.instances)).collect();
    assert_eq!(caches, [(1, "data", 48 << 10, 2), (3, "unified", 42 << 20, 2)]);
    assert_eq!(topology.numa[0].distances, [10, 21]);
    assert_eq!(topology.numa[0].memory_bytes, Some(131_886_348 << 10));
    assert_eq!(topology.kernel.as_deref(), Some("6.1.0-28-amd64"));
    assert_eq!(topology.virtualisation.as_deref(), Some("none"));
}

#[test]
fn firmware_tells_the_technology_of_the_memory() {
    let memory = read(server().root()).memory;
    assert_eq!(memory.total_bytes, Some(263_843_880 << 10));
    assert_eq!((memory.technology.as_deref(), memory.ecc), (Some("DDR4"), Some(true)));
    let modules: Vec<_> = memory.modules.iter().map(|m| (m.locator.as_str(), m.size_bytes, m.speed_mts)).collect();
    assert_eq!(modules, [("A1", Some(32_767 << 20), Some(2_933)), ("A2", Some(64 << 30), Some(2_933))]);

    let none = server();
    none.remove("sys/firmware");
    let memory = read(none.root()).memory;
    assert_eq!((memory.technology, memory.ecc, memory.modules), (None, None, vec![]), "not root: unknown");

    let hypervisor = server().with_tables(&[memory_array(2), memory_module("DIMM 0", 16_384, 7, 0)]);
    let memory = read(hypervisor.root()).memory;
    assert_eq!((memory.technology, memory.ecc), (None, None), "\"some memory\" is no technology");
}

#[test]
fn devices_are_told_from_what_only_looks_like_one() {
    let topology = read(server().root());
    let nic = &topology.nics[0];
    assert_eq!(topology.nics.len(), 2);
    assert_eq!((nic.name.as_str(), nic.mac.as_deref()), ("eth1", Some("3c:ec:ef:00:00:01")));
    assert_eq!((nic.driver.as_deref(), nic.speed_mbps), (Some("ixgbe"), Some(10_000)));
    assert_eq!((nic.pci_id.as_deref(), nic.bus_address.as_deref()), (Some("8086:10fb"), Some("0000:01:00.0")));
    assert_eq!(topology.nics[1].speed_mbps, None);
    let [disk] = &topology.storage[..] else { panic!("{:?}", topology.storage) };
    assert_eq!((disk.name.as_str(), disk.size_bytes, disk.rotational), ("sda", Some(3_840_755_982_336), Some(false)));
    let [gpu] = &topology.accelerators[..] else { panic!("{:?}", topology.accelerators) };
    assert_eq!((gpu.pci_id.as_str(), gpu.class.as_str()), ("10de:2330", "030200"));
}

#[test]
fn drives_tell_the_revision_of_their_firmware_each_kind_in_its_own_file() {
    let machine = server()
        .with_all("sys/block/nvme0n1", &[("size", "8"), ("device/firmware_rev", "EDA7602Q\n")])
        .with_all("sys/block/mmcblk0", &[("size", "8"), ("device/fwrev", "0x3431303041363733\n")])
        .with_all("sys/block/vda", &[("size", "8")])
        .with_all("sys/block/sdb", &[("size", "8"), ("device/rev", " \0\n")]);
    let storage = read(machine.root()).storage;
    let told: Vec<_> = storage.iter().map(|drive| (drive.name.as_str(), drive.firmware.as_deref())).collect();
    let expected = [
        ("mmcblk0", Some("0x3431303041363733")),
        ("nvme0n1", Some("EDA7602Q")),
        ("sda", Some("104Q")),
        ("sdb", None),
        ("vda", None),
    ];
    assert_eq!(told, expected);
}

#[test]
fn drivers_tell_firmware_and_best_speed_where_they_can_be_asked() {
    assert_eq!(read(server().root()).nics[0].best_mbps, None, "without ethtool it is unknown");
    let asked = server().with_program(
        "ethtool",
        r#"case "$*" in
             "-i eth1") printf 'driver: ixgbe\nfirmware-version: 0x800007b8, 20.0.16\nbus-info: 0000:01:00.0\n';;
             eth1) printf 'Settings for eth1:\n\tSupported link modes:   1000baseT/Full\n\t    10000baseT/Full\n';;
             "-i eth2") printf 'driver: e1000e\nfirmware-version: N/A\n';;
             *) exit 1;;
           esac"#,
    );
    let nics = read(asked.root()).nics;
    assert_eq!((nics[0].best_mbps, nics[0].firmware.as_deref()), (Some(10_000), Some("0x800007b8, 20.0.16")));
    assert_eq!((nics[1].best_mbps, nics[1].firmware.as_deref()), (None, None));
    let shown = server().with("sys/class/net/eth2/device/infiniband/mlx5_0/fw_ver", "16.35.2000\n");
    assert_eq!(read(shown.root()).nics[1].firmware.as_deref(), Some("16.35.2000"));
}

#[test]
fn the_case_is_named_by_the_firmware_and_placeholders_are_unknown() {
    let told = read(server().with("sys/class/dmi/id/chassis_serial", "7XKZ2R3\n").root()).chassis;
    let texts = |chassis: &rollcall_model::hardware::Chassis| {
        [&chassis.vendor, &chassis.product, &chassis.serial].map(|text| text.clone().unwrap_or_default())
    };
    assert_eq!(texts(&told), ["Dell Inc.", "PowerEdge R650", "7XKZ2R3"]);
    let tables = Fake::new().with_tables(&[system_information([7; 16]), chassis("SGH1234ABC")]);
    assert_eq!(texts(&read(tables.root()).chassis), ["Dell Inc.", "PowerEdge R650", "SGH1234ABC"]);
    let board =
        [("sys_vendor", "To Be Filled By O.E.M."), ("product_name", "HP"), ("chassis_serial", "Default string")];
    let unknown = Fake::new().with_all("sys/class/dmi/id", &board);
    assert_eq!(texts(&read(unknown.root()).chassis), ["", "HP", ""]);
}

#[test]
fn a_virtio_interface_shows_the_pci_device_it_sits_on() {
    let virtio = "sys/devices/pci0000:00/0000:00:03.0/virtio2";
    let machine = Fake::new()
        .with_all("sys/devices/pci0000:00/0000:00:03.0", &[("vendor", "0x1af4"), ("device", "0x1041")])
        .with_all(virtio, &[("vendor", "0x1af4"), ("device", "0x0001")])
        .with_all("sys/class/net/eth0", &[("address", "06:ff:00:00:00:01")])
        .with_link("sys/class/net/eth0/device", virtio);
    let nic = &read(machine.root()).nics[0];
    assert_eq!((nic.pci_id.as_deref(), nic.bus_address.as_deref()), (Some("1af4:1041"), Some("0000:00:03.0")));
}

#[test]
fn an_arm_processor_has_a_vendor_and_a_family_too() {
    let cpuinfo = "processor\t: 0\nFeatures\t: fp asimd sve2\nCPU implementer\t: 0x41\nCPU architecture: 8\n\
                   CPU variant\t: 0x0\nCPU part\t: 0xd4f\nCPU revision\t: 1\n\nprocessor\t: 1\n";
    let cpu = read(Fake::new().with("proc/cpuinfo", cpuinfo).root()).cpu;
    assert_eq!((cpu.vendor.as_deref(), cpu.name.as_deref()), (Some("ARM"), Some("Neoverse-V2")));
    assert_eq!((cpu.family, cpu.model, cpu.stepping, cpu.threads), (Some(8), Some(0xd4f), Some(1), Some(2)));
}

#[test]
fn a_hypervisor_is_recognised_by_what_it_leaves() {
    let flagged = || Fake::new().with("proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : fpu hypervisor\n");
    let table = [
        (flagged(), Some("other")),
        (flagged().with_all("sys/class/dmi/id", &[("sys_vendor", "QEMU")]), Some("kvm")),
        (flagged().with_all("sys/class/dmi/id", &[("sys_vendor", "VMware, Inc.")]), Some("vmware")),
        (flagged().with_all("sys/class/dmi/id", &[("product_name", "Virtual Machine")]), Some("microsoft")),
        (
            flagged().with("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc kvm-clock\n"),
            Some("kvm"),
        ),
        (Fake::new().with("sys/hypervisor/type", "xen\n"), Some("xen")),
        (Fake::new().with("proc/cpuinfo", "flags : fpu\n"), Some("none")),
        (Fake::new(), None),
    ];
    for (machine, expected) in table {
        assert_eq!(read(machine.root()).virtualisation.as_deref(), expected);
    }
}

#[test]
fn a_machine_that_tells_nothing_is_unknown_not_an_error() {
    assert_eq!(read(Fake::new().root()), HardwareTopology::default());
    assert_eq!(read(Path::new("/nonexistent")), HardwareTopology::default());
}

#[test]
fn counts_that_cannot_be_true_become_unknown() {
    let odd = HardwareTopology {
        cpu: rollcall_model::hardware::Cpu { sockets: Some(9), cores: Some(8), threads: Some(4), ..Default::default() },
        ..HardwareTopology::default()
    };
    let believed = believable(odd);
    assert_eq!((believed.cpu.sockets, believed.cpu.cores, believed.cpu.threads), (None, None, Some(4)));
    believed.check().unwrap();
}

#[test]
fn this_machine_is_read_for_real() {
    let topology = read(Path::new("/"));
    topology.check().unwrap();
    assert!(topology.cpu.vendor.is_some(), "{:?}", topology.cpu);
    assert!(topology.cpu.threads.is_some());
    assert!(topology.memory.total_bytes.is_some_and(|bytes| bytes > 64 << 20));
    assert!(topology.kernel.is_some());
    assert!(topology.memory.technology.is_none() || !topology.memory.modules.is_empty());
}

/// Every file that is read of a machine's hardware and identity.
const FILES: [&str; 38] = [
    "proc/cpuinfo",
    "proc/meminfo",
    "proc/sys/kernel/osrelease",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id",
    "sys/devices/system/cpu/cpu0/topology/core_cpus_list",
    "sys/devices/system/cpu/cpu0/cache/index0/level",
    "sys/devices/system/cpu/cpu0/cache/index0/size",
    "sys/devices/system/cpu/cpu0/cache/index0/type",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
    "sys/devices/system/node/node0/cpulist",
    "sys/devices/system/node/node0/distance",
    "sys/devices/system/node/node0/meminfo",
    "sys/devices/system/clocksource/clocksource0/available_clocksource",
    "sys/firmware/dmi/tables/smbios_entry_point",
    "sys/firmware/dmi/tables/DMI",
    "sys/firmware/devicetree/base/serial-number",
    "sys/class/dmi/id/sys_vendor",
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/board_serial",
    "sys/class/dmi/id/chassis_serial",
    "sys/class/dmi/id/product_name",
    "sys/class/net/eth1/device/infiniband/mlx5_0/fw_ver",
    "sys/class/net/eth1/address",
    "sys/class/net/eth1/speed",
    "sys/class/net/eth1/addr_assign_type",
    "sys/class/net/eth1/bonding_slave/perm_hwaddr",
    "sys/class/net/eth1/device/vendor",
    "sys/class/net/eth1/device/device",
    "sys/block/sda/size",
    "sys/block/sda/device/model",
    "sys/block/sda/device/rev",
    "sys/block/sda/queue/rotational",
    "sys/bus/pci/devices/0000:3b:00.0/class",
    "sys/bus/pci/devices/0000:3b:00.0/vendor",
    "sys/hypervisor/type",
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "run/systemd/container",
];

/// Bytes that are noise, or noise in the places where parsers look.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let words = "[a-zA-Z ]{0,12}[:=\t]{0,2}[ 0-9a-fx,.:KM-]{0,24}\n?";
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::collection::vec(words, 0..12).prop_map(|lines| lines.concat().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn garbage_in_any_file_is_survived(places in prop::collection::vec((0..FILES.len(), garbage()), 1..8)) {
        let machine = server();
        for (place, bytes) in places {
            machine.put(FILES[place], bytes);
        }
        let topology = read(machine.root());
        prop_assert!(topology.check().is_ok());
        if let Ok(identifier) = crate::evidence::read(machine.root()) {
            prop_assert_eq!(identifier.verify(), Ok(()));
        }
    }

    #[test]
    fn garbage_in_the_firmware_tables_is_survived(
        at in 0_usize..400, bytes in prop::collection::vec(any::<u8>(), 0..64), length in 0_usize..600,
    ) {
        let machine = server();
        let mut tables = std::fs::read(machine.path("sys/firmware/dmi/tables/DMI")).unwrap();
        for (offset, byte) in bytes.into_iter().enumerate() {
            if let Some(place) = tables.get_mut(at + offset) {
                *place = byte;
            }
        }
        tables.truncate(length);
        machine.put("sys/firmware/dmi/tables/DMI", tables);
        prop_assert!(read(machine.root()).check().is_ok());
        let _ = crate::evidence::read(machine.root());
    }
}
