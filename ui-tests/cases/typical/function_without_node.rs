use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
fn write(_: &Letter) {}

#[graph(state = Letter, start -> write -> end)]
struct Writing;

// Not shown:
fn main() {}
