#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node]
unsafe fn search(state: &Research) {}

#[node]
extern "C" fn write(state: &Research) {}

fn main() {}
