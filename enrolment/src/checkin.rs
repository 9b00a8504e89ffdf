//! The certificate of a check-in service: got by the group that was ordered to run it, renewed by the service itself.

use std::path::Path;

use rollcall_identity::make_csr;
use rollcall_model::{CheckinId, Name, Principal};

use crate::call::Zone;
use crate::directory::Directory;
use crate::identity::check;
use crate::join::granted;
use crate::{EnrolError, Identity, Settings, load};

/// Puts key and certificate of the service into `directory`, unless what is there still counts.
///
/// # Errors
/// When the zone refuses, was not heard, or a file cannot be used.
pub(crate) async fn obtain(
    group: &Identity,
    api: Option<&str>,
    name: &Name,
    directory: &Path,
    bundle_file: &Path,
) -> Result<(), EnrolError> {
    let settings = Settings {
        directory: directory.to_owned(),
        bundle_file: bundle_file.to_owned(),
        token_file: None,
        principal: Principal::Checkin(CheckinId::of_service(name)),
        name: name.clone(),
        place: None,
        address: None,
        trace: None,
    };
    if load(&settings)?.is_some() {
        return Ok(());
    }
    let unheard = || EnrolError::Unreachable { api: "its address".into(), why: "the zone was not heard yet".into() };
    let api = api.ok_or_else(unheard)?;
    let files = Directory::open(directory)?;
    let (key, known) = (files.key()?, group.bundle()?);
    let zone = Zone::new(api, &settings, &known, Some(group.certified()))?;
    let answer = zone.checkin_certificate(&make_csr(&key)?, name).await?;
    let Some(grant) = granted(&settings, &files, api, answer)? else {
        return Err(EnrolError::Unreachable { api: api.to_owned(), why: "it holds the service for approval".into() });
    };
    let bundle = check(api, &settings, &key, &grant, &known)?;
    files.save(&settings, &grant.certificate, &bundle)
}
