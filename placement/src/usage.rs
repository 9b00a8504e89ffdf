//! S, P and C: what a node uses, as fractions, from readings as Linux shows them.
//!
//! US 9,049,193, FIG. 9 (904): S is storage, P processing, C communications. The patent does not say how they are
//! measured; the choices are here:
//!
//! - S is the tighter of memory and disk: whichever is fuller is what will stop the next workload. A node without a disk
//!   of its own is measured by its memory alone.
//! - P is the processor time that was not idle (time stolen by a hypervisor counts as used: it cannot be had).
//! - C is the busier direction of the network against the link's speed. Many virtual interfaces do not tell their speed:
//!   C is then unmeasured and left out of the mean, because it says nothing for or against the node.
//! - Memory and processor are what every workload needs. A node that cannot measure one of them has no usage at all, and
//!   is not eligible: unmeasured is never shown as free.

use std::fmt;

/// Something of which a part is still to be had, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All of it: `MemTotal`, or the blocks of a file system.
    pub total_bytes: u64,
    /// What a new workload could have: `MemAvailable`, or the blocks free to an ordinary user.
    pub available_bytes: u64,
}

/// Processor time between two readings of the first line of `/proc/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessorTime {
    /// Ticks of all kinds, over all processors.
    pub total: u64,
    /// Ticks of `idle` and `iowait`.
    pub idle: u64,
}

/// The network between two readings of an interface's counters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Received, bits per second.
    pub received: f64,
    /// Sent, bits per second.
    pub sent: f64,
    /// The link's speed in one direction, bits per second.
    pub speed: f64,
}

/// What was read of a node; `None` is what cannot be measured there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// Memory.
    pub memory: Option<Room>,
    /// The file system that workloads would use.
    pub disk: Option<Room>,
    /// Processor time.
    pub processor: Option<ProcessorTime>,
    /// The interface that workloads would use.
    pub network: Option<Traffic>,
}

/// A resource of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Memory and disk.
    Storage,
    /// Processor time.
    Processing,
    /// The network.
    Communications,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Storage => "storage",
            Self::Processing => "processing",
            Self::Communications => "communications",
        })
    }
}

/// A node that cannot say how free it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be measured on this node, so it says nothing about its availability and is no target")]
pub struct Unmeasured(pub Resource);

/// S, P and C (A1), each a fraction of the node's own capacity in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    storage: f64,
    processing: f64,
    communications: Option<f64>,
}

impl Usage {
    /// From fractions. What is outside [0, 1] is moved to the nearer end; what is not a number counts as all used.
    #[must_use]
    pub fn new(storage: f64, processing: f64, communications: Option<f64>) -> Self {
        Self {
            storage: fraction(storage),
            processing: fraction(processing),
            communications: communications.map(fraction),
        }
    }

    /// From readings.
    ///
    /// # Errors
    /// Memory or processor time is unmeasured, or its whole is zero.
    pub fn of(readings: &Readings) -> Result<Self, Unmeasured> {
        let memory = readings.memory.and_then(used).ok_or(Unmeasured(Resource::Storage))?;
        let disk = readings.disk.and_then(used).unwrap_or(0.0);
        let processing = readings.processor.and_then(busy).ok_or(Unmeasured(Resource::Processing))?;
        Ok(Self::new(memory.max(disk), processing, readings.network.and_then(load)))
    }

    /// S.
    #[must_use]
    pub const fn storage(&self) -> f64 {
        self.storage
    }

    /// P.
    #[must_use]
    pub const fn processing(&self) -> f64 {
        self.processing
    }

    /// C, where it is measured.
    #[must_use]
    pub const fn communications(&self) -> Option<f64> {
        self.communications
    }
}

/// Into [0, 1]; not a number is 1, the cautious end.
fn fraction(value: f64) -> f64 {
    if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) }
}

fn used(room: Room) -> Option<f64> {
    (room.total_bytes > 0).then(|| 1.0 - room.available_bytes as f64 / room.total_bytes as f64)
}

fn busy(time: ProcessorTime) -> Option<f64> {
    (time.total > 0).then(|| 1.0 - time.idle as f64 / time.total as f64)
}

fn load(traffic: Traffic) -> Option<f64> {
    (traffic.speed.is_finite() && traffic.speed > 0.0).then(|| traffic.received.max(traffic.sent) / traffic.speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn readings() -> Readings {
        Readings {
            memory: Some(Room { total_bytes: 10 * GIB, available_bytes: 6 * GIB }),
            disk: Some(Room { total_bytes: 100 * GIB, available_bytes: 40 * GIB }),
            processor: Some(ProcessorTime { total: 1000, idle: 600 }),
            network: Some(Traffic { received: 0.5e9, sent: 0.1e9, speed: 1e9 }),
        }
    }

    #[test]
    fn the_tighter_of_memory_and_disk_is_storage() {
        let usage = Usage::of(&readings()).expect("measured");
        assert!((usage.storage() - 0.6).abs() < 1e-9, "{usage:?}");
        assert!((usage.processing() - 0.4).abs() < 1e-9);
        assert!((usage.communications().expect("measured") - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_node_without_memory_or_processor_readings_has_no_usage() {
        let blind = Readings { memory: None, ..readings() };
        assert_eq!(Usage::of(&blind), Err(Unmeasured(Resource::Storage)));
        let blind = Readings { processor: Some(ProcessorTime { total: 0, idle: 0 }), ..readings() };
        assert_eq!(Usage::of(&blind), Err(Unmeasured(Resource::Processing)));
    }

    #[test]
    fn an_interface_that_does_not_tell_its_speed_is_left_out() {
        let virtual_nic = Readings { network: Some(Traffic { received: 1.0, sent: 1.0, speed: 0.0 }), ..readings() };
        assert_eq!(Usage::of(&virtual_nic).expect("measured").communications(), None);
        let diskless = Readings { disk: None, ..readings() };
        assert!((Usage::of(&diskless).expect("measured").storage() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn nonsense_counts_as_used() {
        let usage = Usage::new(f64::NAN, -3.0, Some(f64::INFINITY));
        assert_eq!((usage.storage(), usage.processing(), usage.communications()), (1.0, 0.0, Some(1.0)));
    }
}
