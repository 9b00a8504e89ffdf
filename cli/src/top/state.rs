//! What is shown and chosen, and what becomes of it: a state takes an event and says what has to be done. No clock, no
//! terminal, no zone.

mod lists;
mod moving;

use std::collections::BTreeMap;

use jiff::Timestamp;
use ratatui::layout::Rect;
use serde_json::Value;

use super::fleet::{Fleet, Loaded, Stale};
use super::input::Input;
use crate::ask::answer::{Alert, NodeDetail, NodeReadings, Status};

/// The longest filter.
const LONGEST_FILTER: usize = 60;

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// The racks, with the alerts below.
    #[default]
    Racks,
    /// The nodes of a rack, by its id.
    Rack(String),
    /// A node, by its id.
    Node(String),
    /// The alerts.
    Alerts,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The worst first.
    #[default]
    Worst,
    /// By name.
    Name,
    /// The latest change first; of racks, the largest.
    Latest,
    /// The busiest rack first; of nodes, most bits set.
    Most,
}

/// A screen, and where one is on it.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Which.
    pub screen: Screen,
    /// What is chosen, by its id: it stays chosen where it moves to.
    pub chosen: Option<String>,
    /// The first row that is seen.
    pub first: usize,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody did something.
    Input(Input),
    /// The terminal has this size.
    Size(u16, u16),
    /// It is so late.
    Time(Timestamp),
    /// The whole begins to be loaded.
    Loading,
    /// The whole was loaded.
    Loaded(Box<Loaded>),
    /// The zone at a glance.
    Status(Box<Status>),
    /// What is open.
    Alerts(Vec<Alert>),
    /// A node, and what it measures where it answers.
    Node(Box<NodeDetail>, Option<Box<NodeReadings>>),
    /// Events of the zone.
    Happened(Vec<Value>),
    /// Something happened that is not told.
    Missed,
    /// The zone does not answer, and why.
    Lost(String),
    /// It answers again.
    Back,
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Load the whole.
    LoadFleet,
    /// Load the alerts.
    LoadAlerts,
    /// Load a node.
    LoadNode(String),
    /// End.
    Quit,
}

/// What is shown.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The zone.
    pub fleet: Fleet,
    /// The screens one came by, the last is seen.
    pub places: Vec<Place>,
    /// What is in the names of everything that is shown.
    pub filter: String,
    /// Whether it is being written.
    pub is_filtering: bool,
    /// What lists are sorted by.
    pub sort: Sort,
    /// Whether the keys are explained.
    pub is_helping: bool,
    /// Why the zone cannot be heard.
    pub lost: Option<String>,
    /// Size of the terminal.
    pub area: Rect,
    /// The present, by the zone's clock.
    pub now: Timestamp,
    /// The node that is looked at.
    pub node: Option<Box<NodeDetail>>,
    /// What it measures; nothing where it does not answer.
    pub readings: Option<Box<NodeReadings>>,
    /// Where one was on screens one left, by what they are of.
    left: BTreeMap<String, Option<String>>,
}

impl State {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(filter: &str) -> Self {
        Self {
            filter: filter.chars().take(LONGEST_FILTER).collect(),
            places: vec![Place::default()],
            area: Rect::new(0, 0, 80, 24),
            ..Self::default()
        }
    }

    /// The screen that is seen.
    #[must_use]
    pub fn screen(&self) -> &Screen {
        const RACKS: &Screen = &Screen::Racks;
        self.places.last().map_or(RACKS, |place| &place.screen)
    }

    /// Takes the whole.
    pub fn take(&mut self, loaded: Loaded) {
        self.now = loaded.now;
        self.fleet.load(loaded);
        self.settle();
    }

