#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node(retry(attempts = 0))]
fn plan(state: &Research) {}

#[node(retry(base = "1s"))]
fn search(state: &Research) {}

#[node(retry(attempts = 3, base = "5s", max = "1s"))]
fn read(state: &Research) {}

#[node(retry = 3)]
fn write(state: &Research) {}

#[node(retry(3))]
fn check(state: &Research) {}

#[node(retry("1s"))]
fn publish(state: &Research) {}

fn main() {}
