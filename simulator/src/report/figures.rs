//! From a report to what can be reckoned with.

use super::{Report, Setting};
use crate::Figures;
use crate::figures::{Measured, What};
use crate::report::chart::number;

/// Fewer messages a second say nothing about the cost of one.
const ENOUGH: f64 = 5.0;
/// Arrivals that stand so soon after they came tell how they came, and not what is possible.
const BEYOND: f64 = 1.5;
/// Nor does a shorter steady part.
const LONG_ENOUGH: f64 = 10.0;

impl Figures {
    /// What a run tells. An interrupted run, or one without a steady part, tells little, and what it does not tell is
    /// left out.
    #[must_use]
    pub fn of_report(report: &Report) -> Self {
        let Report { scenario, setting, statuses, .. } = report;
        let nodes = f64::from(scenario.nodes);
        let in_rack = nodes / f64::from(scenario.racks.max(1));
        let tls = setting.connections.contains("TLS");
        let either = |plain, secured| if tls { secured } else { plain };
        let mut figures = Self::default();
        let mut take = |what, nodes, value: f64| {
            if value.is_finite() && value > 0.0 {
                figures.measured.push(measured(setting, what, nodes, value));
            }
        };
        if report.joins.first_to_last_s > scenario.arrival.over.0 as f64 / 1_000.0 * BEYOND {
            take(either(What::JoinsPerSecond, What::TlsJoinsPerSecond), nodes, report.joins.per_second);
        }
        if setting.steady_s < LONG_ENOUGH {
            return figures;
        }
        let rate = statuses.per_second + statuses.others_per_second;
        let process = |name: &str| report.processes.iter().find(|process| process.name == name);
        if let Some(broker) = process("broker") {
            take(either(What::BrokerMemoryMib, What::BrokerTlsMemoryMib), nodes, broker.memory_mib);
            if rate >= ENOUGH {
                let what = either(What::BrokerMicrosPerMessage, What::BrokerTlsMicrosPerMessage);
                take(what, nodes, broker.cpu_percent * 10_000.0 / rate);
            }
        }
        if let Some(zone) = process("zone") {
            take(What::ZoneMemoryMib, nodes, zone.memory_mib);
        }
        if let Some(racks) = process("racks") {
            take(What::RackMemoryMib, in_rack, racks.memory_mib / f64::from(scenario.racks.max(1)));
            if rate >= ENOUGH {
                take(What::RackMicrosPerMessage, in_rack, racks.cpu_percent * 10_000.0 / rate);
            }
        }
        if let Some(per_rack) = report.zone_messages_per_rack_and_minute {
            take(What::ZoneMessagesPerRackAndMinute, in_rack, per_rack);
        }
        if let Some(wire) = &report.wire {
            take(either(What::WireBytesPerMessage, What::WireTlsBytesPerMessage), nodes, wire.per_message);
        }
        figures
    }
}

fn measured(setting: &Setting, what: What, nodes: f64, value: f64) -> Measured {
    let Setting { cpu, cores, load, optimized, connection_count, command, .. } = setting;
    let build = if *optimized { "built for speed" } else { "debug build" };
    // Three digits more than anybody will believe are enough.
    let value = if value >= 1.0 { (value * 1_000.0).round() / 1_000.0 } else { value };
    Measured {
        what,
        nodes,
        connections: *connection_count as f64,
        value,
        command: command.clone(),
        setting: format!("{cpu}, {cores} cores, {build}, load {} to {}", number(load[0]), number(load[2])),
    }
}
