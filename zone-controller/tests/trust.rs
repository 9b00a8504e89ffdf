//! The zone's core and its store together: what was decided about trust holds after the zone controller was started
//! again from what is saved.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{
    InstanceId, Millis, Name, NodeId, Now, Principal, Purpose, Role, Serial, Sha256, Tick, TokenKind, UnixMillis,
    ZoneId,
};
use rollcall_store::{AskLimits, AuditMark, AuditStep, Change, Store};
use rollcall_zone_controller::core::{
    Admission, Applicant, Command, Effect, Grant, JoinAnswer, Rejection, Settings, TablePolicy, Trust, TrustSettings,
    Zone,
};
use serde_json::{Value, json};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn at(seconds: u64) -> Now {
    Now { tick: Tick(seconds * 1_000), wall: UnixMillis(1_700_000_000_000 + seconds * 1_000) }
}

fn node(of: &str) -> Principal {
    Principal::Node(NodeId::derived_from(of))
}

fn digest(of: &str) -> Sha256 {
    Sha256::of(of.as_bytes())
}

fn serial(number: u32) -> Serial {
    format!("{number:08x}").parse().unwrap()
}

fn settings() -> Settings {
    Settings {
        zone: ZoneId::derived_from("z"),
        name: name("z"),
        instance: InstanceId::derived_from("run"),
        addresses: vec![],
        broker: BrokerEndpoint { host: "b".into(), port: 5671, vhost: "v".into() },
        api: "a:1".into(),
        channels: Purpose::standard().into_iter().chain(Purpose::new("security")).collect(),
        admission: Admission { groups: vec!["rack-*".into()] },
        table: TablePolicy { create_unknown: true, ..TablePolicy::default() },
        keep_alive: Millis(1_000),
        places: vec![],
        trust: TrustSettings::default(),
        succession: None,
    }
}

/// A zone that is started anew from its store before every command.
struct Restless(Store);

impl Restless {
    async fn new() -> Self {
        Self(Store::open("sqlite::memory:").await.unwrap())
    }

    async fn save(&self, effects: &[Effect]) {
        let saves = effects.iter().filter_map(|effect| match effect {
            Effect::Save(change) => Some(change.clone()),
            _ => None,
        });
        self.0.commit(&saves.collect::<Vec<Change>>()).await.unwrap();
    }

    async fn command(&self, now: Now, command: Command) -> Result<Value, Rejection> {
        let (mut zone, first) = Zone::start(now, settings(), self.0.load().await.unwrap());
        self.save(&first).await;
        let effects = zone.command(now, 1, command);
        self.save(&effects).await;
        match effects.into_iter().last() {
            Some(Effect::Answer { result, .. }) => result,
            other => panic!("{other:?}"),
        }
    }

    async fn trust(&self, now: Now, command: Trust) -> Result<Value, Rejection> {
        self.command(now, Command::Trust(Box::new(command))).await
    }

    async fn token(&self, now: Now, text: &str, of: &str) {
        let (hash, name, life) = (digest(text), Some(name(of)), Millis(600_000));
        let (kind, place, not_before, by) = (TokenKind::Node, None, None, "ada".into());
        self.trust(now, Trust::CreateToken { hash, kind, name, place, not_before, life, by }).await.unwrap();
    }

    async fn join(&self, now: Now, applicant: Applicant) -> Result<JoinAnswer, String> {
        let answer = self.trust(now, Trust::Join(applicant)).await;
        answer.map(|answer| serde_json::from_value(answer).unwrap()).map_err(|it| it.reason.unwrap())
    }

    async fn renew(&self, now: Now, of: &str, presented: u32, number: u32) -> Result<Grant, String> {
        let (principal, presented, serial) = (node(of), serial(presented), serial(number));
        let (key, origin) = (digest(&format!("key {number}")), "10.0.0.9".into());
        let answer = self.trust(now, Trust::Renew { principal, presented, key, serial, origin }).await;
        answer.map(|answer| serde_json::from_value(answer).unwrap()).map_err(|it| it.reason.unwrap())
    }

    async fn one(&self, sql: &str) -> Value {
        self.0.ask(sql, AskLimits::default()).await.unwrap().rows[0][0].clone()
    }
}

fn applicant(of: &str, token: &str, number: u32) -> Applicant {
    Applicant {
        principal: node(of),
        name: name(of),
        place: None,
        address: None,
        origin: "10.0.0.9".into(),
        key: digest(&format!("key of {of}")),
        csr: "a request".into(),
        token: (!token.is_empty()).then(|| digest(token)),
        serial: serial(number),
    }
}

const HOUR: u64 = 3_600;

