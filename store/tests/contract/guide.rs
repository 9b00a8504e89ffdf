//! docs/sql.md is tested: its examples run, and the columns it lists are the columns there are.

use std::collections::BTreeMap;

use rollcall_model::{Health, HealthBits, NodeState};
use rollcall_store::{AskLimits, Change, Store};

use crate::trusted::good_for_ever;
use crate::wanted::{acknowledged, everything_wanted};
use crate::world::{at, beginning, bits, changed, joined, placed, rack};

const GUIDE: &str = include_str!("../../../docs/sql.md");

/// The blocks of the guide that are SQL.
fn examples() -> Vec<&'static str> {
    GUIDE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A fleet about which every example has something to say.
pub async fn fleet(store: &Store) {
    let no_fan = Health::new(HealthBits::NONE, HealthBits::NONE.with(17, true)).unwrap();
    store.commit(&beginning(6)).await.unwrap();
    store
        .commit(&[
            changed(1, 1, NodeState::Healthy, no_fan, "status"),
            changed(2, 2, NodeState::Degraded, bits(&["disk_space", "io_pressure"]), "status"),
            changed(3, 3, NodeState::Degraded, bits(&["fan"]), "status"),
            changed(4, 4, NodeState::Down, Health::unmeasured(), "connection closed"),
            changed(3, 5, NodeState::Healthy, bits(&[]), "status"),
            changed(4, 6, NodeState::Healthy, bits(&[]), "status"),
            changed(4, 7, NodeState::Down, bits(&[]), "silent for 10 s"),
            placed(5, 2, 200),
            joined(6, 2, 2),
            Change::GroupAlarm { group: rack(1), raised: true, silent: 4, members: 5, at: at(300) },
        ])
        .await
        .unwrap();
    store.commit(&everything_wanted()).await.unwrap();
    store.commit(&good_for_ever()).await.unwrap();
    store.commit(&[changed(1, 901, NodeState::Healthy, no_fan, "status"), acknowledged(1, 1_100)]).await.unwrap();
    store.take(&crate::lease::replica("zc-a"), None).await.unwrap();
}

pub async fn every_example_of_the_sql_guide_runs(store: &Store) {
    fleet(store).await;
    let examples = examples();
    assert!(examples.len() >= 12, "{} examples", examples.len());
    for sql in examples {
        // The fleet's times are fixed: the last seven days are all days there were.
        let sql = &sql.replace("604800000", "1000000000000");
        match store.ask(sql, AskLimits::default()).await {
            // Only what is asked about the hour before today may have no answer.
            Ok(table) => {
                assert!(!table.rows.is_empty() || sql.contains("- 3600000 FROM v_clock"), "no row answers\n{sql}");
            }
            Err(error) => panic!("{error}\n{sql}"),
        }
    }
}

/// A section `### v_…` lists its columns, each in backticks before the dash of a list item.
fn listed() -> BTreeMap<String, Vec<String>> {
    let sections = GUIDE.split("\n### ").skip(1).filter(|section| section.starts_with("v_"));
    sections
        .map(|section| {
            let view = section.lines().next().unwrap().trim().to_owned();
            let items = section.lines().filter_map(|line| line.strip_prefix("- "));
            let names = items.flat_map(|item| item.split(" — ").next().unwrap().split('`').skip(1).step_by(2));
            (view, names.map(str::to_owned).collect())
        })
        .collect()
}

pub async fn the_guide_lists_the_columns_each_view_has(store: &Store) {
    let mut there = BTreeMap::new();
    for view in crate::views::names(store).await {
        let columns = store.ask(&format!("SELECT * FROM {view}"), AskLimits::default()).await.unwrap().columns;
        there.insert(view, columns);
    }
    assert_eq!(listed(), there);
}
