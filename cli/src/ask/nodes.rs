//! `rollcall nodes`: the nodes, and how a node's health is written.

use rollcall_model::health::INDICATORS as COUNT;
use rollcall_model::indicator::INDICATORS;

use super::answer::Node;
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, counted, short};
use super::status::tally;
use super::when::age;

/// Every bit of the 24.
const ALL: u32 = (1 << COUNT) - 1;

/// The nodes as a table, and their number per state.
#[must_use]
pub fn render(nodes: &[Node], look: &Look) -> String {
    if nodes.is_empty() {
        return "no nodes\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("NODE"),
        Column::text("NAME"),
        Column::fixed("STATE"),
        Column::fixed("SINCE"),
        Column::text("PHYSICAL"),
        Column::text("LOGICAL").only_wide(),
        Column::fixed("ADDRESS").only_wide(),
        Column::fixed("BITS 0-23").only_wide(),
        Column::text("BITS SET"),
    ]);
    for node in nodes {
        grid.row([
            Text::plain(short(&node.node_id)),
            Text::plain(&node.name),
            Text::state(&node.state),
            Text::or_dash(node.since.as_ref().map(|since| age(since, look.now))),
            Text::or_dash(node.physical_group.as_ref()),
            Text::or_dash(node.logical_group.as_ref()),
            Text::or_dash(node.address.as_ref()),
            Text::plain(bit_row(node.health_bits, node.unmeasurable)),
            health(node),
        ]);
    }
    let mut counts: Vec<(&str, i64)> = Vec::new();
    for node in nodes {
        match counts.iter_mut().find(|(state, _)| *state == node.state) {
            Some((_, count)) => *count += 1,
            None => counts.push((&node.state, 1)),
        }
    }
    let number = counted(i64::try_from(nodes.len()).unwrap_or(i64::MAX), "node", "nodes");
    format!("{}\n{number}: {}\n", grid.render(look), tally(&counts, look))
}

/// The names of the bits that are set; without any, how much of the health is known at all.
fn health(node: &Node) -> Text {
    let set = node.health_bits & !node.unmeasurable;
    if set != 0 {
        let names: Vec<&str> = INDICATORS.iter().filter(|it| set >> it.bit & 1 == 1).map(|it| it.name).collect();
        return Text::toned(names.join(", "), Tone::Warning);
    }
    match (node.unmeasurable & ALL).count_ones() {
        0 => Text::plain("none"),
        all if all as usize == COUNT => Text::toned("nothing measured", Tone::Faint),
        some => Text::plain(format!("none; {some} not measurable")),
    }
}

/// A character per bit, bit 0 first, in three groups of eight: `.` clear, `1` set, `?` not measurable.
#[must_use]
pub fn bit_row(bits: u32, unmeasurable: u32) -> String {
    let mut row = String::new();
    for bit in 0..COUNT {
        if bit > 0 && bit % 8 == 0 {
            row.push(' ');
        }
        row.push(match (unmeasurable >> bit & 1, bits >> bit & 1) {
            (1, _) => '?',
            (_, 1) => '1',
            _ => '.',
        });
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nodes() -> Vec<Node> {
        let list = json!([
            { "node_id": "0e800de7-074c-8d19-a0eb-d5ec4cce9a3e", "name": "web-1", "address": "10.1.0.7", "place": null,
              "state": "healthy", "since": "2026-11-20T08:10:00.000Z", "epoch": 1, "physical_group": "rack-a",
              "logical_group": "amd-25-17", "health_bits": 0, "unmeasurable": 0 },
            { "node_id": "1f800de7-074c-8d19-a0eb-d5ec4cce9a3e", "name": "web-2", "address": "10.1.0.8",
              "state": "degraded", "since": "2026-11-20T08:15:30.000Z", "physical_group": "rack-a",
              "logical_group": null, "health_bits": 16896, "unmeasurable": 131072, "bits_set": "disk_space,link" },
            { "node_id": "2f800de7-074c-8d19-a0eb-d5ec4cce9a3e", "name": "db-1", "address": "10.1.0.9",
              "state": "unknown", "since": "2026-11-20T05:15:30.000Z", "health_bits": 0, "unmeasurable": 16777215 },
            { "node_id": "3f800de7-074c-8d19-a0eb-d5ec4cce9a3e", "name": "db-2", "address": "10.1.0.9",
              "state": "healthy", "since": null, "health_bits": 0, "unmeasurable": 7 }
        ]);
        serde_json::from_value(list).unwrap()
    }

    fn look(width: Option<u16>) -> Look {
        Look { width, colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
    }

    #[test]
    fn a_table_of_80_columns_names_the_bits_that_are_set() {
        let expected = "\
NODE      NAME   STATE     SINCE      PHYSICAL  BITS SET
0e800de7  web-1  healthy   5 min ago  rack-a    none
1f800de7  web-2  degraded  3 s ago    rack-a    disk_space, link
2f800de7  db-1   unknown   3 h ago    -         nothing measured
3f800de7  db-2   healthy   -          -         none; 3 not measurable

4 nodes: 2 healthy, 1 degraded, 1 unknown
";
        assert_eq!(render(&nodes(), &look(Some(80))), expected);
    }

    #[test]
    fn a_pipe_gets_every_column() {
        let expected = "\
NODE      NAME   STATE     SINCE      PHYSICAL  LOGICAL    ADDRESS   BITS 0-23                   BITS SET
0e800de7  web-1  healthy   5 min ago  rack-a    amd-25-17  10.1.0.7  ........ ........ ........  none
1f800de7  web-2  degraded  3 s ago    rack-a    -          10.1.0.8  ........ .1....1. .?......  disk_space, link
2f800de7  db-1   unknown   3 h ago    -         -          10.1.0.9  ???????? ???????? ????????  nothing measured
3f800de7  db-2   healthy   -          -         -          10.1.0.9  ???..... ........ ........  none; 3 not measurable

4 nodes: 2 healthy, 1 degraded, 1 unknown
";
        assert_eq!(render(&nodes(), &look(None)), expected);
    }

    #[test]
    fn what_is_not_measurable_is_never_shown_as_clear_or_set() {
        assert_eq!(bit_row(0, 0), "........ ........ ........");
        assert_eq!(bit_row(1 << 9 | 1, 1 << 23), "1....... .1...... .......?");
        assert_eq!(bit_row(ALL, ALL), "???????? ???????? ????????");
    }

    #[test]
    fn no_nodes_are_said_to_be_none() {
        assert_eq!(render(&[], &look(Some(80))), "no nodes\n");
    }
}
