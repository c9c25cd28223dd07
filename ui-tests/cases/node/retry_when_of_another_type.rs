#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

fn worth_it(message: &str) -> bool {
    message.is_empty()
}

#[node(retry(attempts = 3, when = worth_it))]
fn plan(state: &Research) {}

fn main() {}
