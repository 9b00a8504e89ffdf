//! Getting in: what is on disk, or a join that is asked for until there is an answer.

use rollcall_identity::certificate::Facts;
use rollcall_identity::{Key, TrustBundle, make_csr};
use rollcall_model::UnixMillis;

use crate::call::{JoinRequest, Zone};
use crate::core::{self, Answer, Due, Grant};
use crate::directory::Directory;
use crate::identity::check;
use crate::{EnrolError, Identity, Settings, now};

/// The identity on disk, if there is one that still counts.
///
/// # Errors
/// When a file cannot be used.
pub fn load(settings: &Settings) -> Result<Option<Identity>, EnrolError> {
    let directory = Directory::open(&settings.directory)?;
    let (key, bundle) = (directory.key()?, directory.bundle(settings)?);
    let Some(chain) = directory.certificate()? else { return Ok(None) };
    let counts = Facts::of_chain(&chain)
        .is_ok_and(|facts| core::due(&facts, &settings.principal, now(), 0) != Due::Join)
        && bundle.vouches_for(&chain);
    if !counts {
        tracing::info!(principal = %settings.principal, "the certificate on disk has ended or is of another site or name; joining again");
        return Ok(None);
    }
    Identity::new(settings, directory, key, chain, &bundle).map(Some)
}

/// The identity on disk, or a new one from the zone at `api` (`host:port`). Waits as long as the zone cannot be reached
/// or nobody has approved, saying so once a minute. May be dropped at any point and begun again, at another address too.
///
/// # Errors
/// When the zone refuses, is none of the pinned site, or a file cannot be used.
pub async fn ensure(settings: &Settings, api: &str) -> Result<Identity, EnrolError> {
    if let Some(identity) = load(settings)? {
        return Ok(identity);
    }
    let directory = Directory::open(&settings.directory)?;
    let (key, bundle) = (directory.key()?, directory.bundle(settings)?);
    let mut trouble = Trouble::default();
    loop {
        match attempt(settings, &directory, &key, &bundle, api).await {
            Ok(Some(grant)) => {
                let bundle = check(api, settings, &key, &grant, &bundle)?;
                directory.save(settings, &grant.certificate, &bundle)?;
                tracing::info!(user = grant.user, api, "the zone let us in");
                return Identity::new(settings, directory, key, grant.certificate, &bundle);
            }
            Ok(None) => {
                let what = format!("waiting for `rollcall join approve {}` ({})", settings.name, settings.principal);
                trouble.wait(&what, core::LONGEST_POLL).await;
            }
            Err(error) if error.is_passing() => trouble.wait_out(&error, &error.to_string()).await,
            Err(error) => return Err(error),
        }
    }
}

/// Asks once to be let in; nothing while somebody has to approve.
pub(crate) async fn attempt(
    settings: &Settings,
    directory: &Directory,
    key: &Key,
    bundle: &TrustBundle,
    api: &str,
) -> Result<Option<Grant>, EnrolError> {
    let zone = Zone::new(api, settings, bundle, None)?.traced(settings.trace);
    let token = directory.token(settings)?;
    if token.is_none()
        && let Some(join) = directory.join()?
    {
        match zone.collect(join).await? {
            Answer::Unknown => directory.forget_join(),
            answer => return granted(settings, directory, api, answer),
        }
    }
    let csr = make_csr(key)?;
    let request = JoinRequest {
        csr: &csr,
        principal: &settings.principal,
        name: &settings.name,
        place: settings.place.as_ref(),
        address: settings.address,
        token: token.as_ref().map(|token| token.as_str()),
    };
    granted(settings, directory, api, zone.join(&request).await?)
}

pub(crate) fn granted(
    settings: &Settings,
    directory: &Directory,
    api: &str,
    answer: Answer,
) -> Result<Option<Grant>, EnrolError> {
    let api = api.to_owned();
    match answer {
        Answer::Granted(grant) => Ok(Some(grant)),
        Answer::Pending { join } => {
            directory.remember_join(join)?;
            Ok(None)
        }
        Answer::Refused { reason, detail } => {
            directory.forget_join();
            let place = settings.place.as_ref().map(rollcall_model::Name::as_str);
            let hint = core::hint(&reason, &settings.principal, settings.name.as_str(), place);
            Err(EnrolError::Refused { api, reason, detail, hint })
        }
        Answer::Unknown => Err(EnrolError::Unreachable { api, why: "it has no such page; is that a zone?".into() }),
        Answer::Again { why, after: Some(after) } => Err(EnrolError::Busy { api, why, after }),
        Answer::Again { why, after: None } => Err(EnrolError::Unreachable { api, why }),
    }
}

/// Trouble that goes on: said once a minute, waited out longer each time.
#[derive(Default)]
pub(crate) struct Trouble {
    tries: u32,
    said: Option<UnixMillis>,
}

impl Trouble {
    /// Waits as long as the zone said, or longer each time where it said nothing.
    pub async fn wait_out(&mut self, error: &EnrolError, what: &str) {
        let EnrolError::Busy { after, .. } = error else { return self.wait(what, core::LONGEST_WAIT).await };
        self.say(what);
        tokio::time::sleep(core::wait_as_told(*after, chance())).await;
    }

    fn say(&mut self, what: &str) {
        let now = now();
        if core::is_to_be_said(self.said, now) {
            tracing::warn!("{what}");
            self.said = Some(now);
        }
    }

    pub async fn wait(&mut self, what: &str, longest: std::time::Duration) {
        self.say(what);
        let wait = core::wait(self.tries, longest, chance());
        self.tries = self.tries.saturating_add(1);
        tokio::time::sleep(wait).await;
    }
}

/// In 0..1000.
pub(crate) fn chance() -> u16 {
    rand::random_range(0..1000)
}
