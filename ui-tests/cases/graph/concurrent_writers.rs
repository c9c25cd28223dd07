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

#[node(writes(city, notes))]
fn left(_: &Trip) {}

#[node(writes(city))]
fn right(_: &Trip, number: u32) {
    let _ = number;
}

#[node(writes(notes))]
fn neither(_: &Trip) {}

#[graph(
    state = Trip,
    start -> [left, neither, right(1)],
    [left, neither, right] -> plan -> end,
)]
struct Journey;

#[graph(
    state = Trip,
    conflict = last_writer_wins,
    start -> [left, neither, right(1)],
    [left, neither, right] -> plan -> end,
)]
struct Allowed;

fn main() {}
