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

#[graph(state = Trip, plan -> write -> end)]
struct Journey;

fn main() {}
