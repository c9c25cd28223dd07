use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

#[node]
fn write(_: &Letter) {}

// Shown in docs/compile-errors.md:
#[graph(state = Letter, start -> write -> end)]
struct Writing {
    url: String,
    key: String,
}

// Not shown:
fn main() {}
