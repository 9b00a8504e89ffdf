//! How every page looks, and whether everybody can use it.

use std::path::PathBuf;
use std::process::Command;

use rollcall_tests::browser::{Browser, Scheme};
use rollcall_tests::stage::Brokers;
use serde_json::{Value, json};

use crate::zone::{NODE, Zone, tell};

const WIDTHS: [u32; 2] = [1280, 390];
/// A screen of 4K is looked at for the map alone.
const LARGE: u32 = 3840;

/// Rules of the Web Content Accessibility Guidelines that a page breaks, with where, as axe-core finds them.
const CHECK: &str = "
    return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html, any }) => html.slice(0, 200) + ' ' + (any[0]?.message ?? '')).join(' | ')));";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn axe() -> String {
    let told = Command::new(root().join("scripts/axe")).output().expect("scripts/axe runs");
    assert!(told.status.success(), "axe-core cannot be had: {}", String::from_utf8_lossy(&told.stderr));
    let path = String::from_utf8(told.stdout).expect("a path");
    std::fs::read_to_string(path.trim()).expect("axe-core")
}

fn pages(node: &str) -> Vec<(&'static str, String)> {
    let fixed = [
        ("map", "/ui/"),
        ("map-cells", "/ui/?view=cells"),
        ("alerts", "/ui/alerts"),
        ("alerts-all", "/ui/alerts?state=all"),
        ("groups", "/ui/groups"),
        ("group", "/ui/groups/rack-a"),
        ("place", "/ui/place?count=3&size=0.01&rule=node.name+!%3D+%27sim-0004%27"),
        ("checkins", "/ui/checkins"),
        ("search", "/ui/search?q=sim"),
        ("sql", "/ui/sql"),
        ("audit", "/ui/audit"),
        ("policy", "/ui/policy"),
        ("missing", "/ui/nodes/nobody"),
    ];
    let fixed = fixed.into_iter().map(|(name, path)| (name, path.to_owned()));
    fixed.chain([("node", format!("/ui/nodes/{node}"))]).collect()
}

pub async fn every_page_can_be_used_by_everybody_and_fits_every_screen(brokers: &Brokers) {
    let (zone, axe) = (Zone::up(brokers).await, axe());
    let browser = &zone.browser;
    let mut found = Vec::new();
    browser.go("/ui/").await;
    look(browser, "login", &axe, &mut found).await;
    zone.log_in("/ui/place").await;
    look(browser, "place-unheard", &axe, &mut found).await;
    zone.heat_and_hear().await;
    browser.go("/ui/").await;
    browser.holds("document.querySelector('#wrong .troubles li.critical')").await;
    for (name, path) in pages(NODE) {
        browser.go(&path).await;
        if name != "missing" {
            zone.live().await;
        }
        if name == "node" {
            browser.holds("document.querySelector('#bits td:nth-child(4) b')").await;
        }
        if name == "place" || name == "node" || name == "group" {
            browser.holds("document.querySelector('.gauge')").await;
        }
        if name == "sql" {
            browser.click("button[data-example=example-1]").await;
            browser.holds("document.querySelector('#answer tbody tr')").await;
        }
        look(browser, name, &axe, &mut found).await;
    }
    browser.looks(LARGE, Scheme::Dark).await;
    browser.go("/ui/").await;
    zone.live().await;
    browser.picture(&root().join(format!("target/screenshots/map-{LARGE}-dark.png"))).await;
    assert_eq!(found, Vec::<String>::new(), "nobody is kept out");
    keyboard(browser).await;
    let missing = |line: &String| line.contains("/ui/nodes/nobody");
    let complaints: Vec<String> = browser.complaints().await.into_iter().filter(|line| !missing(line)).collect();
    assert_eq!(complaints, Vec::<String>::new(), "the console is quiet");
    tell(&format!("pictures of {} pages are in target/screenshots", pages(NODE).len() + 1));
}

/// Takes pictures of a page, and notes what is wrong with it.
async fn look(browser: &Browser, name: &str, axe: &str, found: &mut Vec<String>) {
    for scheme in Scheme::ALL {
        for width in WIDTHS {
            browser.looks(width, scheme).await;
            let word = scheme.as_str();
            let wide = browser.value("document.documentElement.scrollWidth").await;
            if wide.as_u64().is_none_or(|wide| wide > u64::from(width)) {
                found.push(format!("{name}: {wide} pixels wide on a screen of {width}"));
            }
            browser.picture(&root().join(format!("target/screenshots/{name}-{width}-{word}.png"))).await;
        }
        browser.looks(WIDTHS[0], scheme).await;
        browser.run(axe, vec![]).await;
        let broken = browser.run(CHECK, vec![]).await;
        let broken: Vec<Value> = broken.as_array().cloned().expect("a list");
        found.extend(broken.iter().map(|rule| format!("{name}, {}: {rule}", scheme.as_str())));
    }
}

/// Everything can be reached without a pointer.
async fn keyboard(browser: &Browser) {
    browser.looks(WIDTHS[0], Scheme::Light).await;
    browser.go("/ui/?view=cells").await;
    browser.holds("document.getElementById('live').textContent === 'live'").await;
    browser.press("Tab", 9).await;
    assert_eq!(
        browser.value("document.activeElement.className").await,
        json!("skip"),
        "the first stop leads past the head"
    );
    browser.run("document.querySelector('#map a.n').focus()", vec![]).await;
    browser.holds("!document.getElementById('hint').hidden").await;
    browser.press("ArrowRight", 39).await;
    let name = browser.value("document.activeElement.getAttribute('aria-label')").await;
    assert!(name.as_str().is_some_and(|name| name.starts_with(NODE)), "{name}");
    assert_eq!(browser.value("document.querySelectorAll('#map a.n[tabindex=\"0\"]').length").await, json!(1));
    browser.press("/", 191).await;
    assert_eq!(browser.value("document.activeElement.id").await, json!("q"), "searching is one key away");
}
