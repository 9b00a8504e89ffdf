//! The web page without a browser: who is let in, what is refused, and that nothing the fleet says becomes part of a page.

use reqwest::header::{COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Certificate, Client, Method, Response, redirect, tls};
use rollcall_model::HardwareTopology;
use rollcall_model::hardware::{Chassis, Cpu, Nic, Storage};
use rollcall_zone_controller::api::{Access, Surface, routes};
use serde_json::{Value, json};

use crate::secure::Secure;
use crate::stage::Stage;

/// A browser that goes nowhere by itself.
fn browser(stage: &Secure) -> Client {
    let roots = Certificate::from_pem_bundle(stage.authority.bundle().roots_pem().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only(roots).tls_version_min(tls::Version::TLS_1_3);
    client.redirect(redirect::Policy::none()).build().unwrap()
}

/// What a browser sends with a form of its own page.
async fn send(stage: &Secure, path: &str, cookie: &str, origin: Option<&str>, form: &[(&str, &str)]) -> Response {
    let mut request = browser(stage).post(format!("https://{}{path}", stage.api)).header(COOKIE, cookie);
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
    request.send().await.unwrap()
}

async fn get(stage: &Secure, path: &str, cookie: &str) -> Response {
    browser(stage).get(format!("https://{}{path}", stage.api)).header(COOKIE, cookie).send().await.unwrap()
}

/// The session that begins with a token.
async fn log_in(stage: &Secure, token: &str) -> String {
    let own = format!("https://{}", stage.api);
    let answer = send(stage, "/ui/login", "", Some(&own), &[("token", token), ("next", "%2Fui%2Fsql")]).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()[LOCATION]), (303, &"/ui/sql".parse().unwrap()));
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-rollcall=") && cookie.contains("HttpOnly") && cookie.contains("Secure"));
    cookie.split(';').next().unwrap().to_owned()
}

/// The token of the forms on a page.
async fn form_token(stage: &Secure, cookie: &str) -> String {
    let page = get(stage, "/ui/sql", cookie).await.text().await.unwrap();
    page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_lasts_as_long_as_its_token_and_changes_something_from_our_own_pages_alone() {
    let stage = Secure::up().await;
    let (own, token) = (format!("https://{}", stage.api), stage.user("ada", "operator").await);
    let answer = get(&stage, "/ui/alerts?state=all", "").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[LOCATION]),
        (303, &"/ui/login?next=%2Fui%2Falerts%3Fstate%3Dall".parse().unwrap())
    );
    assert_eq!(send(&stage, "/ui/login", "", None, &[("token", &token)]).await.status(), 403, "from nowhere");
    assert_eq!(send(&stage, "/ui/login", "", Some("https://evil.example"), &[("token", &token)]).await.status(), 403);
    let wrong = send(&stage, "/ui/login", "", Some(&own), &[("token", &token.replace(['a', 'b'], "c"))]).await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.text().await.unwrap().contains("Nobody has this token"));

    let cookie = log_in(&stage, &token).await;
    assert_eq!(get(&stage, "/ui/", &cookie).await.status(), 200);
    assert_eq!(get(&stage, "/v1/status", &cookie).await.status(), 200, "the API is read by it as well");
    let csrf = form_token(&stage, &cookie).await;
    let ask = [("csrf", csrf.as_str()), ("query", "SELECT+1")];
    assert_eq!(send(&stage, "/ui/sql", &cookie, Some(&own), &ask).await.status(), 200);
    assert_eq!(send(&stage, "/ui/sql", &cookie, Some("https://evil.example"), &ask).await.status(), 403);
    assert_eq!(send(&stage, "/ui/sql", &cookie, Some(&own), &ask[1..]).await.status(), 403, "without its token");
    let other = log_in(&stage, &stage.user("bob", "viewer").await).await;
    assert_eq!(send(&stage, "/ui/sql", &other, Some(&own), &ask).await.status(), 403, "with another session's");
    let acknowledge = [("csrf", form_token(&stage, &other).await), ("comment", "mine".to_owned())];
    let acknowledge: Vec<(&str, &str)> = acknowledge.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(
        send(&stage, "/ui/alerts/1/acknowledge", &other, Some(&own), &acknowledge).await.status(),
        403,
        "a viewer"
    );

    let api = browser(&stage).post(format!("{own}/v1/rules/test")).header(COOKIE, &cookie);
    assert_eq!(api.json(&json!({ "rule": "true" })).send().await.unwrap().status(), 403, "a cookie comes by itself");
    let forged = cookie.replacen("ada", "administrator", 1);
    assert_eq!(get(&stage, "/ui/", &forged).await.status(), 303, "nobody makes a session but the zone");

    let (code, _) = stage.ask(&stage.administrator(), Method::DELETE, "/v1/users/ada", None).await;
    assert_eq!(code, 200);
    assert_eq!(get(&stage, "/ui/", &cookie).await.status(), 303, "over with its user");
}

#[tokio::test]
async fn who_logs_out_is_out_with_every_copy_of_the_cookie_and_nobody_else_is() {
    let stage = Secure::up().await;
    let (own, token) = (format!("https://{}", stage.api), stage.user("ada", "viewer").await);
    let (cookie, other) = (log_in(&stage, &token).await, log_in(&stage, &token).await);
    assert_ne!(cookie, other);
    let mut live = get(&stage, "/ui/live", &cookie).await;
    assert_eq!(live.status(), 200);
    let csrf = form_token(&stage, &cookie).await;
    assert_eq!(send(&stage, "/ui/logout", &cookie, Some(&own), &[("csrf", &csrf)]).await.status(), 303);
    assert_eq!(get(&stage, "/ui/", &cookie).await.status(), 303, "a copy of the cookie");
    assert_eq!(get(&stage, "/v1/status", &cookie).await.status(), 401);
    assert_eq!(get(&stage, "/ui/", &other).await.status(), 200, "another browser");
    let end = async { while live.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), end)
        .await
        .expect("the page that was open is told nothing more");
    assert_eq!(get(&stage, "/ui/live?events=-1", &other).await.status(), 400);
    assert_eq!(get(&stage, "/ui/live?health=x", &other).await.status(), 400);
}

