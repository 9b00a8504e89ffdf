//! Delivery is at least once: whatever order of first sight there was, repetitions change nothing.

use proptest::prelude::{Strategy, any, proptest};
use proptest::sample::{Index, select};
use proptest::test_runner::Config;
use rollcall_model::{Health, HealthBits, NodeState, SessionEpoch};
use rollcall_store::{Change, Store};

use crate::world::{at, beginning, everything, node, rack};

const NODES: u32 = 3;

/// A change of some node; session and number are given when it is sent.
#[derive(Clone, Debug)]
struct Said {
    node: u32,
    state: NodeState,
    bits: u32,
    mask: u32,
}

fn said() -> impl Strategy<Value = Said> {
    // Few bits, so that changes meet.
    let few = 0_u32..1 << 4;
    (1..=NODES, select(&NodeState::ALL[..]), few.clone(), few).prop_map(|(node, state, bits, mask)| Said {
        node,
        state,
        bits: bits & !mask,
        mask,
    })
}

fn change(number: usize, said: &Said) -> Change {
    let bits = |number| HealthBits::from_number(number).unwrap();
    Change::NodeChanged {
        node: node(said.node),
        group: rack(1),
        session: 1 + number as u32 / 7,
        number: number as u64 % 7 + 1,
        epoch: SessionEpoch(1),
        state: said.state,
        health: Health::new(bits(said.bits), bits(said.mask)).unwrap(),
        cause: format!("change {number}"),
        at: at(100 + number as u64),
    }
}

async fn store_with(changes: &[Vec<Change>]) -> Store {
    let store = Store::open("sqlite::memory:").await.unwrap();
    store.commit(&beginning(NODES)).await.unwrap();
    for batch in changes {
        store.commit(batch).await.unwrap();
    }
    store
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    /// Each change may come again at any later time, alone or in a batch with others.
    #[test]
    fn a_change_that_comes_again_leaves_the_tables_as_they_were(
        sequence in proptest::collection::vec(said(), 1..24),
        again in proptest::collection::vec((any::<Index>(), any::<Index>()), 0..24),
        batch in 1_usize..6,
    ) {
        let once: Vec<Change> = sequence.iter().enumerate().map(|(number, said)| change(number, said)).collect();
        let mut often = once.clone();
        for (what, behind) in &again {
            let what = what.index(once.len());
            let first = often.iter().position(|change| *change == once[what]).unwrap();
            often.insert(first + 1 + behind.index(often.len() - first), once[what].clone());
        }
        let twice: Vec<Vec<Change>> = vec![once.clone(), once.clone()];
        let often: Vec<Vec<Change>> = often.chunks(batch).map(<[Change]>::to_vec).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let expected = everything(&store_with(std::slice::from_ref(&once)).await).await;
            assert_eq!(everything(&store_with(&twice).await).await, expected, "the whole sequence twice");
            assert_eq!(everything(&store_with(&often).await).await, expected, "with repetitions, {batch} a batch");
            let one_by_one: Vec<Vec<Change>> = once.iter().map(|change| vec![change.clone()]).collect();
            assert_eq!(everything(&store_with(&one_by_one).await).await, expected, "one a batch");
        });
    }
}
