//! The examples of the guide, as a reader would type them.

use std::process::Stdio;

use tokio::process::Command;

use crate::Scene;

const GUIDE: &str = include_str!("../../../docs/api.md");

/// Fenced blocks of shell.
fn blocks() -> Vec<&'static str> {
    GUIDE.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```").map(|(text, _)| text)).collect()
}

/// Runs them one after the other in one shell, in the directory of who asks.
pub async fn run(scene: &Scene) {
    let api = scene.stage.api();
    let blocks = blocks();
    assert!(blocks.len() >= 5, "{} examples", blocks.len());
    let marked = blocks.iter().enumerate().map(|(at, block)| format!("echo '--- {at}' >&2\n{block}\n"));
    let script = marked.collect::<String>().replace("https://zone.example:7655", &format!("https://{}", api.address()));
    let done = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(api.identity())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("a shell");
    let said = String::from_utf8_lossy(&done.stdout);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "an example failed, the last of these:\n{errors}\n{said}");
}