#[tokio::test]
async fn a_user_whose_token_or_role_changes_is_who_they_are_now() {
    let stage = Secure::up().await;
    let token = stage.user("ada", "viewer").await;
    let cookie = log_in(&stage, &token).await;
    assert!(get(&stage, "/ui/", &cookie).await.text().await.unwrap().contains("viewer"));
    let again = stage.user("ada", "operator").await;
    assert_ne!(token, again);
    assert_eq!(get(&stage, "/ui/", &cookie).await.status(), 303, "the token it began with is none any more");
    let cookie = log_in(&stage, &again).await;
    assert!(get(&stage, "/ui/", &cookie).await.text().await.unwrap().contains("operator"));
    let page = stage.administrator().get(format!("https://{}/ui/", stage.api)).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("administrator"), "a certificate counts as well");
}

/// Texts of whoever means harm.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\r\nset-cookie: a=b";

fn hostile() -> HardwareTopology {
    let text = || Some(HOSTILE.to_owned());
    HardwareTopology {
        cpu: Cpu { name: text(), vendor: text(), ..Cpu::default() },
        nics: vec![Nic { name: HOSTILE.into(), driver: text(), ..Nic::default() }],
        storage: vec![Storage { name: HOSTILE.into(), model: text(), ..Storage::default() }],
        kernel: text(),
        virtualisation: text(),
        chassis: Chassis { vendor: text(), product: text(), serial: text() },
        ..HardwareTopology::default()
    }
}

fn harmless(path: &str, headers: &HeaderMap, text: &str) {
    assert!(!text.contains("<script>alert") && !text.contains("<img"), "{path}: {text}");
    assert!(!text.contains("&gt;49") && !text.contains(">49\r"), "{path}: nothing is reckoned: {text}");
    assert!(!headers.contains_key(SET_COOKIE), "{path}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{path}: {policy}");
    let scripts = text.match_indices("<script").count();
    assert_eq!(scripts, text.match_indices("<script src=\"/ui/assets/").count(), "{path}: only files of ours run");
    assert!(!text.contains(" style=") && !text.contains(" onclick="), "{path}");
}

#[tokio::test]
async fn what_the_fleet_says_stays_text_on_every_page() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    let mut subscription = stage.subscription("n1");
    subscription.hardware = hostile();
    subscription.epoch = rollcall_model::SessionEpoch(1);
    stage.join(subscription).await;
    stage.bit(&node, 1, "disk_space").await;
    stage.until("/v1/alerts?state=open", |alerts| alerts.as_array()?.first().cloned()).await;
    let line = HOSTILE.replace(['\r', '\n'], " ");
    let said = json!({ "comment": line }).to_string();
    let alerts = stage.get("/v1/alerts?state=open").await.1;
    let number = &alerts[0]["alert_id"];
    assert_eq!(stage.post(&format!("/v1/alerts/{number}/acknowledge"), &said).await.0, 200);
    // Where nobody asked for the channel the message is refused.
    let message = json!({ "what": "note", "subject": "s", "message": line }).to_string();
    let _ = stage.post("/v1/channels/security/messages", &message).await;
    stage.until("/v1/nodes/n1", |node| node["hardware"]["kernel"].as_str().map(|_| Value::Null)).await;
    let wanted = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let paths = [
        "/ui/",
        "/ui/?view=cells",
        "/ui/nodes/n1",
        "/ui/groups",
        "/ui/groups/rack-a",
        "/ui/alerts",
        "/ui/alerts?state=all",
        "/ui/checkins",
        "/ui/audit",
        "/ui/policy",
        "/ui/sql",
        "/ui/search?q=n1x",
        "/ui/part/header",
        "/ui/part/wrong",
        "/ui/login",
    ];
    let hostile = [format!("/ui/search?q={wanted}"), format!("/ui/login?next={wanted}")];
    for path in paths.into_iter().chain(hostile.iter().map(String::as_str)) {
        let (code, headers, text) = stage.page(path).await;
        assert_eq!(code, 200, "{path}: {text}");
        harmless(path, &headers, &text);
    }
    for path in [format!("/ui/nodes/{wanted}"), format!("/ui/groups/{wanted}"), format!("/ui/{wanted}")] {
        let (code, headers, text) = stage.page(&path).await;
        assert_eq!(code, 404, "{path}");
        harmless(&path, &headers, &text);
    }
    let answer = Client::new().get(stage.url("/ui/")).header(HOST, "evil.example").send().await.unwrap();
    assert_eq!(answer.status(), 403, "a name that was made to lead here");
}

#[test]
fn every_page_says_who_may_see_it_and_stands_in_the_guide() {
    let guide = include_str!("../../../docs/web.md");
    let pages: Vec<_> = routes().into_iter().filter(|route| route.surface == Surface::Web).collect();
    assert!(pages.len() > 15);
    for page in pages {
        assert!(
            guide.contains(&format!("`{} {}", page.method, page.path)),
            "docs/web.md has no {} {}",
            page.method,
            page.path
        );
        let is_open = page.access == Access::Open;
        let may_be_open = ["/", "/ui", "/ui/login", "/ui/assets/{version}/{name}"].contains(&page.path);
        assert_eq!(is_open, may_be_open, "{}", page.path);
    }
}
