//! `docs/protocol.md` cannot rot: every example and every table in it is read, and must be what the code does.
//!
//! Fenced blocks are found by the first word after the fence (`json`, `txt`, `status`, …); tables of fields by the
//! heading above them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::capability::Attribute;
use rollcall_model::hardware::{HardwareTopology, MAX_ENTRIES};
use rollcall_model::indicator::{DICTIONARY_VERSION, INDICATORS, Side, Threshold};
use rollcall_model::packet::{ALERTS_PART, NodeSubscription, POLICY_PART, Packet, ROSTER_PART};
use rollcall_model::threshold::Evaluator;
use rollcall_model::wire::availability::{self, CapacityMessage, RaMessage};
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::wire::txt::{self, Announcement};
use rollcall_model::wire::v1::{self, Envelope};
use rollcall_model::{
    AvailabilityKind, AvailabilityKinds, Capability, CheckinId, GroupId, Millis, Name, NodeId, Tick, route,
};
use serde_json::{Map, Value};

const DOCUMENT: &str = include_str!("../../docs/protocol.md");

/// Every kind of packet.
const KINDS: [&str; 33] = [
    "ack",
    "action_order",
    "action_outcome",
    "alerts",
    "arrival",
    "arrival_decision",
    "assignment",
    "channel_message",
    "checkin_order",
    "checkin_placed",
    "checkin_report",
    "group_alarm",
    "group_table",
    "hello",
    "hello_request",
    "identity_clash",
    "join_decision",
    "join_request",
    "membership",
    "metrics",
    "node_policy",
    "node_policy_ack",
    "node_subscription",
    "policy_report",
    "policy_update",
    "presence",
    "presence_request",
    "readings",
    "readings_request",
    "roster",
    "summary",
    "table_request",
    "zone_subscriber",
];

/// The objects with a table of their own, and an example that has one: kind and place in its body.
const OBJECTS: [(&str, &str, &str); 24] = [
    ("channel", "membership", "/channels/0"),
    ("health", "roster", "/members/0/health"),
    ("evidence", "node_subscription", "/identifier/evidence"),
    ("hardware", "node_subscription", "/hardware"),
    ("cpu", "node_subscription", "/hardware/cpu"),
    ("cache", "node_subscription", "/hardware/cpu/caches/0"),
    ("memory", "node_subscription", "/hardware/memory"),
    ("module", "node_subscription", "/hardware/memory/modules/0"),
    ("numa", "node_subscription", "/hardware/numa/0"),
    ("nic", "node_subscription", "/hardware/nics/0"),
    ("storage", "node_subscription", "/hardware/storage/0"),
    ("accelerator", "node_subscription", "/hardware/accelerators/0"),
    ("member", "roster", "/members/0"),
    ("change", "alerts", "/changes/0"),
    ("entry", "group_table", "/entries/0"),
    ("controller", "group_table", "/controllers/0"),
    ("chassis", "node_subscription", "/hardware/chassis"),
    ("quantiles", "summary", "/metrics/cpu_temperature"),
    ("settings", "node_policy", "/settings"),
    ("availability", "node_policy", "/settings/availability"),
    ("sent", "readings", "/availability"),
    ("override", "policy_update", "/nodes/0"),
    ("refusal", "policy_report", "/refused/0"),
    ("reading", "readings", "/indicators/0"),
];

/// Fenced blocks of a language: what follows the language, and the text.
fn blocks(language: &str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for (at, fence) in DOCUMENT.split("\n```").enumerate() {
        // Every second piece stands between an opening and a closing fence.
        let Some((info, text)) = fence.split_once('\n').filter(|_| at % 2 == 1) else { continue };
        match info.split_once(' ') {
            Some((first, rest)) if first == language => found.push((rest, text)),
            None if info == language => found.push(("", text)),
            _ => {}
        }
    }
    found
}

/// What stands between a comment `<!-- name -->` and the next one.
fn between(name: &str) -> &'static str {
    let (_, after) = DOCUMENT.split_once(&format!("<!-- {name} -->\n")).unwrap();
    after.split_once("<!-- end -->").unwrap().0
}

