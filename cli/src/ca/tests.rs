use std::net::IpAddr;

use rollcall_identity::files::FileError;

use super::*;
use crate::arguments::BrokerCertificate;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const DAY: u64 = 24 * 3_600_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

struct Stage {
    root: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { root: tempfile::tempdir().unwrap() };
        init(&stage.dir("site"), &name("lab"), Some((&name("east"), &stage.dir("zone"))), NOW).unwrap();
        stage
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn status(&self, days: u64) -> Done {
        status::look(&self.dir("site"), &[self.dir("zone")], UnixMillis(NOW.0 + days * DAY)).unwrap()
    }

    fn rotate(&self, step: Step, days: u64) -> Result<Done, Failure> {
        rotate(&self.dir("site"), &[self.dir("zone")], step, false, UnixMillis(NOW.0 + days * DAY))
    }
}

#[test]
fn a_site_is_made_once() {
    let stage = Stage::new();
    let again = init(&stage.dir("site"), &name("lab"), None, NOW).map(drop).unwrap_err();
    assert_eq!(again.exit().code(), 1);
    assert!(again.to_string().contains("is there already and is not overwritten"), "{again}");
    let zone = make_zone(&stage.dir("site"), &name("east"), &stage.dir("zone"), false, NOW).map(drop).unwrap_err();
    assert!(zone.to_string().contains("--renew"), "{zone}");
    let missing = make_zone(&stage.dir("nowhere"), &name("x"), &stage.dir("x"), false, NOW).map(drop).unwrap_err();
    assert!(missing.to_string().contains("hint: `rollcall ca init`"), "{missing}");
}

#[test]
fn the_status_tells_what_ends_when_and_warns_before() {
    let stage = Stage::new();
    let done = stage.status(0);
    assert!(done.text.contains("site lab in ") && done.text.contains("its keys are here"), "{}", done.text);
    assert!(done.text.contains("authorities of east") && done.text.contains("730 days"), "{}", done.text);
    assert_eq!((&done.document["warnings"], done.wrong), (&json!([]), None));
    assert_eq!(done.document["zones"][0]["bundle_is_current"], true);
    let soon = stage.status(729);
    assert!(soon.text.contains("warning: authorities of east ends in 1 day"), "{}", soon.text);
    assert_eq!(soon.wrong, None);
    let ended = stage.status(731);
    assert!(ended.wrong.unwrap().contains("announcer of east ended 20"));
}

#[test]
fn the_status_needs_no_keys_of_the_site() {
    let stage = Stage::new();
    std::fs::remove_file(stage.dir("site/root.key")).unwrap();
    assert!(stage.status(0).text.contains("its keys are elsewhere"));
}

#[test]
fn a_zone_is_renewed_under_its_own_name_only() {
    let stage = Stage::new();
    let later = UnixMillis(NOW.0 + 700 * DAY);
    let other = make_zone(&stage.dir("site"), &name("west"), &stage.dir("zone"), true, later).map(drop).unwrap_err();
    assert!(other.to_string().contains("is the zone east, not west"), "{other}");
    make_zone(&stage.dir("site"), &name("east"), &stage.dir("zone"), true, later).unwrap();
    assert_eq!(stage.status(731).wrong, None);
}

#[test]
fn a_rotation_goes_step_by_step_and_the_status_tells_the_next() {
    let stage = Stage::new();
    assert!(stage.rotate(Step::Switch, 0).is_err());
    assert_eq!(stage.rotate(Step::Begin, 0).unwrap().document["rotation"], "spreading");
    let text = stage.status(0).text;
    assert!(text.contains("next, from 2027-01-16 09:30 UTC: `rollcall ca rotate --switch`"), "{text}");
    let early = stage.rotate(Step::Switch, 0).map(drop).unwrap_err().to_string();
    assert!(early.contains("too early: 1530 more minutes"), "{early}");
    assert_eq!(stage.rotate(Step::Switch, 2).unwrap().document["rotation"], "switched");
    let done = stage.rotate(Step::Finish, 4).unwrap();
    assert_eq!(done.document["roots"].as_array().unwrap().len(), 1);
    assert_eq!(stage.status(4).document["site"]["rotation"], "none");
}

#[test]
fn the_brokers_files_are_made_and_not_overwritten_unasked() {
    let stage = Stage::new();
    let mut wanted = BrokerCertificate {
        zone_dir: stage.dir("zone"),
        names: vec!["mq.example".into()],
        ip: vec![IpAddr::from([10, 0, 0, 5])],
        out: stage.dir("tls"),
        days: 90,
        replace: false,
    };
    let done = broker::make(&wanted, NOW).unwrap();
    assert!(done.text.contains("ssl_options.keyfile"), "{}", done.text);
    let chain = std::fs::read_to_string(stage.dir("tls/cert.pem")).unwrap();
    let key = rollcall_identity::Key::load(&stage.dir("tls/key.pem")).unwrap();
    assert!(rollcall_identity::tls::Certified::new(&chain, &key).is_ok());
    let again = broker::make(&wanted, NOW).map(drop).unwrap_err().to_string();
    assert!(again.contains("--replace"), "{again}");
    wanted.replace = true;
    broker::make(&wanted, NOW).unwrap();
    assert_ne!(std::fs::read_to_string(stage.dir("tls/cert.pem")).unwrap(), chain);
    wanted.names = vec!["a b".into()];
    assert!(broker::make(&wanted, NOW).map(drop).unwrap_err().to_string().contains("is no DNS name"));
}

#[test]
fn a_missing_key_is_said_to_be_in_the_safe() {
    let source = std::io::Error::from(std::io::ErrorKind::NotFound);
    let error = SiteError::File(FileError::Read { path: "root.key".into(), source });
    assert!(site_failure(&error).to_string().contains("in the safe"));
}
