//! What is asked of other programs: drives, clocks and drivers of network interfaces.

use std::time::{Duration, Instant};

use super::*;

/// Samples until a reading is as expected. Programs answer aside, after a while.
fn until(set: &mut ProbeSet, second: u64, bit: usize, expected: f64) -> u64 {
    let end = Instant::now() + Duration::from_secs(60);
    let mut tick = second * 1_000;
    loop {
        let sample = set.sample(Tick(tick), Tick(tick));
        if sample.readings[bit] == Some(expected) {
            return tick / 1_000 + 1;
        }
        assert!(Instant::now() < end, "{:?} {:?}", sample.readings[bit], sample.reasons[bit]);
        std::thread::sleep(Duration::from_millis(2));
        tick += 5_000;
    }
}

const SMARTCTL: &str = r#"case "$*" in
  *--scan*) echo '{"devices":[{"name":"/dev/sda","type":"sat"},{"name":"/dev/nvme0","type":"nvme"}]}';;
  */dev/sda) cat "${0%/*}/../../sda.json";;
  *) echo '{"smart_status":{"passed":true}}';;
esac"#;

#[test]
fn a_disk_that_says_it_fails_is_counted_once() {
    let machine = Fake::new()
        .with_all("sys/block/sda", &[("size", "1000"), ("device/state", "running")])
        .with("sda.json", r#"{"smart_status":{"passed":true}}"#)
        .with_program("smartctl", SMARTCTL);
    let mut set = probes(&machine);
    let first = sample_at(&mut set, 0);
    assert_eq!(first.reasons[bit::DEVICE_HEALTH].as_deref(), Some("the drives have not answered smartctl yet"));
    let second = until(&mut set, 1, bit::DEVICE_HEALTH, 0.0);
    machine.put("sda.json", r#"{"smart_status":{"passed":false}}"#);
    machine.put("sys/block/sda/device/state", "offline");
    until(&mut set, second + 600, bit::DEVICE_HEALTH, 1.0);
}

#[test]
fn a_disk_without_smartctl_is_not_called_healthy() {
    let machine = Fake::new().with_all("sys/block/sda", &[("size", "1000"), ("device/state", "running")]);
    let reason = sample_at(&mut probes(&machine), 0).reasons[bit::DEVICE_HEALTH].clone().unwrap();
    assert!(reason.contains("smartctl is not installed"), "{reason}");
    machine.put("sys/block/sda/device/state", "offline");
    assert_eq!(
        sample_at(&mut probes(&machine), 0).readings[bit::DEVICE_HEALTH],
        Some(1.0),
        "bad news needs no program"
    );
}

#[test]
fn an_nvme_drive_beyond_its_critical_temperature_fails() {
    let machine = Fake::new()
        .with_all("sys/class/nvme/nvme0", &[("state", "live")])
        .with_all("sys/class/hwmon/hwmon3", &[("name", "nvme"), ("temp1_input", "41850"), ("temp1_crit", "84850")])
        .with_link("sys/class/hwmon/hwmon3/device", "sys/devices/pci0/nvme/nvme0");
    let mut set = probes(&machine);
    assert_eq!(sample_at(&mut set, 0).readings[bit::DEVICE_HEALTH], Some(0.0));
    machine.put("sys/class/hwmon/hwmon3/temp1_alarm", "1");
    assert_eq!(sample_at(&mut set, 60).readings[bit::DEVICE_HEALTH], Some(1.0));
}

#[test]
fn the_kernels_word_on_the_clock_outweighs_traces() {
    let clock = |machine: &Fake, expected: f64| {
        until(&mut probes(machine), 0, bit::CLOCK_UNSYNCHRONISED, expected);
    };
    let adjtimex = |status: u32| {
        let script = format!("[ \"$*\" = --print ] && printf '  mode: 0\\n  status: {status}\\n return value = 0\\n'");
        Fake::new().with_program("adjtimex", &script)
    };
    clock(&adjtimex(8_193), 0.0);
    clock(&adjtimex(64), 1.0);
    clock(&adjtimex(64).with("run/systemd/timesync/synchronized", ""), 1.0);
    let systemd = |word: &str| {
        Fake::new().with("run/dbus/system_bus_socket", "").with_program("timedatectl", &format!("echo {word}"))
    };
    clock(&systemd("yes"), 0.0);
    clock(&systemd("no"), 1.0);
    let chronyd = |leap: &str| {
        let script =
            format!("[ \"$*\" = '-n -c tracking' ] && echo \"C0,1.2.3.4,2,$(date +%s),0,0,0,0,0,0,0,0,64.4,{leap}\"");
        adjtimex(64).with("run/chrony/chronyd.pid", "1\n").with_program("chronyc", &script)
    };
    clock(&chronyd("Normal"), 0.0);
    clock(&chronyd("Not synchronised"), 1.0);
    clock(&chronyd("rubbish"), 1.0);
}

#[test]
fn a_link_that_came_up_slower_than_both_ends_offer_is_slow_from_the_start() {
    let offers = |partner: &str| {
        let script = format!(
            "printf 'Settings for %s:\\n\\tSupported link modes:   1000baseT/Full\\n\\t   10000baseT/Full\\n\
             \\tAdvertised link modes:  1000baseT/Full\\n\\t   10000baseT/Full\\n\
             \\tLink partner advertised link modes:  {partner}\\n\\tSpeed: 1000Mb/s\\n' \"$1\""
        );
        server().with_program("ethtool", &script).with_all("sys/class/net/eth1", &[("speed", "1000")])
    };
    until(&mut probes(&offers("1000baseT/Full 10000baseT/Full")), 0, bit::LINK, 1.0);
    let small_switch = offers("100baseT/Full 1000baseT/Full");
    let mut set = probes(&small_switch);
    for second in [0, 5, 10] {
        assert_eq!(sample_at(&mut set, second).readings[bit::LINK], Some(0.0), "the switch can do no more");
    }
}

#[test]
fn an_interface_that_is_no_device_is_watched_when_asked_for() {
    let machine =
        server().with_all("sys/class/net/veth7", &[("carrier", "1"), ("flags", "0x1003"), ("speed", "10000")]);
    let config = ProbeConfig { interfaces: vec!["veth7".into()], ..ProbeConfig::default() };
    let mut set = ProbeSet::new(machine.root(), &config);
    assert_eq!(sample_at(&mut set, 0).readings[bit::LINK], Some(0.0));
    machine.put("sys/class/net/veth7/carrier", "0");
    assert_eq!(sample_at(&mut set, 5).readings[bit::LINK], Some(1.0));
    assert_eq!(sample_at(&mut probes(&machine), 0).readings[bit::LINK], Some(0.0), "not watched");
}
