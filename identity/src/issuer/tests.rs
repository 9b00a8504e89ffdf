use std::process::Command;

use x509_parser::extensions::GeneralName;

use super::*;
use crate::stage::{DAY, NOW, Stage, after, before, chain, everybody, issue_with, name, node, zone};
use crate::{AnnounceKey, make_csr};

fn serial() -> Serial {
    "0101".parse().unwrap()
}

#[test]
fn the_server_sets_every_name() {
    let stage = Stage::new();
    for principal in everybody() {
        let (issued, _) = stage.issue(&principal);
        let chain = chain(&issued);
        let leaf = certificate::parse(&chain[0]).unwrap();
        let facts = Facts::of_chain(&issued.chain_pem).unwrap();
        assert_eq!(facts.common_name, principal.user_in(zone()));
        assert_eq!(issued.user, facts.common_name);
        assert_eq!(facts.serial, Some(issued.serial));
        assert_eq!(facts.not_before, before(Validity::SKEW));
        assert_eq!(facts.not_after, after(Validity::LEAF));
        assert!(!leaf.is_ca());
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        let serves = matches!(principal, Principal::Zone(_));
        assert!(usage.client_auth && usage.server_auth == serves, "{principal}");
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        let uri = format!("rollcall:{principal}");
        assert!(names.contains(&GeneralName::URI(&uri)), "{names:?}");
        assert_eq!(names.len(), if serves { 3 } else { 1 });
    }
}

#[test]
fn a_certificate_never_outlives_its_authority() {
    let stage = Stage::new();
    let (issued, _) = issue_with(&stage.authority, &node(), Validity::from(NOW, 9999 * DAY));
    assert_eq!(issued.validity.not_after, stage.authority.expires());
    let late = Validity::leaf(UnixMillis(stage.authority.expires().0 + DAY));
    let csr_pem = make_csr(&Key::generate().unwrap()).unwrap();
    let (principal, names, serial) = (node(), Names::default(), serial());
    let mut issue = Issue {
        principal: &principal,
        zone: zone(),
        user: None,
        csr_pem: &csr_pem,
        serial,
        validity: late,
        names: &names,
    };
    assert_eq!(stage.authority.issue(&issue), Err(IssueError::AuthorityExpired { authority: "nodes" }));
    issue.validity = Validity { not_before: NOW, not_after: NOW };
    assert_eq!(stage.authority.issue(&issue), Err(IssueError::BadValidity));
}

#[test]
fn names_that_cannot_stand_in_a_certificate_are_refused() {
    let stage = Stage::new();
    let csr_pem = make_csr(&Key::generate().unwrap()).unwrap();
    let long = Principal::User(name(&"x".repeat(63)));
    let names = Names::default();
    let issue = Issue {
        principal: &long,
        zone: zone(),
        user: None,
        csr_pem: &csr_pem,
        serial: serial(),
        validity: Validity::leaf(NOW),
        names: &names,
    };
    assert!(matches!(stage.authority.issue(&issue), Err(IssueError::NameTooLong(_))));
    for bad in ["", "127.0.0.1", "a b", "*", "ü.example", "a..b", &"x".repeat(300)] {
        let names = Names { dns: vec![bad.to_owned()], ips: Vec::new() };
        let refused =
            stage.authority.issue_server(&name("broker"), &names, &csr_pem, serial(), Validity::leaf(NOW)).unwrap_err();
        assert_eq!(refused.reason(), "bad_name", "{bad}");
    }
}

#[test]
fn a_zone_directory_that_does_not_fit_together_is_refused_with_the_file() {
    let stage = Stage::new();
    let other = Stage::new();
    let broken = |file: &str, from: PathBuf, said: &str| {
        let directory = stage.dir(&format!("broken-{file}"));
        std::fs::create_dir(&directory).unwrap();
        for name in crate::stage::files(&stage.zone_dir()) {
            std::fs::copy(stage.zone_dir().join(&name), directory.join(&name)).unwrap();
        }
        std::fs::copy(from, directory.join(file)).unwrap();
        let error = ZoneAuthority::load(&directory).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(said), "{error}");
    };
    broken("nodes-ca.crt", stage.zone_dir().join("users-ca.crt"), "not the authority of this kind");
    broken("users-ca.key", stage.zone_dir().join("nodes-ca.key"), "");
    broken("services-ca.crt", other.zone_dir().join("services-ca.crt"), "does not belong to the key");
    broken("nodes-ca.key", stage.zone_dir().join("announcer.key"), "no private key of kind ECDSA P-256");
    broken("site.pem", stage.zone_dir().join("nodes-ca.crt"), "not a root");
    let directory = stage.dir("broken-site");
    std::fs::create_dir(&directory).unwrap();
    for name in crate::stage::files(&stage.zone_dir()) {
        std::fs::copy(stage.zone_dir().join(&name), directory.join(&name)).unwrap();
    }
    std::fs::copy(other.site_dir().join("site.pem"), directory.join("site.pem")).unwrap();
    let error = ZoneAuthority::load(&directory).unwrap_err().to_string();
    assert!(error.contains("none of the roots in site.pem signed it"), "{error}");
    let error = crate::Announcer::load(&directory).unwrap_err().to_string();
    assert!(error.contains("none of the roots"), "{error}");
}

#[test]
fn an_announcer_with_another_key_or_credential_is_refused() {
    let stage = Stage::new();
    assert!(crate::Announcer::load(&stage.zone_dir()).is_ok());
    AnnounceKey::generate().unwrap().save(&stage.zone_dir().join("announcer.key")).unwrap();
    let error = crate::Announcer::load(&stage.zone_dir()).unwrap_err().to_string();
    assert!(error.contains("does not belong to announcer.key"), "{error}");
    std::fs::write(stage.zone_dir().join("announcer.credential"), "AAAA").unwrap();
    let error = crate::Announcer::load(&stage.zone_dir()).unwrap_err().to_string();
    assert!(error.contains("announcer.credential: it is no credential"), "{error}");
}

/// OpenSSL is what Erlang's side of things resembles most; where it is not installed there is nothing to compare with.
#[test]
fn openssl_agrees_with_our_chains() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let stage = Stage::new();
    std::fs::write(stage.dir("roots.pem"), stage.site.bundle().roots_pem()).unwrap();
    for (principal, purpose) in
        everybody().iter().zip(["sslclient", "sslclient", "sslclient", "sslserver", "sslclient"])
    {
        let (issued, _) = stage.issue(principal);
        std::fs::write(stage.dir("chain.pem"), &issued.chain_pem).unwrap();
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-purpose", purpose, "-attime", &(NOW.0 / 1000).to_string(), "-CAfile"])
            .args([stage.dir("roots.pem"), "-untrusted".into(), stage.dir("chain.pem"), stage.dir("chain.pem")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{principal}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
