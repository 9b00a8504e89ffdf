//! The first administrator: somebody has to be able to say who may what before anybody may. Whoever can read the zone
//! directory, which holds the authorities' keys, could make themselves one anyway; so the zone puts a certificate there,
//! in `administrator/`, and keeps it fresh as long as this user is not removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_identity::files::{self, FileError};
use rollcall_identity::issuer::IssueError;
use rollcall_identity::{Key, KeyError, make_csr};
use rollcall_model::{Name, Role, UnixMillis};
use rollcall_startup::{Clock, Shutdown};
use rollcall_store::{CommitError, QueryError, Store, TrustChange};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{RENEWED_AT, Trust};
use crate::core::CERTIFICATE_ISSUED;

/// Name of the first administrator.
pub const ADMINISTRATOR: &str = "administrator";
/// How often is looked whether the certificate is to be renewed, or the user was removed.
const LOOK: Duration = Duration::from_secs(300);

/// Why the first administrator has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No key could be drawn.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It cannot be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The store does not answer.
    #[error("the topology cannot be read: {0}")]
    Store(#[from] QueryError),
    /// The store cannot be written.
    #[error("the first administrator cannot be saved: {0}")]
    Commit(#[from] CommitError),
}

fn name() -> Name {
    // A word of letters is a name.
    #[allow(clippy::expect_used, reason = "see above")]
    Name::new(ADMINISTRATOR).expect("a name")
}

/// Makes the first administrator where there was never any user. Before the core starts, which loads what is saved.
///
/// # Errors
/// When the store fails; nothing was changed.
pub async fn make_first(store: &Store, now: UnixMillis) -> Result<(), AdministratorError> {
    let known = store.select("SELECT 1 FROM v_users LIMIT 1", &[]).await?;
    if !known.rows.is_empty() {
        return Ok(());
    }
    let by = "zone".to_owned();
    let role = Role::Administrator;
    let user = TrustChange::UserSet { name: name(), role, token: None, entry: "0".into(), by, at: now };
    store.commit(&[user.into(), line(now, "user_set", json!({ "role": role })).into()]).await?;
    Ok(())
}

/// What the zone itself does with this user, for the audit log.
fn line(at: UnixMillis, action: &str, after: Value) -> TrustChange {
    TrustChange::Audited {
        at,
        who: "zone".into(),
        origin: "start".into(),
        action: action.into(),
        subject: format!("user.{ADMINISTRATOR}"),
        before: Value::Null,
        after,
    }
}

/// Where the first administrator's certificate lies, and when it is renewed.
#[derive(Debug)]
pub struct Administrator {
    directory: PathBuf,
    /// At the beginning of time until one was written.
    renewal: UnixMillis,
}

impl Administrator {
    /// Below the zone directory.
    #[must_use]
    pub fn of(zone_directory: &Path) -> Self {
        Self { directory: zone_directory.join(ADMINISTRATOR), renewal: UnixMillis(0) }
    }

    /// Writes key, certificate and trust bundle, unless this user was removed. A line in the audit log tells of the
    /// certificate before it is there.
    ///
    /// # Errors
    /// [`AdministratorError`].
    pub async fn write(&mut self, trust: &Trust, store: &Store, now: UnixMillis) -> Result<(), AdministratorError> {
        let Some(user) = store.user_named(&name()).await? else { return Ok(()) };
        files::make_directory(&self.directory)?;
        let path = self.directory.join("key.pem");
        // Kept: whoever reads the files while they are written never sees a key and a certificate that do not fit.
        let key = match Key::load(&path) {
            Ok(key) => key,
            Err(_) => {
                let key = Key::generate()?;
                key.save(&path)?;
                key
            }
        };
        let signed = trust.sign_user(&user, &make_csr(&key)?, now)?;
        store.commit(&[line(now, CERTIFICATE_ISSUED, signed.noted()).into()]).await?;
        files::write_public(&self.directory.join("site.pem"), &trust.bundle())?;
        files::write_public(&self.directory.join("cert.pem"), &signed.chain)?;
        self.renewal = UnixMillis(now.0 + (signed.expires.0.saturating_sub(now.0)) * RENEWED_AT / 100);
        let directory = self.directory.display();
        tracing::info!("`rollcall --identity {directory}` is administrator on this machine");
        Ok(())
    }

    /// Keeps the certificate fresh while the user is there, until the end.
    pub async fn keep_fresh(mut self, trust: &Trust, store: &Store, clock: Clock, shutdown: &Shutdown) {
        loop {
            let now = clock.now().wall;
            if self.renewal <= now
                && let Err(error) = self.write(trust, store, now).await
            {
                tracing::warn!("the administrator of this machine has no certificate: {error}");
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = shutdown.requested() => return,
            }
        }
    }
}
