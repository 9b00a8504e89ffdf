//! Which hellos a daemon believes: those that the pinned site vouches for, and whose generation never went back.

use std::path::Path;

use rollcall_discovery::{Discovery, Distrust, HelloTrust};
use rollcall_identity::{TrustBundle, hello};
use rollcall_model::Name;
use rollcall_model::wire::txt::Hello;
use rollcall_startup::GenerationFile;

use crate::{EnrolError, IdentityConfig, now};

/// The generations heard so far, in the identity directory.
const GENERATIONS: &str = "generations";

/// The same discovery, whose hellos of these zones are believed only if the site vouches for them. Zones of other names
/// are nobody's business here: they are handed on as they come, and not complained of.
///
/// # Errors
/// When the bundle or the directory cannot be used.
pub fn believing(
    config: &IdentityConfig,
    directory: &Path,
    discovery: Discovery,
    zones: &[Name],
) -> Result<Discovery, EnrolError> {
    rollcall_identity::files::make_directory(directory)?;
    // Said at the start, not with the first hello.
    TrustBundle::load(&config.bundle)?;
    let generations = GenerationFile::open(&directory.join(GENERATIONS));
    let (given, kept) = (config.bundle.clone(), directory.join("site.pem"));
    let zones = zones.to_vec();
    let judge = move |hello: &Hello| {
        if !zones.contains(&hello.name) {
            return Ok(());
        }
        // A bundle that came with a certificate knows the roots of a rotation that is under way; hellos are few.
        let bundles = [&kept, &given].map(|path| TrustBundle::load(path).ok());
        judged(&bundles, hello)?;
        generations.admit(hello.zone, hello.generation).map_err(|old| Distrust {
            reason: "old_generation",
            message: format!("a hello of zone {} is not believed: {old}", hello.name),
        })
    };
    Ok(discovery.trusting(HelloTrust::new(judge)))
}

/// Believed if any of the bundles vouches for it.
fn judged(bundles: &[Option<TrustBundle>], hello: &Hello) -> Result<(), Distrust> {
    let mut refused = None;
    for bundle in bundles.iter().flatten() {
        match hello::verify(bundle, None, hello, now()) {
            Ok(()) => return Ok(()),
            Err(error) => refused = Some(error),
        }
    }
    let (reason, why) = match refused {
        Some(error) => (error.reason(), error.to_string()),
        None => ("no_bundle", "the trust bundle cannot be read any more".to_owned()),
    };
    Err(Distrust { reason, message: format!("a hello of a zone called {} is not believed: {why}", hello.name) })
}
