//! A zone with a few nodes, and an operator's browser at its page.

use rollcall_tests::browser::Browser;
use rollcall_tests::stage::{Brokers, Fleet, Stage, until};
use serde_json::{Value, json};

/// The node the tests are about: another case than the first one's, so another serial number.
pub const NODE: &str = "sim-0004";
/// Its serial number.
pub const SERIAL: &str = "SIM00001";

/// A policy by which the node is too hot.
const HOT: &str = "[[overrides]]\nnode = \"sim-0004\"\n[overrides.settings.indicators.cpu_temperature]\nlimit = 1.0\n\
                   clear = 0.5\ndwell_ms = 0\n";
/// What has nodes tell how free they are.
const SPEAK: &str = "[settings.availability]\nkinds = \"both\"\nmessages_per_second = 20.0\nnodes_per_group = 4\n";
/// One by which it is not.
const COOL: &str = "[settings]\nsample_period_ms = 500\n";

/// A zone, and a browser.
pub struct Zone {
    pub stage: Stage,
    pub fleet: Fleet,
    pub browser: Browser,
    token: String,
}

impl Zone {
    /// A rack with two nodes, healthy.
    pub async fn up(brokers: &Brokers) -> Self {
        let stage = Stage::new(brokers.main().await).await;
        let mut fleet = stage.fleet(1, 1).await;
        fleet.agents.push(stage.agent(4, "rack-a").started());
        stage.all_in(2).await;
        let (code, answer) = stage.api().set_policy(COOL).await;
        assert_eq!(code, 200, "{answer}");
        let (code, answer) =
            stage.api().command("POST", "/v1/users", json!({ "name": "ada", "role": "operator" })).await;
        assert_eq!(code, 201, "{answer}");
        let token = answer["secret"].as_str().expect("a token").to_owned();
        let base = format!("https://{}", stage.api().address());
        let browser = Browser::start(&base, Some(&stage.trust())).await;
        Self { stage, fleet, browser, token }
    }

    /// Logs in, from wherever the stranger wanted to go.
    pub async fn log_in(&self, from: &str) {
        self.browser.go(from).await;
        assert!(self.browser.path().await.starts_with("/ui/login?next="), "a stranger is asked who they are");
        self.browser.fill("#token", &self.token).await;
        self.browser.click(".login button").await;
        self.browser.holds(&format!("location.pathname + location.search === {:?}", from)).await;
        self.live().await;
    }

    /// Waits until the page is told what happens.
    pub async fn live(&self) {
        self.browser.holds("document.getElementById('live').textContent === 'live'").await;
    }

    /// Makes the node too hot.
    pub async fn heat(&self) {
        self.set(HOT).await;
    }

    /// Makes the node too hot, and has all tell how free they are; waits until that is known of both.
    pub async fn heat_and_hear(&self) {
        self.set(&format!("{SPEAK}{HOT}")).await;
        until("both nodes to be heard", rollcall_tests::stage::PATIENCE, async || {
            let (_, rows) = self.stage.api().get("/v1/availability").await.ok()?;
            let rows: Vec<Value> = serde_json::from_str(&rows).ok()?;
            (rows.len() == 4 && rows.iter().all(|row| row["availability"].is_number())).then_some(())
        })
        .await;
    }

    /// Makes it cool again.
    pub async fn cool(&self) {
        self.set(COOL).await;
    }

    async fn set(&self, policy: &str) {
        let (code, answer) = self.stage.api().set_policy(policy).await;
        assert_eq!(code, 200, "{answer}");
    }

    /// When the rack saw the node's latest change to this state of the bit of `cpu_temperature`, ms since 1970.
    pub async fn changed_at(&self, is_set: bool) -> i64 {
        let query = format!(
            "SELECT at_ms FROM v_health_history WHERE node = '{NODE}' AND (health_bits & 1) = {} \
             ORDER BY history_id DESC LIMIT 1",
            i32::from(is_set)
        );
        until("the change in the history", rollcall_tests::stage::PATIENCE, async || {
            self.stage.api().number(&query).await.ok()
        })
        .await
    }
}

/// A number out of a page.
pub fn number(value: &Value) -> i64 {
    value.as_f64().map(|number| number as i64).unwrap_or_else(|| panic!("{value} is no number"))
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
pub fn tell(text: &str) {
    println!("    {text}");
}
