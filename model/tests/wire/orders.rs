//! What goes down to groups and nodes, and what comes back: policies, readings, actions, channels, check-in orders.

use rollcall_model::indicator::Severity;
use rollcall_model::packet::{
    Action, ActionKind, ActionOrder, ActionOutcome, ActionState, AvailabilitySent, ChannelMessage, CheckinOrder,
    CheckinPlaced, KindSent, Metrics, NodeOverride, NodePolicy, NodePolicyAck, Packet, PolicyRefusal, PolicyReport,
    PolicyUpdate, Reading, Readings, ReadingsRequest,
};
use rollcall_model::policy::{AvailabilitySettings, IndicatorSetting, SchedulePoint, SentKinds, Settings};
use rollcall_model::{ActionId, AvailabilityKind, Millis, Purpose, SessionEpoch, UnixMillis};

use crate::examples::{group, name, node, readings};

fn settings() -> Settings {
    let disk = IndicatorSetting { limit: Some(85.0), clear: Some(80.0), dwell_ms: Some(2_000), enabled: Some(true) };
    Settings {
        sample_period_ms: Some(500),
        keep_alive_ms: Some(2_000),
        metrics_period_ms: Some(15_000),
        availability: None,
        indicators: [("disk_space".to_owned(), disk)].into(),
    }
}

fn speaking() -> Settings {
    let point = |at: &str, alpha| SchedulePoint { at: at.parse().unwrap(), alpha };
    let availability = AvailabilitySettings {
        kinds: SentKinds::Mixed,
        messages_per_second: 60.5,
        largest_units: Some(32.5),
        schedule: vec![point("06:30", 0.0), point("09:00:30", 1.0)],
        time_zone: "Europe/Berlin".into(),
        ..AvailabilitySettings::default()
    };
    Settings { availability: Some(availability), ..Settings::default() }
}

fn sparse() -> Settings {
    let off = IndicatorSetting { enabled: Some(false), ..IndicatorSetting::default() };
    Settings { indicators: [("fan".to_owned(), off)].into(), ..Settings::default() }
}

fn action_id() -> ActionId {
    "1c9e3f2a-0d4b-4c7e-9a55-7b1e2c346d0f".parse().unwrap()
}

pub fn all() -> Vec<(&'static str, Packet)> {
    let mut all = policies();
    all.extend(measured());
    all.extend(actions());
    all.extend(channels());
    all
}

fn policies() -> Vec<(&'static str, Packet)> {
    let allowed_actions = vec![ActionKind::Identify, ActionKind::RestartService];
    let update = PolicyUpdate {
        group: group(),
        session: 3,
        version: 8,
        settings: settings(),
        nodes: vec![NodeOverride { node: "web-*".into(), settings: sparse() }],
        allowed_actions: allowed_actions.clone(),
        summary_period_ms: 10_000,
    };
    let policy = NodePolicy { group: group(), version: 8, settings: settings(), allowed_actions };
    let spoken = NodePolicy { settings: speaking(), ..policy.clone() };
    let ack = NodePolicyAck { node: node(), epoch: SessionEpoch(4), version: 8, problem: None };
    let refused = NodePolicyAck {
        node: node(),
        epoch: SessionEpoch(4),
        version: 7,
        problem: Some("indicators.disk_spaces: there is no such indicator in this dictionary".into()),
    };
    let report = PolicyReport {
        group: group(),
        session: 3,
        version: 8,
        applied: vec![node()],
        refused: vec![PolicyRefusal { node: node(), message: "settings nobody can obey".into() }],
    };
    vec![
        ("policy_update", Packet::PolicyUpdate(update)),
        ("node_policy", Packet::NodePolicy(policy)),
        ("node_policy_availability", Packet::NodePolicy(spoken)),
        ("node_policy_ack", Packet::NodePolicyAck(ack)),
        ("node_policy_ack_refused", Packet::NodePolicyAck(refused)),
        ("policy_report", Packet::PolicyReport(report)),
    ]
}

fn measured() -> Vec<(&'static str, Packet)> {
    let metrics = Metrics { node: node(), epoch: SessionEpoch(4), readings: readings() };
    let hot = Reading {
        name: "cpu_temperature".into(),
        value: Some(91.5),
        reason: None,
        set: true,
        limit: 90.0,
        clear: 85.0,
        above: true,
        dwell_ms: Millis(3_000),
    };
    let unmeasured = Reading {
        name: "fan".into(),
        value: None,
        reason: Some("this machine shows no fans".into()),
        set: false,
        limit: 0.0,
        clear: 0.0,
        above: true,
        dwell_ms: Millis(3_000),
    };
    let answer = Readings {
        request: 42,
        node: node(),
        age_ms: Millis(350),
        policy: 8,
        indicators: vec![hot, unmeasured],
        availability: None,
    };
    let sent = |kind, availability, messages_per_second| KindSent { kind, availability, messages_per_second };
    let free = AvailabilitySent {
        storage: 0.5,
        processing: 0.25,
        communications: None,
        share: 0.5,
        kinds: vec![sent(AvailabilityKind::Balance, 0.3125, 0.1875), sent(AvailabilityKind::Power, 0.625, 0.0625)],
    };
    let spoken = Readings { indicators: Vec::new(), availability: Some(free), ..answer.clone() };
    vec![
        ("metrics", Packet::Metrics(metrics)),
        ("readings_request", Packet::ReadingsRequest(ReadingsRequest { request: 42 })),
        ("readings", Packet::Readings(answer)),
        ("readings_availability", Packet::Readings(spoken)),
    ]
}

fn order(action: Action) -> Packet {
    Packet::ActionOrder(ActionOrder {
        action_id: action_id(),
        group: group(),
        node: node(),
        action,
        automatic: false,
        deadline: UnixMillis(1_700_000_060_000),
        time_limit_ms: 30_000,
    })
}

fn actions() -> Vec<(&'static str, Packet)> {
    let outcome = ActionOutcome {
        action_id: action_id(),
        node: node(),
        state: ActionState::Done,
        message: "nginx.service restarted".into(),
        at: UnixMillis(1_700_000_003_000),
    };
    vec![
        ("action_order", order(Action::RestartService { service: "nginx.service".into() })),
        ("action_order_identify", order(Action::Identify { seconds: 60 })),
        ("action_order_drain", order(Action::Drain)),
        ("action_order_reboot", order(Action::Reboot)),
        ("action_outcome", Packet::ActionOutcome(outcome)),
    ]
}

fn channels() -> Vec<(&'static str, Packet)> {
    let message = ChannelMessage {
        channel: Purpose::new("power").unwrap(),
        what: "power_supply".into(),
        subject: "rack-7".into(),
        severity: Severity::Critical,
        message: "2 of 40 nodes report a failed power supply".into(),
        detail: serde_json::json!({ "nodes": ["node-1", "node-2"] }),
        at: UnixMillis(1_700_000_000_700),
    };
    let order = CheckinOrder {
        group: group(),
        session: 3,
        name: name("checkin-rack-7"),
        ranges: vec!["10.1.0.0/16".parse().unwrap()],
        run: true,
    };
    let placed = CheckinPlaced {
        group: group(),
        session: 3,
        name: name("checkin-rack-7"),
        running: false,
        message: Some("it ended with exit code 2".into()),
    };
    vec![
        ("channel_message", Packet::ChannelMessage(message)),
        ("checkin_order", Packet::CheckinOrder(order)),
        ("checkin_placed", Packet::CheckinPlaced(placed)),
    ]
}