/// The cells of the rows of the first table in a text, without its head.
fn table(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn packets() -> Vec<(Value, Envelope)> {
    let parsed = blocks("json").into_iter().filter(|(info, _)| info.starts_with("packet="));
    parsed
        .map(|(info, text)| {
            let envelope = Envelope::decode(text.as_bytes()).unwrap_or_else(|error| panic!("{info}: {error}\n{text}"));
            assert_eq!(info, format!("packet={}", envelope.packet.kind()));
            (serde_json::from_str(text).unwrap(), envelope)
        })
        .collect()
}

fn body(kind: &str) -> Value {
    packets().into_iter().find(|(_, envelope)| envelope.packet.kind() == kind).unwrap().0["body"].clone()
}

fn subscription() -> NodeSubscription {
    let found = packets().into_iter().find_map(|(_, envelope)| match envelope.packet {
        Packet::NodeSubscription(subscription) => Some(*subscription),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn every_json_example_is_written_as_this_code_writes_it() {
    let mut kinds = BTreeSet::new();
    for (written, envelope) in packets() {
        let ours: Value = serde_json::from_slice(&envelope.encode()).unwrap();
        let pretty = serde_json::to_string_pretty(&ours).unwrap();
        assert!(ours == written, "{} should be\n{pretty}", envelope.packet.kind());
        kinds.insert(envelope.packet.kind());
    }
    assert_eq!(kinds, BTreeSet::from(KINDS), "one example of each kind");
}

#[test]
fn the_list_of_kinds_is_complete() {
    // The error of an unknown kind names the known ones.
    let unknown = r#"{"v":1,"id":"550e8400-e29b-41d4-a716-446655440000","from":"x","sent":0,"kind":"?","body":{}}"#;
    let Err(v1::DecodeError::BadBody { source, .. }) = Envelope::decode(unknown.as_bytes()) else { panic!("taken") };
    let source = source.to_string();
    let known: BTreeSet<&str> = source.split('`').skip(1).step_by(2).filter(|word| *word != "?").collect();
    assert_eq!(known, BTreeSet::from(KINDS));
}

fn names(object: &Map<String, Value>) -> BTreeSet<String> {
    object.keys().cloned().collect()
}

/// The fields a table names, by the object they are in: `decision.epoch` is field `epoch` of `decision`.
fn fields(heading: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, section) = DOCUMENT.split_once(&format!("\n#### {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table(section) {
        let path = row[0].trim_matches('`');
        let (object, name) = path.rsplit_once('.').unwrap_or(("", path));
        fields.entry(object.into()).or_default().insert(name.into());
    }
    fields
}

#[test]
fn every_table_of_fields_names_the_fields_there_are() {
    for kind in KINDS {
        let body = body(kind);
        for (object, listed) in fields(&format!("`{kind}`")) {
            let there = if object.is_empty() { &body } else { &body[&object] };
            assert_eq!(listed, names(there.as_object().unwrap()), "{kind} {object}");
        }
    }
    for (object, kind, pointer) in OBJECTS {
        let body = body(kind);
        let there = body.pointer(pointer).unwrap().as_object().unwrap();
        assert_eq!(fields(object)[""], names(there), "{object}");
    }
}

/// Each field of the object at `pointer` in an example is taken out in turn; the table says whether it may be missing.
fn leave_out(heading: &str, envelope: &Value, pointer: &str) {
    let (_, section) = DOCUMENT.split_once(&format!("\n#### {heading}\n")).unwrap();
    let rows = table(section);
    for row in rows.iter().filter(|row| !row[0].contains('.')) {
        let mut fewer = envelope.clone();
        let object = fewer.pointer_mut(&format!("/body{pointer}")).and_then(Value::as_object_mut).unwrap();
        object.remove(row[0].trim_matches('`')).unwrap();
        let taken = Envelope::decode(fewer.to_string().as_bytes()).is_ok();
        assert_eq!(taken, row[1].ends_with("or null") || row[1].ends_with("or absent"), "{heading} {}", row[0]);
    }
}

#[test]
fn a_field_that_may_be_null_or_absent_may_be_left_out_and_no_other_may() {
    for (written, envelope) in packets() {
        let kind = envelope.packet.kind();
        leave_out(&format!("`{kind}`"), &written, "");
        for (object, _, pointer) in OBJECTS.iter().filter(|(_, wanted, _)| *wanted == kind) {
            leave_out(object, &written, pointer);
        }
    }
}

#[test]
fn every_txt_example_is_an_announcement_as_this_code_makes_it() {
    let examples = blocks("txt");
    assert_eq!(examples.len(), 3);
    for (info, text) in examples {
        let pairs: Vec<(&str, &str)> = text.lines().map(|line| line.split_once('=').unwrap()).collect();
        let announcement = Announcement::from_txt(pairs.iter().copied()).unwrap();
        let ours = announcement.to_txt();
        assert_eq!(ours.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(), pairs);
        assert_eq!(info, format!("instance={}", announcement.instance()));
    }
}

/// The lines of a status example that explain its bytes.
fn explained(status: &NodeStatus) -> String {
    let NodeStatus { node, health, dictionary, epoch, sequence, longest_silence, leaving, availability, .. } = status;
    format!(
        "node = {node}\nepoch = {epoch}\nsequence = {sequence}\nlongest_silence_ms = {}\ndictionary = {dictionary}\n\
         bits = {}\nmask = {}\nleaving = {leaving}\nrides = {}\nstate = {}",
        longest_silence.0,
        health.bits().to_number(),
        health.mask().to_number(),
        listed(*availability),
        health.state(),
    )
}

fn listed(kinds: AvailabilityKinds) -> String {
    let words: Vec<&str> = kinds.iter().map(AvailabilityKind::as_str).collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

#[test]
fn every_status_example_is_what_its_bytes_say() {
    let examples = blocks("status");
    assert_eq!(examples.len(), 3);
    for (_, text) in examples {
        let (bytes, explanation) = bytes_of(text);
        let status = NodeStatus::decode(&bytes).unwrap();
        assert_eq!(status.encode().as_slice(), bytes);
        assert_eq!(status.dictionary, DICTIONARY_VERSION);
        assert_eq!(explained(&status), explanation);
    }
}

/// The bytes of an example, and the lines that explain them.
fn bytes_of(text: &str) -> (Vec<u8>, &str) {
    let (bytes, explanation) = text.split_once("\n\n").unwrap();
    (hex::decode(bytes.replace([' ', '\n'], "")).unwrap(), explanation)
}

#[test]
fn every_example_of_an_ra_or_capacity_message_is_what_its_bytes_say() {
    let (bytes, explanation) = bytes_of(blocks("availability")[0].1);
    let RaMessage { node, epoch, kinds } = RaMessage::decode(&bytes).unwrap();
    assert_eq!(format!("node = {node}\nepoch = {epoch}\nkinds = {}", listed(kinds)), explanation);
    let (bytes, explanation) = bytes_of(blocks("capacity")[0].1);
    let CapacityMessage { node, epoch, threads, memory_mib } = CapacityMessage::decode(&bytes).unwrap();
    let size = format!("threads = {threads}\nmemory_mib = {memory_mib}");
    assert_eq!(format!("node = {node}\nepoch = {epoch}\n{size}"), explanation);
}

#[test]
fn the_node_id_follows_from_the_bytes_shown() {
    let [(id, text)] = blocks("node-id")[..] else { panic!("one example") };
    assert_eq!(NodeId::derived_from(text).to_string(), id);
    let identifier = subscription().identifier;
    assert_eq!(identifier.verify(), Ok(()));
    assert_eq!(identifier.node.to_string(), id, "the same as in the JSON example");
}

/// What the document calls a derivation, and its argument.
fn derive(what: &str, argument: &str) -> String {
    let all = [
        Attribute::Accelerators,
        Attribute::MemorySize,
        Attribute::StorageKind,
        Attribute::Threads,
        Attribute::Virtualisation,
    ];
    let attributes = if argument.is_empty() { &[][..] } else { &all };
    let capability = || Capability::try_from(argument.to_owned()).unwrap();
    let group = || argument.parse::<GroupId>().unwrap();
    let checkin = || argument.parse::<CheckinId>().unwrap();
    match what {
        "capability of the example" => Capability::of(&subscription().hardware, attributes).to_string(),
        "capability of nothing" => Capability::of(&HardwareTopology::default(), attributes).to_string(),
        "logical group of" => capability().group_id().to_string(),
        "name of the group of" => capability().group_name().to_string(),
        "group of address" => GroupId::from_ipv4_prefix(argument.parse().unwrap()).to_string(),
        "check-in id of" => CheckinId::of_service(&Name::new(argument).unwrap()).to_string(),
        "subscription key of check-in and node" => {
            let (checkin, node) = argument.split_once(' ').unwrap();
            route::checkin_key(checkin.parse().unwrap(), node.parse().unwrap())
        }
        "clash key of node" => route::clash_key(argument.parse().unwrap()),
        "readings key of node" => route::readings_key(argument.parse().unwrap()),
        "queue of check-in" => route::checkin_queue(checkin()),
        "inbox of node" => route::node_inbox(argument.parse().unwrap()),
        "inbox of group" => route::group_inbox(group()),
        "inbox of check-in" => route::checkin_inbox(checkin()),
        "inbox of zone" => route::zone_inbox(argument.parse().unwrap()),
        "health queue of group" => route::group_queue(group(), route::HEALTH),
        "health key of group and node" => {
            let (group, node) = argument.split_once(' ').unwrap();
            route::group_key(group.parse().unwrap(), route::HEALTH, node.parse().unwrap())
        }
        "alerts key of group" => route::zone_key("alerts", group()),
        other => panic!("{other:?} is not known"),
    }
}

#[test]
fn every_derived_id_is_what_this_code_derives() {
    let examples = blocks("derived");
    assert_eq!(examples.len(), 3);
    for line in examples.iter().flat_map(|(_, text)| text.lines()) {
        let [what, argument, result] = line.splitn(3, '|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert_eq!(derive(what, argument), result, "{what} {argument}");
    }
}

#[test]
fn the_table_of_indicators_is_the_dictionary() {
    let rows = INDICATORS.map(|indicator| {
        let Threshold { limit, clear, side, dwell } = indicator.threshold;
        let side = if side == Side::Above { "above" } else { "below" };
        let (severity, meaning, probe) = (indicator.severity.as_str(), indicator.meaning, indicator.probe);
        format!(
            "| {} | `{}` | {} | {side} {limit} | {clear} | {} | {severity} | {meaning} | {probe} |",
            indicator.bit, indicator.name, indicator.unit, dwell.0
        )
    });
    let written: Vec<&str> = between("indicators").lines().skip(2).collect();
    assert_eq!(written, rows, "the table should be\n{}", rows.join("\n"));
}

#[test]
fn the_example_of_hysteresis_happens_so() {
    let [(info, text)] = blocks("hysteresis")[..] else { panic!("one example") };
    let setting: BTreeMap<&str, &str> = info.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
    let number = |name: &str| setting[name].parse::<f64>().unwrap();
    let side = if setting["side"] == "above" { Side::Above } else { Side::Below };
    let dwell = Millis(setting["dwell_ms"].parse().unwrap());
    let mut thresholds = INDICATORS.map(|indicator| indicator.threshold);
    thresholds[0] = Threshold { limit: number("limit"), clear: number("clear"), side, dwell };
    let mut evaluator = Evaluator::new(thresholds);
    for line in text.lines() {
        let [second, reading, bit] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut readings = [None; INDICATORS.len()];
        readings[0] = Some(reading.parse().unwrap());
        let health = evaluator.evaluate(Tick(second.parse::<u64>().unwrap() * 1_000), &readings);
        assert_eq!(health.bits().get(0), bit == "1", "{line}");
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits: BTreeMap<&str, usize> =
        table(between("limits")).iter().map(|row| (row[0], row[1].parse().unwrap())).collect();
    let expected = BTreeMap::from([
        ("control packet with its envelope, bytes", v1::MAX_BYTES),
        ("status packet, bytes", status::BYTES),
        ("RA message, bytes", availability::BYTES),
        ("capacity message, bytes", availability::CAPACITY_BYTES),
        ("TXT record, bytes", txt::MAX_BYTES),
        ("members in a `roster`", ROSTER_PART),
        ("changes in an `alerts`", ALERTS_PART),
        ("nodes in a `policy_report`", POLICY_PART),
        ("entries in a list of `hardware`", MAX_ENTRIES),
    ]);
    assert_eq!(limits, expected);
}

#[test]
fn every_exchange_is_in_the_table() {
    for exchange in [route::DIRECT, route::PRESENCE, route::GROUP, route::ZONE, route::PARKED] {
        assert!(DOCUMENT.contains(&format!("\n| `{exchange}` | ")), "{exchange}");
    }
}
