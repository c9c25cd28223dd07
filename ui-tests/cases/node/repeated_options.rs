#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node(timeout = "30s", timeout = "1m", writes(topic, topic))]
fn plan(state: &Research) {}

#[node(idle = "30s", timeout = "2m", idle = "1m")]
fn search(state: &Research) {}

fn main() {}
