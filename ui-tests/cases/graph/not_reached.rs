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
fn lost(_: &Trip) {}

#[node]
fn after_lost(_: &Trip) {}

#[node]
fn round(_: &Trip) {}

#[node]
fn about(_: &Trip) {}

#[graph(
    state = Trip,
    start -> plan -> end,
    lost -> after_lost -> end,
    round -> about -> round,
    about on error -> end,
)]
struct Journey;

fn main() {}
