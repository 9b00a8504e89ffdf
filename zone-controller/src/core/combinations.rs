//! Combinations of hardware nobody foresaw (C5): made into groups, held until somebody decides, or refused.

use std::collections::BTreeMap;

use rollcall_model::packet::JoinRequest;
use rollcall_model::policy::UnknownCombinations;
use rollcall_model::{Capability, Name, Now};
use rollcall_store::{Change, HeldRecord};
use serde_json::{Value, json};

use super::{Effect, Rejection, Zone};

/// Most combinations that wait at a time: somebody who makes up hardware fills no table.
const MOST_HELD: usize = 1_000;

/// The combinations that wait for a decision, or were denied.
#[derive(Debug, Default)]
pub(super) struct Combinations {
    /// Whether it was denied; it waits otherwise.
    denied: BTreeMap<Capability, bool>,
}

impl Combinations {
    /// As they were saved.
    pub(super) fn new(saved: Vec<HeldRecord>) -> Self {
        Self { denied: saved.into_iter().map(|held| (held.capability, held.denied)).collect() }
    }
}

impl Zone {
    /// What becomes of a combination nobody foresaw: the policy's word, else the configuration's.
    pub(super) fn unknown_combinations(&self) -> UnknownCombinations {
        let configured = match self.settings.table.create_unknown {
            true => UnknownCombinations::Create,
            false => UnknownCombinations::Refuse,
        };
        self.policies.unknown_combinations().unwrap_or(configured)
    }

    /// Whether nodes of a combination may join.
    ///
    /// # Errors
    /// A word to count by and a text for people.
    pub(super) fn judge_combination(
        &mut self,
        now: Now,
        request: &JoinRequest,
        effects: &mut Vec<Effect>,
    ) -> Result<(), (&'static str, String)> {
        let capability = &request.capability;
        if self.groups.contains_key(&capability.group_id()) {
            return Ok(());
        }
        if self.combinations.denied.get(capability) == Some(&true) {
            return Err(("denied", format!("nodes of {capability} were denied to join this zone")));
        }
        match self.unknown_combinations() {
            UnknownCombinations::Create => Ok(()),
            UnknownCombinations::Refuse => Err((
                "unknown_combination",
                format!("no logical group exists for {capability}, and this zone makes none of its own accord"),
            )),
            UnknownCombinations::Hold => Err(("held", self.hold(now, request, effects))),
        }
    }

    fn hold(&mut self, now: Now, request: &JoinRequest, effects: &mut Vec<Effect>) -> String {
        let capability = &request.capability;
        if !self.combinations.denied.contains_key(capability) {
            if self.combinations.denied.len() >= MOST_HELD {
                return format!("{MOST_HELD} combinations wait for approval already; decide on some first");
            }
            self.combinations.denied.insert(capability.clone(), false);
            effects.push(Effect::Save(Change::CombinationHeld {
                capability: capability.clone(),
                node: request.subscription.identifier.node,
                name: request.subscription.name.clone(),
                at: now.wall,
            }));
            tracing::info!(%capability, node = %request.subscription.name, "a combination waits for approval");
        }
        format!("no logical group exists for {capability}; it waits for somebody to approve it")
    }

    /// Lets the nodes of a combination join, or denies it. What was denied can be approved later.
    ///
    /// # Errors
    /// When nobody of this combination has asked, it has its group already, or the name is taken. Nothing is changed.
    pub(super) fn decide_combination(
        &mut self,
        now: Now,
        capability: &Capability,
        approve: bool,
        name: Option<Name>,
        by: String,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        if let Some(group) = self.groups.get(&capability.group_id()) {
            return Err(Rejection::conflict(format!("{capability} has its group already: {}", group.name)));
        }
        if !self.combinations.denied.contains_key(capability) {
            let message =
                format!("no node of {capability} has asked to join; `rollcall combinations` lists those that wait");
            return Err(Rejection::missing(message));
        }
        let name = name.unwrap_or_else(|| capability.group_name());
        if approve && self.groups.values().any(|group| group.name == name) {
            return Err(Rejection::conflict(format!("another group is named {name}; give this one another name")));
        }
        effects.push(Effect::Save(Change::CombinationDecided {
            capability: capability.clone(),
            approved: approve,
            by,
            at: now.wall,
        }));
        if !approve {
            self.combinations.denied.insert(capability.clone(), true);
            return Ok(json!({ "capability": capability, "approved": false }));
        }
        self.combinations.denied.remove(capability);
        let (group, name) = self.create_logical_group(now, capability, name, "approval", effects);
        Ok(json!({ "capability": capability, "approved": true, "group_id": group, "name": name }))
    }
}
