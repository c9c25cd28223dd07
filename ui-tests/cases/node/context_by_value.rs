#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node]
fn plan(state: &Research, cx: Cx) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn search(state: &Research, question: String, context: superstep::Cx) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn write(state: &Research, cx: Cx, question: String) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[graph(state = Research, start -> plan -> end)]
struct Agent;

fn main() {}
