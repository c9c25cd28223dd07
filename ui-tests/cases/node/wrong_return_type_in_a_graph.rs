#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node]
fn plan(state: &Research) -> String {
    state.topic.clone()
}

#[graph(state = Research, start -> plan -> end)]
struct Agent;

fn main() {}
