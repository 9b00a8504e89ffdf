//! End to end: the four real daemons as processes, on a real RabbitMQ and real mDNS, as an operator meets them.
//!
//! The cases run one after the other, each on a stage of its own, for they measure times on a machine that may be
//! small. They share a RabbitMQ; a second one is there to be killed, and for a second zone. A case that mostly waits, on a
//! broker of its own, runs beside the others.

mod actions;
mod availability;
mod broker_cluster;
mod broker_faults;
mod broker_lost;
mod clock;
mod coming_up;
mod darkness;
mod database_faults;
mod deaths;
mod demo;
mod events;
mod groups;
mod health;
mod killed_under_load;
mod monitoring;
mod packets;
mod places;
mod policies;
mod restarts;
mod simulation;
mod spool_full;
mod standby;
mod starting;
mod strangers;
mod takeover;
mod tracing;
mod trust;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libtest_mimic::{Arguments, Trial};
use rollcall_tests::stage::{Brokers, program};
use tokio::runtime::Runtime;

/// One line for each case: its file and the sentence that holds; `(beside)` where it runs beside the others.
macro_rules! cases {
    ($world:ident: $($(($beside:ident))? $file:ident :: $case:ident),* $(,)?) => {
        vec![$({
            let world = Arc::clone(&$world);
            Trial::test(concat!(stringify!($file), "::", stringify!($case)), move || {
                let beside: &[&str] = &[$(stringify!($beside))?];
                let _turn = beside.is_empty().then(|| world.turn());
                world.runtime.block_on($file::$case(&world.brokers));
                Ok(())
            })
        }),*]
    };
}

struct World {
    runtime: Runtime,
    brokers: Brokers,
    turn: Mutex<()>,
}

