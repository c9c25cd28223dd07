use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
#[reduce(append)]
#[superstep(krate = superstep)]
struct Trip {
    #[superstep(append)]
    lines: Vec<String>,
    #[superstep]
    days: u64,
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
#[superstep]
struct Stay {
    #[reduce]
    nights: u64,
}

#[node]
fn plan(_: &Trip) -> TripUpdate {
    Trip::update().days(1).lines(["walk"])
}

#[graph(state = Trip, start -> plan -> end)]
struct Journey;

fn main() {}