    /// What becomes of an event.
    pub fn step(&mut self, event: Event) -> Vec<Effect> {
        let effects = match event {
            Event::Input(input) => self.input(input),
            Event::Size(width, height) => {
                self.area = Rect::new(0, 0, width, height);
                Vec::new()
            }
            Event::Time(now) => {
                self.now = now;
                self.fleet.rates.age(now);
                Vec::new()
            }
            Event::Loading => {
                self.fleet.loading();
                Vec::new()
            }
            Event::Loaded(loaded) => {
                self.fleet.load(*loaded);
                Vec::new()
            }
            Event::Status(status) => {
                self.fleet.status(&status, self.now);
                self.reading()
            }
            Event::Alerts(alerts) => {
                self.fleet.alerts(alerts);
                Vec::new()
            }
            Event::Node(detail, readings) => {
                if matches!(self.screen(), Screen::Node(id) if *id == detail.node.node_id) {
                    (self.node, self.readings) = (Some(detail), readings);
                }
                Vec::new()
            }
            Event::Happened(rows) => self.happened(&rows),
            Event::Missed => vec![Effect::LoadFleet],
            Event::Lost(why) => {
                self.lost = Some(why);
                Vec::new()
            }
            Event::Back => match self.lost.take() {
                Some(_) => vec![Effect::LoadFleet],
                None => Vec::new(),
            },
        };
        self.settle();
        effects
    }

    fn happened(&mut self, rows: &[Value]) -> Vec<Effect> {
        let Stale { fleet, alerts } = self.fleet.happened(rows, self.now);
        let mut effects = match (fleet, alerts) {
            (true, _) => vec![Effect::LoadFleet],
            (false, true) => vec![Effect::LoadAlerts],
            (false, false) => Vec::new(),
        };
        let looked_at = |row: &Value| matches!(self.screen(), Screen::Node(id) if row["subject_id"] == id.as_str());
        if rows.iter().any(looked_at) {
            effects.extend(self.reading());
        }
        effects
    }

    /// A node that is looked at is asked again and again what it measures.
    fn reading(&self) -> Vec<Effect> {
        match self.screen() {
            Screen::Node(id) => vec![Effect::LoadNode(id.clone())],
            _ => Vec::new(),
        }
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        if input == Input::Interrupt {
            return vec![Effect::Quit];
        }
        if self.is_helping {
            self.is_helping = false;
            return Vec::new();
        }
        if self.is_filtering && self.filtering(input) {
            return Vec::new();
        }
        match input {
            Input::Char('q') => return vec![Effect::Quit],
            Input::Char('?' | 'h') => self.is_helping = true,
            Input::Char('/') => self.is_filtering = true,
            Input::Char('s') => self.sort = self.sort.next(),
            Input::Char('a') => self.open(Screen::Alerts, None),
            Input::Char('r') => return vec![Effect::LoadFleet],
            Input::Tab if *self.screen() == Screen::Alerts => self.back(),
            Input::Tab => self.open(Screen::Alerts, None),
            Input::Escape if self.places.len() == 1 => self.filter.clear(),
            Input::Escape => self.back(),
            Input::Enter => return self.enter(),
            Input::Click(column, row) => return self.click(column, row),
            other => self.moved(other),
        }
        Vec::new()
    }

    /// Whether the input belongs to the filter.
    fn filtering(&mut self, input: Input) -> bool {
        match input {
            Input::Char(letter) if self.filter.chars().count() < LONGEST_FILTER => self.filter.push(letter),
            Input::Char(_) => {}
            Input::Backspace => drop(self.filter.pop()),
            Input::Enter | Input::Tab => self.is_filtering = false,
            Input::Escape => {
                self.filter.clear();
                self.is_filtering = false;
            }
            _ => return false,
        }
        true
    }
}

impl Sort {
    const fn next(self) -> Self {
        match self {
            Self::Worst => Self::Name,
            Self::Name => Self::Latest,
            Self::Latest => Self::Most,
            Self::Most => Self::Worst,
        }
    }

    /// What it is called on a screen.
    #[must_use]
    pub const fn as_str(self, of_nodes: bool) -> &'static str {
        match (self, of_nodes) {
            (Self::Worst, _) => "worst first",
            (Self::Name, _) => "by name",
            (Self::Latest, true) => "latest change first",
            (Self::Latest, false) => "largest first",
            (Self::Most, true) => "most bits first",
            (Self::Most, false) => "busiest first",
        }
    }
}
