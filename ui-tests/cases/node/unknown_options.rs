#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node(timeuot = "30s", retries(attempts = 3))]
fn plan(state: &Research) {}

#[node(retry(attempts = 3, backoff = "1s"), allow(panics), priority = 7)]
fn search(state: &Research) {}

#[node("30s", retry(attempts = 3, 5))]
fn wait(state: &Research) {}

fn main() {}
