//! The guides whose code needs more crates than the core has, compiled and run with the tests.

#[cfg(doctest)]
#[doc = include_str!("../docs/in-a-service.md")]
struct InAService;
