//! Actions from the order to the outcome: the real core, a real journal, real child processes.

use std::os::unix::fs::PermissionsExt;

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{ActionKind, Membership, NodePolicy, Packet};
use rollcall_model::policy::{self, Resolved};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    GroupId, HardwareTopology, InstanceId, MessageId, Name, NodeIdentifier, SessionEpoch, UnixMillis,
};
use tempfile::TempDir;

use super::*;
use crate::core::{Agent, Effect, Settings};

fn identifier() -> NodeIdentifier {
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: Some("n".into()),
        board_serial: None,
        cpu: None,
        machine_id: None,
        mac: None,
    };
    NodeIdentifier::from_evidence(evidence).unwrap()
}

/// One run of an agent, from opening its journal to its end.
struct Run {
    agent: Agent,
    runner: Runner,
    clock: Clock,
    outcomes: Vec<ActionOutcome>,
}

impl Run {
    fn begin(hands: Hands, config: &ActionsConfig, state: &TempDir, boot: &str) -> Self {
        let clock = Clock::start();
        let (journal, past) = Journal::open(state.path(), boot, clock.now().wall).unwrap();
        let (name, group) = (Name::new("n").unwrap(), GroupId::derived_from("rack"));
        let instance = InstanceId::derived_from(boot);
        let settings = Settings {
            identifier: identifier(),
            name: name.clone(),
            address: [10, 0, 0, 1].into(),
            place: None,
            instance,
            hardware: HardwareTopology::default(),
            epoch: SessionEpoch(0),
            keep_alive: Millis(1_000),
            sample_period: Millis(5_000),
            unpoliced: Resolved::default(),
            allowed: config.allowed(),
            remembered: past.remembered,
            untold: past.untold,
        };
        let runner = Runner::new(hands, config.clone(), Some(journal), clock);
        let mut run = Self { agent: Agent::new(settings), runner, clock, outcomes: Vec::new() };
        run.step(Event::LinkUp);
        let (node, keep_alive) = (identifier().node, Millis(1_000));
        run.deliver(Packet::Membership(Membership {
            node,
            instance,
            group,
            group_name: name,
            channels: vec![],
            keep_alive,
            seal: None,
        }));
        let settings = policy::Settings::default();
        run.deliver(Packet::NodePolicy(NodePolicy {
            group,
            version: 1,
            settings,
            allowed_actions: ActionKind::ALL.to_vec(),
        }));
        run
    }

    fn deliver(&mut self, packet: Packet) {
        self.step(Event::Delivered(Envelope::new(MessageId::derived_from("m"), "inbox.g", UnixMillis(0), packet)));
    }

    fn step(&mut self, event: Event) {
        for effect in self.agent.step(self.clock.now(), event) {
            match effect {
                Effect::Act(order) => self.runner.act(order),
                Effect::Record(outcome) => self.runner.record(outcome),
                Effect::Assure(_, message) => {
                    if let Packet::ActionOutcome(outcome) = Envelope::decode(&message.body).unwrap().packet {
                        self.outcomes.push(outcome);
                    }
                }
                _ => {}
            }
        }
    }

    fn order(&mut self, id: &str, action: Action, time_limit_ms: u64) {
        self.deliver(Packet::ActionOrder(ActionOrder {
            action_id: ActionId::derived_from(id),
            group: GroupId::derived_from("rack"),
            node: identifier().node,
            action,
            automatic: false,
            deadline: UnixMillis(self.clock.now().wall.0 + 600_000),
            time_limit_ms,
        }));
    }

