use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip) {}

#[node]
fn write(_: &Trip) {}

#[graph(state = Trip, start -> [plan, write] -> end)]
struct Journey;

#[graph(state = Trip, start -> [plan, write], [plan, write] -> [end], plan -> end)]
struct OneRow;

#[graph(state = Trip, start -> [plan, write], plan -> end, write -> end, [plan, write] -> end)]
struct Rows;

fn main() {}
