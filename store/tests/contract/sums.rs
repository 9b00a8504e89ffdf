//! What is kept of groups is what summing up comes to, whatever happened, and also where it happened before it was kept.

use rollcall_model::{Health, HealthBits, NodeState, SessionEpoch};
use rollcall_store::{Change, GroupKind, Store};
use serde_json::Value;

use crate::wanted::{dissolved, entered, left, policy_applied, policy_set, rule_set};
use crate::world::{at, beginning, combination_created, hardware, joined, node, placed, rack, rack_joined, rows};

const KEPT: &str = "SELECT group_id, members, joining, healthy, degraded, suspect, down, unknown, left_nodes, cores, \
                    threads, memory_bytes, open_alerts FROM group_sums ORDER BY group_id";

const SUMMED: &str = "\
    WITH present AS (SELECT node_id, group_id, kind FROM assignments WHERE until_ms IS NULL \
                     UNION ALL SELECT node_id, group_id, 'rule' FROM memberships WHERE until_ms IS NULL) \
    SELECT g.group_id, count(n.node_id), count(CASE n.state WHEN 'joining' THEN 1 END), \
        count(CASE n.state WHEN 'healthy' THEN 1 END), count(CASE n.state WHEN 'degraded' THEN 1 END), \
        count(CASE n.state WHEN 'suspect' THEN 1 END), count(CASE n.state WHEN 'down' THEN 1 END), \
        count(CASE n.state WHEN 'unknown' THEN 1 END), count(CASE n.state WHEN 'left' THEN 1 END), \
        CAST(coalesce(sum(h.cores), 0) AS BIGINT), CAST(coalesce(sum(h.threads), 0) AS BIGINT), \
        CAST(coalesce(sum(h.memory_bytes), 0) AS BIGINT), \
        (SELECT count(*) FROM alerts a WHERE a.group_id = g.group_id AND a.state = 'raised') \
        + (SELECT count(*) FROM alerts o JOIN present r ON r.node_id = o.node_id AND r.kind <> 'physical' \
           WHERE r.group_id = g.group_id AND o.state = 'raised') \
    FROM groups g LEFT JOIN present p ON p.group_id = g.group_id LEFT JOIN nodes n ON n.node_id = p.node_id \
    LEFT JOIN node_hardware h ON h.node_id = p.node_id AND h.until_ms IS NULL \
    GROUP BY g.group_id ORDER BY g.group_id";

const KEPT_BITS: &str = "SELECT group_id, bit, nodes FROM group_bits WHERE nodes <> 0 ORDER BY group_id, bit";

const SUMMED_BITS: &str = "\
    SELECT p.group_id, b.bit, count(*) \
    FROM (SELECT node_id, group_id FROM assignments WHERE until_ms IS NULL \
          UNION ALL SELECT node_id, group_id FROM memberships WHERE until_ms IS NULL) p \
    JOIN node_health_bits b ON b.node_id = p.node_id AND b.state = 'set' \
    GROUP BY p.group_id, b.bit ORDER BY p.group_id, b.bit";

const KEPT_POLICIES: &str =
    "SELECT group_id, version, nodes FROM group_policies WHERE nodes <> 0 ORDER BY group_id, version";

const SUMMED_POLICIES: &str = "\
    SELECT p.group_id, o.version, count(*) \
    FROM (SELECT node_id, group_id FROM assignments WHERE until_ms IS NULL \
          UNION ALL SELECT node_id, group_id FROM memberships WHERE until_ms IS NULL) p \
    JOIN node_policies o ON o.node_id = p.node_id AND o.version > 0 \
    GROUP BY p.group_id, o.version ORDER BY p.group_id, o.version";

const WITHOUT_POLICY: &str = "SELECT node_id FROM nodes WHERE node_id NOT IN (SELECT node_id FROM node_policies)";

const KEPT_NEWEST: &str = "SELECT serial FROM certificates WHERE newest ORDER BY serial";

const FOUND_NEWEST: &str = "\
    SELECT c.serial FROM certificates c WHERE c.revoked_ms IS NULL AND NOT EXISTS \
        (SELECT 1 FROM certificates o WHERE o.principal = c.principal AND o.revoked_ms IS NULL \
         AND (o.expires_ms, o.serial) > (c.expires_ms, c.serial)) ORDER BY c.serial";

