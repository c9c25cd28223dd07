#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

struct Planner;

impl Planner {
    #[node]
    fn plan(&self, state: &Research) -> ResearchUpdate {
        ResearchUpdate::default()
    }
}

fn main() {}
