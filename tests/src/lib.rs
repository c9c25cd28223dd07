//! What the tests share. The tests themselves are in `tests`, next to this folder, one
//! file per guarantee.

pub mod counting;
mod dice;
#[cfg(all(doctest, feature = "sqlite"))]
mod doctests;
pub mod every_lint;
mod hooked;
mod journal;
pub mod lab;
mod polls;
mod process;
mod stores;
pub mod survey;
mod trace;

pub use dice::Dice;
pub use hooked::{Hooked, Moment, every_nth, only_nth, well};
pub use journal::Journal;
pub use polls::{dropped_after, poll_times};
pub use process::{child, child_folder, scale};
pub use stores::{Place, TestClock, clocked, effects, kind, kinds, memory, stores};
#[cfg(feature = "sqlite")]
pub use stores::{sqlite, sqlite_at};
pub use trace::{Trace, trace};
