use serde::{Deserialize, Serialize};
use superstep::prelude::*;

// Shown in docs/compile-errors.md:
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

#[node]
fn write(_: &Letter) {}

#[graph(state = Letter, start -> write -> end)]
struct Writing;

// Not shown:
fn main() {}
