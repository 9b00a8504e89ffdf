//! Bugs planted on purpose, one at a time: a simulation that would not notice them proves nothing.
//!
//! Each is a mistake that a driver, a disk, a network or a core's effects could make, made where the simulation does what the
//! daemons' drivers do. No code of any daemon knows of them, and this crate is never released: nothing of them can come into a
//! production build.

mod effects;
mod looks;

use super::world::World;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The zone controller publishes, and saves afterwards.
    SpeaksBeforeItSaves,
    /// The zone controller answers the API, and saves afterwards.
    AnswersBeforeItSaves,
    /// One in five changes of a node is told to the core and not saved.
    LosesChanges,
    /// Every node that joins gets the epoch before the one that is due.
    GivesAnEpochTwice,
    /// Where a node stands is told and never saved.
    ForgetsPlaces,
    /// How an action ended is not saved.
    ForgetsOutcomes,
    /// Who left a group by rule is not saved.
    ForgetsWhoLeft,
    /// Who obeys which policy is not saved.
    ForgetsWhoObeys,
    /// Nobody asks the broker who published.
    BelievesEverybody,
    /// A message for a node's inbox goes to that of a rack, one in fifty.
    Misdelivers,
    /// A rack's controller never hears that its connection was lost and came back.
    HidesTheLink,
    /// Of connections that went with a node of the broker three in ten are told, as if their owners had died.
    TakesPartedForDead,
    /// What a rack wrote to disk stays there.
    KeepsWordsOnDisk,
    /// A publish counts as confirmed however it went.
    TakesSentForConfirmed,
    /// A target that was found is handed out again for a while.
    CachesTargets,
    /// An agent that lost its connection carries out its last order again when it is back.
    ReplaysItsOrder,
    /// An agent sends each word about its availability again and again.
    SpeaksTooMuch,
    /// An agent looks at its readings once, when it starts.
    MeasuresOnce,
    /// A zone controller writes past the fence of its generation.
    WritesUnfenced,
    /// Nobody looks at the generation in which a zone controller speaks.
    ReadsNoGeneration,
    /// Who stands by takes the lease at once, whoever holds it.
    TakesALeaseThatIsHeld,
    /// A zone controller acts on after its lease has lapsed.
    ActsWithoutALease,
    /// A driver wakes at a deadline and does not tell its core.
    SleepsOn,
}

/// A bug, and what it is caught by.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// Which.
    pub bug: Bug,
    /// Invariants of which one notices it first, by the names of their files.
    pub caught_by: &'static [&'static str],
    /// The first seed that is played: of the rare ones a test does not play those that show nothing.
    pub from: u64,
    /// Within so many seeds from there on.
    pub within: u64,
}

const fn planted(bug: Bug, caught_by: &'static [&'static str], within: u64) -> Planted {
    Planted { bug, caught_by, from: 0, within }
}

impl Planted {
    const fn from(self, seed: u64) -> Self {
        Self { from: seed, ..self }
    }
}

/// Every bug there is.
pub const BUGS: &[Planted] = &[
    planted(Bug::SpeaksBeforeItSaves, &["no_assignment_without_a_row"], 5),
    planted(Bug::AnswersBeforeItSaves, &["what_was_confirmed_is_there_once"], 100).from(60),
    planted(Bug::LosesChanges, &["saved_state_equals_truth_at_rest"], 5),
    planted(Bug::GivesAnEpochTwice, &["no_assignment_without_a_row", "the_store_never_refuses"], 5),
    planted(Bug::ForgetsPlaces, &["no_assignment_without_a_row"], 5),
    planted(Bug::ForgetsOutcomes, &["every_order_ends"], 5),
    planted(Bug::ForgetsWhoLeft, &["rule_groups_follow_their_rules"], 40),
    planted(Bug::ForgetsWhoObeys, &["everyone_obeys_the_policy"], 5),
    planted(Bug::BelievesEverybody, &["no_lie_is_believed"], 5),
    planted(Bug::Misdelivers, &["nobody_gets_what_he_cannot_take"], 5),
    planted(Bug::HidesTheLink, &["a_stalled_observer_blames_nobody", "nobody_is_down_for_its_broker_node"], 60)
        .from(60),
    planted(Bug::TakesPartedForDead, &["nobody_is_down_for_its_broker_node"], 60),
    planted(Bug::KeepsWordsOnDisk, &["no_word_is_left_on_disk"], 5),
    planted(Bug::TakesSentForConfirmed, &["saved_state_equals_truth_at_rest", "an_alert_for_every_lasting_change"], 60)
        .from(300),
    planted(Bug::CachesTargets, &["no_target_that_is_not_well"], 40),
    planted(Bug::ReplaysItsOrder, &["no_action_takes_effect_twice"], 60),
    planted(Bug::SpeaksTooMuch, &["speech_keeps_to_its_budget"], 20),
    planted(Bug::MeasuresOnce, &["saved_state_equals_truth_at_rest"], 5),
    planted(Bug::WritesUnfenced, &["no_older_generation_writes", "the_store_never_refuses"], 20),
    planted(Bug::ReadsNoGeneration, &["no_older_generation_is_obeyed"], 40),
    planted(Bug::TakesALeaseThatIsHeld, &["one_zone_controller_acts"], 5),
    planted(Bug::ActsWithoutALease, &["one_zone_controller_acts"], 20),
    planted(Bug::SleepsOn, &["no_core_spins"], 5),
];

impl World {
    /// Whether this bug is planted here.
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }
}
