//! Status packets, closed connections, and the judgement of silence (design §3.6).

use rollcall_model::indicator::DICTIONARY_VERSION;
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::{Millis, NodeId, NodeState, Now, Tick};

use super::liveness::{self, HELD, JOINING_SPAN, Verdict, Voice};
use super::roster::Taken;
use super::{Effect, Group, JUDGE_PERIOD, RECONNECT_GRACE, STALL, Token};

/// Most nodes that are asked whether they are there in one judgement. Where thousands are late the broker is, and questions to all of
/// them would keep it so; their silence tells of the others.
const MOST_ASKED: usize = 32;
/// How often what nobody waits for any more is forgotten.
const SWEEP_PERIOD: Millis = Millis(10_000);

/// What was seen of everybody at one moment.
#[derive(Debug, Default)]
struct Look {
    /// What is to be said against whom, in the order of nodes.
    verdicts: Vec<(NodeId, NodeState, Verdict)>,
    watched: usize,
    silent: usize,
    /// Without one the rack does not go dark, nor stay so.
    is_one_lost: bool,
    /// Against whom something could be said, were the way to the broker known to work.
    in_doubt: Option<NodeId>,
    /// One that is suspect for its silence: as long as there is one, the way is proven again and again.
    is_late: Option<NodeId>,
    /// Nothing can be said against the others before.
    quiet_until: Tick,
}

/// What a node in doubt is asked.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// To say something; and whether it has an inbox.
    SignOfLife,
    /// To call, and to doubt its assignment.
    WhereAreYou,
}

impl Group {
    pub(super) fn on_status(&mut self, now: Now, status: &NodeStatus, effects: &mut Vec<Effect>) {
        self.statuses += 1;
        if status.dictionary != DICTIONARY_VERSION {
            // Its bits mean something else: neither health nor a sign of life that could be shown.
            return self.refuse("other_dictionary");
        }
        if !self.passes(now, status, effects) {
            return;
        }
        match self.roster.hear(now, status) {
            Taken::Same => self.hear_riding(now, status, effects),
            Taken::Changed => {
                self.see_power(now, status.node);
                self.hear_riding(now, status, effects);
            }
            // Its epoch was overtaken by a former run's join that came late: asked, it checks in again.
            Taken::Refused("old_epoch") => self.ask(now, status.node, "old_epoch", effects),
            Taken::Refused(reason) => self.refuse(reason),
            Taken::Stranger => {
                if self.subscription.is_some() {
                    self.ask(now, status.node, "unknown_node", effects);
                }
            }
        }
    }

    /// A paused observer has no right to blame: everybody's silence counts from now.
    pub(super) fn notice_stall(&mut self, now: Tick) {
        if let Some(last) = self.last_step
            && now.since(last) > STALL
        {
            tracing::info!(ms = now.since(last).0, "this controller was paused: every node gets its full span again");
            self.excuse_all(now, Millis(0));
            self.availability_held_up(now);
        }
        self.last_step = Some(now);
    }

    /// Nobody's silence up to now counts, nor that a connection closed.
    pub(super) fn excuse_all(&mut self, now: Tick, grace: Millis) {
        self.floor = self.floor.raised(now, grace);
        self.roster.forget_closed();
    }

    /// The broker says that a connection closed. That may be a former one: the word of it takes longer on a busy broker than
    /// the node to come back and say something. Its inbox is asked for, which only the connection it has now can hold.
    pub(super) fn on_told_closed(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        if self.on_connection_closed(now, node) {
            if self.roster.get(node).is_some_and(|member| member.voice.closed_of_itself()) {
                self.burst.add(now.tick, node);
            }
            effects.push(self.request_sign_of_life(now, node, Token::Return(node)));
        }
    }

    /// Of many who lost their connections together some are back: the others have time to come back. Whether somebody is, is asked.
    fn look_at_burst(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.burst.forget(now.tick);
        let mut excused = 0;
        for (node, until) in self.burst.excused(now.tick) {
            if let Some(member) = self.roster.get_mut(node)
                && member.voice.closed_of_itself()
                && !matches!(member.state, NodeState::Left | NodeState::Down)
            {
                excused += usize::from(member.voice.excuse(now.tick, until) && until > now.tick + HELD);
            }
        }
        if excused > 0 {
            let why = "others that lost theirs at the same time are back";
            tracing::warn!(nodes = excused, "whoever lost its connection a moment ago has time to come back: {why}");
        }
        for node in self.burst.due(now.tick, MOST_ASKED) {
            effects.push(self.request_sign_of_life(now, node, Token::Return(node)));
        }
    }