impl World {
    /// One at a time, also after one that failed.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One for those that take turns, one for what runs beside them.
    arguments.test_threads = Some(2);
    let runtime = Runtime::new().expect("a runtime");
    let world = Arc::new(World { runtime, brokers: Brokers::default(), turn: Mutex::new(()) });
    let trials = cases![world:
        starting::a_wrong_configuration_ends_every_daemon_with_2_and_says_where,
        starting::what_cannot_be_had_ends_the_zone_with_3_and_is_named,
        starting::a_database_that_is_not_ours_is_refused_and_left_as_it_was,
        starting::a_broker_out_of_reach_is_named_and_tried_until_it_is_there,
        starting::a_wrong_password_of_the_brokers_administrator_is_called_that,
        starting::who_hears_no_zone_says_so,
        coming_up::a_zone_comes_up_with_every_node_in_one_group_of_each_kind,
        restarts::a_killed_zone_controller_comes_back_to_what_it_knew,
        restarts::a_killed_checkin_service_comes_back_and_lets_nodes_in,
        restarts::a_killed_group_controller_comes_back_and_blames_nobody,
        (beside) standby::a_second_group_controller_takes_over_and_blames_nobody,
        restarts::a_killed_agent_comes_back_as_the_same_node_with_the_next_epoch,
        broker_lost::a_killed_broker_costs_nobody_a_restart_or_a_good_name,
        broker_faults::a_broker_killed_under_load_loses_no_confirmed_word,
        broker_faults::a_broker_short_of_memory_is_taken_the_same_way,
        broker_cluster::a_node_of_the_broker_that_is_killed_costs_nobody_a_good_name,
        broker_cluster::nodes_of_the_broker_that_are_drained_and_stopped_in_order_cost_nobody_a_good_name,
        broker_cluster::a_node_of_the_broker_that_is_halted_is_left_and_all_are_well_again,
        spool_full::nothing_is_done_that_the_journal_cannot_take_and_a_word_that_the_spool_cannot_take_still_arrives,
        killed_under_load::controllers_killed_under_load_leave_one_row_and_one_effect,
        killed_under_load::who_is_asked_to_end_in_the_middle_of_an_action_finishes_it_or_hands_it_back,
        database_faults::a_database_restarted_in_the_middle_of_joins_leaves_no_half_topology,
        database_faults::a_database_whose_disk_is_full_is_read_only_until_there_is_room,
        deaths::a_killed_agent_is_down_at_once,
        deaths::a_halted_agent_that_goes_on_is_never_down,
        deaths::an_agent_that_ends_in_order_has_left,
        deaths::an_agent_that_is_cut_off_is_down_soon_and_comes_back,
        darkness::a_rack_of_which_many_fall_silent_is_unknown_and_raises_one_alarm,
        darkness::a_group_controller_halted_for_twenty_seconds_blames_nobody,
        health::a_full_file_system_sets_its_bit_its_group_and_its_alert_and_clears_them,
        health::busy_processors_set_the_run_queue_bit_as_the_policy_says,
        health::a_process_killed_for_want_of_memory_sets_the_bit_of_oom_kills,
        health::a_link_that_goes_down_sets_its_bit_until_it_is_up_again,
        availability::burning_processors_move_this_machine_from_balance_to_power_and_health_bars_who_is_down,
        policies::a_policy_reaches_every_node_and_outlives_restarts,
        policies::a_policy_nobody_can_obey_is_refused_and_nothing_changes,
        actions::an_action_takes_effect_once_however_often_it_comes,
        actions::an_action_for_a_node_that_is_gone_is_refused_with_the_reason,
        (beside) broker_faults::a_broker_halted_for_a_minute_is_noticed_and_leaves_nothing_behind,
        groups::a_group_by_rule_is_tried_made_followed_and_dissolved,
        groups::a_rule_that_cannot_be_is_refused_with_the_place_and_the_reason,
        events::a_program_of_a_user_hears_every_event_in_order_and_can_say_nothing,
        monitoring::every_daemon_tells_its_figures_and_rules_dashboard_and_guide_name_no_others,
        tracing::one_trace_of_a_join_shows_every_hop_and_a_dead_collector_holds_up_nobody,
        (beside) clock::an_hour_forth_and_back_expires_nothing_and_keeps_the_order,
        takeover::a_killed_zone_controller_is_taken_over_from,
        takeover::a_zone_controller_that_ends_in_order_is_taken_over_from,
        takeover::a_zone_controller_that_was_paused_is_refused_everywhere_and_ends,
        places::a_checkin_service_is_run_where_the_zone_wants_it_and_replaced,
        places::known_nodes_check_in_while_the_zone_is_away,
        (beside) broker_faults::a_broker_short_of_disk_stops_publishers_and_nothing_else,
        strangers::acks_that_do_not_count_are_ignored_and_counted_by_reason,
        strangers::a_node_out_of_range_is_refused_with_a_readable_reason,
        strangers::a_second_agent_with_one_identity_is_reported_and_the_first_stays,
        strangers::two_zones_of_one_name_say_so_and_nobody_moves,
        packets::rubbish_on_every_queue_is_counted_and_parked_and_kills_nobody,
        trust::a_revoked_node_is_cut_off_and_kept_out,
        trust::a_token_works_once_and_its_second_use_alarms,
        trust::who_comes_without_a_token_waits_for_approval_where_the_policy_says_so,
        trust::what_the_broker_refuses_is_in_the_audit_log,
        trust::an_old_certificate_is_renewed_and_one_that_does_not_count_lets_nobody_in,
        trust::hellos_the_site_does_not_vouch_for_move_nobody,
        trust::whoever_listens_on_the_wire_learns_no_secret_and_no_topology,
        demo::the_demo_ends_by_itself_and_leaves_nothing,
        demo::the_demo_ends_when_interrupted_and_leaves_nothing,
        simulation::a_simulated_fleet_joins_dies_is_missed_and_is_reported,
        simulation::an_interrupted_simulation_writes_its_report_and_leaves_nothing,
        simulation::what_cannot_be_simulated_is_refused_before_anything_starts,
    ];
    if !arguments.list {
        // Built before the first case begins to measure.
        let _ = program("rollcall-zone-controller");
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The brokers end with their last holder.
    drop(world);
    conclusion.exit_code()
}
