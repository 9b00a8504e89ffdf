//! A tester that makes up requests, good and bad, from what the API says of itself (schemathesis, from PyPI).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rollcall_identity::TrustBundle;
use serde_json::json;
use tokio::process::Command;

use crate::Scene;

/// Fewer requests say nothing.
const LEAST: u32 = 2_000;
/// What is looked at in every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      ignored_auth";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn tester() -> String {
    let made = Command::new(root().join("scripts/schemathesis")).stderr(Stdio::inherit()).output().await;
    let made = made.expect("scripts/schemathesis");
    assert!(made.status.success(), "scripts/schemathesis failed");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// The number in front of a word.
fn number_before(text: &str, word: &str) -> u32 {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    before.split_whitespace().next_back().and_then(|number| number.replace(',', "").parse().ok()).unwrap_or(0)
}

pub async fn run(scene: &Scene) {
    let api = scene.stage.api();
    let user = json!({ "name": "tester", "role": "administrator" });
    let (code, answer) = api.command("POST", "/v1/users", user).await;
    assert_eq!(code, 201, "{answer}");
    let token = answer["secret"].as_str().expect("a token");
    let roots = scene.stage.directory().join("roots.pem");
    let bundle = TrustBundle::load(&api.identity().join("site.pem")).expect("a trust bundle");
    std::fs::write(&roots, bundle.roots_pem()).expect("it is written");
    let config = root().join("tests/tests/api/schemathesis.toml");
    let document = root().join("docs/openapi.json");
    let done = Command::new(tester().await)
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(document)
        .args(["--url", &format!("https://{}", api.address())])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .arg("--tls-verify")
        .arg(roots)
        .args(["--checks", CHECKS, "--max-examples", "12", "--seed", "1", "--no-shrink", "--continue-on-failure"])
        // Administrators have 100 a second; and names that lead to nothing are as good as others here.
        .args(["--rate-limit", "95/s", "--warnings", "off", "--suppress-health-check", "all"])
        // A connection that ends between two requests is no answer.
        .args(["--request-retries", "3"])
        .args(["--generation-database", "none"])
        .current_dir(scene.stage.directory())
        .env("PYTHONWARNINGS", "ignore")
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the tester");
    let said = String::from_utf8_lossy(&done.stdout);
    let log = scene.fleet.zone.log();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    let warned = warned[warned.len().saturating_sub(20)..].join("\n");
    assert!(done.status.success(), "{said}\n{}\nthe zone said:\n{warned}", String::from_utf8_lossy(&done.stderr));
    let asked = number_before(&said, "generated");
    assert!(asked >= LEAST, "only {asked} requests:\n{said}");
    let (code, status) = api.command("GET", "/v1/status", json!(null)).await;
    assert_eq!(code, 200, "the zone is as well as before: {status}");
    tell(&format!("{asked} requests, and no error"));
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
fn tell(text: &str) {
    println!("    {text}");
}
