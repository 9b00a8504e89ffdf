//! Joining and renewing against a zone over real TLS.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod zone;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rollcall_enrolment::{EnrolError, ensure, keep_fresh, load};
use rollcall_identity::tls::Clients;
use tokio::sync::watch;

use self::zone::{Does, Zone, eventually, node};

#[tokio::test]
async fn a_node_joins_once_and_is_itself_after_a_restart() {
    let zone = Zone::new();
    let token = zone.give_token();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    let settings = zone.settings();
    let identity = ensure(&settings, &api).await.unwrap();
    let first = identity.credentials();
    assert!(first.user.starts_with(&format!("{}@", node())), "{}", first.user);
    let body = zone.fake.lock().unwrap().seen[0].1.clone();
    assert_eq!(body["token"], token);
    assert_eq!((&body["name"], &body["place"]), (&"web-3".into(), &"rack-a".into()));
    let key = settings.directory.join("key.pem");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{identity:?}").contains("PRIVATE"));

    let again = ensure(&settings, "127.0.0.1:1").await.unwrap();
    assert_eq!(again.credentials(), first, "nobody had to be asked");
    assert_eq!(zone.paths(), ["join"]);
}

#[tokio::test]
async fn a_refusal_says_why_and_what_to_do() {
    let zone = Zone::new();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    for (reason, hint) in [("no_token", "token create --for node --name web-3"), ("wrong_place", "rack-a")] {
        zone.set(Does::Refuses(reason));
        let error = ensure(&zone.settings(), &api).await.unwrap_err();
        assert_eq!(error.reason(), reason);
        assert!(error.to_string().contains(hint), "{error}");
    }
    std::fs::write(zone.path("token"), "rct1_zz").unwrap();
    let error = ensure(&zone.settings(), &api).await.unwrap_err();
    assert!(error.to_string().contains("chmod 0600"), "{error}");
    rollcall_identity::files::write_secret(&zone.path("token"), "rct1_zz").unwrap();
    let error = ensure(&zone.settings(), &api).await.unwrap_err();
    assert_eq!(error.reason(), "bad_token_file");
    assert!(!error.to_string().contains("zz"));
}

#[tokio::test]
async fn whoever_waits_for_approval_goes_on_waiting_after_a_restart() {
    let zone = Zone::new();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    zone.set(Does::Holds);
    let settings = zone.settings();
    let waiting = tokio::time::timeout(Duration::from_millis(2500), ensure(&settings, &api)).await;
    assert!(waiting.is_err(), "it waits");
    assert_eq!(zone.paths()[..2], ["join", "collect"]);
    zone.set(Does::Grants);
    let identity = ensure(&settings, &api).await.unwrap();
    assert_eq!(zone.paths().iter().filter(|path| *path == "join").count(), 1, "it asked to be let in once");
    assert!(identity.credentials().user.starts_with("node."));
}

#[tokio::test]
async fn a_denied_join_is_told() {
    let zone = Zone::new();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    zone.set(Does::Holds);
    let settings = zone.settings();
    let _ = tokio::time::timeout(Duration::from_millis(300), ensure(&settings, &api)).await;
    zone.set(Does::Refuses("x"));
    let error = ensure(&settings, &api).await.unwrap_err();
    assert!(error.to_string().contains("no room in this rack"), "{error}");
}

#[tokio::test]
async fn a_zone_of_another_site_or_name_is_told_apart() {
    let (zone, other) = (Zone::new(), Zone::new());
    let foreign = other.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    let error = ensure(&zone.settings(), &foreign).await.unwrap_err();
    assert!(matches!(error, EnrolError::WrongRoot { .. }), "{error}");
    let elsewhere = zone.serve(Clients::MayBeStrangers, "127.0.0.9").await;
    let error = ensure(&zone.settings(), &elsewhere).await.unwrap_err();
    assert!(matches!(error, EnrolError::WrongName { .. }), "{error}");
    assert!(zone.paths().is_empty() && other.paths().is_empty(), "no token was shown to anybody");
}

