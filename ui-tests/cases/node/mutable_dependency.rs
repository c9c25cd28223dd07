#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

struct Llm;

#[node]
fn plan(state: &Research, llm: &mut Llm) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
