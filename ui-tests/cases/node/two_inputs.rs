#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node]
fn search(state: &Research, question: String, depth: u32) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
