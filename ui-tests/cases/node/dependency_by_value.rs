#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

struct Bank;

#[node]
fn pay(state: &Research, bank: Bank) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[graph(state = Research, start -> pay -> end)]
struct Agent {
    bank: Bank,
}

fn main() {}
