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

fn helper(_: &Trip) {}

struct Thing;

#[graph(state = Trip, start -> plan -> helper -> Thing -> plan_again -> end, plan_again = plan)]
struct Journey;

fn main() {}
