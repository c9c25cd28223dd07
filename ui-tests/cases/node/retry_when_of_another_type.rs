#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

fn worth_it(message: &str) -> bool {
    message.is_empty()
}

#[node(retry(attempts = 3, when = worth_it))]
fn plan(state: &Research) {}

fn main() {}
