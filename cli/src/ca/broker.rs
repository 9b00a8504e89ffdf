//! `rollcall ca broker`: the certificate RabbitMQ shows.

use rollcall_identity::files::{self, FileError};
use rollcall_identity::issuer::{Names, Validity};
use rollcall_identity::{Key, ZoneAuthority, make_csr, serial};
use rollcall_model::{Name, UnixMillis};
use rollcall_startup::{Exit, Failure};
use serde_json::json;

use super::{Done, issue_failure, zone_failure};
use crate::arguments::BrokerCertificate;

const DAY: u64 = 24 * 60 * 60 * 1000;
const FILES: [&str; 3] = ["cert.pem", "key.pem", "roots.pem"];

pub(super) fn make(wanted: &BrokerCertificate, now: UnixMillis) -> Result<Done, Failure> {
    let BrokerCertificate { zone_dir, names, ip, out, days, replace } = wanted;
    let failed = |error: FileError| Failure::caused_by(Exit::Failed, &error);
    let authority = ZoneAuthority::load(zone_dir).map_err(|error| zone_failure(&error))?;
    files::make_directory(out).map_err(failed)?;
    if !replace {
        files::refuse_existing(out, &FILES).map_err(|error| failed(error).hint("`--replace` makes a new one"))?;
    }
    let library = |error: rollcall_identity::KeyError| Failure::caused_by(Exit::Failed, &error);
    let key = Key::generate().map_err(library)?;
    let csr = make_csr(&key).map_err(library)?;
    let number = serial::draw().map_err(library)?;
    let answers_to = Names { dns: names.clone(), ips: ip.clone() };
    let validity = Validity::from(now, u64::from(*days) * DAY);
    // A name that is nobody's: the broker logs in nowhere.
    let name = Name::nearest(&format!("broker-{}", authority.zone_name()), "broker");
    let issued =
        authority.issue_server(&name, &answers_to, &csr, number, validity).map_err(|error| issue_failure(&error))?;
    let [certificate, secret, roots] = FILES.map(|name| out.join(name));
    key.save(&secret).map_err(failed)?;
    files::write_public(&certificate, &issued.chain_pem).map_err(failed)?;
    files::write_public(&roots, &authority.bundle().roots_pem()).map_err(failed)?;
    let text = format!(
        "made the broker's certificate for {days} days in {}\n  ssl_options.cacertfile = {}\n  ssl_options.certfile   = {}\n  \
         ssl_options.keyfile    = {}\n  key.pem is readable by this user only: give it to the broker's (chown rabbitmq)\n",
        out.display(),
        roots.display(),
        certificate.display(),
        secret.display(),
    );
    let document = json!({
        "directory": out, "serial": issued.serial, "names": names, "addresses": ip,
        "not_after_ms": issued.validity.not_after,
    });
    Ok(Done::well(document, text))
}
