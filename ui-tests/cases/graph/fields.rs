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
struct Unbounded<A> {
    a: A,
}

trait Model: Send + Sync + 'static {}

#[graph(state = Trip, start -> plan -> end)]
struct Two<A: Model, B>
where
    B: Model,
{
    a: A,
    b: B,
}

#[graph(state = Trip, start -> plan -> end)]
enum Wrong {}

fn main() {}
