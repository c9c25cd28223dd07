#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node]
fn plan(state: &Research) -> String {
    state.topic.clone()
}

#[node]
async fn search(state: &Research) -> Result<(ResearchUpdate, u8), NodeError> {
    Ok((ResearchUpdate::default(), 1))
}

fn main() {}
