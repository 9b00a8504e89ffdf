use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::peer::Verifier;
use crate::stage::{DAY, NOW, Stage, after, chain, files, issue_with, name, node, zone};
use crate::{Announcer, ZoneAuthority};

#[test]
fn a_site_and_its_zone_have_their_files_and_secrets_are_secret() {
    let stage = Stage::new();
    assert_eq!(files(&stage.site_dir()), ["announce-root.key", "root.key", "site.pem"]);
    assert_eq!(
        files(&stage.zone_dir()),
        [
            "announcer.credential",
            "announcer.key",
            "nodes-ca.crt",
            "nodes-ca.key",
            "services-ca.crt",
            "services-ca.key",
            "site.pem",
            "users-ca.crt",
            "users-ca.key"
        ]
    );
    for directory in [stage.site_dir(), stage.zone_dir()] {
        for file in files(&directory).iter().filter(|file| file.ends_with(".key")) {
            let mode = directory.join(file).metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{file}");
        }
    }
    let again = Site::load(&stage.site_dir()).unwrap();
    assert_eq!((again.name(), again.bundle()), (&name("lab"), stage.site.bundle()));
    assert_eq!(stage.authority.zone_name(), &name("east"));
}

#[test]
fn nothing_is_overwritten() {
    let stage = Stage::new();
    let error = Site::create(&stage.site_dir(), &name("lab"), NOW).unwrap_err().to_string();
    assert!(error.ends_with("site.pem is there already and is not overwritten"), "{error}");
    let error = stage.site.make_zone(&name("east"), &stage.zone_dir(), NOW).unwrap_err().to_string();
    assert!(error.contains("nodes-ca.crt is there already"), "{error}");
}

#[test]
fn a_foreign_root_key_is_refused() {
    let (stage, other) = (Stage::new(), Stage::new());
    for file in ["root.key", "announce-root.key"] {
        let kept = std::fs::read(stage.site_dir().join(file)).unwrap();
        std::fs::copy(other.site_dir().join(file), stage.site_dir().join(file)).unwrap();
        let error = Site::load(&stage.site_dir()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("{file} does not belong to the site.pem beside it")), "{error}");
        std::fs::write(stage.site_dir().join(file), kept).unwrap();
    }
    assert!(matches!(
        stage.site.make_zone(&name("z"), &stage.dir("z"), after(4000 * DAY)),
        Err(SiteError::RootExpired)
    ));
}

#[test]
fn a_renewed_zone_goes_on_and_its_older_certificates_still_count() {
    let stage = Stage::new();
    let old = chain(&stage.issue(&node()).0);
    assert_eq!(stage.site.renew_zone(&stage.zone_dir(), after(DAY / 2)).unwrap(), name("east"));
    let renewed = ZoneAuthority::load(&stage.zone_dir()).unwrap();
    assert_eq!(renewed.expires(), after(DAY / 2 + ZONE_LIVES));
    assert!(Announcer::load(&stage.zone_dir()).is_ok());
    let verifier = Verifier::new(stage.site.bundle(), &name("east"), zone()).unwrap();
    assert!(verifier.identify(&old, after(DAY / 2)).is_ok());
}

