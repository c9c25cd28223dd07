use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

#[derive(Route)]
enum Cities {
    All(Vec<u64>),
}

#[node]
fn plan(_: &Trip) -> Cities {
    Cities::All(vec![1])
}

#[node]
fn visit(_: &Trip, city: u64) {
    let _ = city;
}

#[node]
fn repair(_: &Trip, failed: Failed<String>) {
    let _ = failed.input;
}

#[graph(
    state = Trip,
    start -> plan,
    plan -> match { Cities::All(cities) => each visit(cities) else end },
    visit -> end,
    visit on error -> repair,
    plan on error -> repair,
    repair -> end,
)]
struct Journey;

fn main() {}
