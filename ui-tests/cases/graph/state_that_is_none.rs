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

struct Plain;

#[graph(state = Plain, start -> plan -> end)]
struct Journey;

fn main() {}
