//! Keeping the certificate fresh, unattended.

use std::convert::Infallible;
use std::time::Duration;

use rollcall_identity::make_csr;
use tokio::sync::watch;

use crate::call::Zone;
use crate::core::{self, Due, Grant};
use crate::join::{Trouble, attempt, chance, granted};
use crate::{EnrolError, Identity, now};

/// Longest sleep at a stretch: the wall clock may be put forward meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Renews the certificate at 60 to 65 % of its life, for ever, at whatever address the zone was last heard (`host:port`).
/// Where the zone is away it tries again, every five minutes at most; where the certificate has ended meanwhile it asks
/// to be let in again. Trouble is said once a minute at most. May be dropped at any point.
pub async fn keep_fresh(identity: &Identity, mut api: watch::Receiver<Option<String>>) -> Infallible {
    let mut chance = chance();
    let mut trouble = Trouble::default();
    loop {
        let due = is_due(identity, chance);
        if let Due::Nothing { until } = due {
            let rest = Duration::from_millis(until.0.saturating_sub(now().0));
            tokio::time::sleep(rest.min(LONGEST_SLEEP)).await;
            continue;
        }
        if let Due::Early { from } = due {
            let hours = from.0.saturating_sub(now().0).div_ceil(3_600_000);
            let what = format!(
                "the certificate counts from a time that is up to {hours} h ahead: is this machine's clock wrong?"
            );
            trouble.wait(&what, LONGEST_SLEEP).await;
            continue;
        }
        let Some(at) = api.borrow_and_update().clone() else {
            trouble.wait("the certificate is to be renewed, but no zone was heard yet", core::LONGEST_POLL).await;
            continue;
        };
        match next(identity, due, &at).await {
            Ok(Some(user)) => {
                tracing::info!(user, api = at, "the certificate is renewed");
                chance = crate::join::chance();
                if is_due(identity, chance) == Due::Renew {
                    trouble
                        .wait("the new certificate is to be renewed at once; is a clock wrong?", core::LONGEST_WAIT)
                        .await;
                } else {
                    trouble = Trouble::default();
                }
            }
            Ok(None) => trouble.wait("the zone lets us in again once somebody approves", core::LONGEST_POLL).await,
            Err(error) => {
                // At another address it may go better at once.
                let what = format!("the certificate could not be renewed, still trying: {error}");
                tokio::select! {
                    () = trouble.wait_out(&error, &what) => {}
                    Ok(()) = api.changed() => {}
                }
            }
        }
    }
}

fn is_due(identity: &Identity, chance: u16) -> Due {
    identity.facts().map_or(Due::Join, |facts| core::due(&facts, &identity.settings.principal, now(), chance))
}

/// One try; the user the new certificate names, or nothing while somebody has to approve.
async fn next(identity: &Identity, due: Due, api: &str) -> Result<Option<String>, EnrolError> {
    let Identity { settings, directory, key, .. } = identity;
    let bundle = identity.bundle()?;
    let grant: Option<Grant> = if due == Due::Renew {
        let zone = Zone::new(api, settings, &bundle, Some(identity.certified()))?;
        granted(settings, directory, api, zone.renew(&make_csr(key)?).await?)?
    } else {
        attempt(settings, directory, key, &bundle, api).await?
    };
    let Some(grant) = grant else { return Ok(None) };
    let user = grant.user.clone();
    identity.renewed(api, grant)?;
    Ok(Some(user))
}
