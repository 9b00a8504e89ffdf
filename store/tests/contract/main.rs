//! What every backend of the store must do. A case takes an empty store, and asks which database it is only for words
//! that differ; `sqlite_…` alone are about SQLite's files, `postgres_…` about PostgreSQL's servers.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod asking;
mod channels;
mod combinations;
mod groups;
mod guards;
mod guide;
mod health;
mod lease;
mod nodes;
mod orders;
mod policies;
mod postgres_columns;
mod postgres_lease;
mod postgres_people;
mod postgres_server;
mod postgres_upgrade;
mod repetition;
mod retention;
mod rules;
mod server;
mod sqlite_audit;
mod sqlite_files;
mod sqlite_full;
mod sqlite_upgrade;
mod sums;
mod trust;
mod trusted;
mod upkeep;
mod upkeep_move;
mod views;
mod wanted;
mod world;

use rollcall_store::Store;

/// A store with nothing in it, and what must live as long as it.
struct Fresh {
    store: Store,
    _folder: Option<tempfile::TempDir>,
}

async fn sqlite_memory() -> Fresh {
    Fresh { store: Store::open("sqlite::memory:").await.unwrap(), _folder: None }
}

async fn sqlite_file() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/zone.db", folder.path().display());
    Fresh { store: Store::open(&url).await.unwrap(), _folder: Some(folder) }
}

async fn postgres() -> Fresh {
    let server = server::server();
    Fresh { store: Store::open(&server.url(&server.database())).await.unwrap(), _folder: None }
}

/// Which database a store is in, where a case must know the words it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Database {
    Sqlite,
    Postgres,
}

async fn database(store: &Store) -> Database {
    match store.select("SELECT sqlite_version()", &[]).await {
        Ok(_) => Database::Sqlite,
        Err(_) => Database::Postgres,
    }
}

/// Runs every case on every backend.
macro_rules! contract {
    ($($room:ident :: $case:ident),* $(,)?) => {
        contract!(@on sqlite_memory: $($room::$case),*);
        contract!(@on sqlite_file: $($room::$case),*);
        contract!(@on postgres: $($room::$case),*);
    };
    (@on $backend:ident: $($room:ident :: $case:ident),*) => {
        mod $backend {
            $(#[tokio::test]
            async fn $case() {
                let fresh = super::$backend().await;
                super::$room::$case(&fresh.store).await;
            })*
        }
    };
}

