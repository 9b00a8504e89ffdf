//! Hellos and ACKs: who counts as a group of this zone (Z3, Z4). Discovery locates; this list admits.

use rollcall_model::packet::{Ack, Channel, Packet, ROSTER_PART, Roster, RosterMember, ZoneSubscriber};
use rollcall_model::wire::txt::Hello;
use rollcall_model::{Capability, GroupId, InstanceId, Name, Now, Principal, name, route};
use rollcall_store::{Change, GroupKind, GroupRecord};

use super::ignored::note;
use super::{Effect, Zone};

/// Which group controllers may join, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Names; a trailing `*` stands for any rest.
    pub groups: Vec<String>,
}

impl Admission {
    /// Whether a group of this name is admitted.
    #[must_use]
    pub fn admits(&self, group: &Name) -> bool {
        self.groups.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => group.as_str().starts_with(prefix),
            None => pattern == group.as_str(),
        })
    }
}

impl Zone {
    /// An ACK over DNS-SD. Anybody can announce one: where certificates are required it counts as heard, and the group is
    /// a member once it says the same over the broker, under its own name.
    pub(super) fn on_ack_heard(&mut self, now: Now, ack: &Ack, effects: &mut Vec<Effect>) {
        if !self.settings.trust.required || self.judge(now, ack).is_err() || ack.zone != self.settings.zone {
            self.on_ack(now, ack, effects);
        }
    }

    pub(super) fn on_ack(&mut self, now: Now, ack: &Ack, effects: &mut Vec<Effect>) {
        if ack.zone != self.settings.zone {
            // Another zone's business (Z4): counted, never an event.
            self.count("ack", "other_zone");
            return;
        }
        if let Err((reason, message)) = self.judge(now, ack) {
            let who = ack.name.to_string();
            self.ignore(now, "ack", reason, &who, &message, effects);
            return;
        }
        self.join_group(now, ack, effects);
    }

    fn judge(&self, now: Now, ack: &Ack) -> Result<(), (&'static str, String)> {
        let Ack { name, group, .. } = ack;
        if !self.settings.admission.admits(name) {
            let why =
                format!("group controller {name:?} is not among the admitted groups of this zone's configuration");
            return Err(("stranger", why));
        }
        let principal = Principal::Group(*group);
        if self.enrolment.is_revoked(&principal) {
            return Err(("revoked", format!("group controller {name:?} was revoked")));
        }
        if self.settings.trust.required && !self.enrolment.has_certificate(&principal, now.wall) {
            return Err(("not_enrolled", format!("group controller {name:?} has no certificate of this zone")));
        }
        if ack.generation != self.generation {
            let why = format!("it answers generation {}, this is generation {}", ack.generation, self.generation);
            return Err(("wrong_generation", why));
        }
        if let Some(known) = self.groups.get(group)
            && known.name != *name
        {
            let why = format!(
                "group id {group} belongs to {:?} already; give {name:?} an id of its own (group_id = \"random\")",
                known.name
            );
            return Err(("group_id_taken", why));
        }
        let namesake =
            self.groups.values().find(|g| g.kind == GroupKind::Physical && g.name == *name && g.group != *group);
        if let Some(known) = namesake {
            let why = format!(
                "the name {name:?} belongs to group {}; restore the group controller's state directory or rename it",
                known.group
            );
            return Err(("name_taken", why));
        }
        Ok(())
    }

    fn join_group(&mut self, now: Now, ack: &Ack, effects: &mut Vec<Effect>) {
        let known = self.groups.get(&ack.group);
        let told = known.map(|group| (&group.name, group.place.as_ref(), &group.addresses));
        if told != Some((&ack.name, Some(&ack.place), &ack.addresses)) {
            // Check-in services know where the group controllers are (C7).
            self.table_version += 1;
        }
        let session = match known {
            // The same run asks again: the answer was lost, or the zone restarted. Nothing new to save.
            Some(group) if group.instance == Some(ack.instance) => group.session,
            _ => {
                let session = known.map_or(0, |group| group.session) + 1;
                effects.push(Effect::Save(Change::GroupJoined {
                    group: ack.group,
                    name: ack.name.clone(),
                    place: ack.place.clone(),
                    addresses: ack.addresses.clone(),
                    instance: ack.instance,
                    session,
                    channels: self.channels(ack.group),
                    at: now.wall,
                }));
                session
            }
        };
        self.groups.insert(
            ack.group,
            GroupRecord {
                group: ack.group,
                kind: GroupKind::Physical,
                name: ack.name.clone(),
                place: Some(ack.place.clone()),
                capability: None,
                session,
                instance: Some(ack.instance),
                rule: None,
                addresses: ack.addresses.clone(),
            },
        );
        tracing::info!(target: "rollcall::step", step = "group_joined", group = %ack.name, session, "group {} joined", ack.name);
        self.tell_roster(now, ack.group, (ack.instance, session), effects);
        self.policy_to_group(now, ack.group, effects);
        self.place_checkins(now, ack.group, effects);
    }

