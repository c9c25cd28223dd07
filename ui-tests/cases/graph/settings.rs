use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

#[node]
fn plan(_: &Trip) {}

#[graph(
    state = Trip,
    verison = 3,
    max_steps = -1,
    version = 99999999999,
    conflict = newest,
    compatible = ["abc"],
    retries = "many",
    state = Trip,
    start -> plan -> end,
)]
struct Journey;

#[graph(start -> plan -> end)]
struct Stateless;

#[graph(state = Trip, max_steps = 0, start -> plan -> end)]
struct Still;

fn main() {}
