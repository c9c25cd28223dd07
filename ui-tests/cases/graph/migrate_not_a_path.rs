use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip) {}

#[graph(state = Trip, version = 2, migrate = "bring_up_to_date", start -> plan -> end)]
struct Journey;

#[graph(state = Trip, version = 2, migrate = |_, _, json| json, start -> plan -> end)]
struct Walk;

fn main() {}