    /// The answer to an ACK: the membership, and everybody who stands in the group.
    pub(super) fn tell_roster(
        &mut self,
        now: Now,
        group: GroupId,
        (instance, session): (InstanceId, u32),
        effects: &mut Vec<Effect>,
    ) {
        let inbox = route::group_inbox(group);
        let members = self.roster(group);
        let subscriber = Packet::ZoneSubscriber(self.subscriber(group, instance, session));
        effects.push(self.tell(now, inbox.clone(), subscriber));
        for (part, members) in (0..).zip(members.chunks(ROSTER_PART)) {
            let roster = Roster { group, session, part, members: members.to_vec() };
            effects.push(self.tell(now, inbox.clone(), Packet::Roster(roster)));
        }
    }

    fn subscriber(&self, group: GroupId, instance: InstanceId, session: u32) -> ZoneSubscriber {
        let parts = self.members_of(group).div_ceil(ROSTER_PART);
        ZoneSubscriber {
            zone: self.settings.zone,
            zone_name: self.settings.name.clone(),
            generation: self.generation,
            group,
            instance,
            session,
            channels: self.channels(group),
            keep_alive: self.settings.keep_alive,
            roster_parts: u32::try_from(parts).unwrap_or(u32::MAX),
            status_exchanges: true,
        }
    }

    /// How many nodes stand in a group.
    pub(super) fn members_of(&self, group: GroupId) -> usize {
        self.members.get(&group).map_or(0, std::collections::BTreeSet::len)
    }

    /// A message of a membership that is over. Either its sender is gone, or the ACK of a former run came late and took
    /// the membership of the living one: told whose it is, that one asks again.
    pub(super) fn refuse_stale(&mut self, now: Now, source: &str, group: GroupId, effects: &mut Vec<Effect>) {
        self.count(source, "stale_session");
        if let Some((instance, session)) = self.membership(group) {
            let subscriber = Packet::ZoneSubscriber(self.subscriber(group, instance, session));
            effects.push(self.tell(now, route::group_inbox(group), subscriber));
        }
    }

    /// Whose a group's present membership is, and its number.
    pub(super) fn membership(&self, group: GroupId) -> Option<(InstanceId, u32)> {
        self.groups.get(&group).and_then(|known| Some((known.instance?, known.session)))
    }

    fn roster(&self, group: GroupId) -> Vec<RosterMember> {
        let members = self.members.get(&group).into_iter().flatten().filter_map(|node| self.nodes.get(node));
        members
            .map(|node| RosterMember {
                node: node.node,
                name: node.name.clone(),
                epoch: node.epoch,
                state: node.state,
                health: node.health,
                capability_digest: node.capability.as_ref().map(Capability::short_digest),
            })
            .collect()
    }

    /// A group's channels (Z6): where each is, its queue and its key.
    pub(super) fn channels(&self, group: GroupId) -> Vec<Channel> {
        self.settings
            .channels
            .iter()
            .map(|purpose| {
                let downwards = purpose.as_str() == name::POLICIES;
                Channel {
                    purpose: purpose.clone(),
                    address: self.settings.broker.host.clone(),
                    port: self.settings.broker.port,
                    exchange: if downwards { route::DIRECT.into() } else { route::ZONE.into() },
                    queue: if downwards { route::group_inbox(group) } else { route::zone_queue(purpose) },
                    key: if downwards { route::group_inbox(group) } else { route::zone_key(purpose.as_str(), group) },
                }
            })
            .collect()
    }

    pub(super) fn on_hello(&mut self, now: Now, hello: &Hello, effects: &mut Vec<Effect>) {
        let addresses = hello.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if hello.zone == self.settings.zone {
            if hello.generation > self.generation {
                let why = format!(
                    "another controller at {addresses} announces this zone with generation {}, ours is {}: \
                     two controllers run with one secret; stop one",
                    hello.generation, self.generation
                );
                self.ignore(now, "hello", "rival_controller", hello.name.as_str(), &why, effects);
            }
            return;
        }
        let seen = format!("{} at {addresses}", hello.name);
        if self.overview.neighbours.insert(hello.zone, seen).is_some() {
            return;
        }
        if hello.name == self.settings.name {
            let why = format!(
                "zone {} at {addresses} has the name {:?} too: rename one. Who is in stays where it is, but who \
                 starts joins whichever it hears first",
                hello.zone, hello.name
            );
            self.ignore(now, "hello", "same_name", hello.name.as_str(), &why, effects);
        } else {
            let message = format!("zone {:?} ({}) is on this network too, at {addresses}", hello.name, hello.zone);
            effects.push(note(now.wall, "neighbour", hello.name.as_str(), message));
        }
    }
}
