//! A site with a zone, for tests.

use std::path::{Path, PathBuf};

use rollcall_model::{CheckinId, GroupId, Name, NodeId, Principal, UnixMillis, ZoneId};
use rustls::pki_types::CertificateDer;

use crate::{Issue, Issued, Key, Names, Site, Validity, ZoneAuthority, make_csr, pem, serial};

/// The hour at which the site was made.
pub const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
pub const MINUTE: u64 = 60_000;
pub const DAY: u64 = 24 * 60 * MINUTE;

pub fn after(millis: u64) -> UnixMillis {
    UnixMillis(NOW.0 + millis)
}

pub fn before(millis: u64) -> UnixMillis {
    UnixMillis(NOW.0 - millis)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn zone() -> ZoneId {
    ZoneId::derived_from("east")
}

pub fn node() -> Principal {
    Principal::Node(NodeId::derived_from("n"))
}

pub fn everybody() -> [Principal; 5] {
    [
        node(),
        Principal::Group(GroupId::derived_from("g")),
        Principal::Checkin(CheckinId::derived_from("c")),
        Principal::Zone(zone()),
        Principal::User(name("ada.l")),
    ]
}

pub struct Stage {
    pub root: tempfile::TempDir,
    pub site: Site,
    pub authority: ZoneAuthority,
}

impl Stage {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let site = Site::create(&root.path().join("site"), &name("lab"), NOW).unwrap();
        let zone_dir = root.path().join("zone");
        site.make_zone(&name("east"), &zone_dir, NOW).unwrap();
        let authority = ZoneAuthority::load(&zone_dir).unwrap();
        Self { root, site, authority }
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn site_dir(&self) -> PathBuf {
        self.dir("site")
    }

    pub fn zone_dir(&self) -> PathBuf {
        self.dir("zone")
    }

    pub fn issue(&self, principal: &Principal) -> (Issued, Key) {
        issue_with(&self.authority, principal, Validity::leaf(NOW))
    }
}

pub fn issue_with(authority: &ZoneAuthority, principal: &Principal, validity: Validity) -> (Issued, Key) {
    let key = Key::generate().unwrap();
    let names = Names { dns: vec!["localhost".into()], ips: vec!["127.0.0.1".parse().unwrap()] };
    let none = Names::default();
    let names = if matches!(principal, Principal::Zone(_)) { &names } else { &none };
    let csr_pem = make_csr(&key).unwrap();
    let serial = serial::draw().unwrap();
    let issue = Issue { principal, zone: zone(), user: None, csr_pem: &csr_pem, serial, validity, names };
    (authority.issue(&issue).unwrap(), key)
}

pub fn chain(issued: &Issued) -> Vec<CertificateDer<'static>> {
    pem::certificates(&issued.chain_pem).unwrap()
}

pub fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
