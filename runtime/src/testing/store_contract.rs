//! Every promise of [`Store`], as tests over any store.
//!
//! A store of your own is right when this passes:
//!
//! ```
//! use superstep::store::MemoryStore;
//! use superstep::testing::store_contract;
//!
//! # #[tokio::main]
//! # async fn main() {
//! store_contract::run(|| async {
//!     let store = MemoryStore::new();
//!     [store.clone(), store]
//! })
//! .await;
//! # }
//! ```
//!
//! A broken promise is a panic; its backtrace, and usually its message, say which. The checks
//! wait for leases to lapse, so the clock must be a real one.

mod client;
mod clocks;
mod commits;
mod crowds;
mod effects;
mod events;
mod forks;
mod keys;
mod labels;
mod leases;
mod make;
mod open_steps;
mod pages;
mod questions;
mod reads;
mod repeats;
mod retention;
mod signals;
mod snapshots;
mod turns;
mod waits;
mod wakes;

use std::sync::Arc;

use self::client::{Client, Manner};
use crate::store::Store;

/// Runs every check, each on a fresh store from `open`, which returns two handles to it: two
/// connections, say, or what two processes would have. A store that can have only one returns
/// it twice.
///
/// The checks speak to the store through one handle; then through both in turn; and then with
/// every call that changes something made a second time, as by a caller that did not
/// hear its answer: nothing may happen twice, and the answer must be the same.
///
/// Needs a tokio runtime with its timer; one with several threads tests more.
///
/// # Panics
/// If the store breaks a promise.
pub async fn run<S, F>(open: impl Fn() -> F)
where
    S: Store,
    F: Future<Output = [S; 2]>,
{
    for manner in [Manner::Alone, Manner::InTurn, Manner::Twice] {
        let fresh = async || {
            let handles = open().await.map(|store| Arc::new(store) as Arc<dyn Store>);
            Arc::new(Client::new(handles, manner))
        };
        each(&fresh).await;
        if manner != Manner::Twice {
            crowded(&fresh).await;
        }
    }
}

macro_rules! checks {
    ($fresh:ident, $($check:path),+ $(,)?) => {
        $($check($fresh().await).await;)+
    };
}