#[test]
fn a_root_is_exchanged_and_at_no_step_is_anybody_locked_out() {
    let stage = Stage::new();
    let (site_dir, zone_dir) = (stage.site_dir(), stage.zone_dir());
    let zones = [zone_dir.as_path()];
    let identify = |bundle: &TrustBundle, chain: &[CertificateDer<'_>], now| {
        Verifier::new(bundle, &name("east"), zone()).unwrap().identify(chain, now).is_ok()
    };
    let issue = |now| chain(&issue_with(&ZoneAuthority::load(&zone_dir).unwrap(), &node(), Validity::leaf(now)).0);
    let old_bundle = stage.site.bundle().clone();
    let early = SiteError::TooEarly { minutes: 0 };

    assert!(matches!(Site::switch(&site_dir, &zones, NOW, true), Err(SiteError::Stage(_))));
    assert!(matches!(Site::finish_rotation(&site_dir, &zones, NOW, true), Err(SiteError::Stage(_))));

    let both = Site::begin_rotation(&site_dir, &zones, after(DAY)).unwrap().bundle().clone();
    assert_eq!(both.roots().len(), 2);
    assert_eq!(Rotation::of(&site_dir).unwrap(), Rotation::Spreading { since: after(DAY) });
    assert!(matches!(Site::begin_rotation(&site_dir, &zones, after(DAY)), Err(SiteError::Stage(_))));
    let spread = issue(after(DAY));
    assert!(identify(&old_bundle, &spread, after(DAY)), "whoever has not got the new bundle yet goes on");

    let refused = Site::switch(&site_dir, &zones, after(2 * DAY), false).unwrap_err();
    assert_eq!(std::mem::discriminant(&refused), std::mem::discriminant(&early), "{refused}");
    Site::switch(&site_dir, &zones, after(2 * DAY + Validity::SKEW), false).unwrap();
    assert_eq!(Rotation::of(&site_dir).unwrap(), Rotation::Switched { since: after(2 * DAY + Validity::SKEW) });
    assert!(Site::switch(&site_dir, &zones, after(3 * DAY), false).is_ok(), "a second time changes nothing more");
    let switched = issue(after(3 * DAY));
    assert!(identify(&both, &switched, after(3 * DAY)) && identify(&both, &spread, after(2 * DAY)));
    assert!(!identify(&old_bundle, &switched, after(3 * DAY)), "it stands under the new root");
    assert!(both.knows(Announcer::load(&zone_dir).unwrap().ca()));

    assert!(matches!(Site::finish_rotation(&site_dir, &zones, after(3 * DAY), false), Err(SiteError::TooEarly { .. })));
    let only = Site::finish_rotation(&site_dir, &zones, after(4 * DAY), false).unwrap().bundle().clone();
    assert_eq!(only.roots().len(), 1);
    assert!(identify(&only, &switched, after(4 * DAY)) && !identify(&only, &spread, after(2 * DAY)));
    assert_eq!(files(&site_dir), ["announce-root.key", "root.key", "site.pem"]);
    assert_eq!(Rotation::of(&site_dir).unwrap(), Rotation::None);
    assert!(ZoneAuthority::load(&zone_dir).is_ok() && Announcer::load(&zone_dir).is_ok());
}

#[test]
fn an_interrupted_switch_is_done_again() {
    for renamed in 1..=4 {
        let stage = Stage::new();
        let (site_dir, zone_dir) = (stage.site_dir(), stage.zone_dir());
        Site::begin_rotation(&site_dir, &[&zone_dir], NOW).unwrap();
        let steps = [
            ["announce-root.key", "announce-root.old.key"],
            ["announce-root.next.key", "announce-root.key"],
            ["root.key", "root.old.key"],
            ["root.next.key", "root.key"],
        ];
        for [from, to] in &steps[..renamed] {
            std::fs::rename(site_dir.join(from), site_dir.join(to)).unwrap();
        }
        Site::switch(&site_dir, &[&zone_dir], after(2 * DAY), false).unwrap();
        Site::finish_rotation(&site_dir, &[&zone_dir], after(4 * DAY), false).unwrap();
        assert!(ZoneAuthority::load(&zone_dir).is_ok() && Announcer::load(&zone_dir).is_ok(), "{renamed}");
    }
}

#[test]
fn the_old_root_is_not_dropped_while_a_zone_stands_under_it() {
    let stage = Stage::new();
    let (site_dir, zone_dir) = (stage.site_dir(), stage.zone_dir());
    Site::begin_rotation(&site_dir, &[&zone_dir], NOW).unwrap();
    Site::switch(&site_dir, &[], after(2 * DAY), false).unwrap();
    let refused = Site::finish_rotation(&site_dir, &[&zone_dir], after(4 * DAY), false).unwrap_err();
    assert!(matches!(refused, SiteError::OldRoot { .. }), "{refused}");
    assert!(ZoneAuthority::load(&zone_dir).is_ok());
}
