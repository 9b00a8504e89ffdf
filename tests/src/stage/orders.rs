//! Actions on a stage: a node that drains by a command of the test's, orders for it, and how they end.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Api, Daemon, Fleet, PATIENCE, Stage, until};

const OPEN: &str = "SELECT COUNT(*) FROM v_actions WHERE state IN ('ordered', 'running')";

/// How many lines a command has written.
#[must_use]
pub fn runs(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

impl Stage {
    /// A zone of which [`Stage::let_drain`] is true.
    pub async fn draining(&self, zone: Daemon, rack: Daemon, command: &str) -> Fleet {
        let zone = zone.started();
        let racks = vec![rack.started()];
        let mut agents: Vec<Daemon> = (0..2).map(|index| self.agent(index, "rack-a").started()).collect();
        agents.push(self.drained_by(command).started());
        let fleet = Fleet { racks, agents, checkin: self.checkin().started(), zone };
        self.all_in(3).await;
        self.let_drain().await;
        fleet
    }

    /// The real agent of this machine in rack-a, with this command for a drain.
    #[must_use]
    pub fn drained_by(&self, command: &str) -> Daemon {
        let tables = format!("[actions]\ndrain_command = [\"/bin/sh\", \"-c\", {command:?}]");
        self.real_agent("rack-a", "", &tables)
    }

    /// Allows the drain by a first policy, and waits until the real agent obeys it.
    ///
    /// # Panics
    /// When the zone refuses the policy.
    pub async fn let_drain(&self) {
        let (code, answer) = self.api().set_policy("[actions]\nallowed = [\"drain\"]\n").await;
        assert_eq!(code, 200, "{answer}");
        self.obeys().await;
    }

    /// Waits until the real node obeys the first policy.
    pub async fn obeys(&self) {
        until("the node to obey", PATIENCE, async || {
            (self.api().number("SELECT policy_version FROM v_nodes WHERE name = 'real'").await == Ok(1)).then_some(())
        })
        .await;
    }

    /// Orders an action of the real node; its id.
    ///
    /// # Panics
    /// When the zone refuses it.
    pub async fn ordered(&self, action: Value) -> String {
        let order = json!({ "node": "real", "action": action, "deadline_s": 30 });
        let (code, answer) = self.api().command("POST", "/v1/actions", order).await;
        assert!((200..300).contains(&code), "{code} {answer}");
        answer["action_id"].as_str().expect("an action id").to_owned()
    }

    /// Waits until an order is final; how it ended, and what was said.
    pub async fn ended(&self, action: &str) -> (String, String) {
        let query = format!("SELECT state, message FROM v_actions WHERE action_id = '{action}'");
        until(format!("the action {action} to end"), PATIENCE, async || {
            let rows = self.api().sql(&query).await.ok()?;
            let (state, message) =
                (rows.first()?[0].as_str()?.to_owned(), rows[0][1].as_str().unwrap_or("").to_owned());
            (!matches!(state.as_str(), "ordered" | "running")).then_some((state, message))
        })
        .await
    }
}

/// Orders one drain after the other, of a zone that may be away, until it is to stop.
pub async fn order_all_the_while(api: &Api, stop: watch::Receiver<bool>) {
    let order = json!({ "node": "real", "action": { "kind": "drain" }, "deadline_s": 120 });
    while !*stop.borrow() {
        // One that is not answered may be saved all the same; what counts is what is saved.
        if matches!(api.try_command("POST", "/v1/actions", order.clone()).await, Ok((200..300, _))) {
            every_order_ends(api).await;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until every order is final.
pub async fn every_order_ends(api: &Api) {
    until("every order to be final", PATIENCE * 2, async || (api.number(OPEN).await == Ok(0)).then_some(())).await;
}
