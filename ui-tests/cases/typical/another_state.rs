use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Parcel {
    weight: u32,
}

#[node]
fn pack(_: &Parcel) {}

#[graph(state = Letter, start -> pack -> end)]
struct Writing;

// Not shown:
fn main() {}
