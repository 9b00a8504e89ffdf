//! What a node is made of, drawn: the case with its sockets and NUMA nodes, memory, drives, network and accelerators. Narrow
//! enough for a telephone; everything in it stands in words beside it as well.

use askama::Template;
use rollcall_model::HardwareTopology;

/// Width of the drawing, in pixels as well as units.
const WIDTH: u32 = 360;
const MARGIN: u32 = 10;
const GAP: u32 = 8;
/// Most boxes of one kind; more are counted.
const MOST: usize = 12;

/// A box with up to two lines in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    class: &'static str,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    first: String,
    second: String,
}

/// The drawing.
#[derive(Template)]
#[template(path = "part/drawing.html")]
pub(super) struct Drawing {
    height: u32,
    title: String,
    pieces: Vec<Piece>,
    labels: Vec<(u32, &'static str)>,
}

/// Rows of boxes, one under another.
struct Rows {
    y: u32,
    pieces: Vec<Piece>,
    labels: Vec<(u32, &'static str)>,
}

impl Rows {
    /// Boxes of one kind, `columns` beside each other.
    fn add(&mut self, class: &'static str, label: &'static str, columns: u32, boxes: Vec<(String, String)>) {
        if boxes.is_empty() {
            return;
        }
        self.labels.push((self.y + 10, label));
        self.y += 15;
        let more = boxes.len().saturating_sub(MOST);
        let mut boxes: Vec<_> = boxes.into_iter().take(MOST).collect();
        if more > 0 {
            boxes.push((format!("and {more} more"), String::new()));
        }
        let columns = columns.min(u32::try_from(boxes.len()).unwrap_or(columns));
        let width = (WIDTH - 2 * MARGIN - GAP * (columns - 1)) / columns;
        let most = usize::try_from(width).unwrap_or(60) / 7;
        for line in boxes.chunks(usize::try_from(columns).unwrap_or(1)) {
            let height = if line.iter().any(|(_, second)| !second.is_empty()) { 36 } else { 22 };
            let mut x = MARGIN;
            for (first, second) in line {
                let (first, second) = (short(first, most), short(second, most));
                self.pieces.push(Piece { class, x, y: self.y, width, height, first, second });
                x += width + GAP;
            }
            self.y += height + GAP;
        }
        self.y += 2;
    }
}

/// What fits into a box.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

impl Drawing {
    /// The drawing of a machine.
    pub(super) fn of(hardware: &HardwareTopology) -> Self {
        let mut rows = Rows { y: 34, pieces: Vec::new(), labels: Vec::new() };
        rows.add("socket", "processors", 2, sockets(hardware));
        rows.add("numa", "NUMA nodes", 2, numa(hardware));
        rows.add("memory", "memory", 3, memory(hardware));
        rows.add("accelerator", "accelerators", 2, accelerators(hardware));
        rows.add("drive", "drives", 2, drives(hardware));
        rows.add("nic", "network", 2, nics(hardware));
        let chassis = &hardware.chassis;
        let named = [&chassis.vendor, &chassis.product].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let title = match (named.is_empty(), &chassis.serial) {
            (true, None) => "a machine whose case tells nothing".to_owned(),
            (true, Some(serial)) => format!("serial {serial}"),
            (false, None) => named,
            (false, Some(serial)) => format!("{named}, serial {serial}"),
        };
        Self { height: rows.y + 6, title: short(&title, 46), pieces: rows.pieces, labels: rows.labels }
    }

