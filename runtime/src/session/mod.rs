//! One open run, from claim to rest, as pure code: between the machine, which is
//! one step, and whoever runs it, such as the engine. It knows no tokio, no store
//! and no clock.

mod commit;
mod effects;
mod faults;
pub(crate) mod load;
pub(crate) mod migrate;
mod snapshots;

pub(crate) use commit::{Kept, KeptText, Noted, Why, park, step_commit};
pub(crate) use effects::{OpenEffects, journal_digest};
pub(crate) use faults::{catch_reducers, step_error};
pub(crate) use load::{read_kept, restore};
pub(crate) use migrate::Reducers;
pub(crate) use snapshots::{SnapshotRule, Tail};
