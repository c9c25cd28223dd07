//! Help for tests of what people build on this crate.

mod crash_everywhere;
mod faulty_store;
mod replay;
mod store_call;
pub mod store_contract;

pub use crash_everywhere::{
    CallAt, CrashDifference, CrashPoint, CrashReport, Deviation, crash_everywhere,
};
pub use faulty_store::{Fault, FaultyStore};
pub use replay::{BrokenRun, ReplayAll, ReplayReport, replay_all};
pub use store_call::StoreCall;