    /// As an element of a page.
    pub(super) fn element(&self) -> String {
        self.render().unwrap_or_default()
    }
}

fn sockets(hardware: &HardwareTopology) -> Vec<(String, String)> {
    let cpu = &hardware.cpu;
    let sockets = cpu.sockets.unwrap_or(1).max(1);
    let each = |count: Option<u32>, what: &str| count.map(|count| format!("{} {what}", count / sockets));
    let parts: Vec<String> = [each(cpu.cores, "cores"), each(cpu.threads, "threads")].into_iter().flatten().collect();
    let name = cpu.name.clone().or(cpu.vendor.clone()).unwrap_or_else(|| "processor".into());
    (0..sockets.min(64)).map(|_| (name.clone(), parts.join(", "))).collect()
}

fn numa(hardware: &HardwareTopology) -> Vec<(String, String)> {
    let memory = |bytes: Option<u64>| bytes.map(bytes_of).unwrap_or_default();
    hardware
        .numa
        .iter()
        .map(|node| (format!("{}: {}", node.node, memory(node.memory_bytes)), format!("CPUs {}", node.cpus)))
        .collect()
}

fn memory(hardware: &HardwareTopology) -> Vec<(String, String)> {
    let memory = &hardware.memory;
    if memory.modules.is_empty() {
        let kind = memory.technology.clone().unwrap_or_default();
        let ecc = if memory.ecc == Some(true) { " ECC" } else { "" };
        return memory.total_bytes.map(|total| (bytes_of(total), format!("{kind}{ecc}"))).into_iter().collect();
    }
    let module = |module: &rollcall_model::hardware::MemoryModule| {
        let speed = module.speed_mts.map(|speed| format!(" {speed}")).unwrap_or_default();
        (module.locator.clone(), format!("{}{speed}", module.size_bytes.map_or_else(|| "empty".into(), bytes_of)))
    };
    memory.modules.iter().map(module).collect()
}

fn accelerators(hardware: &HardwareTopology) -> Vec<(String, String)> {
    hardware.accelerators.iter().map(|it| (it.pci_id.clone(), it.bus_address.clone())).collect()
}

fn drives(hardware: &HardwareTopology) -> Vec<(String, String)> {
    let kind = |spins: Option<bool>| match spins {
        Some(true) => " disk",
        Some(false) => " flash",
        None => "",
    };
    let drive = |it: &rollcall_model::hardware::Storage| {
        let size = it.size_bytes.map(bytes_of).unwrap_or_default();
        (format!("{} {size}{}", it.name, kind(it.rotational)), it.model.clone().unwrap_or_default())
    };
    hardware.storage.iter().map(drive).collect()
}

fn nics(hardware: &HardwareTopology) -> Vec<(String, String)> {
    let speed = |mbps: Option<u32>| match mbps {
        None => "no link".to_owned(),
        Some(mbps) if mbps >= 1_000 => format!("{} Gb/s", f64::from(mbps) / 1_000.0),
        Some(mbps) => format!("{mbps} Mb/s"),
    };
    let nic = |it: &rollcall_model::hardware::Nic| {
        (format!("{} {}", it.name, speed(it.speed_mbps)), it.driver.clone().or(it.mac.clone()).unwrap_or_default())
    };
    hardware.nics.iter().map(nic).collect()
}

/// Bytes in their one most telling unit of 1,024.
pub(super) fn bytes_of(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1_024.0 && unit + 1 < units.len() {
        size /= 1_024.0;
        unit += 1;
    }
    if size >= 100.0 || size.fract() == 0.0 {
        format!("{size:.0} {}", units[unit])
    } else {
        format!("{size:.1} {}", units[unit])
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::hardware::{Cpu, Memory, Nic, Storage};

    use super::*;

    #[test]
    fn everything_a_machine_is_made_of_is_drawn_within_the_case() {
        let hardware = HardwareTopology {
            cpu: Cpu {
                sockets: Some(2),
                cores: Some(64),
                threads: Some(128),
                name: Some("<script>".into()),
                ..Cpu::default()
            },
            memory: Memory { total_bytes: Some(256 << 30), ..Memory::default() },
            nics: vec![Nic { name: "eth0".into(), speed_mbps: Some(25_000), ..Nic::default() }],
            storage: (0..20).map(|at| Storage { name: format!("nvme{at}n1"), ..Storage::default() }).collect(),
            ..HardwareTopology::default()
        };
        let drawing = Drawing::of(&hardware);
        assert_eq!(drawing.pieces.iter().filter(|piece| piece.class == "socket").count(), 2);
        assert_eq!(
            drawing.pieces.iter().filter(|piece| piece.class == "drive").count(),
            MOST + 1,
            "the rest is counted"
        );
        for piece in &drawing.pieces {
            assert!(piece.x + piece.width <= WIDTH && piece.y + piece.height <= drawing.height, "{piece:?}");
        }
        let element = drawing.element();
        assert!(
            element.contains("25 Gb/s") && element.contains("32 cores, 64 threads") && !element.contains("<script>")
        );
    }

    #[test]
    fn a_machine_that_tells_nothing_is_drawn_all_the_same() {
        assert_eq!(Drawing::of(&HardwareTopology::default()).pieces.len(), 1);
        assert_eq!(bytes_of(1_536), "1.5 KiB");
        assert_eq!(bytes_of(274_877_906_944), "256 GiB");
    }
}
