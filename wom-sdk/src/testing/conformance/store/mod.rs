//! What every [`Store`] must do.
//!
//! A store of your own passes all of it with a [`Fixture`] and one line:
//!
//! ```
//! # use wom_sdk::{store::MemoryStore, testing::conformance::store::Fixture};
//! struct InMemory;
//!
//! #[async_trait::async_trait]
//! impl Fixture for InMemory {
//!     type Store = MemoryStore;
//!
//!     async fn fresh(&self) -> MemoryStore {
//!         MemoryStore::new()
//!     }
//!
//!     async fn reopen(&self, store: MemoryStore) -> MemoryStore {
//!         store // one that is let go of has forgotten everything
//!     }
//! }
//!
//! wom_sdk::store_conformance!(InMemory);
//! # fn main() {}
//! ```

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a conformance test fails by panicking"
)]

mod awards;
#[cfg(test)]
mod catches;
mod checkouts;
mod deliveries;
mod durability;
mod participants;
mod sales;
mod samples;

pub use awards::{
    a_commit_with_a_used_award_key_writes_nothing, acknowledging_forgets_the_sealed_ticket,
    advancing_needs_the_version_before, claimed_awards_are_nobody_elses, due_awards_come_in_order,
    one_racer_advances_an_award, one_racer_judges_an_award, states_are_counted,
    the_awards_of_a_participant_are_found_until_acknowledged,
    what_is_acknowledged_in_doubt_is_due_until_it_is_clear, what_is_begun_is_like_any_other,
    what_is_not_acknowledged_stays_findable,
};
pub use checkouts::{
    a_payment_is_written_by_one_racer, checkouts_move_by_version_and_come_in_order,
};
pub use deliveries::{
    a_budget_is_shared, a_cursor_moves_by_version, a_delivery_is_processed_once,
    old_deliveries_are_forgotten, one_racer_takes_a_delivery,
};
pub use durability::{big_values_fit, everything_is_there_again, everything_reads_as_written};
pub use participants::{
    a_cohort_is_forgotten_alone, a_conflict_writes_nothing, accounts_are_replaced_by_line_and_unit,
    entries_merge_by_rank, erasing_keeps_the_accounts, everything_is_listed,
    nothing_is_known_at_first, racing_settlements_pay_once, the_owner_stays, wakes_are_listed,
};
pub use sales::{
    a_place_on_an_order_is_one_sales, posters_move_by_version, sales_are_found,
    sales_move_by_version_and_come_in_order,
};

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::Barrier;

use crate::store::Store;

/// Makes the stores that are tested.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// What is tested.
    type Store: Store + 'static;

    /// A new and empty store that shares nothing with any other.
    async fn fresh(&self) -> Self::Store;

    /// Lets go of a store and opens it again, with what it has kept. One that is not durable is
    /// given back as it stands.
    async fn reopen(&self, store: Self::Store) -> Self::Store;
}

/// Makes one `#[test]` of each topic; the argument is an expression for a [`Fixture`].
#[macro_export]
macro_rules! store_conformance {
    ($fixture:expr) => {
        $crate::store_conformance! { @topics $fixture;
            a_budget_is_shared
            a_cohort_is_forgotten_alone
            a_commit_with_a_used_award_key_writes_nothing
            a_conflict_writes_nothing
            a_cursor_moves_by_version
            a_delivery_is_processed_once
            a_payment_is_written_by_one_racer
            a_place_on_an_order_is_one_sales
            accounts_are_replaced_by_line_and_unit
            acknowledging_forgets_the_sealed_ticket
            advancing_needs_the_version_before
            big_values_fit
            checkouts_move_by_version_and_come_in_order
            claimed_awards_are_nobody_elses
            due_awards_come_in_order
            entries_merge_by_rank
            erasing_keeps_the_accounts
            everything_is_listed
            everything_is_there_again
            everything_reads_as_written
            nothing_is_known_at_first
            old_deliveries_are_forgotten
            one_racer_advances_an_award
            one_racer_judges_an_award
            one_racer_takes_a_delivery
            posters_move_by_version
            racing_settlements_pay_once
            sales_are_found
            sales_move_by_version_and_come_in_order
            states_are_counted
            the_awards_of_a_participant_are_found_until_acknowledged
            the_owner_stays
            wakes_are_listed
            what_is_acknowledged_in_doubt_is_due_until_it_is_clear
            what_is_begun_is_like_any_other
            what_is_not_acknowledged_stays_findable
        }
    };
    (@topics $fixture:expr; $($topic:ident)+) => {$(
        #[test]
        fn $topic() {
            let fixture = $fixture;
            $crate::testing::conformance::store::run(
                $crate::testing::conformance::store::$topic(&fixture),
            );
        }
    )+};
}

/// Runs one topic on several threads, for at most two minutes.
pub fn run(topic: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let ended =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(120), topic).await });
    assert!(ended.is_ok(), "the store does not answer");
}

/// How many race.
const RACERS: usize = 64;

/// Lets 64 tasks do something to one store at the same time, and returns what each got.
async fn race<S, F, R>(store: &Arc<S>, run: impl Fn(Arc<S>, usize) -> F) -> Vec<R>
where
    S: Store + 'static,
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|n| {
            let (start, racer) = (start.clone(), run(store.clone(), n));
            tokio::spawn(async move {
                start.wait().await;
                racer.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for racer in racers {
        results.push(racer.await.unwrap());
    }
    results
}
