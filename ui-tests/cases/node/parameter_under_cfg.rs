#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

struct Llm;

#[node]
fn plan(state: &Research, #[cfg(unix)] llm: &Llm) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
