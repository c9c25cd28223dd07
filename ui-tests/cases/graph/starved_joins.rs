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
fn plan_b(_: &Trip) {}

#[node]
fn later(_: &Trip) {}

#[node]
fn both(_: &Trip) {}

#[node]
fn left(_: &Trip) {}

#[node]
fn further(_: &Trip) {}

#[node]
fn right(_: &Trip) {}

#[node]
fn after(_: &Trip) {}

#[graph(
    state = Trip,
    start -> [plan, choose],
    [plan, later] -> both -> [later, plan_b], plan_b -> end,
    choose -> match { true => left, false => right },
    left -> further,
    [further, right] -> after -> end,
)]
struct Journey;

#[node]
fn choose(_: &Trip) -> bool {
    true
}

fn main() {}
