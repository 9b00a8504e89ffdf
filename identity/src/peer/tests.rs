use proptest::prelude::*;
use rollcall_model::NodeId;

use super::*;
use crate::csr::make_csr;
use crate::issuer::file_names;
use crate::stage::{DAY, MINUTE, NOW, Stage, after, before, chain, everybody, issue_with, name, node, zone};
use crate::{Key, Names, Validity, ZoneAuthority};

fn serial() -> Serial {
    "0101".parse().unwrap()
}

fn verifier(stage: &Stage) -> Verifier {
    Verifier::new(stage.site.bundle(), &name("east"), zone()).unwrap()
}

#[test]
fn everybody_is_recognised_by_their_chain() {
    let stage = Stage::new();
    for principal in everybody() {
        let (issued, _) = stage.issue(&principal);
        let peer = verifier(&stage).identify(&chain(&issued), NOW).unwrap();
        assert_eq!(peer.user, principal.user_in(zone()));
        assert_eq!((peer.principal, peer.serial), (principal, issued.serial));
        assert_eq!(peer.not_after, after(Validity::LEAF));
    }
}

#[test]
fn a_certificate_counts_from_a_while_before_to_a_day_after() {
    let stage = Stage::new();
    let chain = chain(&stage.issue(&node()).0);
    let verifier = verifier(&stage);
    let reason = |at| verifier.identify(&chain, at).err().map(|error| error.reason());
    assert_eq!(reason(before(91 * MINUTE)), Some("certificate_not_yet_valid"));
    assert_eq!(reason(before(90 * MINUTE)), None);
    assert_eq!(reason(after(DAY)), None);
    assert_eq!(reason(after(DAY + 1000)), Some("certificate_expired"));
}

#[test]
fn only_the_certificate_and_its_own_intermediate_are_taken() {
    let stage = Stage::new();
    let (nodes, users) = (chain(&stage.issue(&node()).0), chain(&stage.issue(&everybody()[4]).0));
    let verifier = verifier(&stage);
    let reason = |chain: &[CertificateDer<'_>]| verifier.identify(chain, NOW).unwrap_err().reason();
    assert_eq!(reason(&[]), "malformed_certificate");
    assert_eq!(reason(&nodes[..1]), "malformed_certificate");
    assert_eq!(reason(&[nodes.clone(), users.clone()].concat()), "malformed_certificate");
    assert_eq!(reason(&[nodes[0].clone(), users[1].clone()]), "untrusted_certificate");
    assert_eq!(reason(&[nodes[1].clone(), stage.site.bundle().roots()[0].clone()]), "untrusted_certificate");
    assert_eq!(reason(&[nodes[0].clone(), b"x".to_vec().into()]), "malformed_certificate");
}

#[test]
fn another_site_is_not_trusted_and_another_zone_not_meant() {
    let (stage, other) = (Stage::new(), Stage::new());
    let stranger = chain(&other.issue(&node()).0);
    let verifier = verifier(&stage);
    assert_eq!(verifier.identify(&stranger, NOW).unwrap_err().reason(), "untrusted_certificate");
    // A sister zone of the same site, whose authority names this zone's principals.
    stage.site.make_zone(&name("west"), &stage.dir("west"), NOW).unwrap();
    let west = ZoneAuthority::load(&stage.dir("west")).unwrap();
    let sister = chain(&issue_with(&west, &node(), Validity::leaf(NOW)).0);
    assert_eq!(verifier.identify(&sister, NOW), Err(PeerError::OtherZone(node().user_in(zone()))));
    let elsewhere = Verifier::new(stage.site.bundle(), &name("east"), ZoneId::derived_from("other")).unwrap();
    assert_eq!(elsewhere.identify(&chain(&stage.issue(&node()).0), NOW).unwrap_err().reason(), "other_zone");
}

/// The authority of one kind, given the files of another, as whoever stole them would use it.
#[test]
fn a_stolen_authority_speaks_for_its_own_kind_only() {
    let stage = Stage::new();
    for (principal, thief) in
        [(0, Authority::Services), (0, Authority::Users), (3, Authority::Nodes), (4, Authority::Nodes)]
    {
        let principal = &everybody()[principal];
        let [certificate, key] = file_names(thief).map(|file| stage.zone_dir().join(file));
        let authority = pem_of(&certificate);
        let issuer = rcgen::Issuer::from_ca_cert_der(&authority, Key::load(&key).unwrap()).unwrap();
        let validity = Validity::leaf(NOW);
        let user = principal.user_in(zone());
        let mut parameters = certificate::parameters(
            &[(rcgen::DnType::CommonName, &user)],
            &serial(),
            validity.not_before,
            validity.not_after,
        );
        parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = parameters.signed_by(&Key::generate().unwrap(), &issuer).unwrap().der().clone();
        let refused = verifier(&stage).identify(&[leaf, authority], NOW).unwrap_err();
        assert_eq!(refused, PeerError::WrongAuthority { user, authority: thief.as_str() });
    }
}

fn pem_of(path: &std::path::Path) -> CertificateDer<'static> {
    crate::pem::certificates(&std::fs::read_to_string(path).unwrap()).unwrap().remove(0)
}

#[test]
fn the_brokers_certificate_is_nobody() {
    let stage = Stage::new();
    let csr = make_csr(&Key::generate().unwrap()).unwrap();
    let names = Names { dns: vec!["broker.example".into()], ips: Vec::new() };
    let issued = stage.authority.issue_server(&name("broker"), &names, &csr, serial(), Validity::leaf(NOW)).unwrap();
    assert_eq!(verifier(&stage).identify(&chain(&issued), NOW).unwrap_err().reason(), "untrusted_certificate");
}

#[test]
fn a_leaf_signed_by_the_root_itself_is_not_taken() {
    let stage = Stage::new();
    let root = stage.site.bundle().roots()[0].clone();
    let key = Key::load(&stage.site_dir().join("root.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(&root, key).unwrap();
    let user = Principal::Node(NodeId::derived_from("n")).user_in(zone());
    let Validity { not_before, not_after } = Validity::leaf(NOW);
    let subject = [(rcgen::DnType::CommonName, user.as_str())];
    let mut parameters = certificate::parameters(&subject, &serial(), not_before, not_after);
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = parameters.signed_by(&Key::generate().unwrap(), &issuer).unwrap().der().clone();
    let nodes = chain(&stage.issue(&node()).0).remove(1);
    for beside in [nodes, root] {
        assert!(verifier(&stage).identify(&[leaf.clone(), beside], NOW).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_changed_chain_is_nobodys(which in 0..2usize, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        thread_local!(static STAGE: (Verifier, Vec<CertificateDer<'static>>) = {
            let stage = Stage::new();
            (verifier(&stage), chain(&stage.issue(&node()).0))
        });
        STAGE.with(|(verifier, chain)| {
            let mut changed: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
            let at = at.index(changed[which].len());
            changed[which][at] ^= 1 << bit;
            let changed: Vec<CertificateDer<'_>> = changed.into_iter().map(Into::into).collect();
            prop_assert!(verifier.identify(&changed, NOW).is_err());
            Ok(())
        })?;
    }
}
