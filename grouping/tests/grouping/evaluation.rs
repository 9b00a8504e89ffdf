//! What rules say of a node.

use rollcall_grouping::Verdict::{Fails, Holds, Unknown};
use rollcall_grouping::{Facts, schema};
use rollcall_model::HardwareTopology;

use crate::machines::{facts, facts_of, rule, sick};

#[test]
fn every_kind_of_fact_can_be_asked_for() {
    let node = facts(7);
    for text in [
        "node.name == 'web-7' && node.name.startsWith('web') && node.id.contains('-') && node.address == '10.1.0.7'",
        "node.place == 'rack-a' && node.state == 'healthy' && node.epoch == 3 && group == 'rack-a' && policy == 4",
        "capability.startsWith('v1;cpu=') && capability.contains(';nic=mlx5_core-')",
        "cpu.vendor == 'AuthenticAMD' && cpu.cores == 64 && cpu.threads / cpu.cores == 2 && cpu.cores >= 63.5",
        "'avx2' in cpu.flags && !('avx512f' in cpu.flags) && size(cpu.flags) == 3 && cpu.flags[1] == 'avx2'",
        "cpu.flags.exists(f, f.startsWith('sse')) && size(cpu.flags.filter(f, f.contains('avx'))) == 2",
        "memory.gib == 251 && memory.bytes > 1000000 && memory.technology in ['DDR4', 'DDR5']",
        "nics.exists(n, n.speed_mbps >= 25000 && n.driver == 'mlx5_core') && nics.exists_one(n, n.name == 'eth0')",
        "nics.all(n, n.speed_mbps <= n.best_mbps) && 25000 in nics.map(n, n.speed_mbps)",
        "size(nics.filter(n, n.driver == 'mlx5_core')) == 1 && nics[0].mac == null",
        "storage[0].size_bytes / 1024 / 1024 / 1024 == 1024 && storage.exists(s, s.rotational == null)",
        "accelerators.exists(a, a.pci_id.startsWith('10de:') && a.class == '0302')",
        "virtualisation == 'none' && kernel.startsWith('6.') && chassis.serial == null",
        "!health.disk_space && measured.disk_space && !measured.fan && !health.fan",
        "metrics.cpu_temperature > 70 && metrics.cpu_temperature < 72.0 && int(metrics.cpu_temperature) == 71",
        "has(metrics.cpu_temperature) && !has(metrics.fan) && has(cpu.cores) && !has(memory.ecc)",
        "cpu.cores > 100 ? false : double(cpu.cores) * 0.5 == 32.0",
    ] {
        assert_eq!(rule(text).evaluate(&node), Holds, "{text}: {}", rule(text).why_unknown(&node));
    }
    assert_eq!(rule("health.disk_space").evaluate(&sick(1, &["disk_space"])), Holds);
}

#[test]
fn what_is_not_known_is_neither_true_nor_false() {
    let node = facts(1);
    let bare = facts_of(2, &HardwareTopology::default());
    let cases: [(&Facts, &str, _, &str); 15] = [
        (&node, "metrics.fan > 10.0", Unknown, "not known: metrics.fan"),
        (&node, "!(metrics.fan > 10.0)", Unknown, "not known: metrics.fan"),
        (&node, "metrics.fan == 10.0", Unknown, "not known: metrics.fan"),
        (&node, "metrics.run_queue < 1.0", Unknown, "not known: metrics.run_queue"),
        // What decides without it, decides.
        (&node, "metrics.fan > 10.0 || cpu.cores == 64", Holds, ""),
        (&node, "metrics.fan > 10.0 && cpu.cores == 1", Fails, ""),
        (&node, "has(metrics.fan) && metrics.fan > 10.0", Fails, ""),
        (&node, "memory.ecc", Unknown, "not known: memory.ecc"),
        (&node, "memory.ecc == true", Fails, ""),
        (&node, "memory.ecc != true", Holds, ""),
        (&bare, "cpu.cores > 8 && memory.gib > 8", Unknown, "not known: cpu.cores, memory.gib"),
        (&bare, "nics.exists(n, n.speed_mbps > 1)", Fails, ""),
        (&bare, "storage[0].size_bytes > 1", Unknown, "cannot be computed"),
        (&node, "cpu.cores / (cpu.cores - 64) > 1", Unknown, "cannot be computed"),
        (&node, "cpu.cores * 9223372036854775807 > 1", Unknown, "cannot be computed"),
    ];
    for (facts, text, verdict, why) in cases {
        let rule = rule(text);
        assert_eq!(rule.evaluate(facts), verdict, "{text}");
        assert!(verdict != Unknown || rule.why_unknown(facts).starts_with(why), "{text}: {}", rule.why_unknown(facts));
    }
}

#[test]
fn one_nic_of_unknown_speed_does_not_hide_a_fast_one() {
    let mut hardware = crate::machines::hardware();
    hardware.nics[0].speed_mbps = None;
    let asks = rule("nics.exists(n, n.speed_mbps >= 25000)");
    assert_eq!(asks.evaluate(&facts_of(1, &hardware)), Holds);
    hardware.nics[1].speed_mbps = Some(1_000);
    assert_eq!(asks.evaluate(&facts_of(1, &hardware)), Unknown, "the other one may be fast");
}

#[test]
fn a_reason_names_the_facts_as_the_node_has_them() {
    let told =
        rule("cpu.cores > 1 && (kernel == 'x' || metrics.fan > 1.0 || nics.exists(n, n.name == '') || health.fan)");
    assert_eq!(
        told.seen(&facts(1)),
        "cpu.cores = 64, health.fan = false, kernel = \"6.12.0\", metrics.fan = unknown, nics = 2 entries"
    );
    let many = rule(
        "cpu.cores == cpu.threads || cpu.family == 1 || cpu.model == 1 || cpu.stepping == 1 || cpu.sockets == 1 || cpu.max_mhz == 1 || policy == 1",
    );
    assert!(many.seen(&facts(1)).ends_with("and 2 more"), "{}", many.seen(&facts(1)));
}

#[test]
fn every_fact_of_the_table_can_be_evaluated() {
    for row in schema::rows() {
        if let Some((list, field)) = row.name.split_once("[].") {
            assert_eq!(
                rule(&format!("{list}.all(e, e.{field} == e.{field})")).evaluate(&facts(1)),
                Holds,
                "{}",
                row.name
            );
            continue;
        }
        let name = row.name.replace("<indicator>", "cpu_temperature");
        let text = if row.kind.starts_with("list") { format!("size({name}) > 0") } else { format!("{name} == {name}") };
        assert_eq!(rule(&text).evaluate(&facts(1)), Holds, "{text}");
    }
}
