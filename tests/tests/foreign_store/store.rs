//! What the memory store finds next to itself.

pub use superstep::store::*;

#[path = "../../../runtime/src/store/memory/mod.rs"]
pub mod memory;
