use proptest::prelude::*;
use rollcall_model::InstanceId;

use super::*;

fn lease(generation: u64, beats: u64, name: &str) -> Lease {
    Lease {
        generation,
        beats,
        instance: InstanceId::from_bytes([1; 16]),
        name: Name::new(name).unwrap(),
        address: "https://zc:7655".into(),
        is_released: false,
    }
}

fn sight(lease: Option<Lease>, is_locked: bool) -> Sight {
    Sight { zone: None, lease, is_locked }
}

#[test]
fn what_is_seen_decides_whether_a_lease_is_taken() {
    let held = lease(4, 9, "zc-a");
    let released = Lease { is_released: true, ..held.clone() };
    let own = lease(4, 9, "zc-b");
    for (seen, is_locked, expected) in [
        (None, false, Verdict::Take(Reason::Unheld)),
        (None, true, Verdict::Wait),
        (Some(held.clone()), true, Verdict::Wait),
        (Some(held), false, Verdict::Wait),
        (Some(released.clone()), true, Verdict::Take(Reason::Released)),
        (Some(released), false, Verdict::Take(Reason::Released)),
        (Some(own.clone()), false, Verdict::Take(Reason::OwnFormerRun)),
        (Some(own), true, Verdict::Wait),
    ] {
        let mut standby = Standby::new(Name::new("zc-b").unwrap());
        let text = format!("{seen:?} {is_locked}");
        assert_eq!(standby.saw(Tick(10), &sight(seen, is_locked)), expected, "{text}");
    }
}

#[test]
fn a_holder_is_silent_after_a_whole_lease_without_another_sign() {
    let mut standby = Standby::new(Name::new("zc-b").unwrap());
    let saw = |standby: &mut Standby, at, beats| standby.saw(Tick(at), &sight(Some(lease(4, beats, "zc-a")), true));
    assert_eq!(saw(&mut standby, 0, 1), Verdict::Wait);
    assert_eq!(saw(&mut standby, 2_999, 1), Verdict::Wait);
    assert_eq!(saw(&mut standby, 3_000, 2), Verdict::Wait, "a sign");
    assert_eq!(saw(&mut standby, 5_999, 2), Verdict::Wait);
    // The database was away: so it was for the holder.
    standby.was_blind();
    assert_eq!(saw(&mut standby, 9_000, 2), Verdict::Wait);
    assert_eq!(saw(&mut standby, 12_000, 2), Verdict::Take(Reason::Silent));
}

#[test]
fn a_holder_acts_from_the_beginning_of_its_last_renewal_and_comes_back_unless_it_is_over() {
    let mut holder = Holder::new(Tick(100));
    assert_eq!((holder.standing(Tick(2_599)), holder.standing(Tick(2_600))), (Standing::Acting, Standing::Lapsed));
    holder.unanswered(Tick(1_900));
    assert_eq!(holder.next_renewal(), Tick(2_100));
    holder.kept(Tick(2_700));
    assert_eq!((holder.standing(Tick(5_199)), holder.next_renewal()), (Standing::Acting, Tick(3_700)));
    // An answer that comes late counts from when it was asked for.
    holder.kept(Tick(1_000));
    assert_eq!(holder.acts_until(), Tick(5_200));
    holder.lost();
    assert_eq!(holder.standing(Tick(2_800)), Standing::Over);
}

/// A replica in a world of its own clock.
struct Replica {
    /// Ticks for each millisecond of the world, in thousandths.
    speed: u64,
    paused_until: u64,
    role: Role,
}

enum Role {
    Standby(Standby, u64),
    /// Which generation, and when the next renewal may end that is under way: began, answered.
    Holding(Holder, u64, Option<(Tick, u64)>),
}

impl Replica {
    fn tick(&self, world: u64) -> Tick {
        Tick(world * self.speed / 1_000)
    }
}

/// The world's row.
struct Row {
    generation: u64,
    beats: u64,
    holder: usize,
}

#[derive(Clone, Debug)]
struct Fault {
    at: u64,
    replica: usize,
    lasting: u64,
    /// The database does not answer for the time, to anybody; else the replica is paused.
    is_of_database: bool,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = (0_u64..60_000, 0_usize..3, 100_u64..9_000, any::<bool>());
    let fault = fault.prop_map(|(at, replica, lasting, is_of_database)| Fault { at, replica, lasting, is_of_database });
    proptest::collection::vec(fault, 0..12)
}

