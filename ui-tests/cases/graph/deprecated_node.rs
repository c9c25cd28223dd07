#![deny(deprecated)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[deprecated(note = "ride instead")]
#[node]
fn walk(_: &Trip) {}

#[graph(state = Trip, start -> walk -> end)]
struct Journey;

fn main() {}
