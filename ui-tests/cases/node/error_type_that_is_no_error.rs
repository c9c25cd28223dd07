#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

struct Oops;

#[node]
fn plan(state: &Research) -> Result<ResearchUpdate, Oops> {
    Err(Oops)
}

fn main() {}