    /// Who was connected to that node of the broker comes back by another one, as after an outage of all of it. Whoever goes on speaking
    /// is judged by its silence as before.
    pub(super) fn on_broker_node_lost(&mut self, now: Now) {
        if now.tick.since(self.floor.set_at) > JUDGE_PERIOD {
            tracing::warn!(
                "a node of the broker is gone: whoever was connected to it has time to come back by another"
            );
        }
        self.excuse_all(now.tick, RECONNECT_GRACE);
    }

    /// The inbox of a node whose connection was said to have closed took a message: it is back, and is judged by its silence.
    pub(super) fn on_inbox_there(&mut self, node: NodeId) {
        self.burst.found(node);
        if let Some(member) = self.roster.get_mut(node) {
            member.voice.closed = None;
        }
    }

    /// Whether this is news. The word of a broker that was away itself counts only for nodes that are back since it is, until
    /// all others had time to come back as well.
    pub(super) fn on_connection_closed(&mut self, now: Now, node: NodeId) -> bool {
        let floor = self.floor;
        if let Some(member) = self.roster.get_mut(node)
            && (now.tick >= floor.until || floor.is_back(member.voice))
            && !matches!(member.state, NodeState::Left | NodeState::Down)
            && member.voice.closed.is_none()
        {
            member.voice.closed = Some(now.tick);
            self.roster.look_again();
            return true;
        }
        false
    }

