//! One contract, kept by both implementations of the bus, and what only RabbitMQ has to prove.
//!
//! One private RabbitMQ serves all ordinary tests of a run, a second one is there to be killed and halted, a third one takes
//! certificates only. Tests do not
//! share names, so they run side by side.

#![allow(clippy::print_stdout, reason = "figures and tables are for people")]

mod anew;
mod declaring;
mod disturbed;
mod failing;
mod programs;
mod publishing;
mod receiving;
#[path = "../site/mod.rs"]
mod site;
mod slow;
mod stage;
mod tls;

#[tokio::test]
async fn who_comes_before_the_zone_waits_for_it_in_process() {
    declaring::who_comes_before_the_zone_waits_for_it(stage::Stage::local("before")).await;
}

/// Each case once in-process and once on RabbitMQ.
macro_rules! contract {
    ($($file:ident :: $case:ident),* $(,)?) => {
        mod local {
            $(#[tokio::test]
            async fn $case() {
                crate::$file::$case(crate::stage::Stage::local(stringify!($case))).await;
            })*
        }
        mod rabbit {
            $(#[tokio::test]
            async fn $case() {
                crate::$file::$case(crate::stage::Stage::rabbit(stringify!($case)).await).await;
            })*
        }
    };
}

contract![
    publishing::a_direct_exchange_takes_the_whole_key,
    publishing::a_topic_exchange_knows_star_and_hash,
    publishing::a_fanout_exchange_gives_everyone_a_copy,
    publishing::what_is_published_arrives_as_it_was_sent,
    publishing::a_trace_goes_along_with_what_it_caused,
    publishing::what_comes_and_goes_is_counted,
    publishing::a_body_larger_than_a_frame_arrives_whole,
    publishing::a_message_nobody_takes_is_reported_unless_nobody_has_to_take_it,
    publishing::of_many_at_once_each_gets_its_own_answer,
    publishing::a_missing_exchange_is_reported_and_the_bus_goes_on,
    publishing::a_full_queue_drops_its_oldest,
    publishing::a_full_queue_refuses_the_newest,
    publishing::a_message_too_old_is_gone,
    receiving::prefetch_bounds_what_is_out,
    receiving::consumers_of_one_queue_share_the_work,
    receiving::batches_are_settled_together_and_only_what_was_settled,
    receiving::unsettled_deliveries_come_again_after_the_connection,
    receiving::requeued_deliveries_come_first_and_in_order,
    receiving::too_many_deliveries_make_a_dead_letter,
    receiving::a_parked_message_says_why,
    receiving::waiting_for_a_delivery_can_be_given_up_without_loss,
    receiving::closing_ends_consumers,
    receiving::a_dropped_consumer_gives_back_what_it_held,
    declaring::declaring_twice_changes_nothing_and_contradictions_are_refused,
    declaring::an_optional_binding_may_be_missing,
    declaring::an_expected_exchange_is_waited_for,
    declaring::an_inbox_is_reached_by_its_name,
    declaring::an_inbox_in_use_is_taken_until_it_is_free,
    declaring::a_second_controller_of_a_group_stands_by_and_takes_over,
    declaring::the_end_of_an_inbox_is_told,
    declaring::consuming_a_queue_that_is_not_there_is_refused,
    declaring::echoes_are_not_seen,
];

/// Over TLS, logged in by certificate: the cases in which the bytes, the user or the connection matter.
macro_rules! secure {
    ($($file:ident :: $case:ident),* $(,)?) => {
        mod secure {
            $(#[tokio::test]
            async fn $case() {
                crate::$file::$case(crate::stage::Stage::secure(stringify!($case)).await).await;
            })*
        }
    };
}

secure![
    publishing::a_topic_exchange_knows_star_and_hash,
    publishing::what_is_published_arrives_as_it_was_sent,
    publishing::a_body_larger_than_a_frame_arrives_whole,
    publishing::of_many_at_once_each_gets_its_own_answer,
    receiving::unsettled_deliveries_come_again_after_the_connection,
    declaring::an_inbox_is_reached_by_its_name,
    declaring::an_inbox_in_use_is_taken_until_it_is_free,
    declaring::the_end_of_an_inbox_is_told,
    declaring::echoes_are_not_seen,
];