/// One caller, or few.
async fn each(fresh: &impl AsyncFn() -> Arc<Client>) {
    checks!(
        fresh,
        commits::a_created_run_reads_back_as_given,
        commits::steps_read_back_as_given,
        commits::the_same_step_twice_is_harmless,
        commits::a_step_with_another_key_is_refused,
        commits::a_step_out_of_place_is_refused,
        commits::a_refused_commit_leaves_no_trace,
        commits::nothing_is_committed_to_a_run_that_is_not_there,
        commits::turns_and_tokens_are_kept,
        commits::a_dropped_commit_is_whole_or_not_there,
        clocks::all_times_are_by_the_stores_clock,
        clocks::a_term_may_be_without_end,
        leases::a_lease_is_for_one_owner,
        leases::a_lapsed_lease_is_free,
        leases::a_renewed_lease_does_not_lapse,
        leases::a_lost_lease_commits_nothing,
        leases::the_same_owner_again_makes_the_old_epoch_void,
        leases::a_lease_goes_back_with_the_commit,
        leases::epochs_never_come_again,
        leases::of_no_run_there_is_no_lease,
        open_steps::parking_keeps_results_and_gives_the_lease_back,
        open_steps::without_the_lease_nothing_is_parked,
        open_steps::a_step_clears_what_was_kept_and_an_update_does_not,
        open_steps::a_turn_closes_what_was_open_and_its_effects_stay,
        open_steps::nothing_is_stuck,
        reads::a_new_snapshot_takes_the_place_of_the_old,
        reads::a_snapshot_is_the_newest_at_or_before,
        reads::what_is_not_there_is_none,
        reads::runs_stand_in_the_order_of_their_ids,
        reads::any_text_comes_back_unchanged,
        reads::large_texts_come_back_unchanged,
        reads::a_look_is_of_one_moment,
        events::events_come_in_order_until_they_are_marked,
        events::event_ids_never_come_again,
        effects::effects_read_back_as_given,
        effects::the_last_record_of_a_call_counts,
        effects::what_is_recorded_stands,
        effects::without_the_lease_nothing_is_journaled,
        effects::effects_of_another_step_are_refused,
        effects::parking_keeps_effects,
        effects::an_update_takes_the_open_step_along,
        questions::a_run_asks_until_it_is_answered,
        questions::a_question_is_answered_once,
        questions::an_answer_writes_its_effect_or_nothing,
        questions::an_answer_contradicts_no_record,
        questions::asking_again_does_not_undo_an_answer,
        questions::who_waits_without_a_question_is_stuck,
        signals::signals_come_in_the_order_in_which_they_were_sent,
        signals::a_signal_comes_once,
        signals::a_mailbox_is_as_large_as_it_may_be,
        signals::a_run_that_has_ended_takes_no_signals,
        signals::a_record_takes_its_signal_out_of_the_queue,
        signals::signals_outlive_steps_and_turns_but_not_their_run,
        signals::a_dropped_step_gives_no_signal_back,
        waits::what_is_registered_keeps_its_deadline,
        waits::deadlines_are_whole_and_may_be_far,
        waits::nothing_is_over_before_its_time,
        waits::who_asks_without_waiting_is_told_at_once,
        waits::a_signal_counts_for_a_wait_until_its_deadline,
        waits::what_is_recorded_is_not_over,
        waits::nobody_waits_for_what_is_closed,
        waits::only_the_open_step_waits,
        waits::without_the_lease_nothing_is_registered,
        waits::a_failed_run_keeps_what_it_waited_for,
        wakes::who_waits_for_what_is_there_does_not_leave,
        wakes::who_waits_for_nothing_that_is_there_leaves,
        wakes::a_run_wakes_at_the_first_deadline,
        wakes::a_signal_wakes_whoever_waits_for_it,
        wakes::an_answer_wakes_whoever_asked,
        wakes::a_correction_wakes_a_run_and_a_step_does_not,
        wakes::a_fork_waits_for_nothing,
        wakes::pruning_leaves_what_is_waited_for,
        wakes::who_waits_for_nothing_is_stuck,
        repeats::the_same_claim_finds_its_lease,
        repeats::a_commit_that_takes_the_lease_finds_it_again,
        repeats::a_commit_that_gives_the_lease_back_is_repeated,
        repeats::a_commit_is_repeated_with_all_that_it_writes,
        repeats::a_park_is_repeated,
        repeats::an_answer_is_repeated,
        repeats::all_other_writes_are_repeated,
        forks::a_fork_has_its_origins_history,
        forks::a_fork_loads_from_its_own_first_step,
        forks::a_fork_begins_at_a_step_that_is_there,
        forks::a_fork_is_made_once,
        forks::a_fork_goes_its_own_way,
        forks::a_fork_begins_with_effects_of_its_open_step,
        forks::what_an_origin_left_behind_gives_way,
        keys::keys_are_as_long_as_they_may_be,
        pages::runs_are_one_list_in_pages_of_any_size,
        pages::a_filter_lets_through_what_it_says,
        pages::a_filter_goes_by_how_a_run_stands_now,
        pages::what_is_listed_all_the_time_is_listed_once,
        pages::a_history_is_one_list_in_pages_of_any_size,
        pages::effects_are_one_list_in_pages_of_any_size,
        pages::no_page_is_larger_than_the_largest,
        pages::stuck_runs_are_one_list_in_pages_of_any_size,
        labels::a_label_names_one_step,
        labels::a_fork_has_the_labels_of_its_history,
        turns::turns_are_listed_with_what_became_of_them,
        turns::a_fork_has_its_origins_turns_and_none_of_their_tokens,
        turns::a_change_of_graph_is_noted,
        turns::turns_and_graphs_outlive_their_steps,
        snapshots::a_snapshot_is_put_at_the_head,
        snapshots::a_snapshot_of_another_step_is_refused,
        retention::a_pruned_history_keeps_what_a_resume_needs,
        retention::a_later_prune_takes_what_came_since,
        retention::only_what_was_asked_for_is_pruned,
        retention::of_a_dropped_run_nothing_is_left,
        retention::epochs_outlive_a_dropped_run,
        retention::forks_keep_what_they_stand_on,
        retention::what_only_a_fork_stood_on_goes_after_it,
        retention::a_fork_of_a_pruned_run_says_so,
        retention::a_fork_of_a_whole_history_is_whole,
        retention::commits_go_on_while_others_are_pruned,
    );
}

/// Many callers at once, who do not know who was first.
async fn crowded(fresh: &impl AsyncFn() -> Arc<Client>) {
    checks!(
        fresh,
        crowds::a_thousand_commits_of_one_step_commit_it_once,
        crowds::a_thousand_runs_with_every_commit_tried_three_times,
        crowds::of_many_owners_one_gets_the_lease,
    );
}
