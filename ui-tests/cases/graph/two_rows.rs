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

#[node]
fn write(_: &Trip) {}

#[graph(
    state = Trip,
    start -> plan,
    start -> write,
    plan -> write -> end,
    plan -> end,
    write -> end,
    plan on error -> write,
    plan on error -> end,
)]
struct Journey;

fn main() {}
