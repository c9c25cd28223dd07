use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn visit(_: &Trip, city: u64) {
    let _ = city;
}

#[node]
fn repair(_: &Trip, city: u64) {
    let _ = city;
}

#[graph(
    state = Trip,
    start -> visit(1),
    visit -> end,
    visit on error -> repair,
    repair -> end,
)]
struct Journey;

fn main() {}
