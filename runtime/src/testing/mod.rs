//! Help for tests of what people build on this crate.

mod replay;
pub mod store_contract;

pub use replay::{BrokenRun, ReplayReport, replay_all};
