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

#[graph(state = Trip, start -> plan -> end)]
struct Journey<'a> {
    one: u32,
    two: u32,
    name: &'a str,
    first: Box<str>,
    second: std::sync::Arc<str>,
    #[graph(hide)]
    third: u64,
}

#[graph(state = Trip, start -> plan -> end)]
struct Generic<A, B> {
    a: A,
    b: B,
}

#[graph(state = Trip, start -> plan -> end)]
enum Wrong {}

fn main() {}
