//! What the files keep, and what becomes of files that cannot be read.

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{JoinRequest, NodeSubscription};
use rollcall_model::{
    Capability, CheckinId, HardwareTopology, InstanceId, Name, NodeId, NodeIdentifier, SessionEpoch, ZoneId,
};

use super::*;
use crate::memory::Known;

fn broker() -> BrokerEndpoint {
    BrokerEndpoint { host: "b".into(), port: 5672, vhost: "v".into() }
}

fn table(version: u64) -> Record {
    Record::Table(Box::new(GroupTable {
        zone: ZoneId::derived_from("z"),
        version,
        attributes: vec![],
        entries: vec![],
        create_unknown: true,
        hold_unknown: false,
        controllers: vec![],
    }))
}

fn granted(epoch: u32) -> (NodeId, Record) {
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: Some("n".into()),
        board_serial: None,
        cpu: None,
        machine_id: None,
        mac: None,
    };
    let hardware = HardwareTopology::default();
    let capability = Capability::of(&hardware, &[]);
    let subscription = NodeSubscription {
        identifier: NodeIdentifier::from_evidence(evidence).unwrap(),
        instance: InstanceId::derived_from("run"),
        name: Name::new("n").unwrap(),
        address: [10, 1, 0, 9].into(),
        place: None,
        hardware,
        epoch: SessionEpoch(0),
    };
    let node = subscription.identifier.node;
    let request = JoinRequest {
        checkin: CheckinId::derived_from("c"),
        subscription,
        group: capability.group_id(),
        group_name: capability.group_name(),
        capability,
        table_version: 7,
        reason: "known".into(),
        granted: Some(SessionEpoch(epoch)),
    };
    (node, Record::Granted(Box::new(request)))
}

fn known(node: NodeId, epoch: u32) -> Record {
    let known = Known { epoch: SessionEpoch(epoch), instance: InstanceId::derived_from("run"), hardware: 5 };
    Record::Known { node, known }
}

#[test]
fn what_was_saved_is_there_after_a_restart_and_has_one_holder() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("state");
    let (node, grant) = granted(4);
    let other = NodeId::derived_from("other");
    {
        let mut journal = Journal::open(&directory).unwrap();
        assert!(journal.memory().is_empty() && journal.broker().is_none());
        assert!(matches!(Journal::open(&directory), Err(StateError::InUse { .. })));
        journal.found_broker(&broker()).unwrap();
        journal.save(vec![table(7), grant, known(other, 9)]).unwrap();
    }
    let kept = Journal::open(&directory).unwrap();
    assert_eq!(kept.broker(), Some(&broker()));
    assert_eq!(kept.memory().table().map(|table| table.version), Some(7));
    assert_eq!(kept.memory().granted(node).and_then(|request| request.granted), Some(SessionEpoch(4)));
    assert_eq!(kept.memory().known(other).map(|known| known.epoch), Some(SessionEpoch(9)));
    drop(kept);
    let mut journal = Journal::open(&directory).unwrap();
    journal.save(vec![known(node, 4)]).unwrap();
    drop(journal);
    assert!(Journal::open(&directory).unwrap().memory().granted(node).is_none(), "the zone has it");
}

#[test]
fn a_line_cut_by_a_power_failure_is_dropped_and_the_lines_before_it_stay() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (NodeId::derived_from("a"), NodeId::derived_from("b"));
    Journal::open(root.path()).unwrap().save(vec![known(a, 3), known(b, 8)]).unwrap();
    let path = root.path().join("epochs.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().rposition(|byte| *byte == b'\n').unwrap();
    let second = whole[..first].iter().rposition(|byte| *byte == b'\n').unwrap();
    for cut in second + 1..first {
        std::fs::write(&path, &whole[..=cut]).unwrap();
        let journal = Journal::open(root.path()).unwrap();
        assert_eq!(journal.memory().known(a).map(|known| known.epoch), Some(SessionEpoch(3)), "{cut}");
        assert_eq!(journal.memory().known(b), None, "{cut}");
    }
    assert!(!root.path().join("epochs.jsonl.corrupt").exists());
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_and_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    for (at, garbage) in
        [&b"{\"format\":1}\n{\"known\":\n"[..], b"", b"{\"format\":2}\n", b"\xff\xfe\n"].into_iter().enumerate()
    {
        std::fs::write(path("epochs.jsonl"), garbage).unwrap();
        std::fs::write(path("group-table.json"), garbage).unwrap();
        let mut journal = Journal::open(root.path()).unwrap();
        assert!(journal.memory().is_empty() && journal.memory().table().is_none());
        let suffix = if at == 0 { "corrupt".to_owned() } else { format!("corrupt-{}", at + 1) };
        assert_eq!(std::fs::read(path(&format!("epochs.jsonl.{suffix}"))).unwrap(), garbage);
        assert_eq!(std::fs::read(path(&format!("group-table.json.{suffix}"))).unwrap(), garbage);
        journal.found_broker(&broker()).unwrap();
        journal.save(vec![table(7), known(NodeId::derived_from("a"), 3)]).unwrap();
        drop(journal);
        assert_eq!(Journal::open(root.path()).unwrap().memory().len(), 1, "it goes on with files of its own");
    }
}

#[test]
fn history_does_not_make_the_journal_grow_for_ever() {
    let root = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(root.path()).unwrap();
    let node = NodeId::derived_from("a");
    for round in 0..3_u32 {
        let records = (1..8_000).map(|epoch| known(node, round * 8_000 + epoch)).collect();
        journal.save(records).unwrap();
    }
    let lines = std::fs::read_to_string(root.path().join("epochs.jsonl")).unwrap().lines().count();
    assert!(lines < 10_010, "{lines} lines");
    drop(journal);
    let kept = Journal::open(root.path()).unwrap();
    assert_eq!(kept.memory().known(node).map(|known| known.epoch), Some(SessionEpoch(2 * 8_000 + 7_999)));
}
