//! Which actions make sense, how long each may take, and how long an order may wait to be begun.

use rollcall_model::Millis;
use rollcall_model::packet::Action;

/// An order waits at least so long for its node.
const SHORTEST_DEADLINE: Millis = Millis(1_000);
/// And at most so long: who ordered it would be surprised later.
const LONGEST_DEADLINE: Millis = Millis(24 * 3_600_000);

/// Refuses an action nobody can carry out.
///
/// # Errors
/// What is wrong and what would do.
pub(in crate::core) fn check(action: &Action) -> Result<(), String> {
    match action {
        Action::Identify { seconds } if !(1..=3_600).contains(seconds) => {
            Err(format!("seconds is {seconds}; an identify LED blinks for 1 to 3600 seconds"))
        }
        Action::RestartService { service } if !is_unit(service) => {
            let service: String = service.chars().take(64).collect();
            Err(format!(
                "{service:?} is no name of a service; expected 1 to 128 letters, digits, '.', '_', '-', ':' or '@' that \
                 do not begin with '-' or '.', e.g. nginx.service"
            ))
        }
        _ => Ok(()),
    }
}

fn is_unit(service: &str) -> bool {
    (1..=128).contains(&service.len())
        && !service.starts_with(['-', '.'])
        && service.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@' | '\\'))
}

/// Refuses a deadline nobody can mean.
///
/// # Errors
/// What is wrong and what would do.
pub(super) fn deadline(deadline: Millis) -> Result<(), String> {
    if (SHORTEST_DEADLINE..=LONGEST_DEADLINE).contains(&deadline) {
        return Ok(());
    }
    Err(format!("the deadline is {} ms away; it must lie between 1 second and 24 hours from now", deadline.0))
}

/// How long an action may take once begun. A restart of the machine takes as long as its firmware's self-test.
pub(super) const fn time_limit(action: &Action) -> Millis {
    match action {
        Action::Identify { seconds } => Millis(*seconds as u64 * 1_000 + 10_000),
        Action::Drain => Millis(15 * 60_000),
        Action::RestartService { .. } => Millis(2 * 60_000),
        Action::Reboot => Millis(20 * 60_000),
    }
}