    pub(super) fn on_tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.next_ack.is_some_and(|at| now.tick >= at) && self.linked {
            if self.zone.is_some() {
                self.send_ack_over_broker(now, effects);
            } else {
                self.on_link_up(now, effects);
            }
        }
        if self.linked {
            self.resend_parcels(now, effects);
            self.tick_policy(now, effects);
            if self.power.next_deadline().is_some_and(|at| now.tick >= at) {
                self.tell_power(now, effects);
            }
        }
        self.tick_checkins(now, effects);
        self.tick_availability(now, effects);
        if now.tick >= self.next_summary {
            self.summarise(now, effects);
        }
        if now.tick >= self.next_sweep {
            self.next_sweep = now.tick + SWEEP_PERIOD;
            self.asked.retain(|_, asked| now.tick.since(*asked) < Millis(60_000));
            self.arrivals.forget(now.tick, Millis(60_000));
            self.roster.sweep(now.tick, Millis(60_000));
        }
        if now.tick >= self.next_judgement {
            self.next_judgement = now.tick + JUDGE_PERIOD;
            if self.linked {
                self.judge(now, effects);
            }
        }
    }

    /// Judges everybody's silence; first whether it is theirs at all.
    fn judge(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.look_at_burst(now, effects);
        if !self.dark.is && self.roster.is_quiet(now.tick) {
            return;
        }
        let Look { mut verdicts, watched, silent, is_one_lost, in_doubt, is_late, quiet_until } = self.look(now.tick);
        if let Some(node) = in_doubt.or_else(|| is_late.filter(|_| self.proof.ages(now.tick)))
            && self.proof.asks(now.tick)
        {
            effects.push(self.request_sign_of_life(now, node, Token::Probe(node)));
        }
        let dark = is_one_lost && liveness::is_dark(silent, watched);
        if dark != self.dark.is {
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            self.dark.is = dark;
            self.dark.since = (now.wall, count(silent), count(watched));
            if !dark {
                // Some are back, and the others on their way.
                return self.excuse_all(now.tick, RECONNECT_GRACE);
            }
        }
        self.patience = self.patience.seen(now.tick, silent, watched);
        if !dark && !self.patience.is_usual() {
            verdicts = self.with_patience(now.tick, verdicts);
        } else if verdicts.is_empty() {
            self.roster.set_quiet(quiet_until);
        }
        self.conclude(now, verdicts, effects);
    }

    /// Looks at everybody who is watched.
    fn look(&self, now: Tick) -> Look {
        let mut look = Look { quiet_until: now + JOINING_SPAN, ..Look::default() };
        for (node, member) in self.roster.iter() {
            if matches!(member.state, NodeState::Left | NodeState::Down) {
                continue;
            }
            look.watched += 1;
            let verdict = liveness::judge(self.counts_until(now, member.voice), self.floor, member.voice);
            if verdict != liveness::judge(now, self.floor, member.voice) {
                // The least: the roster has no order, and the same history has to ask the same node.
                look.in_doubt = Some(look.in_doubt.map_or(node, |known| known.min(node)));
            }
            // Who is unknown stays so until it is heard: that this controller stood still, or was away, brings nobody back. Who fell
            // silent first and was closed by the broker for it is silent still.
            let is_unknown = member.state == NodeState::Unknown;
            let is_silent = is_unknown || (verdict != Verdict::Alive && !member.voice.closed_of_itself());
            look.silent += usize::from(is_silent);
            let keeps_dark = is_unknown && (self.dark.is || verdict == Verdict::Closed);
            look.is_one_lost |= keeps_dark || matches!(verdict, Verdict::Silent(_));
            if verdict == Verdict::Suspect && member.voice.closed.is_none() {
                look.is_late = Some(look.is_late.map_or(node, |known| known.min(node)));
            }
            if verdict == Verdict::Alive {
                look.quiet_until = look.quiet_until.min(liveness::alive_until(self.floor, member.voice));
            } else {
                look.verdicts.push((node, member.state, verdict));
            }
        }
        look.verdicts.sort_unstable_by_key(|(node, ..)| *node);
        look
    }

    /// Up to when this voice is judged.
    fn counts_until(&self, now: Tick, voice: Voice) -> Tick {
        // Nothing came since, of anybody: that proves nothing against a silent one.
        if voice.closed.is_none() { self.proof.counts_until().min(now) } else { now }
    }

    /// The verdicts that stand although a crowd is late with them. That a node is late is no news then.
    fn with_patience(
        &self,
        now: Tick,
        verdicts: Vec<(NodeId, NodeState, Verdict)>,
    ) -> Vec<(NodeId, NodeState, Verdict)> {
        let again = |(node, state, _)| {
            let voice = self.patience.with(self.roster.get(node)?.voice);
            let verdict = liveness::judge(self.counts_until(now, voice), self.floor, voice);
            let is_news = voice.closed.is_some() || matches!(verdict, Verdict::Silent(_));
            is_news.then_some((node, state, verdict))
        };
        verdicts.into_iter().filter_map(again).collect()
    }

    /// What follows from the verdicts, and whom to ask.
    fn conclude(&mut self, now: Now, verdicts: Vec<(NodeId, NodeState, Verdict)>, effects: &mut Vec<Effect>) {
        let mut asked = 0;
        for (node, state, verdict) in verdicts {
            let next = liveness::follow(state, verdict, self.dark.is);
            let question = next.and_then(|next| self.carry_out(now, node, next, verdict));
            if let Some(question) = question.filter(|_| asked < MOST_ASKED) {
                asked += 1;
                effects.push(match question {
                    Question::SignOfLife => self.request_sign_of_life(now, node, Token::Probe(node)),
                    Question::WhereAreYou => self.request_presence(now, node, Token::None),
                });
            }
        }
    }

    /// Sets the state, and says what to ask the node.
    fn carry_out(&mut self, now: Now, node: NodeId, next: NodeState, verdict: Verdict) -> Option<Question> {
        let closed = self.roster.get(node).is_some_and(|member| member.voice.closed.is_some());
        let cause = match (next, verdict) {
            (NodeState::Suspect, _) if !closed => "overdue".to_owned(),
            (NodeState::Unknown, _) => "many nodes of the group fell silent at once".to_owned(),
            (_, Verdict::Silent(span)) => format!("silent for {}.{} s", span.0 / 1_000, span.0 % 1_000 / 100),
            _ => "connection closed".to_owned(),
        };
        *self.verdicts.entry(next).or_default() += 1;
        self.roster.set_state(now, node, next, &cause);
        self.show_node(now.tick, node);
        match next {
            // A broker without the event exchange cannot tell that a connection closed; an inbox that is gone can.
            NodeState::Suspect if !closed => Some(Question::SignOfLife),
            // Should it live and speak where nobody hears it, it learns its place anew.
            NodeState::Down if !closed => Some(Question::WhereAreYou),
            _ => None,
        }
    }
}
