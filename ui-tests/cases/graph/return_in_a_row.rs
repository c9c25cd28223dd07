use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[derive(Route)]
enum Way {
    Walk(Option<u64>),
    Ride(String),
    Fly,
}

#[node]
fn plan(_: &Trip) -> Way {
    Way::Fly
}

#[node]
fn walk(_: &Trip, _steps: u64) {}

#[graph(
    state = Trip,
    start -> plan -> match {
        Way::Walk(Some(steps)) if steps > 3 || return => walk(steps),
        Way::Walk(steps) => walk(match steps { Some(steps) => steps, None => return }),
        Way::Ride(steps) => walk(steps.parse()?),
        // These leave a closure.
        Way::Fly => walk((|| { return 3 })() + Some(1).and_then(|one: u64| Some(one.checked_add(1)?)).unwrap_or(0)),
    },
    walk -> end,
)]
struct Journey;

fn main() {}