/// Runs three replicas for a minute of the world, a step of 10 ms at a time; checks every step. Says how often the lease was
/// taken, and how long nobody acted in the end.
fn run(speeds: [u64; 3], faults: &[Fault], delays: &[u64]) -> Result<(u64, u64), TestCaseError> {
    let name = |index: usize| Name::new(format!("zc-{index}")).unwrap();
    let mut row = Row { generation: 0, beats: 0, holder: 0 };
    let mut replicas: Vec<Replica> = (0..3)
        .map(|index| Replica {
            speed: speeds[index],
            paused_until: 0,
            role: Role::Standby(Standby::new(name(index)), 0),
        })
        .collect();
    let (mut taken, mut idle, mut delay) = (0, 0, delays.iter().cycle());
    for world in (0..80_000).step_by(10) {
        for fault in faults.iter().filter(|fault| fault.at / 10 == world / 10 && !fault.is_of_database) {
            replicas[fault.replica].paused_until = world + fault.lasting;
        }
        let is_away = faults.iter().any(|it| it.is_of_database && (it.at..it.at + it.lasting).contains(&world));
        for (index, replica) in replicas.iter_mut().enumerate().filter(|(_, it)| it.paused_until <= world) {
            let now = replica.tick(world);
            match &mut replica.role {
                Role::Standby(standby, look) if *look <= world => {
                    *look = world + LOOK.0;
                    if is_away {
                        standby.was_blind();
                        continue;
                    }
                    let seen =
                        (row.generation > 0).then(|| lease(row.generation, row.beats, name(row.holder).as_str()));
                    // The lock is somebody's throughout: the worst case for who waits.
                    let is_locked = seen.is_some();
                    if let Verdict::Take(_) = standby.saw(now, &sight(seen, is_locked)) {
                        let before = row.generation;
                        row = Row { generation: before + 1, beats: 1, holder: index };
                        prop_assert!(row.generation > before);
                        taken += 1;
                        replica.role = Role::Holding(Holder::new(now), row.generation, None);
                    }
                }
                Role::Standby(..) => {}
                Role::Holding(holder, generation, under_way) => {
                    match *under_way {
                        Some((began, answered)) if answered <= world => {
                            *under_way = None;
                            if is_away {
                                holder.unanswered(now);
                            } else if row.generation == *generation {
                                // Written when it was answered at the latest, counted from when it began.
                                row.beats += 1;
                                holder.kept(began);
                            } else {
                                holder.lost();
                            }
                        }
                        None if holder.next_renewal() <= now => {
                            *under_way = Some((now, world + delay.next().copied().unwrap_or(0)));
                        }
                        _ => {}
                    }
                    if holder.standing(now) == Standing::Over {
                        replica.role = Role::Standby(Standby::new(name(index)), world);
                    }
                }
            }
        }
        // What a paused process would do is decided when it goes on, with a clock that went on.
        let acting = replicas.iter().filter(|replica| match &replica.role {
            Role::Holding(holder, ..) => holder.standing(replica.tick(world)) == Standing::Acting,
            Role::Standby(..) => false,
        });
        let acting = acting.count();
        prop_assert!(acting <= 1, "{acting} act at {world}");
        idle = if acting == 0 { idle + 10 } else { 0 };
    }
    Ok((taken, idle))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Clocks that run apart by 4 % either way, pauses, an absent database, renewals that take up to a second and a half.
    #[test]
    fn never_do_two_act_at_once(
        speeds in proptest::array::uniform3(960_u64..=1_040),
        faults in faults(),
        delays in proptest::collection::vec(0_u64..1_500, 1..8),
    ) {
        let (taken, idle) = run(speeds, &faults, &delays)?;
        prop_assert!(taken >= 1);
        // The last faults are over by 69 s of 80.
        prop_assert!(idle < 5_000, "nobody acts for {idle} ms");
    }
}

#[test]
fn clocks_that_run_too_far_apart_would_let_two_act_which_is_what_the_generation_is_for() {
    let fault = Fault { at: 5_000, replica: 0, lasting: 9_000, is_of_database: false };
    let slow = run([400, 1_000, 1_000], &[fault], &[0]);
    assert!(slow.is_err(), "the run above can find it");
}
