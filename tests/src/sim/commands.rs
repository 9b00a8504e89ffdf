//! What people ask the zone to do while everything goes on: policies, groups by rule, actions.

use rollcall_model::indicator::INDICATORS;
use rollcall_model::packet::Action;
use rollcall_model::{Millis, Name};
use rollcall_store::GroupKind;
use rollcall_zone_controller::core::{By, Command};

use super::SETTLED;
use super::process::Role;
use super::speech;
use super::truth::MEASURED;
use super::world::{Happening, World};

/// The bit that [`RULE`] looks at.
pub(super) const RULE_BIT: usize = 0;
/// A group by rule follows this bit.
pub(super) const RULE_GROUP: &str = "warm";
/// People have done with commands here: what they caused has time to settle.
const LAST_COMMAND: u64 = SETTLED + 5_000;

/// What was asked so far.
#[derive(Debug, Default)]
pub(super) struct Commands {
    count: u64,
}

/// A policy; each differs from the one before.
fn policy(number: u64) -> String {
    let mut text = format!(
        "[settings]\nmetrics_period_ms = {}\n[actions]\nallowed = [\"identify\"]\n[analytics]\nperiod_ms = 5000\n",
        5_000 + number
    );
    if !number.is_multiple_of(4) {
        text += speech::POLICY;
    }
    // Readings here are taken once a second: a bit that must dwell would follow late.
    for indicator in &INDICATORS[..MEASURED] {
        text += &format!("[settings.indicators.{}]\ndwell_ms = 0\n", indicator.name);
    }
    text
}

impl World {
    /// Somebody asks for something, and will again.
    pub(super) fn somebody_commands(&mut self) {
        let now = self.now();
        if now > LAST_COMMAND {
            return;
        }
        let next = self.chance.between(500, 8_000).min(if now < SETTLED { SETTLED + 1_000 - now } else { u64::MAX });
        self.soon(next, Happening::Command);
        self.commands.count += 1;
        let (request, by) = (self.commands.count, By::from("somebody"));
        // The last things asked are a policy and a group, so that rest finds both.
        let command = match if now >= SETTLED { request % 3 } else { self.chance.below(6) as u64 } {
            0 => Command::SetPolicy { document: policy(request), comment: String::new(), by, dry_run: false },
            1 => Command::SetRuleGroup {
                name: Name::nearest(RULE_GROUP, "x"),
                kind: GroupKind::Health,
                rule: format!("health.{}", INDICATORS[RULE_BIT].name),
                enter_dwell: Millis(0),
                leave_dwell: Millis(0),
                by,
            },
            _ => {
                let number = self.chance.below(self.scene.nodes);
                let node = self.nodes[number].name.to_string();
                let action = Action::Identify { seconds: 1 };
                Command::OrderAction { node, action, deadline: Millis(8_000), by }
            }
        };
        let pid = self.zone_pid();
        if self.processes[pid].is_running() && now >= self.processes[pid].paused_until && self.acts(pid).is_ok() {
            self.note("somebody", format_args!("asks for {command:?}"));
            self.zone_command(pid, request, command);
        }
    }

    /// Every node takes its readings.
    pub(super) fn all_sample(&mut self) {
        self.soon(1_000, Happening::Samples);
        for number in 0..self.scene.nodes {
            let pid = self.scene.pid(Role::Node(number));
            if self.now() >= self.processes[pid].paused_until {
                self.samples(number);
                self.measures(number);
            }
        }
    }
}