#[tokio::test]
async fn a_certificate_for_somebody_else_is_not_taken() {
    let zone = Zone::new();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    zone.set(Does::Mistakes);
    let error = ensure(&zone.settings(), &api).await.unwrap_err();
    assert_eq!(error.reason(), "bad_grant", "{error}");
    assert!(load(&zone.settings()).unwrap().is_none());
}

#[tokio::test]
async fn a_zone_that_is_away_or_busy_is_asked_again() {
    let zone = Zone::new();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    zone.set(Does::IsBusy);
    let settings = zone.settings();
    let joining = tokio::spawn(async move { ensure(&settings, &api).await });
    eventually("a second try", || zone.paths().len() >= 2).await;
    zone.set(Does::Grants);
    joining.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_certificate_is_renewed_over_mutual_tls_and_everybody_is_told() {
    let zone = Zone::new();
    zone.give_token();
    let (open, known) =
        (zone.serve(Clients::MayBeStrangers, "127.0.0.1").await, zone.serve(Clients::MustBeKnown, "127.0.0.1").await);
    // Five minutes of its life lie behind a certificate when it is made, so that this one is to be renewed at once.
    zone.fake.lock().unwrap().life = 60_000;
    let identity = ensure(&zone.settings(), &open).await.unwrap();
    let first = identity.credentials();
    let mut told = identity.watch();
    zone.set(Does::IsBusy);
    let (api, heard) = watch::channel(Some(known.clone()));
    let checks = async {
        eventually("tries while the zone is busy", || zone.paths().len() >= 2).await;
        zone.fake.lock().unwrap().life = 24 * 3_600_000;
        zone.set(Does::Grants);
        told.changed().await.unwrap();
        let renewed = told.borrow_and_update().clone();
        assert!(renewed.expires > first.expires && renewed.key_pem == first.key_pem && renewed.user == first.user);
        assert_eq!(load(&zone.settings()).unwrap().unwrap().credentials(), renewed, "it is on disk");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let renewals = zone.paths().iter().filter(|path| *path == "renew").count();
        api.send(Some("127.0.0.1:1".into())).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(zone.paths().iter().filter(|path| *path == "renew").count(), renewals, "it is fresh");
    };
    tokio::select! {
        never = keep_fresh(&identity, heard) => match never {},
        () = checks => {}
    }
}

#[tokio::test]
async fn an_ended_certificate_is_joined_for_again_without_the_token_that_was_used() {
    let zone = Zone::new();
    zone.give_token();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    zone.fake.lock().unwrap().life = 1500;
    let identity = ensure(&zone.settings(), &api).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(load(&zone.settings()).unwrap().is_none(), "it has ended");
    zone.fake.lock().unwrap().life = 24 * 3_600_000;
    let mut told = identity.watch();
    let (_api, heard) = watch::channel(Some(api));
    tokio::select! {
        never = keep_fresh(&identity, heard) => match never {},
        changed = told.changed() => changed.unwrap(),
    }
    let seen = zone.fake.lock().unwrap().seen.clone();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].1["token"].is_string() && seen[1].1["token"].is_null(), "a token is shown once");
}

#[tokio::test]
async fn an_exchanged_bundle_file_counts_again() {
    let (zone, other) = (Zone::new(), Zone::new());
    zone.give_token();
    let api = zone.serve(Clients::MayBeStrangers, "127.0.0.1").await;
    let settings = zone.settings();
    ensure(&settings, &api).await.unwrap();
    std::fs::copy(other.path("site/site.pem"), &settings.bundle_file).unwrap();
    assert!(load(&settings).unwrap().is_none(), "the certificate is of another site now");
    let error = ensure(&settings, &api).await.unwrap_err();
    assert!(matches!(error, EnrolError::WrongRoot { .. }), "{error}");
}
