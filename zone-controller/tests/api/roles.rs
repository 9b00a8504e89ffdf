//! Who may use which route: every route with every kind of caller.

use reqwest::{Client, Method};
use rollcall_identity::Validity;
use rollcall_model::{GroupId, NodeId, Principal, Role, UnixMillis, ZoneId};
use rollcall_zone_controller::api::{Access, Route, Surface, routes};
use serde_json::{Value, json};

use crate::secure::{Secure, now, site};
use crate::stage::name;

/// What a caller is, for the table.
struct Kind {
    what: &'static str,
    client: Client,
    role: Option<Role>,
    certified: bool,
    known: bool,
    group: bool,
}

impl Kind {
    fn may(&self, access: Access) -> bool {
        match access {
            Access::Open => true,
            Access::Known => self.known,
            Access::Certified => self.certified,
            Access::Group => self.group,
            Access::Role(least) => self.role.is_some_and(|role| role >= least),
        }
    }
}

/// The routes of the API; what the web page answers is looked at in `web.rs`.
fn of_the_api() -> Vec<Route> {
    routes().into_iter().filter(|route| route.surface == Surface::Api).collect()
}

async fn kinds(stage: &Secure) -> Vec<Kind> {
    let leaf = Validity::leaf(now());
    let node = stage.holder(&Principal::Node(NodeId::derived_from("n")), leaf);
    let group = stage.holder(&Principal::Group(GroupId::derived_from("g")), leaf);
    let kind = |what, client, role, certified, known| Kind { what, client, role, certified, known, group: false };
    let mut kinds = vec![
        kind("nobody", stage.stranger(), None, false, false),
        kind("node", stage.certified(&node), None, true, true),
        Kind { group: true, ..kind("group", stage.certified(&group), None, true, true) },
        kind("administrator", stage.administrator(), Some(Role::Administrator), true, true),
    ];
    for role in [Role::Viewer, Role::Operator, Role::Administrator] {
        let token = stage.user(&format!("the-{role}"), role.as_str()).await;
        kinds.push(kind(role.as_str(), stage.bearer(&token), Some(role), false, true));
    }
    kinds
}

#[tokio::test]
async fn every_route_takes_what_it_says_and_nothing_less() {
    let stage = Secure::up().await;
    let gates = ["no_credential", "no_role", "role_too_low", "no_certificate", "no_group"];
    let (mut asked, routes) = (0, of_the_api());
    for kind in kinds(&stage).await {
        for route in &routes {
            let path = route.path.replace('{', "no-").replace('}', "");
            let body = (route.method != Method::GET).then(|| json!({}));
            let (code, problem) = stage.ask(&kind.client, route.method.clone(), &path, body).await;
            let reason = problem["reason"].as_str().unwrap_or_default();
            let refused = gates.contains(&reason);
            let expected = match (kind.may(route.access), kind.known) {
                (true, _) => !refused && code != 401,
                (false, false) => code == 401 && reason == "no_credential",
                (false, true) => code == 403 && refused,
            };
            assert!(expected, "{} {} {}: {code} {problem}", kind.what, route.method, route.path);
            asked += 1;
        }
    }
    assert_eq!(asked, routes.len() * 7);
}

