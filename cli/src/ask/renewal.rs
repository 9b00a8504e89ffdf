//! A person's certificate lives a day; whoever uses it gets the next one on the way.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_identity::certificate::Facts;
use rollcall_identity::{Key, files, make_csr};
use rollcall_model::UnixMillis;

use super::client::Client;

/// Renewed after this part of its life, percent.
const RENEWED_AT: u64 = 60;

/// Gets the next certificate where the present one has grown old, and says whether there is one. Nothing is lost where
/// that fails: the present one goes on being used, and the zone says what is wrong with it when it has ended.
pub async fn renew(client: &Client, directory: &Path) -> bool {
    let path = directory.join("cert.pem");
    let Ok(facts) = files::read_public(&path).map_err(drop).and_then(|pem| Facts::of_chain(&pem).map_err(drop)) else {
        return false;
    };
    if !is_old(&facts, now()) {
        return false;
    }
    let Ok(csr) = Key::load(&directory.join("key.pem")).and_then(|key| make_csr(&key)) else { return false };
    let Ok(answer) = client.renew(&csr).await else { return false };
    let certificate = answer.document["certificate"].as_str();
    certificate.is_some_and(|pem| Facts::of_chain(pem).is_ok() && files::write_public(&path, pem).is_ok())
}

fn is_old(facts: &Facts, now: UnixMillis) -> bool {
    let life = facts.not_after.0.saturating_sub(facts.not_before.0);
    let old_at = facts.not_before.0 + life * RENEWED_AT / 100;
    (old_at..facts.not_after.0).contains(&now.0)
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_old_after_three_fifths_of_its_life_and_past_saving_at_its_end() {
        let facts = Facts {
            common_name: String::new(),
            organisation: String::new(),
            unit: String::new(),
            serial: None,
            not_before: UnixMillis(1_000),
            not_after: UnixMillis(2_000),
        };
        let old = [1_000, 1_599, 1_600, 1_999, 2_000].map(|now| is_old(&facts, UnixMillis(now)));
        assert_eq!(old, [false, false, true, true, false]);
    }
}
