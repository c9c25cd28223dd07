use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip) -> bool {
    true
}

#[graph(
    state = Trip,
    start -> plan,
    #[cfg(unix)]
    plan -> match { true => end, false => plan },
)]
struct Journey;

#[graph(
    state = Trip,
    start -> plan -> match {
        true => end,
        #[cfg(unix)]
        false => plan,
    },
)]
struct Tour;

fn main() {}