#[test]
fn the_guide_names_every_route_with_who_may_use_it() {
    let guide = include_str!("../../../docs/api.md");
    for route in of_the_api() {
        let who = match route.access {
            Access::Open => "open",
            Access::Known => "anybody known",
            Access::Certified => "certificate",
            Access::Group => "group",
            Access::Role(role) => role.as_str(),
        };
        let said = format!("`{} {}", route.method, route.path);
        let is_row = |line: &&str| line.starts_with('|');
        let rows = |line: &&str| line.contains(&format!("{said}`")) || line.contains(&format!("{said}?"));
        let row = guide.lines().filter(is_row).find(rows);
        let row = row.unwrap_or_else(|| panic!("docs/api.md has no {said}`"));
        assert!(row.contains(&format!("| {who} |")), "{said}` takes {who}: {row}");
    }
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_opens_nothing() {
    let stage = Secure::up().await;
    let node = Principal::Node(NodeId::derived_from("n"));
    let good = stage.holder(&node, Validity::leaf(now()));
    let (code, who) = stage.get(&stage.certified(&good), "/v1/whoami").await;
    assert_eq!((code, &who["principal"], &who["role"]), (200, &json!(node), &Value::Null));

    let at = |minutes: i64| UnixMillis(now().0.checked_add_signed(minutes * 60_000).unwrap());
    let expired = Validity { not_before: at(-4), not_after: at(-1) };
    let future = Validity { not_before: at(60), not_after: at(120) };
    let directory = tempfile::tempdir().unwrap();
    site(directory.path()).make_zone(&name("hall-1"), &directory.path().join("zone"), now()).unwrap();
    let foreign = rollcall_identity::ZoneAuthority::load(&directory.path().join("zone")).unwrap();
    let csr = rollcall_identity::make_csr(&good.key).unwrap();
    let issue = rollcall_identity::Issue {
        principal: &node,
        zone: stage.zone,
        user: None,
        csr_pem: &csr,
        serial: rollcall_identity::serial::draw().unwrap(),
        validity: Validity::leaf(now()),
        names: &rollcall_identity::Names::default(),
    };
    let foreign = crate::secure::Holder { chain: foreign.issue(&issue).unwrap().chain_pem, key: good.key };
    for (what, holder) in
        [("expired", stage.holder(&node, expired)), ("future", stage.holder(&node, future)), ("foreign", foreign)]
    {
        let asked = stage.certified(&holder).get(format!("https://{}/healthz", stage.api)).send().await;
        let error = format!("{:?}", asked.expect_err(what));
        assert!(error.contains("alert") || error.contains("Alert") || error.contains("certificate"), "{what}: {error}");
    }
    let elsewhere = stage.holder_in(&node, ZoneId::derived_from("another"), Validity::leaf(now()));
    let (code, problem) = stage.get(&stage.certified(&elsewhere), "/v1/whoami").await;
    assert_eq!((code, &problem["reason"]), (401, &json!("other_zone")));
    let nobody = stage.holder(&Principal::User(name("nobody")), Validity::leaf(now()));
    let (code, problem) = stage.get(&stage.certified(&nobody), "/v1/status").await;
    assert_eq!((code, &problem["reason"]), (403, &json!("no_user")));
}

#[tokio::test]
async fn a_token_is_good_until_its_user_is_removed_and_a_wrong_one_never_is() {
    let stage = Secure::up().await;
    let token = stage.user("ada", "operator").await;
    let ada = stage.bearer(&token);
    let (_, who) = stage.get(&ada, "/v1/whoami").await;
    assert_eq!(
        (&who["principal"], &who["role"], &who["means"]),
        (&json!("user.ada"), &json!("operator"), &json!("token"))
    );
    let wrong = [token.replace('a', "b"), token.to_uppercase(), "rcu1_".into(), token.replace("rcu1", "rct1")];
    for wrong in wrong.into_iter().filter(|wrong| *wrong != token) {
        let (code, problem) = stage.get(&stage.bearer(&wrong), "/v1/status").await;
        assert_eq!((code, &problem["reason"]), (401, &json!("unknown_token")));
        assert!(!problem.to_string().contains(&token[5..20]), "no token is told: {problem}");
    }
    let page = ada.post(format!("https://{}/v1/rules/test", stage.api)).header("origin", "https://evil.example");
    let page = page.json(&json!({ "rule": "true" })).send().await.unwrap();
    assert_eq!(page.status(), 403, "no web page changes anything");
    let (_, users) = stage.get(&stage.administrator(), "/v1/users").await;
    assert!(users.to_string().contains("ada") && !users.to_string().contains("sha256"), "{users}");
    let (code, _) = stage.ask(&stage.administrator(), Method::DELETE, "/v1/users/ada", None).await;
    assert_eq!(code, 200);
    assert_eq!(stage.get(&ada, "/v1/status").await.0, 401);
    let (code, problem) = stage.ask(&stage.administrator(), Method::DELETE, "/v1/users/administrator", None).await;
    assert_eq!((code, &problem["reason"]), (409, &json!("last_administrator")));
}
