#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[derive(Clone)]
struct Question(String);

#[node]
fn search(state: &Research, question: Question) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
