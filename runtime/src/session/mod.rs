//! One open run, from claim to rest, as pure code: between the machine, which is
//! one step, and whoever runs it, such as the engine. It knows no tokio, no store
//! and no clock.

mod commit;
mod effects;
mod snapshots;

pub(crate) use commit::{KeptText, Noted, Why, park, step_commit};
pub(crate) use effects::{OpenEffects, journal_digest};
pub(crate) use snapshots::{SnapshotRule, Tail};
