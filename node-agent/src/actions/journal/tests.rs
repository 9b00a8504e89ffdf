//! The journal, on a real disk.

use rollcall_model::GroupId;
use rollcall_model::packet::Action;
use tempfile::TempDir;

use super::*;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn order(id: &str, action: Action) -> ActionOrder {
    ActionOrder {
        action_id: ActionId::derived_from(id),
        group: GroupId::derived_from("g"),
        node: NodeId::derived_from("n"),
        action,
        automatic: false,
        deadline: NOW,
        time_limit_ms: 1_000,
    }
}

fn done(id: &str) -> ActionOutcome {
    let (action_id, node) = (ActionId::derived_from(id), NodeId::derived_from("n"));
    ActionOutcome { action_id, node, state: ActionState::Done, message: "done".into(), at: NOW }
}

fn open(directory: &TempDir) -> (Journal, Past) {
    Journal::open(directory.path(), "boot 1", NOW).unwrap()
}

#[test]
fn outcomes_survive_a_restart_and_were_told() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, past) = open(&directory);
    assert_eq!(past, Past::default());
    journal.begin(&order("a", Action::Drain), NOW).unwrap();
    journal.end(&done("a")).unwrap();
    journal.end(&done("refused, never begun")).unwrap();
    drop(journal);
    let (_, past) = open(&directory);
    assert_eq!(past, Past { remembered: vec![done("a"), done("refused, never begun")], untold: vec![] });
}

#[test]
fn what_was_begun_and_not_ended_has_failed_unless_it_was_a_restart_that_came() {
    // (action, boot it is opened in, state)
    let table = [
        (Action::Drain, "boot 1", ActionState::Failed),
        (Action::Drain, "boot 2", ActionState::Failed),
        (Action::Reboot, "boot 1", ActionState::Failed),
        (Action::Reboot, "boot 2", ActionState::Done),
    ];
    for (action, boot, state) in table {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(&directory);
        journal.begin(&order("a", action.clone()), NOW).unwrap();
        drop(journal);
        let (journal, past) = Journal::open(directory.path(), boot, NOW).unwrap();
        let ended = &past.remembered[0];
        assert_eq!((ended.state, &past.untold[..]), (state, &[ended.action_id][..]), "{action:?} in {boot}");
        assert!(state == ActionState::Done || ended.message.contains("interrupted by a restart of the agent"));
        drop(journal);
        assert_eq!(open(&directory).1, Past { untold: vec![], ..past }, "ended once and for all");
    }
}

#[test]
fn a_torn_tail_costs_nothing_but_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(&directory);
    journal.end(&done("a")).unwrap();
    journal.begin(&order("b", Action::Drain), NOW).unwrap();
    drop(journal);
    let path = directory.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for torn in first..whole.len() {
        std::fs::write(&path, &whole[..torn]).unwrap();
        let (mut journal, past) = open(&directory);
        assert_eq!(past.remembered[0], done("a"), "torn at {torn}");
        // What is appended next stands on a line of its own.
        journal.end(&done("c")).unwrap();
        assert!(open(&directory).1.remembered.contains(&done("c")), "torn at {torn}");
    }
}

#[test]
fn after_a_failed_write_nothing_is_appended_to_half_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(&directory);
    journal.end(&done("a")).unwrap();
    let mut half = OpenOptions::new().append(true).open(directory.path().join(FILE)).unwrap();
    half.write_all(b"{\"begun\":{").unwrap();
    journal.write_to(OpenOptions::new().append(true).open("/dev/full").unwrap());
    assert!(journal.begin(&order("b", Action::Drain), NOW).is_err());
    journal.begin(&order("c", Action::Drain), NOW).unwrap();
    drop(journal);
    let past = open(&directory).1;
    assert_eq!((past.remembered.len(), &past.untold[..]), (2, &[ActionId::derived_from("c")][..]));
}

#[test]
fn garbage_is_left_out_and_the_rest_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let mut content = b"\xff\xfe\n{\"begun\":7}\n\n".to_vec();
    content.extend(encoded(&Line::Ended(done("a"))));
    content.extend(b"{\"ended\":{}}\n");
    std::fs::write(&path, content).unwrap();
    assert_eq!(open(&directory).1.remembered, [done("a")]);
}

#[test]
fn it_stays_bounded_and_remembers_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(&directory);
    // Written at once, as a long life would have left it.
    let old: Vec<u8> = (0..LONGEST).flat_map(|number| encoded(&Line::Ended(done(&number.to_string())))).collect();
    std::fs::write(directory.path().join(FILE), old).unwrap();
    drop(journal);
    let lines = || std::fs::read_to_string(directory.path().join(FILE)).unwrap().lines().count();
    (journal, _) = open(&directory);
    assert_eq!(lines(), REMEMBERED);
    journal.lines = LONGEST;
    journal.end(&done("last")).unwrap();
    assert_eq!(lines(), REMEMBERED, "and while it runs");
    journal.end(&done("the very last")).unwrap();
    drop(journal);
    let (_, past) = open(&directory);
    assert_eq!(past.remembered.len(), REMEMBERED);
    assert_eq!(past.remembered.last(), Some(&done("the very last")));
    assert_eq!(past.remembered[REMEMBERED - 3], done(&(LONGEST - 1).to_string()));
}
