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

mod other {
    use super::Trip;
    #[superstep::node]
    pub(super) fn plan(_: &Trip) {}
}

#[graph(
    state = Trip,
    first = write,
    first = plan,
    unused = plan,
    max_step = plan,
    start -> plan -> other::plan -> write -> first -> end,
)]
struct Journey;

fn main() {}