    /// The latest word about an order, once it is final.
    async fn outcome(&mut self, id: &str) -> ActionOutcome {
        let id = ActionId::derived_from(id);
        loop {
            let found = self.outcomes.iter().rev().find(|outcome| outcome.action_id == id && outcome.state.is_final());
            if let Some(outcome) = found {
                return outcome.clone();
            }
            let event = timeout(Duration::from_secs(60), self.runner.next()).await.expect("an outcome within a minute");
            self.step(event);
        }
    }
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

fn real() -> Hands {
    Hands::Real("/".into())
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn ordered_twice_redelivered_and_replayed_after_a_restart_it_takes_effect_once() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("effects");
    let drain_command = shell(&format!("echo drained >>{}; echo well", file.display()));
    let config = ActionsConfig { drain_command, ..ActionsConfig::default() };
    let mut run = Run::begin(real(), &config, &state, "boot 1");
    for _ in 0..5 {
        run.order("a", Action::Drain, 60_000);
    }
    let outcome = run.outcome("a").await;
    assert_eq!((outcome.state, outcome.message.as_str()), (ActionState::Done, "drained: well"));
    assert_eq!(run.outcomes[0].state, ActionState::Running, "the first word");
    run.order("a", Action::Drain, 60_000);
    assert_eq!(lines(&file), 1);
    drop(run);

    let mut run = Run::begin(real(), &config, &state, "boot 1");
    run.order("a", Action::Drain, 60_000);
    assert_eq!(run.outcome("a").await, outcome, "as it was recorded");
    assert_eq!(lines(&file), 1);
    run.order("b", Action::Drain, 60_000);
    assert_eq!(run.outcome("b").await.state, ActionState::Done);
    assert_eq!(lines(&file), 2, "another order is another effect");
}

#[tokio::test]
async fn killed_between_journal_and_outcome_it_has_failed_and_is_not_done_again() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("effects");
    let drain_command = shell(&format!("echo begun >>{}; sleep 1000", file.display()));
    let config = ActionsConfig { drain_command, ..ActionsConfig::default() };
    let mut run = Run::begin(real(), &config, &state, "boot 1");
    run.order("a", Action::Drain, 3_600_000);
    let event = timeout(Duration::from_secs(60), run.runner.next()).await.unwrap();
    assert!(matches!(event, Event::ActionBegun(_)));
    while lines(&file) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What a kill would leave behind is what the disk holds at this moment.
    let later = tempfile::tempdir().unwrap();
    std::fs::copy(state.path().join("actions.journal"), later.path().join("actions.journal")).unwrap();
    assert!(
        matches!(&run.runner.stop().await[..], [Event::ActionEnded(outcome)] if outcome.state == ActionState::Failed)
    );

    let mut run = Run::begin(real(), &config, &later, "boot 1");
    let outcome = run.outcome("a").await;
    assert_eq!(outcome.state, ActionState::Failed, "told without being asked");
    assert!(outcome.message.contains("interrupted by a restart of the agent"), "{}", outcome.message);
    run.order("a", Action::Drain, 60_000);
    assert_eq!((run.outcome("a").await, lines(&file)), (outcome, 1));
}

#[tokio::test]
async fn a_restart_of_the_machine_is_done_when_it_runs_again() {
    let state = tempfile::tempdir().unwrap();
    let reboot_command = shell(":");
    let config = ActionsConfig { reboot: true, reboot_command, ..ActionsConfig::default() };
    let mut run = Run::begin(real(), &config, &state, "boot 1");
    run.order("a", Action::Reboot, 600_000);
    let event = timeout(Duration::from_secs(60), run.runner.next()).await.unwrap();
    assert!(matches!(event, Event::ActionBegun(_)));
    // The system ends the agent on its way down.
    run.runner.stop().await;
    drop(run);
    let mut run = Run::begin(real(), &config, &state, "boot 2");
    assert_eq!(run.outcome("a").await.state, ActionState::Done);

    run.order("b", Action::Reboot, 200);
    let outcome = run.outcome("b").await;
    assert_eq!(outcome.state, ActionState::Failed);
    assert!(outcome.message.contains("still runs after 200 ms"), "{}", outcome.message);
}

