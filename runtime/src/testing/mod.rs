//! Help for tests of what people build on this crate.

pub mod store_contract;
