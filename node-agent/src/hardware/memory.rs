//! Memory and NUMA nodes.

use rollcall_model::hardware::{Memory, NumaNode};

use super::smbios::Tables;
use super::tree::Tree;

/// Reads the memory: its size from the kernel, everything else from the firmware where it tells.
pub(super) fn read(tree: &Tree, tables: Option<&Tables>) -> Memory {
    let modules = tables.map(Tables::memory_modules).unwrap_or_default();
    let mut technologies: Vec<&str> = modules.iter().filter_map(|module| module.technology.as_deref()).collect();
    technologies.sort_unstable();
    technologies.dedup();
    let technology = (!technologies.is_empty()).then(|| technologies.join("+"));
    Memory { total_bytes: total_bytes(tree), technology, ecc: tables.and_then(Tables::corrects_memory_errors), modules }
}

/// Bytes of memory the kernel can use.
pub(super) fn total_bytes(tree: &Tree) -> Option<u64> {
    tree.text("proc/meminfo").and_then(|text| kilobytes(&text, "MemTotal:"))
}

/// Bytes of the line with this word in a text such as `/proc/meminfo`.
fn kilobytes(text: &str, word: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.split_once(word))?.1;
    value.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Reads the NUMA nodes.
pub(super) fn numa(tree: &Tree) -> Vec<NumaNode> {
    tree.numbered("sys/devices/system/node", "node")
        .into_iter()
        .map(|(node, below)| NumaNode {
            node,
            cpus: tree.line(&format!("{below}/cpulist")).unwrap_or_default(),
            memory_bytes: tree.text(&format!("{below}/meminfo")).and_then(|text| kilobytes(&text, "MemTotal:")),
            distances: distances(&tree.text(&format!("{below}/distance")).unwrap_or_default()),
        })
        .collect()
}

fn distances(text: &str) -> Vec<u32> {
    text.split_whitespace().take(1_024).map_while(|distance| distance.parse().ok()).collect()
}
