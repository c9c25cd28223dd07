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
fn ping(_: &Trip) {}

#[node]
fn pong(_: &Trip) {}

#[node]
fn alone(_: &Trip) {}

#[node]
fn start_of_alone(_: &Trip) {}

#[graph(
    state = Trip,
    start -> plan -> ping -> pong -> ping,
    alone -> alone,
    start_of_alone -> [alone, plan],
    plan on error -> start_of_alone,
)]
struct Journey;

fn main() {}
