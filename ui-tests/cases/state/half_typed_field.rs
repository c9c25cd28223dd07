use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    days: u64,
    #[reduce(append)]
    lines:
}

#[node]
fn plan(_: &Trip) -> TripUpdate {
    Trip::update().days(1).lines(["walk"])
}

#[node]
fn travel(trip: &Trip) -> TripUpdate {
    Trip::update().days(trip.days + 2)
}

#[graph(state = Trip, start -> plan -> travel -> end)]
struct Journey;

fn main() {}
