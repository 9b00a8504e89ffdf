//! What is decided: when to renew, what an answer means, how long to wait. No clock, no network, no chance but what is
//! passed in.

use std::time::Duration;

use rollcall_identity::certificate::Facts;
use rollcall_model::{JoinId, Principal, UnixMillis};
use serde::Deserialize;

/// Renewal begins when this much of a certificate's life is over, in thousandths …
const RENEW_AT: u64 = 600;
/// … and up to so much later, by chance, so that a fleet that joined together does not renew together. Of a day's
/// certificate more than eight hours are then left, for a zone that is away.
const RENEW_SPREAD: u64 = 50;
/// Longest wait between two tries.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Longest wait between two questions about a join that waits for approval: a person is watching.
pub const LONGEST_POLL: Duration = Duration::from_secs(15);
/// Whoever says that we may ask again at once is not believed.
const SHORTEST_TOLD: Duration = Duration::from_millis(50);
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Trouble that goes on is said this often.
const SAY_EVERY: u64 = 60_000;

/// What to do about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing before this.
    Nothing {
        /// When renewal begins.
        until: UnixMillis,
    },
    /// It does not count yet by this machine's clock, which is probably wrong; others may take it all the same.
    Early {
        /// When it begins to count.
        from: UnixMillis,
    },
    /// Ask for the next one with this one.
    Renew,
    /// It has ended, or is somebody else's: join again.
    Join,
}

/// What to do about the certificate that there is. `chance` in 0..1000 spreads the renewals.
#[must_use]
pub fn due(facts: &Facts, principal: &Principal, now: UnixMillis, chance: u16) -> Due {
    if Principal::of_user(&facts.common_name).as_ref() != Ok(principal) || now > facts.not_after {
        return Due::Join;
    }
    if now < facts.not_before {
        return Due::Early { from: facts.not_before };
    }
    let life = facts.not_after.0.saturating_sub(facts.not_before.0);
    let share = RENEW_AT + RENEW_SPREAD * u64::from(chance.min(999)) / 1000;
    // In this order nothing is lost to rounding, and no life is long enough to overflow.
    let until = UnixMillis(facts.not_before.0.saturating_add(life / 1000 * share));
    if now < until { Due::Nothing { until } } else { Due::Renew }
}

/// How long to wait after so many tries: doubled each time, spread by chance (0..1000) over its upper half.
#[must_use]
pub fn wait(tries: u32, longest: Duration, chance: u16) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1_u32.checked_shl(tries.min(16)).unwrap_or(u32::MAX)).min(longest);
    full / 2 + full / 2 * u32::from(chance.min(999)) / 1000
}

/// How long to wait when the zone said how long: not shorter, and spread by chance (0..1000) over a quarter more.
#[must_use]
pub fn wait_as_told(told: Duration, chance: u16) -> Duration {
    told + told / 4 * u32::from(chance.min(999)) / 1000
}

/// Whether trouble that was last said at `said` is to be said again.
#[must_use]
pub fn is_to_be_said(said: Option<UnixMillis>, now: UnixMillis) -> bool {
    // A clock that was put back says it once more rather than never.
    said.is_none_or(|said| now.0.abs_diff(said.0) >= SAY_EVERY)
}

/// What a zone answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A certificate.
    Granted(Grant),
    /// Somebody has to approve.
    Pending {
        /// What to ask by.
        join: JoinId,
    },
    /// No.
    Refused {
        /// Short word.
        reason: String,
        /// For people.
        detail: String,
    },
    /// The zone does not know the join that was asked for.
    Unknown,
    /// Nothing that can be understood, or not now.
    Again {
        /// What came, for people.
        why: String,
        /// When to ask again, where the zone said so.
        after: Option<Duration>,
    },
}

/// A certificate, as the zone hands it out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Grant {
    /// Certificate and intermediate, PEM.
    pub certificate: String,
    /// The site's trust bundle as of now.
    pub bundle: String,
    /// Common name.
    pub user: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    state: Option<String>,
    join: Option<JoinId>,
    reason: Option<String>,
    detail: Option<String>,
    title: Option<String>,
    why: Option<String>,
    retry_after_ms: Option<u64>,
}

/// What an answer with this status and body means. `retry_after` is that header (RFC 9110 §10.2.3) as it came; a body says it
/// to the millisecond.
#[must_use]
pub fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    let parsed: Body = serde_json::from_slice(body).unwrap_or_default();
    match (status, parsed.state.as_deref()) {
        (200..=299, Some("denied")) => Answer::Refused {
            reason: "denied".into(),
            detail: parsed
                .why
                .map_or("somebody denied the request".into(), |why| format!("it was denied: {}", short(&why))),
        },
        (202, _) | (200, Some("pending" | "approved")) if parsed.join.is_some() => {
            parsed.join.map_or(Answer::Unknown, |join| Answer::Pending { join })
        }
        (200 | 201, _) => match serde_json::from_slice(body) {
            Ok(grant) => Answer::Granted(grant),
            Err(error) => Answer::Again { why: format!("an answer that cannot be read: {error}"), after: None },
        },
        (404, _) => Answer::Unknown,
        // Slow down, too early, timeout: said of the moment, not of us.
        (408 | 425 | 429, _) | (500..=599, _) => {
            Answer::Again { why: told(status, &parsed), after: after(&parsed, retry_after) }
        }
        (400..=499, _) => Answer::Refused {
            detail: told(status, &parsed),
            reason: parsed.reason.map_or_else(|| format!("http_{status}"), |reason| short(&reason)),
        },
        _ => Answer::Again { why: format!("status {status}"), after: None },
    }
}

/// When to ask again, where the zone has a turn for us. Of who asks too often (429) the time is that of one request, which many
/// may be waiting for: they wait longer each time. A date in the header is not looked at, and nobody can make us wait for long,
/// or not at all.
fn after(body: &Body, header: Option<&str>) -> Option<Duration> {
    if body.reason.as_deref() != Some("busy") {
        return None;
    }
    let seconds = || header?.trim().parse().ok().map(Duration::from_secs);
    let told = body.retry_after_ms.map(Duration::from_millis).or_else(seconds)?;
    Some(told.clamp(SHORTEST_TOLD, LONGEST_WAIT))
}

fn told(status: u16, body: &Body) -> String {
    let text = body.detail.as_deref().or(body.title.as_deref());
    text.map_or_else(|| format!("status {status}"), short)
}

/// A stranger's text, fit for a log.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// What to do about a refusal.
#[must_use]
pub fn hint(reason: &str, principal: &Principal, name: &str, place: Option<&str>) -> Option<String> {
    let kind = principal.kind();
    let create = format!("`rollcall token create --for {kind} --name {name}` makes a token");
    Some(match reason {
        "no_token" => format!("{create}; put it into the token file"),
        "token_used" => format!("a token works once: if it was not you, somebody has it. {create}"),
        "unknown_token" | "token_unknown" | "token_expired" | "token_revoked" | "unknown" | "expired" => create,
        "not_yet_valid" | "token_not_yet_valid" => "the token counts from a later time on; is a clock wrong?".into(),
        "wrong_name" => format!("the token is for another name than {name}. {create}"),
        "wrong_place" => format!("the token is for another place than {}. {create}", place.unwrap_or("none")),
        "wrong_kind" => format!("the token is not for a {kind}. {create}"),
        "revoked" => format!("{principal} was thrown out; an administrator lets it in again: {create}"),
        "denied" => "`rollcall joins` tells by whom; `rollcall join approve` still lets it in".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
