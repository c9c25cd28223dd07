#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node]
fn search(state: &Research, question: String, depth: u32) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