#[tokio::test]
async fn tokens_certificates_and_revocations_outlive_the_zone_controller() {
    let zone = Restless::new().await;
    zone.token(at(0), "t", "web-1").await;
    let Ok(JoinAnswer::Issued(first)) = zone.join(at(1), applicant("web-1", "t", 1)).await else { panic!("issued") };
    // The answer was lost, and the zone controller died.
    let again = zone.join(at(2), applicant("web-1", "t", 2)).await;
    assert_eq!(again, Ok(JoinAnswer::Issued(Grant { repeated: true, ..first })));
    let thief = Applicant { key: digest("thief's"), ..applicant("web-1", "t", 3) };
    assert_eq!(zone.join(at(3), thief).await, Err("token_used".into()));
    let copied = Applicant { key: digest("key of web-1"), ..applicant("web-2", "", 3) };
    assert_eq!(zone.join(at(3), copied).await, Err("key_in_use".into()));

    let renewed = zone.renew(at(14 * HOUR), "web-1", 1, 4).await.unwrap();
    assert_eq!(zone.renew(at(14 * HOUR + 5), "web-1", 1, 4).await, Ok(Grant { repeated: true, ..renewed }));
    zone.token(at(15 * HOUR), "ready", "web-1").await;
    let revoke = Trust::Revoke { whom: "web-1".into(), reason: "stolen".into(), by: "ada".into() };
    let told = zone.trust(at(15 * HOUR), revoke.clone()).await.unwrap();
    assert_eq!((&told["certificates"], &told["already"]), (&json!(2), &json!(false)));
    assert_eq!(zone.trust(at(15 * HOUR), revoke).await.unwrap()["already"], true);
    assert_eq!(zone.renew(at(16 * HOUR), "web-1", 4, 5).await, Err("revoked".into()));
    assert_eq!(zone.join(at(15 * HOUR + 9), applicant("web-1", "ready", 6)).await, Err("token_revoked".into()));
    assert!(zone.0.is_revoked(&node("web-1"), &serial(4)).await.unwrap());

    zone.token(at(17 * HOUR), "lifts", "web-1").await;
    assert!(zone.join(at(17 * HOUR), applicant("web-1", "lifts", 7)).await.is_ok());
    assert_eq!(zone.renew(at(18 * HOUR), "web-1", 4, 8).await, Err("replaced".into()));
    assert!(zone.renew(at(18 * HOUR), "web-1", 7, 9).await.is_ok());
    assert_eq!(zone.one("SELECT count(*) FROM v_revoked").await, 0);
}

#[tokio::test]
async fn joins_wait_through_a_restart_and_everything_done_is_in_a_whole_log() {
    let zone = Restless::new().await;
    let document = "[join]\nunknown = \"hold\"\n".to_owned();
    let by = || "ada".into();
    zone.command(at(0), Command::SetPolicy { document, comment: String::new(), by: by(), dry_run: false })
        .await
        .unwrap();
    let Ok(JoinAnswer::Pending { join }) = zone.join(at(1), applicant("web-1", "", 1)).await else { panic!("held") };
    assert_eq!(zone.join(at(2), applicant("web-1", "", 2)).await, Ok(JoinAnswer::Pending { join }));
    zone.trust(at(3), Trust::ApproveJoin { join, by: by() }).await.unwrap();
    let collect = |number| Trust::Collect { join, serial: serial(number) };
    let first = zone.trust(at(4), collect(3)).await.unwrap();
    let again = zone.trust(at(5), collect(4)).await.unwrap();
    assert_eq!(
        (&first["serial"], &again["serial"], &again["repeated"]),
        (&json!(serial(3)), &json!(serial(3)), &json!(true))
    );
    assert_eq!(zone.one("SELECT state FROM v_joins").await, "issued");
    let set =
        |role| Trust::SetUser { name: name("ada"), role, token: Some(digest("secret")), serial: serial(9), by: by() };
    zone.trust(at(6), set(Role::Administrator)).await.unwrap();
    assert!(zone.trust(at(7), set(Role::Viewer)).await.is_err(), "the last administrator");
    assert_eq!(zone.0.user_of_token(&digest("secret")).await.unwrap().unwrap().role, Role::Administrator);

    let log = zone.0.ask("SELECT action FROM v_audit ORDER BY seq", AskLimits::default()).await.unwrap().rows;
    assert_eq!(log, [["policy_set"], ["join_approved"], ["certificate_issued"], ["user_set"]]);
    let step = zone.0.verify_audit(AuditMark::default()).await.unwrap();
    assert!(matches!(step, AuditStep::Whole(AuditMark { seq: 4, .. })), "{step:?}");
}