/// Holds everything that is kept against what it comes to.
pub async fn check(store: &Store) {
    let found = async |sql| store.select(sql, &[]).await.unwrap().rows;
    let pairs =
        [(KEPT, SUMMED), (KEPT_BITS, SUMMED_BITS), (KEPT_POLICIES, SUMMED_POLICIES), (KEPT_NEWEST, FOUND_NEWEST)];
    for (kept, summed) in pairs {
        assert_eq!(found(kept).await, found(summed).await, "{kept}");
    }
    assert_eq!(found(WITHOUT_POLICY).await, Vec::<Vec<Value>>::new());
    let (kept, by_severity) = (
        "SELECT group_id, open_alerts FROM v_group_health WHERE open_alerts > 0 ORDER BY group_id",
        "SELECT group_id, CAST(sum(raised + acknowledged) AS BIGINT) FROM v_group_alerts GROUP BY group_id ORDER BY group_id",
    );
    assert_eq!(rows(store, kept).await, rows(store, by_severity).await);
    let (kept, by_node) = (
        "SELECT name, obey FROM v_groups WHERE kind = 'physical' AND members > 0 ORDER BY name",
        "SELECT physical_group, count(*) FILTER (WHERE policy_version = (SELECT max(version) FROM v_policies)) \
         FROM v_nodes GROUP BY physical_group ORDER BY physical_group",
    );
    assert_eq!(rows(store, kept).await, rows(store, by_node).await);
}

/// A number that looks as if it came by chance, and is the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(sides)) as u32
    }
}

const NODES: u32 = 9;
const RULED: [&str; 3] = ["hot", "odd", "quarantine"];

/// Where each node is, and what must grow.
struct Fleet {
    dice: Dice,
    racks: [u32; NODES as usize + 1],
    epochs: [u32; NODES as usize + 1],
    policy: u32,
    moment: u64,
}

impl Fleet {
    fn change(&mut self) -> Change {
        self.moment += 1;
        let (number, moment) = (1 + self.dice.throw(NODES), self.moment);
        match self.dice.throw(12) {
            0..=4 => self.health(number),
            5 => {
                self.racks[number as usize] = 1 + self.dice.throw(3);
                placed(number, self.racks[number as usize], moment)
            }
            6 => {
                self.epochs[number as usize] += 1;
                let kind = 1 + self.dice.throw(2);
                let mut change = joined(number, self.epochs[number as usize], kind);
                if let Change::NodeJoined { hardware: told, at: when, .. } = &mut change {
                    **told = hardware(kind);
                    told.cpu.threads = Some(32 * (1 + self.dice.throw(3)));
                    *when = at(moment);
                }
                change
            }
            7 => entered(number, RULED[self.dice.throw(3) as usize], moment),
            8 => left(number, RULED[self.dice.throw(3) as usize], moment),
            9 if self.dice.throw(3) == 0 => {
                self.policy += 1;
                policy_set(u64::from(self.policy), moment)
            }
            9 | 10 => policy_applied(&[number, 1 + self.dice.throw(NODES)], u64::from(self.policy), moment),
            _ => Change::GroupAlarm {
                group: rack(1 + self.dice.throw(3)),
                raised: self.dice.throw(2) == 0,
                silent: 3,
                members: 4,
                at: at(moment),
            },
        }
    }

    fn health(&mut self, number: u32) -> Change {
        let states = [NodeState::Healthy, NodeState::Degraded, NodeState::Suspect, NodeState::Down, NodeState::Unknown];
        let some = (0..3).fold(HealthBits::NONE, |bits, _| bits.with(self.dice.throw(24) as usize, true));
        let bits = if self.dice.throw(3) == 0 { HealthBits::NONE } else { some };
        let mask = (0..24).find(|bit| !bits.get(*bit)).map_or(HealthBits::NONE, |bit| HealthBits::NONE.with(bit, true));
        Change::NodeChanged {
            node: node(number),
            group: rack(self.racks[number as usize]),
            session: 1,
            number: self.moment,
            epoch: SessionEpoch(self.epochs[number as usize]),
            state: states[self.dice.throw(5) as usize],
            health: Health::new(bits, mask).unwrap(),
            cause: "status".into(),
            at: at(self.moment),
        }
    }
}

/// Writes what comes by chance, in batches of any size, and checks after each.
pub async fn live(store: &Store, seed: u64, batches: u32) {
    store.commit(&beginning(NODES)).await.unwrap();
    let mut first = vec![rack_joined(3, 1), combination_created(3), policy_set(1, 20)];
    first.extend(RULED.map(|group| rule_set(group, "true", 21)));
    if let Some(Change::RuleGroupSet { kind, .. }) = first.last_mut() {
        *kind = GroupKind::Logical;
    }
    store.commit(&first).await.unwrap();
    let mut fleet = Fleet { dice: Dice(seed), racks: [1; 10], epochs: [1; 10], policy: 1, moment: 1_000 };
    for batch in 0..batches {
        let changes: Vec<Change> = (0..1 + fleet.dice.throw(12)).map(|_| fleet.change()).collect();
        store.commit(&changes).await.unwrap_or_else(|error| panic!("batch {batch}: {error}: {changes:?}"));
        if batch % 5 == 0 {
            check(store).await;
        }
    }
    store.commit(&[dissolved("hot", fleet.moment + 1)]).await.unwrap();
    store.commit(&crate::trusted::everything_trusted()).await.unwrap();
    check(store).await;
}

pub async fn what_is_kept_of_groups_is_what_it_comes_to(store: &Store) {
    live(store, 20_261_126, 120).await;
}
