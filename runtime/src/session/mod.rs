//! One open run, from claim to rest, as pure code: between the machine, which is
//! one step, and whoever runs it, such as the engine. It knows no tokio, no store
//! and no clock.

/// Whether a test has this mistake made; never outside of tests.
macro_rules! mistake {
    ($mistake:ident) => {{
        #[cfg(test)]
        let is_made =
            crate::session::mistakes::is_made(crate::session::mistakes::Mistake::$mistake);
        #[cfg(not(test))]
        let is_made = false;
        is_made
    }};
}

mod commit;
mod effects;
mod faults;
pub(crate) mod load;
pub(crate) mod migrate;
#[cfg(test)]
pub(crate) mod mistakes;
mod snapshots;

pub(crate) use commit::{Kept, KeptText, Noted, Why, is_held_after, park, step_commit};
pub(crate) use effects::{OpenEffects, journal_digest};
pub(crate) use faults::{catch_reducers, step_error};
pub(crate) use load::{read_kept, restore};
pub(crate) use migrate::Reducers;
pub(crate) use snapshots::{SnapshotRule, Tail};
