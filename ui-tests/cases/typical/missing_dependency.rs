use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

struct Llm;

// Shown in docs/compile-errors.md:
#[node]
fn write(_: &Letter, llm: &Llm) {
    let _ = llm;
}

#[graph(state = Letter, start -> write -> end)]
struct Writing;

// Not shown:
fn main() {}
