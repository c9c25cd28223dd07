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

#[node]
fn read(_: &Trip) {}

#[graph(
    state = Trip,
    start -> plan -> start,
    end -> write,
    [start, plan] -> write,
    write -> [end, read(1)],
    start on error -> end,
    read -> defer end,
)]
struct Journey;

fn main() {}
