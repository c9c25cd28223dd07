use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

mod trip {
    use superstep::prelude::*;

    #[node]
    pub fn start(_: &super::Trip) {}

    #[node]
    pub fn end(_: &super::Trip) {}
}

#[allow(unused_imports)]
use trip::end;

#[graph(state = Trip, start -> trip::start -> r#end -> end)]
struct Journey;

#[graph(state = Trip, r#end = trip::start, start -> r#end -> end)]
struct Tour;

/// As the message proposes.
#[graph(
    state = Trip,
    start_node = trip::start,
    end_node = trip::end,
    start -> start_node -> end_node -> end,
)]
struct Excursion;

fn main() {}
