use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip, _days: &u64) {}

#[graph(state = Trip, start -> plan -> end)]
struct Journey {
    days: u64,
    host:
}

fn main() {
    let _ = Engine::builder(Journey { days: 3 });
}
