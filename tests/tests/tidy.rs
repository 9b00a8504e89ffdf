//! The rules of the house, as tests: who may import whom, how long files get, what names are not used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this is split.
const LONGEST_FILE: usize = 400;
/// A `main.rs` parses, logs, configures, runs, and nothing else.
const LONGEST_MAIN: usize = 60;

const EDGES: [&str; 5] = ["bus", "discovery", "identity", "store", "startup"];
/// A leaf that edges and daemons may use, and that knows nothing of ours.
const LEAF: &str = "alarm";
/// Pure, and of ours import `model` only. What a simulated fleet does is decided by one as well; `cli` drives it.
const DECIDERS: [&str; 5] = ["grouping", "placement", "monitor", "workload", "simulator"];
/// Between the edges and the daemons: may use the edges named beside it.
const BETWEEN: [(&str, &[&str]); 1] = [("enrolment", &["model", "identity", "bus", "discovery", "startup"])];
const DAEMONS: [&str; 4] = ["zone-controller", "group-controller", "checkin", "node-agent"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a readable directory").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && name != "target" && !name.starts_with('.') {
            files(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    assert!(found.len() > 50, "the sources were found: {}", found.len());
    found
}

/// The house's crates that a crate depends on outside its tests.
fn imports(crate_directory: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(crate_directory).join("Cargo.toml")).expect("a Cargo.toml");
    let manifest: toml::Table = text.parse().expect("a manifest");
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    dependencies.keys().filter_map(|name| name.strip_prefix("rollcall-")).map(str::to_owned).collect()
}

fn members() -> Vec<String> {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("a Cargo.toml");
    let manifest: toml::Table = text.parse().expect("a manifest");
    let members = manifest["workspace"]["members"].as_array().expect("members").clone();
    members.iter().filter_map(|member| member.as_str()).map(str::to_owned).collect()
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for member in members() {
        let is = |kinds: &[&str]| kinds.contains(&member.as_str());
        for import in imports(&member) {
            let forbidden = |kinds: &[&str]| kinds.contains(&import.as_str());
            let between = BETWEEN.iter().find(|(name, _)| *name == member);
            let is_between = BETWEEN.iter().any(|(name, _)| *name == import);
            let bad = if member == "model" || member == LEAF {
                true
            } else if let Some((_, allowed)) = between {
                !forbidden(allowed)
            } else if is(&DECIDERS) {
                import != "model"
            } else if is(&EDGES) {
                forbidden(&EDGES) || forbidden(&DECIDERS) || forbidden(&DAEMONS) || is_between || import == "cli"
            } else if is(&DAEMONS) {
                forbidden(&DAEMONS) || import == "cli"
            } else {
                false
            };
            if bad {
                wrong.push(format!("{member} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_stay_small() {
    let long: BTreeMap<PathBuf, usize> = sources()
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("a source").lines().count()))
        .filter(|(path, lines)| *lines > if path.ends_with("src/main.rs") { LONGEST_MAIN } else { LONGEST_FILE })
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}

#[test]
fn nothing_is_called_utils() {
    let vague = ["utils", "util", "common", "helpers", "helper", "misc", "shared_code"];
    let wrong: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| {
            path.with_extension("")
                .components()
                .any(|part| vague.contains(&part.as_os_str().to_string_lossy().as_ref()))
        })
        .collect();
    assert!(wrong.is_empty(), "name these by what they do: {wrong:?}");
}

#[test]
fn no_work_is_left_lying_about() {
    let marks = [
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
    ];
    let mut found = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source");
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Tests, and the harnesses that measure, may keep what they hear.
fn is_of_a_test(path: &Path) -> bool {
    let path = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned();
    ["tests/", "bench/"].iter().any(|of| path.starts_with(of))
        || ["/tests/", "/tests.rs", "/private_broker/"].iter().any(|part| path.contains(part))
}

#[test]
fn no_channel_grows_without_bound() {
    let unbounded = [
        concat!("unbounded", "_channel"),
        concat!("unbounded", "("),
        concat!("mpsc::chan", "nel()"),
        concat!("sync::mpsc::chan", "nel::<"),
    ];
    let mut found = Vec::new();
    for path in sources() {
        if is_of_a_test(&path) {
            continue;
        }
        let text = path.display();
        let source = fs::read_to_string(&path).expect("a source");
        let code = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        found.extend(
            code.filter(|(_, line)| unbounded.iter().any(|word| line.contains(word)))
                .map(|(at, line)| format!("{text}:{}: {}", at + 1, line.trim())),
        );
    }
    assert!(found.is_empty(), "give each channel room for so many: {found:#?}");
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for member in members() {
        let text = fs::read_to_string(root().join(&member).join("Cargo.toml")).expect("a Cargo.toml");
        assert!(text.contains("[lints]\nworkspace = true"), "{member} has no [lints] workspace = true");
        assert!(!text.contains("DESC"), "{member} has no description");
    }
}

#[test]
fn cores_read_no_clock_and_open_nothing() {
    let forbidden =
        ["Instant::now", "SystemTime", "tokio::", "std::fs", "std::net::Tcp", "rand::random", ".await", "async "];
    let mut found = Vec::new();
    for path in sources() {
        let text = path.to_string_lossy().into_owned();
        let is_core = text.contains("/src/core.rs") || text.contains("/src/core/");
        let is_pure = ["/model/src/", "/placement/src/", "/simulator/src/"].iter().any(|pure| text.contains(pure));
        if !is_core && !is_pure {
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source");
        for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(what) = forbidden.iter().find(|what| line.contains(*what)) {
                found.push(format!("{text}: {what}"));
            }
        }
    }
    assert!(found.is_empty(), "pure code must be handed what it needs: {found:#?}");
}
