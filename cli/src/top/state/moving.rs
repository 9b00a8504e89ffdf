//! Going up and down, in and out.

use ratatui::layout::Position;

use super::{Effect, Place, Screen, State};
use crate::top::input::Input;
use crate::top::layout::{Regions, regions};

/// Rows the wheel turns by.
const WHEEL: usize = 3;

impl State {
    /// Where the parts of the screen are.
    #[must_use]
    pub fn regions(&self) -> Regions {
        regions(self.area, self.screen(), self.open_alerts().len())
    }

    /// Where the chosen one stands in a list of these ids; the first where none is chosen, or it has gone.
    #[must_use]
    pub(in crate::top) fn position(&self) -> usize {
        let chosen = self.places.last().and_then(|place| place.chosen.as_ref());
        chosen.and_then(|id| self.listed().iter().position(|it| it == id)).unwrap_or_default()
    }

    /// Keeps what is chosen on the screen, after whatever changed.
    pub(super) fn settle(&mut self) {
        let listed = self.listed();
        let height = usize::from(self.regions().rows.height).max(1);
        let Some(place) = self.places.last_mut() else { return };
        let found = place.chosen.as_ref().and_then(|id| listed.iter().position(|it| it == id));
        if found.is_none() {
            place.chosen = listed.get(place.first).or(listed.first()).cloned();
        }
        let at = found.unwrap_or_default();
        let last = listed.len().saturating_sub(height);
        place.first =
            place.first.clamp((at + 1).saturating_sub(height), at).min(last.max((at + 1).saturating_sub(height)));
    }

    pub(super) fn moved(&mut self, input: Input) {
        let listed = self.listed();
        let page = usize::from(self.regions().rows.height).max(1);
        let at = self.position();
        let to = match input {
            Input::Up | Input::Char('k') => at.saturating_sub(1),
            Input::Down | Input::Char('j') => at + 1,
            Input::PageUp => at.saturating_sub(page),
            Input::PageDown | Input::Char(' ') => at + page,
            Input::Wheel(true) => at.saturating_sub(WHEEL),
            Input::Wheel(false) => at + WHEEL,
            Input::Home | Input::Char('g') => 0,
            Input::End | Input::Char('G') => usize::MAX,
            _ => return,
        };
        let to = to.min(listed.len().saturating_sub(1));
        if let Some(place) = self.places.last_mut() {
            place.chosen = listed.get(to).cloned();
        }
    }

    pub(super) fn open(&mut self, screen: Screen, chosen: Option<String>) {
        if *self.screen() == screen {
            return;
        }
        self.remember();
        let chosen = chosen.or_else(|| self.left.get(&key(&screen)).cloned().flatten());
        if !matches!(&screen, Screen::Node(_)) {
            (self.node, self.readings) = (None, None);
        }
        self.places.push(Place { screen, chosen, first: 0 });
    }

    pub(super) fn back(&mut self) {
        if self.places.len() > 1 {
            self.remember();
            self.places.pop();
        }
    }

    fn remember(&mut self) {
        if let Some(place) = self.places.last() {
            self.left.insert(key(&place.screen), place.chosen.clone());
        }
    }

    pub(super) fn enter(&mut self) -> Vec<Effect> {
        let chosen = self.listed().get(self.position()).cloned();
        let Some(chosen) = chosen else { return Vec::new() };
        match self.screen() {
            Screen::Racks => self.open(Screen::Rack(chosen), None),
            Screen::Rack(_) => return self.look_at(chosen),
            Screen::Alerts => {
                let alert = self.fleet.alerts.iter().find(|alert| alert.alert_id.to_string() == chosen);
                let node = alert.and_then(|alert| alert.node.as_ref()).map(String::as_str);
                let group = alert.map(|alert| alert.group_name.clone()).unwrap_or_default();
                let node = node.and_then(|name| self.fleet.nodes.iter().find(|it| it.name == name));
                if let Some(id) = node.map(|node| node.node_id.clone()) {
                    return self.look_at(id);
                }
                if let Some(rack) = self.fleet.racks.iter().find(|rack| rack.name == group).map(|rack| rack.id.clone())
                {
                    self.open(Screen::Rack(rack), None);
                }
            }
            Screen::Node(_) => {}
        }
        Vec::new()
    }

    fn look_at(&mut self, node: String) -> Vec<Effect> {
        (self.node, self.readings) = (None, None);
        self.open(Screen::Node(node.clone()), None);
        vec![Effect::LoadNode(node)]
    }

    /// A click chooses, and on what is chosen already goes in; on the alerts below it goes to them.
    pub(super) fn click(&mut self, column: u16, row: u16) -> Vec<Effect> {
        let parts = self.regions();
        let at = Position::new(column, row);
        if parts.alerts.contains(at) {
            let line = usize::from(row - parts.alerts.y);
            let chosen =
                line.checked_sub(1).and_then(|line| self.open_alerts().get(line).map(|it| it.alert_id.to_string()));
            self.open(Screen::Alerts, chosen);
            return Vec::new();
        }
        if !parts.rows.contains(at) {
            return Vec::new();
        }
        let first = self.places.last().map(|place| place.first).unwrap_or_default();
        let clicked = self.listed().get(first + usize::from(row - parts.rows.y)).cloned();
        let Some(clicked) = clicked else { return Vec::new() };
        if self.places.last().is_some_and(|place| place.chosen.as_ref() == Some(&clicked)) {
            return self.enter();
        }
        if let Some(place) = self.places.last_mut() {
            place.chosen = Some(clicked);
        }
        Vec::new()
    }
}

fn key(screen: &Screen) -> String {
    format!("{screen:?}")
}
