use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[derive(Route)]
enum Way {
    Walk(u64),
    Ride,
}

#[node]
fn plan(_: &Trip) -> Way {
    Way::Ride
}

#[node]
fn walk(_: &Trip, _steps: u64) {}

#[graph(
    state = Trip,
    start -> plan -> match {
        Way::Walk(_) => [walk(1), walk(__item)],
        Way::Ride => walk({ let _ = __route; 1 }),
    },
    walk -> end,
)]
struct Journey;

fn main() {}
