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
fn repair(_: &Trip, why: String) {
    let _ = why;
}

#[graph(state = Trip, start -> plan -> end, plan on error -> repair, repair -> end)]
struct Journey;

fn main() {}
