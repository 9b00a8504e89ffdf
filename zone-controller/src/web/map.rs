//! The start page: what is wrong, and the fleet as a map, racks as columns and nodes as cells. The map's text is kept
//! small: one element for a node, everything else follows from the style sheet, or is drawn by the script when asked for.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use rollcall_model::indicator::INDICATORS;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{read, text};
use super::bits::{self, Grid};
use super::frame::Frame;
use super::page;
use super::state::{LOOKS, Look, look};
use super::troubles::{self, Trouble};
use crate::api::{Caller, Shared};

/// Up to so many nodes each has a card with its name and bits; more are cells.
const CARDS: usize = 150;
/// Most nodes on one map.
const MOST: usize = 20_000;

/// How the map is wanted.
#[derive(Deserialize)]
pub(super) struct Wish {
    view: Option<String>,
}

#[derive(Deserialize)]
struct NodeRow {
    node_id: String,
    name: String,
    state: String,
    health_bits: Option<i64>,
    unmeasurable: Option<i64>,
    since_ms: Option<i64>,
    #[serde(deserialize_with = "text")]
    physical_group_id: String,
}

#[derive(Deserialize)]
struct RackRow {
    group_id: String,
    name: String,
}

struct Cell {
    id: String,
    name: String,
    look: Look,
    bits: u32,
    mask: u32,
    /// Since when, seconds since 1970.
    since: i64,
}

impl Cell {
    /// What a cell says to who does not see it.
    fn said(&self) -> String {
        match self.names() {
            none if none.is_empty() => format!("{} {}", self.name, self.look.word),
            names => format!("{} {}: {names}", self.name, self.look.word),
        }
    }

    fn names(&self) -> String {
        bits::names(self.bits)
    }

    fn grid(&self) -> String {
        Grid::of(self.bits, self.mask).element()
    }
}

struct Rack {
    id: String,
    name: String,
    cells: Vec<Cell>,
}

impl Rack {
    /// Nodes somebody should look at.
    fn concern(&self) -> usize {
        self.cells.iter().filter(|cell| !matches!(cell.look.class, "h" | "l")).count()
    }
}

/// What is wrong, alone.
#[derive(Template)]
#[template(path = "part/wrong.html")]
struct Wrong {
    frame: Frame,
    troubles: Vec<Trouble>,
    is_cut: bool,
    nodes: i64,
}

#[derive(Template)]
#[template(path = "map.html")]
struct MapPage {
    frame: Frame,
    troubles: Vec<Trouble>,
    is_cut: bool,
    racks: Vec<Rack>,
    nodes: i64,
    cards: bool,
    looks: [Look; 8],
    /// The dictionary's names, for the script.
    names: String,
    critical: u32,
}

/// `GET /ui/?view=cards|cells`
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller, Query(wish): Query<Wish>) -> Answer {
    let frame = Frame::of(&shared, &caller, "map").await?;
    let (troubles, is_cut) = troubles::open(&shared).await?;
    let sql = "SELECT group_id, name FROM v_groups WHERE kind = 'physical' ORDER BY name, group_id";
    let racks: Vec<RackRow> = read(&shared, sql, &[]).await?;
    let sql = "SELECT node_id, name, state, health_bits, unmeasurable, since_ms, physical_group_id FROM v_nodes \
               ORDER BY name, node_id LIMIT 20000";
    let nodes: Vec<NodeRow> = read(&shared, sql, &[]).await?;
    let count = nodes.len();
    let cards = match wish.view.as_deref() {
        Some("cards") => true,
        Some("cells") => false,
        _ => count <= CARDS,
    };
    let names = INDICATORS.map(|indicator| indicator.name).join(" ");
    let racks = stand(racks, nodes);
    let page = MapPage {
        frame,
        troubles,
        is_cut: is_cut || count == MOST,
        racks,
        nodes: i64::try_from(count).unwrap_or(i64::MAX),
        cards,
        looks: LOOKS,
        names,
        critical: bits::CRITICAL,
    };
    page::html(&page)
}

/// `GET /ui/part/wrong`: what is wrong, anew.
pub(super) async fn wrong(State(shared): State<Arc<Shared>>, caller: Caller) -> Answer {
    let frame = Frame::of(&shared, &caller, "map").await?;
    let (troubles, is_cut) = troubles::open(&shared).await?;
    let nodes = frame.header.nodes;
    page::html(&Wrong { frame, troubles, is_cut, nodes })
}

/// Each node in its rack; those who stand in none come last, where there are any.
fn stand(racks: Vec<RackRow>, nodes: Vec<NodeRow>) -> Vec<Rack> {
    let place: HashMap<String, usize> =
        racks.iter().enumerate().map(|(at, rack)| (rack.group_id.clone(), at)).collect();
    let rack = |RackRow { group_id, name }| Rack { id: group_id, name, cells: Vec::new() };
    let mut racks: Vec<Rack> = racks.into_iter().map(rack).collect();
    let none = RackRow { group_id: String::new(), name: "in no rack yet".into() };
    racks.push(rack(none));
    let last = racks.len() - 1;
    for node in nodes {
        let at = place.get(&node.physical_group_id).copied().unwrap_or(last);
        racks[at].cells.push(cell(node));
    }
    racks.retain(|rack| !rack.id.is_empty() || !rack.cells.is_empty());
    racks
}

fn cell(node: NodeRow) -> Cell {
    let (bits, mask) = (bits::of_number(node.health_bits, 0), bits::of_number(node.unmeasurable, bits::ALL));
    let since = node.since_ms.unwrap_or_default() / 1_000;
    Cell { look: look(&node.state, bits), id: node.node_id, name: node.name, bits, mask, since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_stands_in_its_rack_or_is_said_to_stand_in_none() {
        let node = |name: &str, rack: &str, state: &str| NodeRow {
            node_id: name.into(),
            name: name.into(),
            state: state.into(),
            health_bits: Some(0),
            unmeasurable: None,
            since_ms: Some(5_000),
            physical_group_id: rack.into(),
        };
        let racks = || vec![RackRow { group_id: "r".into(), name: "rack-a".into() }];
        let stood =
            stand(racks(), vec![node("a", "r", "down"), node("b", "", "joining"), node("c", "gone", "healthy")]);
        let names: Vec<_> = stood.iter().map(|rack| (rack.name.as_str(), rack.cells.len(), rack.concern())).collect();
        assert_eq!(names, [("rack-a", 1, 1), ("in no rack yet", 2, 1)]);
        assert_eq!(stood[0].cells[0].mask, bits::ALL, "of whom nothing is known, nothing is shown as measured");
        assert_eq!(stand(racks(), Vec::new()).len(), 1);
    }
}
