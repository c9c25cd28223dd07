use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    days: u64,
    lin
}

#[node]
fn plan(_: &Trip) -> TripUpdate {
    Trip::update().days(1)
}

#[graph(state = Trip, start -> plan -> end)]
struct Journey;

fn main() {}
