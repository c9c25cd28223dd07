#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

struct Planner;

impl Planner {
    #[node]
    fn plan(&self, state: &Research) -> ResearchUpdate {
        ResearchUpdate::default()
    }
}

fn main() {}
