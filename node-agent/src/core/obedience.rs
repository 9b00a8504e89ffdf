//! Policies as a node takes them: obeyed without a restart, or refused with the reason, and acknowledged either way
//! (Z9, G8).

use rollcall_model::packet::{ActionKind, NodePolicy, NodePolicyAck, Packet};
use rollcall_model::policy::UnworkableSettings;
use rollcall_model::{Millis, Now, route};

use super::availability::planned;
use super::{Agent, Effect, Question, Receipt};

/// Readings are told again within this after a new period, spread by chance.
const METRICS_SPREAD: Millis = Millis(10_000);

/// What is known of policies beside what the judge obeys.
#[derive(Debug, Default)]
pub(super) struct Obedience {
    /// Actions the zone signs off; empty before the first policy.
    pub(super) allowed: Vec<ActionKind>,
    /// The word that is still owed to the group.
    owed: Option<Owed>,
    /// The version that was complained about, so that its repetition is not.
    refused: Option<u64>,
}

#[derive(Debug)]
struct Owed {
    /// Counts acknowledgements, so that the confirm of a former one settles nothing.
    number: u64,
    problem: Option<String>,
    question: Question,
}

impl Obedience {
    /// When the acknowledgement is due; `None` when nothing is owed.
    pub(super) fn due(&self) -> Option<rollcall_model::Tick> {
        self.owed.as_ref().map(|owed| owed.question.at)
    }

    /// The broker has it.
    pub(super) fn confirmed(&mut self, number: u64) {
        if self.owed.as_ref().is_some_and(|owed| owed.number == number) {
            self.owed = None;
        }
    }

    /// The link was lost: what is owed is due at once.
    pub(super) fn hurry(&mut self, now: Now) {
        if let Some(owed) = &mut self.owed {
            owed.question = Question::now(now.tick);
        }
    }
}

impl Agent {
    pub(super) fn on_policy(&mut self, now: Now, policy: NodePolicy) {
        let NodePolicy { group, version, settings, allowed_actions } = policy;
        // A rack this node does not stand in has nothing to say; its own one repeats itself.
        if self.membership.as_ref().is_none_or(|known| known.group != group) {
            tracing::debug!(%group, version, "a policy of a group this node does not stand in is ignored");
            return;
        }
        if version < self.judge.version() {
            return self.owe(now, None);
        }
        let (before, keep_alive) = (self.judge.obeyed().clone(), self.keep_alive());
        let workable = settings.resolve().and_then(|resolved| Ok((planned(&resolved.availability)?, resolved)));
        let (plan, resolved) = match workable {
            Ok(workable) => workable,
            Err(problem) => return self.refuse(now, version, &problem),
        };
        self.judge.obey(version, resolved);
        self.speak_by(now.tick, plan);
        if self.obedience.refused.take().is_some() || before != *self.judge.obeyed() {
            tracing::info!(version, "policy {version} is obeyed");
        }
        self.obedience.allowed = allowed_actions;
        if self.keep_alive() != keep_alive {
            self.voice.speak_up(now.tick);
        }
        let period = self.judge.obeyed().metrics_period;
        if period != before.metrics_period && self.next_metrics.is_some() {
            self.next_metrics = Some(now.tick + self.some_of(Millis(period.0.min(METRICS_SPREAD.0))));
        }
        self.owe(now, None);
    }

    /// Says so once, and keeps to what was obeyed before.
    fn refuse(&mut self, now: Now, version: u64, problem: &UnworkableSettings) {
        let problem = format!("policy {version} cannot be obeyed here: {problem}");
        if self.obedience.refused != Some(version) {
            self.obedience.refused = Some(version);
            tracing::warn!(version, obeyed = self.judge.version(), "{problem}; what was obeyed before still holds");
        }
        self.owe(now, Some(problem));
    }

    /// An acknowledgement is owed from now on, in place of a former one.
    fn owe(&mut self, now: Now, problem: Option<String>) {
        self.acknowledgements += 1;
        self.obedience.owed = Some(Owed { number: self.acknowledgements, problem, question: Question::now(now.tick) });
    }

    /// Pays what is owed to the group, as soon as this node has an epoch to say it with.
    pub(super) fn acknowledge(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let (Some(assigned), Some(membership)) = (&self.assigned, &self.membership) else { return };
        let Some(owed) = self.obedience.owed.as_mut().filter(|owed| now.tick >= owed.question.at) else { return };
        owed.question = owed.question.again(now.tick, &mut self.chance);
        let node = self.settings.identifier.node;
        let packet = Packet::NodePolicyAck(NodePolicyAck {
            node,
            epoch: assigned.epoch,
            version: self.judge.version(),
            problem: owed.problem.clone(),
        });
        let receipt = Receipt::PolicyAck(owed.number);
        let key = route::group_key(membership.group, route::HEALTH_ALERTS, node);
        effects.push(Effect::Assure(receipt, self.sender.confirmed(now, route::GROUP, key, packet)));
    }
}
