#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

struct Oops;

#[node]
fn plan(state: &Research) -> Result<ResearchUpdate, Oops> {
    Err(Oops)
}

fn main() {}
