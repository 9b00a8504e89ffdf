//! How the group becomes, and stays, a member of its zone: hello, ACK, zone subscriber packet, roster (G2).

use rollcall_model::packet::{Ack, HelloRequest, Packet, Roster as RosterPacket, ZoneSubscriber};
use rollcall_model::wire::txt::Hello;
use rollcall_model::{Millis, Now, Tick, ZoneId, route};

use super::presence::Arrivals;
use super::{ACK_RETRY, ACK_RETRY_MOST, Effect, Group, RECONNECT_GRACE, Roster, Token};

impl Group {
    pub(super) fn on_link_up(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.linked, true) {
            self.ack_pause = ACK_RETRY;
            self.arrivals.reset();
        }
        self.excuse_all(now.tick, RECONNECT_GRACE);
        self.availability_held_up(now.tick);
        if self.zone.is_some() {
            self.send_ack_over_broker(now, effects);
        } else {
            let request = Packet::HelloRequest(HelloRequest { name: self.settings.name.clone() });
            let request = self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), request);
            effects.push(Effect::Publish(Token::None, request));
            self.next_ack = Some(now.tick + ACK_RETRY);
        }
    }

    pub(super) fn on_hello(&mut self, now: Now, hello: &Hello, effects: &mut Vec<Effect>) {
        if hello.name != self.settings.zone_name {
            return;
        }
        match self.zone {
            // Two zones with one name: the first stays; nobody moves (Z4).
            Some((zone, _)) if hello.zone != zone => {
                if !self.refused.contains_key("namesake_zone") {
                    tracing::warn!(
                        "zone {} has the name {:?} of our zone {zone} too: rename one",
                        hello.zone,
                        hello.name
                    );
                }
                return self.refuse("namesake_zone");
            }
            // Generations never go back: an older hello is a leftover or a replay.
            Some((_, known)) if hello.generation < known => return self.refuse("old_hello"),
            Some((_, known)) if hello.generation == known && self.subscription.is_some() => return,
            // The same word over both ways: the ACK is under way already.
            Some((_, known)) if hello.generation == known && self.settings.certified && self.next_ack.is_some() => {
                return;
            }
            _ => {}
        }
        // Not older than what is known, as was just seen.
        let _ = self.fence.heard(hello.zone, hello.generation);
        self.zone = Some((hello.zone, hello.generation));
        self.ack_pause = ACK_RETRY;
        self.arrivals.reset();
        effects.push(Effect::Announce(self.ack(hello.zone, hello.generation)));
        // If the announcement is not heard (no multicast here), the broker carries the ACK a little later.
        self.next_ack = Some(if self.settings.certified { now.tick } else { now.tick + ACK_RETRY });
    }

    fn ack(&self, zone: ZoneId, generation: u64) -> Ack {
        Ack {
            zone,
            generation,
            group: self.settings.group,
            name: self.settings.name.clone(),
            place: self.settings.place.clone(),
            addresses: self.settings.addresses.clone(),
            instance: self.settings.instance,
        }
    }

    pub(super) fn send_ack_over_broker(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.next_ack = Some(now.tick + self.ack_pause);
        self.ack_pause = Millis((self.ack_pause.0 * 2).min(ACK_RETRY_MOST.0));
        if let Some((zone, generation)) = self.zone {
            let ack = Packet::Ack(self.ack(zone, generation));
            let ack = self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), ack);
            effects.push(Effect::Publish(Token::None, ack));
        }
    }

    pub(super) fn on_subscriber(&mut self, now: Now, subscriber: ZoneSubscriber, effects: &mut Vec<Effect>) {
        let known = self.subscription.as_ref().map(|known| known.session);
        if subscriber.instance != self.settings.instance || subscriber.group != self.settings.group {
            if subscriber.group == self.settings.group && known.is_some_and(|known| subscriber.session > known) {
                // The ACK of a former run came late and took our membership. We hold the inbox, so we are the living one.
                self.next_ack = Some(now.tick);
                self.taken_late = Some(subscriber.session);
            }
            return self.refuse("for_another_run");
        }
        if self.zone.is_some_and(|(zone, known)| subscriber.zone != zone || subscriber.generation < known) {
            return self.refuse("old_hello");
        }
        if known.is_some_and(|known| subscriber.session < known) {
            return self.refuse("old_session");
        }
        // Nobody waits for this one. Either it is a late repetition, of a roster that is not so any more, or the zone
        // found that its roster is not ours: the answer to a new ACK is of now.
        let answered = self.zone == Some((subscriber.zone, subscriber.generation)) && self.next_ack.is_none();
        if known == Some(subscriber.session) && answered {
            self.next_ack = Some(now.tick + ACK_RETRY);
            return self.refuse("repeated");
        }
        self.zone = Some((subscriber.zone, subscriber.generation));
        let is_new = known != Some(subscriber.session);
        if is_new {
            if known.is_some_and(|known| self.was_away(known, subscriber.session)) {
                tracing::info!("another controller of this group served meanwhile: what the zone has saved counts");
                self.roster = Roster::default();
                self.arrivals = Arrivals::default();
                self.match_availability(now.tick);
            }
            self.begin_session(now.tick);
            tracing::info!(target: "rollcall::step", step = "subscribed", group = %self.settings.name,
                session = subscriber.session, "{} is subscribed to zone {}", self.settings.name, subscriber.zone_name);
        }
        self.subscription = Some(subscriber);
        self.roster_parts.clear();
        self.named.clear();
        if is_new {
            self.tell_checkins_again(now, effects);
        }
        self.rest_if_complete(now);
    }

    /// Whether another controller of this group had the membership and the inbox between two of ours. A former run's late ACK takes the
    /// membership alone, and the answer to it comes to our inbox.
    fn was_away(&self, known: u32, session: u32) -> bool {
        let between = session.saturating_sub(1);
        between > known && self.taken_late != Some(between)
    }

    fn begin_session(&mut self, now: Tick) {
        self.number = 0;
        self.inflight = None;
        self.dark.told = None;
        self.parcels.drop_session();
        self.policy.begin_session();
        self.excuse_all(now, RECONNECT_GRACE);
    }

    /// The ACK is repeated until the whole roster has come: a node that died unseen must not stay alive in the store.
    /// Then whoever is not in it stands elsewhere by now.
    fn rest_if_complete(&mut self, now: Now) {
        let wanted = self.subscription.as_ref().map_or(0, |known| known.roster_parts as usize);
        if self.roster_parts.len() < wanted {
            self.next_ack = Some(now.tick + ACK_RETRY);
            return;
        }
        (self.next_ack, self.ack_pause) = (None, ACK_RETRY);
        self.roster.keep(now.tick, &self.named);
        self.match_availability(now.tick);
    }

    pub(super) fn on_roster(&mut self, now: Now, saved: RosterPacket) {
        let Some(wanted) = self.subscription.as_ref().filter(|known| known.session == saved.session) else {
            return self.refuse("old_session");
        };
        // One that nobody waits for says only what is older than what is known.
        let is_awaited = self.next_ack.is_some() && saved.part < wanted.roster_parts;
        if !is_awaited || !self.roster_parts.insert(saved.part) {
            return self.refuse("repeated");
        }
        for member in saved.members {
            let node = member.node;
            self.named.insert(node);
            let (epoch, digest) = (member.epoch, member.capability_digest);
            self.roster.adopt(now, member);
            self.expect(node, epoch, digest);
            // What the zone has saved of a node it was told before.
            if let Some(member) = self.roster.get(node) {
                self.power.adopt(node, member.health.bits());
            }
            self.policy.welcome(now.tick, node);
        }
        self.rest_if_complete(now);
    }
}
