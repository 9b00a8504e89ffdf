//! Files that hang: a pipe that nobody writes to holds whoever opens it, as a dead server or a stuck drive does.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::super::mounts::{Ask, Mount};
use super::*;
use crate::hardware::Tree;

fn pipe(machine: &Fake, below: &str) {
    let path = machine.path(below);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&path);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Lets go whoever hangs on a pipe; it then reads nothing.
fn release(machine: &Fake, below: &str) {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let writer: std::io::Result<File> = OpenOptions::new().write(true).custom_flags(flags).open(machine.path(below));
    drop(writer);
}

async fn taken(sampler: &mut Sampler, second: u64) -> Sample {
    let now = Tick(second * 1_000);
    sampler.request(now, now);
    tokio::time::timeout(Duration::from_secs(60), sampler.next()).await.expect("in time")
}

#[tokio::test]
async fn a_sensor_that_hangs_masks_its_own_indicators_and_no_others() {
    let input = "sys/class/hwmon/hwmon1/fan1_input";
    let machine = server();
    pipe(&machine, input);
    let mut sampler = Sampler::start(probes(&machine)).unwrap();
    for second in [0, 5, 10] {
        let sample = taken(&mut sampler, second).await;
        for bit in [bit::CPU_TEMPERATURE, bit::FAN, bit::INLET_TEMPERATURE] {
            assert!(sample.reasons[bit].as_deref().unwrap().contains("hanging"), "{:?}", sample.reasons[bit]);
        }
        for bit in [bit::RUN_QUEUE, bit::MEMORY_AVAILABLE, bit::POWER_SUPPLY, bit::LINK, bit::DEVICE_HEALTH] {
            assert!(sample.readings[bit].is_some(), "{}: {:?}", indicator::INDICATORS[bit].name, sample.reasons[bit]);
        }
        assert!(sample.readings[bit::AGENT_QUALITY].unwrap() >= 500.0);
    }
    machine.put("sys/class/hwmon/hwmon1/fan2_input", "900");
    release(&machine, input);
    std::fs::remove_file(machine.path(input)).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    for second in 15.. {
        if taken(&mut sampler, second).await.readings[bit::CPU_TEMPERATURE] == Some(61.0) {
            break;
        }
        assert!(Instant::now() < end, "the probe never came back");
    }
}

/// A file system whose server is gone: asking it waits.
const HANGING: Ask = |place: &Path| {
    File::open(place)?;
    Ok(rustix::fs::statvfs(place)?)
};

#[tokio::test]
async fn a_mount_that_hangs_does_not_take_the_others_with_it() {
    let machine = Fake::new().with("data/file", "");
    pipe(&machine, "dead");
    let tree = Tree::new(machine.root());
    let mounts: Vec<Box<dyn Probe>> = vec![
        Box::new(Mount::asked_by(&tree, Path::new("/dead"), HANGING)),
        Box::new(Mount::new(&tree, Path::new("/data"))),
    ];
    let mut sampler = Sampler::start(ProbeSet::of(mounts, Millis(200))).unwrap();
    for second in [0, 10] {
        let sample = taken(&mut sampler, second).await;
        let share = sample.readings[bit::DISK_SPACE].expect("the other file system is still measured");
        assert!((0.0..=100.0).contains(&share));
        assert!(sample.readings[bit::AGENT_QUALITY].unwrap() >= 200.0);
    }
    release(&machine, "dead");
}

#[tokio::test]
async fn when_every_mount_hangs_the_reason_names_it() {
    let machine = Fake::new();
    pipe(&machine, "dead");
    let tree = Tree::new(machine.root());
    let mounts: Vec<Box<dyn Probe>> = vec![Box::new(Mount::asked_by(&tree, Path::new("/dead"), HANGING))];
    let mut sampler = Sampler::start(ProbeSet::of(mounts, Millis(200))).unwrap();
    taken(&mut sampler, 0).await;
    let sample = taken(&mut sampler, 10).await;
    let reason = sample.reasons[bit::DISK_INODES].clone().unwrap();
    assert_eq!(reason, "the file system at /dead probe has been hanging for 10 s");
    release(&machine, "dead");
}
