//! What the memory store finds beside itself.

pub use superstep::store::*;

#[path = "../../../runtime/src/store/memory/mod.rs"]
pub mod memory;
