//! How a simulated machine feels: a healthy baseline that moves a little, and faults that come and go.
//!
//! Nothing is remembered between samples. Which faults are present follows from the seed and the minute, so a
//! machine asked every second and one asked every minute tell the same story.

use rollcall_model::Tick;
use rollcall_model::threshold::Readings;
use rollcall_placement::usage;

use super::dice::Dice;
use super::{Fault, Machine};
use crate::probes::{Reason, Sample, bit};

const MINUTE: u64 = 60_000;
/// No drawn fault lasts longer.
const LONGEST_MINUTES: u64 = 5;

/// The faults drawn for this time.
pub(super) fn drawn(seed: u64, probability: f64, now: Tick) -> impl Iterator<Item = Fault> {
    let minute = now.0 / MINUTE;
    (minute.saturating_sub(LONGEST_MINUTES)..=minute).filter_map(move |minute| {
        let mut dice = Dice::of(&[seed, minute]);
        if dice.share() >= probability {
            return None;
        }
        let from = minute * MINUTE + dice.roll() % MINUTE;
        let lasts = 30_000 + dice.roll() % ((LONGEST_MINUTES - 1) * MINUTE - 30_000);
        let fault = dice.pick(&Fault::ALL).copied()?;
        (from <= now.0 && now.0 < from + lasts).then_some(fault)
    })
}

/// The sample of a machine at a time.
pub(super) fn sample(machine: &Machine, now: Tick, expected: Tick) -> Sample {
    let mut readings = healthy(machine.seed, now);
    for fault in machine.faults(now) {
        suffer(fault, &mut readings);
    }
    let mut sample = Sample::empty(now);
    for (indicator, reading) in readings.into_iter().enumerate() {
        sample.set(indicator, reading.ok_or(Reason::Borrowed("simulated machines do not tell this")));
    }
    if machine.hardware.cpu.vendor.as_deref() == Some("ARM") {
        let why = Reason::Borrowed("the processors do not count how often they slow down");
        sample.set(bit::CPU_THROTTLED, Err(why));
    }
    sample.set(bit::POWER_CAP, Err("neither firmware nor a power meter tells of a cap".into()));
    let late = now.since(expected).0 as f64;
    sample.set(bit::AGENT_QUALITY, Ok(late));
    sample
}

/// How much of a machine is in use at a time: the same load and the same faults.
pub(super) fn usage(machine: &Machine, now: Tick) -> usage::Readings {
    let mut readings = healthy(machine.seed, now);
    for fault in machine.faults(now) {
        suffer(fault, &mut readings);
    }
    let percent = |bit: usize| readings[bit].unwrap_or(0.0).clamp(0.0, 100.0);
    let room = |percent_available: f64, total_bytes: u64| usage::Room {
        total_bytes,
        available_bytes: (total_bytes as f64 * percent_available / 100.0) as u64,
    };
    let busy = readings[bit::RUN_QUEUE].unwrap_or(0.0).clamp(0.0, 1.0);
    let mbps = machine.hardware.nics.iter().filter_map(|nic| nic.speed_mbps).max();
    let traffic = mbps.map(|mbps| {
        let speed = f64::from(mbps) * 1e6;
        usage::Traffic { received: speed * percent(bit::NIC_SATURATION) / 100.0, sent: 0.0, speed }
    });
    usage::Readings {
        memory: machine.hardware.memory.total_bytes.map(|total| room(percent(bit::MEMORY_AVAILABLE), total)),
        disk: Some(room(100.0 - percent(bit::DISK_SPACE), 1 << 40)),
        processor: Some(usage::ProcessorTime { total: 10_000, idle: ((1.0 - busy) * 10_000.0) as u64 }),
        network: traffic,
    }
}

/// Readings of a machine without faults. Load is a slow wave; temperature and waiting follow it.
fn healthy(seed: u64, now: Tick) -> Readings {
    let mut own = Dice::of(&[seed]);
    let mut moment = Dice::of(&[seed, now.0 / 1_000, 1]);
    let (phase, period) = (own.share(), own.between(600.0, 1_800.0));
    let wave = ((now.0 as f64 / 1_000.0 / period + phase) * std::f64::consts::TAU).sin();
    let load = 0.45 + 0.25 * wave + moment.between(-0.05, 0.05);
    let mut readings: Readings = [Some(0.0); rollcall_model::health::INDICATORS];
    let known = [
        (bit::CPU_TEMPERATURE, 42.0 + 28.0 * load + own.between(0.0, 5.0)),
        (bit::CPU_PRESSURE, 8.0 * load),
        (bit::RUN_QUEUE, load),
        (bit::MEMORY_AVAILABLE, 75.0 - 40.0 * load),
        (bit::MEMORY_PRESSURE, 0.2 * load),
        (bit::DISK_SPACE, own.between(25.0, 70.0)),
        (bit::DISK_INODES, own.between(2.0, 20.0)),
        (bit::IO_PRESSURE, 4.0 * load * moment.share()),
        (bit::NIC_SATURATION, 50.0 * load),
        (bit::INLET_TEMPERATURE, 22.0 + own.between(0.0, 3.0) + moment.between(-0.2, 0.2)),
    ];
    for (indicator, value) in known {
        readings[indicator] = Some((value * 100.0).round() / 100.0);
    }
    readings
}

/// What a fault does to the readings.
fn suffer(fault: Fault, readings: &mut Readings) {
    let changes: &[(usize, f64)] = match fault {
        Fault::Fan => &[(bit::FAN, 1.0), (bit::CPU_TEMPERATURE, 93.0), (bit::CPU_THROTTLED, 12.0)],
        Fault::Overload => &[(bit::RUN_QUEUE, 9.5), (bit::CPU_PRESSURE, 71.0)],
        Fault::MemoryLeak => &[(bit::MEMORY_AVAILABLE, 2.5), (bit::MEMORY_PRESSURE, 34.0), (bit::OOM_KILLS, 1.0)],
        Fault::MemoryModule => &[(bit::MEMORY_CORRECTABLE, 240.0)],
        Fault::DiskFull => &[(bit::DISK_SPACE, 96.5)],
        Fault::Drive => &[(bit::DEVICE_HEALTH, 1.0), (bit::FILESYSTEM_READONLY, 1.0), (bit::IO_PRESSURE, 62.0)],
        Fault::Link => &[(bit::LINK, 1.0)],
        Fault::Cable => &[(bit::NIC_ERRORS, 140.0)],
        Fault::PowerSupply => &[(bit::POWER_SUPPLY, 1.0)],
        Fault::Inlet => &[(bit::INLET_TEMPERATURE, 43.5), (bit::CPU_TEMPERATURE, 91.0)],
        Fault::Clock => &[(bit::CLOCK_UNSYNCHRONISED, 1.0)],
    };
    for (indicator, value) in changes {
        readings[*indicator] = Some(*value);
    }
}