#[tokio::test]
async fn services_restart_through_systemctl_and_what_it_says_is_told() {
    let (state, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let restart_services = vec!["good.service".to_owned(), "bad.service".to_owned()];
    let config = ActionsConfig { restart_services, ..ActionsConfig::default() };
    let mut run = Run::begin(Hands::Real(root.path().to_owned()), &config, &state, "boot 1");
    let restart = |service: &str| Action::RestartService { service: service.into() };
    run.order("0", restart("good.service"), 60_000);
    assert!(run.outcome("0").await.message.contains("no systemctl"));

    let program = root.path().join("usr/bin/systemctl");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::write(&program, "#!/bin/sh\n[ \"$*\" = 'restart -- good.service' ] || { echo masked; exit 1; }\n")
        .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    run.order("1", restart("good.service"), 60_000);
    let outcome = run.outcome("1").await;
    assert_eq!((outcome.state, outcome.message.as_str()), (ActionState::Done, "good.service restarted"));
    run.order("2", restart("bad.service"), 60_000);
    let outcome = run.outcome("2").await;
    assert!(outcome.state == ActionState::Failed && outcome.message.ends_with("exit status: 1: masked"), "{outcome:?}");
}

#[tokio::test]
async fn the_identify_led_is_lit_and_put_out_again() {
    let (state, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = ActionsConfig { identify: true, ..ActionsConfig::default() };
    let mut run = Run::begin(Hands::Real(root.path().to_owned()), &config, &state, "boot 1");
    run.order("none", Action::Identify { seconds: 5 }, 60_000);
    let outcome = run.outcome("none").await;
    assert!(outcome.state == ActionState::Failed && outcome.message.contains("no identify LED"), "{outcome:?}");

    let led = root.path().join("sys/class/leds/platform:blue:identify");
    std::fs::create_dir_all(&led).unwrap();
    std::fs::create_dir_all(root.path().join("sys/class/leds/input3::capslock")).unwrap();
    std::fs::write(led.join("max_brightness"), "255\n").unwrap();
    let brightness = led.join("brightness");
    std::fs::write(&brightness, "0\n").unwrap();
    let lit = || std::fs::read_to_string(&brightness).unwrap().trim().to_owned();
    run.order("short", Action::Identify { seconds: 1 }, 60_000);
    assert_eq!(run.outcome("short").await.state, ActionState::Done);
    let until = Instant::now() + Duration::from_secs(20);
    while lit() != "0" {
        assert!(Instant::now() < until, "still lit");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    run.order("long", Action::Identify { seconds: 3_600 }, 60_000);
    assert_eq!(run.outcome("long").await.state, ActionState::Done);
    assert_eq!(lit(), "255");
    run.runner.stop().await;
    drop(run);
    while lit() != "0" {
        assert!(Instant::now() < until + Duration::from_secs(20), "still lit although the agent has ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn refusals_survive_a_restart_too() {
    let state = tempfile::tempdir().unwrap();
    let mut run = Run::begin(real(), &ActionsConfig::default(), &state, "boot 1");
    run.order("a", Action::Drain, 60_000);
    let refusal = run.outcome("a").await;
    assert_eq!(refusal.state, ActionState::Refused);
    drop(run);
    let file = state.path().join("effects");
    let drain_command = shell(&format!("echo drained >>{}", file.display()));
    let config = ActionsConfig { drain_command, ..ActionsConfig::default() };
    let mut run = Run::begin(real(), &config, &state, "boot 1");
    run.order("a", Action::Drain, 60_000);
    assert_eq!((run.outcome("a").await, lines(&file)), (refusal, 0));
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_keeps_everything_from_being_done() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("effects");
    let drain_command = shell(&format!("echo drained >>{}", file.display()));
    let config = ActionsConfig { drain_command, ..ActionsConfig::default() };
    let mut run = Run::begin(real(), &config, &state, "boot 1");
    // Its disk is full from now on.
    let full = std::fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
    let work = Arc::get_mut(&mut run.runner.work).expect("nothing runs");
    work.journal.as_mut().unwrap().get_mut().unwrap().write_to(full);
    run.order("a", Action::Drain, 60_000);
    let outcome = run.outcome("a").await;
    assert!(outcome.state == ActionState::Failed && outcome.message.contains("not begun"), "{outcome:?}");
    assert_eq!(lines(&file), 0);
}

#[tokio::test]
async fn a_simulated_machine_obeys_and_nothing_happens() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("effects");
    let drain_command = shell(&format!("echo drained >>{}", file.display()));
    let config = ActionsConfig { identify: true, drain_command, ..ActionsConfig::default() };
    let mut run = Run::begin(Hands::Simulated, &config, &state, "boot 1");
    run.order("a", Action::Drain, 60_000);
    run.order("b", Action::Identify { seconds: 600 }, 60_000);
    run.order("c", Action::Reboot, 60_000);
    assert_eq!(run.outcome("a").await.state, ActionState::Done);
    assert_eq!(run.outcome("b").await.state, ActionState::Done);
    assert_eq!(run.outcome("c").await.state, ActionState::Refused, "its configuration counts as on a real one");
    assert_eq!(lines(&file), 0);
}
