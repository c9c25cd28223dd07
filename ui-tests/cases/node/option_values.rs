#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node(timeout = 30)]
fn plan(state: &Research) {}

#[node(timeout = "30 seconds")]
fn search(state: &Research) {}

#[node(timeout = "0s")]
fn read(state: &Research) {}

#[node(idle = "0s")]
fn listen(state: &Research) {}

#[node(idle = "a while")]
fn wait(state: &Research) {}

#[node(timeout("30s"), name = "", writes = topic)]
fn write(state: &Research) {}

#[node(name = "end")]
fn finish(state: &Research) {}

#[node(writes("topic", topic))]
fn list(state: &Research) {}

fn main() {}
