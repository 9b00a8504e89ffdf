//! From a token to a certificate to being thrown out; and the log of all that.

use std::time::Duration;

use reqwest::Method;
use rollcall_identity::csr::make_csr_naming;
use rollcall_identity::{Key, make_csr};
use rollcall_model::{NodeId, Principal};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::secure::{Holder, Secure, now};

struct Joiner {
    key: Key,
    principal: Principal,
}

fn joiner(id: &str) -> Joiner {
    Joiner { key: Key::generate().unwrap(), principal: Principal::Node(NodeId::derived_from(id)) }
}

impl Joiner {
    fn asks(&self, name: &str, token: Option<&str>) -> Value {
        let csr = make_csr(&self.key).unwrap();
        json!({ "csr": csr, "principal": self.principal, "name": name, "place": "rack-a", "token": token })
    }

    async fn join(&self, stage: &Secure, name: &str, token: Option<&str>) -> (u16, Value) {
        stage.post(&stage.stranger(), "/v1/join", self.asks(name, token)).await
    }

    fn holder(self, answer: &Value) -> Holder {
        Holder { key: self.key, chain: answer["certificate"].as_str().expect("a certificate").to_owned() }
    }
}

fn reason(problem: &Value) -> &str {
    problem["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_token_lets_one_node_in_once_under_its_name() {
    let stage = Secure::up().await;
    let (code, problem) = joiner("n").join(&stage, "web-1", None).await;
    assert_eq!((code, reason(&problem)), (403, "no_token"), "{problem}");
    let token = stage.token(json!({ "for": "node", "name": "web-1", "ttl_s": 60 })).await;
    let node = joiner("n");
    for (asked, expected) in [
        (node.join(&stage, "web-2", Some(&token)).await, "wrong_name"),
        (node.join(&stage, "web-1", Some(&token.replace("rct1", "rcu1"))).await, "token_malformed"),
        (node.join(&stage, "web-1", Some(&format!("rct1_{}", "0".repeat(64)))).await, "token_unknown"),
    ] {
        assert_eq!((asked.0, reason(&asked.1)), (403, expected), "{}", asked.1);
        assert!(!asked.1.to_string().contains(&token[5..]), "no token is told");
    }
    let group = json!({ "csr": make_csr(&node.key).unwrap(), "name": "rack-z", "token": token,
                        "principal": Principal::Group(rollcall_model::GroupId::derived_from("g")) });
    let (code, problem) = stage.post(&stage.stranger(), "/v1/join", group).await;
    assert_eq!((code, reason(&problem)), (403, "wrong_kind"), "{problem}");
    let another = make_csr_naming(&node.key, Some(&joiner("m").principal.to_string())).unwrap();
    let named = json!({ "csr": another, "principal": node.principal, "name": "web-1", "token": token });
    let (code, problem) = stage.post(&stage.stranger(), "/v1/join", named).await;
    assert_eq!((code, reason(&problem)), (422, "csr_names_another"), "{problem}");

    let (code, given) = node.join(&stage, "web-1", Some(&token)).await;
    assert_eq!(
        (code, &given["state"], &given["principal"]),
        (201, &json!("issued"), &json!(node.principal)),
        "{given}"
    );
    assert_eq!(given["user"], node.principal.user_in(stage.zone));
    assert_eq!(given["bundle"], stage.authority.bundle().to_pem());
    let life = given["expires"].as_u64().unwrap() - now().0;
    assert!((23 * 3_600_000..=24 * 3_600_000).contains(&life), "{life}");
    let (code, again) = node.join(&stage, "web-1", Some(&token)).await;
    assert_eq!((code, &again["expires"]), (200, &given["expires"]), "the answer was lost and is asked for again");
    let (code, problem) = joiner("m").join(&stage, "web-1", Some(&token)).await;
    assert_eq!((code, reason(&problem)), (403, "token_used"), "{problem}");

    let (_, tokens) = stage.get(&stage.administrator(), "/v1/tokens").await;
    assert_eq!((&tokens[0]["state"], &tokens[0]["used_by"]), (&json!("used"), &json!(node.principal)), "{tokens}");
    let node = stage.certified(&node.holder(&given));
    assert_eq!(stage.get(&node, "/v1/whoami").await.0, 200);
    let (code, problem) = stage.get(&node, "/v1/status").await;
    assert_eq!((code, reason(&problem)), (403, "no_role"));
}

#[tokio::test]
async fn tokens_that_are_late_early_or_revoked_let_nobody_in() {
    let stage = Secure::up().await;
    let hour = 3_600_000;
    let early = stage.token(json!({ "for": "node", "name": "early", "not_before_ms": now().0 + hour })).await;
    let late = stage.token(json!({ "for": "node", "name": "late", "ttl_s": 1 })).await;
    let gone = stage.token(json!({ "for": "node", "place": "rack-b" })).await;
    let place = stage.token(json!({ "for": "node", "place": "rack-b" })).await;
    let (_, tokens) = stage.get(&stage.administrator(), "/v1/tokens").await;
    let ids: Vec<&str> = tokens.as_array().unwrap().iter().filter_map(|it| it["token"].as_str()).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| !gone.contains(id)), "an id gives nothing of the token away");
    // Which of the two of rack-b is which only its use tells: both are revoked, one after its refusal.
    let (code, problem) = joiner("p").join(&stage, "web-1", Some(&place)).await;
    assert_eq!((code, reason(&problem)), (403, "wrong_place"), "{problem}");
    for it in tokens.as_array().unwrap().iter().filter(|it| it["place"] == "rack-b") {
        let path = format!("/v1/tokens/{}", it["token"].as_str().unwrap());
        assert_eq!(stage.ask(&stage.administrator(), Method::DELETE, &path, None).await.0, 200);
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for (name, token, expected) in
        [("early", early, "token_not_yet_valid"), ("late", late, "token_expired"), ("any", gone, "token_revoked")]
    {
        let (code, problem) = joiner(name).join(&stage, name, Some(&token)).await;
        assert_eq!((code, reason(&problem)), (403, expected), "{problem}");
    }
    for bad in [
        json!({ "for": "node" }),
        json!({ "for": "user", "name": "x" }),
        json!({ "for": "node", "name": "x", "ttl_s": 3_600 }),
    ] {
        let (code, problem) = stage.post(&stage.administrator(), "/v1/tokens", bad).await;
        assert_eq!(code, 422, "{problem}");
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_by_who_has_it_and_revoked_for_good() {
    let stage = Secure::up().await;
    let token = stage.token(json!({ "for": "node", "name": "web-1" })).await;
    let node = joiner("n");
    let (_, given) = node.join(&stage, "web-1", Some(&token)).await;
    let principal = node.principal.clone();
    let first = node.holder(&given);
    let client = stage.certified(&first);
    let another = make_csr_naming(&first.key, Some(&joiner("m").principal.to_string())).unwrap();
    let (code, problem) = stage.post(&client, "/v1/renew", json!({ "csr": another })).await;
    assert_eq!((code, reason(&problem)), (422, "csr_names_another"));
    let user = stage.user("ada", "viewer").await;
    let csr = make_csr(&first.key).unwrap();
    let (code, problem) = stage.post(&stage.bearer(&user), "/v1/renew", json!({ "csr": csr })).await;
    assert_eq!((code, reason(&problem)), (403, "no_certificate"));

    let (code, revoked) =
        stage.post(&stage.administrator(), "/v1/revoke", json!({ "principal": "web-1", "reason": "stolen" })).await;
    assert_eq!((code, &revoked["principal"], &revoked["cut"]), (200, &json!(principal), &json!(true)), "{revoked}");
    for (path, body) in [("/v1/whoami", None), ("/v1/renew", Some(json!({ "csr": make_csr(&first.key).unwrap() })))] {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let (code, problem) = stage.ask(&client, method, path, body).await;
        assert_eq!((code, reason(&problem)), (403, "revoked"), "{path}: on the connection it had, too");
    }
    let (_, certificates) = stage.get(&stage.administrator(), "/v1/certificates?state=revoked").await;
    assert_eq!((&certificates[0]["name"], &certificates[0]["reason"]), (&json!("web-1"), &json!("stolen")));
}

#[tokio::test]
async fn a_users_certificate_is_worth_nothing_once_they_are_removed_whoever_has_the_name_then() {
    let stage = Secure::up().await;
    let administrator = stage.administrator();
    let made = async || {
        let key = Key::generate().unwrap();
        let asked = json!({ "name": "ada", "role": "operator", "csr": make_csr(&key).unwrap() });
        let (code, given) = stage.post(&administrator, "/v1/users", asked).await;
        assert_eq!(code, 201, "{given}");
        let chain = given["certificate"].as_str().unwrap().to_owned();
        (given["user"].as_str().unwrap().to_owned(), stage.certified(&Holder { key, chain }))
    };
    let (former_user, former) = made().await;
    assert_eq!(stage.get(&former, "/v1/whoami").await.0, 200);
    let renewal = json!({ "csr": make_csr(&Key::generate().unwrap()).unwrap() });
    assert_eq!(stage.post(&former, "/v1/renew", renewal.clone()).await.0, 200);
    assert_eq!(stage.ask(&administrator, Method::DELETE, "/v1/users/ada", None).await.0, 200);
    let refused = async |what: &str| {
        let (code, problem) = stage.get(&former, "/v1/nodes").await;
        assert_eq!((code, reason(&problem)), (403, "no_user"), "{what}: {problem}");
        let (code, problem) = stage.post(&former, "/v1/renew", renewal.clone()).await;
        assert_eq!((code, reason(&problem)), (403, "no_user"), "{what}: {problem}");
    };
    refused("removed").await;

    let (user, client) = made().await;
    assert!(user.starts_with(&former_user) && user != former_user, "another user at the broker: {user}");
    assert_eq!(stage.get(&client, "/v1/nodes").await.0, 200);
    refused("the name is somebody's again").await;
    let (_, log) = stage.get(&administrator, "/v1/audit?limit=100").await;
    let of_ada = |line: &&Value| line["action"] == "certificate_issued" && line["subject"] == "user.ada";
    let by: Vec<&Value> = log.as_array().unwrap().iter().filter(of_ada).map(|line| &line["who"]).collect();
    assert_eq!(by.len(), 3, "made, renewed, made again: {log}");
    assert_eq!(by.iter().filter(|who| ***who == "user.ada").count(), 1, "the renewal is their own");
    assert!(log.to_string().contains(&user), "{log}");
}

#[tokio::test]
async fn without_a_token_somebody_decides_where_the_policy_says_so() {
    let stage = Secure::up().await;
    let policy = "[join]\nunknown = \"hold\"\n";
    let put = stage.administrator().put(format!("https://{}/v1/policy", stage.api)).body(policy).send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());
    let (yes, no) = (joiner("yes"), joiner("no"));
    let mut joins = Vec::new();
    for (joiner, name) in [(&yes, "web-1"), (&no, "web-2")] {
        let (code, held) = joiner.join(&stage, name, None).await;
        assert_eq!((code, &held["state"]), (202, &json!("pending")), "{held}");
        joins.push(held["join"].as_str().unwrap().to_owned());
        assert_eq!(joiner.join(&stage, name, None).await.1["join"], held["join"], "asking again is no second join");
    }
    let (code, held) = stage.get(&stage.stranger(), &format!("/v1/join/{}", joins[0])).await;
    assert_eq!((code, &held["state"]), (202, &json!("pending")));
    let administrator = stage.administrator();
    assert_eq!(stage.post(&administrator, &format!("/v1/joins/{}/approve", joins[0]), json!({})).await.0, 200);
    let denial = json!({ "reason": "unknown machine" });
    assert_eq!(stage.post(&administrator, &format!("/v1/joins/{}/deny", joins[1]), denial).await.0, 200);
    let (code, given) = stage.get(&stage.stranger(), &format!("/v1/join/{}", joins[0])).await;
    assert!(code == 201 || code == 200, "{given}");
    let client = stage.certified(&yes.holder(&given));
    assert_eq!(stage.get(&client, "/v1/whoami").await.0, 200);
    let (code, problem) = stage.get(&stage.stranger(), &format!("/v1/join/{}", joins[1])).await;
    assert_eq!(code, 403, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("unknown machine"), "{problem}");
    assert_eq!(stage.get(&stage.stranger(), "/v1/join/00000000-0000-4000-8000-000000000000").await.0, 404);
}

#[tokio::test]
async fn every_change_is_logged_and_a_log_that_was_changed_by_hand_is_found() {
    let stage = Secure::up().await;
    let ada = stage.user("ada", "operator").await;
    stage.token(json!({ "for": "node", "name": "web-1" })).await;
    let policy = stage.bearer(&ada).put(format!("https://{}/v1/policy?comment=calm", stage.api));
    let policy = policy.body("[settings]\nsample_period_ms = 1000\n").send().await.unwrap();
    assert_eq!(policy.status(), 200);
    let administrator = stage.administrator();
    let (_, lines) = stage.get(&administrator, "/v1/audit").await;
    let lines = lines.as_array().unwrap();
    let who = |action: &str| lines.iter().find(|line| line["action"] == action).map(|line| &line["who"]);
    let done: Vec<&str> = lines.iter().filter_map(|line| line["action"].as_str()).collect();
    assert_eq!(done, ["user_set", "certificate_issued", "user_set", "token_created", "policy_set"], "each once");
    assert_eq!(who("user_set"), Some(&json!("zone")), "the first administrator: {lines:?}");
    assert_eq!(who("token_created"), Some(&json!("user.administrator")), "{lines:?}");
    assert_eq!(who("policy_set"), Some(&json!("user.ada")), "{lines:?}");
    assert!(lines.iter().any(|line| line["origin"] == "127.0.0.1"));
    assert!(!lines.iter().any(|line| line.to_string().contains(&ada[5..])), "no secret is logged");
    let (_, whole) = stage.get(&administrator, "/v1/audit/verify").await;
    assert_eq!((&whole["whole"], &whole["rows"]), (&json!(true), &json!(lines.len())), "{whole}");

    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite:{}", stage.database.display())).await.unwrap();
    let by_hand = ["DROP TRIGGER audit_rows_stay_as_they_are", "UPDATE audit SET who = 'user.eve' WHERE seq = 2"];
    let refused = sqlx::query(by_hand[1]).execute(&mut database).await;
    assert!(refused.unwrap_err().to_string().contains("append-only"));
    for sql in by_hand {
        sqlx::query(sql).execute(&mut database).await.unwrap();
    }
    let (_, broken) = stage.get(&administrator, "/v1/audit/verify").await;
    assert_eq!((&broken["whole"], &broken["broken_at"]), (&json!(false), &json!(2)), "{broken}");
}
