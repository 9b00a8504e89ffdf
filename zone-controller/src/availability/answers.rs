//! Questions for targets over AMQP (A8), of programs of other people: who may ask, where the answer goes, and the answer.
//!
//! A program publishes a [`TargetRequest`] to the direct exchange with the key `targets.<its user's name>`; the zone puts the
//! [`TargetAnswer`] straight into the queue that is to be replied to, which must be one of that user's own.

use std::fmt;

use rollcall_bus::{Assurance, Delivery, Outgoing};
use rollcall_model::wire::targets::{ANSWER_KIND, REQUEST_KIND, TargetAnswer, TargetNode, TargetRequest, VERSION};
use rollcall_model::{GroupId, Millis, Name, NodeId, Principal, Tick, route};
use rollcall_placement::{Targets, Want};

use super::core::Core;

/// Why nobody is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is something else, or not from the user of its key.
    Stranger(String),
    /// The queue is not one of the user's own.
    ReplyTo(String),
}

impl Refused {
    /// A short word to count by.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Stranger(_) => "wrong_sender",
            Self::ReplyTo(_) => "wrong_reply_to",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger(what) => write!(f, "a question for targets is not heard: {what}"),
            Self::ReplyTo(queue) => {
                write!(f, "a question for targets names no queue of its own to reply to: {queue:?}")
            }
        }
    }
}

/// A question and its answer.
#[derive(Debug, PartialEq)]
pub(super) struct Answered {
    /// To be published.
    pub message: Outgoing,
    /// A short word to count by.
    pub word: &'static str,
}

/// Answers a question. `draw` gives 64 random bits.
///
/// # Errors
/// [`Refused`]: there is nobody to answer.
pub(super) fn answer(
    now: Tick,
    core: &Core,
    delivery: &Delivery,
    checks_users: bool,
    draw: impl FnMut() -> u64,
) -> Result<Answered, Refused> {
    let user = asker(delivery, checks_users)?;
    let (number, said) = TargetRequest::address(&delivery.body);
    let queue = delivery.reply_to.as_deref().or(said.as_deref()).unwrap_or_default();
    if !is_own_queue(&user, queue) {
        return Err(Refused::ReplyTo(queue.chars().take(80).collect()));
    }
    let (answer, word) = match TargetRequest::decode(&delivery.body) {
        Ok(request) => found(now, core, &request, draw),
        Err(error) => (nothing(number, error.to_string()), "bad_request"),
    };
    let message = Outgoing {
        // The default exchange: every queue is bound to it under its own name.
        exchange: "".into(),
        routing_key: queue.to_owned(),
        // Cannot fail: names, numbers and texts.
        body: serde_json::to_vec(&answer).unwrap_or_default(),
        kind: ANSWER_KIND,
        message_id: None,
        assurance: Assurance::Lossy,
        trace: None,
    };
    Ok(Answered { message, word })
}

/// The user whose key it came by; the broker lets nobody use another's.
fn asker(delivery: &Delivery, checks_users: bool) -> Result<Name, Refused> {
    let stranger = |what: &str| Refused::Stranger(what.chars().take(120).collect());
    if delivery.kind != REQUEST_KIND {
        return Err(stranger(&format!("its type is {:?}, not {REQUEST_KIND}", delivery.kind)));
    }
    let named = delivery.routing_key.strip_prefix("targets.").and_then(|name| name.parse::<Name>().ok());
    let named = named.ok_or_else(|| stranger("its key names no user"))?;
    let user = delivery.user_id.as_deref().and_then(|user| Principal::of_user(user).ok());
    if checks_users && user != Some(Principal::User(named.clone())) {
        return Err(stranger(&format!("it has the key of user {named}, and another's user-id or none")));
    }
    Ok(named)
}

/// A user has ten queues: `user.<name>.0` to `.9`.
fn is_own_queue(user: &Name, queue: &str) -> bool {
    let digit = queue.strip_prefix(&route::user_queues(user)).and_then(|rest| rest.strip_prefix('.'));
    digit.is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit()))
}

fn nothing(request: String, problem: String) -> TargetAnswer {
    TargetAnswer { v: VERSION, request, targets: Vec::new(), problem: Some(problem) }
}

fn found(now: Tick, core: &Core, request: &TargetRequest, draw: impl FnMut() -> u64) -> (TargetAnswer, &'static str) {
    let none = |why: String, word| (nothing(request.request.clone(), why), word);
    let Some(plan) = core.plan() else {
        return none("no node sends RA messages: the policy's availability.kinds is \"off\"".into(), "off");
    };
    if !plan.sending.kinds.kinds().contains(&request.kind) {
        let sent: Vec<&str> = plan.sending.kinds.kinds().iter().map(|kind| kind.as_str()).collect();
        let why = format!("nodes do not speak for {}, only for {}", request.kind.as_str(), sent.join(" and "));
        return none(why, "not_sent");
    }
    let targets = match &request.group {
        None => core.targets(None),
        Some(named) => match group(core, named) {
            Some(group) => core.targets(Some(group)),
            None => return none(format!("there is no group {named:?}: give its name or its id"), "no_group"),
        },
    };
    let Some(targets) = targets else { return none("nobody is in that group".into(), "nobody") };
    let picked = pick(now, core, &targets, request, draw);
    let problem = (picked.len() < request.count as usize).then(|| {
        format!(
            "{} of {} found: all others are barred (down, draining, quarantined, unmeasured …), silent, or have no room for this",
            picked.len(),
            request.count
        )
    });
    let word = if picked.is_empty() { "nobody" } else { "answered" };
    (TargetAnswer { v: VERSION, request: request.request.clone(), targets: picked, problem }, word)
}

fn group(core: &Core, named: &str) -> Option<GroupId> {
    let by_name = || core.fleet().groups().get(&named.parse::<Name>().ok()?).copied();
    named.parse().ok().or_else(by_name)
}

/// Different nodes, one after another. None counts as fuller for it: who asks here may be a viewer, who changes nothing.
fn pick(
    now: Tick,
    core: &Core,
    targets: &Targets,
    request: &TargetRequest,
    mut draw: impl FnMut() -> u64,
) -> Vec<TargetNode> {
    let want = Want { size: request.size, choices: request.choices as usize };
    let (mut taken, mut found): (Vec<NodeId>, Vec<TargetNode>) = (Vec::new(), Vec::new());
    while found.len() < request.count as usize {
        let is_new = |node: NodeId| !taken.contains(&node);
        let Some(target) = targets.explain(now, request.kind, want, draw(), is_new).target else { break };
        taken.push(target.node);
        found.push(TargetNode {
            node: target.node,
            name: core.fleet().get(target.node).map(|known| known.name.clone()),
            availability: target.availability,
            error: target.error,
            age: Millis(target.age),
        });
    }
    found
}
