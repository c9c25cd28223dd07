use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

#[node]
fn ask(_: &Trip, question: String) -> bool {
    question.is_empty()
}

#[graph(
    state = Trip,
    start -> first -> match {
        true if state.city.is_empty() => ask(self.name.clone()),
        _ => end,
    },
    ask -> match { true => end, false => ask(hops) },
)]
struct Journey {
    name: String,
}

#[node]
fn first(_: &Trip) -> bool {
    true
}

fn main() {}