contract! {
    guards::an_empty_store_loads_as_nothing,
    guards::a_number_that_does_not_grow_is_refused_by_name,
    guards::a_batch_whose_last_change_is_stale_writes_nothing,
    guards::what_is_missing_is_named_and_nothing_is_written,
    guards::another_zone_is_refused,
    guards::numbers_and_times_beyond_sql_are_cut_not_refused,
    guards::a_commit_that_is_cancelled_leaves_the_store_usable,
    guards::two_hundred_joins_are_one_quick_commit,
    groups::a_snapshot_holds_what_was_committed,
    groups::a_new_membership_replaces_the_channels,
    groups::a_group_created_again_stays_as_it_was,
    groups::a_checkin_service_that_asks_again_is_no_news,
    groups::a_group_alarm_is_open_once_and_repetitions_are_silent,
    groups::a_groups_warning_is_open_until_it_is_over_beside_any_other_alert_of_the_group,
    nodes::a_node_has_one_current_group_of_each_kind,
    nodes::moving_closes_the_old_assignment_and_keeps_it,
    nodes::placing_twice_in_the_same_group_writes_no_history,
    nodes::a_node_may_be_placed_before_it_checks_in,
    nodes::a_new_epoch_keeps_health_and_begins_as_joining,
    nodes::hardware_history_grows_only_when_hardware_differs,
    nodes::each_group_numbers_its_own_changes,
    nodes::last_signs_of_life_are_written_in_bulk,
    health::how_bad_a_state_is_is_the_same_in_the_views_as_everywhere,
    health::bits_are_derived_and_alerts_follow_them,
    health::one_alert_per_kind_is_open_at_a_time,
    health::liveness_is_raised_when_down_and_cleared_when_heard,
    health::a_repeated_or_older_change_is_skipped,
    health::a_death_that_is_told_late_is_an_alert_that_is_over,
    health::unmeasurable_is_never_shown_as_clear,
    health::messages_say_what_changed_and_why,
    policies::the_newest_policy_is_in_force_and_old_ones_stay,
    policies::a_policy_of_an_older_version_or_another_text_is_refused,
    policies::the_version_a_node_obeys_only_grows,
    policies::a_refusal_is_told_until_the_node_obeys,
    policies::ten_thousand_nodes_that_obey_are_one_quick_commit,
    rules::a_node_is_in_several_groups_by_rule_at_once_and_in_its_others,
    rules::entering_and_leaving_again_change_nothing,
    rules::a_rule_may_change_and_its_members_stay,
    rules::a_dissolved_group_is_left_by_all_and_never_comes_back,
    rules::only_groups_by_rule_can_be_entered_and_dissolved,
    rules::groups_by_rule_count_their_members_and_what_is_wrong_with_them,
    rules::a_thousand_entries_are_one_quick_commit,
    orders::an_order_goes_on_and_never_back,
    orders::a_starting_zone_gets_the_orders_whose_end_is_not_known,
    orders::an_alert_is_acknowledged_once_and_stays_open,
    orders::acknowledging_what_is_not_there_or_over_changes_nothing,
    orders::open_alerts_are_rolled_up_by_group_and_severity,
    channels::messages_are_numbered_by_channel_and_a_repetition_is_none,
    channels::a_message_may_carry_any_json,
    channels::the_newest_ten_thousand_of_a_channel_are_kept,
    channels::summaries_tell_states_bits_and_quantiles_by_period,
    channels::a_summary_of_nobody_is_refused,
    channels::the_bound_of_a_channel_looks_through_nothing,
    retention::what_is_over_goes_and_what_is_in_force_stays,
    retention::every_moment_within_the_span_is_known_as_before,
    retention::a_step_looks_at_no_more_rows_than_it_may,
    retention::what_is_kept_for_ever_stays,
    retention::the_next_message_of_a_channel_is_numbered_after_those_that_went,
    retention::what_let_in_goes_once_it_is_over_for_long_enough,
    combinations::a_combination_waits_until_somebody_decides,
    combinations::a_combination_may_be_decided_on_before_it_comes_and_again,
    combinations::a_checkin_service_is_shown_with_its_place,
    trust::a_token_lets_in_once_whoever_comes_second,
    trust::what_lets_in_is_never_shown,
    trust::a_join_waits_until_somebody_decides,
    trust::a_serial_number_is_one_certificates,
    trust::who_is_revoked_is_out_with_every_certificate_until_lifted,
    trust::renewals_make_no_events,
    trust::a_starting_zone_gets_what_lets_in_and_keeps_out,
    trust::users_are_found_by_name_and_token_until_removed,
    trust::the_audit_log_is_a_chain_that_grows_with_what_it_tells_of,
    trust::a_long_audit_log_is_walked_in_steps,
    trust::nothing_of_a_batch_that_fails_is_in_the_log,
    guards::everything_that_is_wanted_may_be_committed_again,
    lease::each_tenure_is_greater_than_any_before_and_than_the_zones_generation,
    lease::a_lease_that_does_not_stand_as_it_was_seen_is_not_taken,
    lease::who_takes_the_lease_fences_the_former_holder,
    lease::a_lease_is_renewed_given_back_and_taken_again,
    lease::a_lease_that_is_taken_again_while_it_is_renewed_is_never_lost,
    asking::columns_are_named_when_no_row_is,
    asking::values_keep_their_kind,
    asking::the_row_limit_cuts_and_says_so,
    asking::the_time_limit_stops_a_long_question,
    asking::only_questions_are_answered,
    asking::the_database_says_what_it_does_not_understand,
    asking::a_question_that_is_cancelled_leaves_the_store_usable,
    asking::own_statements_take_binds,
    views::every_view_answers_on_an_empty_and_a_full_store,
    views::times_are_iso_8601_with_milliseconds,
    views::counts_of_groups_add_up,
    views::health_bits_are_listed_by_name_in_order,
    sums::what_is_kept_of_groups_is_what_it_comes_to,
    guide::every_example_of_the_sql_guide_runs,
    guide::the_guide_lists_the_columns_each_view_has,
}
