#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node(timeuot = "30s", retries(attempts = 3))]
fn plan(state: &Research) {}

#[node(retry(attempts = 3, backoff = "1s"), allow(panics), priority = 7)]
fn search(state: &Research) {}

fn main() {}
