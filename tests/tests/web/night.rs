//! What an operator does in a night.

use rollcall_tests::stage::{Brokers, until};
use serde_json::json;

use crate::zone::{NODE, SERIAL, Zone, number, tell};

/// A change is on the page this soon after the rack saw it.
const SOON_MS: i64 = 1_000;

/// Notes when the page shows the bit as set, and when as clear.
const WATCH: &str = "
    window.seen = {};
    const look = () => {
        const row = document.querySelector('tr[data-indicator=cpu_temperature]');
        const state = row && row.className.slice(3);
        if (state && !(state in window.seen)) window.seen[state] = Date.now();
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });";

pub async fn an_operator_finds_a_node_sees_its_fault_says_so_and_sees_it_end(brokers: &Brokers) {
    let zone = Zone::up(brokers).await;
    let browser = &zone.browser;
    browser.go("/ui/").await;
    browser.fill("#token", "rcu1_0000").await;
    browser.click(".login button").await;
    browser.holds("document.querySelector('#problem')?.textContent.includes('no user token')").await;
    // The refusal itself is told in the console, as it is for every 401.
    let _ = browser.complaints().await;
    zone.log_in("/ui/?view=cells").await;

    // With Enter.
    browser.fill("#q", &format!("{SERIAL}\u{e007}")).await;
    browser.holds(&format!("document.querySelector('h1').textContent === '{NODE}'")).await;
    zone.live().await;
    browser.holds("document.querySelector('tr.is-clear[data-indicator=cpu_temperature] td:nth-child(4) b')").await;
    browser.run(WATCH, vec![]).await;
    zone.heat().await;
    browser.holds("window.seen.set").await;
    let seen = number(&browser.value("window.seen.set").await) - zone.changed_at(true).await;
    tell(&format!("the bit is red in the browser {seen} ms after the rack saw it set"));
    assert!(seen <= SOON_MS, "it took {seen} ms");
    browser.holds("document.querySelector('#open-alerts .severity')").await;

    browser.go("/ui/alerts").await;
    zone.live().await;
    browser.fill("#alerts input[name=comment]", "<b>cleaning</b> the {{filter}}").await;
    browser.click("#alerts .acknowledge button").await;
    browser.holds("document.querySelector('#alerts tr td:last-child')?.textContent.includes('seen by ada')").await;
    let said = browser.value("document.querySelector('#alerts tr td:last-child').textContent").await;
    assert!(said.as_str().unwrap_or_default().contains("<b>cleaning</b> the {{filter}}"), "as it was written: {said}");
    let alert =
        zone.stage.api().rows("SELECT state, acknowledged_by FROM v_alerts WHERE open AND kind = 'cpu_temperature'");
    assert_eq!(alert.await, [[json!("acknowledged"), json!("user.ada")]]);

    browser.go(&format!("/ui/nodes/{NODE}")).await;
    zone.live().await;
    browser.run(WATCH, vec![]).await;
    zone.cool().await;
    browser.holds("window.seen.clear").await;
    let seen = number(&browser.value("window.seen.clear").await) - zone.changed_at(false).await;
    tell(&format!("and clear {seen} ms after the rack saw it clear"));
    assert!(seen <= SOON_MS, "it took {seen} ms");
    browser.holds("!document.querySelector('#open-alerts')").await;

    browser.go("/ui/sql").await;
    browser.click("button[data-example=example-2]").await;
    browser.holds("document.querySelectorAll('#answer tbody tr').length === 1").await;
    browser.fill("#query", "DELETE FROM v_nodes").await;
    browser.click("form button.primary").await;
    browser.holds("document.querySelector('#answer [role=alert]')").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "the console is quiet");

    browser.click(".me button").await;
    browser.holds("location.pathname === '/ui/login'").await;
    browser.go("/ui/audit").await;
    assert!(browser.path().await.starts_with("/ui/login"), "the session is over");
    zone.fleet.assert_alive();
}

pub async fn a_page_outlives_a_restart_of_the_zone(brokers: &Brokers) {
    let mut zone = Zone::up(brokers).await;
    zone.log_in("/ui/").await;
    let browser = &zone.browser;
    browser.holds("document.querySelectorAll('#map a.n.h').length === 2").await;
    browser.run("window.never_reloaded = true", vec![]).await;
    zone.fleet.zone.kill().await;
    browser.holds("!document.getElementById('lost').hidden").await;
    let said = browser.value("document.getElementById('lost').textContent").await;
    let said = said.as_str().unwrap_or_default().to_owned();
    assert!(said.contains("lost since") && said.contains("UTC"), "{said}");
    zone.fleet.zone.start();
    zone.stage.is_up().await;
    browser.holds("document.getElementById('lost').hidden").await;
    zone.live().await;
    // What could not be reached is told in the console.
    let _ = browser.complaints().await;
    until("the racks to be heard again", rollcall_tests::stage::PATIENCE, async || {
        let heard = "SELECT COUNT(*) FROM v_nodes WHERE state = 'healthy'";
        (zone.stage.api().number(heard).await.ok()? == 2).then_some(())
    })
    .await;
    zone.heat().await;
    browser.holds("document.querySelector('#map a.n.c')?.textContent.includes('cpu_temperature')").await;
    browser.holds("document.querySelector('#wrong .troubles li.critical')").await;
    assert_eq!(browser.value("window.never_reloaded").await, json!(true), "nobody loaded the page anew");
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "the console is quiet");
}
