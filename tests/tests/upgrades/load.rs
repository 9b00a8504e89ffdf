//! A zone of two racks and five agents under load, of which each daemon is of the previous version or of this one.

use std::path::PathBuf;
use std::time::Duration;

use rollcall_tests::stage::{
    Api, Daemon, Fleet, PATIENCE, Speaker, Stage, every_order_ends, order_all_the_while, rack_name, runs, until,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

/// Agents: `sim-0000` and `real` in rack-a, `sim-0001` to `sim-0003` in the racks in turn.
pub const AGENTS: usize = 5;
/// The place of the real agent among them.
pub const REAL: usize = 4;

/// Such a zone.
pub struct Zone {
    pub stage: Stage,
    pub fleet: Fleet,
    drained: PathBuf,
}

impl Zone {
    /// Everybody is of the previous version, or of this one.
    pub async fn started(stage: Stage, of_before: bool) -> Self {
        let drained = stage.directory().join("drained");
        let of = |mut daemon: Daemon| {
            daemon.becomes(of_before);
            daemon.started()
        };
        let zone = of(stage.zone_with_security());
        let racks: Vec<Daemon> = (0..2).map(|index| of(stage.rack(&rack_name(index)))).collect();
        let checkin = of(stage.checkin());
        let mut agents: Vec<Daemon> = (0..REAL).map(|index| of(stage.agent(index, &rack_name(index % 2)))).collect();
        agents.push(of(stage.drained_by(&format!("echo drained >> {}", drained.display()))));
        let fleet = Fleet { zone, checkin, racks, agents };
        stage.all_in(AGENTS).await;
        stage.let_drain().await;
        Self { stage, fleet, drained }
    }

    /// Does something under load, by which agents of these names are killed: whoever they are, the zone does what it is told before and after, every
    /// node stays who and where it is, and nobody else is blamed.
    pub async fn stays_itself(&mut self, killed: &[&str], steps: impl AsyncFnOnce(&mut Self)) {
        self.acts().await;
        let (change, known) = (self.stage.api().latest_change().await, self.identities().await);
        self.under_load(1, steps).await;
        self.acts().await;
        assert_eq!(self.identities().await, known, "the same nodes in the same groups");
        self.blames_only(killed, change).await;
    }

    /// Does something while words are said and orders are given, and checks what has become of them.
    async fn under_load(&mut self, ended_agents: usize, steps: impl AsyncFnOnce(&mut Self)) {
        let speaker = self.stage.speaker("rack-a").await;
        let (stop, stopped) = watch::channel(false);
        let api: Api = self.stage.api().clone();
        let work = async {
            steps(self).await;
            stop.send_replace(true);
        };
        tokio::join!(order_all_the_while(&api, stopped), work);
        self.bears(speaker, ended_agents).await;
    }

    /// Checks that every word is there once, and every order had one effect. An agent that was ended in the middle of one has said that it
    /// failed: so many may have had an effect or none.
    async fn bears(&self, speaker: Speaker, ended_agents: usize) {
        every_order_ends(self.stage.api()).await;
        let (confirmed, repeated) = speaker.all_there(self.stage.api()).await;
        let count = async |state: &str| {
            let query = format!("SELECT COUNT(*) FROM v_actions WHERE state {state}");
            usize::try_from(self.stage.api().number(&query).await.expect("a number")).expect("not negative")
        };
        let (done, others, effects) = (count("= 'done'").await, count("<> 'done'").await, runs(&self.drained));
        println!(
            "    {confirmed} words, {repeated} said again, each one row; {done} orders done, {others} not, {effects} effects"
        );
        assert!(confirmed > 50 && done >= 2, "there was load");
        assert!(others <= ended_agents, "only who was ended did not do it");
        assert!((done..=done + others).contains(&effects), "one effect for each order");
    }

    /// Everybody is in a group of each kind again, and obeys.
    pub async fn whole(&self, what: &str, since: Instant) {
        self.stage.is_up().await;
        self.stage.all_in(AGENTS).await;
        self.fleet.assert_alive();
        println!("    {what}: everybody in after {} ms", since.elapsed().as_millis());
    }

    /// Replaces these agents, each of which begins another session.
    pub async fn replaces_agents(&mut self, which: impl IntoIterator<Item = usize>, of_before: bool) {
        for index in which {
            let since = Instant::now();
            let name = self.fleet.agents[index].name().to_owned();
            let epoch = self.stage.api().epochs().await[&name];
            replaced(&mut self.fleet.agents[index], of_before).await;
            until(format!("the next session of {name}"), PATIENCE, async || {
                (self.stage.api().epochs().await[&name] > epoch).then_some(())
            })
            .await;
            self.whole(&name, since).await;
        }
    }

    /// Replaces the check-in service.
    pub async fn replaces_checkin(&mut self, of_before: bool) {
        let since = Instant::now();
        replaced(&mut self.fleet.checkin, of_before).await;
        self.whole("the check-in service", since).await;
    }

    /// Replaces the controller of a rack, which becomes a member of the zone anew.
    pub async fn replaces_rack(&mut self, index: usize, of_before: bool) {
        let (since, name) = (Instant::now(), rack_name(index));
        let query = format!("SELECT session FROM v_groups WHERE name = '{name}'");
        let before = self.stage.api().number(&query).await.expect("a number");
        replaced(&mut self.fleet.racks[index], of_before).await;
        until(format!("the next membership of {name}"), PATIENCE, async || {
            (self.stage.api().number(&query).await.ok()? > before).then_some(())
        })
        .await;
        self.whole(&name, since).await;
    }

    /// An agent that is killed is missed, and comes back.
    pub async fn misses(&mut self, index: usize) {
        let name = self.fleet.agents[index].name().to_owned();
        let since = Instant::now();
        self.fleet.agents[index].kill().await;
        self.stage.state_is(&name, "down").await;
        println!("    {name} missed after {} ms", since.elapsed().as_millis());
        self.fleet.agents[index].start();
        self.stage.all_in(AGENTS).await;
    }

    /// The real agent does what it is told, and says so.
    pub async fn acts(&self) {
        self.stage.obeys().await;
        let action = self.stage.ordered(json!({ "kind": "drain" })).await;
        let (state, message) = self.stage.ended(&action).await;
        assert_eq!(state, "done", "{message}");
    }

    /// Nobody but these was said to be down, suspect or unknown since.
    async fn blames_only(&self, killed: &[&str], change: i64) {
        let mut blamed = self.stage.api().blamed_since(change).await;
        blamed.retain(|row| !killed.contains(&row[0].as_str().unwrap_or_default()));
        assert!(blamed.is_empty(), "blamed for nothing: {blamed:?}");
    }

    /// What a node is and where, which no upgrade changes.
    pub async fn identities(&self) -> Vec<Vec<Value>> {
        let query = "SELECT name, node_id, physical_group, logical_group FROM v_nodes ORDER BY name";
        self.stage.api().rows(query).await
    }
}

/// Ends a daemon in order, as a package does, and starts it as one of the previous version or of this one.
pub async fn replaced(daemon: &mut Daemon, of_before: bool) {
    let asked = Instant::now();
    let status = daemon.terminate().await;
    assert!(status.success(), "{}: {status}", daemon.name());
    assert!(asked.elapsed() < Duration::from_secs(10), "{} takes longer to end than promised", daemon.name());
    daemon.becomes(of_before);
    daemon.start();
}
